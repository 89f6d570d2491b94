"""Sealed import -> its chunks on the queue, from the files that validation stored."""

from collections.abc import Callable

from rewards.adapters.chunk_records import ChunkRecords
from rewards.adapters.errors import ThrottledError
from rewards.adapters.files import Files
from rewards.adapters.import_jobs import ImportJobs
from rewards.adapters.queue_messages import chunk_number, encode, reversal_messages
from rewards.adapters.queues import Queues
from rewards.adapters.retry import Backoff, OutOfTimeError
from rewards.adapters.sealed import Sealed
from rewards.domain.import_job import ImportFields, ImportJob, Seal
from rewards.domain.messages import SendChunks


class ChunkSender:
    """Sends the chunks of imports that are not counted. `now` gives Unix milliseconds."""

    def __init__(
        self,
        jobs: ImportJobs,
        chunks: ChunkRecords,
        files: Files,
        queues: Queues,
        redemption_queue_url: str,
        finish_queue_url: str,
        now: Callable[[], int],
    ) -> None:
        self._jobs = jobs
        self._chunks = chunks
        self._files = files
        self._queues = queues
        self._redemption_queue_url = redemption_queue_url
        self._finish_queue_url = finish_queue_url
        self._now = now

    def run(self, import_id: str, backoff: Backoff) -> None:
        """Send what is not sent of an import, from the stored position; any other import is skipped.

        Running it again is harmless: a chunk that arrives twice is processed once. When the time is up, a
        message asks for the rest. If the import is resumed meanwhile, this run stops, because another one
        begins anew. Raises SealBrokenError.
        """
        job = self._jobs.get(import_id)
        if job is None or not job.has_unsent_chunks:
            return
        # Of a new import nothing is counted when it is sent.
        counted = self._chunks.counted(import_id) if job.chunks_done else frozenset[int]()
        try:
            is_whole = self._send(job, counted, backoff)
        except (OutOfTimeError, ThrottledError):
            self._queues.send(self._finish_queue_url, SendChunks(import_id))
            return
        if is_whole:
            self._update(job, {"sent": True})

    def _send(self, job: ImportJob, counted: frozenset[int], backoff: Backoff) -> bool:
        """Send the chunks that are not counted; False if the import was resumed meanwhile."""
        if job.seal is not None:
            return self._send_stored(job, job.seal, counted, backoff)
        if job.reverses is not None:
            # They name chunks of the other import. Of many chunks, a message may name some that are counted.
            messages = reversal_messages(job.id, job.reverses, job.chunks)
            bodies = [encode(each) for each in messages if not counted.issuperset(each.numbers)]
            self._queues.send_all(self._redemption_queue_url, bodies, backoff)
        return True

    def _send_stored(self, job: ImportJob, seal: Seal, counted: frozenset[int], backoff: Backoff) -> bool:
        sealed = Sealed(self._files, job.id, seal)
        for number in range(job.sent_files + 1, sealed.chunk_files + 1):
            backoff.check()
            bodies = [body for body in sealed.chunks(number) if chunk_number(body) not in counted]
            self._queues.send_all(self._redemption_queue_url, bodies, backoff)
            if not self._update(job, {"sent_files": number, "date_progress": self._now()}):
                return False
        return True

    def _update(self, job: ImportJob, changes: ImportFields) -> bool:
        """Store the position; False, and nothing changed, if the import was resumed meanwhile."""
        return self._jobs.update(job.id, changes, date_resumed=job.date_resumed)
