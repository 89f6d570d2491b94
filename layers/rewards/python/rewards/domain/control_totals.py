"""Control totals: what a file is expected to request, and how it differs from that (contract section 9).

They cover every row whose value is a valid positive number, whatever its outcome. Rows with an invalid value
count as rows only; rows that are skipped (blank, 0 or a dash) do not count.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rewards.domain.id_limits import MAX_UNIT_BYTES
from rewards.domain.outcomes import FileProblem, FileRejectedError
from rewards.domain.texts import normalised, problem_of_id, trimmed
from rewards.domain.unit_totals import MAX_UNITS, RequestedTotals
from rewards.domain.units import decimals, format_value

# The largest expected number of rows, or of credits of a unit: programs keep 15 digits exactly.
MAX_EXPECTED = 10**15 - 1

_AMOUNT = re.compile(r"([0-9]{1,15})(?:\.([0-9]+))?")
_EXAMPLE = "Write for example rows=120;CASH/USD=1234.50."
# So many differences are named in the message; the record has all of them.
_MOST_NAMED = 20


class Counted(StrEnum):
    """What a control total counts."""

    ROWS = "ROWS"
    UNIT = "UNIT"
    # Rows in units that are not counted one by one, because the file has too many units.
    OTHER_UNITS = "OTHER_UNITS"


@dataclass(frozen=True, slots=True)
class ExpectedTotals:
    """How many rows are expected to have a value, and how many credits by unit (in NFC) they request.

    None is not compared.
    """

    rows: int | None = None
    requested: Mapping[str, int] | None = None

    @property
    def units(self) -> frozenset[str]:
        """The units with an expected total."""
        return frozenset(self.requested or ())


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that is not as expected: of a unit in its credits, else in rows.

    None is the side on which the unit is missing.
    """

    counted: Counted
    unit: str | None
    expected: int | None
    found: int | None


class TotalsMismatchError(FileRejectedError):
    """A file does not have the expected totals; `differences` are all figures that differ."""

    def __init__(self, differences: Sequence[Difference]) -> None:
        super().__init__(FileProblem.TOTALS_MISMATCH, _mismatch(differences))
        self.differences = differences


def unit_of_total(text: str) -> str:
    """The unit of an expected total, as totals name it. Raises ValueError, whose message follows the text."""
    unit = normalised(trimmed(text))
    if not unit:
        raise ValueError("names no unit")
    if len(unit.encode(errors="replace")) > MAX_UNIT_BYTES:
        raise ValueError(f"names a unit of more than {MAX_UNIT_BYTES} bytes")
    if problem_of_id(unit) is not None:
        raise ValueError("names a unit with a character that no unit has")
    return unit


def read_expected(text: str) -> ExpectedTotals:
    """The control totals in an object's metadata, such as `rows=120;CASH/USD=1234.50`.

    Values are decimals in the unit as shown. Raises ValueError; the message says what to write.
    """
    rows, requested = None, dict[str, int]()
    for part in text.strip().removesuffix(";").split(";"):
        try:
            name, equals, value = part.rpartition("=")
            if not equals:
                raise ValueError("is not a name, an equals sign and a value")
            if trimmed(name) == "rows":
                if rows is not None:
                    raise ValueError("repeats rows")
                rows = _rows(trimmed(value))
                continue
            unit = unit_of_total(name)
            if unit in requested:
                raise ValueError(f"repeats the unit {unit}")
            requested[unit] = _credits(trimmed(value), unit)
        except ValueError as error:
            shown = repr(part if len(part) <= 100 else part[:99] + "…")
            raise ValueError(
                f"The control totals in the metadata “expected” cannot be read: {shown} {error}. Nothing was "
                f"imported. {_EXAMPLE}"
            ) from None
    if len(requested) > MAX_UNITS:
        raise ValueError(
            f"The control totals in the metadata “expected” name {len(requested)} units. At most {MAX_UNITS} "
            "are possible. Nothing was imported."
        )
    return ExpectedTotals(rows, requested or None)


def _rows(value: str) -> int:
    if not re.fullmatch("[0-9]{1,15}", value):
        raise ValueError("does not have a whole number of rows")
    return int(value)


def _credits(value: str, unit: str) -> int:
    found = _AMOUNT.fullmatch(value)
    if found is None:
        raise ValueError("does not have a value in digits, such as 1234.50")
    whole, fraction = found[1], found[2] or ""
    places = decimals(unit)
    if len(fraction) > places:
        raise ValueError(f"has more decimals than {unit}, which has {places}")
    credits = int(whole + fraction.ljust(places, "0"))
    if credits > MAX_EXPECTED:
        raise ValueError("has a value that is too large")
    return credits


def check_totals(expected: ExpectedTotals | None, rows: int, totals: RequestedTotals) -> None:
    """Raise TotalsMismatchError if a file does not have the expected totals.

    `rows` have a value. `totals` count the units of `expected` one by one.
    """
    found = list(_differences(expected, rows, totals)) if expected is not None else []
    if found:
        raise TotalsMismatchError(found)


def _differences(expected: ExpectedTotals, rows: int, totals: RequestedTotals) -> Iterable[Difference]:
    if expected.rows is not None and expected.rows != rows:
        yield Difference(Counted.ROWS, None, expected.rows, rows)
    if expected.requested is None:
        return
    for unit in sorted({*expected.requested, *totals.by_unit}):
        wanted, found = expected.requested.get(unit), totals.by_unit.get(unit)
        if wanted != found:
            yield Difference(Counted.UNIT, unit, wanted, found)
    if totals.other_rows:
        yield Difference(Counted.OTHER_UNITS, None, None, totals.other_rows)


def _mismatch(differences: Sequence[Difference]) -> str:
    named = [_words(each) for each in differences[:_MOST_NAMED]]
    left = len(differences) - len(named)
    more = f" {left} more differ." if left else ""
    return f"The file does not have the expected totals. {' '.join(named)}{more} Nothing was imported."


def _words(difference: Difference) -> str:
    unit, expected, found = difference.unit, difference.expected, difference.found
    if difference.counted is Counted.ROWS:
        return f"Rows with a value: {expected} expected, {found} in the file."
    if unit is None:
        return f"Rows in further units: none expected, {found} in the file."
    wanted = "none" if expected is None else format_value(expected, unit)
    return f"{unit}: {wanted} expected, {'none' if found is None else format_value(found, unit)} in the file."
