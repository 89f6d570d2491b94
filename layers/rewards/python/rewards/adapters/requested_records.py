"""What each requester asked for in the last 24 hours, in the table `Jobs`."""

from dataclasses import dataclass, replace
from typing import Any

from rewards.adapters.jobs_table import JobsTable, hashed, put_action
from rewards.domain.approval import WINDOW, Asked, with_asked

_REQUESTED = "REQUESTED"


@dataclass(frozen=True, slots=True)
class RequestedRecord:
    """What a requester asked for, as read at `version` (0: nothing is stored)."""

    requester: str
    version: int
    asked: tuple[Asked, ...]

    def adding(self, new: Asked) -> "RequestedRecord":
        """The record with what is asked for now; `action` stores it."""
        return replace(self, asked=with_asked(self.asked, new))

    def action(self, table: str) -> Any:
        """The transaction's action that stores the record, if nobody changed it since it was read."""
        record = {
            "asked": [{"date": each.date, "credits": dict(each.credits)} for each in self.asked],
            "ttl": (max(each.date for each in self.asked) + 2 * WINDOW) // 1000,
        }
        return put_action(table, f"{_REQUESTED}#{hashed([self.requester])}", record, self.version)


class RequestedRecords:
    """Reads the records; whoever asks for something stores them with it, in one transaction."""

    def __init__(self, table: JobsTable) -> None:
        self._table = table

    @property
    def table_name(self) -> str:
        """The table that an action names."""
        return self._table.name

    def read(self, requester: str) -> RequestedRecord:
        """What a requester asked for, as stored now."""
        record = self._table.get(_REQUESTED, hashed([requester])) or {"version": 0, "asked": []}
        asked = tuple(Asked(each["date"], each["credits"]) for each in record["asked"])
        return RequestedRecord(requester, record["version"], asked)
