"""Checks of a redemption row that do not need its balance (CONTRACT section 3)."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from operator import itemgetter
from unicodedata import normalize

from rewards.domain import ids, invisible, row_ids
from rewards.domain.balance import CLOCK_MARGIN, RedemptionRequest
from rewards.domain.cells import RoundedNumber
from rewards.domain.damage import is_damage, unquoted
from rewards.domain.duplicate_index import DuplicateIndex, Duplicates
from rewards.domain.encoding_doubt import encoding_doubt, first_beyond_ascii
from rewards.domain.header import find_columns, listed
from rewards.domain.outcomes import Outcome, RowResult, WarningCode
from rewards.domain.repair import (
    MAX_ROWS,
    NO_REPORTS,
    Difference,
    Identity,
    Reports,
    Survey,
    differences,
    named,
)
from rewards.domain.result_columns import result_places
from rewards.domain.row_ids import RowIdKeys, RowIds
from rewards.domain.spreadsheet import restore
from rewards.domain.texts import normalised, problem_of_id, trimmed
from rewards.domain.units import format_value
from rewards.domain.values import (
    DEFAULT_NUMBER_FORMAT,
    BadValue,
    NumberFormat,
    TruncatedValue,
    read_value,
)

NEEDED = ("accountId", "userId", "unit", "valueToRedeem")
USED = ("rowId", "programId", "reference")

# Longer ids do not fit into DynamoDB's keys, so no such participant exists (UTF-8 bytes). No reward has a
# longer program, and a row must fit into a message.
MAX_ID_BYTES = 256
MAX_UNIT_BYTES = 64
MAX_PROGRAM_ID_BYTES = 128
MAX_REFERENCE = 64  # characters
# So many characters always fit, whatever they are.
_SHORT_UNIT = MAX_UNIT_BYTES // 4
_SHORT_PROGRAM = MAX_PROGRAM_ID_BYTES // 4

_LINE = re.compile(r"([0-9]{1,10})(?:\.0*)?")  # as spreadsheets may write it

_EXPORTS = 1_000  # reports cached; the rows of a file come from few
MAX_REPORTS = 1_000  # reports that are read to repair the rows of one file

# The explanation of the warning of the same name.
NO_ROW_ID = "The row has no rowId."
# How the message of a row begins whose ids were restored.
REPAIRED = "Repaired by rowId:"


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

        `priors` maps the importIds in an uploaded results.csv to the import that redeemed (the import itself
        or the one started from the dry run) and whether it names a dry run; None if there is no such import.
        `detected_encoding` is the name of an encoding that was not set, so that non-ASCII ids are uncertain.
        `duplicates` remembers the rows with a value: nothing else grows with the file.
        """
        columns = find_columns(header, NEEDED, USED)
        self._account, self._user, self._unit, self._value = (columns[name] for name in NEEDED)
        self._row_id, self._program, self._reference = (columns.get(name) for name in USED)
        results = result_places(header)
        self._prior = (results["importId"], results["line"]) if results else None
        self._priors = {} if priors is None else priors
        self._width = len(header)
        # Where the cells of a report's row stand, if this is a report.
        places = [columns.get(name) for name in (*NEEDED[:3], "rowId", "programId")]
        self._cells = itemgetter(*places) if None not in places else None
        self._keys = keys
        self._known: dict[str, RowIds | None] = {}
        self._uploaded = uploaded
        self._number_format = number_format
        self._reports = reports
        self._detected_encoding = detected_encoding
        self._exact = find_columns(header, NEEDED, ("programId", "reference"))
        self.exports: dict[str, None] = {}
        self._duplicates = DuplicateIndex() if duplicates is None else duplicates

    def value_cell(self, row: Sequence[str]) -> str:
        """The row's cell of valueToRedeem."""
        return restore(row[self._value]) if self._value < len(row) else ""

    def report_of(self, row: Sequence[str]) -> RowIds | None:
        """The rowIds of the report that the row's rowId names; None if this stack cannot have made it."""
        return self._report_of(self._row_id_in([*row, *[""] * (self._width - len(row))]))

    def requested(self, row: Sequence[str]) -> tuple[str, int] | None:
        """The unit of a row and the value it requests (credits), whatever else is wrong with the row.

        None without a valid positive value or a usable unit.
        """
        row = [*row, *[""] * (self._width - len(row))]
        unit = self._shown(row).unit
        if not unit or len(unit.encode()) > MAX_UNIT_BYTES or problem_of_id(unit) is not None:
            return None
        value = read_value(self.value_cell(row), unit, self._number_format)
        return None if isinstance(value, BadValue) or value <= 0 else (unit, int(value))

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
        found = self._identify(row, shown)
        doubt = self._doubt(row)
        if isinstance(found[0], Outcome):
            outcome, why = found[:2]
            return RowResult(line, outcome, f"{why} {doubt}".rstrip())
        true, row_id, note = found
        if doubt and row_id is None:
            return RowResult(line, Outcome.INVALID_VALUE, doubt)
        if true.unit != shown.unit:
            value = read_value(value_cell, true.unit, self._number_format)
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
        reference = "" if self._reference is None else normalised(_text(row[self._reference]))
        problem = _problem_of_reference(reference)
        if problem:
            return RowResult(line, Outcome.INVALID_VALUE, problem, true.unit)
        earlier = self._duplicates.first([*map(_normalised, true)], line)
        if earlier != line:
            return _repeated(line, earlier)
        prior = self._prior_of(row) if row_id is None else None
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

    def _prior_of(self, row: Sequence[str]) -> tuple[str, int, bool] | str | None:
        """The redemption that a row of an uploaded results.csv names, and whether it names a dry run; or why
        it cannot be read; or None for a row that names nothing."""
        if self._prior is None:
            return None
        import_id, line = (unquoted(invisible.visible(row[place].strip())).strip() for place in self._prior)
        if not import_id and not line:
            return None  # a row that was added
        named = self._priors.get(import_id.lower())
        number = _LINE.fullmatch(line)
        if named is None or number is None:
            return (
                "importId or line was changed, so the system cannot tell whether the row was redeemed. Copy "
                "the row from results.csv again, or upload failed.csv."
            )
        return named[0], int(number[1]), named[1]

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
        report = self._report_of(row_id)
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
            report = self._report_of(row_id) if row_ids.export_of(row_id) else None
            if report is None:
                continue
            shown = self._shown(row)
            if row_id == report.make(*shown):
                found.fits(shown)
            else:
                found.differs(row_id, shown)
        return found

    def _report_of(self, row_id: str) -> RowIds | None:
        """The rowIds of the report that a rowId names, unless the report is from the future."""
        start = row_id[: row_ids.START]
        if start not in self._known:
            export_id = row_ids.export_of(row_id)
            # A rowId from the future is not ours. Accepting it could hide a redemption in history
            # (balance.needs_history covers more than this margin).
            if export_id is None or ids.time_of(export_id) > self._uploaded + CLOCK_MARGIN // 2:
                return None
            if len(self._known) >= _EXPORTS:
                self._known.clear()
            self._known[start] = self._keys.of(export_id)
        return self._known[start]

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

    def _identify(
        self, row: Sequence[str], shown: Identity
    ) -> tuple[Identity, str | None, str] | tuple[Outcome, str]:
        """The row's identity, its rowId, and what was repaired; or why it is rejected."""
        row_id = self._row_id_in(row)
        if not row_id:
            return shown, None, ""
        report = self._report_of(row_id) if row_ids.export_of(row_id) else None
        if report is None:
            return Outcome.UNKNOWN_REPORT, (
                f"rowId {_quoted(row_id[:40])} was not created by a report of this system. It was changed or "
                "comes from a version before 0.2. Create the report again and copy the values into it."
            )
        if row_id == report.make(*shown):
            return shown, row_id, ""
        if len(self.exports) < MAX_REPORTS:
            self.exports[report.export_id] = None
        true = self._reports.identities.get(row_id) or _respelt(shown, row_id, report)
        if true is not None and row_id != report.make(*true):
            true = None  # the key that made it was withdrawn
        if true is not None:
            return self._repaired(shown, true, row_id)
        if report.export_id not in self._reports.known:
            return Outcome.UNKNOWN_REPORT, self._unknown(row_id, report.export_id)
        reason = "a cell was edited, or a sort moved only some columns"
        if self._reports.too_many:
            reason = f"more than {MAX_ROWS:,} rows of the file do not match their rowIds, so none is repaired"
        return Outcome.ROW_CHANGED, (
            f"rowId does not belong to account {_quoted(shown.account_id)}, user "
            f"{_quoted(shown.user_id)}, unit {_quoted(shown.unit)}, program "
            f"{_quoted(shown.program_id or '')}: {reason}. Copy this row from the report again."
        )

    def _unknown(self, row_id: str, export_id: str) -> str:
        limit = ""
        if export_id not in self.exports:
            limit = f" (only the first {MAX_REPORTS:,} reports of a file are checked; split the file)"
        return (
            f"No report of this system has the rowId {row_id!r}{limit}. It comes from another system or was "
            "changed. Create the report again in this system and copy the values into it."
        )

    def _repaired(
        self, shown: Identity, true: Identity, row_id: str
    ) -> tuple[Identity, str, str] | tuple[Outcome, str]:
        """The identity behind a rowId, if a program may have damaged what the row shows; else why not."""
        found = differences(shown, true, has_program=self._program is not None)
        said = "; ".join(map(_in_words, found))
        elsewhere = self._reports.belongs_elsewhere(row_id, shown, found)
        if elsewhere:
            problem = f"The row may be sorted incorrectly: {said}, and {elsewhere}."
        elif all(is_damage(each.shown, each.true) for each in found):
            return true, row_id, f"{REPAIRED} {said}." if said else ""
        else:
            problem = f"The row was edited or sorted incorrectly: {said}."
        return Outcome.ROW_CHANGED, f"{problem} Copy this row from the report again."


