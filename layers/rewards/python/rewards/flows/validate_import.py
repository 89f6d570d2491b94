"""Upload -> checked rows -> stored chunks -> the queue.

The whole file is read before the first chunk is sent, so a file that is rejected at its last line has
redeemed nothing. Meanwhile the chunks, and the results of rejected rows, are stored under the attempt's own
key. The import is sealed by one write that names the attempt; from then on no rule is applied to the file
again: whoever sends chunks, now or later, reads the stored ones.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rewards.adapters import metrics
from rewards.adapters.errors import UploadGoneError, UploadUnreadableError
from rewards.adapters.export_jobs import ExportJobs
from rewards.adapters.files import Files
from rewards.adapters.import_jobs import ImportJobs
from rewards.adapters.queue_messages import chunk_bodies
from rewards.adapters.retry import Backoff, OutOfTimeError
from rewards.adapters.row_claims import RowClaims, RowsClaim
from rewards.adapters.sealing import Attempt
from rewards.domain.balance import RedemptionRequest
from rewards.domain.control_totals import TotalsMismatchError, check_totals
from rewards.domain.dates import to_the_minute
from rewards.domain.duplicates import RowSet, counts_as_imported
from rewards.domain.import_job import ImportFields, ImportJob, ImportStatus
from rewards.domain.import_rows import RowChecker
from rewards.domain.outcomes import FileProblem, FileRejectedError, Outcome, RowResult, WarningCode
from rewards.domain.plain_rows import PlainRows
from rewards.domain.receipt import BlockDigest
from rewards.domain.repair import NO_REPORTS, Reports
from rewards.domain.result_groups import GroupCutter, ResultGroup
from rewards.domain.reward_rows import Grant
from rewards.domain.row_ids import RowIdKeys
from rewards.domain.unit_totals import RequestedTotals
from rewards.flows.approval_gate import ApprovalGate
from rewards.flows.check_rows import Priors, Reading, check_rows
from rewards.flows.open_upload import detect_encoding, open_sheet
from rewards.flows.row_id_lookup import find_reports, known_exports
from rewards.flows.uploaded_imports import UNREADABLE, Uploaded, UploadedImports
from rewards.tabular.csv_blocks import Block, NotInBlocksError
from rewards.tabular.csv_reader import NotUtf8Error
from rewards.tabular.encodings import UTF_8

logger = logging.getLogger(__name__)

# Bytes of a file whose rows are checked in time; version 0.1 took no larger ones.
_ALWAYS_FITS = 2 << 30
# The most rows that a function can check in its time, and the most that one function can finish, if the file
# is not finished in groups (docs/performance.md).
MAX_ROWS = 100_000_000
MAX_ROWS_UNCUT = 60_000_000


@dataclass
class _Found:
    """What reading the file found, besides the rows that travel, which `attempt` stored. `exports` are the
    reports named by rows that do not fit their rowIds."""

    attempt: Attempt
    totals: RequestedTotals

    encoding: str | None = None
    separator: str | None = None
    rows: int = 0
    chunks: int = 0
    chunked_rows: int = 0
    row_set: RowSet = field(default_factory=RowSet)
    exports: dict[str, None] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    row_warnings: dict[str, int] = field(default_factory=dict)
    sent_warnings: dict[str, int] = field(default_factory=dict)
    warnings: Mapping[WarningCode, str] = field(default_factory=dict)
    cutter: GroupCutter = field(default_factory=GroupCutter)
    upload: BlockDigest = field(default_factory=BlockDigest)

    def cut(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Blocks, of which each is looked at once the rows of those before it are counted."""
        for block in blocks:
            self.cutter.block(
                block.bytes, block.size, block.first, self.rows, self.chunks + 1, self.attempt.next_part
            )
            yield block

    def count(self, outcome: Outcome, rows: int) -> None:
        """Count rows that have their result."""
        if rows:
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + rows

    def add(self, rows: int) -> None:
        """Count rows that are not blank. Raises FileRejectedError if they are too many."""
        self.rows += rows
        if self.rows > MAX_ROWS_UNCUT:
            most = MAX_ROWS if self.encoding == UTF_8 and self.cutter.has_cut else MAX_ROWS_UNCUT
            if self.rows > most:
                raise FileRejectedError(
                    FileProblem.FILE_TOO_LARGE, f"The file has more than {most:,} rows. Nothing was redeemed."
                )

    @property
    def rows_with_value(self) -> int:
        """The rows that are not skipped."""
        return self.rows - self.outcomes.get(Outcome.UNCHANGED, 0)

    def groups(self, size: int) -> Sequence[ResultGroup]:
        """The groups after the first in which the file of so many bytes is finished.

        There are none in a file that is read row by row, or is not UTF-8.
        """
        return self.cutter.groups(size) if self.encoding == UTF_8 else []


