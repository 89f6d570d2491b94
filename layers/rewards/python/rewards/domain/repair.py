"""Which rows a rowId may repair: what the reports and the other rows of the file say (CONTRACT 3.1).

Ids that differ by zeros only can be damage, or the ids of two people whose cells were swapped. So before a
row is repaired, the whole file is surveyed and compared with the reports that its rows come from. A row is
not repaired if what it shows belongs to another row:

    - another row of the same report has the shown account, user and unit;
    - a row of the file whose own rowId fits shows them;
    - a shown cell is missing from the row that it belongs to: a sort moved one column only.

Texts are compared without what programs add to them, or ids in quotes could be swapped unnoticed.
"""

from array import array
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from rewards.domain.damage import unquoted
from rewards.domain.duplicate_index import fingerprint
from rewards.domain.invisible import visible
from rewards.domain.texts import normalised

# More rows that do not fit their rowIds are not repaired: their identities are held in memory.
MAX_ROWS = 1_000_000


class Identity(NamedTuple):
    """Whose a row of a report is."""

    account_id: str
    user_id: str
    unit: str
    program_id: str | None


class Difference(NamedTuple):
    """A cell that is not what its report has there."""

    column: str
    shown: str
    true: str


def named(identity: Identity) -> list[tuple[str, str]]:
    """The cells of an identity by column, a missing program as a blank cell."""
    return [
        ("accountId", identity.account_id),
        ("userId", identity.user_id),
        ("unit", identity.unit),
        ("programId", identity.program_id or ""),
    ]


def differences(shown: Identity, true: Identity, *, has_program: bool) -> list[Difference]:
    """Where a row differs from its report. A report for one program names it in every row, and its rowIds
    say it if the file has no column for it."""
    return [
        Difference(column, text, meant)
        for (column, text), (_, meant) in zip(named(shown), named(true), strict=True)
        if text != meant and (has_program or column != "programId")
    ]


def plain(text: str) -> str:
    """A text without what programs add to it: invisible characters, quotes, another Unicode form."""
    return unquoted(normalised(visible(text)))


def _key(identity: Identity) -> tuple[str, str, str]:
    """Whose a row is, whatever programs added to it. The program is the same in all rows of a report."""
    return plain(identity.account_id), plain(identity.user_id), plain(identity.unit)


class Survey:
    """Whose the rows of a whole file are: those that fit their rowIds, and those that do not."""

    def __init__(self, *, has_program: bool) -> None:
        self.has_program = has_program
        self.others: list[tuple[str, Identity]] = []  # rowId and what is shown
        self.fitting = array("Q")  # fingerprints: 8 bytes per row
        self.too_many = False
        self._texts: dict[str, str] = {}

    def fits(self, shown: Identity) -> None:
        """A row that fits its rowId."""
        self.fitting.append(fingerprint(*_key(shown)))

    def differs(self, row_id: str, shown: Identity) -> None:
        """A row that does not fit its rowId."""
        if len(self.others) == MAX_ROWS:
            self.too_many = True
            return
        account_id, user_id, unit, program_id = shown
        self.others.append((row_id, Identity(self._kept(account_id), user_id, self._kept(unit), program_id)))

    def _kept(self, text: str) -> str:
        """One text for all rows that have it."""
        return self._texts.setdefault(text, text) if len(self._texts) < MAX_ROWS else text


class Reports:
    """What the reports of this stack say of the rows of a file that do not fit their rowIds.

    `known` are the ids of those reports; `identities` are those of the rows of kept reports by rowId.
    """

    def __init__(self, known: Iterable[str] = (), too_many: bool = False) -> None:
        self.known = frozenset(known)
        self.identities: Mapping[str, Identity] = {}
        self.too_many = too_many
        self._of_report: Mapping[int, str | None] = {}
        self._in_file: frozenset[int] = frozenset()
        self._moved: frozenset[int] = frozenset()

    @classmethod
    def read(
        cls, known: Iterable[str], survey: Survey, rows: Iterable[tuple[str, str, Identity]]
    ) -> "Reports":
        """The reports of a surveyed file; `rows` are export, rowId and identity of those that are kept."""
        found = cls(known, survey.too_many)
        if survey.too_many:
            return found
        row_ids = {row_id: row_id for row_id, _ in survey.others}
        shown = {fingerprint(row_id[:17], *_key(shown)) for row_id, shown in survey.others}
        identities: dict[str, Identity] = {}
        of_report: dict[int, str | None] = {}
        for _, row_id, true in rows:
            if row_id in row_ids:
                identities[row_ids[row_id]] = true
            key = fingerprint(row_id[:17], *_key(true))
            if key in shown:  # of several rows that look alike, each is another row for all of them
                of_report[key] = None if key in of_report else row_id
        in_file = {fingerprint(*_key(shown)) for _, shown in survey.others}.intersection(survey.fitting)
        found.identities = identities
        found._of_report, found._in_file = of_report, frozenset(in_file)
        found._moved = frozenset(
            fingerprint(column, plain(meant))
            for row_id, shown in survey.others
            if row_id in identities
            for column, text, meant in differences(shown, identities[row_id], has_program=survey.has_program)
            if plain(text) != plain(meant)
        )
        return found

    def belongs_elsewhere(self, row_id: str, shown: Identity, found: Iterable[Difference]) -> str:
        """To which other row belongs what a damaged row shows, in words; nothing if to none.

        The program is left out: all rows of a report have the same.
        """
        found = list(found)
        if any(each.column != "programId" for each in found):
            if self._of_report.get(fingerprint(row_id[:17], *_key(shown)), row_id) != row_id:
                return "another row of the report has this account, user and unit"
            if fingerprint(*_key(shown)) in self._in_file:
                return "another row of the file has this account, user and unit"
        for column, text, meant in found:
            if plain(text) != plain(meant) and fingerprint(column, plain(text)) in self._moved:
                return f"another row of the file should have this {column} and shows a different one"
        return ""


NO_REPORTS = Reports()
