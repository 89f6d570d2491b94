"""The reader of a sheet's XML: its rows, each cell checked to stand where it says."""

from collections.abc import Callable, Mapping
from functools import cache
from itertools import chain, islice, product
from string import ascii_uppercase, digits

from rewards.domain.outcomes import FileRejectedError
from rewards.tabular.xlsx_reader.cell_text import SHOWN_NUMBER
from rewards.tabular.xlsx_reader.errors import too_large
from rewards.tabular.xlsx_reader.limits import MAX_BYTES, MAX_CELL, MAX_CELLS, MAX_COLUMNS, MAX_ROW, MAX_ROWS
from rewards.tabular.xlsx_reader.parts import TextReader, tags

NOT_COMPUTED = "formula without a result"

Row = tuple[int, list[str]]
CellText = Callable[[str, str, str], str]

_C, _V, _F, _IS = (tags(name) for name in ("c", "v", "f", "is"))
_ROW, _SHEET_DATA, _WORKSHEET = (tags(name) for name in ("row", "sheetData", "worksheet"))


class SheetReader(TextReader):
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
                raise self.damaged("it is not a worksheet")
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
            raise too_large(f"{self.what} has more than {MAX_CELLS:,} cells, empty ones counted.")
        if self._all_length > MAX_BYTES:
            raise too_large(f"{self.what} has more than 2 GiB of text.")

    def damaged(self, how: str) -> FileRejectedError:
        return super().damaged(f"at or after row {self._number}: {how}" if self._number else how)

    def _start_row(self, reference: str | None) -> None:
        if self._row is not None:
            raise self.damaged("a row within a row")
        number = self._number + 1
        if reference is not None:
            if not (reference.isascii() and reference.isdigit() and len(reference) < 12):
                raise self.damaged(f"{reference[:20]!r} is not a row number")
            if int(reference) < number:
                raise self.damaged(f"row {reference} occurs twice or in the wrong place")
            number = int(reference)
        if number > MAX_ROWS:
            raise too_large(f"{self.what} has more than {MAX_ROWS:,} rows.")
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
                raise self.damaged(f"cell {reference[:20]} occurs twice or in the wrong place")
            column = found
        if column >= MAX_COLUMNS:
            raise too_large(f"{self.what} has more than {MAX_COLUMNS:,} columns in row {self._number}.")
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
        is_number = cell.get("t", "n") == "n" and SHOWN_NUMBER.fullmatch(text)
        self._row.append(text if is_number else self._safe(text))
        self._row_length += len(text)
        if len(text) > MAX_CELL or self._row_length > MAX_ROW:
            raise too_large(f"{self.what} has more than {MAX_ROW:,} characters in row {self._number}.")


@cache
def _columns() -> dict[str, int]:
    """The columns' places by their letters, A to XFD."""
    names = chain.from_iterable(product(ascii_uppercase, repeat=length) for length in (1, 2, 3))
    return {"".join(name): place for place, name in enumerate(islice(names, MAX_COLUMNS))}
