"""Identify the caller: the holder of an API key, a user of the pool, or unknown.

It never rejects a request: API Gateway would respond 403 in its own form, but the contract requires 401.
It names the caller, and the API rejects requests without one (functions/api/request.py). A caller gets
scopes only by a check that passed. Internal errors are raised, so that API Gateway responds 500.
"""

import base64
import hmac
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from rewards.adapters.api_keys import ApiKeys
from rewards.adapters.clients import client
from rewards.adapters.cognito import TokenError, UserPool
from rewards.adapters.jobs_table import JobsTable
from rewards.clock import now
from rewards.domain.access import KEY_SCOPES, Scope, scopes_of_groups, with_read
from rewards.domain.api_key import id_in
from rewards.domain.errors import RewardsError
from rewards.settings import load

logger = Logger()

# A rotated key is used after this many seconds at the latest.
_KEY_SECONDS = 60
# How long a throttled request to the table is retried; the function times out after 10 seconds.
_PATIENCE_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Settings:
    api_key_secret: str
    jobs_table: str
    token_issuer: str
    jwks_url: str
    user_pool_client_id: str


@logger.inject_lambda_context(log_event=False)  # never log the event: it contains the key
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    scheme, _, credentials = event.get("headers", {}).get("authorization", "").partition(" ")
    ask = {"basic": _by_key, "bearer": _by_token}.get(scheme.lower())
    found = ask(credentials.strip()) if ask else {}
    if ask is _by_key and not found:
        logger.info("API key rejected")
    return {"isAuthorized": True, "context": found}


def _by_key(credentials: str) -> dict[str, str]:
    """HTTP Basic with an API key as the password; the user name is ignored."""
    try:
        decoded = base64.b64decode(credentials, validate=True)
    except ValueError:
        decoded = b""
    # Bytes: the user name may be in any encoding.
    _, _, password = decoded.partition(b":")
    text = password.decode("latin-1")
    if id_in(text):
        return _by_issued_key(text)
    key = _api_key(int(time.monotonic() // _KEY_SECONDS))
    if not password or not hmac.compare_digest(password, key.encode()):
        return {}
    return {"scopes": _joined(KEY_SCOPES), "user": "API"}


def _by_issued_key(text: str) -> dict[str, str]:
    """A key that `POST /keys` created. It is read for each request, so a revoked key is rejected at once."""
    keys = _api_keys()
    key = keys.find(text)
    if key is None:
        return {}
    try:
        keys.record_use(key, now())
    except (RewardsError, ClientError) as error:  # the request is valid all the same
        logger.warning("last use of an API key not recorded", exc_info=error)
    return {"scopes": _joined(with_read(key.scopes)), "user": f"key:{key.id}", "key": key.name}


def _by_token(token: str) -> dict[str, str]:
    try:
        user = _user_pool().signed_in(token)
    except TokenError as error:
        logger.info("token rejected", reason=str(error))
        return {}
    scopes = _joined(scopes_of_groups(user.groups))
    return {"scopes": scopes, "user": user.id, **({"email": user.email} if user.email else {})}


def _joined(scopes: Iterable[Scope]) -> str:
    """The scopes as one text; "none" for a user in none of the groups."""
    return " ".join(sorted(scopes)) or "none"


@lru_cache(maxsize=1)
def _api_key(_minute: int) -> str:
    """The API key, read again each minute so that it can be rotated."""
    key: str = client("secretsmanager").get_secret_value(SecretId=load(Settings).api_key_secret)[
        "SecretString"
    ]
    return key


@cache
def _api_keys() -> ApiKeys:
    return ApiKeys(JobsTable(client("dynamodb"), load(Settings).jobs_table, _PATIENCE_SECONDS))


@cache
def _user_pool() -> UserPool:
    settings = load(Settings)
    return UserPool(settings.token_issuer, settings.user_pool_client_id, settings.jwks_url)
