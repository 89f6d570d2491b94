"""A table as a workbook: texts stay texts, numbers are shown with their own decimals.

XlsxWriter makes a workbook that has the look and, below its header, one blank cell of every style. In the
place of those the rows are streamed from here; the library would take ten times as long for them.

- A text has the format `@`, so that no id becomes a number, a date or a formula.
- Yellow cells are to be filled in, grey ones to be read. On both, text has at least 4.5 times the contrast
  of its background (WCAG 2.2, 1.4.3).
"""

import io
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import xlsxwriter
from isal import isal_zlib
from xlsxwriter.utility import xl_rowcol_to_cell

from rewards.domain.cells import Table
from rewards.domain.packed import PackedRow, unpack
from rewards.tabular.xlsx_rows import XlsxRows

ROWS_PER_SHEET = 1_048_575  # a sheet's 1,048,576 less the header
PART_BYTES = 1_900 << 20  # of a sheet's XML; an import reads up to 2 GiB, unpacked

_SHEET = "xl/worksheets/sheet{}.xml"
_COMPRESSION = 2  # of isal's levels 0 to 3
_BATCH = 200  # rows that are compressed together

_TO_FILL, _AT_MOST = "valueToRedeem", "availableValue"
_DECIMALS = range(5)  # numbers with 0 to 4 decimals have a style each; no unit has more
_SAMPLE = 500  # rows that decide the columns' widths and which have numbers
_NARROW, _WIDE, _NUMBER_WIDTH = 10, 42, 22  # characters; 999 999 999 999.999 takes 19

_ROW_HEIGHT, _HEADER_HEIGHT = 18, 26  # points

_CELL = {"valign": "vcenter", "border": 1}
_PLAIN = {**_CELL, "font_color": "#333B45", "border_color": "#DDE1E6"}
_TO_READ = {**_PLAIN, "bg_color": "#F3F5F7"}
_FILLED_IN = {**_CELL, "font_color": "#1A3E9C", "bg_color": "#FFF7D1", "border_color": "#E6CC6E"}
_HEAD = {**_CELL, "bold": True, "font_color": "#FFFFFF", "bg_color": "#2B3F54", "border_color": "#54687D"}
_HEAD_TO_FILL = {**_HEAD, "font_color": "#2B2100", "bg_color": "#FFCA45", "border_color": "#C79A1E"}
_TEXT = {"num_format": "@", "align": "left", "indent": 1}

_PROMPT = {
    "input_title": "What was paid",
    "input_message": "In the unit of this row: 10.55 for CASH/USD. "
    "Leave 0 or nothing where nothing was paid. Change no other column.",
    "error_title": "This cannot be redeemed",
    "error_message": f"Enter a number from 0 to the {_AT_MOST} of this row, or nothing.",
}


def write_workbook(path: Path, table: Table) -> int:
    """Write a table, with a further sheet for every 1,048,575 rows. Return the number of sheets."""
    rows = iter(table.rows)
    sample = list(islice(rows, _SAMPLE))
    look = _Look(table, [unpack(row) for row in sample])
    rows = chain(sample, rows)
    counts: list[int] = []
    with ZipFile(path, "w", ZIP_DEFLATED) as book:
        while (first := list(islice(rows, 1))) or not counts:
            _write_sheet(book, look, counts, chain(first, islice(rows, ROWS_PER_SHEET - len(first))))
        for name, content in look.parts(counts).items():
            if name not in book.namelist():
                book.writestr(name, content)
    return len(counts)


def _write_sheet(book: ZipFile, look: "_Look", counts: list[int], rows: Iterator[PackedRow]) -> None:
    """Write the sheet after those with `counts` rows, as far as its part may grow, and add its own count."""
    name = _SHEET.format(len(counts) + 1)
    head, styles, _ = _divide(look.parts([*counts, 0])[name])
    writer = XlsxRows(styles, look.numbers)
    counts.append(0)
    with book.open(name, "w") as part:
        # zipfile chooses its own compressor, which takes four times as long.
        part._compressor = isal_zlib.compressobj(_COMPRESSION, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)  # type: ignore[attr-defined]
        size = part.write(head)
        while size < PART_BYTES and (batch := list(islice(rows, _BATCH))):
            size += part.write(writer.xml(batch, counts[-1] + 2).encode())
            counts[-1] += len(batch)
        # What follows the rows says how many there are.
        part.write(_divide(look.parts(counts)[name])[2])


