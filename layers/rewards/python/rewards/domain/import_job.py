"""An import: its fields, its states, and what can be done in each of them.

Moments are Unix milliseconds, credits are integers in the unit's smallest unit.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum, auto
from typing import TypedDict

from rewards.domain.approval import EXPIRES_AFTER, Approval
from rewards.domain.control_totals import ExpectedTotals
from rewards.domain.email_problem import EmailProblem
from rewards.domain.job_error import ImpossibleTransitionError, JobError, JobFailure
from rewards.domain.outcomes import Outcome, Purpose, any_failed

# An upload form works for an hour. A file that has not arrived after twice that will not arrive.
FORM_SECONDS = 3_600
_EXPIRED_AFTER = 2 * FORM_SECONDS * 1000
# An import without progress for so long is shown as stalled: longer than any function may run.
STALLED_AFTER = 20 * 60_000


class ImportType(StrEnum):
    """What an import does with its rows."""

    REDEMPTIONS = "REDEEMABLE_REWARD_BALANCE"
    REWARDS = "REWARD"


class ImportStatus(StrEnum):
    """The status of an import (CONTRACT section 5)."""

    PENDING = "PENDING"
    VALIDATING = "VALIDATING"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    ABORTED = "ABORTED"
    CANCELLED = "CANCELLED"


# In which states an import begins: created by the API, uploaded to the bucket, a reversal with or without the
# need of an approval, and the second file by one form.
FIRST_STATUSES = frozenset(
    {
        ImportStatus.PENDING,
        ImportStatus.VALIDATING,
        ImportStatus.AWAITING_APPROVAL,
        ImportStatus.PROCESSING,
        ImportStatus.ABORTED,
    }
)

# The states that can follow each state. Nothing follows an end.
TRANSITIONS: Mapping[ImportStatus, frozenset[ImportStatus]] = {
    ImportStatus.PENDING: frozenset(
        {ImportStatus.VALIDATING, ImportStatus.ABORTED, ImportStatus.CANCELLED},
    ),
    ImportStatus.VALIDATING: frozenset(
        {
            ImportStatus.AWAITING_APPROVAL,
            ImportStatus.PROCESSING,
            ImportStatus.ABORTED,
            ImportStatus.CANCELLED,
        },
    ),
    ImportStatus.AWAITING_APPROVAL: frozenset(
        {ImportStatus.PROCESSING, ImportStatus.ABORTED, ImportStatus.CANCELLED},
    ),
    ImportStatus.PROCESSING: frozenset({ImportStatus.COMPLETED, ImportStatus.CANCELLED}),
    ImportStatus.COMPLETED: frozenset(),
    ImportStatus.ABORTED: frozenset(),
    ImportStatus.CANCELLED: frozenset(),
}


class Step(Enum):
    """What continues an import whose messages are lost."""

    VALIDATE = auto()
    SEND_CHUNKS = auto()
    FINISH = auto()


@dataclass(frozen=True, slots=True)
class Stall:
    """Since when an import has made no progress (Unix ms), and what it is waiting for, in words."""

    since: int
    reason: str


@dataclass(frozen=True, slots=True)
class Seal:
    """What the sealing write stores: the attempt to validate, and the SHA-256 of its manifest."""

    attempt: str
    manifest: str


@dataclass(frozen=True, slots=True)
class ReceiptRef:
    """The number of a receipt in the chain, and the SHA-256 of its text."""

    sequence: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportJob:
    """An import as it was read at one moment.

    The default of a field is what holds where a record of an earlier version lacks it.
    """

    id: str
    type: ImportType
    status: ImportStatus
    name: str
    file_name: str
    dry_run: bool
    requester: str
    mailto_email: str | None
    date_created: int
    # What the record of 24 hours knows the requester by: the id of a user or of an API key, or the principal.
    requester_id: str | None = None
    # What the metadata of an upload to the bucket names, also if emails go elsewhere.
    named_email: str | None = None
    # None before it is sealed, of dry runs, and where an earlier version sealed it.
    approval: Approval | None = None
    # When approvers were asked, or the requester was told of the approval; or why they could not be.
    date_approval_mailed: int | None = None
    approval_mail_error: str | None = None
    # Whether an email says how the import ended; not for a dry run that is watched in the console.
    sends_email: bool = True
    error: JobFailure | None = None
    date_completed: int | None = None
    # Until when its files can be downloaded, and it can be reversed.
    date_expires: int | None = None
    started_from: str | None = None
    started_as: str | None = None
    reverses: str | None = None
    reversed_by: str | None = None
    # The upload: the one version of one object; before it has arrived, only where it will arrive.
    bucket: str = ""
    key: str = ""
    version_id: str = ""
    etag: str = ""
    size: int = 0
    # As `receipt.BlockDigest` computes it; None if an earlier version sealed the import.
    upload_digest: str | None = None
    allow_duplicate: bool = False
    # Its control totals; a file that does not have them is rejected.
    expected: ExpectedTotals | None = None
    # None if nobody set it and it has not been detected; `encoding_detected` is None where version 0.1 did
    # not say whether it was detected.
    encoding: str | None = None
    encoding_detected: bool | None = None
    encoding_line: str | None = None
    separator: str | None = None
    # The sealed chunks, and how far they were sent. Imports of version 0.1 have no seal, but `parts`.
    seal: Seal | None = None
    sent_files: int = 0
    sent: bool = False
    parts: int = 0
    rows: int = 0
    processed: int = 0
    chunks: int = 0
    chunks_done: int = 0
    # Rows by outcome, credits by unit, rows by warning, and texts by warning of the file.
    outcomes: Mapping[str, int] = field(default_factory=dict)
    requested: Mapping[str, int] = field(default_factory=dict)
    redeemed: Mapping[str, int] = field(default_factory=dict)
    # None of an import that an earlier version made: there is no place to count in.
    rejected: Mapping[str, int] | None = None
    warnings: Mapping[str, int] = field(default_factory=dict)
    file_warnings: Mapping[str, str] = field(default_factory=dict)
    # Rows by warning that its check found in rows to process; stored if it awaits approval.
    sent_warnings: Mapping[str, int] = field(default_factory=dict)
    # The groups whose results are joined, of an import that finishes in groups.
    joined: Set[int] = frozenset()
    # Whether results.csv was written.
    results: bool = False
    # None if it changed nothing, or an earlier version ended it.
    receipt: ReceiptRef | None = None
    date_mailed: int | None = None
    mail_error: str | None = None
    email_problem: EmailProblem | None = None
    # When its file arrived, or was sealed, or chunks were last sent or counted.
    date_progress: int | None = None
    # When it was last resumed, and how often by the sweep since it was last resumed by hand.
    date_resumed: int | None = None
    resumes: int = 0
    # Who cancelled it, and who resumed it last. Who started or reversed another import is the requester.
    cancelled_by: str | None = None
    resumed_by: str | None = None
    # When download links were last revoked, and by whom: those created before do not work.
    date_links_revoked: int | None = None
    links_revoked_by: str | None = None

    @property
    def loads_rewards(self) -> bool:
        """Whether the rows are rewards to load, and not amounts to redeem."""
        return self.type is ImportType.REWARDS

    @property
    def purpose(self) -> Purpose:
        """What the import does with its rows, as texts about outcomes distinguish it."""
        if self.loads_rewards:
            return Purpose.REWARDS
        if self.reverses is not None:
            return Purpose.REVERSAL
        return Purpose.PREVIEW if self.dry_run else Purpose.REDEMPTION

    @property
    def is_sealed(self) -> bool:
        """Whether all rows are known and checked. A file without rows is rejected before it is sealed."""
        return self.rows > 0

    @property
    def is_complete(self) -> bool:
        """Whether the import is sealed and all its chunks are counted."""
        return (
            self.status in (ImportStatus.PROCESSING, ImportStatus.CANCELLED)
            and self.chunks_done == self.chunks
            and self.is_sealed
        )

    @property
    def is_cancelled_unread(self) -> bool:
        """Whether it was cancelled before it was sealed: it has no results, and redeemed nothing."""
        return self.status is ImportStatus.CANCELLED and not self.is_sealed

    @property
    def is_cancelled_waiting(self) -> bool:
        """Whether it was cancelled while it awaited approval: it has no results, and redeemed nothing."""
        undecided = self.approval is not None and self.approval.required and self.approval.date is None
        return self.status is ImportStatus.CANCELLED and undecided

    @property
    def awaits_approval(self) -> bool:
        """Whether it waits for an approver. The service has nothing to do for it but to send the emails."""
        return self.status is ImportStatus.AWAITING_APPROVAL

    @property
    def known_warnings(self) -> Mapping[str, int]:
        """Rows by warning. Of one that awaits approval also those in rows that are processed later, but for
        the warnings that depend on balances."""
        if not self.awaits_approval:
            return self.warnings
        found = dict(self.warnings)
        for name, rows in self.sent_warnings.items():
            found[name] = found.get(name, 0) + rows
        return found

    @property
    def approval_expires(self) -> int:
        """Until when a waiting import can be approved: Unix ms."""
        return max(self.date_created, self.date_progress or 0) + EXPIRES_AFTER

    @property
    def can_cancel(self) -> bool:
        """Whether there may be rows that a cancellation keeps from being redeemed."""
        return ImportStatus.CANCELLED in TRANSITIONS[self.status] and not self.is_complete

    @property
    def can_finish(self) -> bool:
        """Whether every row has its result, or never will have one."""
        ended = self.status in (ImportStatus.COMPLETED, ImportStatus.ABORTED)
        return ended or self.is_complete or self.is_cancelled_unread or self.is_cancelled_waiting

    @property
    def awaits_results(self) -> bool:
        """Whether all rows have their outcomes and the import has not ended, with results or an error."""
        return self.is_complete and self.date_completed is None

    @property
    def lacks_results(self) -> bool:
        """Whether the import ended because its results could not be written."""
        return self.error is not None and self.error.code is JobError.RESULTS_FAILED

    @property
    def has_unsent_chunks(self) -> bool:
        """Whether chunks are to be sent. A sealed import that is cancelled needs them, too; not one that was
        cancelled while it awaited approval, which has ended."""
        is_open = self.status in (ImportStatus.PROCESSING, ImportStatus.CANCELLED)
        has_begun = is_open and self.date_completed is None and self.is_sealed
        return has_begun and self._keeps_chunks and not self.sent

    @property
    def _keeps_chunks(self) -> bool:
        """Whether its chunks can be sent again: they are stored, or those of the import that it reverses.
        Imports of version 0.1 stored none."""
        return self.seal is not None or self.reverses is not None

    @property
    def is_under_way(self) -> bool:
        """Whether the service has work to do until it ends. One that waits for its file, or for an approver,
        has none."""
        waits = self.status is ImportStatus.PENDING or self.awaits_approval
        return self.date_completed is None and not waits

    @property
    def awaits_email(self) -> bool:
        """Whether it has ended, and its email was neither sent nor recorded as failed.

        One that was cancelled before its file arrived has none.
        """
        never_arrived = self.status is ImportStatus.CANCELLED and not self.version_id
        is_due = self.date_completed is not None and self.sends_email and not never_arrived
        return is_due and self.date_mailed is None and self.mail_error is None

    @property
    def awaits_approval_email(self) -> bool:
        """Whether approvers are to be asked, or the requester is to be told that it was approved.

        Once all rows have their results, the email about the end says enough.
        """
        approved = self.approval is not None and self.approval.required and self.approval.is_approved
        is_due = self.awaits_approval or (approved and self.status is ImportStatus.PROCESSING)
        is_open = self.date_approval_mailed is None and self.approval_mail_error is None
        return is_due and is_open and not self.is_complete

    @property
    def next_step(self) -> Step | None:
        """What continues it if its messages are lost; None if it waits, has ended, or cannot be continued."""
        if not self.is_under_way:
            return None
        if self.status is ImportStatus.VALIDATING:
            return Step.VALIDATE
        if self.is_complete:
            return Step.FINISH
        return Step.SEND_CHUNKS if self._keeps_chunks else None

    @property
    def last_resumed(self) -> int:
        """When it was created, approved or last resumed: Unix ms."""
        approved = (self.approval.date if self.approval else None) or 0
        return max(self.date_created, self.date_resumed or 0, approved)

    @property
    def last_progress(self) -> int:
        """When something last happened to it: Unix ms."""
        return max(self.last_resumed, self.date_progress or 0, self.date_completed or 0)

    def stall_at(self, now: int) -> Stall | None:
        """Since when and why it is stalled; None if it makes progress or cannot be resumed."""
        step = self.next_step
        if step is None or now < self.last_progress + STALLED_AFTER:
            return None
        match step:
            case Step.VALIDATE:
                reason = "The check of the file has not ended."
            case Step.SEND_CHUNKS:
                left = self.rows - self.processed
                reason = f"{left:,} of {self.rows:,} rows have no result yet."
            case Step.FINISH:
                reason = "All rows have their results, but results.csv has not been written."
        return Stall(self.last_progress, reason)

    @property
    def has_failed_file(self) -> bool:
        """Whether there is a failed.csv once it has results. Of a reversal there is none: uploaded, it would
        redeem what could not be returned."""
        return self.reverses is None and any_failed(self.outcomes)

    @property
    def ended_without_effect(self) -> bool:
        """Whether the import ended without redeeming anything, so that its dry run may be started again."""
        if self.date_completed is None:
            return False
        cancelled = self.status is ImportStatus.CANCELLED and not self.outcomes.get(Outcome.REDEEMED)
        return self.status is ImportStatus.ABORTED or cancelled

    def is_kept(self, now: int) -> bool:
        """Whether its files, and what a reversal needs, are kept at a moment."""
        return self.date_expires is not None and now < self.date_expires

    def as_at(self, now: int) -> "ImportJob":
        """The import at a moment: ABORTED if its file, or its approval, has not come in time."""
        if self.status is ImportStatus.PENDING and self.date_created + _EXPIRED_AFTER <= now:
            message = "No file was uploaded for this import within two hours. Create a new import."
            return replace(
                self,
                status=ImportStatus.ABORTED,
                error=JobFailure(JobError.UPLOAD_EXPIRED, message),
                date_completed=self.date_created + _EXPIRED_AFTER,
            )
        if self.awaits_approval and self.approval_expires <= now:
            message = "Nobody approved this import within 14 days. Nothing was changed."
            return replace(
                self,
                status=ImportStatus.ABORTED,
                error=JobFailure(JobError.APPROVAL_EXPIRED, message),
                date_completed=self.approval_expires,
            )
        return self


class ImportFields(TypedDict, total=False):
    """Some fields of an ImportJob: what an update sets, or what it expects to find."""

    status: ImportStatus
    mailto_email: str | None
    approval: Approval | None
    date_approval_mailed: int | None
    approval_mail_error: str | None
    error: JobFailure | None
    date_completed: int | None
    date_expires: int | None
    started_as: str | None
    reversed_by: str | None
    bucket: str
    key: str
    version_id: str
    etag: str
    size: int
    upload_digest: str | None
    encoding: str | None
    encoding_detected: bool | None
    encoding_line: str | None
    separator: str | None
    seal: Seal | None
    sent_files: int
    sent: bool
    rows: int
    processed: int
    chunks: int
    outcomes: Mapping[str, int]
    requested: Mapping[str, int]
    rejected: Mapping[str, int] | None
    warnings: Mapping[str, int]
    file_warnings: Mapping[str, str]
    sent_warnings: Mapping[str, int]
    results: bool
    receipt: ReceiptRef | None
    date_mailed: int | None
    mail_error: str | None
    email_problem: EmailProblem | None
    date_progress: int | None
    date_resumed: int | None
    resumes: int
    cancelled_by: str | None
    resumed_by: str | None
    date_links_revoked: int | None
    links_revoked_by: str | None


def new_import(
    import_id: str, import_type: ImportType, dry_run: bool, name: str, file_name: str, now: int
) -> ImportJob:
    """An import as it begins, waiting for its file; whoever creates it adds to it."""
    return ImportJob(
        id=import_id,
        type=import_type,
        status=ImportStatus.PENDING,
        name=name[:200] or file_name,
        file_name=file_name,
        dry_run=dry_run,
        requester="S3",
        mailto_email=None,
        date_created=now,
        encoding_detected=False,
        rejected={},
    )


def check_first_status(status: ImportStatus) -> None:
    """Raise ImpossibleTransitionError for a status in which no import begins."""
    if status not in FIRST_STATUSES:
        raise ImpossibleTransitionError(f"no import begins as {status}")


def check_transition(before: ImportStatus | None, after: ImportStatus) -> None:
    """Raise ImpossibleTransitionError for a step that is not in TRANSITIONS, or from an unknown status."""
    if before is None or after not in TRANSITIONS[before]:
        raise ImpossibleTransitionError(f"an import that is {before} cannot become {after}")
