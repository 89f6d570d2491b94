"""Reading an XLSX upload as a stream: cells as text, no value misread, memory bounded.

The text of a cell:

- text: as it is; parts of rich text joined, phonetic readings left out, spaces kept, escapes
  like `_x000D_` decoded. A number stored as text stays that text.
- number: at most 15 significant digits, as spreadsheets show them (30.299999999999997 is
  "30.3"), in plain digits, never with an exponent; `decimal` rounds, not binary floating point.
  A whole number that the file writes out in digits keeps all of them: scripts store ids so.
- number shown as a percentage: "50%"; as a date or time: "2026-01-31", "2026-01-31T12:30:00", or
  "12:30:00" (day 0 of the 1900 system), "########" before 1900 and after 9999. Not the number
  that is stored: nobody saw it, and an id that became a date must not pass.
- "TRUE" and "FALSE"; errors as shown, "#N/A"; of a formula its stored result, or that it
  was never computed: a blank cell would be taken for a row to leave alone.
- what stands where a number should, and is none: as it is, for the rules to reject.
- all but numbers: as a cell of a CSV file that no spreadsheet runs as a formula (`rules/spreadsheet.py`).

A file beyond any of the bounds below is rejected. So is one in which a row or cell occurs twice or
in the wrong order, and one with what no spreadsheet writes (a DTD, tags or nesting without end).
Damage may show at the very end (checksums), so nothing may be done before the last row was read.
"""

import posixpath
import re
import zipfile
import zlib
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache
from itertools import chain, islice, product
from string import ascii_uppercase, digits
from typing import BinaryIO, NamedTuple
from urllib.parse import unquote
from xml.parsers import expat

from rewards.domain.header import HEADER_ROWS, missing_columns, missing_message
from rewards.domain.outcomes import FileProblem, FileRejectedError
from rewards.domain.spreadsheet import inert
from rewards.domain.values import NumberCell, RoundedNumber
from rewards.tabular.csv_reader import MAX_LINE

MAX_BYTES = 2 << 30  # unpacked, by the zip's directory, to which its parts are held; and characters of rows
MAX_ROWS = 1_048_576  # of a sheet; this and the next two are Excel's own limits
MAX_COLUMNS = 16_384
MAX_CELL = 32_767  # characters
MAX_ROW = MAX_LINE  # characters, as in CSV
MAX_CELLS = 1 << 25  # of a sheet, with the gaps before cells; the same for all other elements together
MAX_TEXTS = 1 << 24  # shared texts; each takes 4 bytes and itself
MAX_TEXT_BYTES = 1 << 28  # all shared texts in UTF-8; they are what memory grows by

NOT_COMPUTED = "formula without a result"

_MAX_TEXTS_PART = 1 << 29  # bytes of XML around the shared texts
_MAX_SMALL_PART = 1 << 25  # bytes of XML: every other part but the sheets
_MAX_LISTED = 1 << 17  # cell styles and number formats, sheets, relations between parts
_MAX_DIRECTORY = 1 << 21  # bytes of the zip's directory, some 20,000 parts
_MAX_IDLE = 1 << 20  # bytes of XML from one tag to the next
_MAX_NAMESPACE = 255  # characters; expat copies it for every name
_MAX_DEPTH = 1_000
_CHUNK = 1 << 14  # bytes of XML at a time; small, because they may stand for far more shared text

_OLE = bytes.fromhex("D0CF11E0")  # old .xls, and what Excel wraps a workbook with a password in
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError)
_VISIBILITY = {"hidden": 1, "veryHidden": 2}
_NAMESPACES = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",  # “Strict Open XML”
)

Row = tuple[int, list[str]]
CellText = Callable[[str, str, str], str]


class WorkbookRows(NamedTuple):
    """The rows of the sheet that is read, and the names of visible sheets that have content and are not."""

    rows: Iterator[Row]
    sheet: str
    ignored: Sequence[str]


