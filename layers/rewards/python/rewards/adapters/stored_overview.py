"""The overview of all balances, in the table `Jobs`."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rewards.adapters.jobs_table import JobsTable
from rewards.domain.overview import NO_OVERVIEW, BalanceOverview, OverviewStatus, UnitOverview

_OVERVIEW = "OVERVIEW"
_BALANCES = "BALANCES"


class StoredOverview:
    """Reads and replaces the one overview that is kept."""

    def __init__(self, table: JobsTable) -> None:
        self._table = table

    def get(self) -> BalanceOverview:
        """The overview as it is stored now; NO_OVERVIEW if there was none yet."""
        record = self._table.get(_OVERVIEW, _BALANCES)
        if record is None:
            return NO_OVERVIEW
        units = tuple(UnitOverview(**unit) for unit in record["units"])
        return BalanceOverview(OverviewStatus(record["status"]), record["dateOrdered"], record["asOf"], units)

    def order(self, before: BalanceOverview, ordered: int) -> bool:
        """Say since when a new one is being made (Unix ms); False if it is not as it was before any more."""
        return self._set(before, {"status": OverviewStatus.PENDING.value, "dateOrdered": ordered})

    def keep(self, before: BalanceOverview, as_of: int, units: tuple[UnitOverview, ...]) -> bool:
        """Keep the sums of a moment (Unix ms); False if it is not as it was before any more."""
        status = OverviewStatus.READY.value
        return self._set(before, {"status": status, "asOf": as_of, "units": [asdict(each) for each in units]})

    def fail(self) -> None:
        """Say that the one being made failed; nothing, if none is being made."""
        failed, pending = OverviewStatus.FAILED.value, OverviewStatus.PENDING.value
        self._table.update(_OVERVIEW, _BALANCES, {"status": failed}, status=pending)

    def _set(self, before: BalanceOverview, changes: Mapping[str, Any]) -> bool:
        if before.date_ordered is None and before.as_of is None:
            first = {"dateOrdered": None, "asOf": None, "units": [], **changes}
            return self._table.create(_OVERVIEW, _BALANCES, first)
        expected = {"dateOrdered": before.date_ordered, "asOf": before.as_of}
        return self._table.update(_OVERVIEW, _BALANCES, {**changes}, **expected)
