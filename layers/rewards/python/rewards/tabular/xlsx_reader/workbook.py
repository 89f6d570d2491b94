"""A workbook: which sheets it has, what their cells mean, and which sheet has the columns that are needed."""

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import BinaryIO, NamedTuple
from urllib.parse import unquote

from rewards.domain.header import HEADER_ROWS, missing_columns, missing_message
from rewards.domain.outcomes import FileProblem, FileRejectedError
from rewards.tabular.xlsx_reader.cell_text import (
    BUILT_IN_FORMATS,
    date_text,
    format_kind,
    number_cell,
    percentage_text,
    unescaped,
)
from rewards.tabular.xlsx_reader.errors import NoWorkbookError, unreadable
from rewards.tabular.xlsx_reader.limits import MAX_SMALL_PART, MAX_TEXTS_PART
from rewards.tabular.xlsx_reader.package import Package
from rewards.tabular.xlsx_reader.parts import ListReader, SharedTexts
from rewards.tabular.xlsx_reader.sheet_reader import Row, SheetReader

_VISIBILITY = {"hidden": 1, "veryHidden": 2}


class WorkbookRows(NamedTuple):
    """The rows of the sheet that is read, and the names of visible sheets that have content and are not."""

    rows: Iterator[Row]
    sheet: str
    ignored: Sequence[str]


def read_workbook(file: BinaryIO, needed: Sequence[str], safe: Callable[[str], str]) -> WorkbookRows:
    """The rows of a sheet from its header on, with the numbers that the spreadsheet shows.

    The sheet is the first, visible ones before hidden ones, that has all `needed` column names in
    one of its first 20 rows that are not empty. Empty rows are skipped but counted, and no row is
    wider than its last cell with text. `safe` makes a text a cell that no spreadsheet runs. `file` must be
    seekable and stays open.
    Raises FileRejectedError, now or at any later row.
    """
    book = _Book(Package(file), safe)
    best: tuple[list[str], str, Row] | None = None
    for sheet in book.sheets:
        rows = book.rows(sheet)
        for row in islice(rows, HEADER_ROWS):
            missing = missing_columns(row[1], needed)
            if not missing:
                others = (each for each in book.sheets if each is not sheet and each.visible)
                ignored = [each.name for each in others if book.has_content(each)]
                return WorkbookRows(chain((row,), rows), sheet.name, ignored)
            if best is None or len(missing) < len(best[0]):
                best = missing, sheet.name, row
    if best is None:
        raise FileRejectedError(FileProblem.EMPTY_FILE, "The workbook has no rows, not even a header.")
    missing, name, (number, header) = best
    place = f"Row {number} of sheet “{name}”"
    raise FileRejectedError(FileProblem.MISSING_COLUMNS, missing_message(header, missing, place))


@dataclass(frozen=True, slots=True)
class _Sheet:
    name: str
    part: str
    visible: bool


@dataclass(frozen=True, slots=True)
class _Relation:
    id: str
    kind: str
    part: str


def _sheets(listed: list[dict[str, str]], related: Mapping[str, _Relation]) -> Iterator[_Sheet]:
    """The sheets that have cells, visible ones first; each part once."""
    seen = set()
    for each in sorted(listed, key=lambda sheet: _VISIBILITY.get(sheet.get("state", ""), 0)):
        name = each.get("name", "")
        relation = related.get(each.get("id", ""))
        if relation is None:
            raise unreadable(f"_Sheet “{name}” is missing in the workbook.")
        if relation.kind == "worksheet" and relation.part not in seen:
            seen.add(relation.part)
            yield _Sheet(name, relation.part, each.get("state", "") not in _VISIBILITY)


class _Book:
    """A workbook; `sheets` are those with cells, visible ones first."""

    def __init__(self, package: Package, safe: Callable[[str], str]) -> None:
        self._package = package
        self._safe = safe
        main = [each.part for each in self._related("") if each.kind == "officeDocument"]
        part = main[0] if main else "xl/workbook.xml"
        if part.endswith(".bin") or part not in package:
            raise NoWorkbookError
        sheets, properties = self._listed(part, "The list of sheets", "sheets/sheet", "workbook/workbookPr")
        self._from_1904 = any(each.get("date1904") in ("1", "true") for each in properties)
        related = self._related(part)
        self.sheets = list(_sheets(sheets, {each.id: each for each in related}))
        others = {each.kind: each.part for each in related}
        self._styles = self._special_styles(others.get("styles"))
        self._texts = SharedTexts()
        if "sharedStrings" in others:
            for _ in package.read(others["sharedStrings"], self._texts, MAX_TEXTS_PART):
                pass

    def rows(self, sheet: _Sheet) -> Iterator[Row]:
        """The rows that are not empty."""
        reader = SheetReader(sheet.name, self._text, self._safe)
        for _ in self._package.read(sheet.part, reader):
            yield from reader.rows
            reader.rows.clear()

    def has_content(self, sheet: _Sheet) -> bool:
        """Whether a sheet has any text or number; one that cannot be read counts as if it had."""
        try:
            return any(cell.strip() for _, row in self.rows(sheet) for cell in row)
        except FileRejectedError:
            return True

    def _listed(self, part: str, what: str, *paths: str) -> list[list[dict[str, str]]]:
        reader = ListReader(what, *paths)
        for _ in self._package.read(part, reader, MAX_SMALL_PART):
            pass
        return [reader.found[path] for path in paths]

    def _related(self, part: str) -> list[_Relation]:
        """What a part refers to."""
        folder, name = posixpath.split(part)
        relations = posixpath.join(folder, "_rels", name + ".rels")
        if relations not in self._package:
            return []
        found = []
        what = "The list of the workbook's parts"
        for each in self._listed(relations, what, "Relationships/Relationship")[0]:
            kind = each.get("Type", "").rpartition("/")[2]
            target = posixpath.join("/", folder, unquote(each.get("Target", "")).replace("\\", "/"))
            found.append(_Relation(each.get("Id", ""), kind, posixpath.normpath(target).lstrip("/")))
        return found

    def _special_styles(self, part: str | None) -> dict[str, str]:
        """The cell styles that show a number as a "date" or a "percentage"."""
        if part is None:
            return {}
        paths = "cellXfs/xf", "numFmts/numFmt"
        styles, formats = self._listed(part, "The list of cell styles", *paths)
        kinds = dict(BUILT_IN_FORMATS)
        kinds.update((each.get("numFmtId", ""), format_kind(each.get("formatCode", ""))) for each in formats)
        shown = (kinds.get(style.get("numFmtId", "0"), "") for style in styles)
        return {str(place): kind for place, kind in enumerate(shown) if kind}

    def _text(self, cell_type: str, style: str, raw: str) -> str:
        """The text of a cell; LookupError for a type or shared text that does not exist."""
        if cell_type == "s":
            return self._texts[raw]
        if cell_type == "n":
            kind = self._styles.get(style)
            if kind is None:
                return number_cell(raw)
            return percentage_text(raw) if kind == "percentage" else date_text(raw, self._from_1904)
        if cell_type in ("str", "inlineStr"):
            return unescaped(raw)
        if cell_type == "b":
            return {"1": "TRUE", "true": "TRUE", "0": "FALSE", "false": "FALSE"}.get(raw, raw)
        if cell_type in ("e", "d"):
            return raw
        raise LookupError(f"the cell type {cell_type[:20]!r}")
