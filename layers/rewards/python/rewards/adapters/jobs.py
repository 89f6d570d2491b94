"""The table `Jobs`: imports, their chunks, exports, download links, files seen.

    pk                sk             what
    IMPORT#<id>       META           the import's record and its counts
    IMPORT#<id>       CHUNK#<n>      who has chunk n, or that it is counted and by which attempt
    EXPORT#<id>       META           the export's record
    LINK#<sha256>     META           what a download link opens
    ROWS#<digest>     META           the imports that were sealed with these rows, in any file
    FILE#<sha256>     META           the import that redeemed a file with these bytes (until version 0.2)
    OBJECT#<sha256>   META           the import of a version of an uploaded object
    MISPLACED#UPLOADS META           when an upload beside the folders was last reported by email
    OVERVIEW#BALANCES META           what all balances hold together, as of when it was read
    UNITS             <folded unit>  that there are rewards in `unit` (before 0.2 the key itself was the unit)
    KEY#<sha256>      META           what was answered under an idempotency key (idempotency.py)

Records are plain dictionaries with the names of CONTRACT section 5; credits are integers.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from rewards.adapters.batch_get import batch_get
from rewards.adapters.errors import ConditionFailedError, ServiceError, ThrottledError, translated
from rewards.adapters.retry import Backoff, patiently
from rewards.domain.outcomes import RowResult
from rewards.domain.units import claim_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Record = dict[str, Any]

IMPORT = "IMPORT"
EXPORT = "EXPORT"
LINK = "LINK"
FILE = "FILE"
ROWS = "ROWS"
OBJECT = "OBJECT"
UNITS = "UNITS"
OVERVIEW = "OVERVIEW"
MISPLACED = "MISPLACED"

_CHUNKS = "CHUNK#"


@dataclass(frozen=True, slots=True)
class RowsClaim:
    """The imports that were sealed with the same rows, as read at `version` (0: nothing is stored yet)."""

    digest: str
    version: int
    imports: tuple[str, ...]


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

        Ids begin with the exact time of creation and no two are the same, so the order is stable. The index
        by kind holds keys only, of which a read unit covers 200: to count ten thousand costs fifty. Only
        the keys of the page itself travel.
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

    def end_lease(self, import_id: str, owner: str) -> None:
        """Release the end of an import."""
        self.update(IMPORT, import_id, {"leasedUntil": 0}, leaseOwner=owner)

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
        which = "attribute_not_exists(counted) AND leasedUntil >= :now"
        items = self._chunks(import_id, which, {":now": {"N": str(now)}})
        return {item["leaseOwner"]["S"] for item in items}

    def _chunks(self, import_id: str, which: str, values: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """The items of an import's chunks that a filter lets pass (strongly consistent)."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :import AND begins_with(sk, :chunks)",
            FilterExpression=which,
            ExpressionAttributeValues={
                ":import": {"S": f"{IMPORT}#{import_id}"},
                ":chunks": {"S": _CHUNKS},
                **(values or {}),
            },
        )
        with translated():
            for page in pages:
                yield from page["Items"]

    def chunk(self, import_id: str, number: int) -> Record:
        """A chunk's own record as it is now (strongly consistent); empty if there is none.

        `attempt` names the part with its answers once it is counted, `partialAttempt` the part with
        those that stand before that.
        """
        return self._get(f"{IMPORT}#{import_id}", _chunk(number)) or {}

    def attempts(self, import_id: str) -> dict[int, str]:
        """The attempt that counts for each counted chunk of an import, by the chunk's number.

        Chunks that were counted before version 0.2 have none.
        """
        return {
            int(item["sk"]["S"].removeprefix(_CHUNKS)): item["attempt"]["S"]
            for item in self._chunks(import_id, "attribute_exists(attempt)")
        }

    def end_chunk_lease(self, import_id: str, chunk: int, owner: str, partial: bool = False) -> None:
        """Release a chunk that was not counted; with `partial`, its owner's partial answers stand.

        A lease runs out by itself, so errors are ignored: the caller has an error of its own to
        raise, and perhaps no time left.
        """
        stand = ", partialAttempt = :me" if partial else ""
        with suppress(ServiceError), translated():
            self._client.update_item(
                TableName=self._table,
                Key=_key(f"{IMPORT}#{import_id}", _chunk(chunk)),
                UpdateExpression=f"SET leasedUntil = :never{stand}",
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
        results: Iterable[RowResult],
        expires: int,
        backoff: Backoff,
        rejected: Mapping[str, int] | None = None,
    ) -> None:
        """Add a chunk's answers to the import's counts, once, and only for the owner of its lease.

        `rejected` is what its failed rows requested, in credits by unit.

        From then on the part that the owner wrote is the one that counts. `expires` (Unix seconds) is
        when the chunk's own record may go. Raises ConditionFailedError if the lease is lost.
        """
        processed, outcomes, redeemed, warnings = tally(results)
        names = {"#done": "chunksDone", "#rows": "processed"}
        values: dict[str, Any] = {":one": {"N": "1"}, ":rows": {"N": str(processed)}}
        adds = ["#done :one", "#rows :rows"]
        counted = {
            "outcomes": outcomes,
            "redeemed": redeemed,
            "rejected": rejected or {},
            "warnings": warnings,
        }
        for prefix, counts in counted.items():
            for place, (name, count) in enumerate(counts.items()):
                names[f"#{prefix}"], names[f"#{prefix}{place}"] = prefix, name
                values[f":{prefix}{place}"] = {"N": str(count)}
                adds.append(f"#{prefix}.#{prefix}{place} :{prefix}{place}")
        actions: Any = [
            {
                "Update": {
                    "TableName": self._table,
                    "Key": _key(f"{IMPORT}#{import_id}", _chunk(chunk)),
                    "UpdateExpression": "SET counted = :yes, attempt = :me, #ttl = :ttl",
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

    def import_of_object(self, object_name: Iterable[str], import_id: str) -> str:
        """The id of the import of an uploaded object: `import_id`, unless an earlier call gave another one.

        `object_name` are texts that together name one version of one object, the same at every delivery
        of its event.
        """
        digest = _hashed("\0".join(object_name))
        if self.create(OBJECT, digest, {"importId": import_id}):
            return import_id
        record = self.get(OBJECT, digest)
        return record["importId"] if record else import_id

    def seal(self, import_id: str, changes: Record, claim: RowsClaim | None) -> bool:
        """Seal an import that is being validated, and claim its rows, in one transaction.

        `claim` names what is stored with its rows then, as long as nobody changed that since it was read.
        False, and nothing changed, if the import is not VALIDATING any more or the claim was changed.
        """
        names = {f"#c{place}": name for place, name in enumerate(changes)}
        values = {f":c{place}": _serialize(value) for place, value in enumerate(changes.values())}
        actions: Any = [
            {
                "Update": {
                    "TableName": self._table,
                    "Key": _key(f"{IMPORT}#{import_id}", "META"),
                    "UpdateExpression": "SET " + ", ".join(f"#c{p} = :c{p}" for p in range(len(changes))),
                    "ConditionExpression": "#status = :validating",
                    "ExpressionAttributeNames": {**names, "#status": "status"},
                    "ExpressionAttributeValues": {**values, ":validating": {"S": "VALIDATING"}},
                }
            }
        ]
        if claim is not None:
            actions.append({"Put": self._claim(claim)})
        try:
            patiently(
                self._client.transact_write_items, Backoff.for_seconds(self._patience), TransactItems=actions
            )
        except ConditionFailedError:
            return False
        return True

    def _claim(self, claim: RowsClaim) -> Any:
        item = {"version": _serialize(claim.version + 1), "imports": _serialize(list(claim.imports))}
        unchanged: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if claim.version:
            unchanged = {
                "ConditionExpression": "version = :read",
                "ExpressionAttributeValues": {":read": {"N": str(claim.version)}},
            }
        key = _key(f"{ROWS}#{claim.digest}", "META")
        return {"TableName": self._table, "Item": {**key, **item}, **unchanged}

    def rows_claim(self, digest: str) -> RowsClaim:
        """The imports that were sealed with the same rows, as stored now."""
        record = self.get(ROWS, digest) or {"version": 0, "imports": []}
        return RowsClaim(digest, record["version"], tuple(record["imports"]))

    def file_owner(self, digest: str) -> str | None:
        """The import that redeemed a file with these bytes, as version 0.1 stored it."""
        record = self.get(FILE, digest)
        return record["importId"] if record else None

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

    def claim_unit(self, unit: str) -> Any:
        """The action of a unit's first grant: claims it, under a key that all spellings of it share."""
        return {
            "Put": {
                "TableName": self._table,
                "Item": {**_key(UNITS, claim_key(unit)), "unit": {"S": unit}},
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }

    def units(self) -> list[str]:
        """The units in which there are, or were, rewards; in their order."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :units",
            ExpressionAttributeValues={":units": {"S": UNITS}},
            ConsistentRead=True,
        )
        with translated():
            return sorted(item.get("unit", item["sk"])["S"] for page in pages for item in page["Items"])

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


def tally(
    results: Iterable[RowResult],
) -> tuple[int, dict[str, int], dict[str, int], dict[str, int]]:
    """How many results, how many of each outcome, the credits redeemed by unit (negative: reversed), and how
    many rows have each warning."""
    processed = 0
    outcomes: dict[str, int] = {}
    redeemed: dict[str, int] = {}
    warnings: dict[str, int] = {}
    for result in results:
        processed += 1
        outcomes[result.outcome] = outcomes.get(result.outcome, 0) + 1
        if result.redeemed:
            redeemed[result.unit] = redeemed.get(result.unit, 0) + result.redeemed
        for warning in result.warnings:
            warnings[warning] = warnings.get(warning, 0) + 1
    return processed, outcomes, redeemed, warnings


def _record(item: Mapping[str, Any]) -> Record:
    return {name: _deserialize(value) for name, value in item.items()}


def _key(pk: str, sk: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _chunk(number: int) -> str:
    return f"{_CHUNKS}{number:06d}"


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
