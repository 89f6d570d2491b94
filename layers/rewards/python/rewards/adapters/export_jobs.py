"""Exports in the table `Jobs`. Each step of an export gets an entry in the audit log."""

from typing import Unpack

from rewards.adapters.audit_log import AuditLog
from rewards.adapters.job_items import attributes, export_job, export_record
from rewards.adapters.jobs_table import EXPORT, JobsTable
from rewards.domain import ids
from rewards.domain.audit import export_step
from rewards.domain.export_job import ExportFields, ExportJob, check_transition


class ExportJobs:
    """Reads and writes exports. A status is written only if it can follow the status before it."""

    def __init__(self, table: JobsTable, audit_log: AuditLog) -> None:
        self._table = table
        self._audit_log = audit_log

    def get(self, export_id: str) -> ExportJob | None:
        """An export as it is stored now (strongly consistent), or None."""
        record = self._table.get(EXPORT, export_id)
        return export_job({**record, "id": export_id}) if record else None

    def create(self, job: ExportJob) -> bool:
        """Store a new export; False, and nothing changed, if it is there already."""
        return self._table.create(EXPORT, job.id, export_record(job))

    def update(self, export_id: str, changes: ExportFields, **expected: Unpack[ExportFields]) -> bool:
        """Set fields of an export; False, and nothing changed, if it is not as `expected`.

        `expected` are fields' values now, None also where there is none. Raises ImpossibleTransitionError for
        a status that cannot follow the expected one.
        """
        if "status" in changes:
            check_transition(expected.get("status"), changes["status"])
        updated = self._table.update(EXPORT, export_id, attributes(changes), **attributes(expected))
        step = export_step(changes) if updated else None
        if step is not None:
            action, details = step
            self._audit_log.add(action, f"export/{export_id}", details)
        return updated

    def history(self, limit: int, offset: int) -> tuple[list[ExportJob], int]:
        """Exports, newest first, from `offset`; and how many there are in all."""
        records, total = self._table.history(EXPORT, limit, offset)
        return [export_job(record) for record in records], total

    def newest(self, since: int, limit: int) -> list[ExportJob]:
        """Exports that were requested since a moment (Unix ms), newest first, at most `limit`."""
        return [export_job(record) for record in self._table.newest(EXPORT, ids.make_id(since, 0), limit)]

    def lease(self, export_id: str, owner: str, now: int, until: int) -> bool:
        """Take an export for ourselves until a moment (Unix ms); False while somebody else has it."""
        return self._table.lease(EXPORT, export_id, owner, now, until)
