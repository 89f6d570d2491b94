"""Rewards of a file -> balances; the same reward id again changes nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rewards.adapters.accounts import MAX_GRANTS, Accounts
from rewards.adapters.audit_log import AuditLog
from rewards.adapters.balance_item import encode_rewards
from rewards.adapters.parallel import in_parallel
from rewards.adapters.retry import Backoff
from rewards.adapters.reward_registry import Claim, RewardRegistry, claim_of
from rewards.adapters.units_in_use import UnitsInUse
from rewards.domain.audit import RELATED, Action
from rewards.domain.balance import MAX_OPEN_BYTES, MAX_OPEN_REWARDS, Balance, grant, open_rewards
from rewards.domain.balance_key import BalanceKey
from rewards.domain.outcomes import Outcome, RowResult, StopReason
from rewards.domain.reward_rows import Grant
from rewards.domain.units import claim_key
from rewards.flows.spellings import Spellings
from rewards.flows.unit_claims import InvalidUnitError, UnitClaims


class Loader:
    """Loads grants. `now` gives Unix milliseconds."""

    def __init__(
        self,
        accounts: Accounts,
        registry: RewardRegistry,
        units_in_use: UnitsInUse,
        audit_log: AuditLog,
        now: Callable[[], int],
    ) -> None:
        self._accounts = accounts
        self._audit_log = audit_log
        self._registry = registry
        self._spellings = Spellings(accounts, registry, units_in_use)
        self._units = UnitClaims(units_in_use)
        self._now = now

    def load(
        self, import_id: str, grants: Sequence[Grant], backoff: Backoff, stop_reason: StopReason | None = None
    ) -> list[RowResult]:
        """Load grants at most once each; a result for every one, in their order.

        With a `stop_reason` nothing is loaded any more, but what was loaded still says so.
        """
        results: dict[int, RowResult] = {}
        grants = [self._spellings.grant(each, backoff, known_only=stop_reason is not None) for each in grants]
        pending = grants
        while pending:
            claims = self._registry.read((each.reward.id for each in pending), backoff)
            fresh: dict[str, Grant] = {}
            for each in pending:
                claim = claims.get(each.reward.id)
                if claim is not None:
                    results[each.line] = _claimed(each, claim, import_id)
                elif stop_reason is not None:
                    results[each.line] = RowResult(
                        each.line, stop_reason.outcome, stop_reason.message, each.unit
                    )
                else:
                    # A second row of the same id waits until the first has its result.
                    fresh.setdefault(each.reward.id, each)
            lost = self._grant(import_id, fresh.values(), results, backoff)
            pending = [each for each in pending if each.line not in results]
            if lost:
                backoff.wait()
        loaded = (each for each in grants if results[each.line].outcome is Outcome.LOADED)
        self._write_participants(import_id, loaded, backoff)
        return [results[each.line] for each in grants]

    def _grant(
        self, import_id: str, grants: Iterable[Grant], results: dict[int, RowResult], backoff: Backoff
    ) -> bool:
        """Write what can be written now, and add its results; whether a write failed and has to be repeated.

        Several transactions are sent at once, but no two with the same item, because one of them would fail.
        """
        by_balance: dict[BalanceKey, list[Grant]] = {}
        for each in grants:
            by_balance.setdefault(each.balance_key, []).append(each)
        balances = self._accounts.read(by_balance, backoff)
        new = dict.fromkeys(key.participant for key in by_balance if key not in balances)
        participants = self._accounts.read_participants(new, backoff)
        writes: list[_Write] = []
        taken: set[object] = set()
        for key, group in by_balance.items():
            unit, balance = key.unit, balances.get(key)
            try:
                actions = self._units.actions(unit, new_balance=balance is None)
            except InvalidUnitError as error:
                invalid = (RowResult(each.line, Outcome.INVALID_UNIT, str(error), unit) for each in group)
                results.update((result.line, result) for result in invalid)
                continue
            shared: set[object] = {claim_key(unit)} if actions else set()
            if balance is None:
                shared.add(key.participant)
            if not taken.isdisjoint(shared):
                continue  # until the next round
            if balance is None:
                participant = participants.get(key.participant, {})
                balance = new_balance(key, participant)
                actions.append(self._accounts.check_participant(*key.participant, participant))
            # What does not fit one transaction waits for the next round, which reads again.
            batch = group[:MAX_GRANTS]
            fitting = admitted(balance, batch, self._now())
            results.update((each.line, _full(each)) for each in batch[len(fitting) :])
            if not fitting:
                continue
            taken |= shared
            grant(balance, (each.reward for each in fitting))
            actions += [self._registry.claim(each, import_id) for each in fitting]
            writes.append(_Write(balance, fitting, actions))
        sent = in_parallel(self._write, writes, lambda written: not written)
        for write, written in zip(writes, sent, strict=True):
            if written:
                self._units.granted(write.balance.unit)
                now = self._now()
                results.update((each.line, _loaded(each, write.balance, now)) for each in write.grants)
        return not all(sent)

    def _write(self, write: "_Write") -> bool:
        return self._accounts.write_together([write.balance], write.actions, self._now())

    def _write_participants(self, import_id: str, grants: Iterable[Grant], backoff: Backoff) -> None:
        """Write what the file says of participants, then bring the flags of their balances in line.

        In this order, and again whenever it is repeated: a balance that is created in between takes its flag
        from the participant as it is then.
        """
        wanted: dict[tuple[str, str], dict[str, str]] = {}
        for each in grants:
            if each.participant:
                wanted.setdefault((each.account_id, each.user_id), {}).update(each.participant)
        known = self._accounts.read_participants(wanted, backoff)
        waiting = [key for key, facts in wanted.items() if not facts.items() <= known.get(key, {}).items()]
        while waiting:
            sent = in_parallel(
                lambda key: self._accounts.write_participant(*key, wanted[key]),
                waiting,
                lambda written: not written,
            )
            waiting = [key for key, written in zip(waiting, sent, strict=True) if not written]
            if waiting:
                backoff.wait()
        for key, facts in wanted.items():
            if "dateBlocked" in facts:
                self._block(*key, backoff)
                if "dateBlocked" not in known.get(key, {}):
                    whose = self._audit_log.participant(*key)
                    about = {RELATED: f"import/{import_id}"}
                    self._audit_log.add(Action.PARTICIPANT_BLOCKED, whose, about)

    def _block(self, account_id: str, user_id: str, backoff: Backoff) -> None:
        """Set the flag on those of a participant's balances that do not have it."""
        while True:
            balances = self._accounts.balances(account_id, user_id, None, backoff)
            done = [self._accounts.block(each, backoff) for each in balances if not each.blocked]
            if all(done):
                return
            backoff.wait()


