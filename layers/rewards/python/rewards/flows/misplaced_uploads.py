"""Uploads outside the folders: an email about them, at most one an hour."""

from collections.abc import Callable
from typing import Any

from rewards.adapters.jobs import MISPLACED, Jobs
from rewards.email.messages import upload_misplaced
from rewards.flows.notifications import Notifications

_HOUR = 3_600_000
_ITEM = "UPLOADS"


class MisplacedUploads:
    """Reports uploads that no folder takes. `now` gives Unix milliseconds."""

    def __init__(self, jobs: Jobs, notifications: Notifications, now: Callable[[], int]) -> None:
        self._jobs = jobs
        self._notifications = notifications
        self._now = now

    def report(self, message: dict[str, Any]) -> bool:
        """Send an email about an upload, unless one was sent in the last hour; whether it was sent.

        Raises EmailNotSentError; then the same message may be tried again.
        """
        upload = "/".join((message["bucket"], message["key"], message["versionId"]))
        self._jobs.create(MISPLACED, _ITEM, {"reported": None})
        if not self._jobs.lease(_ITEM, upload, self._now(), self._now() + _HOUR, MISPLACED):
            return False
        record = self._jobs.get(MISPLACED, _ITEM) or {}
        if record.get("reported") == upload:
            return False  # the message came twice
        console_url = self._notifications.console("import")
        self._notifications.notify(upload_misplaced(message["bucket"], message["key"], console_url))
        self._jobs.update(MISPLACED, _ITEM, {"reported": upload}, leaseOwner=upload)
        return True
