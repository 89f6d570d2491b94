"""rowId: ties a report's row to the report and to the balance it shows (CONTRACT section 2).

`R`, the report's id in capitals (16), and 15 hexadecimal digits (60 bits) of a digest over the
report's id, account, user, unit and program: 32 letters and digits. It starts with a letter, so
no spreadsheet reads a number in it; it is checked without a look-up, so an edited or mis-sorted
row is found out at once. The digest is a check against accidents, not a secret: an operator may
leave rowId out anyway.
"""

import hashlib
import re
from functools import lru_cache

from rewards.rules import ids

_FORM = re.compile(rf"R[0-9A-HJKMNP-TV-Z]{{{ids.LENGTH}}}[0-9A-F]{{15}}")
_DIGITS = 15
START = 1 + ids.LENGTH  # so many characters are the report's


def make_row_id(export_id: str, account_id: str, user_id: str, unit: str, program_id: str | None) -> str:
    """The rowId of a balance in a report; `program_id` if the report was made for one program."""
    program = program_id or ""
    # Each part carries its length, so that no two different rows read the same.
    text = (
        f"{export_id}{_COUNT[len(account_id)]}{account_id}{_COUNT[len(user_id)]}{user_id}"
        f"{_COUNT[len(unit)]}{unit}{_COUNT[len(program)]}{program}"
    )
    digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()[:_DIGITS]
    return _start_of(export_id) + digest.upper()


class _Counts(dict[int, str]):
    """`7:` of 7. Formatting numbers would be half of what a rowId costs."""

    def __missing__(self, number: int) -> str:
        return f"{number}:"


_COUNT = _Counts({number: f"{number}:" for number in range(257)})


@lru_cache(maxsize=64)
def _start_of(export_id: str) -> str:
    return f"R{export_id}".upper()


def export_of(row_id: str) -> str | None:
    """The id of the report that a rowId belongs to, or None where it is no rowId of ours."""
    return row_id[1 : 1 + ids.LENGTH].lower() if _FORM.fullmatch(row_id) else None


def belongs_to(row_id: str, account_id: str, user_id: str, unit: str, program_id: str | None) -> bool:
    """Whether a rowId was made for this account, user, unit and program."""
    export_id = export_of(row_id)
    return export_id is not None and row_id == make_row_id(export_id, account_id, user_id, unit, program_id)
