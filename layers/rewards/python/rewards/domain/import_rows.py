"""Checks of a redemption row that do not need its balance (CONTRACT section 3)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter

from rewards.domain import invisible, row_ids
from rewards.domain.balance import RedemptionRequest
from rewards.domain.cells import rounded_id
from rewards.domain.damage import unquoted
from rewards.domain.duplicate_index import DuplicateIndex, Duplicates
from rewards.domain.encoding_doubt import encoding_doubt, first_beyond_ascii
from rewards.domain.header import find_columns, listed
from rewards.domain.id_limits import MAX_PROGRAM_ID_BYTES, MAX_UNIT_BYTES, fits, problem_of_reference
from rewards.domain.outcomes import Outcome, RowResult, WarningCode
from rewards.domain.prior_redemptions import PriorRedemptions
from rewards.domain.repair import NO_REPORTS, Identity, Reports, Survey, named
from rewards.domain.row_identity import RowIdentifier
from rewards.domain.row_ids import RowIdKeys, RowIds
from rewards.domain.spreadsheet import restore
from rewards.domain.texts import normalised, problem_of_id, trimmed
from rewards.domain.units import format_value
from rewards.domain.values import DEFAULT_NUMBER_FORMAT, BadValue, NumberFormat, TruncatedValue, read_value

NEEDED = ("accountId", "userId", "unit", "valueToRedeem")
USED = ("rowId", "programId", "reference")

# So many characters always fit, whatever they are.
_SHORT_UNIT = MAX_UNIT_BYTES // 4
_SHORT_PROGRAM = MAX_PROGRAM_ID_BYTES // 4

# The explanation of the warning of the same name.
NO_ROW_ID = "The row has no rowId."


class RowChecker:
    """Checks the rows of one file in order; it remembers the balances of earlier lines.

    Rows whose rowId does not match their ids are rejected, and the reports that they name are collected in
    `exports`. With these `reports` the file is checked once more, to repair ids that a spreadsheet damaged.
    """

    def __init__(
        self,
        header: Sequence[str],
        uploaded: int,
        keys: RowIdKeys,
        number_format: NumberFormat = DEFAULT_NUMBER_FORMAT,
        reports: Reports = NO_REPORTS,
        priors: Mapping[str, tuple[str, bool] | None] | None = None,
        detected_encoding: str | None = None,
        duplicates: Duplicates | None = None,
    ) -> None:
        """`uploaded` is the time of the upload (Unix ms): results must not depend on the time of reading.

        `priors` are the imports that an uploaded results.csv names (`PriorRedemptions`).
        `detected_encoding` is the name of an encoding that was not set, so that non-ASCII ids are uncertain.
        `duplicates` remembers the rows with a value: nothing else grows with the file.
        """
        columns = find_columns(header, NEEDED, USED)
        self._account, self._user, self._unit, self._value = (columns[name] for name in NEEDED)
        self._row_id, self._program, self._reference = (columns.get(name) for name in USED)
        self._priors = PriorRedemptions(header, {} if priors is None else priors)
        self._width = len(header)
        # Where the cells of a report's row stand, if this is a report.
        places = [columns.get(name) for name in (*NEEDED[:3], "rowId", "programId")]
        self._cells = itemgetter(*places) if None not in places else None
        self._number_format = number_format
        self._detected_encoding = detected_encoding
        self._exact = find_columns(header, NEEDED, ("programId", "reference"))
        self._identifier = RowIdentifier(keys, uploaded, reports, has_program=self._program is not None)
        self.exports = self._identifier.exports
        self._duplicates = DuplicateIndex() if duplicates is None else duplicates

    def value_cell(self, row: Sequence[str]) -> str:
        """The row's cell of valueToRedeem."""
        return restore(row[self._value]) if self._value < len(row) else ""

    def report_of(self, row: Sequence[str]) -> RowIds | None:
        """The rowIds of the report that the row's rowId names; None if this stack cannot have made it."""
        return self._identifier.report_of(self._row_id_in([*row, *[""] * (self._width - len(row))]))

    def requested(self, row: Sequence[str]) -> tuple[str, int] | None:
        """The unit of a row and the value it requests (credits), whatever else is wrong with the row.

        A positive value below the smallest unit requests 0. None without a valid positive value or a usable
        unit.
        """
        row = [*row, *[""] * (self._width - len(row))]
        unit = self._shown(row).unit
        if not unit or len(unit.encode()) > MAX_UNIT_BYTES or problem_of_id(unit) is not None:
            return None
        value = read_value(self.value_cell(row), unit, self._number_format)
        if isinstance(value, BadValue):
            return (unit, 0) if value.outcome is Outcome.TRUNCATES_TO_ZERO else None
        return (unit, int(value)) if value else None

    def check(self, row: Sequence[str], line: int) -> RedemptionRequest | RowResult:
        """Return the row's redemption request, or its result if that needs no balance."""
        if len(row) < self._width:
            row = [*row, *[""] * (self._width - len(row))]
        value_cell = self.value_cell(row)
        if value_cell in ("", "0"):
            return RowResult(line, Outcome.UNCHANGED)  # most skipped rows, at little cost
        usual = self._usual(row, value_cell, line)
        if usual is not None:
            return usual
        checked = self._check(row, value_cell, line)
        if isinstance(checked, RedemptionRequest) or checked.outcome is Outcome.UNCHANGED:
            return checked
        return checked if self._row_id_in(row) else _without_row_id(checked)

    def _check(self, row: Sequence[str], value_cell: str, line: int) -> RedemptionRequest | RowResult:
        shown = self._shown(row)
        # A longer text is not a unit; it must not be shown in a message or cached.
        value = read_value(value_cell, shown.unit[: MAX_UNIT_BYTES + 1], self._number_format)
        if value == 0:
            return RowResult(line, Outcome.UNCHANGED)
        problem = self._problem(row, shown)
        if problem is not None:
            return RowResult(line, *problem)
        found = self._identifier.identify(self._row_id_in(row), shown)
        doubt = self._doubt(row)
        if isinstance(found[0], Outcome):
            outcome, why = found[:2]
            return RowResult(line, outcome, f"{why} {doubt}".rstrip())
        true, row_id, note = found
        if doubt and row_id is None:
            return RowResult(line, Outcome.INVALID_VALUE, doubt)
        if true.unit != shown.unit:
            value = read_value(value_cell, true.unit, self._number_format)
            if value == 0:  # a dash with the currency of the true unit
                return RowResult(line, Outcome.UNCHANGED)
        return self._accepted(row, line, true, value, row_id, note)

    def _accepted(
        self,
        row: Sequence[str],
        line: int,
        true: Identity,
        value: int | BadValue,
        row_id: str | None,
        note: str,
    ) -> RedemptionRequest | RowResult:
        """The redemption request of a row whose identity is known, or its result."""
        reference = "" if self._reference is None else _reference(row[self._reference])
        problem = problem_of_reference(reference)
        if problem:
            return RowResult(line, Outcome.INVALID_VALUE, problem, true.unit)
        earlier = self._duplicates.first([*map(_normalised, true)], line)
        if earlier != line:
            return _repeated(line, earlier)
        prior = self._priors.of(row) if row_id is None else None
        if isinstance(prior, str):
            return RowResult(line, Outcome.ROW_CHANGED, prior, true.unit)
        request = _request_or_result(line, true, value, row_id, note)
        if isinstance(request, RedemptionRequest) and prior is not None:
            request.prior, request.of_preview = prior[:2], prior[2]
        return (
            self._with_further(request, row, value, reference)
            if isinstance(request, RedemptionRequest)
            else request
        )

    def _with_further(
        self, request: RedemptionRequest, row: Sequence[str], value: int | BadValue, reference: str
    ) -> RedemptionRequest:
        """Add the row's reference, the redemption that it names, and the warning that digits were cut off."""
        request.reference = reference
        if isinstance(value, TruncatedValue):
            given = row[self._value].strip()[:40]
            used = format_value(request.value, request.unit)
            cut = f"{given} has more decimals than {request.unit}. The value used is {used}."
            request.note = f"{request.note} {cut}".strip()
            request.warnings = (*request.warnings, WarningCode.DIGITS_TRUNCATED)
        return request

    def _usual(self, row: Sequence[str], value_cell: str, line: int) -> RedemptionRequest | RowResult | None:
        """The result of `check` for a row that equals the report's except for its value; None for any other.

        It takes a third of the time.
        """
        if self._cells is None or len(row) != self._width:
            return None
        account_id, user_id, unit, row_id, program = self._cells(row)
        cells = f" {account_id} {user_id} {unit} {program or '-'} "
        if (
            "  " in cells  # a blank cell, or spaces around a text
            or "'" in cells  # perhaps not the text's own
            or not cells.isprintable()  # nor are all other spaces
            or "\ufffd" in cells
            or len(account_id) + len(user_id) > MAX_UNIT_BYTES
            or len(unit) > _SHORT_UNIT
            or len(program) > _SHORT_PROGRAM
        ):
            return None
        report = self._identifier.report_of(row_id)
        if report is None:
            return None
        program_id = program or None
        if row_id != report.make(account_id, user_id, unit, program_id):
            return None
        if self._reference is not None and row[self._reference]:
            return None
        value = read_value(value_cell, unit, self._number_format)
        if isinstance(value, BadValue | TruncatedValue) or value == 0:
            return None
        whose = (account_id, user_id, unit, program)
        key = whose if cells.isascii() else [*map(normalised, whose)]
        earlier = self._duplicates.first(key, line)
        if earlier != line:
            return _repeated(line, earlier)
        return RedemptionRequest(line, account_id, user_id, unit, value, program_id, row_id)

    def survey(self, rows: Iterator[tuple[int, Sequence[str]]]) -> Survey:
        """The identities of all rows of the file, also of those without a value."""
        found = Survey(has_program=self._program is not None)
        for _, short in rows:
            row = [*short, *[""] * (self._width - len(short))]
            row_id = self._row_id_in(row)
            report = self._identifier.report_of(row_id) if row_ids.export_of(row_id) else None
            if report is None:
                continue
            shown = self._shown(row)
            if row_id == report.make(*shown):
                found.fits(shown)
            else:
                found.differs(row_id, shown)
        return found

    def _problem(self, row: Sequence[str], shown: Identity) -> tuple[Outcome, str] | None:
        """Why a row cannot be read, whatever its value; None if it can."""
        if not (shown.account_id and shown.user_id and shown.unit):
            missing = [name for name, text in named(shown) if not text and name != "programId"]
            verb, what = ("is", "it") if len(missing) == 1 else ("are", "them")
            return Outcome.MISSING_FIELD, f"{listed(missing)} {verb} blank: copy {what} from the report."
        if len(row) > self._width and any(text.strip() for text in row[self._width :]):
            return (
                Outcome.ROW_CHANGED,
                f"The row has {len(row)} cells, but the header has {self._width}. A separator inside a cell "
                "moved the other cells.",
            )
        for name, text in named(shown):
            problem = problem_of_id(text)
            if problem is not None:
                return Outcome.INVALID_VALUE, f"{name} {problem}"
        return None

    def _doubt(self, row: Sequence[str]) -> str:
        """Why an id may be wrong: it was rounded, or its encoding was only detected; "" otherwise."""
        cells = {name: row[place] for name, place in self._exact.items() if name != "valueToRedeem"}
        rounded = rounded_id(cells, cells)
        if rounded:
            return rounded
        if self._detected_encoding is None:
            return ""
        column = first_beyond_ascii(cells, cells)
        return encoding_doubt(column, self._detected_encoding) if column else ""

    def _shown(self, row: Sequence[str]) -> Identity:
        """The identity that the row shows."""
        program = _text(row[self._program]) if self._program is not None else ""
        return Identity(
            _text(row[self._account]), _text(row[self._user]), _text(row[self._unit]), program or None
        )

    def _row_id_in(self, row: Sequence[str]) -> str:
        """The row's rowId without other characters in its cell: a rowId has only letters and digits."""
        text = row[self._row_id].strip() if self._row_id is not None else ""
        return unquoted(invisible.visible(text))


