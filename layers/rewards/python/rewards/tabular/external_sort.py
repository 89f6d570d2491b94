"""Sorting more than memory holds: sorted runs in temporary files, merged as they are read.

Measured against a list in memory and SQLite: docs/decisions.
"""

import heapq
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

# Characters of a run: it takes one to four times as many bytes of memory, and half as much again to sort.
RUN = 16 << 20

# Each field ends with NUL, before which nothing sorts, each record with a line feed. Where a text has such a
# character, two others stand for it (and for the one that they borrow), in a way that keeps their order.
_WRITTEN = {"\0": "\x01\x01", "\x01": "\x01\x02", "\n": "\x0b\x01", "\x0b": "\x0b\x02"}
_READ = {pair: character for character, pair in _WRITTEN.items()}
_TABLE = str.maketrans(_WRITTEN)
_PAIR = re.compile("[\x01\x0b].")


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
        line = "\0".join(fields)
        if line.count("\0") >= len(fields) or "\n" in line or "\x01" in line or "\x0b" in line:
            line = "\0".join([field.translate(_TABLE) for field in fields])
        line += "\0\n"  # nothing in a field sorts before its end
        self._lines.append(line)
        self._size += len(line)
        if self._size >= self._run:
            self._end_run()

    def sorted(self) -> Iterator[list[str]]:
        """All records in order."""
        self._end_run()
        with ExitStack() as stack:
            files = [stack.enter_context(_open(path, "r")) for path in self._runs]
            for line in heapq.merge(*files):
                fields = line[:-2].split("\0")
                if "\x01" in line or "\x0b" in line:
                    fields = [_read(field) for field in fields]
                yield fields

    def _end_run(self) -> None:
        if not self._lines:
            return
        self._lines.sort()
        path = self._directory / f"run-{len(self._runs):06d}"
        with _open(path, "w") as file:
            file.writelines(self._lines)
        self._runs.append(path)
        self._lines, self._size = [], 0


def _open(path: Path, mode: str) -> IO[str]:
    return path.open(mode, encoding="utf-8", newline="\n", buffering=1 << 16)


def _read(field: str) -> str:
    return _PAIR.sub(lambda pair: _READ[pair[0]], field)
