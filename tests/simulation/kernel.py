"""Simulated time, and processes that take turns: one heap of events, one thread, one seed.

A process is a greenlet. It runs until it waits (for time, or for the answer of a service); then
the earliest event of the heap is next. Whatever is random is drawn from one generator, so a seed
stands for one history of the world.
"""

import contextlib
import heapq
import itertools
import zlib
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, NoReturn

from greenlet import getcurrent, greenlet

START = 1_795_219_200_000  # 2026-11-21T00:00:00Z
SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_TRACED = 400


class KilledError(BaseException):
    """The process is dead. No `except Exception` may stop it, and nothing that it still does counts."""


class ProblemError(BaseException):
    """Something is wrong; the product cannot catch it."""


class Process:
    """One run of some code; `work` gets nothing and returns nothing."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.name = name
        self.dead = False
        self.greenlet = greenlet(partial(_to_the_end, work))
        # When this process last read an item: (table, key) -> (time, the item).
        self.read: dict[Any, tuple[int, Any]] = {}


def _to_the_end(work: Callable[[], None]) -> None:
    with contextlib.suppress(KilledError):
        work()


class Kernel:
    """The clock, the events that are due, and who is running. Times are Unix milliseconds."""

    def __init__(self, seed: int) -> None:
        # What people do does not depend on how many calls the product makes for it.
        self.random, self.people = Random(seed), Random(f"people of {seed}")
        self.now = START
        self.steps = 0
        self.count: Counter[str] = Counter()
        self.trace: deque[str] = deque(maxlen=_TRACED)
        self.fingerprint = 0
        self.problem: str | None = None
        # What the process had read whose request has its effect now, be it as late as it may.
        self.acting: dict[Any, tuple[int, Any]] = {}
        self._main = getcurrent()
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._running: dict[Any, Process] = {}

    # --- Events ---

    def at(self, moment: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (max(moment, self.now), next(self._order), action))

    def after(self, milliseconds: int, action: Callable[[], None]) -> None:
        self.at(self.now + milliseconds, action)

    def run(self, until: Callable[[], bool], limit: int) -> None:
        """Let events happen until there is none, or `until` says so; at most `limit` of them."""
        end = self.steps + limit
        while self._events and not until():
            if self.steps >= end:
                self.wrong(f"the world is still busy after {limit} steps")
            if self.problem:
                raise ProblemError(self.problem)
            self.steps += 1
            moment, _, action = heapq.heappop(self._events)
            self.now = max(self.now, moment)
            action()

    # --- Processes ---

    def spawn(self, name: str, work: Callable[[], None]) -> Process:
        process = Process(name, work)
        process.greenlet.parent = self._main
        self._running[process.greenlet] = process
        self.after(0, lambda: self._resume(process))
        return process

    def current(self) -> Process | None:
        """The process that is running, or None outside of all."""
        return self._running.get(getcurrent())

    def sleep(self, milliseconds: int) -> None:
        """Let others run for so long. Raises KilledError in a process that was killed meanwhile."""
        process = self.current()
        assert process is not None, "only a process can wait"
        if process.dead:
            raise KilledError
        self.after(milliseconds, lambda: self._resume(process))
        self._main.switch()
        if process.dead:
            raise KilledError

    def kill(self, process: Process) -> None:
        """End a process where it waits; its `finally` blocks run, and reach nobody any more."""
        process.dead = True
        if not process.greenlet.dead:
            if process.greenlet:
                process.greenlet.throw(KilledError)
            self._running.pop(process.greenlet, None)

    def kill_all(self) -> None:
        for process in list(self._running.values()):
            self.kill(process)

    def _resume(self, process: Process) -> None:
        if process.dead:
            return
        process.greenlet.switch()
        if process.greenlet.dead:
            self._running.pop(process.greenlet, None)

    # --- What happened ---

    def tell(self, who: str, what: str) -> None:
        """Add a line to the trace."""
        line = f"{self.now - START:>10} {who:<12} {what}"
        self.fingerprint = zlib.crc32(line.encode(), self.fingerprint)
        self.trace.append(line)

    def wrong(self, problem: str) -> NoReturn:
        """End the run here and now: the product's `finally` may delay this, nothing can prevent it."""
        self.problem = self.problem or problem
        raise ProblemError(problem)
