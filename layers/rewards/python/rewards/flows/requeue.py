"""Messages that come too early: a copy replaces them in the queue and is delivered a while later.

SQS moves a message that failed five times to the dead-letter queue, and the rows of such a chunk are not
processed. But a busy table, another worker's lease, or an account without concurrency for a worker is no
fault of the message. What was done by then stays done. A crash between the two steps leaves two copies,
which leases and counts make harmless.

AWS's limit on functions that send messages to their own queue is off (`RecursiveLoop`); PATIENCE is ours.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rewards.adapters import metrics
from rewards.adapters.errors import ThrottledError
from rewards.adapters.import_jobs import ImportJobs
from rewards.adapters.metrics import Metric
from rewards.adapters.queues import Queues
from rewards.domain import ids
from rewards.domain.errors import RetryLaterError
from rewards.domain.messages import ImportMessage

logger = logging.getLogger(__name__)

# Seconds until the copy is delivered. A lease is free after three of them, a table has had time to recover.
LATER = 60

# Nothing is requeued for longer (milliseconds since the import was made or resumed): then it fails like
# anything else.
PATIENCE = 7 * 86_400_000

# Errors that are not the fault of the message.
TOO_EARLY = (RetryLaterError, ThrottledError)


class Requeuer:
    """Requeues messages of one queue. `now` gives Unix milliseconds."""

    def __init__(self, queues: Queues, queue_url: str, jobs: ImportJobs, now: Callable[[], int]) -> None:
        self._jobs = jobs
        self._queues = queues
        self._queue_url = queue_url
        self._now = now

    @contextmanager
    def if_too_early(self, message: ImportMessage, body: str) -> Iterator[None]:
        """Requeue the `body` of an import's message if the work on it ends for want of a lease, or of time.

        What is raised after all is a failure of the message itself.
        """
        try:
            yield
        except TOO_EARLY as error:
            if not self.requeue(message.import_id, body, type(error).__name__):
                raise

    def requeue(self, import_id: str, body: str, reason: str) -> bool:
        """Send the `body` of an import's message again, and log why; False if the import is too old."""
        if self._is_too_old(import_id):
            return False
        self._queues.send_later(self._queue_url, body, LATER)
        metrics.record(Metric.REQUEUES)
        logger.warning("requeued", extra={"import_id": import_id, "reason": reason})
        return True

    def _is_too_old(self, import_id: str) -> bool:
        oldest = self._now() - PATIENCE
        if ids.time_of(import_id) >= oldest:
            return False
        job = self._jobs.get(import_id)
        return job is None or job.last_resumed < oldest
