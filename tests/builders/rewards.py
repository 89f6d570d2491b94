"""Rewards and balances."""

from typing import Any

from rewards.domain.balance import Balance, Totals
from rewards.domain.redemption import Reward
from tests.builders.moments import last_month


def reward(
    name: str, assigned: int = 100, left: int | None = None, *, given: int = last_month, **dates: Any
) -> Reward:
    """A reward that no balance has numbered; nothing was taken from it unless `left` says so."""
    return Reward(0, name, assigned, assigned if left is None else left, given, **dates)


def balance(
    *rewards: Reward, user: str = "ann", unit: str = "POINT", version: int = 1, archived: int = 0
) -> Balance:
    """A balance of these rewards, and of so many in history that were used up, of 100 credits each."""
    return Balance("acme", user, unit, version, list(rewards), archived=Totals(archived, archived * 100))
