"""What can be said of a redemption row without looking at its balance (CONTRACT section 3)."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from rewards.rules import ids, row_ids
from rewards.rules.balance import CLOCK_MARGIN, Wanted
from rewards.rules.damage import is_damage
from rewards.rules.first_lines import FirstLines
from rewards.rules.header import find_columns, listed
from rewards.rules.outcomes import Answer, Outcome
from rewards.rules.spreadsheet import restore
from rewards.rules.values import DEFAULT_MARKS, BadValue, Marks, read_value

NEEDED = ("accountId", "userId", "unit", "valueToRedeem")
USED = ("rowId", "programId")

# Longer ids do not fit DynamoDB's keys, so no such participant can exist (UTF-8 bytes). No reward has a
# longer program; and a row must fit a message.
MAX_ID_BYTES = 256
MAX_UNIT_BYTES = 64
MAX_PROGRAM_ID_BYTES = 128
# Characters that fit, whatever they are.
_SHORT_UNIT = MAX_UNIT_BYTES // 4
_SHORT_PROGRAM = MAX_PROGRAM_ID_BYTES // 4

_EXPORTS = 1_000  # the rows of a file come from few reports; so many are remembered

# How the message of a row begins whose ids were put right.
REPAIRED = "Repaired by rowId:"


class Identity(NamedTuple):
    """Whose a row of a report is."""

    account_id: str
    user_id: str
    unit: str
    program_id: str | None


class RowChecker:
    """Checks the rows of one file in order; it remembers which balances stood on earlier lines.

    Rows whose rowId does not fit their ids are refused, and their rowIds collected in
    `mismatched`. Who finds those in the reports that made them checks the file once more with
    the `identities`: then what a spreadsheet did to the ids is repaired.
    """

    def __init__(
        self,
        header: Sequence[str],
        uploaded: int,
        marks: Marks = DEFAULT_MARKS,
        identities: Mapping[str, Identity] | None = None,
    ) -> None:
        """`uploaded` is when the file came (Unix ms): the answers must not depend on when it is read."""
        columns = find_columns(header, NEEDED, USED)
        self._account, self._user, self._unit, self._value = (columns[name] for name in NEEDED)
        self._row_id, self._program = (columns.get(name) for name in USED)
        self._width = len(header)
        # Where the cells of a report's row stand, if this is a report.
        places = [columns.get(name) for name in (*NEEDED[:3], *USED)]
        self._cells = itemgetter(*places) if None not in places else None
        self._exports: dict[str, str] = {}
        self._uploaded = uploaded
        self._marks = marks
        self._identities = identities or {}
        self.mismatched: set[str] = set()
        # One fingerprint a row that wants something: this is all that grows with the file.
        self._first_lines = FirstLines()

    def value_cell(self, row: Sequence[str]) -> str:
        """The row's cell of valueToRedeem."""
        return restore(row[self._value]) if self._value < len(row) else ""

    def check(self, row: Sequence[str], line: int) -> Wanted | Answer:
        """What the row wants, or the answer to a row that needs no balance to be answered."""
        if len(row) < self._width:
            row = [*row, *[""] * (self._width - len(row))]
        value_cell = self.value_cell(row)
        if value_cell in ("", "0"):
            return Answer(line, Outcome.UNCHANGED)  # the usual rows that want nothing, at little cost
        usual = self._usual(row, value_cell, line)
        if usual is not None:
            return usual
        shown = self._shown(row)
        # A longer unit is none; it must not stand in a message, nor be remembered.
        value = read_value(value_cell, shown.unit[: MAX_UNIT_BYTES + 1], self._marks)
        if value == 0:
            return Answer(line, Outcome.UNCHANGED)
        problem = self._problem(row, shown)
        if problem is not None:
            return Answer(line, *problem)
        found = self._identify(row, shown)
        if isinstance(found, str):
            return Answer(line, Outcome.ROW_CHANGED, found)
        true, row_id, note = found
        if true.unit != shown.unit:
            value = read_value(value_cell, true.unit, self._marks)
        earlier = self._first_lines.first(_fingerprint(*true), line)
        return _wanted(line, true, value, row_id, note) if earlier == line else _repeated(line, earlier)

    def _usual(self, row: Sequence[str], value_cell: str, line: int) -> Wanted | Answer | None:
        """What a row wants that is as the report made it, but for its value; None for any other.

        What `check` would say after a closer look, at a third of the cost.
        """
        if self._cells is None or len(row) != self._width:
            return None
        account_id, user_id, unit, row_id, program = self._cells(row)
        cells = f" {account_id} {user_id} {unit} {program or '-'} "
        if (
            "  " in cells  # a blank cell, or spaces around a text
            or "'" in cells  # perhaps not the text's own
            or not cells.isprintable()  # nor are all other spaces
            or len(account_id) + len(user_id) > MAX_UNIT_BYTES
            or len(unit) > _SHORT_UNIT
            or len(program) > _SHORT_PROGRAM
        ):
            return None
        export_id = self._export_of(row_id)
        if export_id is None:
            return None
        program_id = program or None
        if row_id != row_ids.make_row_id(export_id, account_id, user_id, unit, program_id):
            return None
        value = read_value(value_cell, unit, self._marks)
        if isinstance(value, BadValue) or value == 0:
            return None
        earlier = self._first_lines.first(_fingerprint(account_id, user_id, unit, program), line)
        if earlier != line:
            return _repeated(line, earlier)
        return Wanted(line, account_id, user_id, unit, value, program_id, row_id)

    def _export_of(self, row_id: str) -> str | None:
        """The report of a rowId whose form is right, unless it is from the future."""
        start = row_id[: row_ids.START]
        if start not in self._exports:
            export_id = row_ids.export_of(row_id)
            # A rowId from the future is none of ours; believing it would let a redemption hide in
            # history (balance.needs_history looks back by more than this allows for).
            if export_id is None or ids.time_of(export_id) > self._uploaded + CLOCK_MARGIN // 2:
                return None
            if len(self._exports) >= _EXPORTS:
                self._exports.clear()
            self._exports[start] = export_id
        return self._exports[start]

    def _problem(self, row: Sequence[str], shown: Identity) -> tuple[Outcome, str] | None:
        """Why a row cannot be read, whatever it wants."""
        if not (shown.account_id and shown.user_id and shown.unit):
            missing = [name for name, text in _named(shown) if not text and name != "programId"]
            verb, what = ("is", "it") if len(missing) == 1 else ("are", "them")
            return Outcome.MISSING_FIELD, f"{listed(missing)} {verb} blank: copy {what} from the report."
        if len(row) > self._width and any(text.strip() for text in row[self._width :]):
            return (
                Outcome.ROW_CHANGED,
                f"The row has {len(row)} cells, the header {self._width}: "
                "a separator inside a cell moved the others.",
            )
        return None

    def _shown(self, row: Sequence[str]) -> Identity:
        """Whose the row says it is."""
        program = _text(row[self._program]) if self._program is not None else ""
        return Identity(
            _text(row[self._account]), _text(row[self._user]), _text(row[self._unit]), program or None
        )

    def _identify(self, row: Sequence[str], shown: Identity) -> tuple[Identity, str | None, str] | str:
        """Whose the row is, its rowId, and what was repaired; or why it must be refused."""
        row_id = row[self._row_id].strip() if self._row_id is not None else ""
        if not row_id:
            return shown, None, ""
        if row_ids.export_of(row_id) is None or self._export_of(row_id) is None:
            return f"rowId {row_id[:40]!r} was not made by a report of this system: it was changed."
        if row_ids.belongs_to(row_id, shown.account_id, shown.user_id, shown.unit, shown.program_id):
            return shown, row_id, ""
        self.mismatched.add(row_id)
        true = self._identities.get(row_id)
        if true is None:
            return (
                f"rowId does not belong to account {_quoted(shown.account_id)}, user "
                f"{_quoted(shown.user_id)}, unit {_quoted(shown.unit)}, program "
                f"{_quoted(shown.program_id or '')}: a cell was edited, or a sort moved only some columns. "
                "Take this row from the report again."
            )
        differences = [
            (name, text, meant)
            for (name, text), (_, meant) in zip(_named(shown), _named(true), strict=True)
            # A report for one program names it in every row; the rowId says it, if the column is gone.
            if text != meant and not (name == "programId" and self._program is None)
        ]
        said = "; ".join(
            f"{name} is {_quoted(text)}, in the report {_quoted(meant)}" for name, text, meant in differences
        )
        if all(is_damage(text, meant) for _, text, meant in differences):
            return true, row_id, f"{REPAIRED} {said}." if said else ""
        return f"The row was edited or mis-sorted: {said}. Take this row from the report again."


