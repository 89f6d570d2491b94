"""Rewards of a file -> balances; the same reward id again changes nothing."""

from collections.abc import Callable, Iterable, Sequence

from rewards.adapters.accounts import MAX_GRANTS, Accounts, BalanceKey, Written
from rewards.adapters.catalogue import Catalogue, Claim
from rewards.adapters.retry import Backoff
from rewards.rules.balance import MAX_OPEN_REWARDS, Balance, grant, open_count
from rewards.rules.outcomes import Answer, Outcome
from rewards.rules.reward_rows import Grant


class Loader:
    """Loads grants. `now` gives Unix milliseconds."""

    def __init__(self, accounts: Accounts, catalogue: Catalogue, now: Callable[[], int]) -> None:
        self._accounts = accounts
        self._catalogue = catalogue
        self._now = now

    def load(self, import_id: str, grants: Sequence[Grant], backoff: Backoff) -> list[Answer]:
        """Load grants at most once each; an answer for every one, in their order."""
        self._write_participants(grants, backoff)
        answers: dict[int, Answer] = {}
        pending = list(grants)
        while pending:
            claims = self._catalogue.read((g.reward.id for g in pending), backoff)
            fresh: dict[str, Grant] = {}
            for g in pending:
                claim = claims.get(g.reward.id)
                twin = fresh.setdefault(g.reward.id, g)
                if claim is not None:
                    answers[g.line] = _claimed(g, claim, import_id)
                elif twin is not g:
                    answers[g.line] = _claimed(g, _claim_of(twin, import_id), import_id)
            pending = self._grant(
                import_id, [g for g in fresh.values() if g.line not in answers], answers, backoff
            )
            if pending:
                backoff.wait()
        return [answers[g.line] for g in grants]

    def _grant(
        self, import_id: str, grants: Sequence[Grant], answers: dict[int, Answer], backoff: Backoff
    ) -> list[Grant]:
        """Write what can be written now; returns the grants whose write was lost."""
        by_balance: dict[BalanceKey, list[Grant]] = {}
        for g in grants:
            by_balance.setdefault((g.account_id, g.user_id, g.unit), []).append(g)
        balances = self._accounts.read(by_balance, backoff)
        lost = []
        for key, group in by_balance.items():
            # What does not fit one transaction waits for the next round, which reads again.
            batch, later = group[:MAX_GRANTS], group[MAX_GRANTS:]
            balance = balances.get(key) or Balance(*key)
            room = max(0, MAX_OPEN_REWARDS - open_count(balance, self._now()))
            for g in batch[room:]:
                answers[g.line] = _full(g)
            batch = batch[:room]
            if not batch:
                lost += later
                continue
            grant(balance, (g.reward for g in batch))
            actions = [self._catalogue.claim(g, import_id) for g in batch]
            if self._accounts.write_granted(balance, actions, self._now()) is Written.DONE:
                for g in batch:
                    answers[g.line] = _loaded(g, balance, self._now())
            else:
                lost += batch
            lost += later
        return lost

    def _write_participants(self, grants: Iterable[Grant], backoff: Backoff) -> None:
        wanted: dict[tuple[str, str], dict[str, str]] = {}
        for g in grants:
            if g.participant:
                wanted.setdefault((g.account_id, g.user_id), {}).update(g.participant)
        known = self._accounts.read_participants(wanted, backoff)
        for key, facts in wanted.items():
            before = dict(known.get(key, {}))
            if {**before, **facts} != before:
                self._accounts.write_participant(*key, {**before, **facts})


def _claim_of(g: Grant, import_id: str) -> Claim:
    return Claim(g.account_id, g.user_id, g.unit, import_id, g.line)


def _claimed(g: Grant, claim: Claim, import_id: str) -> Answer:
    """The answer to a row whose reward id is taken: by itself, by an equal row, or by somebody else."""
    if claim == _claim_of(g, import_id):
        return Answer(g.line, Outcome.LOADED, unit=g.unit)
    if (claim.account_id, claim.user_id, claim.unit) == (g.account_id, g.user_id, g.unit):
        return Answer(
            g.line, Outcome.UNCHANGED, f"This reward was loaded by import {claim.import_id}.", g.unit
        )
    return Answer(
        g.line,
        Outcome.ID_IN_USE,
        f"Reward id {g.reward.id!r} belongs to account {claim.account_id!r}, user {claim.user_id!r}, "
        f"unit {claim.unit!r}. Nothing was changed.",
        g.unit,
    )


def _loaded(g: Grant, balance: Balance, now: int) -> Answer:
    return Answer(g.line, Outcome.LOADED, unit=g.unit, available=balance.available(now))


def _full(g: Grant) -> Answer:
    return Answer(
        g.line,
        Outcome.BALANCE_FULL,
        f"This participant has {MAX_OPEN_REWARDS:,} open rewards in {g.unit}, as many as a balance holds. "
        "Redeem some, then load this row again.",
        g.unit,
    )
