"""Revoking the download links that were sent about an import or an export."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from rewards.adapters.export_jobs import ExportJobs
from rewards.adapters.import_jobs import ImportJobs
from rewards.domain.export_job import ExportJob
from rewards.domain.import_job import ImportJob

_Job = TypeVar("_Job", ImportJob, ExportJob)


def revoke_links(
    get: Callable[[], _Job | None],
    jobs: ImportJobs | ExportJobs,
    now: Callable[[], int],
    requester: str | None,
) -> _Job | None:
    """Revoke all links that were sent before; the job that `get` reads from `jobs`, or None if there is none.

    A link stores this date as it was when the link was created, so a new date revokes all earlier links.
    `requester` is recorded with the job.
    """
    while (job := get()) is not None:
        before = job.date_links_revoked
        revoked = max(now(), (before or 0) + 1)
        if jobs.update(
            job.id,
            {"date_links_revoked": revoked, "links_revoked_by": requester},
            date_links_revoked=before,
        ):
            return replace(job, date_links_revoked=revoked, links_revoked_by=requester)
    return None
