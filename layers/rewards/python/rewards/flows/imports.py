"""Creating, starting and cancelling imports, and the predicates over their records.

    PENDING ──> VALIDATING ──> PROCESSING ──> COMPLETED
       │            ├──> ABORTED    │
       └────────────┴───────────────┴──> CANCELLED

Every step is an update on condition of the status before it, so of two that step at once one wins
and the other looks again. An import is sealed, its rows known and checked, when it becomes
PROCESSING; before that not one of its rows has left.
"""

from collections.abc import Callable
from typing import Any

from rewards.adapters.errors import UploadGoneError
from rewards.adapters.jobs import IMPORT, Jobs, Record
from rewards.adapters.queues import Queues
from rewards.adapters.retry import Backoff, OutOfTimeError
from rewards.adapters.upload_bucket import UploadBucket
from rewards.domain import ids
from rewards.domain.file_names import format_of
from rewards.domain.messages import finish_import
from rewards.domain.outcomes import Outcome

REDEMPTION_TYPE = "REDEEMABLE_REWARD_BALANCE"
REWARD_TYPE = "REWARD"

# Where an upload lands says what it is: (import type, dry run).
PREFIXES = {
    "redemptions/": (REDEMPTION_TYPE, False),
    "preview/": (REDEMPTION_TYPE, True),
    "rewards/": (REWARD_TYPE, False),
}

MAX_FILE_BYTES = 2 << 30
# A full report that any program saved comes back: 300 MiB at most, measured with ids of 36 characters.
MAX_WORKBOOK_BYTES = 512 << 20

# A form to upload with works so long; whatever has not arrived after twice that will not arrive.
FORM_SECONDS = 3_600
_EXPIRED_AFTER = 2 * FORM_SECONDS * 1000

# So long a cancellation waits for workers to let go of what they have in hand.
_CANCEL_SECONDS = 20


class ImportStateError(Exception):
    """The import is not in a state in which this can be done; `code` is the machine's word."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class StillWorkingError(Exception):
    """The import is cancelled, but a worker may still be finishing what it had begun."""


def is_sealed(record: Record) -> bool:
    """Whether all rows are known and checked. A file without rows is rejected before it is sealed."""
    return bool(record["rows"] > 0)


def is_complete(record: Record) -> bool:
    """Whether an import is sealed and all its chunks are counted."""
    return (
        record["status"] in ("PROCESSING", "CANCELLED")
        and record["chunksDone"] == record["chunks"]
        and is_sealed(record)
    )


def cancelled_unread(record: Record) -> bool:
    """Whether an import was cancelled before it was sealed: it has no answers, and redeemed nothing."""
    return record["status"] == "CANCELLED" and not is_sealed(record)


def sends_email(record: Record) -> bool:
    """Whether an email says how an import ended. Records of version 0.1 lack the field; they all send one."""
    return bool(record.get("sendsEmail", True))


def max_bytes(file_name: str) -> int:
    """How large an upload of this name may be."""
    return MAX_WORKBOOK_BYTES if file_name.lower().endswith(".xlsx") else MAX_FILE_BYTES


def import_id_in_key(key: str) -> str | None:
    """The import that an upload's key may belong to: its second part, if that has the form of an id."""
    parts = key.split("/")
    return parts[1] if len(parts) == 3 and ids.is_id(parts[1]) else None


def new_record(kind: str, dry_run: bool, name: str, file_name: str, now: int) -> Record:
    """An import's record as it begins; who orders it adds to it."""
    return {
        "type": kind,
        "name": name[:200] or file_name,
        "fileName": file_name,
        "dryRun": dry_run,
        "requester": "S3",
        "mailtoEmail": None,
        "sendsEmail": True,
        "status": "PENDING",
        "error": None,
        "dateCreated": now,
        "dateCompleted": None,
        "startedFrom": None,
        "startedAs": None,
        "reverses": None,
        "reversedBy": None,
        "bucket": "",
        "key": "",
        "versionId": "",
        "etag": "",
        "size": 0,
        "allowDuplicate": False,
        "seal": None,
        "sentFiles": 0,
        "sent": False,
        "encoding": None,
        "encodingDetected": False,
        "encodingLine": None,
        "separator": None,
        "rows": 0,
        "processed": 0,
        "chunks": 0,
        "chunksDone": 0,
        "outcomes": {},
        "requested": {},
        "redeemed": {},
        "rejected": {},
        "warnings": {},
        "fileWarnings": {},
    }


