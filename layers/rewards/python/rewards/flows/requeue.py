"""Messages that come too early: a copy replaces them in the queue and is delivered a while later.

SQS moves a message that failed five times to the dead-letter queue, and the rows of such a chunk are not
processed. But a busy table, or another worker's lease, is no fault of the message. What was done by then
stays done. A crash between the two steps leaves two copies, which leases and counts make harmless.
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
        except (RetryLaterError, ThrottledError) as error:
            if self._is_too_old(message.import_id):
                raise
            self._queues.send_later(self._queue_url, body, LATER)
            metrics.record(Metric.REQUEUES)
            what = {"import_id": message.import_id, "reason": type(error).__name__}
            logger.warning("requeued", extra=what)

    def _is_too_old(self, import_id: str) -> bool:
        oldest = self._now() - PATIENCE
        if ids.time_of(import_id) >= oldest:
            return False
        job = self._jobs.get(import_id)
        return job is None or job.last_resumed < oldest
