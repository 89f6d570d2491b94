"""The chunks of imports, in the table `Jobs`: who decides a chunk's rows, and which attempt counted it."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rewards.adapters.errors import ConditionFailedError, ThrottledError, translated
from rewards.adapters.jobs_table import IMPORT, META, JobsTable, Lease, item_key
from rewards.adapters.retry import Backoff
from rewards.domain.errors import ServiceError
from rewards.domain.outcomes import RowResult

_CHUNKS = "CHUNK#"

# A chunk's own record outlives its import, every copy of its message, and the parts that it names (a
# reversal reads them).
_SECONDS = 500 * 86_400


@dataclass(frozen=True, slots=True)
class ChunkRecord:
    """A chunk as it is stored.

    `attempt` names the part with its results once it is counted ("" of version 0.1), `partial_attempt` the
    part with those that stand before that. `workers` is how many have taken the lease since the chunk was
    last requeued because it came too early. If the chunk is not counted, they failed, or one still runs.
    """

    counted: bool = False
    owner: str = ""
    attempt: str = ""
    partial_attempt: str = ""
    workers: int = 0


@dataclass(frozen=True, slots=True)
class CountedPart:
    """The part with the results of a chunk, by the attempt that wrote it, and its SHA-256; None of an earlier
    version."""

    chunk: int
    attempt: str
    digest: str | None


@dataclass(frozen=True, slots=True)
class Tally:
    """What the results of a chunk add to its import's counts."""

    processed: int
    outcomes: Mapping[str, int]
    redeemed: Mapping[str, int]
    warnings: Mapping[str, int]


