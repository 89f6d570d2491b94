"""What tables are made of: the cells that are read from files, and the tables that are written."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal


class NumberCell(str):
    """The text of a workbook's number; its point is always the decimal mark."""

    __slots__ = ()


class RoundedNumber(NumberCell):
    """The text of a workbook's number of which only 15 digits were kept: as an id it may be another one."""

    __slots__ = ()


Cell = str | Decimal | int


@dataclass(frozen=True, slots=True)
class Table:
    """What a workbook or a CSV file is made of: texts, decimals with their unit's places, and whole
    numbers."""

    columns: tuple[str, ...]
    rows: Iterable[list[Cell]]
    sheet_title: str
