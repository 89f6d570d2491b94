"""Ids of imports and exports: 16 characters that sort by the time they were made.

80 bits in Crockford's base 32: 48 bits of Unix milliseconds, then 32 random bits that distinguish
what was made in the same millisecond.
"""

import hashlib
import secrets
from functools import lru_cache

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_DIGITS = {character: value for value, character in enumerate(_ALPHABET)}
LENGTH = 16


def make_id(milliseconds: int, tail: int) -> str:
    """The id for a time in Unix milliseconds and a 32-bit tail."""
    return from_number((milliseconds << 32) | (tail & 0xFFFFFFFF))


def new_id(milliseconds: int) -> str:
    """A fresh id for a time in Unix milliseconds."""
    return make_id(milliseconds, secrets.randbits(32))


def id_of_object(milliseconds: int, bucket: str, key: str, version_id: str) -> str:
    """The id that versions before 0.2 gave to the import of an uploaded object."""
    digest = hashlib.sha256("\0".join((bucket, key, version_id)).encode()).digest()
    return make_id(milliseconds, int.from_bytes(digest[:4], "big"))


@lru_cache(maxsize=64)  # the rows of a file come from few reports
def time_of(identifier: str) -> int:
    """Unix milliseconds in an id."""
    return to_number(identifier) >> 32


def is_id(text: str) -> bool:
    """Whether a text has the form of an id."""
    return len(text) == LENGTH and all(character in _DIGITS for character in text)


def to_number(identifier: str) -> int:
    """The 80-bit number that an id spells."""
    number = 0
    for character in identifier:
        number = number << 5 | _DIGITS[character]
    return number


def from_number(number: int) -> str:
    """The id that spells an 80-bit number."""
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (LENGTH - 1), -1, -5))
