"""Groups of rows whose results are joined apart from each other, each by a function call of its own.

A CSV file is cut where a record begins, so that a group can be read without what is before it. S3 makes one
file of the groups' results, of which each but the last must have 5 MiB: a row has 39 bytes or more of them.
"""

from collections.abc import Sequence
from typing import NamedTuple

# Rows of a group, which take two seconds to join. A row of results.csv has at least 39 bytes: 16 of the
# import's id, 8 of an outcome, 13 separators, and 2 of the line's end.
GROUP_ROWS = 160_000
# Bytes of rows that make a group even if they are fewer: S3 copies at most 5 GB at once.
GROUP_BYTES = 1 << 30


class ResultGroup(NamedTuple):
    """Where a group begins.

    `offset` (bytes) and `line` (its number) of its first record, and the first `chunk` and the first `part`
    of results of rejected rows, both from 1, that may be of its rows.
    """

    offset: int
    line: int
    chunk: int
    part: int


FIRST_GROUP = ResultGroup(0, 1, 1, 1)


class GroupCutter:
    """Cuts a file into groups while it is read. It is given the end of a file in blocks of whole records."""

    def __init__(self) -> None:
        self._cuts: list[ResultGroup] = []
        self._bytes = self._rows = 0
        # Bytes of the group that are in blocks without blank rows, whose results are not smaller.
        self._full = 0
        self._last = (0, 0, 0)  # of the last block: its size, its records, and the rows before it

    def block(self, size: int, records: int, line: int, rows: int, chunk: int, part: int) -> None:
        """A block of `size` bytes begins with the record `line`; `rows` that are not blank are before it.

        `chunk` and `part` are the first ones that may have results of rows of this block.
        """
        last_size, last_records, before = self._last
        if rows - before == last_records:
            self._full += last_size
        if rows - self._rows >= GROUP_ROWS or self._full >= GROUP_BYTES:
            self._cuts.append(ResultGroup(self._bytes, line, chunk, part))
            self._rows, self._full = rows, 0
        self._last = size, records, rows
        self._bytes += size

    @property
    def has_cut(self) -> bool:
        """Whether there is more than one group."""
        return bool(self._cuts)

    def groups(self, size: int) -> Sequence[ResultGroup]:
        """The groups after the first of a file of so many bytes."""
        before = size - self._bytes
        return [cut._replace(offset=before + cut.offset) for cut in self._cuts]
