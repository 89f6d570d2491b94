"""Reading many items of a DynamoDB table by their keys."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rewards.adapters.errors import ThrottledError, translated
from rewards.adapters.parallel import in_parallel
from rewards.adapters.retry import Backoff

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, dict[str, str]]

_KEYS = 100  # DynamoDB takes no more a request


def batch_get(
    client: "DynamoDBClient",
    table: str,
    keys: Iterable[Item],
    backoff: Backoff,
    attributes: Sequence[str] = (),
) -> Iterator[Item]:
    """The items that exist, in no order, strongly consistent; what is throttled is requested again.

    The keys must be distinct. Only some `attributes` of the items if these are given.
    """
    todo = list(keys)
    while todo:
        found, todo = batch_get_once(client, table, todo, attributes)
        yield from found
        if todo:
            backoff.wait()


def batch_get_once(
    client: "DynamoDBClient", table: str, keys: Sequence[Item], attributes: Sequence[str] = ()
) -> tuple[list[Item], list[Item]]:
    """The items that exist, and the keys that were throttled, from requests that are sent in parallel."""

    names = {f"#{place}": name for place, name in enumerate(attributes)}
    wanted = {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names} if names else {}

    def ask(batch: list[Item]) -> tuple[list[Item], list[Item]]:
        request: dict[str, Any] = {table: {"Keys": batch, "ConsistentRead": True, **wanted}}
        try:
            with translated():
                response: Any = client.batch_get_item(RequestItems=request)
        except ThrottledError:
            return [], batch
        unread = response["UnprocessedKeys"].get(table, {}).get("Keys", [])
        return response["Responses"].get(table, []), unread

    batches = [list(keys[start : start + _KEYS]) for start in range(0, len(keys), _KEYS)]
    responses = in_parallel(ask, batches, stops=lambda response: bool(response[1]))
    found: list[Item] = []
    todo: list[Item] = []
    for batch, response in zip(batches, responses, strict=True):
        items, unread = ([], batch) if response is None else response
        found += items
        todo += unread
    return found, todo
