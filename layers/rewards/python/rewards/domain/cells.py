"""What tables are made of: the cells that are read from files, and the tables that are written."""

from collections.abc import Collection, Iterable, Mapping
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


def rounded_id(cells: Mapping[str, str], names: Iterable[str]) -> str:
    """Why a row without rowId is rejected if an id of these columns is a rounded number; else ""."""
    name = next((each for each in names if isinstance(cells.get(each), RoundedNumber)), None)
    if name is None:
        return ""
    return (
        f"{name} is a number with more than 15 digits. A workbook keeps only 15 digits, so the id may be "
        "wrong. Format the column as text and enter the id again."
    )
