"""Recognising rows that were imported before, whatever file they come in (CONTRACT 3.2 DUPLICATE_FILE).

The digest of a set of rows is the sum of the rows' digests modulo 2^128: it does not depend on the order
of rows, the encoding or the format of the file.
"""

import hashlib

from rewards.domain.balance import RedemptionRequest
from rewards.domain.import_job import ImportJob, ImportStatus
from rewards.domain.outcomes import Outcome
from rewards.domain.plain_rows import PlainRows
from rewards.domain.reversal import is_complete_reversal
from rewards.domain.texts import normalised

# So long the same rows, and the same value of one balance, are taken for a repetition (milliseconds).
REPEAT_WINDOW = 35 * 86_400_000

# Imports in these states have redeemed no row.
_REDEEMED_NOTHING = (ImportStatus.ABORTED, ImportStatus.PENDING, ImportStatus.VALIDATING)

_MODULUS = 1 << 128
_SEPARATOR = "\x1f"  # no control character stands in an id, a unit, a program or a reference


class RowSet:
    """The digest of the rows to redeem of one file, added one by one."""

    def __init__(self) -> None:
        self._sum = 0
        self.any_unidentified = False
        self.any_without_row_id = False

    def add(self, row: RedemptionRequest) -> None:
        """Add a row. Its balance recognises it by rowId or reference when it comes again."""
        # A row that names a dry run counts as one that names nothing.
        prior = () if row.prior is None or row.of_preview else (row.prior[0], str(row.prior[1]))
        if row.row_id is None:
            self.any_without_row_id = True
            if not row.reference:
                self.any_unidentified = True
        # The rowId stands for the row's account, user, unit and program.
        ids = (row.account_id, row.user_id, row.unit, row.program_id or "")
        whose = (row.row_id,) if row.row_id else tuple(map(normalised, ids))
        self._sum += _digest(*whose, str(int(row.value)), row.reference, *prior)

    def add_plain(self, rows: PlainRows) -> None:
        """Add rows, which have rowIds and no references."""
        values = zip(rows.row_ids, rows.values, strict=True)
        self._sum += sum([_digest(row_id, str(value), "") for row_id, value in values])

    def digest(self) -> str:
        """Return the digest of all rows, in hexadecimal."""
        return f"{self._sum % _MODULUS:032x}"


def _digest(*texts: str) -> int:
    text = _SEPARATOR.join(texts).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big")


def counts_as_imported(earlier: ImportJob, reversal: ImportJob | None, now: int) -> bool:
    """Whether an earlier import makes the same rows a repetition (`now` in Unix ms).

    It does while it is under way, and for 35 days after its end if it redeemed a row and was not completely
    reversed. `reversal` is the import that reversed it, if there is one.
    """
    if earlier.dry_run or earlier.status in _REDEEMED_NOTHING:
        return False
    if earlier.date_completed is None:
        return True
    if not earlier.outcomes.get(Outcome.REDEEMED) or earlier.date_completed + REPEAT_WINDOW < now:
        return False
    return reversal is None or not is_complete_reversal(reversal)