def _divide(sheet: bytes) -> tuple[bytes, list[str], bytes]:
    """A sheet of the empty workbook: all up to its first row, its rows' styles, and what follows its rows."""
    head, samples, tail = re.split(rb"(?<=</row>)(.*)(?=</sheetData>)", sheet, maxsplit=1, flags=re.DOTALL)
    # The cells that it says to have are those of the samples; it need not say any.
    head = re.sub(rb"<dimension [^>]*/>", b"", head)
    return head, re.findall(r' s="(\d+)"', samples.decode()), tail


class _Look:
    """How a table looks: everything of its workbook but the rows."""

    def __init__(self, table: Table, sample: Sequence[Sequence[str]]) -> None:
        self._table = table
        columns = {name: [row[place] for row in sample] for place, name in enumerate(table.columns)}
        self._has_numbers = [name in table.numbers and any(cells) for name, cells in columns.items()]
        self._widths = [
            _width(name, cells, has_numbers)
            for (name, cells), has_numbers in zip(columns.items(), self._has_numbers, strict=True)
        ]
        self.numbers = [name in table.numbers for name in table.columns]

    def parts(self, counts: Sequence[int]) -> dict[str, bytes]:
        """The parts of a workbook whose sheets have so many rows; instead of them, blank cells of each style.

        The first row below the header has text's styles, those below it the styles of numbers with 0
        decimals, with 1 and so on.
        """
        file = io.BytesIO()
        with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
            book.set_properties({"title": self._table.sheet_title})
            for number, count in enumerate(counts, start=1):
                sheet = book.add_worksheet(self._table.sheet_title + (f" {number}" if number > 1 else ""))
                self._fill(book, sheet)
                self._set_up(sheet, count)
        with ZipFile(file) as made:
            return {name: made.read(name) for name in made.namelist()}

    def _fill(self, book: Any, sheet: Any) -> None:
        """The header and the blank cells."""
        sheet.set_default_row(_ROW_HEIGHT)
        sheet.set_row(0, _HEADER_HEIGHT)
        asks = _TO_FILL in self._table.columns
        for place, name in enumerate(self._table.columns):
            to_fill, number = name == _TO_FILL, self._has_numbers[place]
            sheet.set_column(place, place, self._widths[place])
            # The indent leaves room for the filter's button.
            aligned = {"align": "right", "indent": 2} if number else {"align": "left", "indent": 1}
            sheet.write_string(
                0, place, name, book.add_format((_HEAD_TO_FILL if to_fill else _HEAD) | aligned)
            )
            cell = _FILLED_IN if to_fill else _TO_READ if asks else _PLAIN
            sheet.write_blank(1, place, None, book.add_format(cell | _TEXT))
            for decimals in _DECIMALS:
                style = cell | {"num_format": _number_format(name, decimals), "align": "right", "indent": 1}
                sheet.write_blank(2 + decimals, place, None, book.add_format(style))

    def _set_up(self, sheet: Any, count: int) -> None:
        """What works on the rows: filter, checks, print."""
        columns, last = self._table.columns, len(self._table.columns) - 1
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, count, last)
        sheet.set_landscape()
        sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        sheet.set_footer("&L&A&RPage &P of &N")
        if not count:
            return
        sheet.ignore_errors({"number_stored_as_text": f"A2:{xl_rowcol_to_cell(count, last)}"})
        if _TO_FILL in columns and _AT_MOST in columns:
            place = columns.index(_TO_FILL)
            # Without dollar signs the cell is that of each row.
            most = f"={xl_rowcol_to_cell(1, columns.index(_AT_MOST))}"
            rule = {"validate": "decimal", "criteria": "between", "minimum": 0, "maximum": most, **_PROMPT}
            sheet.data_validation(1, place, count, place, rule)
            sheet.set_selection(1, place, 1, place)


def _width(name: str, cells: Sequence[str], has_numbers: bool) -> int:
    """A column's width in characters; the header has a button beside it."""
    if has_numbers:
        return max(len(name) + 6, _NUMBER_WIDTH)
    longest = max(map(len, cells), default=0)
    return max(min(longest + 4, _WIDE), len(name) + 6, _NARROW)


def _number_format(name: str, decimals: int) -> str:
    """How a column shows numbers with so many decimals. Who saves the workbook as CSV saves what it shows."""
    if name.startswith("date"):  # Unix milliseconds
        return "0"
    if name == _TO_FILL:
        # 1,234 may be a thousand, and the import never guesses; 1,2340 is read in one way.
        decimals = 4 if decimals == 3 else decimals
        return "0" + _fraction(decimals)
    # Groups parted by a space: 1 234 stays a thousand in the file of any language.
    end = "0" + _fraction(decimals)
    return rf"[>=1000000]#\ ###\ ##{end};[>=1000]#\ ##{end};{end}"


def _fraction(decimals: int) -> str:
    return "." + "0" * decimals if decimals else ""
