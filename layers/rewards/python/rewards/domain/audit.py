"""The audit log: who did what to which object, when (CONTRACT section 9).

An entry never holds the name, the email address or an id of a participant: a participant is shown as a digest
that only the stack can compute.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from rewards.domain.export_job import ExportFields, ExportStatus
from rewards.domain.import_job import ImportFields, ImportJob, ImportStatus
from rewards.domain.row_ids import RowIdKeys
from rewards.domain.texts import normalised

# Whoever opens a link of an email is not signed in.
LINK = "link"
# A caller without a valid key or token.
UNKNOWN = "unknown"
# A second object that an entry is about, in its details.
RELATED = "related"

_PURPOSE = b"participants in the audit log"
_DIGITS = 32

_MINUTE = 60_000
# More callers and codes than this are never counted in one process; then counting starts anew.
_MAX_COUNTED = 1_000


class Action(StrEnum):
    """What was done."""

    EXPORT_REQUESTED = "EXPORT_REQUESTED"
    EXPORT_COMPLETED = "EXPORT_COMPLETED"
    EXPORT_FAILED = "EXPORT_FAILED"
    EXPORT_RESUMED = "EXPORT_RESUMED"
    OVERVIEW_REQUESTED = "OVERVIEW_REQUESTED"
    IMPORT_CREATED = "IMPORT_CREATED"
    IMPORT_ARRIVED = "IMPORT_ARRIVED"  # the file arrived
    IMPORT_STARTED = "IMPORT_STARTED"  # from a dry run
    IMPORT_SEALED = "IMPORT_SEALED"  # the rows were checked
    IMPORT_APPROVED = "IMPORT_APPROVED"
    IMPORT_DECLINED = "IMPORT_DECLINED"
    IMPORT_CANCELLED = "IMPORT_CANCELLED"
    IMPORT_RESUMED = "IMPORT_RESUMED"
    IMPORT_REVERSED = "IMPORT_REVERSED"
    IMPORT_COMPLETED = "IMPORT_COMPLETED"  # it ended, cancelled or not
    IMPORT_ABORTED = "IMPORT_ABORTED"
    DOWNLOADED = "DOWNLOADED"
    LINK_OPENED = "LINK_OPENED"
    LINKS_REVOKED = "LINKS_REVOKED"
    REWARD_CREATED = "REWARD_CREATED"
    REWARD_CANCELLED = "REWARD_CANCELLED"
    REWARD_REDEEMED = "REWARD_REDEEMED"
    BALANCE_REDEEMED = "BALANCE_REDEEMED"
    PARTICIPANT_BLOCKED = "PARTICIPANT_BLOCKED"
    KEY_CREATED = "KEY_CREATED"
    KEY_REVOKED = "KEY_REVOKED"
    REQUESTS_REJECTED = "REQUESTS_REJECTED"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry. `date` is in Unix milliseconds.

    `actor` is a user's email address, an API key's name, a principal, or a function. `object` is its kind and
    its id, such as `import/06gzzx7rv0b59snh`. `details` may name a second object as RELATED.
    """

    date: int
    actor: str
    action: str
    object: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The entry as it is stored."""
        return json.dumps(
            {
                "date": self.date,
                "actor": self.actor,
                "action": str(self.action),
                "object": self.object,
                "details": self.details,
            }
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """A stored entry. Raises ValueError for any other text."""
        found = json.loads(text)
        try:
            return cls(*(found[name] for name in ("date", "actor", "action", "object", "details")))
        except (KeyError, TypeError) as error:
            raise ValueError("not an entry of the audit log") from error

    def is_about(self, name: str) -> bool:
        """Whether the entry is about an object, also as the second one."""
        return name in (self.object, self.details.get(RELATED))


def participant_digest(keys: RowIdKeys, account_id: str, user_id: str | None = None) -> str:
    """What stands for a participant, or for a whole account, in every entry.

    Its key is derived from the first key of rowIds, which stays first when keys are added.
    """
    key = hmac.digest(keys.first, _PURPOSE, hashlib.sha256)
    ids = [normalised(each.strip()) for each in (account_id, user_id) if each is not None]
    return hmac.new(key, json.dumps(ids).encode(), hashlib.sha256).hexdigest()[:_DIGITS]


def participant_object(keys: RowIdKeys, account_id: str, user_id: str | None = None) -> str:
    """The object of an entry about a participant, or about a whole account."""
    kind = "account" if user_id is None else "participant"
    return f"{kind}/{participant_digest(keys, account_id, user_id)}"


Step = tuple[Action, dict[str, Any]]


def arrival(job: ImportJob) -> Step | None:
    """What the creation of an import without a request of the API means; None for an import of a request."""
    if job.status is ImportStatus.ABORTED:
        return Action.IMPORT_ABORTED, {"code": job.error.code.value if job.error else None}
    if job.status is ImportStatus.VALIDATING:
        return Action.IMPORT_ARRIVED, {"type": job.type.value, "dryRun": job.dry_run}
    return None


def import_step(changes: ImportFields, before: ImportStatus | None) -> Step | None:
    """What a change of an import by a function means; None if it is not for the audit log.

    `before` is the status before it, where that is known. What a request of the API changes has the entry of
    the request.
    """
    status, error = changes.get("status"), changes.get("error")
    if status is ImportStatus.VALIDATING:
        return Action.IMPORT_ARRIVED, {}
    if status is ImportStatus.ABORTED:
        return Action.IMPORT_ABORTED, {"code": error.code.value if error else None}
    if changes.get("date_completed") is not None and status is not ImportStatus.CANCELLED:
        ended, receipt = status or before, changes.get("receipt")
        return Action.IMPORT_COMPLETED, {
            "status": ended.value if ended else None,
            "error": error.code.value if error else None,
            "receipt": receipt.digest if receipt else None,
        }
    if changes.get("resumes"):
        return Action.IMPORT_RESUMED, {"times": changes["resumes"]}
    return None


def sealed_step(changes: ImportFields) -> Step:
    """What the seal of an import means."""
    return Action.IMPORT_SEALED, {
        "rows": changes.get("rows"),
        "requested": dict(changes.get("requested") or {}),
    }


def export_step(changes: ExportFields) -> Step | None:
    """What a change of an export by a function means; None if it is not for the audit log."""
    if changes.get("status") is ExportStatus.COMPLETED:
        return Action.EXPORT_COMPLETED, {"rows": changes.get("record_count")}
    if changes.get("status") is ExportStatus.ABORTED:
        error = changes.get("error")
        return Action.EXPORT_FAILED, {"code": error.code.value if error else None}
    if changes.get("resumes"):
        return Action.EXPORT_RESUMED, {"times": changes["resumes"]}
    return None


class Rejections:
    """Counts rejected requests, so that each caller and code has at most one entry a minute.

    The first request of a minute is for the log at once, with those that were only counted since the entry
    before it. So a process that is stopped loses only the counts of its last minute.
    """

    def __init__(self) -> None:
        self._counted: dict[tuple[str, str], tuple[int, int]] = {}

    def count(self, caller: str, code: str, now: int) -> int | None:
        """For how many requests an entry is due, this one included; None if none is due."""
        if len(self._counted) >= _MAX_COUNTED:
            self._counted.clear()
        minute = now // _MINUTE
        last, waiting = self._counted.get((caller, code), (-1, 0))
        if last == minute:
            self._counted[caller, code] = (minute, waiting + 1)
            return None
        self._counted[caller, code] = (minute, 0)
        return waiting + 1
