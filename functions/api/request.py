"""A request before it reaches a route: the caller, and its path, query and body in plain characters.

API Gateway decodes the path of an HTTP API except for `%25`, so `%2F` in an id is a slash like any other,
and the parts of a path are found by its words. It also ends a path at a decoded `?`, so an id with a question
mark cannot be part of a path. The local stack does the same.
"""

import base64
import json
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from errors import ApiError, invalid, unauthorized
from rewards.domain.access import GROUPS, Scope
from rewards.domain.api_key import caller_with_key

MAX_BODY_BYTES = 64 * 1024
BASE = "/api/v1/"

# More than any amount has.
_DIGITS = 18

# How the authorizer names the key of ApiKeySecret, and how its names of other API keys begin.
_API_KEY = "API"
_ISSUED_KEY = "key:"

READING = ("GET", "HEAD", "OPTIONS")

# The longest name of a caller in records (characters).
_MAX_CALLER = 100

# While a stack is updated, the authorizer of the earlier version names a role instead of scopes.
_SCOPES_OF_ROLES = {"operator": "read write", "viewer": "read", "none": "none"}


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller. `user` is the id of a user of the pool, `API`, or `key:` and the id of an API key.

    `email` is that of a user of the pool, `key` the name of an API key.
    """

    scopes: frozenset[str]
    user: str
    email: str | None = None
    key: str = ""

    @property
    def is_user(self) -> bool:
        """Whether it is a signed-in user, not an API key."""
        return self.user != _API_KEY and not self.user.startswith(_ISSUED_KEY)

    @property
    def name(self) -> str:
        """How records name the caller: the user's email address, or the API key."""
        issued = self.user.startswith(_ISSUED_KEY)
        name = caller_with_key(self.key, self.user.removeprefix(_ISSUED_KEY)) if issued else self.user
        return (self.email or name)[:_MAX_CALLER]


def caller_of(event: dict[str, Any]) -> Caller:
    """The caller that the authorizer named. Raises ApiError (401) if there is none.

    If the authorizer denied a request, API Gateway would respond 403 in its own form, but the contract
    requires 401. So the authorizer names the caller, and this function rejects a request without one.
    """
    granted = _granted(event)
    if granted is None:
        raise unauthorized(_headers(event))
    scopes, user = granted["scopes"].split(), granted.get("user") or _API_KEY
    return Caller(frozenset(scopes), user, granted.get("email") or None, granted.get("key", ""))


def caller_named(event: dict[str, Any]) -> str | None:
    """How the log names the caller: by the id of the user or of the API key; None for an unknown one."""
    granted = _granted(event)
    return (granted.get("user") or _API_KEY) if granted else None


def caller_known(event: dict[str, Any]) -> str | None:
    """How records name the caller; None for an unknown one."""
    return caller_of(event).name if _granted(event) else None


def _granted(event: dict[str, Any]) -> dict[str, str] | None:
    """What the authorizer says about the caller; None for an unknown one."""
    granted = (event["requestContext"].get("authorizer") or {}).get("lambda") or {}
    scopes = granted.get("scopes") or _SCOPES_OF_ROLES.get(granted.get("role", ""))
    return {**granted, "scopes": scopes} if scopes else None


def require(caller: Caller, scope: Scope) -> None:
    """Raise ApiError (403) if the caller does not have a scope."""
    if scope in caller.scopes:
        return
    if not caller.is_user and scope is Scope.APPROVE:
        raise ApiError(403, "FORBIDDEN", "API keys cannot approve or decline imports. A user has to do it.")
    if not caller.is_user:
        raise ApiError(403, "FORBIDDEN", f"This request needs an API key with the scope {scope}.")
    groups = [name for name, scopes in GROUPS.items() if scope in scopes]
    if scope is Scope.READ:
        raise ApiError(403, "FORBIDDEN", f"Your user is in none of the groups {', '.join(groups)}.")
    raise ApiError(403, "FORBIDDEN", f"Only users in the group {' or '.join(groups)} can do this.")


def is_from_console(event: dict[str, Any]) -> bool:
    """Whether a signed-in user sent the request from the console, which names itself in a header."""
    return caller_of(event).is_user and _headers(event).get("x-client") == "console"


