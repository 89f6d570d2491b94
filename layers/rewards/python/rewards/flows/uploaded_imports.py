"""Uploaded object -> its one import: found or created, and ended where nothing can come of it."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from rewards.adapters.errors import UploadGoneError, UploadUnreadableError
from rewards.adapters.files import Files, Upload
from rewards.adapters.import_jobs import ImportJobs
from rewards.adapters.queues import Queues
from rewards.adapters.retry import Backoff
from rewards.domain import ids, object_keys
from rewards.domain.control_totals import Difference, read_expected
from rewards.domain.file_names import clean, is_left_behind
from rewards.domain.import_job import ImportFields, ImportJob, ImportStatus, new_import
from rewards.domain.job_error import JobError, JobFailure
from rewards.domain.messages import FinishImport, ReportMisplaced
from rewards.domain.outcomes import FileProblem
from rewards.flows.imports import UPLOADS
from rewards.flows.send_chunks import ChunkSender

logger = logging.getLogger(__name__)

# The requester of an upload whose event names no principal, and the longest one that is kept.
UNKNOWN_REQUESTER = "S3"
_MAX_REQUESTER = 100

# Why an import is aborted whose upload cannot be read.
UNREADABLE = {
    UploadGoneError: (
        FileProblem.UPLOAD_GONE,
        "The uploaded file was deleted before it was read. Nothing was imported.",
    ),
    UploadUnreadableError: (
        FileProblem.UPLOAD_UNREADABLE,
        "S3 denied access to the uploaded file, for example because of the KMS key that encrypts it. Nothing "
        "was imported.",
    ),
}


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What an S3 event says of an object; `time` in Unix milliseconds."""

    bucket: str
    key: str
    version_id: str | None
    time: int = 0
    size: int = 0
    etag: str = ""
    # Who put it there: `AWS:AIDA…` of a user, `AWS:AROA…:session` of a role.
    principal: str = ""

    @property
    def requester(self) -> str:
        """Who asks for the import: the principal, a role without its session name."""
        parts = self.principal.split(":")
        return ":".join(parts[: 2 if parts[0] == "AWS" else 1])[:_MAX_REQUESTER] or UNKNOWN_REQUESTER


def uploads_in(event: Mapping[str, Any]) -> Iterator[Uploaded]:
    """The objects that an S3 event names; keys come URL-encoded."""
    for record in event["Records"]:
        uploaded = record["s3"]["object"]
        time = record.get("eventTime")
        yield Uploaded(
            bucket=record["s3"]["bucket"]["name"],
            key=unquote_plus(uploaded["key"]),
            version_id=uploaded.get("versionId"),
            time=int(datetime.fromisoformat(time).timestamp() * 1000) if time else 0,
            size=uploaded.get("size", 0),
            etag=uploaded.get("eTag", ""),
            principal=record.get("userIdentity", {}).get("principalId", ""),
        )


