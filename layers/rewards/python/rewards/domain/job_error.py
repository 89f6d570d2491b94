"""Why an import or an export ended without what it was requested for (CONTRACT 3.2 and 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rewards.domain.control_totals import Difference
from rewards.domain.errors import FaultError
from rewards.domain.outcomes import FileProblem


class JobError(StrEnum):
    """All error codes of imports and exports. Those of rejected files are the members of FileProblem."""

    UNSUPPORTED_FORMAT = FileProblem.UNSUPPORTED_FORMAT
    EMPTY_FILE = FileProblem.EMPTY_FILE
    MISSING_COLUMNS = FileProblem.MISSING_COLUMNS
    UNREADABLE_FILE = FileProblem.UNREADABLE_FILE
    FILE_TOO_LARGE = FileProblem.FILE_TOO_LARGE
    DUPLICATE_FILE = FileProblem.DUPLICATE_FILE
    OLD_RESULTS_FILE = FileProblem.OLD_RESULTS_FILE
    TOTALS_MISMATCH = FileProblem.TOTALS_MISMATCH
    UPLOAD_GONE = FileProblem.UPLOAD_GONE
    UPLOAD_UNREADABLE = FileProblem.UPLOAD_UNREADABLE
    FORM_USED = FileProblem.FORM_USED
    VALIDATION_FAILED = FileProblem.VALIDATION_FAILED
    REQUESTER_UNKNOWN = FileProblem.REQUESTER_UNKNOWN
    # Nobody approved the import in time, or somebody declined it:
    APPROVAL_EXPIRED = "APPROVAL_EXPIRED"
    APPROVAL_REJECTED = "APPROVAL_REJECTED"
    # No file arrived while the form of an import worked:
    UPLOAD_EXPIRED = "UPLOAD_EXPIRED"
    # Every row was processed, but results.csv could not be written:
    RESULTS_FAILED = "RESULTS_FAILED"
    # Of exports:
    EXPORT_FAILED = "EXPORT_FAILED"
    REPORT_TOO_LARGE = "REPORT_TOO_LARGE"
    BALANCES_MOVED = "BALANCES_MOVED"

    @property
    def file_problem(self) -> FileProblem | None:
        """Why the whole file was rejected; None of every other error."""
        return FileProblem.__members__.get(self.name)


@dataclass(frozen=True, slots=True)
class JobFailure:
    """The error of an import or an export; `message` says in words what happened and how to fix it.

    `differences` are the control totals that a file does not have.
    """

    code: JobError
    message: str
    differences: Sequence[Difference] = ()


class ImpossibleTransitionError(FaultError):
    """A status was to be written that cannot follow the status before it: a mistake in the code."""
