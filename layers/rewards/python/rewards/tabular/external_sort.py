"""Sorting more than memory holds: sorted runs in temporary files, merged as they are read.

Measured against a list in memory and SQLite: docs/decisions.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from rewards.domain.packed import PackedRow, pack

# Characters of a run: it takes one to four times as many bytes of memory, and half as much again to sort.
RUN = 16 << 20

# Characters that are read of all runs at once, and of one at least.
_READ, _READ_OF_RUN = 4 << 20, 1 << 16

# What ends a record: nothing in a field sorts before it.
_END = "\0\n"


class ExternalSort:
    """Records of text fields: added in any order, read in the order of their fields.

    Texts are in the order of their code points, as Python sorts them. All records have to be added
    before the first is read; they can be read more than once.
    """

    def __init__(self, directory: Path, run: int = RUN) -> None:
        self._directory = directory
        self._run = run
        self._runs: list[Path] = []
        self._lines: list[str] = []
        self._size = 0

    def add(self, fields: Sequence[str]) -> None:
        """Add a record."""
        line = pack(fields) + _END
        self._lines.append(line)
        self._size += len(line)
        if self._size >= self._run:
            self._end_run()

    def sorted(self) -> Iterator[PackedRow]:
        """All records in order."""
        self._end_run()
        with ExitStack() as stack:
            files = [stack.enter_context(_open(path, "r")) for path in self._runs]
            for batch in _merged(files):
                for line in batch:
                    yield line[: -len(_END)]

    def _end_run(self) -> None:
        if not self._lines:
            return
        self._lines.sort()
        path = self._directory / f"run-{len(self._runs):06d}"
        with _open(path, "w") as file:
            file.write("".join(self._lines))
        self._runs.append(path)
        self._lines, self._size = [], 0


def _open(path: Path, mode: str) -> IO[str]:
    return path.open(mode, encoding="utf-8", newline="\n", buffering=1 << 16)


def _merged(files: list[IO[str]]) -> Iterator[list[str]]:
    """The lines of sorted files in order, batch by batch.

    Up to the least of the last lines that were read, all lines of all files are known. Sorting those is
    quicker than comparing line by line.
    """
    hint = max(_READ_OF_RUN, _READ // max(1, len(files)))
    waiting = {file: lines for file in files if (lines := file.readlines(hint))}
    while waiting:
        last = min([lines[-1] for lines in waiting.values()])
        batch: list[str] = []
        for file, lines in list(waiting.items()):
            known = bisect_right(lines, last)
            batch += lines[:known]
            rest = lines[known:] or file.readlines(hint)
            if rest:
                waiting[file] = rest
            else:
                del waiting[file]
        batch.sort()
        yield batch
