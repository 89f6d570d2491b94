"""Queries for participants' rewards, the redemptions of each, and the sums of balances.

Records have the names of CONTRACT section 5: responses that contain them are stored under idempotency keys.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from rewards.adapters.accounts import Accounts
from rewards.adapters.retry import Backoff
from rewards.adapters.reward_registry import Claim, RewardRegistry
from rewards.domain.account_credits import name_of, sums, uncancellable
from rewards.domain.balance import Balance, Page
from rewards.domain.redemption import Reward, Status, redemption_places, statuses
from rewards.flows.spellings import Spellings


class RedemptionRecord(TypedDict):
    """One time that credits of a reward were redeemed (Unix ms), by an import or by a requester."""

    id: str
    dateRedeemed: int
    quantityRedeemed: int
    importId: str | None
    reference: str | None
    requester: str | None


class RewardRecord(TypedDict):
    """A reward. Credits are in the unit's smallest unit, dates Unix milliseconds."""

    id: str
    type: str
    accountId: str
    userId: str
    programId: str | None
    name: str | None
    rewardSource: str | None
    unit: str
    assignedCredit: int
    redeemedCredit: int
    dateGiven: int
    dateScheduledFor: int | None
    dateExpires: int | None
    dateCancelled: int | None
    createdBy: str | None
    cancelledBy: str | None
    cancellable: bool
    statuses: list[Status]
    redemptionOrder: int | None
    redemptions: list[RedemptionRecord]


class BalanceRecord(TypedDict):
    """The sums of the rewards of one unit, in credits."""

    type: str
    unit: str
    count: int
    totalAssignedCredit: int
    totalRedeemedCredit: int
    totalPendingCredit: int
    totalExpiredCredit: int
    totalCancelledCredit: int
    totalAvailableCredit: int
    totalHeldCredit: int


@dataclass(frozen=True, slots=True)
class OwnedReward:
    """One reward, the balance it belongs to, and all redemptions that took from it, oldest first.

    A reward that went to history is none of the balance's own any more.
    """

    reward: Reward
    balance: Balance
    claim: Claim
    redemptions: Sequence[RedemptionRecord]


