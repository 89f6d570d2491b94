"""What tables are made of: the cells that are read from files, and the tables that are written."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from rewards.domain.packed import PackedRow


class NumberCell(str):
    """The text of a number in a workbook; its point is always the decimal mark."""

    __slots__ = ()


class RoundedNumber(NumberCell):
    """The text of a number in a workbook that kept only 15 of its digits, so that it may be a wrong id."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Table:
    """What a workbook is made of. Cells of the columns `numbers` are numbers, or blank; the numbers of a row
    have as many decimals as its unit, but a zero may have none."""

    columns: tuple[str, ...]
    numbers: Collection[str]
    rows: Iterable[PackedRow]
    sheet_title: str