class UploadedImports:
    """Finds, creates and ends the imports of uploaded objects. `now` gives Unix milliseconds."""

    def __init__(
        self,
        jobs: ImportJobs,
        files: Files,
        queues: Queues,
        sender: ChunkSender,
        finish_queue_url: str,
        now: Callable[[], int],
    ) -> None:
        self._jobs = jobs
        self._files = files
        self._queues = queues
        self._sender = sender
        self._finish_queue_url = finish_queue_url
        self._now = now

    def find(self, uploaded: Uploaded) -> ImportJob | None:
        """An upload's import, created if it does not exist; the same for every delivery of its event.

        None for an upload that is not to be imported; one outside the folders is reported.
        """
        file_name = object_keys.file_name_in(uploaded.key)
        if not file_name or is_left_behind(file_name):
            return None  # a folder made in the S3 console, or a file that programs leave behind
        folder = object_keys.upload_folder(uploaded.key)
        if folder is None:
            logger.warning("upload outside the folders: bucket %s, key %r", uploaded.bucket, uploaded.key)
            misplaced = ReportMisplaced(uploaded.bucket, uploaded.key, uploaded.version_id or "")
            self._queues.send(self._finish_queue_url, misplaced)
            return None
        try:
            upload = self._files.describe(uploaded.bucket, uploaded.key, uploaded.version_id)
        except (UploadGoneError, UploadUnreadableError) as error:
            return self._unreadable(uploaded, folder, *UNREADABLE[type(error)])
        of_form = self._import_of_form(upload)
        if of_form is not None and of_form.version_id == upload.version_id:
            return of_form
        if of_form is not None and _is_repeated(upload, of_form):
            return None
        job = self._with_totals(self._new(upload, folder, uploaded.requester), upload.metadata)
        if of_form is not None:
            job = self._rejected_by(of_form, job)
        # An import of version 0.1 may still be at work; its id held only the second of the upload.
        old_id = ids.id_of_object(upload.modified, upload.bucket, upload.key, upload.version_id)
        return self._jobs.get(old_id) or self._created(upload, job)

    def abort(
        self, import_id: str, code: FileProblem, message: str, differences: Sequence[Difference] = ()
    ) -> None:
        """End an import of which nothing was sent. One that is sealed already stays as it is."""
        changes: ImportFields = {
            "status": ImportStatus.ABORTED,
            "error": JobFailure(JobError(code), message, differences),
            "date_completed": self._now(),
        }
        self._jobs.update(import_id, changes, status=ImportStatus.VALIDATING)

    def continue_(self, job: ImportJob, backoff: Backoff) -> None:
        """Send the chunks of a sealed import, and ask to finish one that has none.

        Of one that awaits approval no chunk is sent; the message asks for the email to the approvers.
        """
        self._sender.run(job.id, backoff)
        job = self._jobs.get(job.id) or job
        if job.status is ImportStatus.ABORTED or job.awaits_approval or job.chunks == 0:
            # Otherwise whoever counts the last chunk asks.
            self._queues.send(self._finish_queue_url, FinishImport(job.id))

    def fail(self, uploaded: Uploaded, backoff: Backoff) -> None:
        """End an upload's import whose validation failed permanently; if it is sealed, send its chunks."""
        job = self.find(uploaded)
        if job is not None:
            problem = "The file could not be read after several attempts."
            self.abort(job.id, FileProblem.VALIDATION_FAILED, problem)
            self.continue_(job, backoff)

    def _created(self, upload: Upload, job: ImportJob) -> ImportJob:
        """The import of an upload; later deliveries of its event find the same.

        Its id holds the exact time of its creation: S3 reports only the second of an upload.
        """
        object_name = (upload.bucket, upload.key, upload.version_id)
        job = replace(job, id=self._jobs.id_of_object(object_name, job.id))
        return job if self._jobs.create(job) else self._jobs.get(job.id) or job

    def _unreadable(
        self, uploaded: Uploaded, folder: str, code: FileProblem, message: str
    ) -> ImportJob | None:
        """The import of an upload that cannot even be described, ended with the reason."""
        upload = Upload(
            bucket=uploaded.bucket,
            key=uploaded.key,
            version_id=uploaded.version_id or "",
            size=uploaded.size,
            modified=uploaded.time or self._now(),
            metadata={},
            etag=f'"{uploaded.etag}"' if uploaded.etag else "",
        )
        of_form = self._import_of_form(upload)
        if of_form is not None and of_form.version_id != upload.version_id:
            return None  # the form's file came earlier, and this one has no requester to notify
        job = of_form or self._created(upload, self._new(upload, folder, uploaded.requester))
        self.abort(job.id, code, message)
        return self._jobs.get(job.id) or job

    def _import_of_form(self, upload: Upload) -> ImportJob | None:
        """The import whose form an upload came by, or None. The first file that arrives there is its file."""
        import_id = object_keys.import_of_upload(upload.key)
        job = self._jobs.get(import_id) if import_id else None
        if job is None or (job.bucket, job.key) != (upload.bucket, upload.key):
            return None
        if job.status is ImportStatus.PENDING:
            # The version is pinned from here on.
            arrived: ImportFields = {
                "status": ImportStatus.VALIDATING,
                "bucket": upload.bucket,
                "key": upload.key,
                "version_id": upload.version_id,
                "etag": upload.etag,
                "size": upload.size,
                "date_progress": self._now(),
            }
            self._jobs.update(job.id, arrived, status=ImportStatus.PENDING)
            job = self._jobs.get(job.id) or job
        return job

    def _rejected_by(self, of_form: ImportJob, job: ImportJob) -> ImportJob:
        """The import of a second file by an import's form: a form takes one file only."""
        problem = (
            f"The form of import {of_form.id} has taken a file already. Nothing of this one "
            "was imported: order a new import for it."
        )
        return replace(
            job,
            name=of_form.name,
            requester=of_form.requester,
            requester_id=of_form.requester_id,
            mailto_email=of_form.mailto_email,
            sends_email=of_form.sends_email,
            status=ImportStatus.ABORTED,
            error=JobFailure(JobError.FORM_USED, problem),
            date_completed=self._now(),
        )

    def _with_totals(self, job: ImportJob, metadata: Mapping[str, str]) -> ImportJob:
        """The import with the control totals in the metadata; ended if they cannot be read, never without."""
        if "expected" not in metadata:
            return job
        try:
            return replace(job, expected=read_expected(metadata["expected"]))
        except ValueError as error:
            return replace(
                job,
                status=ImportStatus.ABORTED,
                error=JobFailure(JobError.TOTALS_MISMATCH, str(error)),
                date_completed=self._now(),
            )

    def _new(self, upload: Upload, folder: str, requester: str) -> ImportJob:
        """The import of an upload as it begins."""
        import_type, dry_run = UPLOADS[folder]
        file_name = object_keys.file_name_in(upload.key)
        with suppress(ValueError):
            file_name = clean(file_name)
        name, now = upload.metadata.get("name", ""), self._now()
        return replace(
            new_import(ids.new_id(now), import_type, dry_run, name, file_name, now),
            status=ImportStatus.VALIDATING,
            requester=requester,
            requester_id=requester,
            mailto_email=upload.metadata.get("email") or None,
            named_email=upload.metadata.get("email") or None,
            allow_duplicate=upload.metadata.get("allow-duplicate", "").strip().lower() == "true",
            encoding=upload.metadata.get("encoding") or None,
            separator=upload.metadata.get("separator") or None,
            bucket=upload.bucket,
            key=upload.key,
            version_id=upload.version_id,
            etag=upload.etag,
            size=upload.size,
        )


def _is_repeated(upload: Upload, of_form: ImportJob) -> bool:
    """Whether an upload repeats what its import has accepted, or comes after the import was cancelled."""
    same_bytes = (of_form.etag, of_form.size) == (upload.etag, upload.size)
    never_arrived = of_form.status is ImportStatus.CANCELLED and not of_form.etag
    return never_arrived or (same_bytes and of_form.status is not ImportStatus.ABORTED)