class RewardQueries:
    """Finds rewards and balances. `now` gives Unix milliseconds."""

    def __init__(
        self, accounts: Accounts, registry: RewardRegistry, spellings: Spellings, now: Callable[[], int]
    ) -> None:
        self._accounts = accounts
        self._registry = registry
        self._spellings = spellings
        self._now = now

    def find(self, reward_id: str, backoff: Backoff) -> OwnedReward | None:
        """One reward with its balance, as they are now; None if there is no such reward."""
        reward_id = self._spellings.reward_id(reward_id, backoff)
        claim = self._registry.read([reward_id], backoff).get(reward_id)
        if claim is None:
            return None
        for balance, pages in self._accounts.balances_with_history(*claim.balance_key):
            redeemed = _redemptions(balance, pages)
            for reward in _all_rewards(balance, pages):
                if reward.id == reward_id:
                    return OwnedReward(reward, balance, claim, redeemed.get(reward.ordinal, []))
        return None  # its id is claimed, but it was not granted: tables restored to different moments

    def reward(self, reward_id: str, backoff: Backoff) -> RewardRecord | None:
        """One reward's record, or None."""
        held = self.find(reward_id, backoff)
        return show(held, self._now()) if held else None

    def rewards(
        self,
        account_id: str,
        user_id: str | None,
        backoff: Backoff,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[RewardRecord]:
        """The rewards an account (or one participant) ever got, in the order they were given.

        `limit` rewards after the first `offset`; all of these without a limit.
        """
        account_id, user_id = self._spellings.account_or_participant(account_id, user_id, backoff)
        held = [
            (reward, balance, redeemed.get(reward.ordinal, []))
            for balance, pages in self._accounts.balances_with_history(account_id, user_id)
            for redeemed in [_redemptions(balance, pages)]
            for reward in _all_rewards(balance, pages)
        ]
        held.sort(key=lambda each: (each[0].date_given, each[0].id))
        held = held[offset : None if limit is None else offset + limit]
        claims = self._registry.read((reward.id for reward, *_ in held), backoff)
        now = self._now()
        places = {b.key: redemption_places(b.rewards, now) for b in {id(b): b for _, b, _ in held}.values()}
        return [
            show(OwnedReward(reward, balance, claim, redeemed), now, places[balance.key])
            for reward, balance, redeemed in held
            for claim in [claims.get(reward.id) or Claim(*balance.key, "", 0)]
        ]

    def balances(self, account_id: str, user_id: str | None, backoff: Backoff) -> list[BalanceRecord]:
        """The sums of an account's (or one participant's) rewards, a record a unit."""
        account_id, user_id = self._spellings.account_or_participant(account_id, user_id, backoff)
        by_unit: dict[str, list[Balance]] = {}
        for balance in self._accounts.balances(account_id, user_id, None):
            by_unit.setdefault(balance.unit, []).append(balance)
        now = self._now()
        return [_show_sums(unit, by_unit[unit], now) for unit in sorted(by_unit)]


def show(held: OwnedReward, now: int, places: Mapping[int, int] | None = None) -> RewardRecord:
    """A reward's record; its statuses, its place in the redemption order of its balance, and whether it can
    be cancelled, are as of `now`. `places` are those of its balance, if they are known already.
    """
    reward, balance = held.reward, held.balance
    if places is None:
        places = redemption_places(balance.rewards, now)
    return {
        "id": reward.id,
        "type": "CREDIT",
        "accountId": balance.account_id,
        "userId": balance.user_id,
        "programId": reward.program_id,
        "name": held.claim.name or None,
        "rewardSource": held.claim.reward_source or None,
        "unit": balance.unit,
        "assignedCredit": reward.assigned_credit,
        "redeemedCredit": reward.redeemed_credit,
        "dateGiven": reward.date_given,
        "dateScheduledFor": reward.date_scheduled_for,
        "dateExpires": reward.date_expires,
        "dateCancelled": reward.date_cancelled,
        "createdBy": held.claim.created_by or None,
        "cancelledBy": reward.cancelled_by,
        "cancellable": reward.date_cancelled is None and uncancellable(reward, now) is None,
        "statuses": sorted(statuses(reward, now)),
        "redemptionOrder": places.get(reward.ordinal),
        "redemptions": list(held.redemptions),
    }


def _all_rewards(balance: Balance, pages: Sequence[Page]) -> list[Reward]:
    return [*balance.rewards, *(reward for page in pages for reward in page.rewards)]


def _redemptions(balance: Balance, pages: Sequence[Page]) -> dict[int, list[RedemptionRecord]]:
    """What was redeemed of each of a balance's rewards and not returned, by its ordinal, oldest first."""
    found: dict[int, list[RedemptionRecord]] = {}
    past = [redemption for page in pages for redemption in page.redemptions]
    for redemption in (*past, *balance.redemptions):
        if redemption.reversed_by:
            continue
        for ordinal, credits in redemption.parts:
            found.setdefault(ordinal, []).append(
                {
                    "id": name_of(redemption),
                    "dateRedeemed": redemption.date,
                    "quantityRedeemed": credits,
                    "importId": redemption.import_id if redemption.line else None,
                    "reference": redemption.reference or None,
                    "requester": redemption.requester or None,
                }
            )
    return found


def _show_sums(unit: str, balances: Sequence[Balance], now: int) -> BalanceRecord:
    found = sums(balances, now)
    return {
        "type": "CREDIT",
        "unit": unit,
        "count": found.count,
        "totalAssignedCredit": found.assigned,
        "totalRedeemedCredit": found.redeemed,
        "totalPendingCredit": found.pending,
        "totalExpiredCredit": found.expired,
        "totalCancelledCredit": found.cancelled,
        "totalAvailableCredit": found.available,
        "totalHeldCredit": 0,  # nothing can be held yet
    }
