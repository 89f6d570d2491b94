"""What can happen to a row (CONTRACT 3.1 and 6) and why a file is rejected (3.2)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """One a row, always exactly one."""

    REDEEMED = "REDEEMED"
    LOADED = "LOADED"
    UNCHANGED = "UNCHANGED"
    ALREADY_REDEEMED = "ALREADY_REDEEMED"
    INVALID_VALUE = "INVALID_VALUE"
    NOT_POSITIVE = "NOT_POSITIVE"
    TRUNCATES_TO_ZERO = "TRUNCATES_TO_ZERO"
    MISSING_FIELD = "MISSING_FIELD"
    ROW_CHANGED = "ROW_CHANGED"
    UNKNOWN_REPORT = "UNKNOWN_REPORT"
    DUPLICATE_ROW = "DUPLICATE_ROW"
    NO_BALANCE = "NO_BALANCE"
    UNIT_MISMATCH = "UNIT_MISMATCH"
    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
    CANCELLED = "CANCELLED"
    NOT_PROCESSED = "NOT_PROCESSED"
    # Only when rewards are loaded:
    UNSUPPORTED_TYPE = "UNSUPPORTED_TYPE"
    INVALID_UNIT = "INVALID_UNIT"
    ID_IN_USE = "ID_IN_USE"
    BALANCE_FULL = "BALANCE_FULL"
    # Only when an import is reversed:
    REVERSED = "REVERSED"
    ALREADY_REVERSED = "ALREADY_REVERSED"


# Nothing to fix: these rows are not in failed.csv. A row that was redeemed before is done.
SETTLED = frozenset(
    {
        Outcome.REDEEMED,
        Outcome.LOADED,
        Outcome.UNCHANGED,
        Outcome.ALREADY_REDEEMED,
        Outcome.REVERSED,
        Outcome.ALREADY_REVERSED,
    }
)


class WarningCode(StrEnum):
    """What a person should know of a row or a file; it changes no outcome (CONTRACT 3.3)."""

    NO_ROW_ID = "NO_ROW_ID"
    REPEATED_VALUE = "REPEATED_VALUE"
    DIGITS_TRUNCATED = "DIGITS_TRUNCATED"
    REPAIRED = "REPAIRED"
    PARTICIPANT_BLOCKED = "PARTICIPANT_BLOCKED"
    ENCODING_DETECTED = "ENCODING_DETECTED"
    OTHER_SHEETS_IGNORED = "OTHER_SHEETS_IGNORED"
    UNKNOWN_COLUMN = "UNKNOWN_COLUMN"
    REPORT_OUTDATED = "REPORT_OUTDATED"


class FileProblem(StrEnum):
    """Why a whole file is rejected; nothing of it is redeemed."""

    UNSUPPORTED_FORMAT = "UNSUPPORTED_FORMAT"
    EMPTY_FILE = "EMPTY_FILE"
    MISSING_COLUMNS = "MISSING_COLUMNS"
    UNREADABLE_FILE = "UNREADABLE_FILE"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    DUPLICATE_FILE = "DUPLICATE_FILE"
    OLD_RESULTS_FILE = "OLD_RESULTS_FILE"
    # It was deleted before it was read:
    UPLOAD_GONE = "UPLOAD_GONE"
    # S3 denied access to it:
    UPLOAD_UNREADABLE = "UPLOAD_UNREADABLE"
    # The form of an ordered import takes one file:
    FORM_USED = "FORM_USED"
    # Not the file's fault: reading it failed again and again.
    VALIDATION_FAILED = "VALIDATION_FAILED"


class FileRejectedError(Exception):
    """The file as a whole is rejected.

    `code` is the machine's word, `message` says where the fault is and how to fix it.
    """

    def __init__(self, code: FileProblem, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def any_failed(outcomes: Iterable[str]) -> bool:
    """Whether there is a row to fix among these outcomes."""
    return any(Outcome(outcome) not in SETTLED for outcome in outcomes)


@dataclass(frozen=True, slots=True)
class StopReason:
    """Why rows are not to be redeemed, or loaded, any more."""

    outcome: Outcome
    message: str


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row.

    `redeemed` and `available` are credits of the row's `unit`; `available` is what is left
    after, None where it is not known. What was returned is negative. Account and user stand in the
    results of redeemed rows, so that an import can be reversed by them. Of a row that was redeemed earlier,
    `redeemed_by` is that redemption's import and line. `message` explains each of the
    `warnings`.
    """

    line: int
    outcome: Outcome
    message: str = ""
    unit: str = ""
    redeemed: int = 0
    available: int | None = None
    account_id: str = ""
    user_id: str = ""
    warnings: tuple[WarningCode, ...] = ()
    redeemed_by: tuple[str, int] | None = None
