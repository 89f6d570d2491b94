"""Rewards of a file -> balances; the same reward id again changes nothing."""

from collections.abc import Callable, Iterable, Sequence

from rewards.adapters.accounts import MAX_GRANTS, Accounts, BalanceKey
from rewards.adapters.balance_item import encode_rewards
from rewards.adapters.catalogue import Catalogue, Claim, claim_of
from rewards.adapters.retry import Backoff
from rewards.rules.balance import MAX_OPEN_BYTES, MAX_OPEN_REWARDS, Balance, grant, open_rewards
from rewards.rules.outcomes import Answer, Outcome, Refusal
from rewards.rules.reward_rows import Grant


class Loader:
    """Loads grants. `now` gives Unix milliseconds."""

    def __init__(self, accounts: Accounts, catalogue: Catalogue, now: Callable[[], int]) -> None:
        self._accounts = accounts
        self._catalogue = catalogue
        self._now = now

    def load(
        self, import_id: str, grants: Sequence[Grant], backoff: Backoff, refusal: Refusal | None = None
    ) -> list[Answer]:
        """Load grants at most once each; an answer for every one, in their order.

        With a `refusal` nothing is loaded any more, but what was loaded still says so.
        """
        answers: dict[int, Answer] = {}
        pending = list(grants)
        while pending:
            claims = self._catalogue.read((each.reward.id for each in pending), backoff)
            fresh: dict[str, Grant] = {}
            for each in pending:
                claim = claims.get(each.reward.id)
                if claim is not None:
                    answers[each.line] = _claimed(each, claim, import_id)
                elif refusal is not None:
                    answers[each.line] = Answer(each.line, refusal.outcome, refusal.message, each.unit)
                else:
                    # A second row of the same id waits until the first has its answer.
                    fresh.setdefault(each.reward.id, each)
            lost = self._grant(import_id, fresh.values(), answers, backoff)
            pending = [each for each in pending if each.line not in answers]
            if lost:
                backoff.wait()
        self._write_participants(
            (each for each in grants if answers[each.line].outcome is Outcome.LOADED), backoff
        )
        return [answers[each.line] for each in grants]

    def _grant(
        self, import_id: str, grants: Iterable[Grant], answers: dict[int, Answer], backoff: Backoff
    ) -> bool:
        """Write what can be written now, and answer it; whether a write was lost to somebody else."""
        by_balance: dict[BalanceKey, list[Grant]] = {}
        for each in grants:
            by_balance.setdefault((each.account_id, each.user_id, each.unit), []).append(each)
        balances = self._accounts.read(by_balance, backoff)
        lost = False
        for key, group in by_balance.items():
            balance = balances.get(key) or Balance(*key)
            # What does not fit one transaction waits for the next round, which reads again.
            batch = group[:MAX_GRANTS]
            fitting = admitted(balance, batch, self._now())
            answers.update((each.line, _full(each)) for each in batch[len(fitting) :])
            if not fitting:
                continue
            grant(balance, (each.reward for each in fitting))
            claims = [self._catalogue.claim(each, import_id) for each in fitting]
            if self._accounts.write_together([balance], claims, self._now()):
                answers.update((each.line, _loaded(each, balance, self._now())) for each in fitting)
            else:
                lost = True
        return lost

    def _write_participants(self, grants: Iterable[Grant], backoff: Backoff) -> None:
        wanted: dict[tuple[str, str], dict[str, str]] = {}
        for each in grants:
            if each.participant:
                wanted.setdefault((each.account_id, each.user_id), {}).update(each.participant)
        known = self._accounts.read_participants(wanted, backoff)
        for key, facts in wanted.items():
            if not facts.items() <= known.get(key, {}).items():
                self._accounts.write_participant(*key, facts, backoff)


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


def _claimed(g: Grant, claim: Claim, import_id: str) -> Answer:
    """The answer to a row whose reward id is taken: by itself, by an equal row, or by somebody else."""
    if claim == claim_of(g, import_id):
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
        f"This participant has as many open rewards in {g.unit} as a balance holds. "
        "Redeem some, then load this row again.",
        g.unit,
    )
