"""What the API does with single rewards and with an account as a whole (CONTRACT section 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from rewards.domain.balance import Balance, Redemption, apply_redemption
from rewards.domain.redemption import Reward, Status, allocate, statuses


@dataclass(frozen=True, slots=True)
class Sums:
    """Credits of rewards of one unit, and how many rewards there are.

    Each credit of a reward counts once, as redeemed or as one of the others: of what is left of it only the
    first that holds, cancelled, expired, pending or available.
    """

    count: int = 0
    assigned: int = 0
    redeemed: int = 0
    pending: int = 0
    expired: int = 0
    cancelled: int = 0
    available: int = 0


def sums(balances: Sequence[Balance], now: int) -> Sums:
    """The sums over some balances of one unit, with their history. Raises ValueError for several units."""
    count = assigned = redeemed = pending = expired = cancelled = 0
    for balance in balances:
        history = balance.archived
        count += history.count + len(balance.rewards)
        assigned += history.assigned
        redeemed += history.redeemed
        expired += history.expired
        cancelled += history.cancelled
        for reward in balance.rewards:
            assigned += reward.assigned_credit
            redeemed += reward.redeemed_credit
            found = statuses(reward, now)
            if Status.CANCELLED in found:
                cancelled += reward.left
            elif Status.EXPIRED in found:
                expired += reward.left
            elif Status.PENDING in found:
                pending += reward.left
    return Sums(count, assigned, redeemed, pending, expired, cancelled, available_in(balances, now))


def available_in(balances: Sequence[Balance], now: int) -> int:
    """What can be redeemed now from some balances of one unit. Raises ValueError for several units."""
    unit_of(balances)
    return sum(balance.available(now) for balance in balances)


def unit_of(balances: Sequence[Balance]) -> str | None:
    """The unit of some balances, None if there are none. Raises ValueError for several units."""
    units = {balance.unit for balance in balances}
    if len(units) > 1:
        raise ValueError(f"amounts of different units cannot be added: {', '.join(sorted(units))}")
    return next(iter(units), None)


def redeem_across(
    balances: Sequence[Balance], value: int, redemption_id: str, now: int, requester: str = ""
) -> list[Balance]:
    """Redeem a value from balances of one unit as if they were one, in place; those that changed.

    In redemption order over the rewards of all. Raises InsufficientBalanceError, and nothing
    has changed, when the value is more than all have; ValueError for several units.
    """
    unit_of(balances)
    parts = allocate(chain.from_iterable(balance.rewards for balance in balances), value, now)
    taken = {id(reward): part for reward, part in parts}
    changed = []
    for balance in balances:
        own = [(reward, taken[id(reward)]) for reward in balance.rewards if id(reward) in taken]
        if own:
            apply_redemption(balance, own, redemption_id, 0, None, now, requester)
            changed.append(balance)
    return changed


def redeem_reward(
    balance: Balance, reward: Reward, value: int, redemption_id: str, now: int, requester: str = ""
) -> None:
    """Redeem a value from one available reward of a balance, in place.

    Raises InsufficientBalanceError, and nothing has changed, when the value is more than it has.
    """
    apply_redemption(balance, allocate([reward], value, now), redemption_id, 0, None, now, requester)


def uncancellable(reward: Reward, now: int) -> Status | None:
    """Why a reward cannot be cancelled: nothing of it is left, or what is left has expired."""
    found = statuses(reward, now)
    return next((status for status in (Status.REDEEMED, Status.EXPIRED) if status in found), None)


def name_of(redemption: Redemption) -> str:
    """The name of a redemption: the API's own, or the import and line that made it."""
    return f"{redemption.import_id}-{redemption.line}" if redemption.line else redemption.import_id
