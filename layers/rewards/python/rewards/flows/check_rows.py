"""Rows of an upload -> what each asks for, or its result if the row alone decides.

Rows are checked in blocks where the file allows it, else one by one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from rewards.adapters.import_jobs import ImportJobs
from rewards.domain import ids
from rewards.domain.balance import RedemptionRequest
from rewards.domain.cells import rounded_id
from rewards.domain.duplicate_index import DuplicateSearch, RepeatedRows
from rewards.domain.encoding_doubt import encoding_doubt, first_beyond_ascii
from rewards.domain.header import find_columns, missing_columns
from rewards.domain.import_job import ImportJob
from rewards.domain.import_rows import RowChecker
from rewards.domain.outcomes import FileProblem, FileRejectedError, Outcome, RowResult
from rewards.domain.plain_rows import COLUMNS, PlainRowChecker, PlainRows
from rewards.domain.repair import Reports
from rewards.domain.result_columns import has_result_columns, is_old_results_file
from rewards.domain.reward_rows import (
    ID_COLUMNS,
    NEEDED,
    USED,
    USED_OF_USER,
    Grant,
    read_grant,
    requested_credit,
)
from rewards.domain.row_ids import RowIdKeys, RowIds
from rewards.domain.spreadsheet import restore
from rewards.domain.unit_totals import RequestedTotals
from rewards.domain.values import NumberFormat, shown_mark
from rewards.tabular.sheet import Sheet

_OLD_RESULTS = (
    "This is a results.csv of version 0.1, which does not name its import. Nothing was redeemed. "
    "Upload failed.csv of that import instead: it contains only the rows that were not redeemed."
)
_TOO_MANY_PRIORS = "The column importId names more than 100 imports. Upload one results.csv at a time."
_MAX_PRIORS = 100
# So many rows are looked at to see how the file writes numbers, and from which report its rows come. They
# are always read row by row.
FIRST_ROWS = 1_000


@dataclass
class Reading:
    """One reading of a file: in blocks where it allows that, or row by row.

    A first reading in blocks does not know whether a row is a duplicate: it sets `search`, which says at the
    end which digests were `repeated`. A second one that knows them finds the duplicates.
    """

    in_blocks: bool = True
    repeated: frozenset[int] | None = None
    search: DuplicateSearch | None = None

    def duplicates(self, report: RowIds) -> DuplicateSearch | RepeatedRows:
        """What finds duplicates while the file is read in blocks, of which most rows come from a report."""
        if self.repeated is not None:
            return RepeatedRows(self.repeated)
        self.search = DuplicateSearch(report)
        return self.search


class Priors(dict[str, tuple[str, bool] | None]):
    """The imports that an uploaded results.csv names, each looked up once, by importId.

    The value is the import that redeemed (itself or, of a dry run, the one that was started from it), and
    whether a dry run is named.
    """

    def __init__(self, jobs: ImportJobs) -> None:
        super().__init__()
        self._jobs = jobs

    def get(  # type: ignore[override]
        self, import_id: str, _default: tuple[str, bool] | None = None
    ) -> tuple[str, bool] | None:
        return self[import_id]

    def __missing__(self, import_id: str) -> tuple[str, bool] | None:
        if len(self) >= _MAX_PRIORS:
            raise FileRejectedError(FileProblem.UNREADABLE_FILE, _TOO_MANY_PRIORS)
        job = self._jobs.get(import_id) if ids.is_id(import_id) else None
        # A dry run that was not started redeemed nothing, and neither did any import of its id.
        found = None if job is None else (job.started_as or job.id, job.dry_run)
        self[import_id] = found
        return found


def check_rows(
    job: ImportJob,
    sheet: Sheet,
    row_id_keys: Callable[[], RowIdKeys],
    reports: Reports,
    priors: Mapping[str, tuple[str, bool] | None],
    exports: dict[str, None],
    totals: RequestedTotals,
    reading: Reading,
) -> Iterator[RedemptionRequest | Grant | RowResult | PlainRows]:
    """What each row asks for, or its result, in order; the same at every reading.

    What rejected rows request is added to `totals`. Raises FileRejectedError, and NotInBlocksError for a file
    that has to be read row by row.
    """
    uploaded = job.date_created
    detected = job.encoding if job.encoding_detected else None
    if job.loads_rewards:
        yield from _check_grants(sheet, uploaded, detected, totals)
        return
    if is_old_results_file(sheet.header):
        raise FileRejectedError(FileProblem.OLD_RESULTS_FILE, _OLD_RESULTS)
    keys = row_id_keys()
    first = list(islice(sheet.rows, FIRST_ROWS))
    probe = RowChecker(sheet.header, uploaded, keys)
    seen = {mark for _, row in first if (mark := shown_mark(probe.value_cell(row)))}
    number_format = NumberFormat(
        comma_allowed=sheet.workbook or sheet.separator != ",",
        seen=seen.pop() if len(seen) == 1 else None,
    )
    report = None
    if reading.in_blocks and len(first) == FIRST_ROWS and not missing_columns(sheet.header, COLUMNS):
        report = next((found for _, row in first if (found := probe.report_of(row))), None)
    if report is None or sheet.blocks is None:
        checker = RowChecker(sheet.header, uploaded, keys, number_format, reports, priors, detected)
        yield from _check_each(checker, chain(first, sheet.rows), totals)
    else:
        duplicates = reading.duplicates(report)
        checker = RowChecker(
            sheet.header, uploaded, keys, number_format, reports, priors, detected, duplicates
        )
        yield from _check_each(checker, first, totals)
        plain = PlainRowChecker(sheet.header, report, number_format, duplicates)
        for block in sheet.blocks(first[-1][0] + 1):
            rows = plain.check(block.columns(plain.width, plain.places), block.first)
            if rows is None:
                yield from _check_each(checker, block.rows(), totals)
            else:
                yield rows
    exports.update(checker.exports)


def _check_each(
    checker: RowChecker, rows: Iterable[tuple[int, Sequence[str]]], totals: RequestedTotals
) -> Iterator[RedemptionRequest | RowResult]:
    for line, row in rows:
        checked = checker.check(row, line)
        if isinstance(checked, RowResult) and checked.outcome is not Outcome.UNCHANGED:
            requested = checker.requested(row)
            if requested is not None:
                totals.reject(*requested)
        yield checked


def _check_grants(
    sheet: Sheet, uploaded: int, detected: str | None, totals: RequestedTotals
) -> Iterator[Grant | RowResult]:
    """The rewards of a file; `detected` is the name of an encoding that was not set."""
    columns = find_columns(sheet.header, NEEDED, (*USED, *USED_OF_USER))
    results = has_result_columns(sheet.header)
    for line, row in sheet.rows:
        cells = {name: row[place] if place < len(row) else "" for name, place in columns.items()}
        # Texts of a CSV file are as they are, except in results, whose ids alone are as they are.
        meant = {
            name: restore(cell) if sheet.neutralised or (results and name not in ID_COLUMNS) else cell
            for name, cell in cells.items()
        }
        rounded = rounded_id(cells, ID_COLUMNS)
        doubtful = detected and first_beyond_ascii(meant, ID_COLUMNS)
        checked: Grant | RowResult
        if rounded:
            checked = RowResult(line, Outcome.INVALID_VALUE, rounded)
        elif detected and doubtful:
            checked = RowResult(line, Outcome.INVALID_VALUE, encoding_doubt(doubtful, detected))
        else:
            checked = read_grant(meant, line, uploaded)
        if isinstance(checked, RowResult):
            requested = requested_credit(meant)
            if requested is not None:
                totals.reject(*requested)
        yield checked
