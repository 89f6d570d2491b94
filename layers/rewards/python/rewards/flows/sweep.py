"""Finding imports and exports that have stopped, and resuming them.

A run reads the records of all recent jobs. Whether one has stopped follows from its record alone.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from rewards.adapters.export_jobs import ExportJobs
from rewards.adapters.import_jobs import ImportJobs
from rewards.adapters.queues import Queues
from rewards.domain.export_job import ExportFields, ExportJob
from rewards.domain.import_job import ImportJob
from rewards.domain.messages import CreateReport, FinishImport
from rewards.flows.approve_import import Approvals
from rewards.flows.resume_import import ImportResumer

logger = logging.getLogger(__name__)

# Milliseconds without progress. A worker that was killed delays a message by less.
_STOPPED_AFTER = 3_600_000
# A job is resumed so often; then an engineer has to find out why that does not help.
_MAX_RESUMES = 3
# A run looks back as far as a table can be restored (milliseconds), and at so many records of a kind.
_WINDOW = 35 * 86_400_000
_MAX_RECORDS = 5_000
# How many jobs a run resumes; the next run resumes others.
_MAX_RESUMED = 100


@dataclass
class Swept:
    """What a run did: the ids of the jobs that it resumed, and of those that resuming did not help.

    `oldest_age` is how long ago (milliseconds) the oldest import that has not ended was created, or None.
    """

    resumed: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    oldest_age: int | None = field(default=None, compare=False)


class Sweep:
    """Looks for imports and exports without progress. `now` gives Unix milliseconds."""

    def __init__(
        self,
        imports: ImportJobs,
        exports: ExportJobs,
        resumer: ImportResumer,
        approvals: Approvals,
        queues: Queues,
        export_queue_url: str,
        finish_queue_url: str,
        now: Callable[[], int],
    ) -> None:
        self._imports = imports
        self._exports = exports
        self._resumer = resumer
        self._approvals = approvals
        self._queues = queues
        self._export_queue_url = export_queue_url
        self._finish_queue_url = finish_queue_url
        self._now = now

    def run(self) -> Swept:
        """Resume each import and export without progress for an hour, oldest first, at most three times.

        An import that awaits approval is never resumed: it is ended once it has waited too long.
        """
        now = self._now()
        swept = Swept()
        for job in reversed(self._imports.newest(now - _WINDOW, _MAX_RECORDS)):
            if job.awaits_approval:
                self._look_at_waiting(job, now)
            else:
                self._look_at(job, now, swept)
        for export in reversed(self._exports.newest(now - _WINDOW, _MAX_RECORDS)):
            if not _has_stopped(export.as_at(now), now):
                continue
            if export.resumes >= _MAX_RESUMES:
                swept.stuck.append(export.id)
                logger.error("stuck", extra={"export_id": export.id})
            elif len(swept.resumed) < _MAX_RESUMED and self._resume_export(export):
                swept.resumed.append(export.id)
                logger.warning("resumed", extra={"export_id": export.id})
        return swept

    def _look_at(self, job: ImportJob, now: int, swept: Swept) -> None:
        if job.is_under_way:
            swept.oldest_age = max(swept.oldest_age or 0, now - job.date_created)
        if not _has_stopped(job, now):
            return
        can_continue = job.next_step is not None or job.awaits_email
        if not can_continue or job.resumes >= _MAX_RESUMES:
            swept.stuck.append(job.id)
            logger.error("stuck", extra={"import_id": job.id})
        elif len(swept.resumed) < _MAX_RESUMED and self._resumer.run(job, job.resumes + 1):
            swept.resumed.append(job.id)
            logger.warning("resumed", extra={"import_id": job.id})

    def _look_at_waiting(self, job: ImportJob, now: int) -> None:
        if job.approval_expires <= now:
            if self._approvals.expire(job):
                logger.info("approval expired", extra={"import_id": job.id})
        elif job.awaits_approval_email and job.last_progress + _STOPPED_AFTER <= now:
            self._queues.send(self._finish_queue_url, FinishImport(job.id))

    def _resume_export(self, export: ExportJob) -> bool:
        """Send an export's message again; False if it is not as `export` any more."""
        changes: ExportFields = {"date_resumed": self._now(), "resumes": export.resumes + 1}
        if not self._exports.update(
            export.id, changes, status=export.status, date_resumed=export.date_resumed
        ):
            return False
        self._queues.send(self._export_queue_url, CreateReport(export.id))
        return True


def _has_stopped(job: ImportJob | ExportJob, now: int) -> bool:
    return (job.is_under_way or job.awaits_email) and job.last_progress + _STOPPED_AFTER <= now