def _respelt(shown: Identity, row_id: str, report: RowIds) -> Identity | None:
    """What a row shows, in the Unicode form that matches the rowId; None if no form does."""
    if all(map(str.isascii, (text for _, text in named(shown)))):
        return None
    forms = [
        list(dict.fromkeys((text, normalize("NFC", text), normalize("NFD", text))))
        for _, text in named(shown)
    ]
    for account_id, user_id, unit, program in product(*forms):
        if row_id == report.make(account_id, user_id, unit, program or None):
            return Identity(account_id, user_id, unit, program or None)
    return None


def rounded_id(cells: Mapping[str, str], names: Iterable[str]) -> str:
    """Why a row without rowId is rejected if an id of these columns is a rounded number; else ""."""
    name = next((each for each in names if isinstance(cells.get(each), RoundedNumber)), None)
    if name is None:
        return ""
    return (
        f"{name} is a number with more than 15 digits. A workbook keeps only 15 digits, so the id may be "
        "wrong. Format the column as text and enter the id again."
    )


def _without_row_id(result: RowResult) -> RowResult:
    """Add the warning about a missing rowId to the result of a rejected row."""
    message = f"{result.message} {NO_ROW_ID}"
    return replace(result, message=message, warnings=(WarningCode.NO_ROW_ID, *result.warnings))


