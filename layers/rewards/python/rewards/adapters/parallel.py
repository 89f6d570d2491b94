"""Requests that are sent beside each other, a few at once.

Backoff, accounting and leases stay in the caller's thread.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from rewards.adapters.errors import UnknownOutcomeError

Batch = TypeVar("Batch")
Response = TypeVar("Response")

# One pool of each kind for a process. Their threads start when they are first needed.
_POOL = ThreadPoolExecutor(5)
_READERS = ThreadPoolExecutor(16)
_AHEAD = 24
_BACKGROUND = 4


def in_parallel(
    send: Callable[[Batch], Response],
    batches: Sequence[Batch],
    stops: Callable[[Response], bool] = lambda _: False,
) -> list[Response | None]:
    """The responses to batches, in their order; None for one that was not sent. All have ended on return.

    After a response that `stops` no further batch is sent. Raises what `send` raised, once no request
    is under way any more: UnknownOutcomeError first, because a request may still have its effect.
    """
    stopped = False

    def send_unless_stopped(batch: Batch) -> Response | None:
        nonlocal stopped
        if stopped:
            return None
        response = send(batch)
        stopped = stopped or stops(response)
        return response

    sent = [_POOL.submit(send_unless_stopped, batch) for batch in batches]
    errors = [error for each in sent if (error := each.exception()) is not None]
    if errors:
        raise next((error for error in errors if isinstance(error, UnknownOutcomeError)), errors[0])
    return [each.result() for each in sent]


def read_ahead(read: Callable[[Batch], Response], keys: Iterable[Batch]) -> Iterator[Response]:
    """Yield what `read` returns of each key, in their order, while the next ones are read already.

    Raises what `read` raised when its turn has come.
    """
    waiting: deque[Future[Response]] = deque()
    try:
        for key in keys:
            waiting.append(_READERS.submit(read, key))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for each in waiting:
            each.cancel()


class Background:
    """Sends requests beside the caller's work, a few at once."""

    def __init__(self) -> None:
        self._sent: deque[Future[object]] = deque()

    def send(self, request: Callable[..., object], *arguments: object) -> None:
        """Send a request; raises what an earlier one raised."""
        if len(self._sent) >= _BACKGROUND:
            self._sent.popleft().result()
        self._sent.append(_READERS.submit(request, *arguments))

    def wait(self) -> None:
        """Wait until all have ended. Raises what one of them raised, once no other is under way."""
        errors = []
        while self._sent:
            errors.append(self._sent.popleft().exception())
        for error in errors:
            if error is not None:
                raise error
