"""What each outcome, warning and rejection means, and how an operator fixes it.

CONTRACT 3.1, 3.2, 3.3 and 6 define the codes; a test checks that each of them has its texts here.
"""

from rewards.domain.outcomes import FileProblem, Outcome, WarningCode

_MEANING = {
    Outcome.REDEEMED: "The value was redeemed in one step, without digits beyond the unit's decimals.",
    Outcome.LOADED: "The reward was added to its balance.",
    Outcome.UNCHANGED: "The row was skipped: valueToRedeem is blank or 0.",
    Outcome.ALREADY_REDEEMED: "An earlier import redeemed this row; it was not redeemed again.",
    Outcome.INVALID_VALUE: "valueToRedeem is not a number or is ambiguous, or an id, the program or the "
    "reference cannot be used.",
    Outcome.NOT_POSITIVE: "valueToRedeem is negative.",
    Outcome.TRUNCATES_TO_ZERO: "The value is below the smallest unit.",
    Outcome.MISSING_FIELD: "An id or the unit is blank.",
    Outcome.ROW_CHANGED: "The row's ids do not match its rowId: the row was edited, mis-sorted or damaged.",
    Outcome.UNKNOWN_REPORT: "The row's rowId was not made by a report of this system, or has another form.",
    Outcome.DUPLICATE_ROW: "An earlier line of the file has the same account, user, unit and program.",
    Outcome.NO_BALANCE: "No such participant exists, or the participant has no rewards.",
    Outcome.UNIT_MISMATCH: "The participant has balances, but none in this unit.",
    Outcome.INSUFFICIENT_BALANCE: "The amount exceeds the available balance.",
    Outcome.CANCELLED: "The import was cancelled before this row was processed; no balance was changed.",
    Outcome.NOT_PROCESSED: "The system could not process the row; no balance was changed.",
    Outcome.UNSUPPORTED_TYPE: "Rewards of this type have no balance.",
    Outcome.INVALID_UNIT: "The unit is not valid, or differs from a unit in use only by its spelling.",
    Outcome.ID_IN_USE: "A reward with this id exists for another participant or unit.",
    Outcome.BALANCE_FULL: "The balance has reached its limit of open rewards.",
    Outcome.REVERSED: "The redeemed value was returned to the rewards it came from.",
    Outcome.ALREADY_REVERSED: "An earlier reversal returned this value; it was not returned again.",
}
_MEANING_IN_PREVIEW = {
    Outcome.REDEEMED: "The value would be redeemed in one step, without digits beyond the unit's decimals.",
    Outcome.LOADED: "The reward would be added to its balance.",
}
_MEANING_FOR_REWARDS = {
    Outcome.UNCHANGED: "The reward was loaded before; it was not changed.",
    Outcome.INVALID_VALUE: "A credit, a date or an id is not in a valid format.",
    Outcome.NOT_POSITIVE: "assignedCredit is 0; a reward must have a value.",
    Outcome.MISSING_FIELD: "A required field is blank.",
}
_MEANING_IN_REVERSAL = {
    Outcome.UNCHANGED: "The reversed import redeemed nothing for this row.",
}

