"""Requesting exports and reading their status."""

from collections.abc import Callable

from rewards.adapters.export_jobs import ExportJobs
from rewards.adapters.queues import Queues
from rewards.adapters.units_in_use import UnitsInUse
from rewards.domain import ids
from rewards.domain.export_job import ExportJob, ExportStatus
from rewards.domain.filters import Filters, ReportParams, check_units
from rewards.domain.messages import CreateReport
from rewards.domain.report import REPORT_DEFINITIONS, TYPES
from rewards.flows.revoke_links import revoke_links


class Exports:
    """Requests and reads exports. `now` gives Unix milliseconds."""

    def __init__(
        self,
        jobs: ExportJobs,
        units_in_use: UnitsInUse,
        queues: Queues,
        export_queue_url: str,
        now: Callable[[], int],
    ) -> None:
        self._jobs = jobs
        self._units_in_use = units_in_use
        self._queues = queues
        self._export_queue_url = export_queue_url
        self._now = now

    def create(
        self,
        asked_type: str,
        file_format: str,
        name: str,
        requester: str,
        params: ReportParams,
        email: str | None = None,
    ) -> ExportJob:
        """Request an export, and return it. The report is being created when this returns.

        `asked_type` is one of report.TYPES; `email` is notified instead of the stack's operators. Raises
        FilterError for a filter in `params` that this type of report does not have, and UnitFilterError for a
        unit that no reward has.
        """
        kind = TYPES[asked_type]
        Filters.read(kind, params)
        if params.get("unit") or params.get("filter"):
            check_units(params, self._units_in_use.all())
        job = ExportJob(
            id=ids.new_id(self._now()),
            type=asked_type,
            format=file_format,
            name=name or REPORT_DEFINITIONS[kind].title,
            requester=requester,
            params=params,
            mailto_email=email,
            status=ExportStatus.PENDING,
            date_created=self._now(),
        )
        self._jobs.create(job)
        self._queues.send(self._export_queue_url, CreateReport(job.id))
        return job

    def get(self, export_id: str) -> ExportJob | None:
        """An export with its status as of now, or None."""
        job = self._jobs.get(export_id) if ids.is_id(export_id) else None
        return job.as_at(self._now()) if job else None

    def history(self, limit: int, offset: int) -> tuple[list[ExportJob], int]:
        """Exports, newest first, and how many there are in all."""
        jobs, total = self._jobs.history(limit, offset)
        return [job.as_at(self._now()) for job in jobs], total

    def revoke_links(self, export_id: str, requester: str | None = None) -> ExportJob | None:
        """Revoke all links that were sent before; the export, or None if there is none.

        `requester` is recorded with the export, if it is given.
        """
        return revoke_links(lambda: self.get(export_id), self._jobs, self._now, requester)
