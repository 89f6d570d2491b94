"""Errors as the API shows them (CONTRACT section 5)."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rewards.adapters.errors import ThrottledError, UnknownOutcomeError, UploadGoneError
from rewards.adapters.retry import OutOfTimeError
from rewards.domain.errors import RewardsError
from rewards.domain.filters import FilterError, UnitFilterError
from rewards.flows.approve_import import ApproverExcludedError
from rewards.flows.imports import ImportStateError, StillWorkingError
from rewards.flows.rejections import RejectionCode, RequestRejectedError
from rewards.flows.reversals import NotKeptError, NotReversibleError

# The authentication schemes. A browser that gets the first one asks for a password in a window of its own.
_BASIC = 'Basic realm="API key", charset="UTF-8"'
_BEARER = 'Bearer realm="user pool"'

# Lambda's limit for the JSON of a response, with status and headers.
MAX_RESPONSE_BYTES = 6 * 1024 * 1024


class ApiError(Exception):
    """An error response.

    `code` is the contract's apiErrorCode; `problems` are the details of a validation error, each a text or a
    `field` with its `message`; `headers` are sent with the response.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        problems: Sequence[str | Mapping[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.problems = problems
        self._headers = headers or {}

    @property
    def headers(self) -> dict[str, str]:
        own = {"WWW-Authenticate": f"{_BASIC}, {_BEARER}"} if self.status == 401 else {}
        if self.status == 503:
            own = {"Retry-After": "5"}
        return {"Content-Type": "application/json", **own, **self._headers}

    @property
    def body(self) -> str:
        shown: dict[str, Any] = {
            "statusCode": self.status,
            "message": self.message,
            "apiErrorCode": self.code,
            "rsCode": None,
        }
        if self.problems is not None:
            shown["validationErrors"] = [
                {"message": problem} if isinstance(problem, str) else dict(problem)
                for problem in self.problems
            ]
        return json.dumps(shown)


_STATUSES: dict[str, int] = {
    RejectionCode.REWARD_NOT_FOUND: 404,
    RejectionCode.NO_BALANCE: 404,
    RejectionCode.BALANCE_FULL: 409,
    RejectionCode.IDEMPOTENCY_KEY_REUSED: 409,
    RejectionCode.APPROVAL_REQUIRED: 403,
}


_BY_TYPE: dict[type[RewardsError], tuple[int, str]] = {
    ApproverExcludedError: (403, "APPROVER_EXCLUDED"),
    NotReversibleError: (409, "NOT_REVERSIBLE"),
    NotKeptError: (410, "IMPORT_EXPIRED"),
}


def status_of(code: str) -> int:
    """The HTTP status of a rejected command, by its RejectionCode."""
    return _STATUSES.get(code, 400)


def response_to(error: RewardsError, may_have_happened: bool = False) -> ApiError | None:
    """What the API responds to an error of the flows, or None for one that is a fault of ours.

    `may_have_happened`: of a request with an Idempotency-Key it is not known whether it changed something.
    """
    match error:
        case RequestRejectedError():
            return ApiError(status_of(error.code), error.code, error.message)
        case UnitFilterError():
            return ApiError(400, "INVALID_UNIT", f"params.{error.name}: {error}")
        case FilterError():
            return invalid([{"field": f"params.{error.name}", "message": str(error)}])
        case ImportStateError():
            return ApiError(409, error.code, error.message)
        case ApproverExcludedError() | NotReversibleError() | NotKeptError():
            return ApiError(*_BY_TYPE[type(error)], str(error))
        case UploadGoneError():
            return ApiError(
                410,
                "UPLOAD_GONE",
                "The uploaded file was deleted, or access to it was denied. Upload it again.",
            )
        case StillWorkingError():
            return ApiError(
                503,
                "STILL_WORKING",
                "The import is cancelled, but a worker may still be finishing some rows. "
                "Send the request again.",
            )
        case ThrottledError() | UnknownOutcomeError() | OutOfTimeError():
            return ApiError(503, "TRY_AGAIN", _SEND_AGAIN if may_have_happened else _BUSY)
    return None


_BUSY = "The service is busy. Try again in a few seconds."
_SEND_AGAIN = (
    "The request did not finish in time, or its result is unknown. Send it again with the same "
    "Idempotency-Key."
)


def unauthorized(headers: Mapping[str, str]) -> ApiError:
    """A request without a known caller. Requests of a page's script get only the bearer scheme, because the
    page signs in its user itself.

    `headers` are the request's, their names in lower case. Programs do not send Sec-Fetch-Mode, and browsers
    send `navigate` for a typed address.
    """
    by_page = headers.get("sec-fetch-mode", "navigate") != "navigate"
    bearer = headers.get("authorization", "").lower().startswith("bearer ")
    return ApiError(
        401,
        "UNAUTHORIZED",
        "Send an API key as the password of HTTP Basic authentication, or a token of the user pool.",
        headers={"WWW-Authenticate": _BEARER} if by_page or bearer else {},
    )


def too_large(is_paged: bool) -> ApiError:
    """A response that Lambda could not return."""
    remedy = " Request a part at a time with limit and offset." if is_paged else ""
    return ApiError(
        413,
        "RESPONSE_TOO_LARGE",
        f"The response is larger than {MAX_RESPONSE_BYTES:,} bytes, the most that can be returned.{remedy}",
    )


def invalid(problems: Sequence[str | Mapping[str, str]]) -> ApiError:
    """A request that is not valid; the message names the first problem."""
    first = problems[0]
    listed = first if isinstance(first, str) else f"{first['field']}: {first['message']}"
    return ApiError(400, "VALIDATION_ERROR", f"The request is not valid. {listed}", problems)


def in_plain_words(found: Sequence[Mapping[str, Any]]) -> ApiError:
    """The problems that Powertools and pydantic found, in the words of the API."""
    problems: list[dict[str, str]] = []
    for each in found:
        where, *parts = each["loc"]
        place = ".".join(map(str, parts))
        message = _plain_message(each)
        # Parameters in a path have Python's names, all others those of the API.
        problems.append(
            {"field": (in_camel_case(place) if where == "path" else place) or "body", "message": message}
        )
    return invalid(problems)


# By pydantic's type of error; `{...}` are values of its context.
_MESSAGES = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be a JSON object",
    "enum": "must be {expected}",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "int_type": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list",
    "literal_error": "must be {expected}",
    "missing": "is required",
    "model_attributes_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "none_required": "must be null or left out",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must not be blank",
    "string_type": "must be a text",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have {min_length} or more entries",
}
_LENGTHS = ("too_long", "too_short")
_JSON_WORDS = {"True": "true", "False": "false", "None": "null"}
_MAX_SHOWN = 60


def _plain_message(found: Mapping[str, Any]) -> str:
    """What is allowed and what was sent, in words that follow the field's name."""
    kind = found["type"]
    if kind not in _MESSAGES:
        return str(found.get("msg", kind)).removeprefix("Value error, ")
    context = {name: _JSON_WORDS.get(str(value), value) for name, value in found.get("ctx", {}).items()}
    message = _MESSAGES[kind].format(**context)
    if kind == "missing":
        return message
    # What has too many or too few entries is not shown: their number says more.
    given = context["actual_length"] if kind in _LENGTHS else sent(found.get("input"))
    return f"{message}, not {given}"


def sent(value: Any) -> str:
    """A value of the request as JSON, cut where it is long."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"


def in_camel_case(text: str) -> str:
    """A name in snake_case as the API spells it."""
    return re.sub(r"(?<=[a-z])_([a-z])", lambda found: found[1].upper(), text)
