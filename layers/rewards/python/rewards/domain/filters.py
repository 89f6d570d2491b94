"""What a report is limited to (CONTRACT section 2). A filter applies or is rejected, it is never dropped.

Several filters are combined with AND, as in the original system.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypedDict

from rewards.domain.dates import to_the_minute
from rewards.domain.errors import RejectedError
from rewards.domain.report import BALANCES, REDEEMABLE, REWARDS, Facts
from rewards.domain.units import (
    claim_key,
    currency,
    currency_decimals,
    format_value,
    problem_of_new_unit,
    unit_name,
)

_COMMON = ("unit", "programId")
DATES = tuple(
    f"{what}{bound}" for what in ("created", "updated", "createdOrUpdated") for bound in ("Since", "Before")
)
# Those of the report that people fill in.
FOR_PAYMENT = ("minimumValue", "availableUntil", "blocked", "segments", "prefill")
_APPLY = {
    REDEEMABLE: (*_COMMON, "filter", *FOR_PAYMENT),
    BALANCES: (*_COMMON, *DATES),
    REWARDS: (*_COMMON, "filter", *DATES),
}


class RewardFilter(TypedDict, total=False):
    """The original system's filter by unit and type of reward."""

    unit_eq: str | None
    unit_in: list[str] | None
    unitType_eq: str | None
    currency_eq: str | None
    type_eq: str | None


class ReportParams(TypedDict, total=False):
    """The filters of an export by the names of the contract. Dates are Unix milliseconds, `minimumValue` is
    in the smallest unit."""

    unit: str | None
    programId: str | None
    filter: RewardFilter | None
    minimumValue: int | None
    availableUntil: int | None
    blocked: str | None
    segments: list[str] | None
    prefill: str | None
    createdSince: int | None
    createdBefore: int | None
    updatedSince: int | None
    updatedBefore: int | None
    createdOrUpdatedSince: int | None
    createdOrUpdatedBefore: int | None


class FilterError(RejectedError):
    """A filter that this type of report does not have, or that needs another one; `name` is its parameter."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class UnitFilterError(FilterError):
    """A filter by a unit that no reward has."""


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open range of Unix milliseconds; None where it is not bounded."""

    since: int | None = None
    before: int | None = None

    def covers(self, *moments: int) -> bool:
        """Whether one of the moments is not before the start, and one is before the end."""
        return (self.since is None or any(each >= self.since for each in moments)) and (
            self.before is None or any(each < self.before for each in moments)
        )


