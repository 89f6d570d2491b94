"""Reading a CSV file in blocks of whole records, of which columns can be taken without looking at each row.

The rows of a block are those that `csv_reader` reads, with the same numbers. A block without quotes is only
split when it is needed, at a third of the cost of `csv.reader`.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rewards.domain.errors import ReadAgainError

# Characters: more rows of a block are read column by column when it is small, and each costs less when it
# is large. Measured with files of which one row in a thousand is unusual.
BLOCK = 1 << 15
# A record that goes on for longer (characters) is left to `csv_reader`.
_LONGEST = 1 << 18

_END_OF_FILE = "\x1a"
_LONE_RETURN = re.compile("\r(?!\n)")


class NotInBlocksError(ReadAgainError):
    """The file cannot be read in blocks: `csv_reader` reads it, or says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Block:
    """`size` whole records of a file, blank ones among them; the first has the number `first`.

    `text` has no quotes, or `parsed` has the cells of each record. `bytes` is their size in UTF-8.
    """

    first: int
    size: int
    bytes: int
    separator: str
    text: str = ""
    parsed: Sequence[list[str]] = ()

    def columns(self, width: int, places: Iterable[int]) -> list[list[str]] | None:
        """The columns at these places, or None unless every record has exactly `width` cells (at least 2)."""
        if self.parsed:
            if {*map(len, self.parsed)} != {width}:
                return None
            return [[row[place] for row in self.parsed] for place in places]
        text, returns = self.text, self.text.count("\r")
        if not returns:
            text = text.replace("\n", "\r\n")
        elif returns != self.size:
            return None
        # Without its carriage return, the line feed of each record begins the first cell of the next one.
        cells = text.replace("\r", self.separator).split(self.separator)
        if len(cells) != self.size * width + 1 or "".join(cells[width::width]).count("\n") != self.size:
            return None
        return [
            cells[place::width] if place else "".join(cells[::width]).split("\n")[:-1] for place in places
        ]

    def lines(self) -> list[str] | None:
        """The text of each record without its end, or None unless the text can be split at its line ends."""
        returns = self.text.count("\r")
        if not self.text or _END_OF_FILE in self.text or returns not in (0, self.size):
            return None
        return (self.text.replace("\r", "") if returns else self.text).split("\n")[:-1]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """The cells of each record that is not blank, with its number."""
        parsed = self.parsed or _parse(self.text, self.separator)
        return ((number, row) for number, row in enumerate(parsed, self.first) if any(row))


def read_blocks(
    text: io.TextIOBase, separator: str, first: int, longest: int | None = None
) -> Iterator[Block]:
    """The rest of a text in blocks, from the record with the number `first` on.

    Raises NotInBlocksError for broken quoting, bytes without a meaning, carriage returns that end a line
    alone, and records that do not end within `longest` characters, or some more: that depends on where
    blocks end.
    """
    longest = longest or _LONGEST
    open_record = ""
    for piece in _whole_lines(text, longest):
        lines = open_record + piece
        size = len(lines) if lines.isascii() else len(lines.encode())
        if _LONE_RETURN.search(lines):
            raise NotInBlocksError
        if '"' not in lines and lines[-1] == "\n":
            block = Block(first, lines.count("\n"), size, separator, text=lines)
        else:
            try:
                parsed = _parse(lines, separator)
            except csv.Error as error:  # perhaps the end of a record is missing
                if len(lines) > longest:
                    raise NotInBlocksError from error
                open_record = lines
                continue
            block = Block(first, len(parsed), size, separator, parsed=parsed)
        yield block
        open_record = ""
        first += block.size
    if open_record:
        raise NotInBlocksError


def read_blocks_again(text: io.TextIOBase, separator: str, first: int) -> Iterator[Block]:
    """A part of a text that `read_blocks` could read, and that begins where a block began.

    Its blocks end elsewhere, so a record that was just short enough may now seem too long.
    """
    return read_blocks(text, separator, first, 4 * _LONGEST)


def _whole_lines(text: io.TextIOBase, longest: int) -> Iterator[str]:
    """Pieces of a text that end where a line ends; only the last one may end without a line feed."""
    rest = ""
    try:
        while piece := text.read(BLOCK):
            head, feed, tail = piece.rpartition("\n")
            if feed:
                yield rest + head + feed
                rest = tail
            elif len(rest) > longest:
                raise NotInBlocksError
            else:
                rest += piece
    except UnicodeError as error:
        raise NotInBlocksError from error
    if rest:
        yield rest


def _parse(text: str, separator: str) -> list[list[str]]:
    lines: Iterable[str] = io.StringIO(text, newline="")
    if _END_OF_FILE in text:
        lines = map(without_end_of_file, lines)
    return list(csv.reader(lines, delimiter=separator, strict=True))


def without_end_of_file(line: str) -> str:
    """A line without the Ctrl-Z by which DOS programs end a file; it is no row and no part of a cell."""
    if line[-1] != _END_OF_FILE and line[0] != _END_OF_FILE:
        return line
    if not line.strip(_END_OF_FILE + "\r\n"):
        return "\n"
    return line.rstrip(_END_OF_FILE)
