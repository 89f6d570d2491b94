"""When an upload outside the folders was last reported, in the table `Jobs`."""

from rewards.adapters.jobs_table import JobsTable

_MISPLACED = "MISPLACED"
_UPLOADS = "UPLOADS"


class MisplacedReports:
    """Says who may send the next report. `upload` names one version of one object."""

    def __init__(self, table: JobsTable) -> None:
        self._table = table

    def begin(self, upload: str, now: int, until: int) -> bool:
        """Take the right to report an upload until a moment (Unix ms).

        False while another upload has it, and if this upload was reported already.
        """
        self._table.create(_MISPLACED, _UPLOADS, {"reported": None})
        if not self._table.lease(_MISPLACED, _UPLOADS, upload, now, until):
            return False
        record = self._table.get(_MISPLACED, _UPLOADS) or {}
        return record.get("reported") != upload

    def end(self, upload: str) -> None:
        """Remember that an upload was reported, if it still has the right."""
        self._table.update(_MISPLACED, _UPLOADS, {"reported": upload}, leaseOwner=upload)
