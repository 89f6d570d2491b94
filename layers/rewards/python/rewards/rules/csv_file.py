"""Reading a CSV upload as a stream: memory does not grow with the file."""

import csv
import io
from collections.abc import Iterator

from rewards.rules.outcomes import FileProblem, FileRefusedError

# No real row is longer (characters); a file without line breaks is found out after this much.
MAX_LINE = 1 << 20
_BOM = b"\xef\xbb\xbf"

csv.field_size_limit(MAX_LINE)


def has_bom(stream: io.BufferedReader) -> bool:
    """Whether the file starts with a UTF-8 byte-order mark; nothing is consumed."""
    return stream.peek(3)[:3] == _BOM


def read_rows(stream: io.BufferedReader) -> Iterator[tuple[int, list[str]]]:
    """The rows with their numbers as a spreadsheet shows them: the header is row 1.

    Blank rows are skipped, but counted. Raises FileRefusedError where the text is broken.
    """
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    reader = csv.reader(_lines(text), strict=True)
    number = 0
    try:
        for number, row in enumerate(reader, start=1):
            if any(row):
                yield number, row
    except csv.Error as error:
        raise FileRefusedError(
            FileProblem.UNREADABLE_FILE,
            f"The row after row {number} (text line {reader.line_num}) has broken quoting: {error}. "
            "A quote inside a quoted cell must be doubled, and every opening quote needs its closing one.",
        ) from error
    except UnicodeDecodeError as error:
        raise FileRefusedError(
            FileProblem.UNREADABLE_FILE,
            f"The file is not UTF-8 text: near text line {reader.line_num + 1} stands the byte "
            f"0x{error.object[error.start]:02x}. Save it as “CSV UTF-8”.",
        ) from error


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    number = 0
    while line := text.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE and line[-1] not in "\r\n":
            raise FileRefusedError(
                FileProblem.UNREADABLE_FILE, f"Text line {number} is longer than {MAX_LINE:,} characters."
            )
        yield line
