"""Waiting between tries, when a service throttles us or somebody else was faster."""

import random
import time
from collections.abc import Callable
from typing import Any

from rewards.adapters.errors import ThrottledError, translated
from rewards.domain.errors import RetryLaterError

# (delay in seconds) -> None; tests and the simulation put their own clock here.
Sleep = Callable[[float], None]


# Seconds that are kept to end the work in an orderly way.
_SPARE = 5.0


class OutOfTimeError(RetryLaterError):
    """The work cannot be ended in the time that is left; the message will be delivered again."""


class Backoff:
    """Full jitter, doubling from `base` to `cap` seconds, until `deadline` says that time is up.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    def __init__(
        self,
        time_left: Callable[[], float],
        base: float = 0.02,
        cap: float = 3.0,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._time_left = time_left
        self._base = base
        self._cap = cap
        self._sleep = sleep
        self._tries = 0

    @classmethod
    def for_seconds(cls, seconds: float) -> "Backoff":
        """One that stops after a while, for work without a deadline of its own."""
        end = time.monotonic() + seconds + _SPARE
        return cls(lambda: end - time.monotonic())

    def check(self) -> None:
        """Raise OutOfTimeError if there is no time for another step of the work."""
        if self._time_left() < _SPARE:
            raise OutOfTimeError

    def wait(self) -> None:
        """Wait before the next try. Raises OutOfTimeError when it could not be ended any more."""
        delay = random.uniform(0, min(self._cap, self._base * 2**self._tries))
        if self._time_left() < delay + _SPARE:
            raise OutOfTimeError
        self._tries += 1
        self._sleep(delay)


def patiently(operation: Callable[..., Any], backoff: Backoff | None, **request: Any) -> Any:
    """The response to a request, which is sent again while it is throttled and `backoff` allows."""
    while True:
        try:
            with translated():
                return operation(**request)
        except ThrottledError:
            if backoff is None:
                raise
            backoff.wait()
