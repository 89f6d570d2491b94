"""Which imports were sealed with the same rows, in the table `Jobs`."""

from dataclasses import dataclass
from typing import Any

from rewards.adapters.jobs_table import JobsTable, put_action

_ROWS = "ROWS"
_FILE = "FILE"


@dataclass(frozen=True, slots=True)
class RowsClaim:
    """The imports that were sealed with the same rows, as read at `version` (0: nothing is stored yet)."""

    digest: str
    version: int
    imports: tuple[str, ...]

    def action(self, table: str) -> Any:
        """The transaction's action that stores the claim, if nobody changed it since it was read."""
        return put_action(table, f"{_ROWS}#{self.digest}", {"imports": list(self.imports)}, self.version)


class RowClaims:
    """Reads the claims; the seal of an import stores them (`ImportJobs.seal`)."""

    def __init__(self, table: JobsTable) -> None:
        self._table = table

    def read(self, digest: str) -> RowsClaim:
        """The imports that were sealed with the same rows, as stored now."""
        record = self._table.get(_ROWS, digest) or {"version": 0, "imports": []}
        return RowsClaim(digest, record["version"], tuple(record["imports"]))

    def file_owner(self, digest: str) -> str | None:
        """The import that redeemed a file with these bytes, as version 0.1 stored it."""
        record = self._table.get(_FILE, digest)
        return record["importId"] if record else None
