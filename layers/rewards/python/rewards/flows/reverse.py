"""Redeemed rows -> their balances: what an import took goes back to the rewards it was taken from."""

from collections.abc import Callable, Sequence

from rewards.adapters.accounts import Accounts, BalanceKey
from rewards.adapters.retry import Backoff
from rewards.rules.balance import Balance
from rewards.rules.outcomes import Answer, Refusal
from rewards.rules.reversal import needs_pages, reverse


class Reverser:
    """Gives back. `now` gives Unix milliseconds."""

    def __init__(self, accounts: Accounts, now: Callable[[], int]) -> None:
        self._accounts = accounts
        self._now = now

    def reverse(
        self,
        reversal_id: str,
        of: str,
        redeemed: Sequence[Answer],
        backoff: Backoff,
        refusal: Refusal | None = None,
    ) -> list[Answer]:
        """Reverse redeemed rows of import `of`, at most once each; an answer for every one, in their order.

        With a `refusal` nothing is given back any more, but what was given back still says so.
        """
        answers: dict[int, Answer] = {}
        pending: dict[BalanceKey, list[Answer]] = {}
        for row in redeemed:
            pending.setdefault((row.account_id, row.user_id, row.unit), []).append(row)
        while pending:
            balances = self._accounts.read(pending, backoff)
            light: list[Balance] = []
            lost: list[BalanceKey] = []
            for key, rows in pending.items():
                balance = balances.get(key) or Balance(*key)
                pages = self._accounts.pages(balance, backoff) if needs_pages(balance, rows, of) else {}
                before = dict(pages)
                decided = [
                    reverse(balance, row, of, reversal_id, self._now(), pages, refusal) for row in rows
                ]
                answers.update((answer.line, answer) for answer, _ in decided)
                if not any(changed for _, changed in decided):
                    continue
                if not pages:
                    light.append(balance)
                elif not self._accounts.write_with_pages(
                    balance, {each: page for each, page in pages.items() if page is not before[each]}
                ):
                    lost.append(key)
            written = self._accounts.write(light, self._now())
            lost += [
                (b.account_id, b.user_id, b.unit) for b, done in zip(light, written, strict=True) if not done
            ]
            pending = {key: pending[key] for key in lost}
            if pending:
                backoff.wait()
        return [answers[row.line] for row in redeemed]
