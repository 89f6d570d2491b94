"""Creating, starting, cancelling and resuming imports.

Every step (`import_job.TRANSITIONS`) is an update on condition of the status before it, so of two that step
at once one wins and the other looks again. An import is sealed, its rows known and checked, when it becomes
PROCESSING; before that not one of its rows has left.
"""

from collections.abc import Callable
from dataclasses import replace

from rewards.adapters.chunk_records import ChunkRecords
from rewards.adapters.errors import UploadGoneError
from rewards.adapters.import_jobs import ImportJobs
from rewards.adapters.queues import Queues
from rewards.adapters.retry import Backoff, OutOfTimeError
from rewards.adapters.upload_bucket import UploadBucket, UploadForm
from rewards.domain import ids, object_keys
from rewards.domain.control_totals import ExpectedTotals
from rewards.domain.errors import RejectedError, RetryLaterError
from rewards.domain.file_names import format_of
from rewards.domain.import_filter import ALL_IMPORTS, ImportFilter, ImportList
from rewards.domain.import_job import (
    FORM_SECONDS,
    ImportFields,
    ImportJob,
    ImportStatus,
    ImportType,
    new_import,
)
from rewards.domain.messages import FinishImport
from rewards.flows.resume_import import ImportResumer
from rewards.flows.revoke_links import revoke_links

# Where an upload lands says what it is: (import type, dry run).
UPLOADS = {
    object_keys.REDEMPTIONS: (ImportType.REDEMPTIONS, False),
    object_keys.PREVIEW: (ImportType.REDEMPTIONS, True),
    object_keys.REWARDS: (ImportType.REWARDS, False),
}

# A CSV or JSON Lines file that is copied into the bucket; S3 takes no form with more than 5 GB.
MAX_FILE_BYTES = 20 * 10**9
MAX_FORM_BYTES = 5 * 10**9
# A full report that any program saved comes back: 300 MiB at most, measured with ids of 36 characters.
MAX_WORKBOOK_BYTES = 512 << 20

# So many records one search of the history reads: a read unit for each 4 KB, and some seconds.
MAX_SEARCHED = 10_000

_WAITS = {
    ImportStatus.PENDING: "waits for its file",
    ImportStatus.AWAITING_APPROVAL: "awaits approval",
}

# So long a cancellation waits for workers to let go of what they have in hand.
_CANCEL_SECONDS = 20