def read_workbook(file: BinaryIO, needed: Sequence[str], safe: Callable[[str], str] = inert) -> WorkbookRows:
    """The rows of a sheet from its header on, with the numbers that the spreadsheet shows.

    The sheet is the first, visible ones before hidden ones, that has all `needed` column names in
    one of its first 20 rows that are not empty. Empty rows are skipped but counted, and no row is
    wider than its last cell with text. `safe` makes a text a cell that no spreadsheet runs. `file` must be
    seekable and stays open.
    Raises FileRefusedError, now or at any later row.
    """
    book = _Book(_Package(file), safe)
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


def _unreadable(what: str) -> FileRejectedError:
    remedy = "Open the file in your spreadsheet program and save it again as .xlsx."
    return FileRejectedError(FileProblem.UNREADABLE_FILE, f"{what} {remedy}")


def _too_large(what: str) -> FileRejectedError:
    remedy = "Keep only the sheet and the rows that are to be imported, or divide them among several files."
    return FileRejectedError(FileProblem.FILE_TOO_LARGE, f"{what} {remedy}")


# The file: a zip of XML parts


class NoWorkbookError(FileRejectedError):
    """The file is something else, whatever its name says."""

    def __init__(self) -> None:
        super().__init__(
            FileProblem.UNREADABLE_FILE,
            "The file is named .xlsx but is not an Excel workbook. If it is a text file, give it a name that "
            "ends in .csv. Otherwise open it in the program that made it and save it as .xlsx.",
        )


class _Careful:
    """A file that is read in small pieces only: `zipfile` takes in a zip's directory at once."""

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell, self.seekable, self._file = file.seek, file.tell, file.seekable, file

    def read(self, size: int = -1, /) -> bytes:
        if size > _MAX_DIRECTORY:
            raise _too_large("The workbook consists of too many parts.")
        return self._file.read(size)


class _Package:
    """The parts of a workbook; their names match without regard to case."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        start = file.read(4)
        file.seek(0)
        if not start:
            raise FileRejectedError(FileProblem.EMPTY_FILE, "The file is empty.")
        if start == _OLE:
            raise FileRejectedError(
                FileProblem.UNREADABLE_FILE,
                "The workbook has an old format or is protected by a password: "
                "save it as .xlsx without a password.",
            )
        if not start.startswith(b"PK"):
            raise NoWorkbookError
        with _zip_errors("The workbook is damaged or was cut off"):
            self._zip = zipfile.ZipFile(_Careful(file))
        self._parts: dict[str, list[zipfile.ZipInfo]] = {}
        for entry in self._zip.infolist():
            name = entry.filename.replace("\\", "/").lstrip("/").lower()
            self._parts.setdefault(name, []).append(entry)
        if sum(entry.file_size for entry in self._zip.infolist()) > MAX_BYTES:
            raise _too_large("The workbook unpacks to more than 2 GiB.")

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._parts

    def read(self, name: str, reader: "_Reader", limit: int = MAX_BYTES) -> Iterator[None]:
        """Have the reader take in a part of at most `limit` bytes, one chunk a step."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = reader.start
        parser.EndElementHandler = reader.end
        parser.CharacterDataHandler = reader.text
        parser.StartNamespaceDeclHandler = reader.namespace
        parser.StartDoctypeDeclHandler = reader.doctype
        idle = seen = 0
        for chunk in chain(self._chunks(name, reader.what, limit), (b"",)):
            if reader.done:
                continue  # only for the checksum
            try:
                parser.Parse(chunk, not chunk)
            except (expat.ExpatError, LookupError, ValueError) as error:  # the latter for odd encodings
                raise reader.damaged(str(error)) from error
            reader.check()
            # Neither a tag nor a comment or blanks may go on for ever.
            idle = 0 if reader.tags() != seen else idle + len(chunk)
            seen = reader.tags()
            if idle > _MAX_IDLE:
                raise reader.damaged(f"{_MAX_IDLE:,} bytes without a tag")
            yield

    def _chunks(self, name: str, what: str, limit: int) -> Iterator[bytes]:
        entries = self._parts.get(name.lower(), ())
        if len(entries) != 1:
            raise _unreadable(f"{what} is {'ambiguous' if entries else 'missing'} in the workbook ({name}).")
        (entry,) = entries
        if entry.file_size > limit:
            raise _too_large(f"{what} unpacks to {entry.file_size:,} bytes, more than {limit:,}.")
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _unreadable(f"{what} is encrypted or packed in a way that spreadsheets do not know.")
        with _zip_errors(f"{what} is damaged"):
            part = self._zip.open(entry)
        with part:
            while True:
                # Reads no further than the directory says, and compares the checksum at the end.
                with _zip_errors(f"{what} is damaged"):
                    chunk = part.read(_CHUNK)
                if not chunk:
                    return
                yield chunk


