"""What all balances hold together, by unit."""

from dataclasses import dataclass, field
from typing import Any

SOON = 30 * 86_400_000

# The record is one item of a table; beyond, the units with the fewest participants are left out.
MAX_UNITS = 500


@dataclass(slots=True)
class UnitSums:
    """Credits that are available, those of them that expire within 30 days, and whose they are."""

    participants: int = 0
    available: int = 0
    expiring: int = 0


@dataclass(slots=True)
class Overview:
    """Sums over balances. A balance is what one participant has in one unit, so it counts as one."""

    units: dict[str, UnitSums] = field(default_factory=dict)

    def add(self, unit: str, available: int, expiring: int) -> None:
        """Add a balance: what is available of it, and what of that expires within SOON."""
        if available:
            sums = self.units.setdefault(unit, UnitSums())
            sums.participants += 1
            sums.available += available
            sums.expiring += expiring

    def record(self) -> list[dict[str, Any]]:
        """The units in their order, as MAX_UNITS allows."""
        largest = sorted(self.units.items(), key=lambda each: -each[1].participants)[:MAX_UNITS]
        return [
            {
                "unit": unit,
                "participants": sums.participants,
                "available": sums.available,
                "expiring": sums.expiring,
            }
            for unit, sums in sorted(largest)
        ]
