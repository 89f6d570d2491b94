"""Identify the caller: the holder of the API key, a user of the pool, or unknown.

It never rejects a request: API Gateway would respond 403 in its own form, but the contract requires 401.
It names the caller, and the API rejects requests without one (functions/api/request.py). A caller gets a role
only by a check that passed. Internal errors are raised, so that API Gateway responds 500.
"""

import base64
import hmac
import time
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from rewards.adapters.clients import client
from rewards.adapters.cognito import TokenError, UserPool
from rewards.settings import load

logger = Logger()

# A rotated key is used after this many seconds at the latest.
_KEY_SECONDS = 60
# The roles of the pool's groups, the one with more permissions first. Users in neither have the role "none".
_ROLES = (("operators", "operator"), ("viewers", "viewer"))


@dataclass(frozen=True, slots=True)
class Settings:
    api_key_secret: str
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
    """HTTP Basic with the API key as the password; the user name is ignored."""
    try:
        decoded = base64.b64decode(credentials, validate=True)
    except ValueError:
        decoded = b""
    # Bytes: the user name may be in any encoding.
    _, _, password = decoded.partition(b":")
    key = _api_key(int(time.monotonic() // _KEY_SECONDS))
    if not password or not hmac.compare_digest(password, key.encode()):
        return {}
    return {"role": "operator", "user": "API"}


def _by_token(token: str) -> dict[str, str]:
    try:
        user = _user_pool().signed_in(token)
    except TokenError as error:
        logger.info("token rejected", reason=str(error))
        return {}
    role = next((role for group, role in _ROLES if group in user.groups), "none")
    return {"role": role, "user": user.id, **({"email": user.email} if user.email else {})}


@lru_cache(maxsize=1)
def _api_key(_minute: int) -> str:
    """The API key, read again each minute so that it can be rotated."""
    key: str = client("secretsmanager").get_secret_value(SecretId=load(Settings).api_key_secret)[
        "SecretString"
    ]
    return key


@cache
def _user_pool() -> UserPool:
    settings = load(Settings)
    return UserPool(settings.token_issuer, settings.user_pool_client_id, settings.jwks_url)