@contextmanager
def _zip_errors(what: str) -> Iterator[None]:
    try:
        yield
    except _ZIP_ERRORS as error:
        raise _unreadable(f"{what} ({error}): upload it again, or mend it.") from error


# Readers: what is made of the XML of a part


def _tags(name: str) -> frozenset[str]:
    return frozenset(f"{namespace} {name}" for namespace in _NAMESPACES)


_C, _V, _F, _IS, _T, _RPH, _SI = (_tags(name) for name in ("c", "v", "f", "is", "t", "rPh", "si"))
_ROW, _SHEET_DATA, _WORKSHEET = (_tags(name) for name in ("row", "sheetData", "worksheet"))


class _Reader:
    """Takes in the XML of one part, and rejects what no spreadsheet writes."""

    done = False  # with what is wanted of the part

    def __init__(self, what: str) -> None:
        self.what = what
        self._depth = self._elements = 0

    def start(self, _tag: str, _attributes: Mapping[str, str]) -> None:
        self._depth += 1
        self._elements += 1

    def end(self, _tag: str) -> None:
        self._depth -= 1

    def text(self, text: str) -> None:
        """Characters between tags, in pieces."""

    def namespace(self, _prefix: str, uri: str) -> None:
        if uri and len(uri) > _MAX_NAMESPACE:
            raise self.damaged("a namespace with a name without end")

    def doctype(self, *_: object) -> None:
        raise self.damaged("it defines entities, which no spreadsheet does")

    def tags(self) -> int:
        """How many tags have been opened."""
        return self._elements

    def check(self) -> None:
        """Called after every chunk."""
        if self._depth > _MAX_DEPTH:
            raise self.damaged("elements within elements without end")
        if self._elements > MAX_CELLS:
            raise _too_large(f"{self.what} has more than {MAX_CELLS:,} XML elements besides cells.")

    def damaged(self, how: str) -> FileRejectedError:
        return _unreadable(f"{self.what} is damaged ({how}).")


class _ListReader(_Reader):
    """Collects the attributes of some elements, named by "parent/name"."""

    def __init__(self, what: str, *paths: str) -> None:
        super().__init__(what)
        self._open = [""]
        self.found: dict[str, list[dict[str, str]]] = {path: [] for path in paths}

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        super().start(tag, attributes)
        name = tag.rpartition(" ")[2]
        found = self.found.get(f"{self._open[-1]}/{name}")
        self._open.append(name)
        if found is not None:
            found.append({key.rpartition(" ")[2]: value for key, value in attributes.items()})
            if len(found) > _MAX_LISTED:
                raise _too_large(f"{self.what} has more than {_MAX_LISTED:,} entries.")

    def end(self, tag: str) -> None:
        super().end(tag)
        self._open.pop()


