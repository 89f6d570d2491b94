"""The function that validates uploads, called without an event of S3."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from rewards.adapters.errors import translated

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class ValidateFunction:
    """Calls the function. `client` makes the client: few containers ever need it."""

    def __init__(self, client: Callable[[], "LambdaClient"], name: str) -> None:
        self._client = client
        self._name = name

    def start(self, bucket: str, key: str, version_id: str) -> None:
        """Let the function validate one version of an uploaded object.

        As after an event of S3, Lambda calls it later, and again if it fails. Raises ThrottledError.
        """
        uploaded = {"key": quote_plus(key, safe="/"), "versionId": version_id}
        event = {"Records": [{"s3": {"bucket": {"name": bucket}, "object": uploaded}}]}
        with translated():
            self._client().invoke(
                FunctionName=self._name, InvocationType="Event", Payload=json.dumps(event).encode()
            )