class Validation:
    """Validates uploads. `now` gives Unix milliseconds."""

    def __init__(
        self,
        jobs: ImportJobs,
        exports: ExportJobs,
        claims: RowClaims,
        files: Files,
        uploads: UploadedImports,
        gate: ApprovalGate,
        row_id_keys: Callable[[], RowIdKeys],
        now: Callable[[], int],
    ) -> None:
        self._jobs = jobs
        self._exports = exports
        self._claims = claims
        self._files = files
        self._uploads = uploads
        self._gate = gate
        self._row_id_keys = row_id_keys
        self._now = now

    def run(self, uploaded: Uploaded, backoff: Backoff) -> str | None:
        """Validate an uploaded object; the import's id, or None if it is not to be imported.

        Running it again is harmless.
        """
        job = self._uploads.find(uploaded)
        if job is None:
            return None
        logger.info("upload found", extra={"import_id": job.id, "status": job.status.value})
        if job.status is ImportStatus.VALIDATING:
            try:
                self._validate(job, backoff)
            except TotalsMismatchError as mismatch:
                self._uploads.abort(job.id, mismatch.code, mismatch.message, mismatch.differences)
            except FileRejectedError as rejection:
                self._uploads.abort(job.id, rejection.code, rejection.message)
            except (UploadGoneError, UploadUnreadableError) as error:
                self._uploads.abort(job.id, *UNREADABLE[type(error)])
        self._uploads.continue_(job, backoff)
        return job.id

    def _validate(self, job: ImportJob, backoff: Backoff) -> None:
        """Check the file and seal the import. Raises FileRejectedError, and errors of the upload."""
        found = self._read(job, backoff)
        try:
            check_totals(job.expected, found.rows_with_value, found.totals)
            sealed = self._seal(job, found)
        except (FileRejectedError, UploadGoneError, UploadUnreadableError):
            found.attempt.discard()
            raise
        if not sealed:  # another attempt was faster, or the import was aborted or cancelled meanwhile
            found.attempt.discard()
        elif not job.dry_run:
            metrics.record_rows(found.outcomes)

    def _seal(self, job: ImportJob, found: _Found) -> bool:
        """Seal the import with what was found; False if it is not to be sealed any more."""
        seal = found.attempt.close(found.groups(job.size))
        # Rejected rows are counted here; the others chunk by chunk.
        changes: ImportFields = {
            "encoding": found.encoding,
            "separator": found.separator,
            "rows": found.rows,
            "processed": found.rows - found.chunked_rows,
            "outcomes": found.outcomes,
            "requested": found.totals.requested,
            "rejected": found.totals.rejected,
            "warnings": {**found.row_warnings, **dict.fromkeys(map(str, found.warnings), 1)},
            "file_warnings": {str(code): text for code, text in found.warnings.items()},
            "chunks": found.chunks,
            "seal": seal,
            "upload_digest": self._upload_digest(job, found),
            "sent_files": 0,
            "date_progress": self._now(),
        }
        while True:
            claim = self._claim(job, found)
            admission = self._gate.admit(job, found.totals.requested, found.chunks)
            sealed: ImportFields = {**changes, **admission.fields}
            if admission.status is ImportStatus.AWAITING_APPROVAL:
                sealed["sent_warnings"] = found.sent_warnings
            if self._jobs.seal(job.id, sealed, claim, admission.record):
                return True
            now = self._jobs.get(job.id)
            if now is None or now.status is not ImportStatus.VALIDATING:
                # Sealed by us, if only the result to our write was lost on the way.
                return now is not None and now.seal == seal

    def _upload_digest(self, job: ImportJob, found: _Found) -> str:
        if found.upload.size == job.size:
            return found.upload.hexdigest()
        # The rows ended before the file did.
        return self._files.block_digest_of_upload(job.bucket, job.key, job.version_id)

    def _claim(self, job: ImportJob, found: _Found) -> RowsClaim | None:
        """The claim that the seal stores for the file's rows, if one could be imported twice unnoticed.

        Raises FileRejectedError if the same rows were imported before, unless that is allowed.
        """
        if not found.row_set.any_unidentified:
            return None
        claim = self._claims.read(found.row_set.digest())
        earlier = [*claim.imports]
        if job.size <= _ALWAYS_FITS:
            digest = self._files.digest_of_upload(job.bucket, job.key, job.version_id)
            old_owner = self._claims.file_owner(digest)
            if old_owner is not None:
                earlier.append(old_owner)
        counting = [each for each in earlier if each != job.id and self._counts(each)]
        if counting and not job.allow_duplicate:
            raise FileRejectedError(FileProblem.DUPLICATE_FILE, self._duplicate_of(counting[-1]))
        if job.dry_run:
            return None
        return replace(claim, imports=(*(each for each in claim.imports if each in counting), job.id))

    def _counts(self, import_id: str) -> bool:
        earlier = self._jobs.get(import_id)
        if earlier is None:
            return False
        reversal = self._jobs.get(earlier.reversed_by) if earlier.reversed_by else None
        return counts_as_imported(earlier, reversal, self._now())

    def _duplicate_of(self, import_id: str) -> str:
        earlier = self._jobs.get(import_id)
        name, created = (earlier.name, earlier.date_created) if earlier else ("", 0)
        return (
            f"Import {import_id} (“{name[:100]}”, {to_the_minute(created)}) "
            "has exactly the same rows. Rows without a rowId are not recognised when they are uploaded "
            "again, so nothing was redeemed."
        )

    def _read(self, job: ImportJob, backoff: Backoff) -> _Found:
        """Check every row, and return what was found. Raises FileRejectedError, also if time is up.

        The encoding of a file that is not UTF-8 is detected, stored and used from then on. The file is read
        again if rows that do not fit their rowIds name reports of this stack, which may repair them.
        """
        try:
            found = self._read_as(job, NO_REPORTS, backoff)
        except NotUtf8Error:
            job = self._with_encoding(job)
            found = self._read_as(job, NO_REPORTS, backoff)
        known = known_exports(found.exports, self._exports)
        if known:
            found.attempt.discard()
            with open_sheet(self._files, job) as sheet:
                survey = RowChecker(sheet.header, job.date_created, self._row_id_keys()).survey(sheet.rows)
            reports = find_reports(known, survey, self._files, self._now())
            del survey  # as large as the reports
            found = self._read_as(job, reports, backoff)
        if found.rows == 0:
            found.attempt.discard()
            raise FileRejectedError(FileProblem.EMPTY_FILE, "The file has no rows below the header.")
        return found

    def _with_encoding(self, job: ImportJob) -> ImportJob:
        """The import with the encoding that was detected: every later reading uses it."""
        detected = detect_encoding(self._files, job)
        changes: ImportFields = {
            "encoding": detected.encoding,
            "encoding_detected": True,
            "encoding_line": detected.line,
        }
        self._jobs.update(job.id, changes, status=ImportStatus.VALIDATING, encoding=None)
        return replace(job, encoding=detected.encoding, encoding_detected=True, encoding_line=detected.line)

    def _read_as(self, job: ImportJob, reports: Reports, backoff: Backoff) -> _Found:
        """Check every row in the import's encoding.

        A first reading in blocks takes it that no row is a duplicate and that each has a rowId. If that is
        wrong, the file is read once more.
        """
        reading = Reading()
        try:
            found = self._read_once(job, reports, reading, backoff)
            if reading.search is None:
                return found
            repeated = reading.search.repeated()
            if repeated == frozenset() and not found.row_set.any_without_row_id:
                return found
            found.attempt.discard()
            reading = Reading(in_blocks=repeated is not None, repeated=repeated)
            return self._read_once(job, reports, reading, backoff)
        except NotInBlocksError:
            return self._read_once(job, reports, Reading(in_blocks=False), backoff)

    def _read_once(self, job: ImportJob, reports: Reports, reading: Reading, backoff: Backoff) -> _Found:
        """Check every row once; an attempt that comes to no end deletes what it stored."""
        expected = job.expected.units if job.expected else frozenset()
        found = _Found(Attempt(self._files, job.id), RequestedTotals(expected))
        try:
            with open_sheet(self._files, job, digest=found.upload) as sheet:
                found.encoding = sheet.encoding
                found.separator = sheet.separator if sheet.encoding else None
                if sheet.blocks is not None:
                    read = sheet.blocks
                    sheet = replace(sheet, blocks=lambda first: found.cut(read(first)))
                priors = Priors(self._jobs)
                checked = check_rows(
                    job, sheet, self._row_id_keys, reports, priors, found.exports, found.totals, reading
                )
                if job.size > _ALWAYS_FITS:
                    checked = _in_time(checked, job, backoff)
                rows = _rows_to_send(checked, found, reading)
                for body in chunk_bodies(job.id, job.dry_run, rows):
                    found.chunks += 1
                    found.attempt.add_chunk(body)
                found.warnings = sheet.warnings
        except Exception:  # nothing is sealed yet, so these files are not read
            found.attempt.discard()
            raise
        return found


