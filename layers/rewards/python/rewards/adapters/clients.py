"""AWS clients: made once a Lambda container, retried by botocore."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from rewards.adapters import json_bodies, throttling

# Our own loops handle throttled items of a batch; botocore handles whole requests.
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 5},
    connect_timeout=3,
    read_timeout=20,
)
# Signed URLs name the bucket's own region: for a new bucket the global host responds with a redirect
# that breaks the signature.
_S3_CONFIG = _CONFIG.merge(
    # As many connections as threads that read ahead, send parts and read an upload.
    Config(signature_version="s3v4", s3={"addressing_style": "virtual"}, max_pool_connections=24)
)
# Checking each value of a batch would take as long as sending it; tests check the requests instead.
_DYNAMODB_CONFIG = _CONFIG.merge(Config(parameter_validation=False))
# The audit log must not keep a request from its response.
_LOGS_CONFIG = _CONFIG.merge(
    Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=1, read_timeout=5)
)
_CONFIGS = {"s3": _S3_CONFIG, "dynamodb": _DYNAMODB_CONFIG, "logs": _LOGS_CONFIG}


@cache
def client(service: str, _purpose: str = "") -> Any:
    """The client of a service, the same one at every call; a client of its own for each purpose."""
    return build(service)


def build(service: str, config: Config | None = None, **address: Any) -> Any:
    """A new client of a service; `address` and `config` say where it is, if not where boto3 looks for it."""
    whole = _CONFIGS.get(service, _CONFIG).merge(config or Config())
    made = boto3.client(service, config=whole, **address)  # type: ignore[call-overload]
    if service == "dynamodb":
        json_bodies.install(made)
        throttling.install(made)
    return made
