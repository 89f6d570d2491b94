"""How a workbook is rejected: what is wrong, and how to fix it."""

from rewards.domain.outcomes import FileProblem, FileRejectedError


class NoWorkbookError(FileRejectedError):
    """The file is something else, whatever its name says."""

    def __init__(self) -> None:
        super().__init__(
            FileProblem.UNREADABLE_FILE,
            "The file is named .xlsx but is not an Excel workbook. If it is a text file, give it a name that "
            "ends in .csv. Otherwise open it in the program that made it and save it as .xlsx.",
        )


def unreadable(what: str) -> FileRejectedError:
    """The rejection of a damaged workbook; `what` is a sentence that says where."""
    remedy = "Open the file in your spreadsheet program and save it again as .xlsx."
    return FileRejectedError(FileProblem.UNREADABLE_FILE, f"{what} {remedy}")


def too_large(what: str) -> FileRejectedError:
    """The rejection of a workbook beyond a bound; `what` is a sentence that names it."""
    remedy = "Keep only the sheet and the rows that are to be imported, or split them into several files."
    return FileRejectedError(FileProblem.FILE_TOO_LARGE, f"{what} {remedy}")
