"""Export request -> file -> email."""

import errno
import gc
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from secrets import token_hex

from rewards.adapters.errors import LeaseTakenError
from rewards.adapters.export_jobs import ExportJobs
from rewards.adapters.files import Files
from rewards.adapters.retry import OutOfTimeError
from rewards.adapters.scanner import Scanner
from rewards.domain.cells import Table
from rewards.domain.errors import RejectedError
from rewards.domain.export_job import ExportJob, ExportStatus
from rewards.domain.filters import Filters
from rewards.domain.job_error import JobError
from rewards.domain.object_keys import report_key
from rewards.domain.packed import PackedRow, pack
from rewards.domain.report import REDEEMABLE, REPORT_DEFINITIONS, TYPES
from rewards.domain.row_ids import RowIdKeys
from rewards.flows import leases
from rewards.flows.end_report import CreatedReport, ReportEnding
from rewards.flows.overviews import Overviews
from rewards.flows.report_builders import RedeemableReport, ReportBuilder, report_builder
from rewards.flows.report_records import TornScanError
from rewards.flows.reward_report import RewardReport
from rewards.tabular.csv_writer import csv_lines, csv_pieces
from rewards.tabular.external_sort import ExternalSort

CONTENT_TYPES = {
    "CSV": "text/csv; charset=utf-8",
    "XLSX": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

# One sheet, of the report that comes back: an import reads one, so rows on a second one would be left out
# without a word. Other reports have as many sheets as they need.
MAX_WORKBOOK_ROWS = 1_048_575

# Seconds of a function's time that are kept: to end a report that is too large, and to upload a workbook and
# the CSV file beside it, which nothing interrupts: 400 bytes a row, and no less than 23 MB a second.
_TO_END = 20.0
_TO_UPLOAD_A_ROW = 17e-6

_AT_A_TIME = 2_000  # rows between two looks at the clock


class ReportTooLargeError(RejectedError):
    """One run of the function cannot make this report; says which limit, and what to do."""


# A reversal may take rewards back out of history while a report reads both.
_TRIES = 3
_TORN = (
    "The report could not be read consistently, because an import was being reversed. Create the report "
    "again when the reversal has ended."
)


class Reporter:
    """Makes reports. `now` gives Unix milliseconds."""

    def __init__(
        self,
        scanner: Scanner,
        jobs: ExportJobs,
        overviews: Overviews,
        files: Files,
        ending: ReportEnding,
        now: Callable[[], int],
        row_id_keys: Callable[[], RowIdKeys],
    ) -> None:
        self._scanner = scanner
        self._jobs = jobs
        self._files = files
        self._ending = ending
        self._overviews = overviews
        self._row_id_keys = row_id_keys
        self._now = now

    def run(self, export_id: str, time_left: Callable[[], float]) -> None:
        """Create the report of an export, and send its email. Running it again is harmless.

        Raises LeaseTakenError while another copy of the message is processed: its file would be
        written over by ours, and say something else than its record and its email.

        What does not fit into `time_left` (seconds) or into the temporary folder is aborted, and
        not tried again.
        """
        job = self._jobs.get(export_id)
        if job is None:
            return
        if job.status is ExportStatus.PENDING:
            self._make_alone(export_id, time_left)
        self._ending.mail(export_id)

    def _make_alone(self, export_id: str, time_left: Callable[[], float]) -> None:
        owner = token_hex(8)
        if not self._jobs.lease(export_id, owner, self._now(), self._now() + leases.EXPORT):
            raise LeaseTakenError(export_id)
        try:
            job = self._jobs.get(export_id)  # again, now that we have the lease
            if job is not None and job.status is ExportStatus.PENDING:
                self._ending.complete(export_id, self._make_whole(job, time_left))
        except ReportTooLargeError as error:
            self._ending.abort(export_id, JobError.REPORT_TOO_LARGE, str(error))
        except TornScanError:
            self._ending.abort(export_id, JobError.BALANCES_MOVED, _TORN)
        # Nobody ends the lease: a late copy of the upload must not replace the file of a later attempt.

    def _make_whole(self, job: ExportJob, time_left: Callable[[], float]) -> CreatedReport:
        for _ in range(_TRIES - 1):
            with suppress(TornScanError):
                return self._make(job, time_left)
        return self._make(job, time_left)

    def _make(self, job: ExportJob, time_left: Callable[[], float]) -> CreatedReport:
        """Write the file."""
        kind = TYPES[job.type]
        filters = Filters.read(kind, job.params)
        found = report_builder(kind, job.id, filters, self._row_id_keys)
        clock = _Clock(time_left, job.format == "XLSX", comes_back=kind == REDEEMABLE)
        try:
            with tempfile.TemporaryDirectory() as directory, _frozen_objects():
                spool = ExternalSort(Path(directory))
                as_of = self._now()
                self._collect(found, spool, clock)
                read_until = self._now()
                if isinstance(found, RedeemableReport) and found.overview is not None:
                    self._overviews.keep(found.overview, as_of)
                clock.expect(found.rows, at_most=filters.by_participant)
                batches = clock.watched(found.show(spool.sorted()))
                self._write(job, batches, Path(directory), clock)
        except OutOfTimeError:
            raise clock.too_large() from None
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            problem = f"The report ran out of temporary storage after {clock.rows:,} rows."
            raise ReportTooLargeError(f"{problem} {clock.advice}") from error
        return CreatedReport(as_of, read_until, clock.rows, found.totals)

    def _collect(self, found: ReportBuilder, spool: ExternalSort, clock: "_Clock") -> None:
        for page in self._scanner.accounts(found.history, clock.spare, found.redemptions):
            clock.check()
            found.collect(page, spool)
        if isinstance(found, RewardReport):
            # Last: a reward is claimed in the transaction that grants it, so each one read has its claim.
            for known in self._scanner.rewards(clock.spare):
                clock.check()
                found.collect_registry(known, spool)

    def _write(
        self, job: ExportJob, batches: Iterator[list[PackedRow]], directory: Path, clock: "_Clock"
    ) -> None:
        kind = REPORT_DEFINITIONS[TYPES[job.type]]
        if job.format == "CSV":
            key = report_key(job.id, "CSV", job.type)
            pieces = csv_pieces(pack(kind.columns), batches, kind.mark)
            self._files.stream(pieces, key, CONTENT_TYPES["CSV"])
            return
        # Only here: the library is a quarter of a second of cold start.
        from rewards.tabular.xlsx_writer import write_workbook

        formats = ["XLSX"]
        paths = {file_format: directory / f"report.{file_format.lower()}" for file_format in CONTENT_TYPES}
        if TYPES[job.type] == REDEEMABLE:
            # Kept beside the workbook: it repairs rows that a spreadsheet damaged.
            formats.append("CSV")
            batches = _also_as_csv(batches, paths["CSV"], pack(kind.columns), kind.mark)
        rows = chain.from_iterable(batches)
        table = Table(kind.columns, kind.numbers, rows, kind.sheet_title)
        if write_workbook(paths["XLSX"], table) > 1 and clock.comes_back:
            raise ReportTooLargeError(f"The texts of the report do not fit into one sheet. {clock.advice}")
        for file_format in formats:
            key = report_key(job.id, file_format, job.type)
            self._files.save(str(paths[file_format]), key, CONTENT_TYPES[file_format])


@dataclass(slots=True)
class _Clock:
    """Looks after the time that is left, and counts the rows."""

    time_left: Callable[[], float]
    workbook: bool
    comes_back: bool
    rows: int = 0
    kept: float = _TO_END

    @property
    def advice(self) -> str:
        other = "as CSV, or " if self.workbook else ""
        return f"Create it {other}for one unit or one program."

    def expect(self, rows: int, at_most: bool = False) -> None:
        """So many rows are to be written, or fewer."""
        if not self.workbook:
            return
        if not at_most:
            self._check_sheet(rows, f"{rows:,}")
        self.kept += rows * _TO_UPLOAD_A_ROW

    def watched(self, rows: Iterator[PackedRow]) -> Iterator[list[PackedRow]]:
        """The rows in batches, as long as there is time."""
        while batch := list(islice(rows, _AT_A_TIME)):
            self.check()
            self.rows += len(batch)
            self._check_sheet(self.rows, f"more than {MAX_WORKBOOK_ROWS:,}")
            yield batch

    def _check_sheet(self, rows: int, words: str) -> None:
        if self.workbook and self.comes_back and rows > MAX_WORKBOOK_ROWS:
            raise ReportTooLargeError(
                f"The report has {words} rows, but a sheet holds only {MAX_WORKBOOK_ROWS:,}. {self.advice}"
            )

    def spare(self) -> float:
        """Seconds that may still be worked."""
        return self.time_left() - self.kept

    def check(self) -> None:
        if self.spare() <= 0:
            raise self.too_large()

    def too_large(self) -> ReportTooLargeError:
        return ReportTooLargeError(
            f"The time limit of one run was reached after {self.rows:,} rows were written. Create the report "
            f"again. If that reaches the limit, too: {self.advice}"
        )


@contextmanager
def _frozen_objects() -> Iterator[None]:
    """Let the garbage collector skip all objects that exist already, such as those of loaded modules.

    A report makes tens of millions of objects, so the collector looks for cycles often.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _also_as_csv(
    batches: Iterator[list[PackedRow]], path: Path, header: PackedRow, mark: bool
) -> Iterator[list[PackedRow]]:
    """The batches, each written to a CSV file as it passes."""
    with path.open("wb") as file:
        file.writelines(csv_pieces(header, (), mark))
        for batch in batches:
            file.write(csv_lines(batch).encode())
            yield batch