class ChunkRecords:
    """Leases and counts chunks. Moments are Unix milliseconds, unless they say otherwise."""

    def __init__(self, table: JobsTable) -> None:
        self._table = table

    def chunk(self, import_id: str, number: int) -> ChunkRecord:
        """A chunk as it is stored now (strongly consistent); an empty one if there is none."""
        record = self._table.get_item(_pk(import_id), _sk(number)) or {}
        return ChunkRecord(
            counted=record.get("counted", False),
            owner=record.get("leaseOwner", ""),
            attempt=record.get("attempt", ""),
            partial_attempt=record.get("partialAttempt", ""),
            workers=record.get("workers", 0),
        )

    def lease_chunk(self, import_id: str, chunk: int, owner: str, now: int, until: int) -> Lease:
        """Take a chunk for ourselves until a moment, so that only one decides its rows."""
        lease = self._table.lease_item(_pk(import_id), _sk(chunk), owner, now, until, "workers")
        if lease is Lease.TAKEN and self.chunk(import_id, chunk).counted:
            return Lease.COUNTED
        return lease

    def live_leases(self, import_id: str, now: int) -> set[str]:
        """Who has a chunk of the import in hand at a moment (strongly consistent)."""
        which = "attribute_not_exists(counted) AND leasedUntil >= :now"
        items = self._chunks(import_id, which, {":now": {"N": str(now)}})
        return {item["leaseOwner"]["S"] for item in items}

    def attempts(self, import_id: str, chunks: range) -> dict[int, str]:
        """The attempt that counts for each of these chunks of an import, if it is counted, by its number.

        Chunks that were counted before version 0.2 have none.
        """
        if not chunks:
            return {}
        items = self._table.items(
            KeyConditionExpression="pk = :import AND sk BETWEEN :first AND :last",
            FilterExpression="attribute_exists(attempt)",
            ExpressionAttributeValues={
                ":import": {"S": _pk(import_id)},
                ":first": {"S": _sk(chunks[0])},
                ":last": {"S": _sk(chunks[-1])},
            },
        )
        return {int(item["sk"]["S"].removeprefix(_CHUNKS)): item["attempt"]["S"] for item in items}

    def counted_parts(self, import_id: str) -> Iterator[CountedPart]:
        """Yield the part of each counted chunk, in their order (strongly consistent).

        The items of 200,000 chunks are 60 MB, of which one page at a time is in memory.
        """
        for item in self._chunks(import_id, "attribute_exists(counted)"):
            number = int(item["sk"]["S"].removeprefix(_CHUNKS))
            attempt, digest = (item.get(name, {}).get("S") for name in ("attempt", "digest"))
            yield CountedPart(number, attempt or "", digest)

    def counted(self, import_id: str) -> frozenset[int]:
        """The numbers of an import's chunks that are counted (strongly consistent)."""
        items = self._chunks(import_id, "attribute_exists(counted)")
        return frozenset(int(item["sk"]["S"].removeprefix(_CHUNKS)) for item in items)

    def _chunks(self, import_id: str, which: str, values: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """The items of an import's chunks that a filter lets pass (strongly consistent)."""
        return self._table.items(
            KeyConditionExpression="pk = :import AND begins_with(sk, :chunks)",
            FilterExpression=which,
            ExpressionAttributeValues={
                ":import": {"S": _pk(import_id)},
                ":chunks": {"S": _CHUNKS},
                **(values or {}),
            },
        )

    def end_chunk_lease(
        self, import_id: str, chunk: int, owner: str, partial: bool = False, too_early: bool = False
    ) -> None:
        """Release a chunk that was not counted; with `partial`, its owner's partial results stand.

        `too_early` says that its owner did not fail, but requeues its message.

        A lease runs out by itself, so errors are ignored: the caller has an error of its own to
        raise, and perhaps no time left.
        """
        more = (", partialAttempt = :me" if partial else "") + (", workers = :never" if too_early else "")
        with suppress(ServiceError), translated():
            self._table.client.update_item(
                TableName=self._table.name,
                Key=item_key(_pk(import_id), _sk(chunk)),
                UpdateExpression=f"SET leasedUntil = :never{more}",
                ConditionExpression="leaseOwner = :me",
                ExpressionAttributeValues={":never": {"N": "0"}, ":me": {"S": owner}},
            )

    def count_chunk(
        self,
        import_id: str,
        chunk: int,
        owner: str,
        results: Iterable[RowResult],
        digest: str,
        now: int,
        backoff: Backoff,
        rejected: Mapping[str, int] | None = None,
    ) -> None:
        """Add a chunk's results to the import's counts, once, and only for the owner of its lease.

        `digest` is the SHA-256 of the part with them. `rejected` is what its failed rows requested, in
        credits by unit.

        From then on the part that the owner wrote is the one that counts. The same write says that the import
        made progress. Raises ConditionFailedError if the lease is lost.
        """
        mark = {
            "TableName": self._table.name,
            "Key": item_key(_pk(import_id), _sk(chunk)),
            "UpdateExpression": "SET counted = :yes, attempt = :me, digest = :digest, #ttl = :ttl",
            "ConditionExpression": "leaseOwner = :me AND attribute_not_exists(counted)",
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": {
                ":yes": {"BOOL": True},
                ":ttl": {"N": str(now // 1000 + _SECONDS)},
                ":me": {"S": owner},
                ":digest": {"S": digest},
            },
        }
        add = self._add(import_id, tally(results), rejected or {}, now)
        actions: Any = [{"Update": mark}, {"Update": add}]
        while True:
            try:
                with translated():
                    self._table.client.transact_write_items(TransactItems=actions)
                return
            except ConditionFailedError:
                record = self.chunk(import_id, chunk)
                if record.counted and record.owner == owner:
                    return  # it was us: the answer to an earlier try was lost
                raise
            except ThrottledError:
                backoff.wait()

    def _add(self, import_id: str, counts: Tally, rejected: Mapping[str, int], now: int) -> Any:
        """The update that adds a chunk's counts to its import's."""
        names = {"#done": "chunksDone", "#rows": "processed"}
        values = {":one": {"N": "1"}, ":rows": {"N": str(counts.processed)}, ":now": {"N": str(now)}}
        adds = ["#done :one", "#rows :rows"]
        counted = {
            "outcomes": counts.outcomes,
            "redeemed": counts.redeemed,
            "rejected": rejected,
            "warnings": counts.warnings,
        }
        for prefix, of_prefix in counted.items():
            for place, (name, count) in enumerate(of_prefix.items()):
                names[f"#{prefix}"], names[f"#{prefix}{place}"] = prefix, name
                values[f":{prefix}{place}"] = {"N": str(count)}
                adds.append(f"#{prefix}.#{prefix}{place} :{prefix}{place}")
        return {
            "TableName": self._table.name,
            "Key": item_key(_pk(import_id), META),
            "UpdateExpression": "SET dateProgress = :now ADD " + ", ".join(adds),
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }


def tally(results: Iterable[RowResult]) -> Tally:
    """Count results: rows by outcome and by warning, and the credits by unit (negative: reversed)."""
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
    return Tally(processed, outcomes, redeemed, warnings)


def _pk(import_id: str) -> str:
    return f"{IMPORT}#{import_id}"


def _sk(number: int) -> str:
    return f"{_CHUNKS}{number:06d}"
