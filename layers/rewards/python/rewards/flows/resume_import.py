"""Continuing an import whose messages are lost: they are sent again, and what is done already stays done.

Messages are lost if a queue is purged or deleted, if a table is restored, or after 14 days as a dead letter.
The record says what is left to do (`ImportJob.next_step`).
"""

from collections.abc import Callable

from rewards.adapters.import_jobs import ImportJobs
from rewards.adapters.queues import Queues
from rewards.adapters.validate_function import ValidateFunction
from rewards.domain.import_job import ImportFields, ImportJob, Step
from rewards.domain.messages import FinishImport, SendChunks


class ImportResumer:
    """Resumes imports. `now` gives Unix milliseconds."""

    def __init__(
        self,
        jobs: ImportJobs,
        queues: Queues,
        validate_function: ValidateFunction,
        finish_queue_url: str,
        now: Callable[[], int],
    ) -> None:
        self._jobs = jobs
        self._queues = queues
        self._validate_function = validate_function
        self._finish_queue_url = finish_queue_url
        self._now = now

    def run(self, job: ImportJob, resumes: int = 0, requester: str | None = None) -> bool:
        """Continue an import that has a next step or awaits its email; False if it is not as `job` any more.

        Harmless if nothing was lost, because leases and counts make repeated messages harmless. `resumes` is
        how often the sweep has resumed it since it was last resumed by hand. `requester` is recorded if it
        is given. Raises ThrottledError.
        """
        step = job.next_step
        changes: ImportFields = {"date_resumed": self._now(), "resumes": resumes}
        if requester is not None:
            changes["resumed_by"] = requester
        if step is Step.SEND_CHUNKS:
            changes |= {"sent": False, "sent_files": 0}
        if not self._jobs.update(
            job.id,
            changes,
            status=job.status,
            date_completed=job.date_completed,
            date_resumed=job.date_resumed,
        ):
            return False
        match step:
            case Step.VALIDATE:
                self._validate_function.start(job.bucket, job.key, job.version_id)
            case Step.SEND_CHUNKS:
                self._queues.send(self._finish_queue_url, SendChunks(job.id))
            case _:
                self._queues.send(self._finish_queue_url, FinishImport(job.id))
        return True
