"""On which line a row's account, user, unit and program stood first, in memory that hardly grows with a file.

A file that is read row by row has a `DuplicateIndex`. One that is read in blocks is searched at its end for
rows whose digests are equal (`DuplicateSearch`); if there are any, it is read again, with an index of those
(`RepeatedRows`).
"""

from array import array
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import Protocol

from rewards.domain.row_ids import RowIds, identity_text

_SEPARATOR = "\x1f"  # no control character is part of an id, a unit or a program

# Rows are compared in groups, so that comparing them takes little memory.
_GROUPS = 64
# So many repeated rows are looked for in a second reading; a file that has more is read row by row.
_MAX_REPEATED = 100_000


def fingerprint(*parts: str) -> int:
    """Return 64 bits of a digest of texts, the same in every process."""
    text = _SEPARATOR.join(parts).encode(errors="surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


class Duplicates(Protocol):
    """What finds duplicate rows; `whose` is account, user, unit and program, normalised."""

    def first(self, whose: Sequence[str], line: int) -> int:
        """The line on which `whose` stood first: this one, if it is new."""


class DuplicateIndex:
    """First lines by 64-bit fingerprint.

    An open-addressing table in two arrays, 12 bytes a slot, one third to two thirds full: 18 to 36 bytes a
    row, where a dictionary takes 106.
    """

    def __init__(self, bits: int = 12) -> None:
        self._count = 0
        self._mask = (1 << bits) - 1
        self._keys = array("Q", bytes(8 << bits))
        self._lines = array("I", bytes(4 << bits))

    def first(self, whose: Sequence[str], line: int) -> int:
        """The line on which `whose` stood first: this one, if it is new."""
        return self.first_of(fingerprint(*whose), line)

    def first_of(self, fingerprint: int, line: int) -> int:
        """The line that a fingerprint stood on first: this one, if it is new."""
        key = fingerprint or 1  # zero marks an empty slot
        keys, mask = self._keys, self._mask
        slot = key & mask
        while found := keys[slot]:
            if found == key:
                return self._lines[slot]
            slot = slot + 1 & mask
        keys[slot], self._lines[slot] = key, line
        self._count += 1
        if self._count * 3 > mask * 2:
            self._grow()
        return line

    def _grow(self) -> None:
        old = zip(self._keys, self._lines, strict=True)
        size = 2 * (self._mask + 1)
        mask = self._mask = size - 1
        keys, lines = array("Q", bytes(8 * size)), array("I", bytes(4 * size))
        for key, line in old:
            if key:
                slot = key & mask
                while keys[slot]:
                    slot = slot + 1 & mask
                keys[slot], lines[slot] = key, line
        self._keys, self._lines = keys, lines


class DuplicateSearch:
    """Collects the digests of a file's rows, 8 bytes each, and takes every row for new.

    `report` is the one from which most rows come: the digests of its rowIds are those of its rows.
    """

    def __init__(self, report: RowIds) -> None:
        self._report = report
        self._groups = [array("Q") for _ in range(_GROUPS)]
        self._add = [group.append for group in self._groups]

    def first(self, whose: Sequence[str], line: int) -> int:
        """This line: whether the row is a duplicate is known at the end."""
        self.any_repeated(self._report.digests([identity_text(*whose)]))
        return line

    def any_repeated(self, digests: Sequence[bytes]) -> bool:
        """False: whether the rows of these digests are duplicates is known at the end."""
        add = self._add
        for number in _numbers(digests):
            add[number % _GROUPS](number)
        return False

    def repeated(self) -> frozenset[int] | None:
        """The digests that came more than once, as numbers; None if there are too many to be remembered."""
        found: set[int] = set()
        for group in self._groups:
            if len(set(group)) < len(group):
                ordered = sorted(group)
                found.update(one for one, other in pairwise(ordered) if one == other)
                if len(found) > _MAX_REPEATED:
                    return None
        return frozenset(found)


class RepeatedRows(DuplicateIndex):
    """The index of a second reading, which knows the digests that come more than once."""

    def __init__(self, digests: frozenset[int]) -> None:
        super().__init__()
        self._digests = digests

    def any_repeated(self, digests: Sequence[bytes]) -> bool:
        """Whether a row of these digests may be a duplicate."""
        return not self._digests.isdisjoint(_numbers(digests))


def _numbers(digests: Iterable[bytes]) -> "array[int]":
    """The digests of rowIds as numbers."""
    numbers = array("Q")
    numbers.frombytes(b"\0".join([*digests, b""]))
    return numbers
