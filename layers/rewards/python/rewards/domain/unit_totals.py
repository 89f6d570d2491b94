"""Credits requested and rejected per unit, bounded so that a file of many units fits an import's record."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from rewards.domain.balance import RedemptionRequest
from rewards.domain.outcomes import SETTLED, RowResult
from rewards.domain.texts import normalised

MAX_UNITS = 100
# Rows of further units are counted under this name (contract section 3.4).
OTHER = "OTHER"


class UnitTotals(dict[str, int]):
    """Credits by unit: amounts of different units are never added to each other."""

    def add(self, unit: str, credits: int) -> None:
        """Add credits of a unit."""
        self[unit] = self.get(unit, 0) + credits


@dataclass(slots=True)
class RequestedTotals:
    """What the rows of one file request, and what of it validation rejects, in credits by unit.

    Covers every row whose value is a valid positive number, whatever its outcome.
    """

    requested: UnitTotals = field(default_factory=UnitTotals)
    rejected: UnitTotals = field(default_factory=UnitTotals)

    def request(self, unit: str, value: int) -> None:
        """Count a row that travels on."""
        unit = normalised(unit)
        known = unit in self.requested or len(self.requested) - (OTHER in self.requested) < MAX_UNITS
        self.requested.add(unit if known else OTHER, value if known else 1)

    def request_all(self, units: Sequence[str], values: Sequence[int]) -> None:
        """Count rows that travel on."""
        sums = dict.fromkeys(units, 0)
        if len(sums) == 1:
            sums[units[0]] = sum(values)
        elif len(self.requested) + len(sums) > MAX_UNITS:  # rows of some units are perhaps only counted
            for unit, value in zip(units, values, strict=True):
                self.request(unit, value)
            return
        else:
            for unit, value in zip(units, values, strict=True):
                sums[unit] += value
        for unit, total in sums.items():
            self.request(unit, total)

    def reject(self, unit: str, value: int) -> None:
        """Count a row that validation rejects."""
        self.request(unit, value)
        _count(self.rejected, unit, value, self.requested)


def rejected_totals(
    requests: Iterable[RedemptionRequest], results: Iterable[RowResult], units: Collection[str]
) -> UnitTotals:
    """Sum what failed rows of a chunk requested; `units` are those that the import counts by name."""
    found = UnitTotals()
    for row, result in zip(requests, results, strict=True):
        if result.outcome not in SETTLED:
            _count(found, row.unit, row.value, units)
    return found


def _count(totals: UnitTotals, unit: str, value: int, units: Collection[str]) -> None:
    unit = normalised(unit)
    known = unit in units
    totals.add(unit if known else OTHER, value if known else 1)
