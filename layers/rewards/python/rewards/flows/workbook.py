"""A table as a workbook: ids stay text, values are numbers with the unit's decimals."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter

from rewards.rules.report import Cell, Table

ROWS_PER_SHEET = 1_048_575  # a sheet's 1,048,576 less the header
_WIDTHS = {"email": 30, "rowId": 38, "accountId": 24, "userId": 24, "nextExpiry": 22, "segments": 20}
_TO_FILL = PatternFill("solid", fgColor="FFF2CC")


def write_workbook(path: Path, table: Table) -> None:
    """Write a table, a further sheet for every 1,048,575 rows."""
    book = Workbook(write_only=True)
    sheet = _new_sheet(book, table, table.sheet_title)
    for number, row in enumerate(table.rows):
        if number and number % ROWS_PER_SHEET == 0:
            sheet = _new_sheet(book, table, f"{table.sheet_title} {number // ROWS_PER_SHEET + 1}")
        sheet.append([_cell(sheet, name, value) for name, value in zip(table.columns, row, strict=True)])
    book.save(path)


def _new_sheet(book: Workbook, table: Table, title: str) -> Any:
    sheet: Any = book.create_sheet(title)
    sheet.freeze_panes = "A2"
    for place, name in enumerate(table.columns, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = _WIDTHS.get(name, 16)
    sheet.append(_header(sheet, table))
    return sheet


def _header(sheet: Any, table: Table) -> list[Any]:
    cells = []
    for name in table.columns:
        cell = WriteOnlyCell(sheet, value=name)
        cell.font = Font(bold=True)
        if name == "valueToRedeem":
            cell.fill = _TO_FILL
        cells.append(cell)
    return cells


def _cell(sheet: Any, name: str, value: Cell) -> Any:
    # XML has no place for most control characters; a name loses them, and the row still counts.
    shown = ILLEGAL_CHARACTERS_RE.sub("\ufffd", value) if isinstance(value, str) else value
    content: Any = shown  # openpyxl takes Decimal, its type stubs do not know
    cell = WriteOnlyCell(sheet, value=content)
    if isinstance(value, Decimal):
        places = -int(value.as_tuple().exponent)
        cell.number_format = "0" + ("." + "0" * places if places else "")
    elif isinstance(value, str):
        # Said outright, so that no id that looks like a number, date or formula becomes one.
        cell.data_type = "s"
        cell.number_format = "@"
    if name == "valueToRedeem":
        cell.fill = _TO_FILL
    return cell
