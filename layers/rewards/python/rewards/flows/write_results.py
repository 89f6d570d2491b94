"""results.csv and failed.csv of an import: in one function call, or in groups of rows that are joined apart.

A file is in groups if validation found where to cut it (`result_groups`). Each group has a message, and its
results are a file of their own. The function that joins the last one sends the message to finish the import;
S3 then makes one file of all. `join_results` makes the lines.
"""

import gzip
import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import TypedDict

from rewards.adapters.chunk_records import ChunkRecords
from rewards.adapters.errors import UploadGoneError
from rewards.adapters.files import Files
from rewards.adapters.import_jobs import ImportJobs
from rewards.adapters.parallel import read_ahead
from rewards.adapters.queue_messages import encode
from rewards.adapters.queues import Queues
from rewards.adapters.retry import Backoff
from rewards.adapters.sealed import Sealed
from rewards.domain.errors import FaultError
from rewards.domain.examples import ExamplesRecord, merged
from rewards.domain.import_job import ImportJob
from rewards.domain.messages import FinishImport, JoinGroup
from rewards.domain.object_keys import EXAMPLES, FAILED, JOINED, RESULTS, group_key, import_key, part_name
from rewards.domain.outcomes import Outcome, RowResult
from rewards.domain.result_groups import FIRST_GROUP, ResultGroup
from rewards.flows.join_results import ResultsJoin
from rewards.flows.open_upload import open_sheet
from rewards.tabular.csv_blocks import Block, NotInBlocksError, read_blocks_again

_CSV = "text/csv; charset=utf-8"
_PIECE = 1 << 20
_PATIENCE = 60  # seconds, if SQS throttles


class ResultsError(FaultError):
    """The results do not cover the import's rows: a part is missing or duplicated."""


class _Joined(TypedDict):
    """What a group's record says: its rows, how many had a result and failed, and the rows to show."""

    rows: int
    used: int
    failures: int
    examples: ExamplesRecord


