"""Redeemed rows -> their balances: what an import took goes back to the rewards it was taken from."""

from collections.abc import Callable, Sequence

from rewards.adapters.accounts import Accounts, BalanceKey
from rewards.adapters.retry import Backoff
from rewards.domain.balance import Balance
from rewards.domain.outcomes import Outcome, RowResult, StopReason
from rewards.domain.reversal import MovedError, Pages, needs_pages, reverse
from rewards.flows.load_rewards import is_over_full

_OVER_FULL = StopReason(
    Outcome.BALANCE_FULL,
    "With what would come back, this balance had more open rewards than it can hold. Nothing was given back: "
    "redeem or cancel some of its rewards, then reverse the import again.",
)


class Reverser:
    """Reverses redemptions. `now` gives Unix milliseconds."""

    def __init__(self, accounts: Accounts, now: Callable[[], int]) -> None:
        self._accounts = accounts
        self._now = now

    def reverse(
        self,
        reversal_id: str,
        of: str,
        redeemed: Sequence[RowResult],
        backoff: Backoff,
        stop_reason: StopReason | None = None,
    ) -> list[RowResult]:
        """Reverse redeemed rows of import `of`, at most once each; a result for every one, in their order.

        With a `stop_reason` nothing is returned any more, but what was returned still says so.
        """
        results: dict[int, RowResult] = {}
        stop_reasons: dict[BalanceKey, StopReason] = {}
        pending: dict[BalanceKey, list[RowResult]] = {}
        for row in redeemed:
            pending.setdefault((row.account_id, row.user_id, row.unit), []).append(row)
        while pending:
            balances = self._accounts.read(pending, backoff)
            light: list[Balance] = []
            again: list[BalanceKey] = []
            for key, rows in pending.items():
                balance = balances.get(key) or Balance(*key)
                pages = self._accounts.pages(balance, backoff) if needs_pages(balance, rows, of) else {}
                before = dict(pages)
                why = stop_reason or stop_reasons.get(key)
                try:
                    now = self._now()
                    decided = [reverse(balance, row, of, reversal_id, now, pages, why) for row in rows]
                except MovedError:
                    again.append(key)
                    continue
                results.update((result.line, result) for result, _ in decided)
                if not any(changed for _, changed in decided):
                    continue
                if is_over_full(balance, self._now()):
                    stop_reasons[key] = _OVER_FULL
                    again.append(key)
                elif not pages:
                    light.append(balance)
                elif not self._accounts.write_with_pages(balance, _changed(pages, before), now):
                    again.append(key)
            written = self._accounts.write(light, self._now())
            again += [
                (b.account_id, b.user_id, b.unit) for b, done in zip(light, written, strict=True) if not done
            ]
            pending = {key: pending[key] for key in again}
            if pending:
                backoff.wait()
        return [results[row.line] for row in redeemed]


def _changed(pages: Pages, before: Pages) -> Pages:
    return {key: page for key, page in pages.items() if page is not before[key]}