def _repeated(line: int, earlier: int) -> Answer:
    said = f"The same account, user, unit and program stand on line {earlier}; only that is looked at."
    return Answer(line, Outcome.DUPLICATE_ROW, said)


def _wanted(
    line: int, whose: Identity, value: int | BadValue, row_id: str | None, note: str
) -> Wanted | Answer:
    if not _fits(whose):
        said = "No participant has an id, a unit or a program this long."
        return Answer(line, Outcome.NO_BALANCE, said)
    if isinstance(value, BadValue):
        return Answer(line, value.outcome, value.message, whose.unit)
    account_id, user_id, unit, program_id = whose
    return Wanted(line, account_id, user_id, unit, value, program_id, row_id, note)


def _text(cell: str) -> str:
    text = cell.strip()
    return restore(text).strip() if text[:1] == "'" else text


def _quoted(text: str) -> str:
    """A cell's text for a message, which must not grow with the cell."""
    return repr(text if len(text) <= MAX_ID_BYTES else text[: MAX_ID_BYTES - 1] + "…")


def _named(identity: Identity) -> list[tuple[str, str]]:
    return [
        ("accountId", identity.account_id),
        ("userId", identity.user_id),
        ("unit", identity.unit),
        ("programId", identity.program_id or ""),
    ]


def _fits(identity: Identity) -> bool:
    account_id, user_id, unit, program_id = identity
    limits = (MAX_ID_BYTES, MAX_ID_BYTES, MAX_UNIT_BYTES, MAX_PROGRAM_ID_BYTES)
    texts = (account_id, user_id, unit, program_id or "")
    return all(
        len(text) * 4 <= limit or len(text.encode()) <= limit  # the first tells of most
        for text, limit in zip(texts, limits, strict=True)
    )


def _fingerprint(account_id: str, user_id: str, unit: str, program_id: str | None) -> int:
    """64 bits for a row's balance and program; a collision would refuse a row, never redeem one.

    Python's own hashes of texts have a key of this process, so nobody can write a file full of collisions.
    """
    return hash((account_id, user_id, unit, program_id or None)) & 0xFFFF_FFFF_FFFF_FFFF
