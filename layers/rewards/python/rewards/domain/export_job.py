"""An export: a report that was requested, its states, and what is known of its file.

Moments are Unix milliseconds, credits are integers in the unit's smallest unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypedDict

from rewards.domain.email_problem import EmailProblem
from rewards.domain.filters import ReportParams
from rewards.domain.job_error import ImpossibleTransitionError, JobError, JobFailure

# A request that has not even failed by then never reached the function that creates reports.
_LOST_AFTER = 86_400_000


class ExportStatus(StrEnum):
    """The status of an export (CONTRACT section 5)."""

    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    ABORTED = "ABORTED"
    # Never stored: it follows from the date.
    EXPIRED = "EXPIRED"


# The states that can follow each state. Nothing follows an end.
TRANSITIONS: Mapping[ExportStatus, frozenset[ExportStatus]] = {
    ExportStatus.PENDING: frozenset({ExportStatus.COMPLETED, ExportStatus.ABORTED}),
    ExportStatus.COMPLETED: frozenset({ExportStatus.EXPIRED}),
    ExportStatus.ABORTED: frozenset(),
    ExportStatus.EXPIRED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportJob:
    """An export as it was read at one moment. `type` is one of report.TYPES, `format` CSV or XLSX.

    The default of a field is what holds where a record of an earlier version lacks it. `params` are the
    filters as they were requested (filters.Filters reads them).
    """

    id: str
    type: str
    format: str
    name: str
    requester: str
    params: ReportParams
    mailto_email: str | None
    status: ExportStatus
    date_created: int
    date_completed: int | None = None
    # Until when the file can be downloaded.
    date_expires: int | None = None
    record_count: int | None = None
    error: JobFailure | None = None
    # Between these two moments the balances were read; each is shown as of one of them.
    as_of: int | None = None
    read_until: int | None = None
    # What is available, in credits by unit.
    totals: Mapping[str, int] | None = None
    date_mailed: int | None = None
    mail_error: str | None = None
    email_problem: EmailProblem | None = None
    # When the sweep last sent its message again, and how often.
    date_resumed: int | None = None
    resumes: int = 0
    # When download links were last revoked, and by whom: those created before do not work.
    date_links_revoked: int | None = None
    links_revoked_by: str | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether its report is still to be created."""
        return self.status is ExportStatus.PENDING

    @property
    def awaits_email(self) -> bool:
        """Whether it has ended, and its email was neither sent nor recorded as failed."""
        is_due = (
            self.status in (ExportStatus.COMPLETED, ExportStatus.ABORTED) and self.date_completed is not None
        )
        return is_due and self.date_mailed is None and self.mail_error is None

    @property
    def last_progress(self) -> int:
        """When something last happened to it: Unix ms."""
        return max(self.date_created, self.date_resumed or 0, self.date_completed or 0)

    def is_kept(self, now: int) -> bool:
        """Whether the file is kept at a moment."""
        return (
            self.status is ExportStatus.COMPLETED
            and self.date_expires is not None
            and now < self.date_expires
        )

    def as_at(self, now: int) -> "ExportJob":
        """The export at a moment: EXPIRED when its file is not kept any more, ABORTED if nothing came."""
        if self.status is ExportStatus.COMPLETED and self.date_expires is not None and not self.is_kept(now):
            return replace(self, status=ExportStatus.EXPIRED)
        if self.status is ExportStatus.PENDING and self.date_created + _LOST_AFTER <= now:
            message = "The report was not created within a day. Create it again."
            return replace(
                self, status=ExportStatus.ABORTED, error=JobFailure(JobError.EXPORT_FAILED, message)
            )
        return self


class ExportFields(TypedDict, total=False):
    """Some fields of an ExportJob: what an update sets, or what it expects to find."""

    status: ExportStatus
    mailto_email: str | None
    date_completed: int | None
    date_expires: int | None
    record_count: int | None
    error: JobFailure | None
    as_of: int | None
    read_until: int | None
    totals: Mapping[str, int] | None
    date_mailed: int | None
    mail_error: str | None
    email_problem: EmailProblem | None
    date_resumed: int | None
    resumes: int
    date_links_revoked: int | None
    links_revoked_by: str | None


def check_transition(before: ExportStatus | None, after: ExportStatus) -> None:
    """Raise ImpossibleTransitionError for a step that is not in TRANSITIONS, or from an unknown status."""
    if before is None or after not in TRANSITIONS[before]:
        raise ImpossibleTransitionError(f"an export that is {before} cannot become {after}")
