"""Whether an import or a ledger call may have its effect at once, or needs approval (decision 101).

What is asked for joins the requester's record of 24 hours in the very transaction that seals the import, or
has the effect: on condition of the record's version, so that of two at once the later one sees the earlier.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rewards.adapters.requested_records import RequestedRecord, RequestedRecords
from rewards.domain import object_keys
from rewards.domain.approval import Approval, ApprovalRule, Asked, needs_approval, recent, totals
from rewards.domain.import_job import ImportFields, ImportJob, ImportStatus
from rewards.domain.outcomes import FileProblem, FileRejectedError
from rewards.domain.units import format_value
from rewards.email.address import deliverable
from rewards.flows.rejections import RejectionCode, RequestRejectedError

_UNKNOWN = (
    "By the rule of this service, this import needs approval. The person who asks for it must be known then, "
    "but the upload's metadata `email` is not exactly the address of one user of the console. Nothing was "
    "changed."
)


@dataclass(frozen=True, slots=True)
class Admission:
    """How an import goes on once it is sealed, and the requester's record to store with that, if any."""

    status: ImportStatus
    approval: Approval | None
    record: RequestedRecord | None

    @property
    def fields(self) -> ImportFields:
        """What the sealing write sets."""
        return {"status": self.status, "approval": self.approval}


class ApprovalGate:
    """Applies the stack's rule. `is_user` says whether an address is that of a user of the pool; `now` gives
    Unix milliseconds."""

    def __init__(
        self,
        rule: ApprovalRule,
        records: RequestedRecords,
        is_user: Callable[[str], bool],
        now: Callable[[], int],
    ) -> None:
        self._rule = rule
        self._records = records
        self._is_user = is_user
        self._now = now

    def admit(self, job: ImportJob, requested: Mapping[str, int], chunks: int) -> Admission:
        """How a validated import goes on that requests credits by unit in so many chunks.

        Raises FileRejectedError for an upload to the bucket that needs approval and names no user of the
        pool, and whatever the user pool raises if it cannot be asked.
        """
        if job.dry_run:
            return Admission(ImportStatus.PROCESSING, None, None)
        record, earlier = self._record(job.requester_id or job.requester, requested)
        required = chunks > 0 and needs_approval(self._rule, requested, earlier)
        if required and _is_from_bucket(job) and not self._is_named(job):
            raise FileRejectedError(FileProblem.REQUESTER_UNKNOWN, _UNKNOWN)
        status = ImportStatus.AWAITING_APPROVAL if required else ImportStatus.PROCESSING
        return Admission(status, Approval(required, self._rule.text), record)

    def admit_call(self, user: str | None, unit: str, amount: int) -> list[Any]:
        """The transaction's actions that belong to a ledger call of a signed-in user (None: an API key).

        Raises RequestRejectedError if the rule asks for approval, which a call cannot get.
        """
        if user is None or not self._rule.applies:
            return []
        record, earlier = self._record(user, {unit: amount})
        if needs_approval(self._rule, {unit: amount}, earlier):
            shown = f"{format_value(amount, unit)} {unit} needs approval"
            if record is not None:  # otherwise any amount in this unit needs it
                shown += ", counting what you asked for in the last 24 hours"
            raise RequestRejectedError(
                RejectionCode.APPROVAL_REQUIRED,
                f"By the rule of this service, {shown}. Import a file instead: approvers can approve it. "
                "Nothing was changed.",
            )
        return [record.action(self._records.table_name)] if record is not None else []

    def _record(
        self, requester: str, requested: Mapping[str, int]
    ) -> tuple[RequestedRecord | None, Mapping[str, int]]:
        """The record to store, None if there is nothing to count, and what was asked for before."""
        counted = self._rule.counted(requested)
        if not counted:
            return None, {}
        now, record = self._now(), self._records.read(requester)
        return record.adding(Asked(now, counted)), totals(recent(record.asked, now))

    def _is_named(self, job: ImportJob) -> bool:
        address = deliverable(job.named_email)
        return address is not None and self._is_user(address)


def _is_from_bucket(job: ImportJob) -> bool:
    """Whether somebody put the file into the bucket who is no caller of the API."""
    return job.reverses is None and object_keys.import_of_upload(job.key) != job.id
