"""What all balances hold together, by unit."""

from dataclasses import dataclass, field
from enum import StrEnum

SOON = 30 * 86_400_000

# The record is one item of a table; beyond, the units with the fewest participants are left out.
MAX_UNITS = 500


class OverviewStatus(StrEnum):
    """Whether there is an overview, and whether a new one is being made."""

    NONE = "NONE"
    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class UnitOverview:
    """What is available in one unit: credits, those of them that expire within SOON, and of how many
    participants."""

    unit: str
    participants: int
    available: int
    expiring: int


@dataclass(frozen=True, slots=True)
class BalanceOverview:
    """The overview that is kept: the sums of a moment, and when a new one was requested (Unix ms)."""

    status: OverviewStatus
    date_ordered: int | None
    as_of: int | None
    units: tuple[UnitOverview, ...]


NO_OVERVIEW = BalanceOverview(OverviewStatus.NONE, None, None, ())


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
            sums = self.units.get(unit)
            if sums is None:
                sums = self.units[unit] = UnitSums()
            sums.participants += 1
            sums.available += available
            sums.expiring += expiring

    def shown(self) -> tuple[UnitOverview, ...]:
        """The units in their order, as MAX_UNITS allows."""
        largest = sorted(self.units.items(), key=lambda each: -each[1].participants)[:MAX_UNITS]
        return tuple(
            UnitOverview(unit, sums.participants, sums.available, sums.expiring)
            for unit, sums in sorted(largest)
        )