@dataclass(frozen=True, slots=True)
class _Write:
    """A transaction: grants that were added to a balance, and what else it writes."""

    balance: Balance
    grants: Sequence[Grant]
    actions: Sequence[Any]


def new_balance(key: BalanceKey, participant: Mapping[str, str]) -> Balance:
    """A balance to be created, for a participant of whom this is known."""
    return Balance(*key, blocked="dateBlocked" in participant)


def admitted(balance: Balance, grants: Sequence[Grant], now: int) -> Sequence[Grant]:
    """As many of the grants, from the first, as the balance's limits admit."""
    standing = open_rewards(balance, now)
    fitting = grants[: max(0, MAX_OPEN_REWARDS - len(standing))]
    while fitting:
        size = len(encode_rewards([*standing, *(each.reward for each in fitting)]).encode())
        if size <= MAX_OPEN_BYTES:
            break
        fitting = fitting[:-1]
    return fitting


def is_over_full(balance: Balance, now: int) -> bool:
    """Whether a balance has more open rewards than its limits admit."""
    standing = open_rewards(balance, now)
    return len(standing) > MAX_OPEN_REWARDS or len(encode_rewards(standing).encode()) > MAX_OPEN_BYTES


def _claimed(g: Grant, claim: Claim, import_id: str) -> RowResult:
    """The result to a row whose reward id is taken: by itself, by an equal row, or by somebody else."""
    if claim == claim_of(g, import_id):
        return RowResult(g.line, Outcome.LOADED, unit=g.unit)
    if claim.balance_key == g.balance_key:
        return RowResult(
            g.line, Outcome.UNCHANGED, f"This reward was loaded by import {claim.import_id}.", g.unit
        )
    return RowResult(
        g.line,
        Outcome.ID_IN_USE,
        f"Reward id {g.reward.id!r} belongs to account {claim.account_id!r}, user {claim.user_id!r}, "
        f"unit {claim.unit!r}. Nothing was changed.",
        g.unit,
    )


def _loaded(g: Grant, balance: Balance, now: int) -> RowResult:
    return RowResult(g.line, Outcome.LOADED, unit=g.unit, available=balance.available(now))


def _full(g: Grant) -> RowResult:
    return RowResult(
        g.line,
        Outcome.BALANCE_FULL,
        f"The balance of this participant in {g.unit} has reached its limit of open rewards. Redeem or "
        "cancel some of them, then load this row again.",
        g.unit,
    )
