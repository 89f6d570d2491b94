"""Identify the caller: the holder of the API key, a user of the pool, or unknown.

It never rejects by itself: API Gateway would answer 403 in its own words, where the contract has 401 in
ours. It names the caller, and the API rejects requests without one (functions/api/request.py). The
one way to a role leads through a check that was passed. An error of ours is raised: API Gateway answers 500.
"""

import base64
import hmac
import os
import time
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from aws_lambda_powertools.utilities.typing import LambdaContext

from rewards.adapters.clients import client
from rewards.adapters.cognito import TokenError, UserPool
from rewards.settings import load

logger = Logger()

# A rotated key counts after this many seconds at the latest.
_KEY_SECONDS = 60
# What a group of the pool may do; the mightier first, and "none" for who is in neither.
_ROLES = (("operators", "operator"), ("viewers", "viewer"))


@dataclass(frozen=True, slots=True)
class Settings:
    api_key_secret: str
    token_issuer: str
    user_pool_client_id: str


@logger.inject_lambda_context(log_event=False)  # whatever the environment says: the event holds the key
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    scheme, _, credentials = event.get("headers", {}).get("authorization", "").partition(" ")
    ask = {"basic": _by_key, "bearer": _by_token}.get(scheme.lower())
    found = ask(credentials.strip()) if ask else {}
    if ask is _by_key and not found:
        _count_wrong_key(context.function_name)
    return {"isAuthorized": True, "context": found}


def _count_wrong_key(function_name: str) -> None:
    """Add to the metric of wrong API keys; the function's name tells stacks apart."""
    with single_metric("WrongApiKey", MetricUnit.Count, 1, namespace="Rewards") as metric:
        metric.add_dimension("FunctionName", function_name)


def _by_key(credentials: str) -> dict[str, str]:
    """HTTP Basic, with the API key as the password; the user name does not count."""
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
        logger.info("token refused", reason=str(error))
        return {}
    role = next((role for group, role in _ROLES if group in user.groups), "none")
    return {"role": role, "user": user.id, **({"email": user.email} if user.email else {})}


@lru_cache(maxsize=1)
def _api_key(_minute: int) -> str:
    """The API key, asked for again each minute so that it can be rotated."""
    key: str = client("secretsmanager").get_secret_value(SecretId=load(Settings).api_key_secret)[
        "SecretString"
    ]
    return key


@cache
def _user_pool() -> UserPool:
    """The stack's pool. Its keys are where its issuer is, but on the local stack, whose issuer is AWS's."""
    settings = load(Settings)
    aws, _, pool_id = settings.token_issuer.rpartition("/")
    keys_url = f"{os.environ.get('AWS_ENDPOINT_URL', aws)}/{pool_id}/.well-known/jwks.json"
    return UserPool(settings.token_issuer, settings.user_pool_client_id, keys_url)