def _in_time(
    checked: Iterable[RedemptionRequest | Grant | RowResult | PlainRows], job: ImportJob, backoff: Backoff
) -> Iterator[RedemptionRequest | Grant | RowResult | PlainRows]:
    """What was checked, as long as there is time. Raises FileRejectedError."""
    for number, row in enumerate(checked):
        if number % 100 == 0:
            try:
                backoff.check()
            except OutOfTimeError as error:
                raise FileRejectedError(
                    FileProblem.FILE_TOO_LARGE,
                    f"The file has {job.size:,} bytes, and could not be checked in the 15 minutes that there "
                    "are. Nothing was redeemed.",
                ) from error
        yield row


def _rows_to_send(
    checked: Iterable[RedemptionRequest | Grant | RowResult | PlainRows], found: _Found, reading: Reading
) -> Iterator[RedemptionRequest | Grant | PlainRows]:
    """The rows that travel; the others have their results, and all are counted."""
    for row in checked:
        if isinstance(row, PlainRows):
            found.add(row.skipped + len(row))
            found.count(Outcome.UNCHANGED, row.skipped)
            found.chunked_rows += len(row)
            found.totals.request_all(row.units, row.values)
            if reading.search is None:
                found.row_set.add_plain(row)
            yield row
            continue
        found.add(1)
        if isinstance(row, RowResult):
            found.count(row.outcome, 1)
            for warning in row.warnings:
                found.row_warnings[warning] = found.row_warnings.get(warning, 0) + 1
            if row.outcome is not Outcome.UNCHANGED:
                found.attempt.add_result(row)
            continue
        found.chunked_rows += 1
        found.totals.request(row.unit, row.value)
        if isinstance(row, RedemptionRequest):
            for warning in row.warnings if row.row_id else (WarningCode.NO_ROW_ID, *row.warnings):
                found.sent_warnings[warning] = found.sent_warnings.get(warning, 0) + 1
            found.row_set.add(row)
        yield row
