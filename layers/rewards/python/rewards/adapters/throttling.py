"""How many requests DynamoDB throttled: counted at each response, because botocore repeats most of them.

Counts are kept until the invocation ends, and are lost with a function that is stopped.
"""

import logging
from collections.abc import Callable
from functools import wraps
from itertools import chain
from threading import Lock
from typing import TYPE_CHECKING, Any

from rewards.adapters import metrics
from rewards.adapters.metrics import Metric

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

logger = logging.getLogger(__name__)

# How responses, items of a batch and actions of a transaction say it.
_CODES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingException",
        "ThrottlingError",
    }
)

Handler = Callable[[Any, Any], Any]


class _Counter:
    """A count of all threads of the process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0

    def add(self) -> None:
        with self._lock:
            self._count += 1

    def take(self) -> int:
        with self._lock:
            taken, self._count = self._count, 0
        return taken


_throttled = _Counter()


def install(client: "DynamoDBClient") -> None:
    """Count the throttled requests of a client."""
    client.meta.events.register("response-received.dynamodb", _look_at)


def reported(handler: Handler) -> Handler:
    """A handler that reports at its end how many of its requests were throttled."""

    @wraps(handler)
    def handle(event: Any, context: Any) -> Any:
        try:
            return handler(event, context)
        finally:
            requests = _throttled.take()
            if requests:
                metrics.record(Metric.THROTTLED_REQUESTS, requests)
                logger.warning("throttled", extra={"requests": requests})

    return handle


def _look_at(parsed_response: Any, **_: Any) -> None:
    if parsed_response is not None and _is_throttled(parsed_response):
        _throttled.add()


def _is_throttled(response: dict[str, Any]) -> bool:
    """Whether a request was throttled, or an item of its batch or transaction."""
    results = response.get("Responses", ())
    statements = results if isinstance(results, list) else ()  # of BatchGetItem it is a dictionary
    errors = [each["Error"] for each in statements if "Error" in each]
    parts = chain([response.get("Error", {})], errors, response.get("CancellationReasons", ()))
    return bool(response.get("UnprocessedKeys")) or any(part.get("Code") in _CODES for part in parts)
