"""What can be said of a redemption row without looking at its balance (CONTRACT section 3)."""

import hashlib
from collections.abc import Sequence

from rewards.rules import ids, row_ids
from rewards.rules.balance import CLOCK_MARGIN, Wanted
from rewards.rules.outcomes import Answer, FileProblem, FileRefusedError, Outcome
from rewards.rules.spreadsheet import restore
from rewards.rules.values import BadValue, read_value

NEEDED = ("accountId", "userId", "unit", "valueToRedeem")
USED = ("rowId", "programId")

# Longer ids do not fit DynamoDB's keys, so no such participant can exist (UTF-8 bytes).
MAX_ID_BYTES = 256
MAX_UNIT_BYTES = 64


def normalise(name: str) -> str:
    """A header name as it is compared: without regard to case, spaces and underscores."""
    return "".join(name.split()).replace("_", "").lower()


def find_columns(header: Sequence[str], needed: Sequence[str], used: Sequence[str]) -> dict[str, int]:
    """Where each known column stands. Refuses a header that lacks a needed one or has one twice."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(header):
        places.setdefault(normalise(name), []).append(place)
    missing = [name for name in needed if normalise(name) not in places]
    if missing:
        seen = ", ".join(name for name in header if name.strip())[:200]
        raise FileRefusedError(
            FileProblem.MISSING_COLUMNS,
            f"The header row lacks {_listed(missing)}. It has: {seen or 'nothing'}. "
            "Keep the header row, and save with commas between the columns.",
        )
    twice = [name for name in (*needed, *used) if len(places.get(normalise(name), ())) > 1]
    if twice:
        raise FileRefusedError(
            FileProblem.UNREADABLE_FILE,
            f"The header row has {_listed(twice)} more than once, so it is not clear which one counts. "
            "Remove or rename the other column.",
        )
    return {name: places[normalise(name)][0] for name in (*needed, *used) if normalise(name) in places}


class RowChecker:
    """Checks the rows of one file in order; it remembers which balances stood on earlier lines."""

    def __init__(self, header: Sequence[str], uploaded: int, decimal_comma: bool = False) -> None:
        """`uploaded` is when the file came (Unix ms): the answers must not depend on when it is read."""
        columns = find_columns(header, NEEDED, USED)
        self._account, self._user, self._unit, self._value = (columns[name] for name in NEEDED)
        self._row_id, self._program = (columns.get(name) for name in USED)
        self._width = len(header)
        self._uploaded = uploaded
        self._decimal_comma = decimal_comma
        # One fingerprint a row that wants something: this is all that grows with the file.
        self._first_line: dict[int, int] = {}

    def check(self, row: Sequence[str], line: int) -> Wanted | Answer:
        """What the row wants, or the answer to a row that needs no balance to be answered."""

        def cell(place: int | None) -> str:
            return row[place] if place is not None and place < len(row) else ""

        value_cell = cell(self._value)
        unit = restore(cell(self._unit)).strip()
        value = read_value(value_cell, unit, self._decimal_comma)
        if not isinstance(value, BadValue) and value.credits == 0:
            return Answer(line, Outcome.UNCHANGED)
        account_id = restore(cell(self._account)).strip()
        user_id = restore(cell(self._user)).strip()
        program_id = restore(cell(self._program)).strip() or None
        row_id = cell(self._row_id).strip() or None

        named = zip(NEEDED, (account_id, user_id, unit), strict=False)
        missing = [name for name, text in named if not text]
        if missing:
            return Answer(
                line, Outcome.MISSING_FIELD, f"{_listed(missing)} is blank: copy it from the report."
            )
        if any(text.strip() for text in row[self._width :]):
            return Answer(
                line,
                Outcome.ROW_CHANGED,
                f"The row has {len(row)} cells, the header {self._width}: an unquoted comma moved the cells.",
            )
        if row_id is not None:
            problem = self._row_id_problem(row_id, account_id, user_id, unit, program_id)
            if problem:
                return Answer(line, Outcome.ROW_CHANGED, problem)
        earlier = self._first_line.setdefault(_fingerprint(account_id, user_id, unit, program_id), line)
        if earlier != line:
            return Answer(
                line,
                Outcome.DUPLICATE_ROW,
                f"The same account, user, unit and program stand on line {earlier}; only that is looked at.",
            )
        if isinstance(value, BadValue):
            return Answer(line, value.outcome, value.message, unit)
        if (
            max(len(account_id.encode()), len(user_id.encode())) > MAX_ID_BYTES
            or len(unit.encode()) > MAX_UNIT_BYTES
        ):
            return Answer(line, Outcome.NO_BALANCE, "No participant has an id or unit this long.", unit)
        return Wanted(line, account_id, user_id, unit, value.credits, program_id, row_id)

    def _row_id_problem(
        self, row_id: str, account_id: str, user_id: str, unit: str, program_id: str | None
    ) -> str | None:
        export_id = row_ids.export_of(row_id)
        # A rowId from the future is none of ours; believing it would let a redemption hide in
        # history (balance.needs_history looks back by more than this allows for).
        if export_id is None or ids.time_of(export_id) > self._uploaded + CLOCK_MARGIN // 2:
            return f"rowId {row_id[:40]!r} was not made by a report of this system: it was changed."
        if not row_ids.belongs_to(row_id, account_id, user_id, unit, program_id):
            return (
                f"rowId does not belong to account {account_id!r}, user {user_id!r}, unit {unit!r}, "
                f"program {program_id or ''!r}: a cell was edited, or a sort moved only some columns. "
                "Take this row from the report again."
            )
        return None


def _fingerprint(*parts: str | None) -> int:
    """64 bits for a row's balance and program; a collision would refuse a row, never redeem one."""
    text = "\0".join(part or "" for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
