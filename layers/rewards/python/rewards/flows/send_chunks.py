"""Sealed import -> its chunks on the queue, from the files that validation stored."""

from rewards.adapters.errors import ThrottledError
from rewards.adapters.files import Files
from rewards.adapters.jobs import IMPORT, Jobs, Record
from rewards.adapters.queues import Queues
from rewards.adapters.retry import Backoff, OutOfTimeError
from rewards.adapters.sealed import Sealed
from rewards.domain.messages import send_chunks
from rewards.flows.imports import is_sealed


class ChunkSender:
    """Sends the stored chunks of imports."""

    def __init__(
        self, jobs: Jobs, files: Files, queues: Queues, redemption_queue_url: str, finish_queue_url: str
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
        record = self._jobs.get(IMPORT, import_id)
        if record is None or not has_unsent_chunks(record):
            return
        sealed = Sealed(self._files, import_id, record["seal"])
        try:
            for number in range(record["sentFiles"] + 1, sealed.chunk_files + 1):
                backoff.check()
                self._queues.send_all(self._redemption_queue_url, sealed.chunks(number), backoff)
                self._jobs.update(IMPORT, import_id, {"sentFiles": number})
        except (OutOfTimeError, ThrottledError):
            self._queues.send(self._finish_queue_url, send_chunks(import_id))
            return
        self._jobs.update(IMPORT, import_id, {"sent": True})


def has_unsent_chunks(record: Record) -> bool:
    """Whether chunks are to be sent. A sealed import that is cancelled needs them, too."""
    return (
        record["status"] in ("PROCESSING", "CANCELLED")
        and is_sealed(record)
        and not record["sent"]
        and record.get("seal") is not None  # imports of version 0.1 stored no chunks
    )