_EVER = Period()


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of one report. `units` are the units of which any fits; `reward_type` is a reward's type.

    `created` is when a reward was given, of a balance its first one; `updated` when the balance was last
    written. Only what does not expire before `available_until` (Unix ms) counts as available; a balance with
    less than `minimum_value` credits of that is left out. `segments` are those of which a participant has
    any. `prefills`: valueToRedeem is what is available.
    """

    units: frozenset[str] | None = None
    unit_type: str | None = None
    currency: str | None = None
    reward_type: str | None = None
    program_id: str | None = None
    created: Period = _EVER
    updated: Period = _EVER
    created_or_updated: Period = _EVER
    minimum_value: int = 1
    available_until: int | None = None
    leaves_out_blocked: bool = False
    segments: frozenset[str] | None = None
    prefills: bool = False

    @classmethod
    def read(cls, kind: str, params: ReportParams) -> "Filters":
        """The filters in an export's `params`; `kind` is one of report.KINDS.

        Raises FilterError for one that this kind of report does not have, or that needs another one.
        """
        for name, value in params.items():
            if value is not None and name not in _APPLY[kind]:
                raise FilterError(
                    name,
                    f"does not apply to reports of type {kind}, which take {', '.join(_APPLY[kind])}",
                )
        minimum, segments = params.get("minimumValue"), params.get("segments")
        if minimum is not None and not params.get("unit"):
            raise FilterError("minimumValue", "needs unit: amounts of several units cannot be compared")
        chosen: RewardFilter = params.get("filter") or {}
        one_of = [frozenset([each]) for each in (params.get("unit"), chosen.get("unit_eq")) if each]
        some = chosen.get("unit_in")
        if some is not None:
            one_of.append(frozenset(some))
        return cls(
            units=frozenset.intersection(*one_of) if one_of else None,
            unit_type=chosen.get("unitType_eq"),
            currency=chosen.get("currency_eq"),
            reward_type=chosen.get("type_eq"),
            program_id=params.get("programId"),
            created=Period(params.get("createdSince"), params.get("createdBefore")),
            updated=Period(params.get("updatedSince"), params.get("updatedBefore")),
            created_or_updated=Period(
                params.get("createdOrUpdatedSince"), params.get("createdOrUpdatedBefore")
            ),
            minimum_value=max(minimum or 0, 1),
            available_until=params.get("availableUntil"),
            leaves_out_blocked=params.get("blocked") == "EXCLUDE",
            segments=None if segments is None else frozenset(segments),
            prefills=params.get("prefill") == "AVAILABLE",
        )

    @property
    def by_creation(self) -> bool:
        """Whether it matters when rewards were given."""
        return self.created != _EVER or self.created_or_updated != _EVER

    @property
    def by_update(self) -> bool:
        """Whether it matters when balances were last written."""
        return self.updated != _EVER or self.created_or_updated != _EVER

    @property
    def by_participant(self) -> bool:
        """Whether it matters whose a balance is."""
        return self.leaves_out_blocked or self.segments is not None

    def fits_participant(self, facts: Facts) -> bool:
        """Whether a participant fits of whom these facts are known."""
        *_, blocked, segments = facts
        if self.leaves_out_blocked and blocked:
            return False
        return self.segments is None or not self.segments.isdisjoint(segments_of(segments))

    def unit_filter(self) -> Callable[[str], bool] | None:
        """Whether a unit fits; None if every unit does."""
        if (self.units, self.unit_type, self.currency) == (None, None, None) and self.reward_type in (
            None,
            "CREDIT",
        ):
            return None
        return lru_cache(maxsize=1024)(self._fits_unit)

    def _fits_unit(self, unit: str) -> bool:
        return (
            (self.units is None or unit in self.units)
            and (self.unit_type is None or unit_name(unit) == self.unit_type)
            and (self.currency is None or currency(unit) == self.currency)
            and self.reward_type in (None, "CREDIT")
        )

    def date_filter(self) -> Callable[[int, int], bool] | None:
        """Whether something fits that was created and last written at two moments (Unix ms); None if all
        does."""
        return self._fits_dates if self.by_creation or self.by_update else None

    def _fits_dates(self, created: int, updated: int) -> bool:
        return (
            self.created.covers(created)
            and self.updated.covers(updated)
            and self.created_or_updated.covers(created, updated)
        )


def check_units(params: ReportParams, in_use: Sequence[str]) -> None:
    """Raise UnitFilterError if a filter names a misspelt unit, type of unit or currency.

    It would select nothing, and the report would not say why. A unit that may have rewards one day is none.
    """
    chosen = params.get("filter") or {}
    for name, unit in (
        ("unit", params.get("unit")),
        ("filter.unit_eq", chosen.get("unit_eq")),
        *(("filter.unit_in", unit) for unit in chosen.get("unit_in") or ()),
    ):
        if unit is not None and unit not in in_use and (problem := problem_of_new_unit(unit, in_use)):
            raise UnitFilterError(name, problem)
    unit_type, code = chosen.get("unitType_eq"), chosen.get("currency_eq")
    types = {unit_name(unit) for unit in in_use} | {"CASH", "CREDIT"}
    if unit_type is not None and unit_type not in types:
        same = next((each for each in sorted(types) if claim_key(each) == claim_key(unit_type)), None)
        if same is not None:
            problem = f"Type of unit {unit_type!r} differs only in its spelling from {same!r}. Use {same!r}."
            raise UnitFilterError("filter.unitType_eq", problem)
    if code is not None and code not in currency_decimals():
        problem = f"{code!r} is not a currency code. Use an ISO 4217 code in capital letters, such as USD."
        raise UnitFilterError("filter.currency_eq", problem)


def segments_of(text: str) -> set[str]:
    """The segments of a participant as a rewards file gives them: names between commas, or a JSON array."""
    if text.startswith("["):
        try:
            found = json.loads(text)
        except ValueError:
            found = []
        if found and all(isinstance(each, str) for each in found):
            return {each.strip() for each in found}
    return {each.strip() for each in text.split(",")} - {""}


_WORDS = {
    "unit": "Only unit",
    "programId": "Only program",
    "minimumValue": "Minimum value",
    "availableUntil": "Only what does not expire before",
    "blocked": "Blocked participants",
    "segments": "Only segments",
    "prefill": "valueToRedeem",
}
_CHOICES = {"INCLUDE": "included", "EXCLUDE": "left out", "AVAILABLE": "filled in with the available value"}


def described(params: ReportParams) -> Iterator[tuple[str, str]]:
    """An export's filters in words, with their values as people read them."""
    for name, value in params.items():
        if isinstance(value, dict):
            for inner, each in value.items():
                yield f"Only {name}.{inner}", _shown(each)
        elif name == "minimumValue" and isinstance(value, int):
            unit = str(params.get("unit"))
            yield _WORDS[name], f"{format_value(value, unit)} {unit}"
        elif name in ("blocked", "prefill"):
            yield _WORDS[name], _CHOICES[str(value)]
        else:
            yield _WORDS.get(name, f"Only {name}"), _shown(value)


def _shown(value: object) -> str:
    if isinstance(value, int):
        return to_the_minute(value)
    return ", ".join(value) if isinstance(value, list) else str(value)
