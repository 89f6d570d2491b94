"""The API's commands: create, cancel or redeem a reward; redeem from a balance.

Each change is decided from what was read just before, and written in one transaction on
condition that nothing else was written meanwhile; after a conflict it is read and decided again. The response
is stored in the same transaction under the request's idempotency key, so a request that is sent again (by a
client, or by us because no response came) gets the first response and has no second effect.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Generic, NoReturn, TypedDict, TypeVar, cast

from rewards.adapters.accounts import Accounts
from rewards.adapters.errors import ThrottledError, TooManyWritesError, UnknownOutcomeError
from rewards.adapters.idempotency import StoredResponse, StoredResponses
from rewards.adapters.retry import Backoff
from rewards.adapters.reward_registry import RewardRegistry, claim_of
from rewards.adapters.units_in_use import UnitsInUse
from rewards.domain import ids
from rewards.domain.account_credits import available_in, redeem_across, redeem_reward, uncancellable
from rewards.domain.balance import Balance, grant
from rewards.domain.redemption import InsufficientBalanceError, Reward, Status, is_available, statuses
from rewards.domain.reward_rows import Grant
from rewards.flows.approval_gate import ApprovalGate
from rewards.flows.load_rewards import admitted, new_balance
from rewards.flows.rejections import RejectionCode, RequestRejectedError, insufficient, not_found, too_many
from rewards.flows.reward_queries import OwnedReward, RewardQueries, RewardRecord, show
from rewards.flows.spellings import Spellings
from rewards.flows.unit_claims import InvalidUnitError, UnitClaims

# Who loaded a reward that no file brought.
BY_API = "API"


@dataclass(frozen=True, slots=True)
class Request:
    """The identity of a request: `key` if the client sent one, and a digest of its parameters.

    `old_key` is the key in the form of version 0.1, under which an earlier response may be stored.
    `requester` is recorded with what the request changes. `user` is the id of a signed-in user, to whom the
    rule of approvals applies.
    """

    digest: str
    key: str | None = None
    old_key: str | None = None
    requester: str = ""
    user: str | None = None


class RedeemedRecord(TypedDict):
    """What a redemption took, and what is left, in credits. Its names are those of CONTRACT section 5."""

    creditRedeemed: int
    creditAvailable: int
    unit: str


_Response = TypeVar("_Response")


@dataclass(frozen=True, slots=True)
class _Change(Generic[_Response]):
    """A response, and what is to be written so that it is true."""

    response: _Response
    balances: Sequence[Balance]
    actions: Sequence[Any] = ()


class LedgerCommands:
    """Changes rewards and balances, each request at most once. `now` gives Unix milliseconds."""

    def __init__(
        self,
        accounts: Accounts,
        registry: RewardRegistry,
        responses: StoredResponses,
        units_in_use: UnitsInUse,
        gate: ApprovalGate,
        now: Callable[[], int],
    ) -> None:
        self._accounts = accounts
        self._registry = registry
        self._responses = responses
        self._gate = gate
        self._spellings = Spellings(accounts, registry, units_in_use)
        self._units = UnitClaims(units_in_use)
        self._queries = RewardQueries(accounts, registry, self._spellings, now)
        self._now = now

    def create(self, new: Grant, request: Request, backoff: Backoff) -> RewardRecord:
        """Give a participant a reward; its record.

        Rejected: INVALID_UNIT, BALANCE_FULL, APPROVAL_REQUIRED.
        """
        new = self._spellings.grant(new, backoff)
        key = new.balance_key

        def decide() -> _Change[RewardRecord]:
            balance = self._accounts.read([key], backoff).get(key)
            try:
                actions = self._units.actions(new.unit, new_balance=balance is None)
            except InvalidUnitError as error:
                raise RequestRejectedError(RejectionCode.INVALID_UNIT, str(error)) from error
            if balance is None:
                whose = key.participant
                participant = self._accounts.read_participants([whose], backoff).get(whose, {})
                balance = new_balance(key, participant)
                actions.append(self._accounts.check_participant(*whose, participant))
            if not admitted(balance, [new], self._now()):
                raise RequestRejectedError(
                    RejectionCode.BALANCE_FULL,
                    f"The balance of this participant in {new.unit} has reached its limit of open rewards.",
                )
            grant(balance, [new.reward])
            actions.append(self._registry.claim(new, BY_API, request.requester))
            claim = claim_of(new, BY_API, request.requester)
            held = OwnedReward(new.reward, balance, claim, ())
            return _Change(show(held, self._now()), [balance], actions)

        return self._once(request, (new.unit, new.reward.assigned_credit), decide, backoff)

    def redeem_reward(
        self, reward_id: str, unit: str, amount: int, request: Request, backoff: Backoff
    ) -> RedeemedRecord:
        """Redeem an amount from one reward, entirely or not at all; what its balance has left.

        Rejected: REWARD_NOT_FOUND, UNIT_MISMATCH, REWARD_NOT_AVAILABLE, INSUFFICIENT_BALANCE,
        APPROVAL_REQUIRED.
        """
        redemption = ids.new_id(self._now())
        reward_id, unit = self._spellings.reward_id(reward_id, backoff), self._spellings.unit(unit)

        def decide() -> _Change[RedeemedRecord]:
            balance, reward = self._reward(reward_id, backoff)
            if balance.unit != unit:
                raise RequestRejectedError(
                    RejectionCode.UNIT_MISMATCH, f"The unit of this reward is {balance.unit}, not {unit}."
                )
            now = self._now()
            is_used_up = Status.REDEEMED in statuses(reward, now)
            if not is_used_up and (_is_gone(balance, reward) or not is_available(reward, now)):
                raise RequestRejectedError(
                    RejectionCode.REWARD_NOT_AVAILABLE,
                    f"This reward is {_closed(reward, now)}. Nothing was redeemed.",
                )
            try:
                redeem_reward(balance, reward, amount, redemption, now, request.requester)
            except InsufficientBalanceError as error:
                insufficient(amount, unit, error)
            return _Change(_debited(amount, unit, [balance], now), [balance])

        return self._once(request, (unit, amount), decide, backoff)

    def redeem(
        self,
        account_id: str,
        user_id: str | None,
        unit: str,
        amount: int,
        request: Request,
        backoff: Backoff,
    ) -> RedeemedRecord:
        """Redeem an amount from a participant's balance, or from all of an account's as if they were one.

        In redemption order, entirely or not at all. The response says what is left in the participant's
        balance, or in the account's. Rejected: NO_BALANCE, UNIT_MISMATCH,
        INSUFFICIENT_BALANCE, TOO_MANY_BALANCES, APPROVAL_REQUIRED.
        """
        redemption = ids.new_id(self._now())
        unit = self._spellings.unit(unit)
        account_id, user_id = self._spellings.account_or_participant(account_id, user_id, backoff)

        def decide() -> _Change[RedeemedRecord]:
            balances = self._accounts.balances(account_id, user_id, unit)
            if not balances:
                self._no_balance(account_id, user_id, unit)
            now = self._now()
            try:
                changed = redeem_across(balances, amount, redemption, now, request.requester)
            except InsufficientBalanceError as error:
                insufficient(amount, unit, error)
            return _Change(_debited(amount, unit, balances, now), changed)

        return self._once(request, (unit, amount), decide, backoff)

    def cancel(self, reward_id: str, backoff: Backoff, requester: str | None = None) -> RewardRecord:
        """Cancel what is left of a reward; its record. Again: the same.

        `requester` is recorded with the reward, if it is given.

        Rejected: REWARD_NOT_FOUND, REWARD_NOT_CANCELLABLE (used up, or expired).
        """
        while True:
            held = self._queries.find(reward_id, backoff)
            if held is None:
                not_found(reward_id)
            now = self._now()
            if held.reward.date_cancelled is not None:
                return show(held, now)
            why = uncancellable(held.reward, now)
            if why is not None or _is_gone(held.balance, held.reward):
                problem = f"This reward is {why or Status.EXPIRED}, so there is nothing to cancel."
                raise RequestRejectedError(RejectionCode.REWARD_NOT_CANCELLABLE, problem)
            held.reward.date_cancelled, held.reward.cancelled_by = now, requester
            try:
                if self._accounts.write_together([held.balance], (), now):
                    return show(held, now)
            except UnknownOutcomeError:
                pass  # if it was written, it is seen now
            backoff.wait()

    def _once(
        self,
        request: Request,
        asked: tuple[str, int],
        decide: Callable[[], _Change[_Response]],
        backoff: Backoff,
    ) -> _Response:
        """Decide and write until it is done, or rejected, or found to have a stored response.

        `asked` are the unit and the credits to which the rule of approvals applies.
        """
        key = request.key or token_hex(32)
        # Nothing is stored under an old key any more, so one look is enough.
        earlier = self._responses.find(request.old_key) if request.old_key else None
        if earlier is not None:
            return cast(_Response, _same(earlier, request))
        while True:
            rejection = None
            try:
                counted = self._gate.admit_call(request.user, *asked)
                change = decide()
                kept = self._responses.put(key, StoredResponse(request.digest, change.response), self._now())
                actions = [*change.actions, *counted, kept]
                if self._accounts.write_together(change.balances, actions, self._now()):
                    return change.response
            except RequestRejectedError as error:
                rejection = error
            except TooManyWritesError as error:
                rejection = too_many(error)
            except (ThrottledError, UnknownOutcomeError):
                pass
            # Also when rejected: what is missing may be what this very request took.
            before = self._responses.find(key)
            if before is not None:
                return cast(_Response, _same(before, request))
            if rejection is not None:
                raise rejection
            backoff.wait()

    def _reward(self, reward_id: str, backoff: Backoff) -> tuple[Balance, Reward]:
        """A reward with its balance; history is read only for one that is closed."""
        claim = self._registry.read([reward_id], backoff).get(reward_id)
        if claim is None:
            not_found(reward_id)
        for balance in self._accounts.read([claim.balance_key], backoff).values():
            for reward in balance.rewards:
                if reward.id == reward_id:
                    return balance, reward
        held = self._queries.find(reward_id, backoff)
        if held is None:
            not_found(reward_id)
        return held.balance, held.reward

    def _no_balance(self, account_id: str, user_id: str | None, unit: str) -> NoReturn:
        whose = f"account {account_id!r}"
        if user_id is not None:
            whose = f"user {user_id!r} of {whose}"
        units = sorted({balance.unit for balance in self._accounts.balances(account_id, user_id, None)})
        if units:
            raise RequestRejectedError(
                RejectionCode.UNIT_MISMATCH,
                f"No balance in {unit} exists for {whose}. Units with a balance: {', '.join(units)}. "
                "Nothing was redeemed.",
            )
        raise RequestRejectedError(
            RejectionCode.NO_BALANCE, f"No reward exists for {whose}. Nothing was redeemed."
        )


def _debited(amount: int, unit: str, balances: Sequence[Balance], now: int) -> RedeemedRecord:
    left = available_in(balances, now)
    return {"creditRedeemed": amount, "creditAvailable": left, "unit": unit}


def _same(before: StoredResponse, request: Request) -> Any:
    """The response that was stored, if it was to the same request."""
    if before.digest != request.digest:
        raise RequestRejectedError(
            RejectionCode.IDEMPOTENCY_KEY_REUSED,
            "This Idempotency-Key was used for another request. Use a new key for each request. Nothing "
            "was changed.",
        )
    return before.response


def _is_gone(balance: Balance, reward: Reward) -> bool:
    """Whether a reward has gone to history: it is closed, though our clock may be late to know."""
    return all(each is not reward for each in balance.rewards)


def _closed(reward: Reward, now: int) -> str:
    """Why a reward is not available; one that went to history has expired by somebody's clock."""
    return " and ".join(sorted(statuses(reward, now) - {Status.AVAILABLE})) or Status.EXPIRED
