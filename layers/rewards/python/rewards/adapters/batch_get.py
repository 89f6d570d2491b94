"""Reading many items of a DynamoDB table by their keys."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from rewards.adapters.errors import ThrottledError, translated
from rewards.adapters.retry import Backoff

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, dict[str, str]]

_KEYS = 100  # DynamoDB takes no more a request


def batch_get(client: "DynamoDBClient", table: str, keys: Iterable[Item], backoff: Backoff) -> Iterator[Item]:
    """The items that exist, in no order, strongly consistent; what is throttled is asked for again.

    The keys must be distinct.
    """
    todo: list[Any] = list(keys)
    while todo:
        asked, todo = todo[:_KEYS], todo[_KEYS:]
        request: dict[str, Any] = {table: {"Keys": asked, "ConsistentRead": True}}
        try:
            with translated():
                response: Any = client.batch_get_item(RequestItems=request)
        except ThrottledError:
            unread = asked
        else:
            yield from response["Responses"].get(table, [])
            unread = response["UnprocessedKeys"].get(table, {}).get("Keys", [])
        if unread:
            todo = unread + todo
            backoff.wait()
