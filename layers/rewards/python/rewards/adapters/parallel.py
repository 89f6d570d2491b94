"""Requests that are sent beside each other, a few at once.

The caller waits until all have their answer, so backoff, accounting and leases stay in its thread.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rewards.adapters.errors import UnknownOutcomeError

Batch = TypeVar("Batch")
Response = TypeVar("Response")

# One pool for each process. Its threads start when they are first needed.
_POOL = ThreadPoolExecutor(5)


def in_parallel(
    send: Callable[[Batch], Response],
    batches: Sequence[Batch],
    is_throttled: Callable[[Response], bool] = lambda _: False,
) -> list[Response | None]:
    """The responses to batches, in their order; None for one that was not sent.

    After a response that `is_throttled` no further batch is sent. Raises what `send` raised, once no request
    is under way any more: UnknownOutcomeError first, because a request may still have its effect.
    """
    throttled = False

    def send_unless_throttled(batch: Batch) -> Response | None:
        nonlocal throttled
        if throttled:
            return None
        response = send(batch)
        throttled = throttled or is_throttled(response)
        return response

    sent = [_POOL.submit(send_unless_throttled, batch) for batch in batches]
    errors = [error for each in sent if (error := each.exception()) is not None]
    if errors:
        raise next((error for error in errors if isinstance(error, UnknownOutcomeError)), errors[0])
    return [each.result() for each in sent]
