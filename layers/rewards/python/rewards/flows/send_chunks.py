"""Sealed import -> its chunks on the queue, from the files that validation stored."""

from rewards.adapters.errors import ThrottledError
from rewards.adapters.files import Files
from rewards.adapters.import_jobs import ImportJobs
from rewards.adapters.queues import Queues
from rewards.adapters.retry import Backoff, OutOfTimeError
from rewards.adapters.sealed import Sealed
from rewards.domain.messages import SendChunks


class ChunkSender:
    """Sends the stored chunks of imports."""

    def __init__(
        self, jobs: ImportJobs, files: Files, queues: Queues, redemption_queue_url: str, finish_queue_url: str
    ) -> None:
        self._jobs = jobs
        self._files = files
        self._queues = queues
        self._redemption_queue_url = redemption_queue_url
        self._finish_queue_url = finish_queue_url

    def run(self, import_id: str, backoff: Backoff) -> None:
        """Send what is not sent of an import, from the stored position; any other import is skipped.

        Running it again is harmless: a chunk that arrives twice is processed once. When the time is up, a
        message asks for the rest. Raises SealBrokenError.
        """
        job = self._jobs.get(import_id)
        if job is None or job.unsent is None:
            return
        sealed = Sealed(self._files, import_id, job.unsent)
        try:
            for number in range(job.sent_files + 1, sealed.chunk_files + 1):
                backoff.check()
                self._queues.send_all(self._redemption_queue_url, sealed.chunks(number), backoff)
                self._jobs.update(import_id, {"sent_files": number})
        except (OutOfTimeError, ThrottledError):
            self._queues.send(self._finish_queue_url, SendChunks(import_id))
            return
        self._jobs.update(import_id, {"sent": True})
