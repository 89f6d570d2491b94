"""Which imports and ledger calls need approval (CONTRACT section 9 "Approval").

Credits are integers in the unit's smallest unit, moments are Unix milliseconds.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from rewards.domain.errors import FaultError
from rewards.domain.texts import normalised
from rewards.domain.unit_totals import OTHER
from rewards.domain.units import decimals

NEVER = "never"
ALWAYS = "always"

# Thresholds count what was asked for in so many milliseconds.
WINDOW = 24 * 3_600_000
# A waiting import ends after so many milliseconds.
EXPIRES_AFTER = 14 * 24 * 3_600_000

# They bound the record of a requester, which a transaction writes: 400 KB is the most.
_MAX_LIMITS = 20
_MAX_ENTRIES = 100
_QUARTER = 15 * 60_000

_LIMIT = re.compile(r"([^;>]+)>([0-9]+)(?:\.([0-9]+))?")


class ApprovalRuleError(FaultError):
    """The parameter ApprovalRule cannot be read. It is never taken as `never`."""


@dataclass(frozen=True, slots=True)
class Approval:
    """Whether an import needs approval by which rule, and who decided what."""

    required: bool
    rule: str
    approver: str | None = None
    comment: str | None = None
    reason: str | None = None
    date: int | None = None

    @property
    def is_approved(self) -> bool:
        """Whether somebody approved it: only a rejection has a reason."""
        return self.date is not None and self.reason is None


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """The rule of a stack. `limits` are credits by unit; None if no amount counts (never, always)."""

    text: str
    limits: Mapping[str, int] | None = None

    @property
    def applies(self) -> bool:
        """Whether anything may need approval."""
        return self.text != NEVER

    def counted(self, requested: Mapping[str, int]) -> dict[str, int]:
        """What of the credits by unit has to be remembered: that in units with a limit."""
        found: dict[str, int] = {}
        for unit, credits in requested.items():
            name = normalised(unit)
            if self.limits is not None and name in self.limits:
                found[name] = found.get(name, 0) + credits
        return found


class Asked(NamedTuple):
    """What a requester asked for at one moment, in credits by unit."""

    date: int
    credits: Mapping[str, int]


def parse_rule(text: str) -> ApprovalRule:
    """The rule that a text says: `never`, `always`, or `CASH/USD>1000;POINT>50000` in the units as shown.

    Raises ApprovalRuleError for anything else.
    """
    text = text.strip()
    if text in (NEVER, ALWAYS):
        return ApprovalRule(text)
    limits: dict[str, int] = {}
    for part in text.split(";"):
        unit, credits = _limit(part.strip())
        if unit in limits:
            raise ApprovalRuleError(f"ApprovalRule names {unit!r} twice")
        limits[unit] = credits
    if len(limits) > _MAX_LIMITS:
        raise ApprovalRuleError(f"ApprovalRule names {len(limits)} units; at most {_MAX_LIMITS} can be named")
    return ApprovalRule(text, limits)


def _limit(part: str) -> tuple[str, int]:
    found = _LIMIT.fullmatch(part)
    if found is None:
        raise ApprovalRuleError(
            f"ApprovalRule has {part!r}, which cannot be read. Use never, always, or thresholds such as "
            "CASH/USD>1000;POINT>50000"
        )
    unit, whole, fraction = normalised(found[1].strip()), found[2], found[3] or ""
    if not unit or unit == OTHER:
        raise ApprovalRuleError(f"ApprovalRule has {part!r}, whose unit cannot be named")
    places = decimals(unit)
    if len(fraction) > places:
        raise ApprovalRuleError(f"ApprovalRule has {part!r}, but {unit} has {places} decimals")
    return unit, int(whole + fraction.ljust(places, "0"))


def needs_approval(rule: ApprovalRule, requested: Mapping[str, int], earlier: Mapping[str, int]) -> bool:
    """Whether a request needs approval: credits by unit, and what was asked for in the last 24 hours.

    Only the units of the request count: what was asked for earlier in another unit was decided then.
    """
    if rule.limits is None:
        return rule.applies
    for unit in map(normalised, requested):
        limit = rule.limits.get(unit)
        if limit is None or rule.counted(requested)[unit] + earlier.get(unit, 0) > limit:
            return True
    return False


def recent(asked: tuple[Asked, ...], now: int) -> tuple[Asked, ...]:
    """What counts at a moment, oldest first."""
    return tuple(sorted((each for each in asked if each.date > now - WINDOW), key=lambda each: each.date))


def totals(asked: Iterable[Asked]) -> dict[str, int]:
    """The sums by unit."""
    found: dict[str, int] = {}
    for each in asked:
        for unit, credits in each.credits.items():
            found[unit] = found.get(unit, 0) + credits
    return found


def with_asked(asked: tuple[Asked, ...], new: Asked) -> tuple[Asked, ...]:
    """What counts, with what is asked for now.

    Of too many entries, those of a quarter of an hour become one with the latest of their dates, so that none
    counts for a shorter time than it must.
    """
    found = recent((*asked, new), new.date)
    if len(found) <= _MAX_ENTRIES:
        return found
    quarters: dict[int, list[Asked]] = {}
    for each in found:
        quarters.setdefault(each.date // _QUARTER, []).append(each)
    return tuple(Asked(group[-1].date, totals(group)) for group in quarters.values())