class _TextReader(_Reader):
    """Gathers text, but not the phonetic readings beside it."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self._wanted = self._phonetic = False
        self._pieces: list[str] = []
        self._length = 0

    def start(self, tag: str, _attributes: Mapping[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if tag in _T:
            self._wanted = not self._phonetic
        elif tag in _RPH:
            self._phonetic = True

    def end(self, tag: str) -> None:
        self._depth -= 1
        if tag in _T:
            self._wanted = False
        elif tag in _RPH:
            self._phonetic = False

    def text(self, text: str) -> None:
        if self._wanted:
            self._length += len(text)
            if self._length > MAX_CELL * len("_x0000_"):
                raise self.too_long()
            self._pieces.append(text)

    def take(self) -> str:
        """The text gathered since the last time."""
        pieces = self._pieces
        text = pieces[0] if len(pieces) == 1 else "".join(pieces)
        pieces.clear()
        self._length = 0
        return text

    def too_long(self) -> FileRejectedError:
        return _too_large(f"{self.what} has a text of more than {MAX_CELL:,} characters.")


class _SharedTexts(_TextReader):
    """The workbook's shared texts, packed: one run of UTF-8 and where each text ends."""

    def __init__(self) -> None:
        super().__init__("The list of shared texts")
        self._packed = bytearray()
        self._ends = array("I", [0])

    def end(self, tag: str) -> None:
        if tag not in _SI:
            super().end(tag)
        else:
            self._depth -= 1
            text = _unescaped(self.take())
            if len(text) > MAX_CELL:
                raise self.too_long()
            self._packed += text.encode()
            self._ends.append(len(self._packed))

    def check(self) -> None:
        super().check()
        if len(self._ends) > MAX_TEXTS or len(self._packed) > MAX_TEXT_BYTES:
            raise _too_large("The workbook has more different texts than fit into memory.")

    def __getitem__(self, index: str) -> str:
        """The text that a cell refers to; LookupError if there is none."""
        place = int(index) if index.isascii() and index.isdigit() and len(index) < 10 else -1
        if not 0 <= place < len(self._ends) - 1:
            raise LookupError(index)
        return self._packed[self._ends[place] : self._ends[place + 1]].decode()


class _SheetReader(_TextReader):
    """The rows of a sheet. Cells without a reference follow the one before, and so do rows."""

    def __init__(self, name: str, cell_text: CellText, safe: Callable[[str], str]) -> None:
        super().__init__(f"Sheet “{name}”")
        self._safe = safe
        self._cell_text = cell_text
        self.rows: list[Row] = []
        self._places = _columns()
        self._number, self._row_name = 0, ""
        self._row: list[str] | None = None
        self._cell: Mapping[str, str] | None = None
        self._column = -1
        self._has_value = self._is_formula = False
        self._row_length = self._all_length = self._cells = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in _C:
            self._start_cell(attributes)
        elif tag in _V:
            self._start_value()
            self._wanted = True
        elif tag in _ROW:
            self._start_row(attributes.get("r"))
        else:
            if not self._depth and tag not in _WORKSHEET:
                raise self.damaged("it is no worksheet")
            super().start(tag, attributes)
            if tag in _IS:
                self._start_value()
            elif tag in _F:
                self._is_formula = True

    def end(self, tag: str) -> None:
        if tag in _V:
            self._wanted = False
        elif tag in _C:
            self._end_cell()
        elif tag in _ROW:
            if self._row:
                self.rows.append((self._number, self._row))
                self._all_length += self._row_length
            self._row = None
        else:
            super().end(tag)
            self.done = tag in _SHEET_DATA

    def tags(self) -> int:
        return self._elements + self._cells + self._number

    def check(self) -> None:
        super().check()
        if self._cells > MAX_CELLS:
            raise _too_large(f"{self.what} has more than {MAX_CELLS:,} cells, empty ones counted.")
        if self._all_length > MAX_BYTES:
            raise _too_large(f"{self.what} has more than 2 GiB of text.")

    def damaged(self, how: str) -> FileRejectedError:
        return super().damaged(f"at or after row {self._number}: {how}" if self._number else how)

    def _start_row(self, reference: str | None) -> None:
        if self._row is not None:
            raise self.damaged("a row within a row")
        number = self._number + 1
        if reference is not None:
            if not (reference.isascii() and reference.isdigit() and len(reference) < 12):
                raise self.damaged(f"{reference[:20]!r} is no row number")
            if int(reference) < number:
                raise self.damaged(f"row {reference} stands twice or in the wrong place")
            number = int(reference)
        if number > MAX_ROWS:
            raise _too_large(f"{self.what} has more than {MAX_ROWS:,} rows.")
        self._number, self._row = number, []
        self._row_name = str(number)
        self._column, self._row_length = -1, 0

    def _start_cell(self, attributes: Mapping[str, str]) -> None:
        if self._row is None or self._cell is not None:
            raise self.damaged("a cell that is not in a row")
        column = self._column + 1
        reference = attributes.get("r")
        if reference is not None:
            letters = reference.rstrip(digits)
            found = self._places.get(letters, MAX_COLUMNS)
            if found < column or reference[len(letters) :] != self._row_name:
                raise self.damaged(f"cell {reference[:20]} stands twice or in the wrong place")
            column = found
        if column >= MAX_COLUMNS:
            raise _too_large(f"{self.what} has more than {MAX_COLUMNS:,} columns in row {self._number}.")
        self._cell, self._column = attributes, column
        self._has_value = self._is_formula = False
        self._cells += 1

    def _start_value(self) -> None:
        if self._cell is None or self._has_value:
            raise self.damaged("a value without a cell of its own")
        self._has_value = True

    def _end_cell(self) -> None:
        cell, self._cell = self._cell, None
        raw = self.take() if self._pieces else ""
        if cell is None or self._row is None:
            return
        try:
            text = self._cell_text(cell.get("t", "n"), cell.get("s", "0"), raw) if raw else ""
        except LookupError as error:
            raise self.damaged(f"a cell refers to {error}, which does not exist") from error
        if not text and self._is_formula and cell.get("t") != "str":
            text = NOT_COMPUTED
        if not text:
            return
        gap = self._column - len(self._row)
        if gap:
            self._row.extend([""] * gap)
            self._cells += gap
        is_number = cell.get("t", "n") == "n" and _SHOWN_NUMBER.fullmatch(text)
        self._row.append(text if is_number else self._safe(text))
        self._row_length += len(text)
        if len(text) > MAX_CELL or self._row_length > MAX_ROW:
            raise _too_large(f"{self.what} has more than {MAX_ROW:,} characters in row {self._number}.")


