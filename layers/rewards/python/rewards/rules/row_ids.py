"""rowId: ties a report's row to the report and to the balance it shows (CONTRACT section 2).

`R` and 31 capital letters spell 144 bits: the report's id (80) and a digest (64) over the
report's id, account, user, unit and program. Letters only, so no spreadsheet reads a number
in it; checked without a look-up, so an edited or mis-sorted row is found out at once. The
digest is a check against accidents, not a secret: an operator may leave rowId out anyway.
"""

import hashlib

from rewards.rules import ids

_LETTERS = 31
_BITS_OF_DIGEST = 64
_VALUES = {chr(ord("A") + value): value for value in range(26)}


def make_row_id(export_id: str, account_id: str, user_id: str, unit: str, program_id: str | None) -> str:
    """The rowId of a balance in a report; `program_id` if the report was made for one program."""
    digest = _digest(export_id, account_id, user_id, unit, program_id)
    number = ids.to_number(export_id) << _BITS_OF_DIGEST | digest
    letters = []
    for _ in range(_LETTERS):
        number, letter = divmod(number, 26)
        letters.append(chr(ord("A") + letter))
    return "R" + "".join(reversed(letters))


def export_of(row_id: str) -> str | None:
    """The id of the report that a rowId belongs to, or None where it is no rowId of ours."""
    if len(row_id) != _LETTERS + 1 or row_id[0] != "R":
        return None
    number = 0
    for letter in row_id[1:]:
        value = _VALUES.get(letter)
        if value is None:
            return None
        number = number * 26 + value
    number >>= _BITS_OF_DIGEST
    return ids.from_number(number) if number < 1 << 80 else None


def belongs_to(row_id: str, account_id: str, user_id: str, unit: str, program_id: str | None) -> bool:
    """Whether a rowId was made for this account, user, unit and program."""
    export_id = export_of(row_id)
    return export_id is not None and row_id == make_row_id(export_id, account_id, user_id, unit, program_id)


def _digest(*parts: str | None) -> int:
    # Each part carries its length, so that no two different rows read the same.
    text = "".join(f"{len(part or '')}:{part or ''}" for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=_BITS_OF_DIGEST // 8).digest(), "big")
