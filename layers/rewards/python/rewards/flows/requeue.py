"""Messages that come too early: a copy takes their place in the queue, to be delivered a while later.

SQS buries a message that failed five times, and the rows of a buried chunk are not processed. But a table
that is too busy, or somebody else who has the lease, says nothing against the message. What was done by then
stays done. Who dies between the two steps leaves two copies, which leases and counts make harmless.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rewards.adapters.errors import LeaseTakenError, ThrottledError
from rewards.adapters.queues import Queues
from rewards.adapters.retry import OutOfTimeError
from rewards.domain import ids
from rewards.domain.messages import read_message

# Seconds until the copy is delivered. A lease is free after three of them, a table has had time to recover.
LATER = 60

# Nothing is put back for longer (milliseconds since the import was made): then it fails like anything else.
PATIENCE = 7 * 86_400_000


class Requeuer:
    """Puts messages of one queue back. `now` gives Unix milliseconds."""

    def __init__(self, queues: Queues, queue_url: str, now: Callable[[], int]) -> None:
        self._queues = queues
        self._queue_url = queue_url
        self._now = now

    @contextmanager
    def if_too_early(self, body: str) -> Iterator[None]:
        """Put an import's message back if the work on it ends for want of a lease, or of time.

        What is raised after all is a failure of the message itself.
        """
        try:
            yield
        except (LeaseTakenError, OutOfTimeError, ThrottledError):
            if self._now() > ids.time_of(read_message(body)["importId"]) + PATIENCE:
                raise
            self._queues.send_later(self._queue_url, body, LATER)