_REMEDY = {
    Outcome.INVALID_VALUE: "See the message: enter plain numbers such as 10.55, and correct the column that "
    "it names.",
    Outcome.NOT_POSITIVE: "Enter a value above 0. To skip a row, enter 0 or leave the value blank.",
    Outcome.TRUNCATES_TO_ZERO: "Enter at least the smallest unit (0.01 in CASH/USD, 1 in POINT), or 0 to "
    "skip the row.",
    Outcome.MISSING_FIELD: "Copy the blank ids or the unit from the report.",
    Outcome.ROW_CHANGED: "Copy these rows from the report again. Edit only valueToRedeem, and sort only "
    "whole rows.",
    Outcome.UNKNOWN_REPORT: "Create the report again in this system and copy the values into it. A report of "
    "another system (such as a test system) or of a version before 0.2 cannot be used.",
    Outcome.DUPLICATE_ROW: "Delete these rows, unless they are meant as a further redemption. Of several "
    "rows for one balance in a file, only the first is processed.",
    Outcome.NO_BALANCE: "Check the ids against the report, or delete these rows.",
    Outcome.UNIT_MISMATCH: "Use a unit in which the participant has a balance; the message lists them.",
    Outcome.INSUFFICIENT_BALANCE: "Lower the value to the available balance; the message states it.",
    Outcome.CANCELLED: "These rows need no correction: import failed.csv to redeem them.",
    Outcome.NOT_PROCESSED: "These rows need no correction: import failed.csv to try them again.",
    Outcome.UNSUPPORTED_TYPE: "Delete these rows: only rewards of type CREDIT have a balance.",
    Outcome.INVALID_UNIT: "Enter the unit as the message states it: CASH/ or CREDIT/ with a currency code in "
    "capitals, or the spelling that is in use.",
    Outcome.ID_IN_USE: "Give these rewards different ids: an id belongs to one participant and unit.",
    Outcome.BALANCE_FULL: "Redeem or cancel open rewards of this balance first, then load these rewards "
    "again.",
}
_REMEDY_IN_REVERSAL = {
    Outcome.NOT_PROCESSED: "Reverse the same import again. No value is returned twice.",
    Outcome.CANCELLED: "Reverse the same import again to reverse these rows.",
    Outcome.BALANCE_FULL: "Redeem or cancel open rewards of this balance first, then reverse the same import "
    "again.",
}
_REMEDY_FOR_REWARDS = {
    Outcome.INVALID_VALUE: "Enter credits as whole numbers in the smallest unit, and dates as Unix "
    "milliseconds or ISO 8601. The message names the field.",
    Outcome.NOT_POSITIVE: "Enter an assignedCredit above 0, or delete these rows.",
    Outcome.MISSING_FIELD: "Fill in the fields that the message names.",
    Outcome.CANCELLED: "These rows need no correction: load failed.csv to load these rewards.",
}

_REASON = {
    FileProblem.UNSUPPORTED_FORMAT: "not an accepted format",
    FileProblem.EMPTY_FILE: "no rows",
    FileProblem.MISSING_COLUMNS: "columns are missing",
    FileProblem.UNREADABLE_FILE: "the file cannot be read",
    FileProblem.FILE_TOO_LARGE: "the file is too large",
    FileProblem.OLD_RESULTS_FILE: "results.csv of version 0.1",
    FileProblem.DUPLICATE_FILE: "its rows were imported before",
    FileProblem.UPLOAD_GONE: "the file was deleted",
    FileProblem.UPLOAD_UNREADABLE: "access to the file was denied",
    FileProblem.FORM_USED: "its upload form was used already",
    FileProblem.VALIDATION_FAILED: "the system could not read the file",
}

_FILE_REMEDY = {
    FileProblem.UNSUPPORTED_FORMAT: "Open the file in a spreadsheet, save it as CSV (“CSV UTF-8”) or as an "
    "Excel workbook (.xlsx), and upload that file.",
    FileProblem.EMPTY_FILE: "Check that you chose the right file and that it was saved before the upload. It "
    "needs a header row and at least one row below it.",
    FileProblem.MISSING_COLUMNS: "Start from a fresh report and edit only the column valueToRedeem. If you "
    "create the file yourself, its first row must contain the column names accountId, userId, unit and "
    "valueToRedeem.",
    FileProblem.UNREADABLE_FILE: "Correct the problem stated above, save the table as “CSV UTF-8” or as an "
    "Excel workbook (.xlsx) without a password, and upload that file.",
    FileProblem.FILE_TOO_LARGE: "Split the file, keep the header row in each part, and upload the parts one "
    "by one. A CSV file can be larger (2 GiB) than a workbook (512 MiB).",
    FileProblem.DUPLICATE_FILE: "If the file was uploaded twice by mistake, no action is needed. If these "
    "redemptions are meant a second time, import the file with “Import even if the same rows were imported "
    "before” (allowDuplicate), or fill in a new report, whose rows have a rowId.",
    FileProblem.OLD_RESULTS_FILE: "Upload failed.csv of that import instead. It contains only the rows that "
    "were not redeemed.",
    FileProblem.UPLOAD_GONE: "Upload the file again, and keep it in the bucket until the import has ended.",
    FileProblem.UPLOAD_UNREADABLE: "Ask the administrators of the bucket to give this service access to the "
    "file. If it is encrypted with a KMS key, the functions validate and finish need kms:Decrypt. Then "
    "upload it again. A file encrypted with the bucket's default settings can always be read.",
    FileProblem.FORM_USED: "If the file was sent twice by mistake, no action is needed. If it is another "
    "file, create another import for it and upload it with the form of that import.",
    FileProblem.VALIDATION_FAILED: "The cause is not in your file. Upload it again later. If it fails again, "
    "contact the administrators of this service.",
}
_FILE_REMEDY_FOR_REWARDS = {
    FileProblem.UNSUPPORTED_FORMAT: "Upload rewards as CSV (“CSV UTF-8”), as a workbook (.xlsx) or as JSON "
    "Lines (.jsonl).",
    FileProblem.MISSING_COLUMNS: "A rewards file needs at least the columns id, type, unit, assignedCredit, "
    "user.id and user.accountId. All other columns are optional.",
    FileProblem.UNREADABLE_FILE: "Correct the problem stated above, save the file as “CSV UTF-8”, or as JSON "
    "Lines with one object per line, and upload that file.",
    FileProblem.FILE_TOO_LARGE: "Split the file, keep the header row in each part, and upload the parts one "
    "by one.",
}

