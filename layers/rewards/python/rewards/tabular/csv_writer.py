"""Rows as CSV: CRLF, quotes where RFC 4180 needs them."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence

from rewards.domain.packed import PackedRow, unpack

# The end of each line.
END = "\r\n"


def csv_lines(rows: Iterable[PackedRow]) -> str:
    """Return rows of two or more cells as `csv.writer` writes them."""
    lines: list[str] = []
    add, write = lines.append, csv.writer(_Lines(lines.append)).writerow
    for row in rows:
        if '"' in row or "," in row or "\r" in row or "\x01" in row or "\x0b" in row:
            write(unpack(row))
        else:  # no cell needs quotes; a cell with a line feed has other characters in its place
            add(row.replace("\0", ",") + END)
    return "".join(lines)


def csv_pieces(header: PackedRow, batches: Iterable[list[PackedRow]], mark: bool) -> Iterator[bytes]:
    """A CSV file, piece by piece. `mark` puts a byte-order mark in front, which spreadsheets need."""
    yield (("\ufeff" if mark else "") + csv_lines([header])).encode()
    for batch in batches:
        yield csv_lines(batch).encode()


def csv_texts(rows: Iterable[Sequence[str]], separator: str) -> list[str]:
    """Return rows as `csv.writer` writes them, each without the end of its line."""
    texts: list[str] = []
    csv.writer(_Lines(texts.append), delimiter=separator).writerows(rows)
    return [text[: -len(END)] for text in texts]


class _Lines:
    """Where `csv.writer` puts its lines."""

    __slots__ = ("write",)

    def __init__(self, write: Callable[[str], None]) -> None:
        self.write = write
