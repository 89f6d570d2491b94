"""Which line a fingerprint stood on first: all that validation remembers of a file's rows.

An open-addressing table in two arrays, 12 bytes a slot, one third to two thirds full: 18 to 36
bytes a row, where a dictionary takes 106.
"""

from array import array
from hashlib import blake2b

_SEPARATOR = "\x1f"  # no control character is part of an id, a unit or a program


def fingerprint(*parts: str) -> int:
    """Return 64 bits of a digest of texts, the same in every process."""
    text = _SEPARATOR.join(parts).encode(errors="surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


class DuplicateIndex:
    """Lines by 64-bit fingerprint."""

    def __init__(self, bits: int = 12) -> None:
        self._count = 0
        self._mask = (1 << bits) - 1
        self._keys = array("Q", bytes(8 << bits))
        self._lines = array("I", bytes(4 << bits))

    def first(self, fingerprint: int, line: int) -> int:
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