_WARNING_MEANING = {
    WarningCode.NO_ROW_ID: "The row has no rowId, so it cannot be recognised when it is imported again.",
    WarningCode.REPEATED_VALUE: "The same value was redeemed from this balance in the last 35 days.",
    WarningCode.DIGITS_TRUNCATED: "The value has more decimals than its unit; the extra digits were cut off.",
    WarningCode.REPAIRED: "A spreadsheet changed the row's ids; they were restored from its rowId.",
    WarningCode.PARTICIPANT_BLOCKED: "The participant is blocked.",
    WarningCode.ENCODING_DETECTED: "The file is not Unicode; its encoding was detected.",
    WarningCode.OTHER_SHEETS_IGNORED: "The workbook has more than one sheet; only one was read.",
    WarningCode.UNKNOWN_COLUMN: "The file has an unknown column; it was ignored.",
    WarningCode.REPORT_OUTDATED: "The balance changed after the row's report was created.",
}
_WARNING_REMEDY = {
    WarningCode.NO_ROW_ID: "Use the report with its rowId column, so that each row is redeemed at most once.",
    WarningCode.REPEATED_VALUE: "Check that this is a second payment. If not, reverse one of the imports.",
    WarningCode.DIGITS_TRUNCATED: "Check that the payment was made without these digits.",
    WarningCode.REPAIRED: "No action is needed. To avoid this warning, edit only valueToRedeem.",
    WarningCode.PARTICIPANT_BLOCKED: "Check whether this person may be paid.",
    WarningCode.ENCODING_DETECTED: "Check the letters in a preview. If they are wrong, set the encoding.",
    WarningCode.OTHER_SHEETS_IGNORED: "Check that the right sheet was read. Save other sheets as files of "
    "their own.",
    WarningCode.UNKNOWN_COLUMN: "If the column was meant to count, cancel these rewards, correct its "
    "name, and load them under new ids: loading the same ids again changes nothing.",
    WarningCode.REPORT_OUTDATED: "Check the amounts against a new report.",
}


def warning_meaning(warning: WarningCode) -> str:
    """Return what a warning means."""
    return _WARNING_MEANING[warning]


def warning_remedy(warning: WarningCode) -> str:
    """Return what an operator should do about a warning."""
    return _WARNING_REMEDY[warning]


def meaning(outcome: Outcome, loads_rewards: bool, dry_run: bool, reverses: bool) -> str:
    """Return what an outcome means for its rows."""
    if dry_run and outcome in _MEANING_IN_PREVIEW:
        return _MEANING_IN_PREVIEW[outcome]
    special = _MEANING_FOR_REWARDS if loads_rewards else _MEANING_IN_REVERSAL if reverses else {}
    return special.get(outcome, _MEANING[outcome])


def remedy(outcome: Outcome, loads_rewards: bool, reverses: bool) -> str:
    """Return how an operator fixes rows with an outcome that is not settled."""
    special = _REMEDY_FOR_REWARDS if loads_rewards else _REMEDY_IN_REVERSAL if reverses else {}
    return special.get(outcome, _REMEDY[outcome])


def reason(problem: FileProblem) -> str:
    """Return in a few words why a file was rejected."""
    return _REASON[problem]


def file_remedy(problem: FileProblem, loads_rewards: bool) -> str:
    """Return how to fix a file that was rejected."""
    return (_FILE_REMEDY_FOR_REWARDS if loads_rewards else {}).get(problem, _FILE_REMEDY[problem])
