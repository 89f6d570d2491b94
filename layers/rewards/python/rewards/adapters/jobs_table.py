"""The table `Jobs`: imports, their chunks, exports, download links, API keys, known rows and files.

    pk                sk             what                                               module
    IMPORT#<id>       META           an import and its counts                           import_jobs
    IMPORT#<id>       CHUNK#<n>      who has chunk n, or which attempt counted it       chunk_records
    EXPORT#<id>       META           an export                                          export_jobs
    LINK#<sha256>     META           what a download link opens                         download_links
    RECEIPTS          <number>       a receipt                                          receipts
    RECEIPTS          HEAD           the last receipt of the chain                      receipts
    ROWS#<digest>     META           the imports that were sealed with these rows       row_claims
    FILE#<sha256>     META           the import of a file (until version 0.2)           row_claims
    OBJECT#<sha256>   META           the import of a version of an uploaded object      import_jobs
    MISPLACED#UPLOADS META           when a misplaced upload was last reported          misplaced_reports
    OVERVIEW#BALANCES META           the sums of all balances at a moment               stored_overview
    UNITS             <folded unit>  that there are rewards in a unit                   units_in_use
    REQUESTED#<sha256> META          what a requester asked for in 24 hours             requested_records
    KEY#<sha256>      META           a response under an idempotency key                idempotency
    API_KEY#<id>      META           an API key: its digest, name and scopes            api_keys

This module reads and writes items as they are stored, as dictionaries by attribute. The modules above give
them their types; the attributes of imports and exports are those of CONTRACT section 5.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from rewards.adapters.batch_get import batch_get
from rewards.adapters.errors import ConditionFailedError, translated
from rewards.adapters.retry import Backoff, patiently

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Record = dict[str, Any]

IMPORT = "IMPORT"
EXPORT = "EXPORT"
API_KEY = "API_KEY"

META = "META"

_AT_ONCE = 500  # records, when many are searched
_AFTER_ALL_IDS = "~"


class Lease(Enum):
    """What became of a try to take an item."""

    FIRST = auto()  # it is ours, and nobody had it before
    AGAIN = auto()  # it is ours, and somebody had it before, who may have left results
    TAKEN = auto()  # somebody else has it
    COUNTED = auto()  # a chunk of which nothing is left to do


class _Deserializer(TypeDeserializer):
    """Whole numbers only: the table holds counts, credits and Unix milliseconds."""

    def _deserialize_n(self, value: str) -> int:
        return int(value)


_serialize = TypeSerializer().serialize
_deserialize = _Deserializer().deserialize


class JobsTable:
    """Reads and writes items of the table.

    A request that is throttled is sent again for `patience` seconds; then OutOfTimeError is raised.
    """

    def __init__(self, client: "DynamoDBClient", name: str, patience: float = 10) -> None:
        self.client = client
        self.name = name
        self._patience = patience

    def get(self, kind: str, identifier: str) -> Record | None:
        """A record as it is now (strongly consistent), or None."""
        return self.get_item(f"{kind}#{identifier}", META)

    def get_item(self, pk: str, sk: str) -> Record | None:
        """An item as it is now (strongly consistent), or None."""
        response = self.call(self.client.get_item, Key=item_key(pk, sk), ConsistentRead=True)
        item = response.get("Item")
        return read_item(item) if item else None

    def create(self, kind: str, identifier: str, record: Record, actions: Sequence[Any] = ()) -> bool:
        """Put a new record; False, and nothing changed, if it is there already.

        With other `actions` it is a transaction, and False also if the condition of one of these fails.
        """
        # Only what a person lists is in the index by kind.
        listed = {"kind": kind, "id": identifier} if kind in (IMPORT, EXPORT, API_KEY) else {}
        item = {name: _serialize(value) for name, value in {**listed, **record}.items()}
        put: Any = {
            "Item": {**item_key(f"{kind}#{identifier}", META), **item},
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if actions:
            return self.write_together([{"Put": {"TableName": self.name, **put}}, *actions])
        try:
            self.call(self.client.put_item, **put)
        except ConditionFailedError:
            return False
        return True

    def update(self, kind: str, identifier: str, changes: Record, **expected: Any) -> bool:
        """Set attributes of a record; False, and nothing changed, if it is not as `expected`.

        `expected` are attributes' values now, None also where there is none.
        """
        try:
            self.call(self.client.update_item, **_update(kind, identifier, changes, expected))
        except ConditionFailedError:
            return False
        return True

    def add_to_set(self, kind: str, identifier: str, name: str, number: int, changes: Record) -> int:
        """Add a number to a set of numbers of a record, and set other attributes; how many it has then."""
        update = _update(kind, identifier, changes, {})
        update["UpdateExpression"] += f" ADD {name} :number"
        update["ExpressionAttributeValues"][":number"] = {"NS": [str(number)]}
        response = self.call(self.client.update_item, **update, ReturnValues="ALL_NEW")
        return len(response["Attributes"][name]["NS"])

    def remove(self, kind: str, identifier: str, name: str) -> None:
        """Remove an attribute of a record."""
        key = item_key(f"{kind}#{identifier}", META)
        self.call(self.client.update_item, Key=key, UpdateExpression=f"REMOVE {name}")

    def update_together(
        self, kind: str, identifier: str, changes: Record, actions: Sequence[Any], **expected: Any
    ) -> bool:
        """Set attributes of a record as `update` does, in one transaction with other actions.

        False, and nothing changed, also if the condition of one of these fails.
        """
        update = {"TableName": self.name, **_update(kind, identifier, changes, expected)}
        return self.write_together([{"Update": update}, *actions])

    def write_together(self, actions: Sequence[Any]) -> bool:
        """Write a transaction; False, and nothing changed, if the condition of an action fails."""
        try:
            patiently(
                self.client.transact_write_items,
                Backoff.for_seconds(self._patience),
                TransactItems=actions,
            )
        except ConditionFailedError:
            return False
        return True

    def history(
        self, kind: str, limit: int, offset: int, first: str = "", last: str = ""
    ) -> tuple[list[Record], int]:
        """Records of a kind, newest first, from `offset`; and how many there are in all.

        Only those whose ids lie between `first` and `last`, if these are given.

        Ids begin with the exact time of creation and no two are the same, so the order is stable. The index
        by kind holds keys only, of which a read unit covers 200: to count ten thousand costs fifty. Only
        the keys of the page itself travel.
        """
        ids = (first, last)
        passed, start = self._count(kind, ids, None, offset) if offset else (0, None)
        if offset and start is None:
            return [], passed
        page = self._query(kind, ids, start, Limit=limit)
        found = [item["pk"]["S"] for item in page["Items"]]
        end = page.get("LastEvaluatedKey")
        left = self._count(kind, ids, end)[0] if end else 0
        return self._records(found), passed + len(found) + left

    def some_of_all(
        self, kind: str, attributes: Sequence[str], first: str = "", last: str = ""
    ) -> Iterator[Record]:
        """Some attributes of the records of a kind whose ids lie between `first` and `last`, if these are
        given; newest first, and read as they are taken."""
        attributes = ("pk", *attributes)
        start: Any = None
        while True:
            page = self._query(kind, (first, last), start, Limit=_AT_ONCE)
            yield from self._records((item["pk"]["S"] for item in page["Items"]), attributes)
            start = page.get("LastEvaluatedKey")
            if start is None:
                return

    def records(self, kind: str, identifiers: Iterable[str]) -> list[Record]:
        """The records with these ids, newest first."""
        return self._records(f"{kind}#{each}" for each in identifiers)

    def newest(self, kind: str, since: str, limit: int) -> list[Record]:
        """Records of a kind whose ids do not sort before `since`, newest first, at most `limit`."""
        found: list[str] = []
        start: Any = None
        while len(found) < limit:
            page = self.call(
                self.client.query,
                IndexName="ByKind",
                KeyConditionExpression="kind = :kind AND pk >= :since",
                ExpressionAttributeValues={":kind": {"S": kind}, ":since": {"S": f"{kind}#{since}"}},
                ScanIndexForward=False,
                Limit=limit - len(found),
                **({"ExclusiveStartKey": start} if start else {}),
            )
            found += [item["pk"]["S"] for item in page["Items"]]
            start = page.get("LastEvaluatedKey")
            if start is None:
                break
        return self._records(found)

    def _records(self, pks: Iterable[str], attributes: Sequence[str] = ()) -> list[Record]:
        """The records with these keys, newest first; only some `attributes` if these are given."""
        keys = (item_key(pk, META) for pk in pks)
        items = batch_get(self.client, self.name, keys, Backoff.for_seconds(self._patience), attributes)
        return sorted(map(read_item, items), key=lambda record: str(record["pk"]), reverse=True)

    def _count(self, kind: str, ids: tuple[str, str], start: Any, most: int | None = None) -> tuple[int, Any]:
        """How many records of a kind follow a key of the index, `most` at most; and the last one's key,
        None at the end."""
        counted = 0
        while most is None or counted < most:
            limit = {} if most is None else {"Limit": most - counted}
            page = self._query(kind, ids, start, Select="COUNT", **limit)
            counted += page["Count"]
            start = page.get("LastEvaluatedKey")
            if start is None:
                break
        return counted, start

    def _query(self, kind: str, ids: tuple[str, str], start: Any, **options: Any) -> Any:
        first, last = ids
        condition, values = "kind = :kind", {":kind": {"S": kind}}
        if first or last:
            condition += " AND pk BETWEEN :first AND :last"
            values |= {":first": {"S": f"{kind}#{first}"}, ":last": {"S": f"{kind}#{last or _AFTER_ALL_IDS}"}}
        after = {"ExclusiveStartKey": start} if start else {}
        return self.client.query(
            TableName=self.name,
            IndexName="ByKind",
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ScanIndexForward=False,
            **after,
            **options,
        )

    def items(self, **query: Any) -> Iterator[Any]:
        """The items that a query finds, as DynamoDB gives them (strongly consistent)."""
        pages = self.client.get_paginator("query").paginate(TableName=self.name, ConsistentRead=True, **query)
        with translated():
            for page in pages:
                yield from page["Items"]

    def lease(self, kind: str, identifier: str, owner: str, now: int, until: int) -> bool:
        """Take a record for ourselves until a moment (Unix ms); False while somebody else has it."""
        return self.lease_item(f"{kind}#{identifier}", META, owner, now, until) is not Lease.TAKEN

    def lease_item(
        self, pk: str, sk: str, owner: str, now: int, until: int, counter: str | None = None
    ) -> Lease:
        """Take an item for ourselves until a moment (Unix ms), unless it is counted.

        A `counter` names an attribute to which the same write adds one.
        """
        add = {} if counter is None else {":one": {"N": "1"}}
        try:
            before = self.call(
                self.client.update_item,
                Key=item_key(pk, sk),
                UpdateExpression="SET leasedUntil = :until, leaseOwner = :me"
                + (f" ADD {counter} :one" if add else ""),
                # Ours already: the answer to our first try was lost on the way.
                ConditionExpression="attribute_not_exists(counted) AND "
                "(attribute_not_exists(leasedUntil) OR leasedUntil < :now OR leaseOwner = :me)",
                ExpressionAttributeValues={
                    ":until": {"N": str(until)},
                    ":now": {"N": str(now)},
                    ":me": {"S": owner},
                    **add,
                },
                ReturnValues="UPDATED_OLD",
            )
        except ConditionFailedError:
            return Lease.TAKEN
        return Lease.AGAIN if before.get("Attributes") else Lease.FIRST

    def call(self, operation: Callable[..., Any], **request: Any) -> Any:
        """Send a request to this table; again, if it is throttled. Raises the errors of `errors.py`."""
        return patiently(operation, Backoff.for_seconds(self._patience), TableName=self.name, **request)


def _update(kind: str, identifier: str, changes: Record, expected: Mapping[str, Any]) -> Record:
    """The request that sets attributes of a record if it is as expected."""
    names = {f"#c{place}": name for place, name in enumerate(changes)}
    values = {f":c{place}": value for place, value in enumerate(changes.values())}
    conditions = ["attribute_exists(pk)"]
    for place, (name, value) in enumerate(expected.items()):
        names[f"#e{place}"], values[f":e{place}"] = name, value
        none = f" OR attribute_not_exists(#e{place})" if value is None else ""
        conditions.append(f"(#e{place} = :e{place}{none})")
    return {
        "Key": item_key(f"{kind}#{identifier}", META),
        "UpdateExpression": "SET " + ", ".join(f"#c{place} = :c{place}" for place in range(len(changes))),
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": {name: _serialize(value) for name, value in values.items()},
    }


def put_action(table: str, pk: str, record: Record, read: int) -> Any:
    """The transaction's action that puts a record's next version, if version `read` is stored (0: none)."""
    return put_if(table, pk, META, {"version": read + 1, **record}, **({"version": read} if read else {}))


def put_if(table: str, pk: str, sk: str, record: Record, **expected: Any) -> Any:
    """The transaction's action that puts an item, if the attributes are as `expected`.

    Without any, there must be no item yet.
    """
    condition: Record = {"ConditionExpression": "attribute_not_exists(pk)"}
    if expected:
        condition = {
            "ConditionExpression": " AND ".join(f"#{name} = :{name}" for name in expected),
            "ExpressionAttributeNames": {f"#{name}": name for name in expected},
            "ExpressionAttributeValues": {f":{name}": _serialize(value) for name, value in expected.items()},
        }
    item = {name: _serialize(value) for name, value in record.items()}
    return {"Put": {"TableName": table, "Item": {**item_key(pk, sk), **item}, **condition}}


def read_item(item: Mapping[str, Any]) -> Record:
    """An item of the table, its values as Python's."""
    return {name: _deserialize(value) for name, value in item.items()}


def item_key(pk: str, sk: str) -> dict[str, dict[str, str]]:
    """The key of an item."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def hashed(texts: Iterable[str]) -> str:
    """A digest of texts, for keys that must not be long, or not be readable."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
