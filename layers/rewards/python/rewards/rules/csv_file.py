"""Reading a CSV upload as a stream, in every dialect that spreadsheets save (CONTRACT section 3).

Encoding: UTF-8 or UTF-16 by its byte-order mark, else UTF-8, else (said by the caller, once
UTF-8 has failed) Windows-1252. Separator: comma, semicolon or tab, whichever makes the needed
columns appear; or what a first line `sep=;` says. Memory does not grow with the file.
"""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice

from rewards.rules.header import HEADER_ROWS, best_header, is_header
from rewards.rules.outcomes import FileProblem, FileRefusedError

SEPARATORS = (",", ";", "\t")
LAST_RESORT = "cp1252"

# No real row is longer (characters); a file without line breaks is found out after this much.
MAX_LINE = 1 << 20
csv.field_size_limit(MAX_LINE)

# What is looked at to find the separator and the header.
_HEAD_LINES = 3 * HEADER_ROWS
_HEAD_CHARACTERS = 2 * MAX_LINE


class NotUtf8Error(Exception):
    """The file claims nothing and is not UTF-8: read it again in another encoding."""


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A CSV file up to its header; `rows` come with their numbers as a spreadsheet shows them."""

    header: list[str]
    rows: Iterator[tuple[int, list[str]]]
    separator: str
    plain_utf8: bool


def read_csv(stream: io.BufferedReader, needed: Sequence[str], encoding: str | None = None) -> CsvFile:
    """Find the header row that has the `needed` columns, and read on from there.

    Blank rows are skipped, but counted. Raises FileRefusedError where the text is broken or the
    columns are missing, and NotUtf8Error, from here or from the rows, if `encoding` is not given
    and the file turns out to be in another one.
    """
    found = encoding or _encoding(stream.peek(4))
    text = _Text(stream, found, said=encoding is not None)
    lines = text.lines()
    head = list(islice(_up_to(lines, _HEAD_CHARACTERS), _HEAD_LINES))
    if not head:
        raise FileRefusedError(FileProblem.EMPTY_FILE, "The file has no rows, not even a header.")
    _refuse_binary("".join(head))
    said = _said_separator(head[0])
    if said:
        del head[0]
    separator = said or _separator(head, needed)
    rows = _rows(chain(head, lines), separator)
    above: list[list[str]] = []
    for _, row in islice(rows, HEADER_ROWS):
        if is_header(row, needed):
            return CsvFile(row, rows, separator, plain_utf8=found == "utf-8")
        above.append(row)
    if not above:
        raise FileRefusedError(FileProblem.EMPTY_FILE, "The file has no rows, not even a header.")
    # Nothing fits: refuse in terms of the row that comes nearest.
    return CsvFile(best_header(above, needed), rows, separator, plain_utf8=found == "utf-8")


class _Text:
    """The decoded lines of a stream; a fault names the line it stands near."""

    def __init__(self, stream: io.BufferedReader, encoding: str, said: bool) -> None:
        self._text = io.TextIOWrapper(stream, encoding=encoding, newline="")
        self._encoding = encoding
        self._said = said
        self._number = 0

    def lines(self) -> Iterator[str]:
        try:
            while line := self._text.readline(MAX_LINE):
                self._number += 1
                if len(line) == MAX_LINE and line[-1] not in "\r\n":
                    raise FileRefusedError(
                        FileProblem.UNREADABLE_FILE,
                        f"Text line {self._number} is longer than {MAX_LINE:,} characters.",
                    )
                yield line
        except UnicodeError as error:
            if self._encoding == "utf-8" and not self._said:
                raise NotUtf8Error from error
            raise FileRefusedError(
                FileProblem.UNREADABLE_FILE,
                f"Near text line {self._number + 1} stands something that is no text in {self._encoding}. "
                "Save the file as “CSV UTF-8”.",
            ) from error


def _encoding(start: bytes) -> str:
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8"


def _up_to(lines: Iterable[str], characters: int) -> Iterator[str]:
    for line in lines:
        yield line
        characters -= len(line)
        if characters <= 0:
            return


def _refuse_binary(head: str) -> None:
    """Text has no zero characters; UTF-16 without its mark, read as anything else, has one in two."""
    if head.count("\0") * 4 > len(head):
        raise FileRefusedError(
            FileProblem.UNREADABLE_FILE, "The file is no text that can be read. Save it as “CSV UTF-8”."
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
    """The first rows, as far as they can be read in this way."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        rows.extend(islice(csv.reader(head, delimiter=separator), HEADER_ROWS))
    return rows


def _rows(lines: Iterable[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=separator, strict=True)
    number = 0
    try:
        for number, row in enumerate(reader, start=1):
            if any(row):
                yield number, row
    except csv.Error as error:
        raise FileRefusedError(
            FileProblem.UNREADABLE_FILE,
            f"The row after row {number} (text line {reader.line_num}) cannot be read: {error}. "
            "A quote inside a quoted cell must be doubled, and every opening quote needs its closing one.",
        ) from error