def _without_row_id(result: RowResult) -> RowResult:
    """Add the warning about a missing rowId to the result of a rejected row."""
    message = f"{result.message} {NO_ROW_ID}"
    return replace(result, message=message, warnings=(WarningCode.NO_ROW_ID, *result.warnings))


def _repeated(line: int, earlier: int) -> RowResult:
    said = f"Line {earlier} has the same account, user, unit and program. Only that line is processed."
    return RowResult(line, Outcome.DUPLICATE_ROW, said)


def _request_or_result(
    line: int, whose: Identity, value: int | BadValue, row_id: str | None, note: str
) -> RedemptionRequest | RowResult:
    if not fits(whose):
        said = "No participant has an id, unit or program of this length."
        return RowResult(line, Outcome.NO_BALANCE, said)
    if isinstance(value, BadValue):
        return RowResult(line, value.outcome, value.message, whose.unit)
    account_id, user_id, unit, program_id = whose
    warnings = (WarningCode.REPAIRED,) if note else ()
    return RedemptionRequest(line, account_id, user_id, unit, int(value), program_id, row_id, note, warnings)


def _text(cell: str) -> str:
    text = trimmed(cell)
    return trimmed(restore(text)) if text[:1] == "'" else text


def _reference(cell: str) -> str:
    """The reference in a cell, without what spreadsheets add: one payment has one reference."""
    return normalised(trimmed(unquoted(invisible.visible(_text(cell)))))


def _normalised(text: str | None) -> str:
    return normalised(text or "")
