"""What an outcome or a refusal means, and what an operator does about it, in plain words.

CONTRACT 3.1, 3.2 and 6 name the outcomes and codes; a test holds that each has its words here.
"""

from rewards.rules.outcomes import FileProblem, Outcome, WarningCode

_MEANING = {
    Outcome.REDEEMED: "The value was redeemed in one step, without digits beyond the unit's decimals.",
    Outcome.LOADED: "The reward was added to its balance.",
    Outcome.UNCHANGED: "valueToRedeem is blank or 0: the row was left alone.",
    Outcome.ALREADY_REDEEMED: "An earlier import redeemed this row; nothing was done again.",
    Outcome.INVALID_VALUE: "valueToRedeem is not a number or is ambiguous, or an id, the program or the "
    "reference cannot be used.",
    Outcome.NOT_POSITIVE: "valueToRedeem is negative.",
    Outcome.TRUNCATES_TO_ZERO: "The value is below the unit's smallest step.",
    Outcome.MISSING_FIELD: "An id or the unit is blank.",
    Outcome.ROW_CHANGED: "The row's ids no longer belong to its rowId: it was edited, mis-sorted or damaged.",
    Outcome.UNKNOWN_REPORT: "The row's rowId was not made by a report of this system, or has another form.",
    Outcome.DUPLICATE_ROW: "The same account, user, unit and program stand on an earlier line of the file.",
    Outcome.NO_BALANCE: "There is no such participant, or they have no reward.",
    Outcome.UNIT_MISMATCH: "The participant has balances, but none in this unit.",
    Outcome.INSUFFICIENT_BALANCE: "The amount exceeds the available balance.",
    Outcome.CANCELLED: "The import was cancelled before this row; nothing was changed for it.",
    Outcome.NOT_PROCESSED: "The system could not process the row; nothing was changed for it.",
    Outcome.UNSUPPORTED_TYPE: "A reward of this type carries no balance.",
    Outcome.INVALID_UNIT: "The unit is not valid, or differs from a unit in use only by its spelling.",
    Outcome.ID_IN_USE: "Another participant or unit has a reward of this id.",
    Outcome.BALANCE_FULL: "The balance holds as many open rewards as it can.",
    Outcome.REVERSED: "What was redeemed went back to the rewards it came from.",
    Outcome.ALREADY_REVERSED: "An earlier reversal gave this back; nothing was done again.",
}
_MEANING_IN_PREVIEW = {
    Outcome.REDEEMED: "The value would be redeemed in one step, without digits beyond the unit's decimals.",
    Outcome.LOADED: "The reward would be added to its balance.",
}
_MEANING_FOR_REWARDS = {
    Outcome.UNCHANGED: "The reward was loaded before; nothing was done again.",
    Outcome.INVALID_VALUE: "A credit, a date or an id is not written as it must be.",
    Outcome.NOT_POSITIVE: "assignedCredit is 0: a reward gives something.",
    Outcome.MISSING_FIELD: "A field that every reward needs is blank.",
}
_MEANING_IN_REVERSAL = {
    Outcome.UNCHANGED: "The import that was reversed redeemed nothing for this row.",
}

