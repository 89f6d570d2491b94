"""The overview of all balances: requested, created by a scan, kept with its time.

The report of all available balances reads the same items, so it brings the overview up to date, too.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from rewards.adapters import balance_item
from rewards.adapters.queues import Queues
from rewards.adapters.stored_overview import StoredOverview
from rewards.domain.messages import CreateOverview
from rewards.domain.overview import BalanceOverview, Overview, OverviewStatus

if TYPE_CHECKING:
    from rewards.adapters.scanner import Scanner

# A request without a result after this time (ms) was lost: it may be requested again.
_LOST_AFTER = 900_000


class Overviews:
    """The one overview that is kept. `now` gives Unix milliseconds."""

    def __init__(self, stored: StoredOverview, now: Callable[[], int]) -> None:
        self._stored = stored
        self._now = now

    def get(self) -> BalanceOverview:
        """The overview; FAILED if the one that is being made got lost."""
        found = self._stored.get()
        lost = (
            found.status is OverviewStatus.PENDING
            and found.date_ordered is not None
            and found.date_ordered + _LOST_AFTER <= self._now()
        )
        return replace(found, status=OverviewStatus.FAILED) if lost else found

    def request(self, queues: Queues, export_queue_url: str) -> BalanceOverview:
        """Have a new one made, unless one is being made; the overview."""
        found = self.get()
        if found.status is OverviewStatus.PENDING:
            return found
        ordered = self._now()
        if self._stored.order(found, ordered):
            queues.send(export_queue_url, CreateOverview())
            return replace(found, status=OverviewStatus.PENDING, date_ordered=ordered)
        return self.get()  # somebody else was quicker

    def keep(self, found: Overview, as_of: int) -> None:
        """Keep an overview of a moment (Unix ms), unless a younger one is kept."""
        while True:
            kept = self.get()
            if kept.as_of is not None and kept.as_of >= as_of:
                return
            if self._stored.keep(kept, as_of, found.shown()):
                return

    def fail(self) -> None:
        """It could not be made, after all retries."""
        self._stored.fail()


def scan_overview(
    scanner: "Scanner", overviews: Overviews, now: Callable[[], int], spare: Callable[[], float]
) -> None:
    """Read all balances and keep what they sum up to. Raises OutOfTimeError."""
    found, as_of = Overview(), now()
    for page in scanner.accounts(False, spare):
        for item in page.items:
            if item.sk.S.startswith(balance_item.BALANCE_PREFIX):
                available, _, _, expiring = balance_item.sum_rewards(
                    item.rewards.S, page.asked, page.answered
                )
                found.add(balance_item.split_balance_key(item.sk.S)[1], available, expiring)
    overviews.keep(found, as_of)