@cache
def _columns() -> dict[str, int]:
    """The columns' places by their letters, A to XFD."""
    names = chain.from_iterable(product(ascii_uppercase, repeat=length) for length in (1, 2, 3))
    return {"".join(name): place for place, name in enumerate(islice(names, MAX_COLUMNS))}


# The workbook: which sheets there are, and what their cells mean


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
            raise _unreadable(f"Sheet “{name}” is missing in the workbook.")
        if relation.kind == "worksheet" and relation.part not in seen:
            seen.add(relation.part)
            yield _Sheet(name, relation.part, each.get("state", "") not in _VISIBILITY)


class _Book:
    """A workbook; `sheets` are those with cells, visible ones first."""

    def __init__(self, package: _Package, safe: Callable[[str], str]) -> None:
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
        self._texts = _SharedTexts()
        if "sharedStrings" in others:
            for _ in package.read(others["sharedStrings"], self._texts, _MAX_TEXTS_PART):
                pass

    def rows(self, sheet: _Sheet) -> Iterator[Row]:
        """The rows that are not empty."""
        reader = _SheetReader(sheet.name, self._text, self._safe)
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
        reader = _ListReader(what, *paths)
        for _ in self._package.read(part, reader, _MAX_SMALL_PART):
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
        kinds = dict(_BUILT_IN_FORMATS)
        kinds.update((each.get("numFmtId", ""), _kind(each.get("formatCode", ""))) for each in formats)
        shown = (kinds.get(style.get("numFmtId", "0"), "") for style in styles)
        return {str(place): kind for place, kind in enumerate(shown) if kind}

    def _text(self, cell_type: str, style: str, raw: str) -> str:
        """The text of a cell; LookupError for a type or shared text that does not exist."""
        if cell_type == "s":
            return self._texts[raw]
        if cell_type == "n":
            kind = self._styles.get(style)
            if kind is None:
                number = _number(raw)
                if len(number) > _FIFTEEN_DIGITS.prec and number.isdigit() and not _WHOLE.fullmatch(raw):
                    return RoundedNumber(number)
                return number if number.isdigit() else NumberCell(number)
            return _percentage(raw) if kind == "percentage" else _date(raw, self._from_1904)
        if cell_type in ("str", "inlineStr"):
            return _unescaped(raw)
        if cell_type == "b":
            return {"1": "TRUE", "true": "TRUE", "0": "FALSE", "false": "FALSE"}.get(raw, raw)
        if cell_type in ("e", "d"):
            return raw
        raise LookupError(f"the cell type {cell_type[:20]!r}")


