"""Credits requested and rejected per unit, bounded so that a file of many units fits an import's record."""

from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import Protocol

from rewards.domain.outcomes import SETTLED, RowResult
from rewards.domain.texts import normalised

MAX_UNITS = 100
# Rows of further units are counted under this name (contract section 3.4).
OTHER = "OTHER"


class ValuedRow(Protocol):
    """A row that travels: what it requests, in credits of its unit."""

    @property
    def unit(self) -> str: ...

    @property
    def value(self) -> int: ...


class UnitTotals(dict[str, int]):
    """Credits by unit: amounts of different units are never added to each other."""

    def add(self, unit: str, credits: int) -> None:
        """Add credits of a unit."""
        self[unit] = self.get(unit, 0) + credits


@dataclass(slots=True)
class RequestedTotals:
    """What the rows of one file request, and what of it validation rejects, in credits by unit.

    Covers every row whose value is a valid positive number, whatever its outcome; one that is below the
    smallest unit adds 0. The units in `expected` (at most MAX_UNITS) are always counted by name.
    """

    expected: Set[str] = frozenset()
    by_unit: UnitTotals = field(default_factory=UnitTotals)
    rejected: UnitTotals = field(default_factory=UnitTotals)
    # Rows in units that are not counted by name.
    other_rows: int = 0
    _unexpected: int = 0

    @property
    def requested(self) -> UnitTotals:
        """The totals as the import's record has them."""
        totals = UnitTotals(self.by_unit)
        if self.other_rows:
            totals.add(OTHER, self.other_rows)
        return totals

    def request(self, unit: str, value: int) -> None:
        """Count a row that travels on."""
        unit = normalised(unit)
        if self._is_named(unit):
            self.by_unit[unit] += value
        else:
            self.other_rows += 1

    def request_all(self, units: Sequence[str], values: Sequence[int]) -> None:
        """Count rows that travel on; their units are in ASCII."""
        sums = dict.fromkeys(units, 0)
        if len(sums) == 1:
            sums[units[0]] = sum(values)
        else:
            for unit, value in zip(units, values, strict=True):
                sums[unit] += value
        others = set[str]()
        for unit, total in sums.items():
            if self._is_named(unit):
                self.by_unit[unit] += total
            else:
                others.add(unit)
        if others:
            self.other_rows += sum(unit in others for unit in units)

    def reject(self, unit: str, value: int) -> None:
        """Count a row that validation rejects."""
        self.request(unit, value)
        _count(self.rejected, unit, value, self.by_unit)

    def _is_named(self, unit: str) -> bool:
        """Whether a unit is counted by name: its total is there from then on."""
        if unit in self.by_unit:
            return True
        if unit not in self.expected:
            if self._unexpected + len(self.expected) >= MAX_UNITS:
                return False
            self._unexpected += 1
        self.by_unit[unit] = 0
        return True


def rejected_totals(
    rows: Iterable[ValuedRow], results: Iterable[RowResult], units: Collection[str]
) -> UnitTotals:
    """Sum what failed rows of a chunk requested; `units` are those that the import counts by name."""
    found = UnitTotals()
    for row, result in zip(rows, results, strict=True):
        if result.outcome not in SETTLED:
            _count(found, row.unit, row.value, units)
    return found


def _count(totals: UnitTotals, unit: str, value: int, units: Collection[str]) -> None:
    unit = normalised(unit)
    known = unit in units
    totals.add(unit if known else OTHER, value if known else 1)