def admit(event: dict[str, Any], tenant_alias: str, public_url: str) -> dict[str, Any]:
    """The request in plain characters, if its caller may send any. Raises ApiError.

    resolver.py checks the scope, which depends on the route.
    """
    require(caller_of(event), Scope.READ)
    method = event["requestContext"]["http"]["method"].upper()
    if method not in READING and _is_by_another_site(_headers(event), public_url):
        raise ApiError(403, "FORBIDDEN", "Pages of other sites cannot use this API.")
    path = event["rawPath"].replace("%25", "%")
    tenant = path[len(BASE) :].partition("/")[0] if path.startswith(BASE) else None
    if tenant is not None and tenant != tenant_alias:
        raise ApiError(404, "TENANT_NOT_FOUND", "The tenant alias in the path does not exist.")
    return _plain(event, path, method)


def _is_by_another_site(headers: dict[str, str], public_url: str) -> bool:
    """Whether a page of another site sends the request: a browser that knows the API key adds it to any form.

    Browsers that do not send Sec-Fetch-Site send Origin. Programs usually send neither.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site not in ("none", "same-origin")
    public = urlsplit(public_url)
    own = {f"{public.scheme}://{public.netloc}".lower(), f"https://{headers.get('host', '')}".lower()}
    return origin is not None and origin.lower() not in own


def _plain(event: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    http = {**event["requestContext"]["http"], "method": "GET" if method == "HEAD" else method}
    # A repeated parameter is rejected once the route is known.
    query = dict(parse_qsl(event.get("rawQueryString") or "", keep_blank_values=True))
    return {
        **event,
        "rawPath": path,
        "queryStringParameters": query,
        "requestContext": {**event["requestContext"], "http": http},
        # The body must be JSON, whatever its content type (curl sends that of a form).
        "headers": {**_headers(event), "content-type": "application/json"},
        "body": sent_body(event),
        "isBase64Encoded": False,
    }


def _headers(event: dict[str, Any]) -> dict[str, str]:
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def sent_body(event: dict[str, Any]) -> str:
    """The body of a request. Raises ApiError if it is too large, or not UTF-8."""
    body: str = event.get("body") or ""
    if len(body) > 2 * MAX_BODY_BYTES or len(body.encode(errors="replace")) > 2 * MAX_BODY_BYTES:
        raise _too_large()
    if event.get("isBase64Encoded"):
        try:
            body = base64.b64decode(body).decode()
        except ValueError as error:
            raise invalid(["The body must be JSON in UTF-8."]) from error
    if len(body.encode(errors="replace")) > MAX_BODY_BYTES:
        raise _too_large()
    return body


def _too_large() -> ApiError:
    return ApiError(413, "PAYLOAD_TOO_LARGE", f"The body is larger than {MAX_BODY_BYTES:,} bytes.")


def parse_json(body: str) -> dict[str, Any]:
    """The JSON object in a body. Raises ApiError (400) for anything else."""
    try:
        found = json.loads(
            body, parse_constant=_reject, parse_float=_number, object_pairs_hook=_without_repetition
        )
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:  # it can be spelt in JSON, but not stored
        raise invalid(["A text in the body contains half of a surrogate pair."]) from error
    except ValueError as error:
        raise invalid([f"The body must be a JSON object: {error}"]) from error
    except RecursionError as error:
        raise invalid(["The body must be a JSON object. This one is nested too deeply."]) from error
    if not isinstance(found, dict):
        raise invalid(["The body must be a JSON object."])
    return found


def _number(text: str) -> int | float:
    """JSON has one type of number, so 1055.0 is the integer 1055. The fields reject other fractions."""
    number = Decimal(text)
    whole = number.adjusted() < _DIGITS and number == number.to_integral_value()
    return int(number) if whole else float(text)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Of a repeated name, json would keep only the last value."""
    found = dict(pairs)
    if len(found) < len(pairs):
        ((repeated, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the field {repeated[:100]!r} is given more than once in one object")
    return found


def _reject(name: str) -> None:
    raise ValueError(f"{name} is not a number")