class ResultsWriter:
    """Writes results. `now` gives Unix milliseconds."""

    def __init__(
        self,
        jobs: ImportJobs,
        chunks: ChunkRecords,
        files: Files,
        queues: Queues,
        finish_queue_url: str,
        now: Callable[[], int],
    ) -> None:
        self._jobs = jobs
        self._chunks = chunks
        self._files = files
        self._queues = queues
        self._finish_queue_url = finish_queue_url
        self._now = now

    def write(self, job: ImportJob) -> bool:
        """Write the results of an import whose chunks are counted; False while its groups are not joined.

        Sends the messages of groups that are not joined. Raises ResultsError, and FileNotFoundError or
        UploadGoneError if what results are made of was deleted.
        """
        sealed = self._sealed(job)
        groups = _groups(sealed)
        if len(groups) == 1:
            self._write_whole(job, sealed)
            return True
        numbers = range(1, len(groups) + 1)
        waiting = [encode(JoinGroup(job.id, number)) for number in numbers if number not in job.joined]
        if waiting:
            self._queues.send_all(self._finish_queue_url, waiting, Backoff.for_seconds(_PATIENCE))
            return False
        try:
            self._concatenate(job, numbers)
        except (ResultsError, FileNotFoundError):
            self._jobs.forget_groups(job.id)  # so that the next message joins them again
            raise
        return True

    def join(self, message: JoinGroup) -> None:
        """Join the results of a group of rows, and count it. Running it again is harmless.

        Raises as `write` does, unless the import has ended without results: then they are not kept.
        """
        job = self._jobs.get(message.import_id)
        if job is None or not (job.awaits_results or job.lacks_results):
            return
        sealed = self._sealed(job)
        key = partial(group_key, job.id, message.number)
        try:
            joined = self._join(job, sealed, message.number, key(RESULTS), key(FAILED), in_blocks=True)
        except (FileNotFoundError, UploadGoneError):
            if job.lacks_results:
                return
            raise
        self._files.put_record(key(JOINED), joined)
        if self._jobs.count_group(job.id, message.number, self._now()) == len(_groups(sealed)):
            self._queues.send(self._finish_queue_url, FinishImport(job.id))

    def _write_whole(self, job: ImportJob, sealed: Sealed | None) -> None:
        results, failed = import_key(job.id, RESULTS), import_key(job.id, FAILED)
        try:
            joined = self._join(job, sealed, 1, results, failed, in_blocks=True)
        except NotInBlocksError:
            joined = self._join(job, sealed, 1, results, failed, in_blocks=False)
        self._files.put_record(import_key(job.id, EXAMPLES), joined["examples"])

    def _concatenate(self, job: ImportJob, numbers: Sequence[int]) -> None:
        joined = [*read_ahead(partial(self._joined, job), numbers)]
        _check(job, sum(each["rows"] for each in joined), sum(each["used"] for each in joined))
        keys = [group_key(job.id, number, RESULTS) for number in numbers]
        self._files.concatenate(keys, import_key(job.id, RESULTS), _CSV)
        failed = [number for number, each in zip(numbers, joined, strict=True) if each["failures"]]
        if failed and job.reverses is None:
            # The first group begins with the header. S3 does not take small ones as parts.
            pieces = chain.from_iterable(self._failed(job, number) for number in sorted({1, *failed}))
            self._files.stream(pieces, import_key(job.id, FAILED), _CSV)
        self._files.put_record(import_key(job.id, EXAMPLES), merged([each["examples"] for each in joined]))

    def _joined(self, job: ImportJob, number: int) -> _Joined:
        key = group_key(job.id, number, JOINED)
        record: _Joined | None = self._files.record(key)
        if record is None:
            raise FileNotFoundError(key)
        return record

    def _failed(self, job: ImportJob, number: int) -> Iterator[bytes]:
        key = group_key(job.id, number, FAILED)
        file = self._files.open_file(key)
        if file is None:
            raise FileNotFoundError(key)
        with file:
            yield from iter(partial(file.read, _PIECE), b"")

    def _join(
        self,
        job: ImportJob,
        sealed: Sealed | None,
        number: int,
        results: str,
        failed: str,
        *,
        in_blocks: bool,
    ) -> _Joined:
        """Write the results of a group, and its failed rows if there are any, to files with these keys."""
        groups = _groups(sealed)
        group, following = groups[number - 1], groups[number] if number < len(groups) else None
        last = job.chunks if following is None else min(following.chunk, job.chunks)
        # In a compressed file: every row may have failed.
        with tempfile.TemporaryFile() as file, gzip.open(file, "wb", compresslevel=1) as rows_failed:
            # The first group has the header, which the others need as well.
            with open_sheet(self._files, job, groups[1].offset if len(groups) > 1 else None) as sheet:
                join = ResultsJoin(
                    job.id,
                    sheet,
                    self._files.parts(job.id, self._parts_of_chunks(job, range(group.chunk, last + 1))),
                    self._rejected(job, sealed, group.part),
                    rewards=job.loads_rewards,
                    fail=lambda text: rows_failed.write(text.encode()),
                )
                if number == 1:
                    texts = join.lines(in_blocks)
                else:
                    blocks = self._blocks(job, group, following, sheet.separator)
                    texts = join.lines_of_group(group.line, blocks)
                self._files.stream(_checked(join, texts, job, whole=len(groups) == 1), results, _CSV)
            has_header_of_all = number == 1 and len(groups) > 1
            if (join.failures or has_header_of_all) and job.reverses is None:
                rows_failed.close()
                file.seek(0)
                with gzip.open(file) as whole:
                    self._files.stream(iter(partial(whole.read, _PIECE), b""), failed, _CSV)
        return {
            "rows": join.rows,
            "used": join.used,
            "failures": join.failures,
            "examples": join.examples.record(),
        }

    def _sealed(self, job: ImportJob) -> Sealed | None:
        """What validation stored of the import's file, a reversal's too; version 0.1 stored nothing."""
        validated = job if job.reverses is None else self._jobs.get(job.reverses)
        if validated is None or validated.seal is None:
            return None
        return Sealed(self._files, validated.id, validated.seal)

    def _blocks(
        self, job: ImportJob, group: ResultGroup, following: ResultGroup | None, separator: str
    ) -> Iterator[Block]:
        """The records of a group other than the first. Files that are not UTF-8 have none."""
        end = None if following is None else following.offset
        stream = self._files.open_upload(job.bucket, job.key, job.version_id, group.offset, end)
        with io.TextIOWrapper(stream, encoding="utf-8", newline="") as text:
            yield from read_blocks_again(text, separator, group.line)

    def _parts_of_chunks(self, job: ImportJob, numbers: range) -> Iterator[str]:
        attempts = self._chunks.attempts(job.id, numbers)
        return (part_name("chunk", number, attempts.get(number, "")) for number in numbers)

    def _rejected(self, job: ImportJob, sealed: Sealed | None, part: int) -> Iterator[RowResult]:
        """The results of rows that were rejected without a look at their balances, in line order, from a
        part on."""
        if sealed is not None and job.reverses is None:
            return sealed.results(part)
        # Version 0.1 kept them beside those of chunks.
        names = (part_name("checked", number) for number in range(1, job.parts + 1))
        return chain.from_iterable(self._files.part(job.id, name) for name in names)


def _groups(sealed: Sealed | None) -> Sequence[ResultGroup]:
    """The groups of an import; those of a reversal are the same as of the import that it reverses."""
    return [FIRST_GROUP] if sealed is None else sealed.groups


def _checked(join: ResultsJoin, texts: Iterator[str], job: ImportJob, *, whole: bool) -> Iterator[bytes]:
    """The pieces of results.csv. Raises ResultsError at the end if the results are not those of the rows."""
    for text in texts:
        yield text.encode()
    if not join.complete:
        raise ResultsError(f"{join.used} results have a row, others of {job.id} have none")
    if whole:
        _check(job, join.rows, join.used)


def _check(job: ImportJob, rows: int, used: int) -> None:
    """Compare the rows and results that were joined with those of the import. Raises ResultsError."""
    skipped = 0 if job.loads_rewards else job.outcomes.get(Outcome.UNCHANGED, 0)
    expected = job.rows - skipped  # a reward that was loaded before is a result of a chunk
    if rows != job.rows or used != expected:
        raise ResultsError(f"{used} of {expected} results, {rows} of {job.rows} rows")