class ImportStateError(RejectedError):
    """The import is not in a state in which this can be done; `code` is the machine's word."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class StillWorkingError(RetryLaterError):
    """The import is cancelled, but a worker may still be finishing what it had begun."""


def max_bytes(file_name: str) -> int:
    """How large an upload of this name may be."""
    return MAX_WORKBOOK_BYTES if file_name.lower().endswith(".xlsx") else MAX_FILE_BYTES


class Imports:
    """Creates, starts, cancels and resumes imports. `now` gives Unix milliseconds."""

    def __init__(
        self,
        jobs: ImportJobs,
        chunks: ChunkRecords,
        uploads: UploadBucket,
        queues: Queues,
        resumer: ImportResumer,
        finish_queue_url: str,
        now: Callable[[], int],
    ) -> None:
        self._jobs = jobs
        self._chunks = chunks
        self._uploads = uploads
        self._queues = queues
        self._resumer = resumer
        self._finish_queue_url = finish_queue_url
        self._now = now

    def get(self, import_id: str) -> ImportJob | None:
        """An import with its status as of now, or None."""
        job = self._jobs.get(import_id) if ids.is_id(import_id) else None
        return job.as_at(self._now()) if job else None

    def history(self, limit: int, offset: int, wanted: ImportFilter = ALL_IMPORTS) -> ImportList:
        """Imports, newest first, and how many there are in all.

        The ids decide about a period. For everything else the records are read, MAX_SEARCHED at most.
        """
        now = self._now()
        if not wanted.reads_records:
            jobs, total = self._jobs.history(limit, offset, wanted.since, wanted.before)
            return ImportList([job.as_at(now) for job in jobs], total)
        found: list[str] = []
        total, searched_since = 0, None
        for searched, outline in enumerate(self._jobs.outlines(wanted.since, wanted.before)):
            if searched == MAX_SEARCHED:
                # A further search up to this moment misses none that was created in the same millisecond.
                searched_since = ids.time_of(outline.id) + 1
                break
            if wanted.fits(outline.as_at(now)):
                if offset <= total < offset + limit:
                    found.append(outline.id)
                total += 1
        jobs = [job.as_at(now) for job in self._jobs.several(found)]
        return ImportList(jobs, total, searched_since)

    def create(
        self,
        import_type: ImportType,
        file_name: str,
        name: str,
        dry_run: bool,
        requester: str,
        email: str | None,
        allow_duplicate: bool = False,
        encoding: str | None = None,
        separator: str | None = None,
        expected: ExpectedTotals | None = None,
        sends_email: bool = True,
        requester_id: str | None = None,
    ) -> tuple[ImportJob, UploadForm]:
        """A new import that waits for its file, and the form to upload that with.

        `file_name` is clean; `encoding` (a plain name) and `separator` are None where they are to be
        found in the file. `sends_email` is False for a dry run that is watched in the console. Raises
        ValueError if the file's format is not accepted.
        """
        format_of(file_name, import_type is ImportType.REWARDS)
        now = self._now()
        job = replace(
            new_import(ids.new_id(now), import_type, dry_run, name, file_name, now),
            requester=requester,
            requester_id=requester_id,
            mailto_email=email,
            allow_duplicate=allow_duplicate,
            encoding=encoding,
            separator=separator,
            expected=expected,
            sends_email=sends_email,
        )
        job = self._store(job)
        return job, self._uploads.form(job.key, min(max_bytes(file_name), MAX_FORM_BYTES), FORM_SECONDS)

    def start(
        self, import_id: str, requester: str, email: str | None, requester_id: str | None = None
    ) -> ImportJob | None:
        """Run for real what was uploaded as a dry run; the new import, or None without such a dry run.

        A dry run starts one import, unless that one ended ABORTED, or CANCELLED without a redeemed row:
        a repeated request returns the same import. Raises ImportStateError and UploadGoneError.
        """
        dry_run = self.get(import_id)
        if dry_run is None:
            return None
        if not dry_run.dry_run:
            raise ImportStateError("NOT_A_DRY_RUN", "This import is not a dry run, so it cannot be started.")
        if dry_run.status is not ImportStatus.COMPLETED:
            raise ImportStateError(
                f"IMPORT_{dry_run.status}",
                f"The dry run is {dry_run.status}. Only one that is COMPLETED can be started.",
            )
        job = self._started_from(dry_run, requester, email, requester_id)
        if job.status is ImportStatus.PENDING:  # new, or an earlier try got no further
            self._uploads.copy(dry_run.key, dry_run.version_id, job.key)
        return job

    def cancel(self, import_id: str, requester: str | None = None) -> ImportJob | None:
        """Redeem nothing more of an import; the import, or None if there is none.

        `requester` is recorded with the import, if it is given.

        When this returns, no worker has a row of it in hand. An import that is cancelled again before it has
        ended is resumed: its messages may be lost. Raises ImportStateError if it has ended otherwise, and
        StillWorkingError if a worker did not let go in time.
        """
        before = self.get(import_id)
        job = self._set_cancelled(before, requester)
        if before is None or job is None:
            return None
        if (job.is_cancelled_unread or job.is_cancelled_waiting) and job.version_id and not job.date_mailed:
            self._queues.send(self._finish_queue_url, FinishImport(import_id))
        # A worker takes the lease of its chunk before it looks at the status: one whose lease we do not
        # see now, and who is still to write, has to see that the import is cancelled.
        backoff = Backoff.for_seconds(_CANCEL_SECONDS)
        working = self._chunks.live_leases(import_id, self._now())
        while working:
            try:
                backoff.wait()
            except OutOfTimeError as error:
                raise StillWorkingError(import_id) from error
            working &= self._chunks.live_leases(import_id, self._now())
        job = self.get(import_id)
        if before.status is ImportStatus.CANCELLED and job is not None and job.next_step is not None:
            self._resumer.run(job)
        return job

    def resume(self, import_id: str, requester: str | None = None) -> ImportJob | None:
        """Continue an import whose messages may be lost; the import, or None if there is none.

        `requester` is recorded with the import, if it is given. Harmless if nothing was lost.
        Raises ImportStateError if it waits for its file or for an approver, has ended, or is one of version
        0.1 whose chunks were not stored.
        """
        while True:
            job = self.get(import_id)
            if job is None:
                return None
            if not job.is_under_way:
                reason = _WAITS.get(job.status, "has ended")
                raise ImportStateError(
                    f"IMPORT_{job.status}", f"The import {reason}, so there is nothing to resume."
                )
            if job.next_step is None:
                raise ImportStateError(
                    "NOT_RESUMABLE",
                    "Version 0.1 did not store what it sent, so the remaining rows cannot be sent again.",
                )
            if self._resumer.run(job, requester=requester):
                return self.get(import_id)

    def revoke_links(self, import_id: str, requester: str | None = None) -> ImportJob | None:
        """Revoke all links that were sent before; the import, or None if there is none.

        `requester` is recorded with the import, if it is given.
        """
        return revoke_links(lambda: self.get(import_id), self._jobs, self._now, requester)

    def _set_cancelled(self, job: ImportJob | None, requester: str | None) -> ImportJob | None:
        """The import once it is cancelled; it is read again if something else happened to it meanwhile."""
        while job is not None and job.status is not ImportStatus.CANCELLED:
            if job.is_complete:
                raise ImportStateError(
                    "IMPORT_PROCESSED", "Every row is processed, so the import cannot be cancelled."
                )
            if not job.can_cancel:
                raise ImportStateError(
                    f"IMPORT_{job.status}", f"The import is {job.status}: it cannot be cancelled."
                )
            # Of a sealed import whose chunks are sent, whoever counts the last chunk asks for its end.
            completed = None if job.is_sealed and not job.awaits_approval else self._now()
            changes: ImportFields = {"status": ImportStatus.CANCELLED, "cancelled_by": requester}
            if completed is not None:
                changes["date_completed"] = completed
            if self._jobs.update(job.id, changes, status=job.status):
                return replace(job, status=ImportStatus.CANCELLED, date_completed=completed)
            job = self.get(job.id)
        return job

    def _started_from(
        self, dry_run: ImportJob, requester: str, email: str | None, requester_id: str | None
    ) -> ImportJob:
        """The one import that a dry run starts, made if it is not there yet."""
        now = self._now()
        import_id = self._id_to_start(dry_run, now)
        job = replace(
            new_import(import_id, dry_run.type, False, dry_run.name, dry_run.file_name, now),
            requester=requester,
            requester_id=requester_id,
            mailto_email=email or dry_run.mailto_email,
            started_from=dry_run.id,
            allow_duplicate=dry_run.allow_duplicate,
            expected=dry_run.expected,
        )
        if dry_run.encoding_detected is not None:  # it is read as its preview was
            job = replace(
                job,
                encoding=dry_run.encoding,
                encoding_line=dry_run.encoding_line,
                encoding_detected=dry_run.encoding_detected,
                separator=dry_run.separator,
            )
        return self._store(job)

    def _id_to_start(self, dry_run: ImportJob, now: int) -> str:
        """The id of the one import that a dry run starts; another one after one without effect."""
        earlier_id = dry_run.started_as
        earlier = self.get(earlier_id) if earlier_id else None
        if earlier_id is not None and (earlier is None or not earlier.ended_without_effect):
            return earlier_id
        if not self._uploads.exists(dry_run.key, dry_run.version_id):
            raise UploadGoneError(dry_run.id)
        fresh = ids.new_id(now)
        self._jobs.update(dry_run.id, {"started_as": fresh}, started_as=earlier_id)
        stored = self._jobs.get(dry_run.id)
        return stored.started_as if stored is not None and stored.started_as is not None else fresh

    def _store(self, job: ImportJob) -> ImportJob:
        """Keep an import and where its upload has to land; the one that is there already, if one is."""
        folder = next(each for each, means in UPLOADS.items() if means == (job.type, job.dry_run))
        key = object_keys.upload_key(folder, job.id, job.file_name)
        job = replace(job, bucket=self._uploads.bucket, key=key)
        if self._jobs.create(job):
            return job
        return self._jobs.get(job.id) or job
