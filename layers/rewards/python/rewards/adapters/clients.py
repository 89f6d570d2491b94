"""AWS clients: made once a Lambda container, retried by botocore."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

# Our own loops handle throttled items of a batch; botocore handles whole requests.
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 5},
    connect_timeout=3,
    read_timeout=20,
)
# Signed URLs name the bucket's own region: for a new bucket the global host responds with a redirect
# that breaks the signature.
_S3_CONFIG = _CONFIG.merge(Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))


@cache
def client(service: str, _purpose: str = "") -> Any:
    """The client of a service, the same one at every call; a client of its own for each purpose."""
    return boto3.client(service, config=_S3_CONFIG if service == "s3" else _CONFIG)  # type: ignore[call-overload]
