"""Searching the audit log, newest entries first.

CloudWatch gives the entries of a period oldest first, so periods are searched one by one, from the newest on.
A period in which nothing much is found is followed by a longer one, one with too many entries is searched
again in parts.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from rewards.adapters.audit_log import AuditFilter, AuditReader, StoredEntry
from rewards.adapters.retry import Backoff, OutOfTimeError

# The length of the first period (milliseconds).
_FIRST = 3_600_000
_LONGER = 4
_SHORTER = 8
# How many requests one search sends, and how many of them for one period.
_REQUESTS = 30
_REQUESTS_OF_A_PERIOD = 10

_CURSOR = re.compile(r"(\d{1,14})-(\d{1,14})")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a search continues: before a moment (Unix ms), with a period of this length."""

    before: int
    period: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The cursor that a text spells. Raises ValueError."""
        found = _CURSOR.fullmatch(text)
        if found is None or int(found[2]) == 0:
            raise ValueError("not a cursor")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.before}-{self.period}"


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, newest first, and where the search continues; None if there are no further ones."""

    entries: list[StoredEntry]
    cursor: Cursor | None


class AuditSearch:
    """Searches the audit log. `now` gives Unix milliseconds."""

    def __init__(self, reader: AuditReader, now: Callable[[], int]) -> None:
        self._reader = reader
        self._now = now

    def find(
        self, wanted: AuditFilter, since: int, until: int | None, limit: int, at: Cursor | None, time: Backoff
    ) -> AuditPage:
        """About `limit` entries from `since` to before `until`, newest first, from the cursor `at` on.

        All entries of one millisecond are on the same page. A page has fewer entries, or none, and a cursor,
        if the search took too long.
        """
        newest = self._now() + 1 if until is None else until
        end, period = (min(at.before, newest), at.period) if at else (newest, _FIRST)
        found: list[StoredEntry] = []
        left = _REQUESTS
        while end > since and len(found) < limit and left > 0:
            try:
                time.check()
            except OutOfTimeError:
                break
            start = max(since, end - period)
            window = self._reader.between(start, end, wanted, min(left, _REQUESTS_OF_A_PERIOD))
            left -= window.requests
            if window.entries is None:
                period = max(1, (end - start) // _SHORTER)
                continue
            found += sorted(window.entries, key=lambda each: (each.entry.date, each.id), reverse=True)
            end, period = start, period * _LONGER
        if len(found) > limit:
            last = found[limit - 1].entry.date
            found = [each for each in found if each.entry.date >= last]
            return AuditPage(found, Cursor(last, _FIRST))
        return AuditPage(found, Cursor(end, period) if end > since else None)
