"""The redemption rule (CONTRACT section 1).

Inside a balance only AVAILABLE rewards are redeemed: earliest `dateExpires` first, then
earliest `dateGiven`, then `id`. Rewards that never expire come last. A reward may be
redeemed in part; a value is redeemed entirely or not at all.

Credits are integers in the smallest unit of a unit; dates are Unix milliseconds UTC or None.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from rewards.domain.errors import RejectedError


class Status(StrEnum):
    """What a reward is at a moment; it can be more than one of these."""

    PENDING = "PENDING"
    AVAILABLE = "AVAILABLE"
    REDEEMED = "REDEEMED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


@dataclass(slots=True)
class Reward:
    """What redemption needs to know of one reward.

    `ordinal` numbers the rewards of a balance in the order they were granted; records of
    redemptions name a reward by it. `cancelled_by` is who cancelled it, where that is known.
    """

    ordinal: int
    id: str
    assigned_credit: int
    left: int
    date_given: int
    date_expires: int | None = None
    date_scheduled_for: int | None = None
    date_cancelled: int | None = None
    program_id: str | None = None
    cancelled_by: str | None = None

    @property
    def redeemed_credit(self) -> int:
        return self.assigned_credit - self.left


def statuses(reward: Reward, now: int) -> set[Status]:
    """A reward's statuses at a moment, derived from its dates and credits."""
    if is_available(reward, now):
        return {Status.AVAILABLE}
    if reward.date_cancelled is not None:
        return {Status.CANCELLED}
    if reward.left == 0:
        return {Status.REDEEMED}
    found = set()
    if reward.date_expires is not None and reward.date_expires <= now:
        found.add(Status.EXPIRED)
    if reward.date_scheduled_for is not None and reward.date_scheduled_for > now:
        found.add(Status.PENDING)
    return found


def is_available(reward: Reward, now: int) -> bool:
    """Whether the reward can be redeemed at a moment (Unix ms): the one rule of what is available."""
    return (
        reward.left > 0
        and reward.date_cancelled is None
        and (reward.date_expires is None or reward.date_expires > now)
        and (reward.date_scheduled_for is None or reward.date_scheduled_for <= now)
    )


def redemption_order(reward: Reward) -> tuple[bool, int, int, str]:
    """The sort key by which rewards are redeemed."""
    return (reward.date_expires is None, reward.date_expires or 0, reward.date_given, reward.id)


def available_rewards(rewards: Iterable[Reward], now: int, program_id: str | None = None) -> Iterator[Reward]:
    """The rewards that may be redeemed now; only those of a program if one is given."""
    return (
        reward
        for reward in rewards
        if is_available(reward, now) and (program_id is None or reward.program_id == program_id)
    )


def available_value(rewards: Iterable[Reward], now: int, program_id: str | None = None) -> int:
    """What is left of the rewards that may be redeemed now."""
    return sum(reward.left for reward in available_rewards(rewards, now, program_id))


def in_redemption_order(rewards: Iterable[Reward], now: int, program_id: str | None = None) -> list[Reward]:
    """The rewards that may be redeemed now, in the order in which they are; they may come in any order."""
    return sorted(available_rewards(rewards, now, program_id), key=redemption_order)


def redemption_places(rewards: Iterable[Reward], now: int) -> dict[int, int]:
    """The places of a balance's available rewards in the redemption order, from 1, by their ordinals."""
    return {reward.ordinal: place for place, reward in enumerate(in_redemption_order(rewards, now), start=1)}


class InsufficientBalanceError(RejectedError):
    """The amount exceeds the available credits, which `available` states."""

    def __init__(self, available: int) -> None:
        super().__init__(f"only {available} available")
        self.available = available


def allocate(
    rewards: Iterable[Reward], value: int, now: int, program_id: str | None = None
) -> list[tuple[Reward, int]]:
    """Which reward gives how much of `value`; the rewards may come in any order.

    Changes nothing. Raises InsufficientBalanceError when the value is more than is available.
    """
    if value <= 0:
        raise ValueError(f"a redemption is positive, not {value}")
    parts = []
    still = value
    for reward in in_redemption_order(rewards, now, program_id):
        part = min(reward.left, still)
        parts.append((reward, part))
        still -= part
        if still == 0:
            return parts
    raise InsufficientBalanceError(value - still)
