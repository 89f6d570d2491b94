"""Reading a CSV upload as a stream, in every dialect that spreadsheets save (CONTRACT section 3).

Encoding: that of a byte-order mark (UTF-8 or UTF-16), else the one that the caller names, else UTF-8.
Separator: the one that the caller names, or what a first line `sep=;` says, or comma, semicolon or tab,
whichever makes the needed columns appear. Memory does not grow with the file.
"""

import codecs
import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice

from rewards.domain.errors import ReadAgainError
from rewards.domain.header import HEADER_ROWS, best_header, is_header
from rewards.domain.outcomes import FileProblem, FileRejectedError
from rewards.tabular.csv_blocks import Block, read_blocks, without_end_of_file
from rewards.tabular.encodings import UTF_8, codec_of, unreadable_unicode

SEPARATORS = (",", ";", "\t")
_SEPARATOR_NAMES = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t"}

# No real row is longer (characters); a file without line breaks is found out after this much.
MAX_LINE = 1 << 20
csv.field_size_limit(MAX_LINE)

_MARK = "\ufeff"
# What is looked at to find the separator and the header.
HEAD_LINES = 3 * HEADER_ROWS
_HEAD_CHARACTERS = 2 * MAX_LINE


class NotUtf8Error(ReadAgainError):
    """The file is not UTF-8, and its encoding was not set: detect it and read the file again."""


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A CSV file up to its header; `rows` come with their numbers as a spreadsheet shows them.

    `encoding` is the plain name of the encoding it is read in. Once HEAD_LINES rows are read, `blocks` reads
    the others in blocks, from the record with this number on; None for a file that has to be read by rows.
    """

    header: list[str]
    rows: Iterator[tuple[int, list[str]]]
    separator: str
    plain_utf8: bool
    encoding: str
    blocks: Callable[[int], Iterator[Block]] | None


def separator_named(text: str) -> str:
    """The separator for a setting, which is the separator itself or its name. Raises ValueError."""
    found = text if text in SEPARATORS else _SEPARATOR_NAMES.get(text.strip().lower(), text.strip())
    if found not in SEPARATORS:
        raise ValueError(f"{text[:40]!r} is not a supported separator. Use comma, semicolon or tab.")
    return found


def read_csv(
    stream: io.BufferedReader,
    needed: Sequence[str],
    encoding: str | None = None,
    separator: str | None = None,
) -> CsvFile:
    """Find the header row that has the `needed` columns, and read on from there.

    Blank rows are skipped, but counted. Raises FileRejectedError where the text is broken or the
    columns are missing, and NotUtf8Error, from here or from the rows, if `encoding` (a plain name) is
    not given and the file turns out to be in another one.
    """
    start = stream.peek(64)
    found, codec = _encoding(start, encoding)
    text = _Text(stream, found, codec, named=encoding is not None)
    lines = text.lines()
    head = list(islice(_up_to(lines, _HEAD_CHARACTERS), HEAD_LINES))
    if head:
        head[0] = head[0].lstrip(_MARK)  # a program added a second byte-order mark
    if not any(head):
        raise FileRejectedError(FileProblem.EMPTY_FILE, "The file has no rows, not even a header.")
    _reject_binary("".join(head))
    said = _said_separator(head[0])
    if said:
        del head[0]
    separator = separator or said or _separator(head, needed)
    spaced = _has_spaced_quotes(head, separator)
    rows = _rows(chain(head, lines), separator, spaced)
    blocks = None if spaced else partial(read_blocks, text.wrapper, separator)
    above: list[list[str]] = []
    for _, row in islice(rows, HEADER_ROWS):
        if is_header(row, needed):
            return CsvFile(row, rows, separator, codec == "utf-8", found, blocks)
        above.append(row)
    if not above:
        raise FileRejectedError(FileProblem.EMPTY_FILE, "The file has no rows, not even a header.")
    # Nothing fits: reject in terms of the row that comes nearest.
    return CsvFile(best_header(above, needed), rows, separator, codec == "utf-8", found, blocks)


class _Text:
    """The decoded lines of a stream; a fault names the line near which it is."""

    def __init__(self, stream: io.BufferedReader, encoding: str, codec: str, named: bool) -> None:
        self.wrapper = io.TextIOWrapper(stream, encoding=codec, newline="")
        self._encoding = encoding
        # A file with a mark says that it is UTF-8; it is damaged if it is not.
        self._may_be_other = codec == "utf-8" and not named
        self._number = 0

    def lines(self) -> Iterator[str]:
        try:
            while line := self.wrapper.readline(MAX_LINE):
                self._number += 1
                if len(line) == MAX_LINE and line[-1] not in "\r\n":
                    raise FileRejectedError(
                        FileProblem.UNREADABLE_FILE,
                        f"Text line {self._number} is longer than {MAX_LINE:,} characters.",
                    )
                yield without_end_of_file(line)
        except UnicodeError as error:
            if self._may_be_other:
                raise NotUtf8Error from error
            raise FileRejectedError(
                FileProblem.UNREADABLE_FILE,
                f"Near text line {self._number + 1}, the file has bytes that are not valid in "
                f"{self._encoding}. Save the file as “CSV UTF-8”, or set its encoding.",
            ) from error


def _encoding(start: bytes, named: str | None) -> tuple[str, str]:
    """The plain name of a file's encoding, and the codec that reads it."""
    other = unreadable_unicode(start)
    if other is not None:
        raise FileRejectedError(
            FileProblem.UNREADABLE_FILE,
            f"The file is {other} text, which is not supported. Save it as “CSV UTF-8”.",
        )
    if start.startswith(codecs.BOM_UTF8):
        return UTF_8, "utf-8-sig"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16", "utf-16"
    name = named or UTF_8
    if name == "UTF-16":
        raise FileRejectedError(
            FileProblem.UNREADABLE_FILE,
            "The encoding is set to UTF-16, but the file does not begin with a byte-order mark. Set it to "
            "UTF-16LE or UTF-16BE, or save the file as “CSV UTF-8”.",
        )
    return name, codec_of(name)


