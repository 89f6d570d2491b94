"""Imports in the table `Jobs`. Each step of an import gets an entry in the audit log."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Unpack

from rewards.adapters import metrics
from rewards.adapters.audit_log import AuditLog
from rewards.adapters.job_items import attribute, attributes, import_job, import_record
from rewards.adapters.jobs_table import IMPORT, JobsTable, hashed
from rewards.adapters.metrics import Metric
from rewards.adapters.requested_records import RequestedRecord
from rewards.adapters.row_claims import RowsClaim
from rewards.domain import ids
from rewards.domain.audit import Step, arrival, import_step, sealed_step
from rewards.domain.import_job import (
    ImportFields,
    ImportJob,
    ImportStatus,
    check_first_status,
    check_transition,
)

_OBJECT = "OBJECT"

# The fields that every import has: what is searched.
OUTLINE = (
    *("id", "type", "status", "name", "file_name", "dry_run"),
    *("requester", "mailto_email", "date_created"),
)


class ImportJobs:
    """Reads and writes imports. A status is written only if it can follow the status before it."""

    def __init__(self, table: JobsTable, audit_log: AuditLog) -> None:
        self._table = table
        self._audit_log = audit_log

    def get(self, import_id: str) -> ImportJob | None:
        """An import as it is stored now (strongly consistent), or None."""
        record = self._table.get(IMPORT, import_id)
        return import_job({**record, "id": import_id}) if record else None

    def create(self, job: ImportJob, requested: RequestedRecord | None = None) -> bool:
        """Store a new import; False, and nothing changed, if it is there already.

        With the requester's record it is a transaction, and False also if that was changed since it was read.
        """
        check_first_status(job.status)
        created = self._table.create(IMPORT, job.id, import_record(job), self._actions(requested))
        if created and job.date_completed is not None:
            metrics.record(Metric.IMPORTS_ENDED, Status=job.status)
        if created:
            self._record(job.id, arrival(job), job.requester)
        return created

    def update(
        self,
        import_id: str,
        changes: ImportFields,
        actions: Sequence[Any] = (),
        **expected: Unpack[ImportFields],
    ) -> bool:
        """Set fields of an import; False, and nothing changed, if it is not as `expected`.

        `expected` are fields' values now, None also where there is none. With `actions` it is a transaction
        with these, and False also if the condition of one of them fails. Raises ImpossibleTransitionError for
        a status that cannot follow the expected one.
        """
        if "status" in changes:
            check_transition(expected.get("status"), changes["status"])
        fields, condition = attributes(changes), attributes(expected)
        if actions:
            updated = self._table.update_together(IMPORT, import_id, fields, actions, **condition)
        else:
            updated = self._table.update(IMPORT, import_id, fields, **condition)
        status = changes.get("status") or expected.get("status")
        if updated and status is not None and changes.get("date_completed") is not None:
            metrics.record(Metric.IMPORTS_ENDED, Status=status)
        if updated:
            self._record(import_id, import_step(changes, expected.get("status")))
        return updated

    def count_group(self, import_id: str, number: int, now: int) -> int:
        """Count a group whose results are joined, at most once; how many are."""
        return self._table.add_to_set(IMPORT, import_id, "joined", number, {"dateProgress": now})

    def forget_groups(self, import_id: str) -> None:
        """Take it that no group's results are joined."""
        self._table.remove(IMPORT, import_id, "joined")

    def seal(
        self,
        import_id: str,
        changes: ImportFields,
        claim: RowsClaim | None,
        requested: RequestedRecord | None,
    ) -> bool:
        """Seal an import that is being validated, and claim its rows, in one transaction.

        `claim` names what is stored with its rows then, and `requested` what its requester asked for, as long
        as nobody changed either since it was read. False, and nothing changed, if the import is not
        VALIDATING any more or one of them was changed.
        """
        check_transition(ImportStatus.VALIDATING, changes["status"])
        actions = self._actions(claim, requested)
        before = ImportStatus.VALIDATING.value
        done = self._table.update_together(IMPORT, import_id, attributes(changes), actions, status=before)
        if done:
            self._record(import_id, sealed_step(changes))
        return done

    def _actions(self, *stored: RowsClaim | RequestedRecord | None) -> list[Any]:
        return [each.action(self._table.name) for each in stored if each is not None]

    def history(
        self, limit: int, offset: int, since: int | None = None, before: int | None = None
    ) -> tuple[list[ImportJob], int]:
        """Imports of a period (Unix ms), newest first, from `offset`; and how many there are in all."""
        records, total = self._table.history(IMPORT, limit, offset, *_ids(since, before))
        return [import_job(record) for record in records], total

    def outlines(self, since: int | None, before: int | None) -> Iterator[ImportJob]:
        """Imports of a period (Unix ms), newest first, with OUTLINE only; read as they are taken."""
        names = tuple(map(attribute, OUTLINE))
        return map(import_job, self._table.some_of_all(IMPORT, names, *_ids(since, before)))

    def several(self, import_ids: Iterable[str]) -> list[ImportJob]:
        """The imports with these ids, newest first."""
        return [import_job(record) for record in self._table.records(IMPORT, import_ids)]

    def newest(self, since: int, limit: int) -> list[ImportJob]:
        """Imports that were created since a moment (Unix ms), newest first, at most `limit`."""
        return [import_job(record) for record in self._table.newest(IMPORT, ids.make_id(since, 0), limit)]

    def lease(self, import_id: str, owner: str, now: int, until: int) -> bool:
        """Take the end of an import for ourselves until a moment (Unix ms); False while somebody else has
        it."""
        return self._table.lease(IMPORT, import_id, owner, now, until)

    def end_lease(self, import_id: str, owner: str) -> None:
        """Release the end of an import."""
        self._table.update(IMPORT, import_id, {"leasedUntil": 0}, leaseOwner=owner)

    def _record(self, import_id: str, step: Step | None, actor: str | None = None) -> None:
        if step is not None:
            action, details = step
            self._audit_log.add(action, f"import/{import_id}", details, actor)

    def id_of_object(self, object_name: Iterable[str], import_id: str) -> str:
        """The id of the import of an uploaded object: `import_id`, unless an earlier call gave another one.

        `object_name` are texts that together name one version of one object, the same at every delivery
        of its event.
        """
        digest = hashed(object_name)
        if self._table.create(_OBJECT, digest, {"importId": import_id}):
            return import_id
        record = self._table.get(_OBJECT, digest)
        return record["importId"] if record else import_id


def _ids(since: int | None, before: int | None) -> tuple[str, str]:
    """The first and the last possible id of a period; blank where it is not bounded."""
    first = "" if since is None else ids.make_id(since, 0)
    return first, "" if before is None else ids.make_id(before - 1, 0xFFFFFFFF)
