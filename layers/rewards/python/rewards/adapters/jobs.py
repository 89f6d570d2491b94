"""The table `Jobs`: imports, their chunks, exports, download links, files seen.

    pk                sk             what
    IMPORT#<id>       META           the import's record and its counts
    IMPORT#<id>       CHUNK#<n>      who has chunk n, or that it is counted
    EXPORT#<id>       META           the export's record
    LINK#<sha256>     META           what a download link opens
    FILE#<sha256>     META           the import that redeemed a file with these bytes
    OVERVIEW#BALANCES META           what all balances hold together, as of when it was read
    UNITS             <unit>         that there are rewards in this unit
    KEY#<sha256>      META           what was answered under an idempotency key (idempotency.py)

Records are plain dictionaries with the names of CONTRACT section 5; credits are integers.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from rewards.adapters.batch_get import batch_get
from rewards.adapters.errors import ConditionFailedError, ServiceError, ThrottledError, translated
from rewards.adapters.retry import Backoff, patiently
from rewards.rules.outcomes import Answer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Record = dict[str, Any]

IMPORT = "IMPORT"
EXPORT = "EXPORT"
LINK = "LINK"
FILE = "FILE"
UNITS = "UNITS"
OVERVIEW = "OVERVIEW"


class Lease(Enum):
    """What became of a try to take a chunk."""

    FIRST = auto()  # it is ours, and nobody had it before
    AGAIN = auto()  # it is ours, and somebody had it before, who may have left answers
    TAKEN = auto()  # somebody else has it
    COUNTED = auto()  # nothing is left to do


class _Deserializer(TypeDeserializer):
    """Whole numbers only: the table holds counts, credits and Unix milliseconds."""

    def _deserialize_n(self, value: str) -> int:
        return int(value)


_serialize = TypeSerializer().serialize
_deserialize = _Deserializer().deserialize


class Jobs:
    """Records of imports and exports.

    A request that is throttled is sent again for `patience` seconds; then OutOfTimeError is raised.
    """

    def __init__(self, client: "DynamoDBClient", table: str, patience: float = 10) -> None:
        self._client = client
        self._table = table
        self._patience = patience
        self._known_units: set[str] = set()

    def get(self, kind: str, identifier: str) -> Record | None:
        """A record as it is now (strongly consistent), or None."""
        return self._get(f"{kind}#{identifier}", "META")

    def create(self, kind: str, identifier: str, record: Record) -> bool:
        """Put a new record; False, and nothing changed, if it is there already."""
        try:
            # Only what a person lists is in the index by kind.
            listed = {"kind": kind, "id": identifier} if kind in (IMPORT, EXPORT) else {}
            self._put(f"{kind}#{identifier}", "META", {**listed, **record})
        except ConditionFailedError:
            return False
        return True

    def update(self, kind: str, identifier: str, changes: Record, **expected: Any) -> bool:
        """Set attributes of a record; False, and nothing changed, if it is not as `expected`.

        `expected` are attributes' values now, None also where there is none.
        """
        names = {f"#c{place}": name for place, name in enumerate(changes)}
        values = {f":c{place}": value for place, value in enumerate(changes.values())}
        conditions = ["attribute_exists(pk)"]
        for place, (name, value) in enumerate(expected.items()):
            names[f"#e{place}"], values[f":e{place}"] = name, value
            none = f" OR attribute_not_exists(#e{place})" if value is None else ""
            conditions.append(f"(#e{place} = :e{place}{none})")
        try:
            self._call(
                self._client.update_item,
                Key=_key(f"{kind}#{identifier}", "META"),
                UpdateExpression="SET " + ", ".join(f"#c{p} = :c{p}" for p in range(len(changes))),
                ConditionExpression=" AND ".join(conditions),
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={name: _serialize(value) for name, value in values.items()},
            )
        except ConditionFailedError:
            return False
        return True

    def history(self, kind: str, limit: int, offset: int) -> tuple[list[Record], int]:
        """Records of a kind, newest first, from `offset`; and how many there are in all.

        Ids begin with their time and no two are the same, so the order is stable. The index by kind
        holds keys only, of which a read unit covers 200: to count ten thousand costs fifty. Only the
        keys of the page itself travel.
        """
        passed, start = self._count(kind, None, offset) if offset else (0, None)
        if offset and start is None:
            return [], passed
        page = self._query(kind, start, Limit=limit)
        found = [item["pk"]["S"] for item in page["Items"]]
        last = page.get("LastEvaluatedKey")
        left = self._count(kind, last)[0] if last else 0
        items = batch_get(
            self._client, self._table, (_key(pk, "META") for pk in found), Backoff.for_seconds(10)
        )
        records = sorted(map(_record, items), key=lambda record: str(record["pk"]), reverse=True)
        return records, passed + len(found) + left

    def _count(self, kind: str, start: Any, most: int | None = None) -> tuple[int, Any]:
        """How many records of a kind follow a key of the index, `most` at most; and the last one's key,
        None at the end."""
        counted = 0
        while most is None or counted < most:
            limit = {} if most is None else {"Limit": most - counted}
            page = self._query(kind, start, Select="COUNT", **limit)
            counted += page["Count"]
            start = page.get("LastEvaluatedKey")
            if start is None:
                break
        return counted, start

    def _query(self, kind: str, start: Any, **options: Any) -> Any:
        after = {"ExclusiveStartKey": start} if start else {}
        return self._client.query(
            TableName=self._table,
            IndexName="ByKind",
            KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues={":kind": {"S": kind}},
            ScanIndexForward=False,
            **after,
            **options,
        )

    def lease(self, identifier: str, owner: str, now: int, until: int, kind: str = IMPORT) -> bool:
        """Take the end of an import, or an export, for ourselves until a moment; False while somebody
        else has it."""
        return self._lease(f"{kind}#{identifier}", "META", owner, now, until) is not Lease.TAKEN

    def end_lease(self, identifier: str, owner: str, kind: str = IMPORT) -> None:
        """Let the next one take it."""
        self.update(kind, identifier, {"leasedUntil": 0}, leaseOwner=owner)

    def lease_chunk(self, import_id: str, chunk: int, owner: str, now: int, until: int) -> Lease:
        """Take a chunk for ourselves until a moment (Unix ms), so that only one decides its rows."""
        lease = self._lease(f"{IMPORT}#{import_id}", _chunk(chunk), owner, now, until)
        if lease is Lease.TAKEN:
            record = self._get(f"{IMPORT}#{import_id}", _chunk(chunk))
            if record is not None and record.get("counted"):
                return Lease.COUNTED
        return lease

    def live_leases(self, import_id: str, now: int) -> set[str]:
        """Who has a chunk of the import in hand at a moment (strongly consistent)."""
        values = {
            ":import": {"S": f"{IMPORT}#{import_id}"},
            ":chunks": {"S": "CHUNK#"},
            ":now": {"N": str(now)},
        }
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :import AND begins_with(sk, :chunks)",
            FilterExpression="attribute_not_exists(counted) AND leasedUntil >= :now",
            ExpressionAttributeValues=values,
        )
        with translated():
            return {item["leaseOwner"]["S"] for page in pages for item in page["Items"]}

    def end_chunk_lease(self, import_id: str, chunk: int, owner: str) -> None:
        """Let the next one take a chunk that we did not count.

        Only a courtesy, for a lease runs out by itself: who calls has a problem of its own to tell, and
        perhaps no time left.
        """
        with suppress(ServiceError), translated():
            self._client.update_item(
                TableName=self._table,
                Key=_key(f"{IMPORT}#{import_id}", _chunk(chunk)),
                UpdateExpression="SET leasedUntil = :never",
                ConditionExpression="leaseOwner = :me",
                ExpressionAttributeValues={":never": {"N": "0"}, ":me": {"S": owner}},
            )

    def _lease(self, pk: str, sk: str, owner: str, now: int, until: int) -> Lease:
        try:
            before = self._call(
                self._client.update_item,
                Key=_key(pk, sk),
                UpdateExpression="SET leasedUntil = :until, leaseOwner = :me",
                # Ours already: the answer to our first try was lost on the way.
                ConditionExpression="attribute_not_exists(counted) AND "
                "(attribute_not_exists(leasedUntil) OR leasedUntil < :now OR leaseOwner = :me)",
                ExpressionAttributeValues={
                    ":until": {"N": str(until)},
                    ":now": {"N": str(now)},
                    ":me": {"S": owner},
                },
                ReturnValues="UPDATED_OLD",
            )
        except ConditionFailedError:
            return Lease.TAKEN
        return Lease.AGAIN if before.get("Attributes") else Lease.FIRST

    def count_chunk(
        self,
        import_id: str,
        chunk: int,
        owner: str,
        answers: Iterable[Answer],
        expires: int,
        backoff: Backoff,
    ) -> None:
        """Add a chunk's answers to the import's counts, once, and only for who has its lease.

        `expires` (Unix seconds) is when the chunk's own record may go. Raises ConditionFailedError
        if the lease is lost.
        """
        processed, outcomes, redeemed = tally(answers)
        names = {"#done": "chunksDone", "#rows": "processed"}
        values: dict[str, Any] = {":one": {"N": "1"}, ":rows": {"N": str(processed)}}
        adds = ["#done :one", "#rows :rows"]
        for prefix, counts in (("outcomes", outcomes), ("redeemed", redeemed)):
            for place, (name, count) in enumerate(counts.items()):
                names[f"#{prefix}"], names[f"#{prefix}{place}"] = prefix, name
                values[f":{prefix}{place}"] = {"N": str(count)}
                adds.append(f"#{prefix}.#{prefix}{place} :{prefix}{place}")
        actions: Any = [
            {
                "Update": {
                    "TableName": self._table,
                    "Key": _key(f"{IMPORT}#{import_id}", _chunk(chunk)),
                    "UpdateExpression": "SET counted = :yes, #ttl = :ttl",
                    "ConditionExpression": "leaseOwner = :me AND attribute_not_exists(counted)",
                    "ExpressionAttributeNames": {"#ttl": "ttl"},
                    "ExpressionAttributeValues": {
                        ":yes": {"BOOL": True},
                        ":ttl": {"N": str(expires)},
                        ":me": {"S": owner},
                    },
                }
            },
            {
                "Update": {
                    "TableName": self._table,
                    "Key": _key(f"{IMPORT}#{import_id}", "META"),
                    "UpdateExpression": "ADD " + ", ".join(adds),
                    "ConditionExpression": "attribute_exists(pk)",
                    "ExpressionAttributeNames": names,
                    "ExpressionAttributeValues": values,
                }
            },
        ]
        while True:
            try:
                with translated():
                    self._client.transact_write_items(TransactItems=actions)
                return
            except ConditionFailedError:
                record = self._get(f"{IMPORT}#{import_id}", _chunk(chunk)) or {}
                if record.get("counted") and record["leaseOwner"] == owner:
                    return  # it was us: the answer to an earlier try was lost
                raise
            except ThrottledError:
                backoff.wait()

    def file_owner(self, digest: str) -> str | None:
        """The import that redeemed a file with these bytes, unless it was refused or cancelled unread."""
        record = self.get(FILE, digest)
        earlier = self.get(IMPORT, record["importId"]) if record else None
        if earlier is None or earlier["status"] == "ABORTED":
            return None
        unread = earlier["status"] == "CANCELLED" and earlier["rows"] == 0
        return None if unread else earlier["id"]

    def claim_file(self, digest: str, import_id: str) -> str | None:
        """Say that this import redeems a file with these bytes; the earlier import's id if one did.

        An import that was refused redeemed nothing, so its claim is taken over.
        """
        while True:
            record = self.get(FILE, digest)
            if record is None:
                if self.create(FILE, digest, {"importId": import_id}):
                    return None
            elif record["importId"] == import_id:
                return None
            else:
                owner = self.file_owner(digest)
                if owner is not None:
                    return owner
                if self.update(FILE, digest, {"importId": import_id}, importId=record["importId"]):
                    return None

    def create_link(self, key: str, expires: int, name: str) -> str:
        """A new unguessable token that opens one file until `expires` (Unix seconds), to be saved as `name`.

        Only the token's hash is stored: who reads the table cannot open files.
        """
        token = secrets.token_urlsafe(24)
        link = {"key": key, "name": name, "expires": expires, "ttl": expires + 30 * 86_400}
        self.create(LINK, _hashed(token), link)
        return token

    def link(self, token: str) -> Record | None:
        """What a token opens: `key`, `name` (not of links made before 0.2), and `expires` in Unix seconds."""
        return self.get(LINK, _hashed(token))

    def add_units(self, units: Iterable[str]) -> None:
        """Remember that there are rewards in these units; each is written once a container."""
        for unit in sorted(set(units) - self._known_units):
            self._call(self._client.update_item, Key=_key(UNITS, unit))
            self._known_units.add(unit)

    def units(self) -> list[str]:
        """The units in which there are, or were, rewards; in their order."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :units",
            ExpressionAttributeValues={":units": {"S": UNITS}},
            ConsistentRead=True,
        )
        with translated():
            return [item["sk"]["S"] for page in pages for item in page["Items"]]

    def _get(self, pk: str, sk: str) -> Record | None:
        response = self._call(self._client.get_item, Key=_key(pk, sk), ConsistentRead=True)
        item = response.get("Item")
        return _record(item) if item else None

    def _put(self, pk: str, sk: str, record: Mapping[str, Any]) -> None:
        item = {name: _serialize(value) for name, value in record.items()}
        self._call(
            self._client.put_item,
            Item={**_key(pk, sk), **item},
            ConditionExpression="attribute_not_exists(pk)",
        )

    def _call(self, operation: Callable[..., Any], **request: Any) -> Any:
        return patiently(operation, Backoff.for_seconds(self._patience), TableName=self._table, **request)


def tally(answers: Iterable[Answer]) -> tuple[int, dict[str, int], dict[str, int]]:
    """How many answers, how many of each outcome, and by unit the credits redeemed (negative: given back)."""
    processed = 0
    outcomes: dict[str, int] = {}
    redeemed: dict[str, int] = {}
    for answer in answers:
        processed += 1
        outcomes[answer.outcome] = outcomes.get(answer.outcome, 0) + 1
        if answer.redeemed:
            redeemed[answer.unit] = redeemed.get(answer.unit, 0) + answer.redeemed
    return processed, outcomes, redeemed


def _record(item: Mapping[str, Any]) -> Record:
    return {name: _deserialize(value) for name, value in item.items()}


def _key(pk: str, sk: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _chunk(number: int) -> str:
    return f"CHUNK#{number:06d}"


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
