"""A pool of threads that take turns: the simulation's in the place of concurrent.futures'."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.simulation.kernel import Kernel, Process


class Future:
    """What comes of a task: its result, or the exception that it raised."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._done = False
        self._result: Any = None
        self._error: Exception | None = None
        self._waiting: list[Callable[[], None]] = []

    def run(self, function: Callable[..., Any], *arguments: Any) -> None:
        try:
            self._result = function(*arguments)
        except Exception as error:  # noqa: BLE001 - for whoever asks
            self._error = error
        self._done = True
        for resume in self._waiting:
            self._kernel.after(0, resume)

    def exception(self) -> Exception | None:
        """Wait until the task has ended, and tell what it raised."""
        while not self._done:
            self._kernel.pause(self._waiting.append)
        return self._error

    def cancel(self) -> bool:
        """A task that was submitted here is done in any case."""
        return False

    def result(self) -> Any:
        if error := self.exception():
            raise error
        return self._result


class Pool:
    """So many threads in each process. Outside of a process a task is done at once."""

    def __init__(self, kernel: Kernel, threads: int) -> None:
        self._kernel = kernel
        self._threads = threads
        self._tasks: dict[Process, deque[Callable[[], None]]] = defaultdict(deque)
        self._running: Counter[Process] = Counter()
        self._owner: Process | None = None
        self._submitted: list[Future] = []

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future:
        future = Future(self._kernel)
        if self._owner is not None:
            self._submitted.append(future)
        task = partial(future.run, function, *arguments)
        process = self._kernel.current()
        if process is None:
            task()
            return future
        self._tasks[process].append(task)
        if self._running[process] < self._threads:
            self._kernel.count["threads beside others"] += self._running[process] > 0
            self._running[process] += 1
            self._kernel.spawn_thread(partial(self._work, process))
        return future

    def _work(self, process: Process) -> None:
        tasks = self._tasks[process]
        while tasks:
            tasks.popleft()()
        self._running[process] -= 1

    def __enter__(self) -> "Pool":
        self._owner = self._kernel.current()
        return self

    def __exit__(self, *error: object) -> None:
        if self._owner is not None and self._owner is self._kernel.current():
            for future in self._submitted:
                future.exception()
