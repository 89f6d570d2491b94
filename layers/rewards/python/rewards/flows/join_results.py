"""The lines of results.csv and failed.csv: the upload's own cells, and behind them each row's result.

The upload is read beside the results, both in line order, so that memory does not grow with the file. A row
without a result is one that wanted nothing: UNCHANGED. A line of the upload that has no quotes and as many
cells as the header is what `csv.writer` would write, so it is passed through as it is, with the cells that
the chunk's worker made ready; any other row is written cell by cell.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from rewards.adapters.result_parts import Part
from rewards.domain import import_rows, reward_rows
from rewards.domain.examples import Examples
from rewards.domain.header import find_columns
from rewards.domain.id_limits import MAX_UNIT_BYTES
from rewards.domain.outcomes import SETTLED, Outcome, RowResult
from rewards.domain.result_columns import FAILED_COLUMNS, RESULT_COLUMNS, own_width, result_cells
from rewards.domain.spreadsheet import restore
from rewards.domain.texts import writable
from rewards.flows.check_rows import FIRST_ROWS
from rewards.tabular.csv_blocks import Block
from rewards.tabular.csv_writer import END, csv_texts
from rewards.tabular.sheet import Sheet


class ResultsJoin:
    """Joins the rows of one sheet with their results.

    `parts` are the results of chunks and `checked` those of rejected rows, both in line order. `rewards` says
    that the sheet is a rewards file. What is written to failed.csv is handed to `fail`. Once the lines are
    written, `rows` and `used` say how many rows there were and how many had a result, `failures` how many are
    in failed.csv, and `complete` whether each result had its row.
    """

    def __init__(
        self,
        import_id: str,
        sheet: Sheet,
        parts: Iterator[Part],
        checked: Iterator[RowResult],
        *,
        rewards: bool,
        fail: Callable[[str], object],
    ) -> None:
        header = sheet.header
        # In an uploaded results.csv these columns are replaced.
        self._width, self._own = len(header), own_width(header)
        self._import_id = import_id
        self._sheet = sheet
        self._separator = sheet.separator
        self._results = _Results(parts, checked)
        # Ids of rewards stay as they are: loading failed.csv has to find the same ones.
        self._ids = reward_rows.id_places(header) if rewards else frozenset[int]()
        self._unit_place = find_columns(header, ("unit",), ())["unit"]
        self._fail = fail
        self.examples = Examples(header[: self._own], reward_rows.NEEDED if rewards else import_rows.NEEDED)
        self.rows = self.used = self.failures = 0

    @property
    def complete(self) -> bool:
        """Whether every result up to the last row belonged to a row."""
        return self._results.taken == self.used

    def lines(self, in_blocks: bool) -> Iterator[str]:
        """The text of results.csv, piece by piece. Raises NotInBlocksError only if read `in_blocks`."""
        sheet = self._sheet
        own = sheet.header[: self._own]
        # As the upload began, so do the results: spreadsheets need the mark, scripts trip over it.
        mark = "\ufeff" if sheet.mark else ""
        yield mark + self._line([*own, *RESULT_COLUMNS])
        self._fail(mark + self._line([*own, *FAILED_COLUMNS]))
        following = 0
        while rows := list(islice(sheet.rows, FIRST_ROWS)):
            following = rows[-1][0] + 1
            results = self._results.until(following)
            yield "".join([self._row(line, row, *results) for line, row in rows])
            if in_blocks and sheet.blocks is not None and len(rows) == FIRST_ROWS:
                for block in sheet.blocks(following):
                    yield self._block(block)
                return

    def lines_of_group(self, line: int, blocks: Iterable[Block]) -> Iterator[str]:
        """The text of a part of results.csv: that of the blocks' rows, which begin with the record `line`."""
        self._results.start(line)
        return map(self._block, blocks)

    def _block(self, block: Block) -> str:
        cells, results = self._results.until(block.first + block.size)
        lines = block.lines() if self._own == self._width else None
        if lines is None:
            return "".join([self._row(line, row, cells, results) for line, row in block.rows()])
        texts: list[str] = []
        separator, others = self._separator, self._width - 1
        for number, line in enumerate(lines, block.first):
            ready = cells.get(number)
            if ready is not None and number not in results and line.count(separator) == others:
                texts.append(f"{line}{separator}{ready}{END}")
                self.rows += 1
                self.used += 1
            else:
                texts.append(self._row(number, line.split(separator), cells, results))
        return "".join(texts)

    def _row(
        self,
        line: int,
        row: Sequence[str],
        ready: Mapping[int, str],
        results: Mapping[int, RowResult],
    ) -> str:
        """A line of results.csv, cell by cell; a blank row has none."""
        if not any(row):
            return ""
        self.rows += 1
        cells, extra = _fitted(row, self._width, self._own)
        if self._sheet.neutralised:
            cells = [restore(cell) if n in self._ids else cell for n, cell in enumerate(map(writable, cells))]
        result = results.get(line)
        own = self._text(cells)
        more = [self._text(extra)] if extra else []
        behind = ready.get(line)
        if result is not None:
            self.examples.add(cells, result)
            if result.outcome not in SETTLED:
                self.failures += 1
                failed = self._text([result.outcome, result.message])
                self._fail(self._separator.join([own, failed, *more]) + END)
        if result is None and behind is None:
            result = RowResult(line, Outcome.UNCHANGED)
        else:
            self.used += 1
        if behind is None and result is not None:
            unit = result.unit or _unit_in(row, self._unit_place)
            behind = self._text(result_cells(self._import_id, result, unit))
        return self._separator.join([own, behind or "", *more]) + END

    def _text(self, cells: Sequence[str]) -> str:
        return csv_texts([cells], self._separator)[0]

    def _line(self, cells: Sequence[str]) -> str:
        return self._text(cells) + END


