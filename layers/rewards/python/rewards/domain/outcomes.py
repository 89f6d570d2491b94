"""The catalogue of outcomes, warnings and file problems: what each code means and how to fix it.

CONTRACT 3.1, 3.2, 3.3, 5 and 6 define the codes. Console, emails, API and the tables in
docs/reference/files.md take their texts from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rewards.domain.balance_key import BalanceKey
from rewards.domain.errors import RejectedError


class Outcome(StrEnum):
    """What happened to a row. Every row of an import ends with exactly one outcome."""

    REDEEMED = "REDEEMED"
    LOADED = "LOADED"
    UNCHANGED = "UNCHANGED"
    ALREADY_REDEEMED = "ALREADY_REDEEMED"
    REFERENCE_CONFLICT = "REFERENCE_CONFLICT"
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


class WarningCode(StrEnum):
    """What a person should know about a row or a file. A warning changes no outcome (CONTRACT 3.3)."""

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
    """Why a whole file is rejected. None of its rows is redeemed or loaded."""

    UNSUPPORTED_FORMAT = "UNSUPPORTED_FORMAT"
    EMPTY_FILE = "EMPTY_FILE"
    MISSING_COLUMNS = "MISSING_COLUMNS"
    UNREADABLE_FILE = "UNREADABLE_FILE"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    DUPLICATE_FILE = "DUPLICATE_FILE"
    OLD_RESULTS_FILE = "OLD_RESULTS_FILE"
    TOTALS_MISMATCH = "TOTALS_MISMATCH"
    # The file was deleted before it was read:
    UPLOAD_GONE = "UPLOAD_GONE"
    # S3 denied access to the file:
    UPLOAD_UNREADABLE = "UPLOAD_UNREADABLE"
    # The upload form of an import accepts one file:
    FORM_USED = "FORM_USED"
    # It needs approval, and its requester is not known:
    REQUESTER_UNKNOWN = "REQUESTER_UNKNOWN"
    # Reading the file failed repeatedly, for a reason that is not in the file:
    VALIDATION_FAILED = "VALIDATION_FAILED"


class Purpose(StrEnum):
    """What an import does with its rows. It selects among the texts of an outcome."""

    REDEMPTION = "REDEMPTION"
    PREVIEW = "PREVIEW"
    REWARDS = "REWARDS"
    REVERSAL = "REVERSAL"


class Group(StrEnum):
    """What an outcome means for the row. Rows that failed are in failed.csv."""

    DONE = "DONE"
    FAILED = "FAILED"
    REPEATED = "REPEATED"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True)
class Texts:
    """A title of a few words, what happened in a sentence, and how to fix it ("" if nothing is wrong)."""

    title: str
    meaning: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class OutcomeEntry:
    """The texts and the group of an outcome.

    `may_retry` says whether the row can be imported again without a correction. `variants` are the texts for
    purposes that need their own.
    """

    group: Group
    texts: Texts
    variants: Mapping[Purpose, Texts] = field(default_factory=dict)
    may_retry: bool = False

    @property
    def is_failed(self) -> bool:
        """Whether there is something to fix, so that the row is in failed.csv."""
        return self.group is Group.FAILED

    def texts_for(self, purpose: Purpose) -> Texts:
        """Return the texts for an import with this purpose."""
        return self.variants.get(purpose, self.texts)


@dataclass(frozen=True, slots=True)
class FileProblemEntry:
    """Why a file is rejected, in a few words, and how to fix it. Rewards files may need another remedy."""

    reason: str
    remedy: str
    remedy_of_rewards_file: str = ""

    def remedy_for(self, purpose: Purpose) -> str:
        """Return how to fix a file that was uploaded for this purpose."""
        return (purpose is Purpose.REWARDS and self.remedy_of_rewards_file) or self.remedy


OUTCOMES: Mapping[Outcome, OutcomeEntry] = {
    Outcome.REDEEMED: OutcomeEntry(
        Group.DONE,
        Texts(
            "Redeemed",
            "The value was redeemed. Digits beyond the unit's decimals were cut off.",
        ),
        {
            Purpose.PREVIEW: Texts(
                "To redeem",
                "The value would be redeemed. Digits beyond the unit's decimals would be cut off.",
            ),
        },
    ),
    Outcome.LOADED: OutcomeEntry(Group.DONE, Texts("Loaded", "The reward was added to its balance.")),
    Outcome.UNCHANGED: OutcomeEntry(
        Group.SKIPPED,
        Texts("Skipped (0 or blank)", "The row was skipped: valueToRedeem is blank or 0."),
        {
            Purpose.REWARDS: Texts(
                "Loaded earlier", "The reward was loaded by an earlier import. It was not changed."
            ),
            Purpose.REVERSAL: Texts("Skipped", "The reversed import redeemed nothing for this row."),
        },
    ),
    Outcome.ALREADY_REDEEMED: OutcomeEntry(
        Group.REPEATED,
        Texts(
            "Redeemed by an earlier import", "An earlier import redeemed this row. It was not redeemed again."
        ),
        {
            Purpose.PREVIEW: Texts(
                "Redeemed by an earlier import",
                "An earlier import redeemed this row. It would not be redeemed again.",
            ),
        },
    ),
    Outcome.REFERENCE_CONFLICT: OutcomeEntry(
        Group.FAILED,
        Texts(
            "Reference redeemed with another amount",
            "An earlier row with this reference redeemed another amount from this balance.",
            "If it is the same payment, enter the amount that the message names, or 0 to skip the row. If it "
            "is another payment, give the row a reference of its own.",
        ),
    ),
    Outcome.INVALID_VALUE: OutcomeEntry(
        Group.FAILED,
        Texts(
            "Invalid amount or id",
            "The value in valueToRedeem is not a number or is ambiguous, or an id, the unit, the program "
            "or the reference is not valid.",
            "Correct the column that the message names. Enter amounts as plain numbers, for example 10.55.",
        ),
        {
            Purpose.REWARDS: Texts(
                "Invalid credit, date or id",
                "A credit, a date or an id is not valid.",
                "Correct the field that the message names. Enter credits as whole numbers in the unit's "
                "smallest unit, and dates as Unix milliseconds or ISO 8601.",
            ),
        },
    ),
    Outcome.NOT_POSITIVE: OutcomeEntry(
        Group.FAILED,
        Texts(
            "Negative amount",
            "The value in valueToRedeem is negative.",
            "Enter a value above 0. To skip a row, enter 0 or leave the value blank.",
        ),
        {
            Purpose.REWARDS: Texts(
                "Reward without a value",
                "assignedCredit is 0.",
                "Enter an assignedCredit above 0, or delete these rows.",
            ),
        },
    ),
    Outcome.TRUNCATES_TO_ZERO: OutcomeEntry(
        Group.FAILED,
        Texts(
            "Amount below the smallest unit",
            "The value is less than the smallest amount of its unit.",
            "Enter at least the smallest amount of the unit (0.01 in CASH/USD, 1 in POINT), or 0 to skip the "
            "row.",
        ),
    ),
    Outcome.MISSING_FIELD: OutcomeEntry(
        Group.FAILED,
        Texts(
            "Missing id or unit",
            "An id or the unit is blank.",
            "Copy what is blank from the report.",
        ),
        {
            Purpose.REWARDS: Texts(
                "Missing field", "A required field is blank.", "Fill in the fields that the message names."
            ),
        },
    ),
    Outcome.ROW_CHANGED: OutcomeEntry(
        Group.FAILED,
        Texts(
            "Row was changed",
            "The row's ids do not match its rowId: the row was edited, sorted incorrectly or damaged.",
            "Copy these rows from the report again. Edit only valueToRedeem, and sort only whole rows.",
        ),
    ),
    Outcome.UNKNOWN_REPORT: OutcomeEntry(
        Group.FAILED,
        Texts(
            "Row of an unknown report",
            "The row's rowId was not created by a report of this system.",
            "Create the report again in this system, and copy the values into it. A report of another system "
            "(such as a test system) or of a version before 0.2 cannot be used.",
        ),
    ),
    Outcome.DUPLICATE_ROW: OutcomeEntry(
        Group.FAILED,
        Texts(
            "Duplicate row",
            "An earlier line of the file has the same account, user, unit and program.",
            "Delete these rows, unless a second redemption is meant. In that case, import them in a file "
            "of their own: of several rows for one balance, a file redeems only the first.",
        ),
    ),
    Outcome.NO_BALANCE: OutcomeEntry(
        Group.FAILED,
        Texts(
            "No such balance",
            "The participant does not exist or has no rewards.",
            "Compare the ids with the report, or delete these rows.",
        ),
    ),
    Outcome.UNIT_MISMATCH: OutcomeEntry(
        Group.FAILED,
        Texts(
            "No balance in this unit",
            "The participant has balances, but none in this unit.",
            "Enter a unit in which the participant has a balance. The message lists these units.",
        ),
    ),
    Outcome.INSUFFICIENT_BALANCE: OutcomeEntry(
        Group.FAILED,
        Texts(
            "Amount exceeds the available balance",
            "The amount exceeds the available balance.",
            "Lower the value to the available balance, which the message states.",
        ),
    ),
    Outcome.CANCELLED: OutcomeEntry(
        Group.FAILED,
        Texts(
            "Cancelled before processing",
            "The import was cancelled before this row was processed. No balance was changed.",
            "These rows need no correction: import failed.csv to redeem them.",
        ),
        {
            Purpose.REWARDS: Texts(
                "Cancelled before processing",
                "The import was cancelled before this row was processed. No balance was changed.",
                "These rows need no correction: load failed.csv to load these rewards.",
            ),
            Purpose.REVERSAL: Texts(
                "Cancelled before processing",
                "The reversal was cancelled before this row was processed. No balance was changed.",
                "Reverse the same import again to reverse these rows.",
            ),
        },
        may_retry=True,
    ),
    Outcome.NOT_PROCESSED: OutcomeEntry(
        Group.FAILED,
        Texts(
            "Could not be processed",
            "The system could not process the row. No balance was changed.",
            "These rows need no correction: import failed.csv to try them again.",
        ),
        {
            Purpose.REVERSAL: Texts(
                "Could not be processed",
                "The system could not process the row. No balance was changed.",
                "Reverse the same import again. No value is returned twice.",
            ),
        },
        may_retry=True,
    ),
    Outcome.UNSUPPORTED_TYPE: OutcomeEntry(
        Group.FAILED,
        Texts(
            "Unsupported reward type",
            "Rewards of this type have no balance.",
            "Delete these rows. Only rewards of type CREDIT have a balance.",
        ),
    ),
    Outcome.INVALID_UNIT: OutcomeEntry(
        Group.FAILED,
        Texts(
            "Invalid unit",
            "The unit is not valid, or differs from a unit in use only in its spelling.",
            "Enter the unit as the message states it: CASH/ or CREDIT/ with a currency code in capital "
            "letters, or the spelling that is in use.",
        ),
    ),
    Outcome.ID_IN_USE: OutcomeEntry(
        Group.FAILED,
        Texts(
            "Reward id in use",
            "A reward with this id belongs to another participant or unit.",
            "Give these rewards different ids. An id belongs to one participant and unit.",
        ),
    ),
    Outcome.BALANCE_FULL: OutcomeEntry(
        Group.FAILED,
        Texts(
            "Balance is full",
            "The balance has reached its limit of open rewards.",
            "Redeem or cancel open rewards of this balance first, then load these rewards again.",
        ),
        {
            Purpose.REVERSAL: Texts(
                "Balance is full",
                "With the returned rewards, the balance would exceed its limit of open rewards.",
                "Redeem or cancel open rewards of this balance first, then reverse the same import again.",
            ),
        },
    ),
    Outcome.REVERSED: OutcomeEntry(
        Group.DONE, Texts("Reversed", "The redeemed value was returned to the rewards it came from.")
    ),
    Outcome.ALREADY_REVERSED: OutcomeEntry(
        Group.REPEATED,
        Texts("Reversed earlier", "An earlier reversal returned this value. It was not returned again."),
    ),
}

WARNINGS: Mapping[WarningCode, Texts] = {
    WarningCode.NO_ROW_ID: Texts(
        "No rowId",
        "The row has no rowId, so it is not recognised if it is imported again.",
        "Use the report with its rowId column, so that each row is redeemed at most once.",
    ),
    WarningCode.REPEATED_VALUE: Texts(
        "Same amount as a recent redemption",
        "The same value was redeemed from this balance in the last 35 days.",
        "Check that a second payment is meant. If not, reverse one of the imports.",
    ),
    WarningCode.DIGITS_TRUNCATED: Texts(
        "Digits cut off",
        "The value has more decimals than its unit. The extra digits were cut off.",
        "Check that the payment was made without these digits.",
    ),
    WarningCode.REPAIRED: Texts(
        "Repaired",
        "A spreadsheet changed the row's ids. They were restored from its rowId.",
        "No action is needed. To avoid this warning, edit only valueToRedeem.",
    ),
    WarningCode.PARTICIPANT_BLOCKED: Texts(
        "Participant is blocked",
        "The participant is blocked.",
        "Check whether this person may be paid.",
    ),
    WarningCode.ENCODING_DETECTED: Texts(
        "Encoding was detected",
        "The file is not Unicode. Its encoding was detected.",
        "Check the letters in a preview. If they are wrong, set the encoding.",
    ),
    WarningCode.OTHER_SHEETS_IGNORED: Texts(
        "Other sheets were ignored",
        "The workbook has more than one sheet with content. Only one was read.",
        "Check that the right sheet was read. To import the other sheets, save each as a file of its own.",
    ),
    WarningCode.UNKNOWN_COLUMN: Texts(
        "Unknown column",
        "The file has an unknown column, which was ignored.",
        "If the column contains required data, cancel these rewards, correct the column's name, and load the "
        "rewards under new ids. Loading the same ids again changes nothing.",
    ),
    WarningCode.REPORT_OUTDATED: Texts(
        "Report is outdated",
        "The balance changed after the row's report was created: something was redeemed by another import or "
        "the API, was cancelled, or expired.",
        "Compare the amounts with a new report.",
    ),
}

FILE_PROBLEMS: Mapping[FileProblem, FileProblemEntry] = {
    FileProblem.UNSUPPORTED_FORMAT: FileProblemEntry(
        "not an accepted format",
        "Open the file in a spreadsheet program, save it as CSV (“CSV UTF-8”) or as an Excel workbook "
        "(.xlsx), and upload that file.",
        "Upload rewards as CSV (“CSV UTF-8”), as a workbook (.xlsx) or as JSON Lines (.jsonl).",
    ),
    FileProblem.EMPTY_FILE: FileProblemEntry(
        "no rows",
        "Check that you chose the right file and saved it before the upload. It needs a header row and at "
        "least one row below it.",
    ),
    FileProblem.MISSING_COLUMNS: FileProblemEntry(
        "columns are missing",
        "Start from a new report and edit only the column valueToRedeem. If you create the file yourself, "
        "its header row must contain the column names accountId, userId, unit and valueToRedeem.",
        "A rewards file needs at least the columns id, type, unit, assignedCredit, user.id and "
        "user.accountId. All other columns are optional.",
    ),
    FileProblem.UNREADABLE_FILE: FileProblemEntry(
        "the file cannot be read",
        "Correct the problem that the message states, save the table as “CSV UTF-8” or as an Excel workbook "
        "(.xlsx) without a password, and upload that file.",
        "Correct the problem that the message states, save the file as “CSV UTF-8”, or as JSON Lines with "
        "one object per line, and upload that file.",
    ),
    FileProblem.FILE_TOO_LARGE: FileProblemEntry(
        "the file is too large",
        "Split the file, keep the header row in each part, and upload the parts one by one. A CSV file can "
        "be larger (5 GB, and 20 GB if it is copied into the bucket) than a workbook (512 MiB).",
        "Split the file, keep the header row in each part, and upload the parts one by one.",
    ),
    FileProblem.DUPLICATE_FILE: FileProblemEntry(
        "its rows were imported before",
        "If the file was uploaded twice by mistake, no action is needed. If a second payment is meant, "
        "import the file with “Import even if the same rows were imported before” (allowDuplicate), or "
        "fill in a new report, whose rows have a rowId.",
    ),
    FileProblem.OLD_RESULTS_FILE: FileProblemEntry(
        "results.csv of version 0.1",
        "Upload failed.csv of that import instead. It contains only the rows that were not redeemed.",
    ),
    FileProblem.TOTALS_MISMATCH: FileProblemEntry(
        "its totals are not as expected",
        "Check that the file is complete and that it is the right one, and compare its valueToRedeem with "
        "what was paid. Correct the file or the control totals, then import it again.",
        "Check that the file is complete and that it is the right one, and compare its assignedCredit with "
        "what is to be loaded. Correct the file or the control totals, then import it again.",
    ),
    FileProblem.UPLOAD_GONE: FileProblemEntry(
        "the file was deleted",
        "Upload the file again, and keep it in the bucket until the import has ended.",
    ),
    FileProblem.UPLOAD_UNREADABLE: FileProblemEntry(
        "access to the file was denied",
        "Ask the administrators of the bucket to give this service access to the file. If it is encrypted "
        "with a KMS key, the functions validate and finish need kms:Decrypt. Then upload it again. A file "
        "encrypted with the bucket's default settings can always be read.",
    ),
    FileProblem.FORM_USED: FileProblemEntry(
        "its upload form was used before",
        "If the file was sent twice by mistake, no action is needed. To import another file, create an "
        "import for it and upload it with the form of that import.",
    ),
    FileProblem.REQUESTER_UNKNOWN: FileProblemEntry(
        "its requester is not known",
        "Upload the file again with the metadata email, the address with which you sign in to the console. "
        "Or import it in the console.",
    ),
    FileProblem.VALIDATION_FAILED: FileProblemEntry(
        "the system could not read the file",
        "The cause is not in your file. Upload it again later. If it fails again, contact the "
        "administrators of this service.",
    ),
}

SETTLED = frozenset(outcome for outcome in Outcome if not OUTCOMES[outcome].is_failed)

_LABELS: Mapping[Group, Mapping[Purpose, str]] = {
    Group.DONE: {
        Purpose.REDEMPTION: "redeemed",
        Purpose.PREVIEW: "to redeem",
        Purpose.REWARDS: "loaded",
        Purpose.REVERSAL: "reversed",
    },
    Group.FAILED: dict.fromkeys(Purpose, "with errors"),
    Group.REPEATED: {**dict.fromkeys(Purpose, "redeemed earlier"), Purpose.REVERSAL: "reversed earlier"},
    Group.SKIPPED: {**dict.fromkeys(Purpose, "skipped"), Purpose.REWARDS: "loaded earlier"},
}


@dataclass(frozen=True, slots=True)
class GroupCount:
    """The rows of an import in one group, with the words for it, such as "with errors"."""

    group: Group
    label: str
    rows: int


def count_groups(outcomes: Mapping[str, int], purpose: Purpose) -> list[GroupCount]:
    """Count rows by group, in the order of Group; `outcomes` are the rows by outcome."""
    counts = dict.fromkeys(Group, 0)
    for outcome, rows in outcomes.items():
        counts[OUTCOMES[Outcome(outcome)].group] += rows
    return [GroupCount(group, _LABELS[group][purpose], rows) for group, rows in counts.items()]


def any_failed(outcomes: Mapping[str, int]) -> bool:
    """Whether there is a row to fix among the rows by outcome."""
    return any(rows and Outcome(outcome) not in SETTLED for outcome, rows in outcomes.items())


class FileRejectedError(RejectedError):
    """The file as a whole is rejected; `message` says where the problem is and how to fix it."""

    def __init__(self, code: FileProblem, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class StopReason:
    """Why no further row is redeemed, loaded or reversed: the outcome and the message of these rows."""

    outcome: Outcome
    message: str


@dataclass(frozen=True, slots=True)
class RowResult:
    """The result of one row.

    `redeemed` and `available` are credits of the row's `unit`. `redeemed` is negative for a value that was
    returned; `available` is what remains afterwards, None if it is not known. Results of redeemed rows name
    account and user, so that an import can be reversed by them. `redeemed_by` is the import and line that
    redeemed the row earlier. `message` explains each of the `warnings`.
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

    @property
    def needs_attention(self) -> bool:
        """Whether people are shown the row: it failed, has a warning, or was redeemed earlier."""
        return bool(self.warnings) or self.outcome not in SETTLED or self.outcome is Outcome.ALREADY_REDEEMED

    @property
    def balance_key(self) -> BalanceKey:
        """Which balance a redeemed row took from."""
        return BalanceKey(self.account_id, self.user_id, self.unit)
