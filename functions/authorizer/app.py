"""Who asks? Says `operator` for the API key, and nothing for anybody else.

It never refuses by itself: API Gateway would answer 403 in its own words, where the contract
has 401 in ours. The API lets nobody pass for whom the role is missing (functions/api/errors.py).
"""

import base64
import hmac
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from rewards.adapters.clients import client
from rewards.settings import load

logger = Logger()

# A rotated key counts after this many seconds at the latest.
_KEY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Settings:
    api_key_secret: str


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    given = _password(event.get("headers", {}).get("authorization", ""))
    key = _api_key(int(time.monotonic() // _KEY_SECONDS))
    known = given is not None and given != "" and hmac.compare_digest(given.encode(), key.encode())
    return {"isAuthorized": True, "context": {"role": "operator"} if known else {}}


def _password(header: str) -> str | None:
    """The password of an HTTP Basic header; the user name does not count."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:  # not base64, or not UTF-8
        return None
    _, colon, password = decoded.partition(":")
    return password if colon else None


@lru_cache(maxsize=1)
def _api_key(minute: int) -> str:
    """The API key, asked for again each minute so that it can be rotated."""
    key: str = client("secretsmanager").get_secret_value(SecretId=load(Settings).api_key_secret)[
        "SecretString"
    ]
    return key