_MENDING = {
    Outcome.INVALID_VALUE: "See the message: write plain numbers such as 10.55, and correct the column that "
    "it names.",
    Outcome.NOT_POSITIVE: "Write a value above 0; 0 or blank leaves a row alone.",
    Outcome.TRUNCATES_TO_ZERO: "Write at least one smallest step of the unit (0.01 in CASH/USD, 1 in POINT), "
    "or 0 to leave the row alone.",
    Outcome.MISSING_FIELD: "Copy the blank ids or the unit from the report.",
    Outcome.ROW_CHANGED: "Take these rows from the report again: only valueToRedeem may be edited, "
    "and a sort must move whole rows.",
    Outcome.UNKNOWN_REPORT: "Create the report again in this system and copy the values into it. A report of "
    "another system (such as a test system) or of a version before 0.2 cannot be used.",
    Outcome.DUPLICATE_ROW: "Delete these rows, unless they are meant as a further redemption: of several "
    "rows for one balance only the first is looked at.",
    Outcome.NO_BALANCE: "Check the ids against the report, or delete these rows.",
    Outcome.UNIT_MISMATCH: "Use a unit in which the participant has a balance; the message lists them.",
    Outcome.INSUFFICIENT_BALANCE: "Lower the value to what is available; the message says what that is.",
    Outcome.CANCELLED: "Upload failed.csv as it is to redeem these rows after all.",
    Outcome.NOT_PROCESSED: "Upload failed.csv as it is to try these rows again.",
    Outcome.UNSUPPORTED_TYPE: "Delete these rows: only rewards of type CREDIT carry a balance.",
    Outcome.INVALID_UNIT: "Write the unit as the message names it: CASH/ or CREDIT/ with a currency code in "
    "capitals, or the spelling that is in use.",
    Outcome.ID_IN_USE: "Give these rewards ids of their own: an id belongs to one participant and unit.",
    Outcome.BALANCE_FULL: "Redeem or cancel open rewards of this balance first, then load these again.",
}
_MENDING_IN_REVERSAL = {
    Outcome.NOT_PROCESSED: "Reverse the same import again: what was given back is not given back twice.",
    Outcome.CANCELLED: "Reverse the same import again to give these back after all.",
    Outcome.BALANCE_FULL: "Redeem or cancel open rewards of this balance first, then reverse the same import "
    "again.",
}
_MENDING_FOR_REWARDS = {
    Outcome.INVALID_VALUE: "Write credits as whole numbers of the unit's smallest step, and dates as Unix "
    "milliseconds or ISO 8601; the message names the field.",
    Outcome.NOT_POSITIVE: "Write an assignedCredit above 0, or delete these rows.",
    Outcome.MISSING_FIELD: "Fill in the fields that the message names.",
    Outcome.CANCELLED: "Upload failed.csv as it is to load these rewards after all.",
}

_REASON = {
    FileProblem.UNSUPPORTED_FORMAT: "not an accepted format",
    FileProblem.EMPTY_FILE: "no rows",
    FileProblem.MISSING_COLUMNS: "columns are missing",
    FileProblem.UNREADABLE_FILE: "the file cannot be read",
    FileProblem.FILE_TOO_LARGE: "the file is too large",
    FileProblem.OLD_RESULTS_FILE: "it is a results.csv of version 0.1",
    FileProblem.DUPLICATE_FILE: "its rows were imported before",
    FileProblem.UPLOAD_GONE: "the file is gone",
    FileProblem.UPLOAD_UNREADABLE: "access to the file was denied",
    FileProblem.FORM_USED: "its form was used already",
    FileProblem.VALIDATION_FAILED: "the system could not read it",
}

_FILE_MENDING = {
    FileProblem.UNSUPPORTED_FORMAT: "Open the file in a spreadsheet, save it as CSV (“CSV UTF-8”) or as an "
    "Excel workbook (.xlsx), and upload that.",
    FileProblem.EMPTY_FILE: "Check that you chose the right file and that it was saved before the upload. "
    "It needs a header row and at least one row below it.",
    FileProblem.MISSING_COLUMNS: "Start from a fresh report and change nothing but the column valueToRedeem. "
    "If you make the file yourself, its first row must name the columns accountId, userId, unit and "
    "valueToRedeem.",
    FileProblem.UNREADABLE_FILE: "Correct what the reason names, save the table as “CSV UTF-8” or as an "
    "Excel "
    "workbook (.xlsx) without a password, and upload that.",
    FileProblem.FILE_TOO_LARGE: "Split the file, keep the header row in each part, and upload the parts "
    "one by one. A CSV file may be larger (2 GiB) than a workbook (512 MiB).",
    FileProblem.DUPLICATE_FILE: "If it was uploaded twice by mistake, there is nothing to do. If these "
    "redemptions are meant once more, import the file with “Import even if the same rows were imported "
    "before” (allowDuplicate), or fill in a new report, whose rows have a rowId.",
    FileProblem.OLD_RESULTS_FILE: "Upload failed.csv of that import instead: it has only the rows that were "
    "not redeemed.",
    FileProblem.UPLOAD_GONE: "Upload it again, and leave it in the bucket until the import has ended.",
    FileProblem.UPLOAD_UNREADABLE: "Ask the administrators of the bucket to give this service access to the "
    "file: if it is encrypted with a KMS key, to allow kms:Decrypt to the validate and finish functions. "
    "Then "
    "upload it again. A file encrypted with the bucket's default settings can always be read.",
    FileProblem.FORM_USED: "If it was sent twice by mistake, there is nothing to do. If it is another file, "
    "order an import of its own for it (POST /import) and upload it with that form.",
    FileProblem.VALIDATION_FAILED: "The fault is not in your file. Upload it again later; if it fails again, "
    "tell those who run this service.",
}
_FILE_MENDING_FOR_REWARDS = {
    FileProblem.UNSUPPORTED_FORMAT: "Upload rewards as CSV (“CSV UTF-8”), as a workbook (.xlsx) or as "
    "JSON Lines (.jsonl).",
    FileProblem.MISSING_COLUMNS: "A rewards file needs at least the columns id, type, unit, assignedCredit, "
    "user.id and user.accountId; all others may be left out.",
    FileProblem.UNREADABLE_FILE: "Correct what the reason names, save the file as “CSV UTF-8”, or as JSON "
    "Lines with one object a line, and upload that.",
    FileProblem.FILE_TOO_LARGE: "Split the file, keep the header row in each part, and upload the parts "
    "one by one.",
}


