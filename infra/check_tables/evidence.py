"""What the files bucket says of imports: the stored chunks of their rows, and the results of these."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from rewards.adapters.queue_messages import chunk_number, decode_chunks
from rewards.adapters.result_parts import decode_results
from rewards.adapters.sealed import SealBrokenError, Sealed
from rewards.bootstrap import Flows
from rewards.domain.import_job import ImportJob, Seal
from rewards.domain.messages import ChunkMessage
from rewards.domain.object_keys import parse_part_key, sealed_manifest_key
from rewards.domain.outcomes import Outcome, RowResult

_MANIFEST = "manifest.json"
# No moment before this can be restored (milliseconds): 35 days, and one for what ran at that moment.
_RESTORABLE = 36 * 86_400_000


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """A part of an import's results, and when it was written (Unix ms): just after its rows were redeemed."""

    written: int
    import_id: str
    chunk: int
    key: str = field(compare=False)


class Evidence:
    """Reads the files of imports, and their records."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows
        # Parts and chunks of an import come one after the other.
        self.job = lru_cache(1024)(self._job)
        self._results = lru_cache(4)(self._read_results)
        self._sealed = lru_cache(16)(self._read_sealed)
        self._numbers = lru_cache(16)(self._read_numbers)
        self._bodies = lru_cache(4)(self._read_bodies)

    @cached_property
    def parts(self) -> list[Part]:
        """The parts that were written in the last 36 days, in the order in which they were.

        There can be several of a chunk. Each was written after its rows, so every row that one of them calls
        redeemed was redeemed.
        """
        return sorted(self._list_parts())

    def _list_parts(self) -> Iterator[Part]:
        oldest = self._flows.now() - _RESTORABLE
        for prefix in ("evidence/", "imports/"):
            for key, written in self._list(prefix):
                found = parse_part_key(key)
                if found is not None and written >= oldest:
                    yield Part(written, *found, key)

    def parts_of(self, import_id: str) -> list[Part]:
        """The parts of one import."""
        return self._parts_by_import.get(import_id, [])

    @cached_property
    def _parts_by_import(self) -> dict[str, list[Part]]:
        found: dict[str, list[Part]] = {}
        for part in self.parts:
            found.setdefault(part.import_id, []).append(part)
        return found

    def results(self, part: Part, outcome: Outcome) -> list[RowResult]:
        """The results with this outcome in a part; none if it was deleted."""
        return [each for each in self._results(part) if each.outcome is outcome]

    def _read_results(self, part: Part) -> list[RowResult]:
        body = self._flows.files.get(part.key)
        return [] if body is None else decode_results(body)

    def _job(self, import_id: str) -> ImportJob | None:
        """The record of an import, or None."""
        return self._flows.import_jobs.get(import_id)

    def chunk(self, part: Part) -> ChunkMessage | None:
        """The stored chunk of a part; None if it is missing, was changed, or is one of several."""
        number = self._numbers(part.import_id).get(part.chunk)
        if number is None:
            return None
        bodies = self._bodies(part.import_id, number)
        return next(decode_chunks(body) for body in bodies if chunk_number(body) == part.chunk)

    def chunks(self, import_id: str) -> Iterator[ChunkMessage]:
        """The stored chunks of an import; none if they are missing, were changed, or are some of several."""
        for number in dict.fromkeys(self._numbers(import_id).values()):
            yield from map(decode_chunks, self._bodies(import_id, number))

    def _read_numbers(self, import_id: str) -> dict[int, int]:
        """Which file of chunks has a chunk, both by number."""
        sealed = self._sealed(import_id)
        try:
            return {
                chunk_number(body): number
                for number in range(1, (sealed.chunk_files if sealed else 0) + 1)
                for body in self._bodies(import_id, number)
            }
        except SealBrokenError:
            return {}

    def _read_bodies(self, import_id: str, number: int) -> list[str]:
        sealed = self._sealed(import_id)
        return sealed.chunks(number) if sealed else []

    def _read_sealed(self, import_id: str) -> Sealed | None:
        """What was sealed, by the import's record; without a record, if there was only one attempt."""
        job = self.job(import_id)
        try:
            if job is not None:
                return None if job.seal is None else Sealed(self._flows.files, import_id, job.seal)
            keys = [key for key, _ in self._list(f"evidence/{import_id}/sealed/") if key.endswith(_MANIFEST)]
            if len(keys) != 1:
                return None
            attempt = keys[0].split("/")[-2]
            manifest = self._flows.files.get(sealed_manifest_key(import_id, attempt)) or b""
            return Sealed(self._flows.files, import_id, Seal(attempt, hashlib.sha256(manifest).hexdigest()))
        except SealBrokenError:
            return None

    def _list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """The keys with a prefix, and when each was written (Unix ms)."""
        pages = self._flows.client("s3").get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._flows.settings.files_bucket, Prefix=prefix):
            for each in page.get("Contents", ()):
                yield each["Key"], int(each["LastModified"].timestamp() * 1000)
