"""The end of an import: results.csv, failed.csv, the status, and the email if it sends one.

The upload is read once more beside the results, both in line order, so that memory does not
grow with the file. A row without a result is one that wanted nothing: UNCHANGED.
"""

import csv
import heapq
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from secrets import token_hex

from rewards.adapters.chunk_records import ChunkRecords
from rewards.adapters.errors import EmailNotSentError, LeaseTakenError, UploadGoneError
from rewards.adapters.files import Files
from rewards.adapters.import_jobs import ImportJobs
from rewards.adapters.sealed import Sealed
from rewards.domain import import_rows, reward_rows
from rewards.domain.download_names import results_name
from rewards.domain.errors import FaultError
from rewards.domain.examples import Examples
from rewards.domain.header import find_columns
from rewards.domain.id_limits import MAX_UNIT_BYTES
from rewards.domain.import_job import ImportFields, ImportJob, ImportStatus
from rewards.domain.job_error import JobError, JobFailure
from rewards.domain.object_keys import EXAMPLES, FAILED, RESULTS, import_key
from rewards.domain.outcomes import SETTLED, Outcome, RowResult
from rewards.domain.result_columns import FAILED_COLUMNS, RESULT_COLUMNS, own_width
from rewards.domain.spreadsheet import restore
from rewards.domain.texts import writable
from rewards.domain.units import format_value
from rewards.email import messages
from rewards.flows import leases
from rewards.flows.notifications import Notifications
from rewards.flows.open_upload import open_sheet
from rewards.tabular.sheet import Sheet

_CSV = "text/csv; charset=utf-8"


class ResultsError(FaultError):
    """The results do not cover the import's rows: a part is missing or double."""


_CANCELLED_UNREAD = "It was cancelled before its rows were checked, so no row was redeemed."

_RESULTS_FAILED = JobFailure(
    JobError.RESULTS_FAILED, "Every row was processed and counted, but results.csv could not be written."
)