def _up_to(lines: Iterable[str], characters: int) -> Iterator[str]:
    for line in lines:
        yield line
        characters -= len(line)
        if characters <= 0:
            return


def _reject_binary(head: str) -> None:
    """Text has no zero characters; UTF-16 without its mark, read as anything else, has one in two."""
    if head.count("\0") * 4 > len(head):
        raise FileRejectedError(
            FileProblem.UNREADABLE_FILE,
            "The file is not readable text. It has zero bytes, like UTF-16 without a byte-order mark. Save "
            "it as “CSV UTF-8”, or set its encoding to UTF-16LE or UTF-16BE.",
        )


def _said_separator(line: str) -> str | None:
    """What Excel's first line `sep=;` says."""
    said = line.strip("\r\n \"'")
    return said[4:] if said[:4].lower() == "sep=" and said[4:] in SEPARATORS else None


def _separator(head: Sequence[str], needed: Sequence[str]) -> str:
    """The separator under which a header appears, else the one that parts the most cells."""
    widths = []
    for separator in SEPARATORS:
        rows = _lenient(head, separator)
        if any(is_header(row, needed) for row in rows):
            return separator
        widths.append(max((len(row) for row in rows), default=0))
    return SEPARATORS[widths.index(max(widths))]


def _lenient(head: Sequence[str], separator: str) -> list[list[str]]:
    """The first rows, up to the first one that this separator does not fit."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        rows.extend(islice(csv.reader(head, delimiter=separator), HEADER_ROWS))
    return rows


def _has_spaced_quotes(head: Sequence[str], separator: str) -> bool:
    """Whether cells are quoted after a space, as in `"a", "b"`: then the space belongs to the separator."""
    cells = (cell for row in _lenient(head, separator) for cell in row)
    if not any(cell[:1] == " " and cell.lstrip(" ")[:1] == '"' for cell in cells):
        return False
    try:
        next(csv.reader(head, delimiter=separator, skipinitialspace=True, strict=True), None)
    except csv.Error:
        return False  # these quotes are text
    return True


def _rows(lines: Iterable[str], separator: str, spaced: bool) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=spaced, strict=True)
    number = 0
    try:
        for number, row in enumerate(reader, start=1):
            if any(row):
                yield number, row
    except csv.Error as error:
        raise FileRejectedError(
            FileProblem.UNREADABLE_FILE,
            f"The row after row {number} (text line {reader.line_num}) cannot be read: {error}. A quote "
            "inside a quoted cell must be doubled, every opening quote needs a closing quote, and a "
            "separator must follow it directly.",
        ) from error
