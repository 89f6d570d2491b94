"""Uploads outside the folders: an email about them, at most one an hour."""

from collections.abc import Callable

from rewards.adapters.misplaced_reports import MisplacedReports
from rewards.domain.messages import ReportMisplaced
from rewards.email.messages import upload_misplaced
from rewards.flows.notifications import Notifications

_HOUR = 3_600_000


class MisplacedUploads:
    """Reports uploads that no folder takes. `now` gives Unix milliseconds."""

    def __init__(
        self, reports: MisplacedReports, notifications: Notifications, now: Callable[[], int]
    ) -> None:
        self._reports = reports
        self._notifications = notifications
        self._now = now

    def report(self, message: ReportMisplaced) -> bool:
        """Send an email about an upload, unless one was sent in the last hour; whether it was sent.

        Raises EmailNotSentError; then the same message may be tried again.
        """
        upload = "/".join((message.bucket, message.key, message.version_id))
        if not self._reports.begin(upload, self._now(), self._now() + _HOUR):
            return False
        console_url = self._notifications.console("import")
        self._notifications.notify(upload_misplaced(message.bucket, message.key, console_url))
        self._reports.end(upload)
        return True
