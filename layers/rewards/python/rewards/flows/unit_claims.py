"""Which unit a new balance may have: one in use, or a new one that this grant claims (CONTRACT section 1)."""

from typing import Any

from rewards.adapters.units_in_use import UnitsInUse
from rewards.domain.errors import RejectedError
from rewards.domain.units import problem_of_new_unit


class InvalidUnitError(RejectedError):
    """No reward may be the first of this unit; the message names the right spelling."""


class UnitClaims:
    """Knows the units in use. They only ever grow more, so what a container has read stays true."""

    def __init__(self, units_in_use: UnitsInUse) -> None:
        self._units_in_use = units_in_use
        self._in_use: set[str] = set()
        self._read = False

    def actions(self, unit: str, new_balance: bool) -> list[Any]:
        """What the transaction of a grant writes for its unit: nothing, or the claim of a unit's first grant.

        Of two spellings at once one is claimed; the other's transaction fails and is decided again.
        Raises InvalidUnitError. A balance that exists is never rejected, whatever its unit.
        """
        if unit in self._in_use:
            return []
        # A unit that cannot be claimed today never can be, so what was read once is enough to reject it.
        if not (self._read and new_balance and problem_of_new_unit(unit, self._in_use)):
            self._in_use.update(self._units_in_use.all())
            self._read = True
        if unit in self._in_use:
            return []
        problem = problem_of_new_unit(unit, self._in_use) if new_balance else None
        if problem is not None:
            raise InvalidUnitError(problem)
        return [self._units_in_use.claim(unit)]

    def granted(self, unit: str) -> None:
        """Remember that a grant of this unit was written."""
        self._in_use.add(unit)