# Texts and numbers

_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
_EXACT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE = re.compile(r"-?[1-9][0-9]*")
_SHOWN_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?%?")
_FIFTEEN_DIGITS = Context(prec=15, rounding=ROUND_HALF_UP)
_LARGEST_EXPONENT = 308  # of a number that a spreadsheet can hold

_MS_A_DAY = 86_400_000
_DAYS_1904 = 1_462  # from the first day of the 1900 system to that of the 1904 system
_LAST_DAY = 2_958_465  # 9999-12-31

# Formats that need no code in the file; those that only Asian editions know show dates.
_BUILT_IN_FORMATS = {"9": "percentage", "10": "percentage"} | {
    str(number): "date" for number in chain(range(14, 23), range(27, 37), range(45, 48), range(50, 59))
}
# What stands in a format without being part of it; elapsed time like [h] is.
_LITERAL = re.compile(r'"[^"]*"|[\\_*].|\[(?!(?:h+|m+|s+)\])[^\]]*\]|general', re.IGNORECASE | re.DOTALL)


def _unescaped(text: str) -> str:
    if "_x" not in text:
        return text
    decoded = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text)
    # Two escapes may make one character; half of one is none.
    return decoded.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decimal(raw: str) -> Decimal | None:
    """The number with 15 significant digits; None where it is none that a spreadsheet can hold."""
    if not _DECIMAL.fullmatch(raw):
        return None
    number = _FIFTEEN_DIGITS.create_decimal(raw)
    return number if not number or abs(number.adjusted()) <= _LARGEST_EXPONENT else None


def _plain(number: Decimal) -> str:
    return format(number.normalize(_FIFTEEN_DIGITS), "f") if number else "0"


def _number(raw: str) -> str:
    if len(raw) <= 15 and _EXACT.fullmatch(raw) and raw != "-0":
        return raw
    raw = raw.strip(" \t\r\n")
    if _WHOLE.fullmatch(raw):
        return raw
    number = _decimal(raw)
    return raw if number is None else _plain(number)


def _percentage(raw: str) -> str:
    number = _decimal(raw.strip(" \t\r\n"))
    return (raw if number is None else _plain(number * 100)) + "%"


def _date(raw: str, from_1904: bool) -> str:
    """A date as ISO 8601, exact to the millisecond, as spreadsheets are."""
    number = _decimal(raw.strip(" \t\r\n"))
    if number is None:
        return raw
    if abs(number) > _LAST_DAY:
        return "########"
    days, ms = divmod(int((number * _MS_A_DAY).to_integral_value(ROUND_HALF_UP)), _MS_A_DAY)
    if from_1904:
        days += _DAYS_1904
    seconds, ms = divmod(ms, 1000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}" + (f".{ms:03}" if ms else "")
    if days == 0:
        return clock
    if not 0 < days <= _LAST_DAY:
        return "########"
    # Day 60 never was, but Lotus 1-2-3 thought so.
    day = "1900-02-29" if days == 60 else str(date(1899, 12, 30) + timedelta(days + (days < 60)))
    return f"{day}T{clock}" if seconds or ms else day


def _kind(code: str) -> str:
    """What a number format shows: a "date", a "percentage", or "" for a plain number."""
    bare = _LITERAL.sub("", code)
    if "%" in bare:
        return "percentage"
    return "date" if re.search("[dmyhs]", bare, re.IGNORECASE) else ""