class _Results:
    """Results by line, taken up to a line at a time."""

    def __init__(self, parts: Iterator[Part], checked: Iterator[RowResult]) -> None:
        self._parts = parts
        self._part = next(parts, None)
        self._place = 0
        self._checked = checked
        self._rejected = next(checked, None)
        self.taken = 0

    def start(self, line: int) -> None:
        """Leave out the results of the rows before a line."""
        self.until(line)
        self.taken = 0

    def until(self, line: int) -> tuple[dict[int, str], dict[int, RowResult]]:
        """Take the results of the rows before a line: cells that are ready, and results, by line.

        A row is in both if its cells are ready and more is done with its result.
        """
        ready: dict[int, str] = {}
        results: dict[int, RowResult] = {}
        while self._part is not None:
            part, first = self._part, self._place
            last = bisect_left(part.lines, line, first)
            self.taken += last - first
            self._place = last
            drawn = zip(part.lines[first:last], part.cells[first:last], strict=True)
            ready.update((number, text) for number, text in drawn if text is not None)
            if part.results:
                results.update((n, part.results[n]) for n in part.lines[first:last] if n in part.results)
            if last < len(part.lines):
                break
            self._part, self._place = next(self._parts, None), 0
        while self._rejected is not None and self._rejected.line < line:
            self.taken += 1
            results[self._rejected.line] = self._rejected
            self._rejected = next(self._checked, None)
        return ready, results


def _fitted(row: Sequence[str], width: int, own: int) -> tuple[list[str], list[str]]:
    """The row's cells in the `own` columns, and any cells beyond the header's width, kept at the end."""
    return [*row[:own], *[""] * (own - len(row))], [cell for cell in row[width:] if cell]


def _unit_in(row: Sequence[str], place: int) -> str:
    """The unit that a row of the upload shows, "" for a text that cannot be a unit."""
    unit = restore(row[place]).strip() if place < len(row) else ""
    return unit if len(unit) <= MAX_UNIT_BYTES else ""