_WARNING_MEANING = {
    WarningCode.NO_ROW_ID: "The row has no rowId, so it cannot be recognised when it is uploaded again.",
    WarningCode.REPEATED_VALUE: "The same value was redeemed from this balance in the last 35 days.",
    WarningCode.DIGITS_TRUNCATED: "The value has more decimals than its unit; those were cut off.",
    WarningCode.REPAIRED: "A spreadsheet changed the row's ids; they were restored by its rowId.",
    WarningCode.PARTICIPANT_BLOCKED: "The participant is blocked.",
    WarningCode.ENCODING_DETECTED: "The file is not Unicode; its encoding was detected.",
    WarningCode.OTHER_SHEETS_IGNORED: "The workbook has more than one sheet; only one was read.",
    WarningCode.UNKNOWN_COLUMN: "The file has a column that is not known; it was ignored.",
    WarningCode.REPORT_OUTDATED: "The balance changed after the row's report was created.",
}
_WARNING_REMEDY = {
    WarningCode.NO_ROW_ID: "Use the report with its rowId column: then each row is redeemed at most once.",
    WarningCode.REPEATED_VALUE: "Check that this is a second payment. If not, reverse one of the imports.",
    WarningCode.DIGITS_TRUNCATED: "Check that the payment was made without these digits.",
    WarningCode.REPAIRED: "Nothing has to be done. To avoid it, edit only valueToRedeem.",
    WarningCode.PARTICIPANT_BLOCKED: "Check whether this person may be paid.",
    WarningCode.ENCODING_DETECTED: "Check the letters in a preview. If they are wrong, set the encoding.",
    WarningCode.OTHER_SHEETS_IGNORED: "Check that the right sheet was read; import the others as files.",
    WarningCode.UNKNOWN_COLUMN: "If the column was meant to count, cancel these rewards, correct its "
    "name, and load them under new ids: loading the same ids again changes nothing.",
    WarningCode.REPORT_OUTDATED: "Check the amounts against a new report.",
}


def warning_meaning(warning: WarningCode) -> str:
    """Say what a warning is about."""
    return _WARNING_MEANING[warning]


def warning_remedy(warning: WarningCode) -> str:
    """Say what an operator does about a warning."""
    return _WARNING_REMEDY[warning]


def meaning(outcome: Outcome, loads_rewards: bool, dry_run: bool, reverses: bool) -> str:
    """What became of the rows of an outcome."""
    if dry_run and outcome in _MEANING_IN_PREVIEW:
        return _MEANING_IN_PREVIEW[outcome]
    special = _MEANING_FOR_REWARDS if loads_rewards else _MEANING_IN_REVERSAL if reverses else {}
    return special.get(outcome, _MEANING[outcome])


def mending(outcome: Outcome, loads_rewards: bool, reverses: bool) -> str:
    """What an operator does about the rows of an outcome that is not settled."""
    special = _MENDING_FOR_REWARDS if loads_rewards else _MENDING_IN_REVERSAL if reverses else {}
    return special.get(outcome, _MENDING[outcome])


def reason(problem: FileProblem) -> str:
    """Why a file was refused, in a few words."""
    return _REASON[problem]


def file_mending(problem: FileProblem, loads_rewards: bool) -> str:
    """How to mend a file that was refused."""
    return (_FILE_MENDING_FOR_REWARDS if loads_rewards else {}).get(problem, _FILE_MENDING[problem])
