"""Approving and rejecting imports that wait for it.

Each decision is one conditional write, so of an approval, a rejection, a cancellation and the expiry only one
happens. Chunks leave only after it: a message asks for them.
"""

from collections.abc import Callable
from dataclasses import replace

from rewards.adapters.errors import UploadGoneError
from rewards.adapters.import_jobs import ImportJobs
from rewards.adapters.queues import Queues
from rewards.adapters.upload_bucket import UploadBucket
from rewards.domain import ids
from rewards.domain.approval import Approval
from rewards.domain.approvers import Approver, why_excluded
from rewards.domain.errors import RejectedError
from rewards.domain.import_job import ImportFields, ImportJob, ImportStatus
from rewards.domain.job_error import JobError, JobFailure
from rewards.domain.messages import FinishImport, SendChunks
from rewards.flows.imports import ImportStateError


class ApproverExcludedError(RejectedError):
    """Whoever asked for an import may not approve or decline it; the message says why."""


class Approvals:
    """Approves and rejects imports, and ends those that waited too long. `now` gives Unix milliseconds."""

    def __init__(
        self,
        jobs: ImportJobs,
        uploads: Callable[[], UploadBucket],
        queues: Queues,
        finish_queue_url: str,
        now: Callable[[], int],
    ) -> None:
        self._jobs = jobs
        self._uploads = uploads
        self._queues = queues
        self._finish_queue_url = finish_queue_url
        self._now = now

    def approve(self, import_id: str, approver: Approver, comment: str | None) -> ImportJob | None:
        """Let a waiting import go on; the import, or None if there is none.

        Asked again by the same approver it changes nothing. Raises ImportStateError, ApproverExcludedError,
        and UploadGoneError if the file is not kept, without which there could be no results.
        """

        def approved(decided: Approval) -> ImportFields:
            return {
                "status": ImportStatus.PROCESSING,
                "approval": replace(decided, comment=comment),
                "sent": False,
                "date_progress": decided.date,
                "date_approval_mailed": None,
                "approval_mail_error": None,
            }

        job = self._decide(import_id, approver, True, approved)
        # If a message is lost, the sweep sends it again.
        if job is not None and job.has_unsent_chunks:
            self._queues.send(self._finish_queue_url, SendChunks(import_id))
            self._queues.send(self._finish_queue_url, FinishImport(import_id))
        return job

    def reject(self, import_id: str, approver: Approver, reason: str) -> ImportJob | None:
        """End a waiting import; the import, or None if there is none. Raises as `approve` does."""

        def rejected(decided: Approval) -> ImportFields:
            message = f"{approver.email} declined this import: {reason}"
            return {
                "status": ImportStatus.ABORTED,
                "approval": replace(decided, reason=reason),
                "error": JobFailure(JobError.APPROVAL_REJECTED, message),
                "date_completed": decided.date,
            }

        job = self._decide(import_id, approver, False, rejected)
        if job is not None:
            self._queues.send(self._finish_queue_url, FinishImport(import_id))
        return job

    def expire(self, job: ImportJob) -> bool:
        """End an import that has waited too long; False if it does not wait any more."""
        ended = job.as_at(self._now())
        changes: ImportFields = {
            "status": ended.status,
            "error": ended.error,
            "date_completed": ended.date_completed,
        }
        if not self._jobs.update(job.id, changes, status=ImportStatus.AWAITING_APPROVAL):
            return False
        self._queues.send(self._finish_queue_url, FinishImport(job.id))
        return True

    def _decide(
        self,
        import_id: str,
        approver: Approver,
        approves: bool,
        changes: Callable[[Approval], ImportFields],
    ) -> ImportJob | None:
        while True:
            job = self._get(import_id)
            if job is None:
                return None
            approval = job.approval
            decision = (approval.approver, approval.is_approved) if approval is not None else None
            if decision == (approver.email, approves):
                return job
            if job.status is not ImportStatus.AWAITING_APPROVAL or approval is None:
                raise ImportStateError(
                    f"IMPORT_{job.status}",
                    f"The import is {job.status}. Only one that is AWAITING_APPROVAL can be approved or "
                    "rejected.",
                )
            dry_run = self._jobs.get(job.started_from) if job.started_from else None
            excluded = why_excluded(approver, job, dry_run)
            if excluded is not None:
                raise ApproverExcludedError(excluded)
            if approves and job.reverses is None and not self._uploads().exists(job.key, job.version_id):
                raise UploadGoneError(import_id)
            decided = replace(approval, approver=approver.email, date=self._now())
            fields = changes(decided)
            if self._jobs.update(import_id, fields, status=ImportStatus.AWAITING_APPROVAL):
                return self._get(import_id)

    def _get(self, import_id: str) -> ImportJob | None:
        job = self._jobs.get(import_id) if ids.is_id(import_id) else None
        return job.as_at(self._now()) if job else None
