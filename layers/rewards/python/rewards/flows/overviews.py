"""The overview of all balances: ordered, made by a scan, kept with the moment it shows.

The report of all available balances reads the same items, so it brings the overview up to date, too.
"""

from collections.abc import Callable

from rewards.adapters import balance_item
from rewards.adapters.jobs import OVERVIEW, Jobs, Record
from rewards.adapters.queues import Queues
from rewards.adapters.scanner import Scanner
from rewards.domain.messages import create_overview
from rewards.domain.overview import Overview

# An order that has not been answered for so long (ms) died on its way: another one may be made.
_LOST_AFTER = 900_000
_ID = "BALANCES"
_NONE: Record = {"status": "NONE", "dateOrdered": None, "asOf": None, "units": []}


class Overviews:
    """The one overview that is kept. `now` gives Unix milliseconds."""

    def __init__(self, jobs: Jobs, now: Callable[[], int]) -> None:
        self._jobs = jobs
        self._now = now

    def get(self) -> Record:
        """`status` NONE, PENDING, READY or FAILED; `asOf` and `units` of the last one that was made."""
        record = self._jobs.get(OVERVIEW, _ID) or _NONE
        lost = record["status"] == "PENDING" and record["dateOrdered"] + _LOST_AFTER <= self._now()
        return {**record, "status": "FAILED"} if lost else record

    def request(self, queues: Queues, export_queue_url: str) -> Record:
        """Have a new one made, unless one is being made; the record."""
        record = self.get()
        if record["status"] == "PENDING":
            return record
        changes: Record = {"status": "PENDING", "dateOrdered": self._now()}
        if self._set(record, changes):
            queues.send(export_queue_url, create_overview())
            return {**record, **changes}
        return self.get()  # somebody else was quicker

    def keep(self, found: Overview, as_of: int) -> None:
        """Keep an overview of a moment (Unix ms), unless a younger one is kept."""
        while True:
            record = self.get()
            if record["asOf"] is not None and record["asOf"] >= as_of:
                return
            if self._set(record, {"status": "READY", "asOf": as_of, "units": found.record()}):
                return

    def fail(self) -> None:
        """It could not be made, after all retries."""
        self._jobs.update(OVERVIEW, _ID, {"status": "FAILED"}, status="PENDING")

    def _set(self, record: Record, changes: Record) -> bool:
        """Change the record; False if it is not as it was any more."""
        if record["dateOrdered"] is None and record["asOf"] is None:
            return self._jobs.create(OVERVIEW, _ID, {**_NONE, **changes})
        expected = {name: record[name] for name in ("dateOrdered", "asOf")}
        return self._jobs.update(OVERVIEW, _ID, changes, **expected)


def scan_overview(
    scanner: Scanner, overviews: Overviews, now: Callable[[], int], spare: Callable[[], float]
) -> None:
    """Read all balances and keep what they sum up to. Raises OutOfTimeError."""
    found, as_of = Overview(), now()
    for page in scanner.accounts(False, spare):
        for item in page.items:
            if item["sk"]["S"].startswith(balance_item.BALANCE_PREFIX):
                available, _, _, expiring = balance_item.sum_rewards(
                    item["rewards"]["S"], page.asked, page.answered
                )
                found.add(balance_item.whose(item)[2], available, expiring)
    overviews.keep(found, as_of)
