"""Which imports of the history are listed. All parts of a filter must fit."""

from dataclasses import dataclass

from rewards.domain.import_job import ImportJob
from rewards.domain.texts import folded


@dataclass(frozen=True, slots=True)
class ImportFilter:
    """A filter of the history; None where everything fits.

    Imports were created at `since` or later, and earlier than `before` (Unix ms). `query` is a part of the
    name, the file name, the requester or the id, in upper or lower case.
    """

    status: str | None = None
    type: str | None = None
    since: int | None = None
    before: int | None = None
    query: str | None = None

    @property
    def reads_records(self) -> bool:
        """Whether more than an import's id decides."""
        return (self.status, self.type, self.query) != (None, None, None)

    def fits(self, job: ImportJob) -> bool:
        """Whether an import that was created in the period fits."""
        if self.status not in (None, job.status) or self.type not in (None, job.type):
            return False
        if self.query is None:
            return True
        part = folded(self.query.strip())
        return any(part in folded(text) for text in (job.name, job.file_name, job.requester, job.id))


ALL_IMPORTS = ImportFilter()


@dataclass(frozen=True, slots=True)
class ImportList:
    """A page of the history, newest first, and how many imports fit in all.

    `searched_since` is None if all imports were searched, else the moment (Unix ms) from which on they were.
    """

    jobs: list[ImportJob]
    total: int
    searched_since: int | None = None
