"""Download links, links to the console, and emails whose failure never loses the work."""

import logging
from collections.abc import Callable

from rewards.adapters import metrics
from rewards.adapters.download_links import DownloadLink, DownloadLinks
from rewards.adapters.email_events import EXPORT_ID, IMPORT_ID
from rewards.adapters.errors import EmailNotSentError
from rewards.adapters.export_jobs import ExportJobs
from rewards.adapters.import_jobs import ImportJobs
from rewards.adapters.mailer import Mailer
from rewards.adapters.metrics import Metric
from rewards.domain.export_job import ExportJob
from rewards.domain.import_job import ImportJob, ImportStatus
from rewards.email.address import deliverable, is_in
from rewards.email.layout import Email

logger = logging.getLogger(__name__)

_DAY = 86_400_000


class Notifications:
    """Creates links and sends emails. `now` gives Unix milliseconds; links work `retention_days`."""

    def __init__(
        self,
        links: DownloadLinks,
        mailer: Mailer,
        public_url: str,
        notification_email: str,
        allowed_domains: frozenset[str],
        retention_days: int,
        now: Callable[[], int],
    ) -> None:
        self._links = links
        self._mailer = mailer
        self._public_url = public_url.rstrip("/")
        self._notification_email = notification_email
        self._allowed_domains = allowed_domains
        self._retention = retention_days * _DAY
        self._now = now

    def works_until(self, made: int) -> int:
        """Until when a file made at a moment can be downloaded (both Unix milliseconds)."""
        return made + self._retention

    def link(self, job: ImportJob | ExportJob, key: str, works_until: int, name: str) -> str:
        """A new link of the stack's own that opens one file of a job, to be saved as `name`."""
        token = self._links.create(DownloadLink(key, name, works_until // 1000, job.date_links_revoked))
        return f"{self._public_url}/download/{token}"

    def console(self, page: str) -> str:
        """The address of a page of the console, such as `import/{id}`."""
        return f"{self._public_url}/#/{page}"

    def mail(self, jobs: ImportJobs | ExportJobs, job_id: str, to: str | None, email: Email) -> None:
        """Send a job's email, and record that it was sent.

        It goes to `to` if that is one address in a domain that is allowed, else to the stack's
        NotificationEmail: who may put files into the bucket may name any address. Where SES fails,
        EmailNotSentError is raised, so that the message is delivered again.
        """
        address = self._recipient(to)
        kind = IMPORT_ID if isinstance(jobs, ImportJobs) else EXPORT_ID
        self._send(address, email, {kind: job_id})
        jobs.update(job_id, {"mailto_email": address, "date_mailed": self._now(), "mail_error": None})

    def mail_approvers(self, jobs: ImportJobs, job_id: str, to: str, email: Email) -> None:
        """Ask the approvers about an import, and record that. Raises EmailNotSentError."""
        self._send(to, email, {IMPORT_ID: job_id})
        jobs.update(job_id, {"date_approval_mailed": self._now()}, status=ImportStatus.AWAITING_APPROVAL)

    def mail_approved(self, jobs: ImportJobs, job_id: str, to: str | None, email: Email) -> None:
        """Say that an import was approved, and record that. Raises EmailNotSentError."""
        self._send(self._recipient(to), email, {IMPORT_ID: job_id})
        jobs.update(job_id, {"date_approval_mailed": self._now()})

    def notify(self, email: Email) -> None:
        """Send an email that is about no job to the stack's NotificationEmail. Raises EmailNotSentError."""
        self._send(self._notification_email, email, {})

    def _recipient(self, to: str | None) -> str:
        address = deliverable(to)
        if address is None or not is_in(address, self._allowed_domains):
            return self._notification_email
        return address

    def _send(self, address: str, email: Email, about: dict[str, str]) -> None:
        """Send an email; the log and SES's events say what it is about, and the log not to whom it went."""
        try:
            message_id = self._mailer.send(address, email, about)
        except EmailNotSentError as error:
            metrics.record(Metric.EMAILS_FAILED)
            logger.warning("email not sent", extra={**about, "code": error.code})
            raise
        logger.info("email sent", extra={**about, "ses_message_id": message_id})

    def record_approval_failure(self, jobs: ImportJobs, job_id: str, error: str) -> None:
        """Record that an email about an approval could not be sent after all retries."""
        jobs.update(job_id, {"approval_mail_error": error[:500]}, date_approval_mailed=None)

    def record_failure(self, jobs: ImportJobs | ExportJobs, job_id: str, error: str) -> None:
        """Record that a job's email could not be sent after all retries, unless another worker sent it."""
        jobs.update(job_id, {"mail_error": error[:500]}, date_mailed=None)
