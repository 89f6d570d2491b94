"""Simulated time, and processes that take turns: one heap of events, one thread, one seed.

A process is a greenlet, and its threads are others. Each runs until it waits (for time, for the answer of a
service, or for a thread); then the earliest event of the heap is next. Whatever is random is drawn from one
generator, so a seed stands for one history of the world.
"""

import contextlib
import heapq
import itertools
import zlib
from collections import Counter, deque
from collections.abc import Callable, Mapping
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
        self.threads: list[Any] = []
        # When this process last read an item: (table, key) -> (time, the item).
        self.read: dict[Any, tuple[int, Any]] = {}
        # How often each function was called in the chain of messages that led to this process.
        self.chain: Mapping[str, int] = {}


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
        self._start(process, process.greenlet)
        return process

    def spawn_thread(self, work: Callable[[], None]) -> None:
        """Let the process that is running do some work beside what it does; they end together."""
        process = self._running[getcurrent()]
        process.threads.append(greenlet(partial(_to_the_end, work)))
        self._start(process, process.threads[-1])

    def _start(self, process: Process, thread: Any) -> None:
        thread.parent = self._main
        self._running[thread] = process
        self.after(0, lambda: self._resume(process, thread))

    def current(self) -> Process | None:
        """The process that is running, or None outside of all."""
        return self._running.get(getcurrent())

    def sleep(self, milliseconds: int) -> None:
        """Let others run for so long. Raises KilledError in a process that was killed meanwhile."""
        self.pause(lambda resume: self.after(milliseconds, resume))

    def pause(self, arrange: Callable[[Callable[[], None]], None]) -> None:
        """Let others run until what `arrange` gets is called, by an event. Raises KilledError as `sleep`."""
        process, thread = self.current(), getcurrent()
        assert process is not None, "only a process can wait"
        if process.dead:
            raise KilledError
        arrange(lambda: self._resume(process, thread))
        self._main.switch()
        if process.dead:
            raise KilledError

    def kill(self, process: Process) -> None:
        """End a process where it waits; its `finally` blocks run, and reach nobody any more."""
        process.dead = True
        for thread in (*process.threads, process.greenlet):
            if not thread.dead:
                if thread:
                    thread.throw(KilledError)
                self._running.pop(thread, None)

    def kill_all(self) -> None:
        for process in list(self._running.values()):
            self.kill(process)

    def _resume(self, process: Process, thread: Any) -> None:
        if process.dead:
            return
        thread.switch()
        if thread.dead:
            self._running.pop(thread, None)

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
