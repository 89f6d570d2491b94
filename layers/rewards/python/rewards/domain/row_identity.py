"""Whose a row is: what it shows, or what its rowId stands for if a program damaged the ids (CONTRACT 3.1)."""

from itertools import product
from unicodedata import normalize

from rewards.domain import ids, invisible, row_ids
from rewards.domain.balance import CLOCK_MARGIN
from rewards.domain.damage import is_damage
from rewards.domain.id_limits import MAX_ID_BYTES
from rewards.domain.outcomes import Outcome
from rewards.domain.repair import MAX_ROWS, Difference, Identity, Reports, differences, named
from rewards.domain.row_ids import RowIdKeys, RowIds

_EXPORTS = 1_000  # reports cached; the rows of a file come from few
MAX_REPORTS = 1_000  # reports that are read to repair the rows of one file

# How the message of a row begins whose ids were restored.
REPAIRED = "Repaired by rowId:"


class RowIdentifier:
    """Finds the identity of each row of one file.

    The reports that rows name whose rowIds do not match their ids are collected in `exports`; `reports` are
    those that may repair such rows.
    """

    def __init__(self, keys: RowIdKeys, uploaded: int, reports: Reports, *, has_program: bool) -> None:
        """`uploaded` is the time of the upload (Unix ms); `has_program`: the file has a column programId."""
        self.exports: dict[str, None] = {}
        self._keys = keys
        self._uploaded = uploaded
        self._reports = reports
        self._has_program = has_program
        self._known: dict[str, RowIds | None] = {}

    def report_of(self, row_id: str) -> RowIds | None:
        """The rowIds of the report that a rowId names, unless the report is from the future."""
        start = row_id[: row_ids.START]
        if start not in self._known:
            export_id = row_ids.export_of(row_id)
            # A rowId from the future is not ours. Accepting it could hide a redemption in history
            # (balance.needs_history covers more than this margin).
            if export_id is None or ids.time_of(export_id) > self._uploaded + CLOCK_MARGIN // 2:
                return None
            if len(self._known) >= _EXPORTS:
                self._known.clear()
            self._known[start] = self._keys.of(export_id)
        return self._known[start]

    def identify(
        self, row_id: str, shown: Identity
    ) -> tuple[Identity, str | None, str] | tuple[Outcome, str]:
        """The row's identity, its rowId, and what was repaired; or why it is rejected."""
        if not row_id:
            return shown, None, ""
        report = self.report_of(row_id) if row_ids.export_of(row_id) else None
        if report is None:
            return Outcome.UNKNOWN_REPORT, (
                f"rowId {_quoted(row_id[:40])} was not created by a report of this system. It was changed or "
                "comes from a version before 0.2. Create the report again and copy the values into it."
            )
        if row_id == report.make(*shown):
            return shown, row_id, ""
        if len(self.exports) < MAX_REPORTS:
            self.exports[report.export_id] = None
        true = self._reports.identities.get(row_id) or _respelt(shown, row_id, report)
        if true is not None and row_id != report.make(*true):
            true = None  # the key that made it was withdrawn
        if true is not None:
            return self._repaired(shown, true, row_id)
        if report.export_id not in self._reports.known:
            return Outcome.UNKNOWN_REPORT, self._unknown(row_id, report.export_id)
        reason = "a cell was edited, or a sort moved only some columns"
        if self._reports.too_many:
            reason = f"more than {MAX_ROWS:,} rows of the file do not match their rowIds, so none is repaired"
        return Outcome.ROW_CHANGED, (
            f"rowId does not belong to account {_quoted(shown.account_id)}, user "
            f"{_quoted(shown.user_id)}, unit {_quoted(shown.unit)}, program "
            f"{_quoted(shown.program_id or '')}: {reason}. Copy this row from the report again."
        )

    def _unknown(self, row_id: str, export_id: str) -> str:
        limit = ""
        if export_id not in self.exports:
            limit = f" (only the first {MAX_REPORTS:,} reports of a file are checked; split the file)"
        return (
            f"No report of this system has the rowId {row_id!r}{limit}. It comes from another system or was "
            "changed. Create the report again in this system and copy the values into it."
        )

    def _repaired(
        self, shown: Identity, true: Identity, row_id: str
    ) -> tuple[Identity, str, str] | tuple[Outcome, str]:
        """The identity behind a rowId, if a program may have damaged what the row shows; else why not."""
        found = differences(shown, true, has_program=self._has_program)
        said = "; ".join(map(_in_words, found))
        elsewhere = self._reports.belongs_elsewhere(row_id, shown, found)
        if elsewhere:
            problem = f"The row may be sorted incorrectly: {said}, and {elsewhere}."
        elif all(is_damage(each.shown, each.true) for each in found):
            return true, row_id, f"{REPAIRED} {said}." if said else ""
        else:
            problem = f"The row was edited or sorted incorrectly: {said}."
        return Outcome.ROW_CHANGED, f"{problem} Copy this row from the report again."


def _respelt(shown: Identity, row_id: str, report: RowIds) -> Identity | None:
    """What a row shows, in the Unicode form that matches the rowId; None if no form does."""
    if all(map(str.isascii, (text for _, text in named(shown)))):
        return None
    forms = [
        list(dict.fromkeys((text, normalize("NFC", text), normalize("NFD", text))))
        for _, text in named(shown)
    ]
    for account_id, user_id, unit, program in product(*forms):
        if row_id == report.make(account_id, user_id, unit, program or None):
            return Identity(account_id, user_id, unit, program or None)
    return None


def _in_words(found: Difference) -> str:
    same = normalize("NFC", found.shown) == normalize("NFC", found.true)
    how = " (the same letters in another Unicode form)" if same else ""
    return f"{found.column} is {_quoted(found.shown)} but {_quoted(found.true)} in the report{how}"


def _quoted(text: str) -> str:
    """A cell's text for a message, which must not grow with the cell."""
    return repr(invisible.shown(text if len(text) <= MAX_ID_BYTES else text[: MAX_ID_BYTES - 1] + "…"))