class Finisher:
    """Finishes imports. `now` gives Unix milliseconds."""

    def __init__(
        self,
        jobs: ImportJobs,
        chunks: ChunkRecords,
        files: Files,
        notifications: Notifications,
        now: Callable[[], int],
    ) -> None:
        self._jobs = jobs
        self._chunks = chunks
        self._files = files
        self._notifications = notifications
        self._now = now

    def run(self, import_id: str) -> None:
        """Finish an import whose chunks are all counted; anything else is skipped.

        An import that ended as RESULTS_FAILED gets its results if what they are made of is still kept.
        Running it again is harmless: what was done is not done again. Raises LeaseTakenError while
        somebody else is at it: who has the message keeps it until the import has ended.
        """
        with self._leased(import_id, lambda job: job.lacks_results) as job:
            if job is None:
                return
            if job.awaits_results:
                self._write_results(job)
                self._end(import_id, {"results": True})
            elif job.lacks_results:
                written = self._write_results_again(job)
                if job.date_mailed and not written:
                    return
            self._mail(import_id)

    def fail(self, import_id: str) -> None:
        """Finishing failed permanently: the import ends all the same, and says what is missing.

        The requester is notified if possible; else the record says that it was not. Raises
        LeaseTakenError as `run` does.
        """
        with self._leased(import_id) as job:
            if job is None:
                return
            if job.awaits_results:
                self._end(import_id, {"error": _RESULTS_FAILED})
            try:
                self._mail(import_id)
            except EmailNotSentError as error:
                self._notifications.record_failure(self._jobs, import_id, str(error))

    @contextmanager
    def _leased(
        self, import_id: str, repeats: Callable[[ImportJob], bool] = lambda _: False
    ) -> Iterator[ImportJob | None]:
        """An import that is to be finished, for us alone; None if nothing is to be done.

        `repeats` says whether an import is finished again after its email was sent. It is read
        once more under the lease: somebody else may just have finished.
        """
        if self._unfinished(import_id, repeats) is None:
            yield None
            return
        owner = token_hex(8)
        if not self._jobs.lease(import_id, owner, self._now(), self._now() + leases.FINISH):
            raise LeaseTakenError(import_id)
        try:
            yield self._unfinished(import_id, repeats)
        finally:
            self._jobs.end_lease(import_id, owner)

    def _unfinished(self, import_id: str, repeats: Callable[[ImportJob], bool]) -> ImportJob | None:
        job = self._jobs.get(import_id)
        if job is None or not job.can_finish:
            return None
        silent = job.date_completed is not None and not job.sends_email
        return None if (job.date_mailed or silent) and not repeats(job) else job

    def _end(self, import_id: str, changes: ImportFields) -> None:
        """End an import, unless it has ended already: the first end stands.

        A cancelled import keeps its status, so the date says whether it has ended. The condition
        also rejects a request that arrives late, after another worker ended the import otherwise.
        """
        now = self._now()
        until = self._notifications.works_until(now)
        ended: ImportFields = {**changes, "date_completed": now, "date_expires": until}
        completed: ImportFields = {**ended, "status": ImportStatus.COMPLETED}
        for status, fields in ((ImportStatus.PROCESSING, completed), (ImportStatus.CANCELLED, ended)):
            if self._jobs.update(import_id, fields, status=status, date_completed=None):
                return

    def _write_results_again(self, job: ImportJob) -> bool:
        """Write the results of an import that ended as RESULTS_FAILED; False if its files are not kept.

        One write replaces the error by the results and makes a new email due.
        """
        try:
            self._write_results(job)
        except (UploadGoneError, FileNotFoundError):
            return False
        changes: ImportFields = {
            "results": True,
            "error": None,
            "date_expires": self._notifications.works_until(self._now()),
            "date_mailed": None,
        }
        return self._jobs.update(job.id, changes, error=job.error)

    def _write_results(self, job: ImportJob) -> None:
        with tempfile.TemporaryDirectory() as directory:
            results, failed = Path(directory, RESULTS), Path(directory, FAILED)
            with open_sheet(self._files, job) as sheet:
                needed = reward_rows.NEEDED if job.loads_rewards else import_rows.NEEDED
                examples = Examples(sheet.header[: own_width(sheet.header)], needed)
                has_failed_rows = self._join(job, sheet, results, failed, examples)
            self._files.save(str(results), import_key(job.id, RESULTS), _CSV)
            if has_failed_rows and job.reverses is None:
                self._files.save(str(failed), import_key(job.id, FAILED), _CSV)
        self._files.put_record(import_key(job.id, EXAMPLES), examples.record())

    def _join(self, job: ImportJob, sheet: Sheet, results: Path, failed: Path, examples: Examples) -> bool:
        """Write both files; whether there is any failed row."""
        # In an uploaded results.csv these columns are replaced.
        width, own = len(sheet.header), own_width(sheet.header)
        # Ids of rewards stay as they are: loading failed.csv has to find the same ones.
        ids = reward_rows.id_places(sheet.header) if job.loads_rewards else frozenset[int]()
        unit_place = find_columns(sheet.header, ("unit",), ())["unit"]
        # As the upload began, so do the results: spreadsheets need the mark, scripts trip over it.
        encoding = "utf-8-sig" if sheet.mark else "utf-8"
        # And with its separator: a decimal comma in a copied cell would mean something else.
        writer = partial(csv.writer, delimiter=sheet.separator)
        rows = with_result = failures = 0
        with (
            results.open("w", encoding=encoding, newline="") as results_file,
            failed.open("w", encoding=encoding, newline="") as failed_file,
        ):
            to_results, to_failed = writer(results_file), writer(failed_file)
            to_results.writerow([*sheet.header[:own], *RESULT_COLUMNS])
            to_failed.writerow([*sheet.header[:own], *FAILED_COLUMNS])
            row_results = self._row_results(job)
            row_result = next(row_results, None)
            for line, row in sheet.rows:
                rows += 1
                cells, extra = _fitted(row, width, own)
                if sheet.neutralised:
                    cells = [restore(c) if n in ids else c for n, c in enumerate(map(writable, cells))]
                unit = _unit_in(row, unit_place)
                if row_result is None or row_result.line != line:
                    unchanged = _result_cells(job.id, RowResult(line, Outcome.UNCHANGED), unit)
                    to_results.writerow([*cells, *unchanged, *extra])
                    continue
                with_result += 1
                examples.add(cells, row_result)
                to_results.writerow([*cells, *_result_cells(job.id, row_result, unit), *extra])
                if row_result.outcome not in SETTLED:
                    failures += 1
                    to_failed.writerow([*cells, row_result.outcome, row_result.message, *extra])
                row_result = next(row_results, None)
        skipped = 0 if job.loads_rewards else job.outcomes.get(Outcome.UNCHANGED, 0)
        expected = job.rows - skipped  # a reward that was loaded before is a result of a chunk
        if row_result is not None or rows != job.rows or with_result != expected:
            raise ResultsError(f"{with_result} of {expected} results, {rows} of {job.rows} rows")
        return failures > 0

    def _row_results(self, job: ImportJob) -> Iterator[RowResult]:
        return heapq.merge(
            # Version 0.1 kept the results of rejected rows beside those of chunks.
            Sealed(self._files, job.id, job.seal).results()
            if job.seal
            else self._files.results(job.id, "checked", job.parts),
            self._files.results(job.id, "chunk", job.chunks, self._chunks.attempts(job.id)),
            key=lambda row_result: row_result.line,
        )

    def _mail(self, import_id: str) -> None:
        job = self._jobs.get(import_id)
        if job is None or not job.sends_email:
            return
        summary = messages.ImportSummary(
            name=job.name,
            file_name=job.file_name,
            import_id=import_id,
            console_url=self._notifications.console(f"import/{import_id}"),
            purpose=job.purpose,
            cancelled=job.status is ImportStatus.CANCELLED,
            outcomes=job.outcomes,
            warnings=job.warnings,
            file_warnings=job.file_warnings,
            redeemed=job.redeemed,
        )
        until = job.date_expires
        if job.results and until is not None:
            email = messages.import_finished(
                summary,
                self._link(job, until, RESULTS),
                self._link(job, until, FAILED) if job.has_failed_file else None,
                until,
            )
        elif job.error is None:
            email = messages.import_without_results(summary, _CANCELLED_UNREAD)
        elif job.status is ImportStatus.ABORTED:
            email = messages.import_rejected(summary, job.error.code, job.error.message)
        else:
            email = messages.import_without_results(summary, job.error.message)
        self._notifications.mail(self._jobs, import_id, job.mailto_email, email)

    def _link(self, job: ImportJob, until: int, file: str) -> str:
        return self._notifications.link(import_key(job.id, file), until, results_name(job.name, file))


def _fitted(row: Sequence[str], width: int, own: int) -> tuple[list[str], list[str]]:
    """The row's cells in the `own` columns, and any cells beyond the header's width, kept at the end."""
    return [*row[:own], *[""] * (own - len(row))], [cell for cell in row[width:] if cell]


def _unit_in(row: Sequence[str], place: int) -> str:
    """The unit that a row of the upload shows, "" for a text that cannot be a unit."""
    unit = restore(row[place]).strip() if place < len(row) else ""
    return unit if len(unit) <= MAX_UNIT_BYTES else ""


def _result_cells(import_id: str, row_result: RowResult, unit: str) -> list[str]:
    """The cells of RESULT_COLUMNS; amounts have the decimals of the result's unit, else of the row's `unit`.

    A row that was redeemed earlier names that redemption, so that these results, uploaded again, find it.
    """
    owner, line = row_result.redeemed_by or (import_id, row_result.line)
    unit = row_result.unit or unit
    remaining = "" if row_result.available is None else format_value(row_result.available, unit)
    redeemed = format_value(row_result.redeemed, unit)
    return [str(line), owner, row_result.outcome, redeemed, remaining, row_result.message]