def _as_previewed(dry_run: Record) -> Record:
    """How the file of a dry run was read. Version 0.1 did not say whether it had guessed the encoding."""
    if "encodingDetected" not in dry_run:
        return {}
    names = ("encoding", "encodingLine", "encodingDetected", "separator")
    return {name: dry_run.get(name) for name in names}


def _ended_without_effect(record: Record) -> bool:
    """Whether an import ended without redeeming anything, so that its dry run may be started again."""
    if record["dateCompleted"] is None:
        return False
    cancelled = record["status"] == "CANCELLED" and not record["outcomes"].get(Outcome.REDEEMED)
    return record["status"] == "ABORTED" or cancelled


class Imports:
    """Creates, starts and cancels imports. `now` gives Unix milliseconds."""

    def __init__(
        self, jobs: Jobs, uploads: UploadBucket, queues: Queues, finish_queue_url: str, now: Callable[[], int]
    ) -> None:
        self._jobs = jobs
        self._uploads = uploads
        self._queues = queues
        self._finish_queue_url = finish_queue_url
        self._now = now

    def get(self, import_id: str) -> Record | None:
        """An import's record with its status as of now, or None."""
        record = self._jobs.get(IMPORT, import_id) if ids.is_id(import_id) else None
        return self._as_of_now(record) if record else None

    def history(self, limit: int, offset: int) -> tuple[list[Record], int]:
        """Imports, newest first, and how many there are in all."""
        records, total = self._jobs.history(IMPORT, limit, offset)
        return [self._as_of_now(record) for record in records], total

    def create(
        self,
        kind: str,
        file_name: str,
        name: str,
        dry_run: bool,
        requester: str,
        email: str | None,
        allow_duplicate: bool = False,
        encoding: str | None = None,
        separator: str | None = None,
        sends_email: bool = True,
    ) -> tuple[Record, dict[str, Any]]:
        """A new import that waits for its file, and the form to upload that with (`url`, `fields`).

        `file_name` is clean; `encoding` (a plain name) and `separator` are None where they are to be
        found in the file. `sends_email` is False for a dry run that is watched in the console. Raises
        ValueError if the file's format is not accepted.
        """
        format_of(file_name, kind == REWARD_TYPE)
        record = {
            **new_record(kind, dry_run, name, file_name, self._now()),
            "requester": requester,
            "mailtoEmail": email,
            "allowDuplicate": allow_duplicate,
            "encoding": encoding,
            "separator": separator,
            "sendsEmail": sends_email,
        }
        record = self._store(ids.new_id(self._now()), record)
        return record, self._uploads.form(record["key"], max_bytes(file_name), FORM_SECONDS)

    def start(self, import_id: str, requester: str, email: str | None) -> Record | None:
        """Run for real what was uploaded as a dry run; the new import, or None without such a dry run.

        A dry run starts one import, unless that one ended ABORTED, or CANCELLED without a redeemed row:
        asked again, the answer is the same import. Raises ImportStateError and UploadGoneError.
        """
        dry_run = self.get(import_id)
        if dry_run is None:
            return None
        if not dry_run["dryRun"]:
            raise ImportStateError("NOT_A_DRY_RUN", "This import is no dry run: there is nothing to start.")
        if dry_run["status"] != "COMPLETED":
            raise ImportStateError(
                f"IMPORT_{dry_run['status']}",
                f"The dry run is {dry_run['status']}. Only one that is COMPLETED can be started.",
            )
        record = self._started_from(dry_run, requester, email)
        if record["status"] == "PENDING":  # new, or an earlier try got no further
            self._uploads.copy(dry_run["key"], dry_run["versionId"], record["key"])
        return record

    def cancel(self, import_id: str) -> Record | None:
        """Redeem nothing more of an import; its record, or None if there is none.

        When this returns, no worker has a row of it in hand. Raises ImportStateError if it has
        ended otherwise, and StillWorkingError if a worker did not let go in time.
        """
        record = self._set_cancelled(import_id)
        if record is None:
            return None
        if cancelled_unread(record) and record["versionId"] and not record.get("dateMailed"):
            self._queues.send(self._finish_queue_url, finish_import(import_id))
        # A worker takes the lease of its chunk before it looks at the status: one whose lease we do not
        # see now, and who is still to write, has to see that the import is cancelled.
        backoff = Backoff.for_seconds(_CANCEL_SECONDS)
        working = self._jobs.live_leases(import_id, self._now())
        while working:
            try:
                backoff.wait()
            except OutOfTimeError as error:
                raise StillWorkingError(import_id) from error
            working &= self._jobs.live_leases(import_id, self._now())
        return self.get(import_id)

    def _set_cancelled(self, import_id: str) -> Record | None:
        while True:
            record = self.get(import_id)
            if record is None or record["status"] == "CANCELLED":
                return record
            if record["status"] in ("COMPLETED", "ABORTED"):
                raise ImportStateError(
                    f"IMPORT_{record['status']}", f"The import is {record['status']}: it cannot be cancelled."
                )
            if is_complete(record):
                raise ImportStateError(
                    "IMPORT_PROCESSED", "Every row is processed, only the results are being written."
                )
            changes: Record = {"status": "CANCELLED"}
            if not is_sealed(record):  # else who answers the last row ends it
                changes["dateCompleted"] = self._now()
            if self._jobs.update(IMPORT, import_id, changes, status=record["status"]):
                return {**record, **changes}

    def _started_from(self, dry_run: Record, requester: str, email: str | None) -> Record:
        """The one import that a dry run starts, made if it is not there yet."""
        earlier = self.get(dry_run["startedAs"]) if dry_run["startedAs"] else None
        if dry_run["startedAs"] is None or (earlier is not None and _ended_without_effect(earlier)):
            if not self._uploads.exists(dry_run["key"], dry_run["versionId"]):
                raise UploadGoneError(dry_run["id"])
            started = {"startedAs": ids.new_id(self._now())}
            self._jobs.update(IMPORT, dry_run["id"], started, startedAs=dry_run["startedAs"])
            dry_run = self._jobs.get(IMPORT, dry_run["id"]) or dry_run
        record = {
            **new_record(dry_run["type"], False, dry_run["name"], dry_run["fileName"], self._now()),
            "requester": requester,
            "mailtoEmail": email or dry_run["mailtoEmail"],
            "startedFrom": dry_run["id"],
            "allowDuplicate": dry_run.get("allowDuplicate", False),
            # It is read as its preview was.
            **_as_previewed(dry_run),
        }
        return self._store(dry_run["startedAs"], record)

    def _store(self, import_id: str, record: Record) -> Record:
        """Keep a record and where its upload has to land; the one that is there already, if one is."""
        prefix = next(each for each, means in PREFIXES.items() if means == (record["type"], record["dryRun"]))
        # S3 would put the name of the user's own file where a form's key says ${filename}.
        key = f"{prefix}{import_id}/{record['fileName'].replace('$', '_')}"
        record = {**record, "bucket": self._uploads.bucket, "key": key}
        if not self._jobs.create(IMPORT, import_id, record):
            record = self._jobs.get(IMPORT, import_id) or record
        return {"id": import_id, **record}

    def _as_of_now(self, record: Record) -> Record:
        if record["status"] == "PENDING" and record["dateCreated"] + _EXPIRED_AFTER <= self._now():
            message = "No file was uploaded with the form of this import. Order a new one."
            return {
                **record,
                "status": "ABORTED",
                "error": {"code": "UPLOAD_EXPIRED", "message": message},
                "dateCompleted": record["dateCreated"] + _EXPIRED_AFTER,
            }
        return record