def _in_words(found: Difference) -> str:
    same = normalize("NFC", found.shown) == normalize("NFC", found.true)
    how = " (the same letters in another Unicode form)" if same else ""
    return f"{found.column} is {_quoted(found.shown)} but {_quoted(found.true)} in the report{how}"


def _repeated(line: int, earlier: int) -> RowResult:
    said = f"Line {earlier} has the same account, user, unit and program. Only that line is processed."
    return RowResult(line, Outcome.DUPLICATE_ROW, said)


def _request_or_result(
    line: int, whose: Identity, value: int | BadValue, row_id: str | None, note: str
) -> RedemptionRequest | RowResult:
    if not _fits(whose):
        said = "No participant has an id, unit or program of this length."
        return RowResult(line, Outcome.NO_BALANCE, said)
    if isinstance(value, BadValue):
        return RowResult(line, value.outcome, value.message, whose.unit)
    account_id, user_id, unit, program_id = whose
    warnings = (WarningCode.REPAIRED,) if note else ()
    return RedemptionRequest(line, account_id, user_id, unit, int(value), program_id, row_id, note, warnings)


def _problem_of_reference(reference: str) -> str:
    """Why a text cannot be a payment's reference; "" if it can."""
    if len(reference) > MAX_REFERENCE:
        return f"reference is longer than {MAX_REFERENCE} characters."
    problem = problem_of_id(reference)
    return f"reference {problem}" if problem else ""


def _text(cell: str) -> str:
    text = trimmed(cell)
    return trimmed(restore(text)) if text[:1] == "'" else text


def _normalised(text: str | None) -> str:
    return normalised(text or "")


def _quoted(text: str) -> str:
    """A cell's text for a message, which must not grow with the cell."""
    return repr(invisible.shown(text if len(text) <= MAX_ID_BYTES else text[: MAX_ID_BYTES - 1] + "…"))


def _fits(identity: Identity) -> bool:
    account_id, user_id, unit, program_id = identity
    limits = (MAX_ID_BYTES, MAX_ID_BYTES, MAX_UNIT_BYTES, MAX_PROGRAM_ID_BYTES)
    texts = map(_normalised, (account_id, user_id, unit, program_id))
    return all(
        len(text) * 4 <= limit or len(text.encode()) <= limit  # the first check is enough for most
        for text, limit in zip(texts, limits, strict=True)
    )
