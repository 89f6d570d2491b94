"""rowId: ties a report's row to the report, to the balance it shows and to this stack (CONTRACT section 2).

`R`, the report's id in capitals (16), and 13 hexadecimal digits (52 bits) of a keyed BLAKE2b digest over the
report's id, account, user, unit and program: 30 letters and digits. It starts with a letter, so no
spreadsheet reads a number in it. It is verified without a read: only a stack that has the key can make one.
"""

import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import TypedDict

from rewards.domain import ids
from rewards.domain.errors import FaultError

_FORM = re.compile(rf"R[0-9A-HJKMNP-TV-Z]{{{ids.LENGTH}}}[0-9A-F]{{13}}")
_DIGITS = 13
DIGEST_BYTES = 7
START = 1 + ids.LENGTH  # so many characters are the report's

# BLAKE2b takes keys of up to 64 bytes. A key with fewer than 32 letters and digits could be guessed.
_MIN_KEY, _MAX_KEY = 32, hashlib.blake2b.MAX_KEY_SIZE


class RowIdKeysError(FaultError):
    """The stored keys cannot be used. The message never contains a key."""


class KeyEntry(TypedDict):
    """A key as it is stored: it makes the rowIds of reports from a moment on (Unix ms)."""

    key: str
    startsAt: int


class RowIds:
    """The rowIds of one report."""

    __slots__ = ("_hasher", "_start", "export_id")

    def __init__(self, export_id: str, key: bytes) -> None:
        self.export_id = export_id
        self._start = f"R{export_id}".upper()
        # Copied for each row: keying a hasher takes as long as hashing a row.
        self._hasher = hashlib.blake2b(export_id.encode(), key=key, digest_size=DIGEST_BYTES)

    def make(self, account_id: str, user_id: str, unit: str, program_id: str | None) -> str:
        """The rowId of a balance in this report; `program_id` if the report was made for one program."""
        hasher = self._hasher.copy()
        hasher.update(identity_text(account_id, user_id, unit, program_id or "").encode())
        return self._start + hasher.hexdigest()[:_DIGITS].upper()

    def digests(self, identities: Iterable[str]) -> list[bytes]:
        """The digests (DIGEST_BYTES each) from which the rowIds of `identity_text`s are made."""
        copy = self._hasher.copy
        found = []
        for text in identities:
            hasher = copy()
            hasher.update(text.encode())
            found.append(hasher.digest())
        return found

    def fit(self, digests: Sequence[bytes], row_ids: Iterable[str]) -> bool:
        """Whether these are the rowIds that `make` would make, given the digests of the rows."""
        digits = bytearray(b"".join(digests).hex("\n", DIGEST_BYTES).upper().encode())
        del digits[_DIGITS :: 2 * DIGEST_BYTES + 1]  # a digest has more digits than a rowId
        return "\n".join(row_ids) == self._start + digits.decode().replace("\n", f"\n{self._start}")


class RowIdKeys:
    """The keys of a stack, each with the time from which on new reports use it (Unix ms).

    The time in a report's id chooses the key, so a report stays valid after a rotation. Every function has to
    know a key before its start: see `infra/rotate_row_id_key.py`.
    """

    def __init__(self, keys: Iterable[tuple[int, str]]) -> None:
        """Pairs of start and key. Raises RowIdKeysError for keys that cannot be used."""
        ordered = sorted(keys)
        self._starts = [start for start, _ in ordered]
        self._keys = [key.encode() for _, key in ordered]
        if not ordered:
            raise RowIdKeysError("There is no key in the rowId keys.")
        if len(set(self._starts)) < len(ordered):
            raise RowIdKeysError("Two of the rowId keys have the same startsAt.")
        if any(not _MIN_KEY <= len(key) <= _MAX_KEY for key in self._keys):
            raise RowIdKeysError(f"A rowId key must have {_MIN_KEY} to {_MAX_KEY} bytes.")

    @property
    def first(self) -> bytes:
        """The key that stays first, however many are added."""
        return self._keys[0]

    @classmethod
    def parse(cls, text: str) -> "RowIdKeys":
        """The keys in a secret: one random text, valid for all reports, or the JSON list
        `[{"key": "...", "startsAt": Unix milliseconds}, ...]`."""
        return cls((each["startsAt"], each["key"]) for each in entries(text))

    def of(self, export_id: str) -> RowIds | None:
        """The rowIds of a report, or None for a report from before the first key."""
        place = bisect_right(self._starts, ids.time_of(export_id))
        return RowIds(export_id, self._keys[place - 1]) if place else None


def entries(text: str) -> list[KeyEntry]:
    """The keys in a secret as a list of `key` and `startsAt`. Raises RowIdKeysError for another form."""
    text = text.strip()
    if not text.startswith(("[", "{")):
        return [{"key": text, "startsAt": 0}]
    try:
        found = json.loads(text)
    except ValueError:
        raise RowIdKeysError("The rowId keys are not valid JSON.") from None
    for each in found if isinstance(found, list) else [None]:
        if (
            not isinstance(each, dict)
            or set(each) != {"key", "startsAt"}
            or not isinstance(each["key"], str)
            or type(each["startsAt"]) is not int
        ):
            raise RowIdKeysError(
                'The rowId keys must be a JSON list like [{"key": "...", "startsAt": Unix milliseconds}].'
            )
    return list(found)


class _Counts(dict[int, str]):
    """`7:` of 7. Formatting numbers would be half of what a rowId costs."""

    def __missing__(self, number: int) -> str:
        return f"{number}:"


_NO_IDS = "0:0:"
_COUNT = _Counts({number: f"{number}:" for number in range(257)})


def identity_text(account_id: str, user_id: str, unit: str, program: str) -> str:
    """Whose a row is, as it is digested: each part carries its length, so no two identities read the same."""
    return (
        f"{_COUNT[len(account_id)]}{account_id}{_COUNT[len(user_id)]}{user_id}"
        f"{_COUNT[len(unit)]}{unit}{_COUNT[len(program)]}{program}"
    )


def identity_texts(
    account_ids: Sequence[str], user_ids: Sequence[str], units: Sequence[str], programs: Sequence[str]
) -> list[str]:
    """The `identity_text` of each row. Units and programs are few."""
    uniform = units.count(units[0]) == len(units) and programs.count(programs[0]) == len(programs)
    kinds = [(units[0], programs[0])] if uniform else zip(units, programs, strict=True)
    ends = (identity_text("", "", *kind)[len(_NO_IDS) :] for kind in kinds)
    each_end = repeat(next(ends), len(units)) if uniform else ends
    return [
        f"{_COUNT[len(account_id)]}{account_id}{_COUNT[len(user_id)]}{user_id}{end}"
        for account_id, user_id, end in zip(account_ids, user_ids, each_end, strict=True)
    ]


def export_of(row_id: str) -> str | None:
    """The id of the report that a rowId names, or None for a text of another form."""
    return row_id[1 : 1 + ids.LENGTH].lower() if _FORM.fullmatch(row_id) else None


def report_time(row_id: str) -> int:
    """When the report of an accepted row was requested (Unix ms); also for rowIds of versions before 0.2,
    which chunks that were sent before an update may still hold."""
    return ids.time_of(row_id[1:START].lower())
