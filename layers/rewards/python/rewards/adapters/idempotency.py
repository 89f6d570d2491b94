"""Answers that were given, in the table `Jobs`, so that a request sent again gets the same one.

A response is stored in the transaction that has the effect, on condition that its key has none
yet: effect and response are written together or not at all, and once.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rewards.adapters.errors import translated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Longer than anybody tries again.
_DAYS_KEPT = 30


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The response to a request, and the digest of that request."""

    digest: str
    response: Any


class StoredResponses:
    """Finds responses by their idempotency key, and stores them."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def find(self, key: str) -> StoredResponse | None:
        """The response stored under a key (strongly consistent), or None."""
        with translated():
            item: Any = self._client.get_item(TableName=self._table, Key=_key(key), ConsistentRead=True)
        if "Item" not in item:
            return None
        return StoredResponse(item["Item"]["digest"]["S"], json.loads(item["Item"]["answer"]["S"]))

    def put(self, key: str, stored: StoredResponse, now: int) -> Any:
        """The transaction's action that stores a response if the key has none."""
        item = {
            **_key(key),
            "digest": {"S": stored.digest},
            "answer": {"S": json.dumps(stored.response, ensure_ascii=False)},
            "ttl": {"N": str(now // 1000 + _DAYS_KEPT * 86_400)},
        }
        return {
            "Put": {"TableName": self._table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        }


def _key(key: str) -> Any:
    """Keys are hashed: they may be long, and who reads the table need not learn them."""
    return {"pk": {"S": f"KEY#{hashlib.sha256(key.encode()).hexdigest()}"}, "sk": {"S": "META"}}
