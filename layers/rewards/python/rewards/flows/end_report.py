"""How a report ends: what its export says, and the email."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rewards.adapters.errors import EmailNotSentError
from rewards.adapters.export_jobs import ExportJobs
from rewards.domain.download_names import report_name
from rewards.domain.export_job import ExportFields, ExportStatus
from rewards.domain.filters import described
from rewards.domain.job_error import JobError, JobFailure
from rewards.domain.object_keys import report_key
from rewards.domain.report import TYPES
from rewards.email import messages
from rewards.flows.notifications import Notifications
from rewards.flows.overviews import Overviews


@dataclass(frozen=True, slots=True)
class CreatedReport:
    """What is known of a report when its file is written. Moments are Unix milliseconds.

    The balances were read between `as_of` and `read_until`; `totals` are the available credits by unit.
    """

    as_of: int
    read_until: int
    record_count: int
    totals: Mapping[str, int]


class ReportEnding:
    """How a report ends: what its record says, and the email. `now` gives Unix milliseconds."""

    def __init__(
        self,
        jobs: ExportJobs,
        overviews: Overviews,
        notifications: Notifications,
        now: Callable[[], int],
    ) -> None:
        self._jobs = jobs
        self._overviews = overviews
        self._notifications = notifications
        self._now = now

    def complete(self, export_id: str, report: CreatedReport) -> None:
        """The file is there."""
        now = self._now()
        completed: ExportFields = {
            "status": ExportStatus.COMPLETED,
            "date_completed": now,
            "date_expires": self._notifications.works_until(now),
            "as_of": report.as_of,
            "read_until": report.read_until,
            "record_count": report.record_count,
            "totals": report.totals,
        }
        self._jobs.update(export_id, completed, status=ExportStatus.PENDING)

    def abort(self, export_id: str, code: JobError, message: str) -> None:
        """Record that there will be no file."""
        aborted: ExportFields = {
            "status": ExportStatus.ABORTED,
            "error": JobFailure(code, message),
            "date_completed": self._now(),
        }
        self._jobs.update(export_id, aborted, status=ExportStatus.PENDING)

    def mail(self, export_id: str) -> None:
        """Notify the requester, once."""
        job = self._jobs.get(export_id)
        if job is None or job.status is ExportStatus.PENDING or job.date_mailed:
            return
        console_url = self._notifications.console(f"reports/{export_id}")
        if job.error is not None:
            email = messages.report_failed(job.name, job.error.message, console_url)
        else:
            until = job.date_expires or 0
            name = report_name(job.name, job.date_created, job.format)
            link = self._notifications.link(job, report_key(export_id, job.format, job.type), until, name)
            email = messages.report_ready(
                job.name,
                job.record_count or 0,
                job.totals or {},
                job.as_of or 0,
                link,
                until,
                console_url=console_url,
                kind=TYPES[job.type],
                file_format=job.format,
                filters=described(job.params),
                prefilled=job.params.get("prefill") is not None,
            )
        self._notifications.mail(self._jobs, export_id, job.mailto_email, email)

    def fail(self, export_id: str) -> None:
        """The report failed permanently: its record says so, and the requester is notified if possible."""
        self.abort(
            export_id, JobError.EXPORT_FAILED, "The report could not be created. Create it again later."
        )
        try:
            self.mail(export_id)
        except EmailNotSentError as error:
            self._notifications.record_failure(self._jobs, export_id, error.reason)

    def fail_overview(self) -> None:
        """The overview of all balances failed permanently."""
        self._overviews.fail()
