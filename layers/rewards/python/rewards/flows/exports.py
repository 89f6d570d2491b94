"""Requesting exports and reading their status."""

from collections.abc import Callable, Mapping
from typing import Any

from rewards.adapters.jobs import EXPORT, Jobs, Record
from rewards.adapters.queues import Queues
from rewards.domain import ids
from rewards.domain.filters import Filters
from rewards.domain.messages import create_report
from rewards.domain.report import REPORT_DEFINITIONS, TYPES

# A request that has not even failed by then never reached the function that creates reports.
_LOST_AFTER = 86_400_000


class Exports:
    """Requests and reads exports. `now` gives Unix milliseconds."""

    def __init__(self, jobs: Jobs, queues: Queues, export_queue_url: str, now: Callable[[], int]) -> None:
        self._jobs = jobs
        self._queues = queues
        self._export_queue_url = export_queue_url
        self._now = now

    def create(
        self,
        asked_type: str,
        file_format: str,
        name: str,
        requester: str,
        params: Mapping[str, Any],
        email: str | None = None,
    ) -> Record:
        """Request an export; return its record. The report is being created when this returns.

        `asked_type` is one of report.TYPES; `email` is notified instead of the stack's operators. Raises
        FilterError for a filter in `params` that this type of report does not have.
        """
        kind = TYPES[asked_type]
        Filters.read(kind, params)
        export_id = ids.new_id(self._now())
        record: Record = {
            "type": asked_type,
            "format": file_format,
            "name": name or REPORT_DEFINITIONS[kind].title,
            "requester": requester,
            "params": dict(params),
            "mailtoEmail": email,
            "status": "PENDING",
            "dateCreated": self._now(),
            "dateCompleted": None,
            "dateExpires": None,
            "recordCount": None,
            "error": None,
        }
        self._jobs.create(EXPORT, export_id, record)
        self._queues.send(self._export_queue_url, create_report(export_id))
        return {"id": export_id, **record}

    def get(self, export_id: str) -> Record | None:
        """An export's record with its status as of now, or None."""
        record = self._jobs.get(EXPORT, export_id) if ids.is_id(export_id) else None
        return self._as_of_now(record) if record else None

    def history(self, limit: int, offset: int) -> tuple[list[Record], int]:
        """Exports, newest first, and how many there are in all."""
        records, total = self._jobs.history(EXPORT, limit, offset)
        return [self._as_of_now(record) for record in records], total

    def _as_of_now(self, record: Record) -> Record:
        expires = record["dateExpires"]
        if record["status"] == "COMPLETED" and expires is not None and expires <= self._now():
            return {**record, "status": "EXPIRED"}
        if record["status"] == "PENDING" and record["dateCreated"] + _LOST_AFTER <= self._now():
            message = "The report was not made in a day. Order it again."
            return {**record, "status": "ABORTED", "error": {"code": "EXPORT_FAILED", "message": message}}
        return record
