"""An upload as a sheet: a header and rows of text, whatever the file's format."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from rewards.domain.outcomes import WarningCode
from rewards.tabular.csv_blocks import Block


@dataclass(frozen=True, slots=True)
class Sheet:
    """`rows` come with their numbers as a spreadsheet or an editor shows them.

    Cells of JSON may have halves of surrogate pairs, which the rules reject.

    `blocks` reads what follows the first rows of a CSV file in blocks (`CsvFile`).

    `separator` is the CSV file's, and so that of its results; `mark` says that the results begin
    with a byte-order mark, `workbook` that the cells come from one; `neutralised` that the cells were made
    safe for spreadsheets when they were read, so that they can be written to a CSV file: those of a CSV file
    are as they are. `encoding` is the plain name of a text file's. `warnings` are those about the file as a
    whole, each with its explanation.
    """

    header: list[str]
    rows: Iterator[tuple[int, list[str]]]
    separator: str = ","
    mark: bool = True
    workbook: bool = False
    neutralised: bool = False
    encoding: str | None = None
    blocks: Callable[[int], Iterator[Block]] | None = None
    warnings: Mapping[WarningCode, str] = field(default_factory=dict)
