"""The end of an import: its results, the status, and the email if it sends one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from secrets import token_hex
from typing import Any

from rewards.adapters.errors import EmailNotSentError, LeaseTakenError, UploadGoneError
from rewards.adapters.import_jobs import ImportJobs
from rewards.adapters.retry import Backoff
from rewards.domain.download_names import results_name
from rewards.domain.import_job import ImportFields, ImportJob, ImportStatus
from rewards.domain.job_error import JobError, JobFailure
from rewards.domain.object_keys import FAILED, RESULTS, import_key
from rewards.email import messages
from rewards.flows import leases
from rewards.flows.notifications import Notifications
from rewards.flows.receipts import ReceiptWriter
from rewards.flows.write_results import ResultsWriter

_CANCELLED_WAITING = "It was cancelled before it was approved, so nothing was changed."
_CANCELLED_UNREAD = "It was cancelled before its rows were checked, so no row was redeemed."

_PATIENCE = 60  # seconds, while other imports end at the same time

_RESULTS_FAILED = JobFailure(
    JobError.RESULTS_FAILED, "Every row was processed and counted, but results.csv could not be written."
)


class Finisher:
    """Finishes imports. `now` gives Unix milliseconds."""

    def __init__(
        self,
        jobs: ImportJobs,
        results: ResultsWriter,
        receipts: ReceiptWriter,
        notifications: Notifications,
        approvers_email: str,
        now: Callable[[], int],
    ) -> None:
        self._jobs = jobs
        self._results = results
        self._receipts = receipts
        self._notifications = notifications
        self._approvers_email = approvers_email
        self._now = now

    def run(self, import_id: str) -> None:
        """Finish an import whose chunks are all counted; anything else is skipped.

        An import in groups is finished once they are joined: the function that joins the last one sends the
        message again. Of one that awaits approval, or was just approved, only the email about that is sent.

        An import that ended as RESULTS_FAILED gets its results if what they are made of is still kept.
        Running it again is harmless: what was done is not done again. Raises LeaseTakenError while
        somebody else is at it: who has the message keeps it until the import has ended.
        """
        found = self._jobs.get(import_id)
        if found is not None and found.awaits_approval_email:
            self._mail_about_approval(found)
            return
        with self._leased(found, lambda job: job.lacks_results) as job:
            if job is None:
                return
            if job.awaits_results:
                if not self._results.write(job):
                    return
                self._end(job, {"results": True})
            elif job.lacks_results:
                written = self._write_results_again(job)
                if job.date_mailed and not written:
                    return
            self._tell(import_id)

    def fail(self, import_id: str) -> None:
        """Finishing failed permanently: the import ends all the same, and says what is missing.

        The requester is notified if possible; else the record says that it was not. Raises
        LeaseTakenError as `run` does.
        """
        found = self._jobs.get(import_id)
        if found is not None and found.awaits_approval_email:
            try:
                self._mail_about_approval(found)
            except EmailNotSentError as error:
                self._notifications.record_approval_failure(self._jobs, import_id, error.reason)
            return
        with self._leased(found) as job:
            if job is None:
                return
            if job.awaits_results:
                self._end(job, {"error": _RESULTS_FAILED})
            try:
                self._tell(import_id)
            except EmailNotSentError as error:
                self._notifications.record_failure(self._jobs, import_id, error.reason)

    @contextmanager
    def _leased(
        self, found: ImportJob | None, repeats: Callable[[ImportJob], bool] = lambda _: False
    ) -> Iterator[ImportJob | None]:
        """An import that was found and is to be finished, for us alone; None if nothing is to be done.

        `repeats` says whether an import is finished again after its email was sent. It is read
        once more under the lease: somebody else may just have finished.
        """
        if found is None or not _is_unfinished(found, repeats):
            yield None
            return
        import_id, owner = found.id, token_hex(8)
        if not self._jobs.lease(import_id, owner, self._now(), self._now() + leases.FINISH):
            raise LeaseTakenError(import_id)
        try:
            job = self._jobs.get(import_id)
            yield job if job is not None and _is_unfinished(job, repeats) else None
        finally:
            self._jobs.end_lease(import_id, owner)

    def _end(self, job: ImportJob, changes: ImportFields) -> None:
        """End an import, unless it has ended already: the first end stands.

        A cancelled import keeps its status, so the date says whether it has ended. The condition
        also rejects a request that arrives late, after another worker ended the import otherwise.

        The same transaction stores the receipt, if there is one, and makes it the head of the chain. It is
        tried again if another import did so meanwhile. Raises OutOfTimeError if that goes on for too long.
        """
        parts, backoff = self._receipts.parts(job), Backoff.for_seconds(_PATIENCE)
        ending: ImportJob | None = job
        while ending is not None and ending.awaits_results:
            now = self._now()
            until = self._notifications.works_until(now)
            ended: ImportFields = {**changes, "date_completed": now, "date_expires": until}
            if ending.status is ImportStatus.PROCESSING:
                ended["status"] = ImportStatus.COMPLETED
            actions: list[Any] = []
            if parts is not None:
                receipt, actions = self._receipts.next(replace(ending, **ended), parts)
                ended["receipt"] = receipt.ref
            if self._jobs.update(job.id, ended, actions, status=ending.status, date_completed=None):
                return
            backoff.wait()
            ending = self._jobs.get(job.id)

    def _write_results_again(self, job: ImportJob) -> bool:
        """Write the results of an import that ended as RESULTS_FAILED; False if its files are not kept, or
        its groups are not joined yet.

        One write replaces the error by the results and makes a new email due.
        """
        try:
            if not self._results.write(job):
                return False
        except (UploadGoneError, FileNotFoundError):
            return False
        changes: ImportFields = {
            "results": True,
            "error": None,
            "date_expires": self._notifications.works_until(self._now()),
            "date_mailed": None,
            "email_problem": None,
        }
        return self._jobs.update(job.id, changes, error=job.error)

    def _tell(self, import_id: str) -> None:
        """Copy the receipt of an import that has ended, and send the email."""
        job = self._jobs.get(import_id)
        if job is None:
            return
        self._receipts.copy(job)
        if job.sends_email:
            self._mail(job)

    def _mail(self, job: ImportJob) -> None:
        import_id = job.id
        summary = self._summary(job)
        until = job.date_expires
        if job.results and until is not None:
            email = messages.import_finished(
                summary,
                self._link(job, until, RESULTS),
                self._link(job, until, FAILED) if job.has_failed_file else None,
                until,
            )
        elif job.error is None:
            waited = job.is_cancelled_waiting
            email = messages.import_without_results(
                summary, _CANCELLED_WAITING if waited else _CANCELLED_UNREAD
            )
        elif job.error.code is JobError.APPROVAL_REJECTED or job.error.code is JobError.APPROVAL_EXPIRED:
            email = messages.import_not_approved(summary, self._approval(job))
        elif job.status is ImportStatus.ABORTED:
            error = job.error
            email = messages.import_rejected(summary, error.code, error.message, error.differences)
        else:
            email = messages.import_without_results(summary, job.error.message)
        self._notifications.mail(self._jobs, import_id, job.mailto_email, email)

    def _mail_about_approval(self, job: ImportJob) -> None:
        """Ask the approvers about a waiting import, or tell its requester that it was approved.

        Nobody has the lease: two workers at once send an email twice, but neither delays the import.
        """
        summary, approval = self._summary(job), self._approval(job)
        if job.awaits_approval:
            email = messages.approval_requested(summary, approval)
            self._notifications.mail_approvers(self._jobs, job.id, self._approvers_email, email)
        else:
            email = messages.import_approved(summary, approval)
            self._notifications.mail_approved(self._jobs, job.id, job.mailto_email, email)

    def _summary(self, job: ImportJob) -> messages.ImportSummary:
        return messages.ImportSummary(
            name=job.name,
            file_name=job.file_name,
            import_id=job.id,
            console_url=self._notifications.console(f"import/{job.id}"),
            purpose=job.purpose,
            cancelled=job.status is ImportStatus.CANCELLED,
            outcomes=job.outcomes,
            warnings=job.known_warnings,
            file_warnings=job.file_warnings,
            redeemed=job.redeemed,
            receipt=job.receipt,
        )

    def _approval(self, job: ImportJob) -> messages.ApprovalSummary:
        approval = job.approval
        return messages.ApprovalSummary(
            requester=job.requester,
            rows=job.rows,
            requested=job.requested,
            rule=approval.rule if approval else "",
            expires=job.approval_expires,
            approver=approval.approver if approval else None,
            comment=approval.comment if approval else None,
            reason=approval.reason if approval else None,
        )

    def _link(self, job: ImportJob, until: int, file: str) -> str:
        return self._notifications.link(job, import_key(job.id, file), until, results_name(job.name, file))


def _is_unfinished(job: ImportJob, repeats: Callable[[ImportJob], bool]) -> bool:
    """Whether something of the end of an import is left to do."""
    silent = job.date_completed is not None and not job.sends_email
    is_told = bool(job.date_mailed) or silent
    return job.can_finish and (not is_told or repeats(job))
