"""Opening an upload as a sheet: CSV, workbook or JSON Lines, found by name and first bytes."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from io import BufferedReader
from typing import Any

from rewards.adapters.files import Files
from rewards.adapters.jobs import Record
from rewards.flows.imports import REWARD_TYPE, max_bytes
from rewards.flows.read_workbook import read_workbook
from rewards.rules import import_rows, reward_rows
from rewards.rules.csv_file import read_csv
from rewards.rules.file_names import format_of
from rewards.rules.outcomes import FileProblem, FileRefusedError, WarningCode
from rewards.rules.report import REWARD_COLUMNS
from rewards.rules.sheets import Sheet, read_json_lines

_ZIP = b"PK\x03\x04"
_OLD_OR_ENCRYPTED = b"\xd0\xcf\x11\xe0"
_MARKUP = (b"<html", b"<!doctype", b"<table", b"<?xml", b"<meta")

_SHEETS_NAMED = 5  # in a warning
_SHEET_NAME = 40  # characters; spreadsheet programs allow 31


@contextmanager
def open_sheet(files: Files, record: Record, encoding: str | None, digest: Any = None) -> Iterator[Sheet]:
    """The sheet in an import's upload; what is read is added to `digest`.

    Raises FileRefusedError, and NotUtf8Error where `encoding` is None and must be another one.
    """
    _check_size(record)
    with closing(files.open_upload(record["bucket"], record["key"], record["versionId"], digest)) as stream:
        rewards = record["type"] == REWARD_TYPE
        suffix = _suffix(record["fileName"], rewards)
        if suffix == "jsonl":
            yield read_json_lines(stream, REWARD_COLUMNS)
        elif suffix == "xlsx":
            with tempfile.TemporaryFile() as local:
                shutil.copyfileobj(stream, local)
                yield _workbook(local, import_rows.NEEDED)
        else:
            _refuse_what_is_no_csv(stream)
            found = read_csv(stream, reward_rows.NEEDED if rewards else import_rows.NEEDED, encoding)
            yield Sheet(found.header, found.rows, found.separator, mark=not found.plain_utf8)


def _check_size(record: Record) -> None:
    size, limit = record["size"], max_bytes(record["fileName"])
    if size > limit:
        raise FileRefusedError(
            FileProblem.FILE_TOO_LARGE, f"The file has {size:,} bytes; {limit:,} are allowed for its format."
        )
    if size == 0:
        raise FileRefusedError(FileProblem.EMPTY_FILE, "The file has no bytes.")


def _suffix(file_name: str, rewards: bool) -> str:
    try:
        return format_of(file_name, rewards)
    except ValueError as error:
        raise FileRefusedError(FileProblem.UNSUPPORTED_FORMAT, str(error)) from error


def _refuse_what_is_no_csv(stream: BufferedReader) -> None:
    start = stream.peek(16)[:16]
    if start.lstrip().lower().startswith(_MARKUP):
        raise FileRefusedError(
            FileProblem.UNREADABLE_FILE,
            "The file is named .csv but is a web page. Open it in a spreadsheet and save it as “CSV UTF-8”.",
        )
    if start.startswith((_ZIP, _OLD_OR_ENCRYPTED)):
        raise FileRefusedError(
            FileProblem.UNREADABLE_FILE,
            "The file is named .csv but is a workbook. Save it as “CSV UTF-8”, or as .xlsx under that name.",
        )


def _workbook(file: Any, needed: Sequence[str]) -> Sheet:
    found = read_workbook(file, needed)
    _, header = next(found.rows)
    explained = (
        {WarningCode.OTHER_SHEETS_IGNORED: _ignored(found.sheet, found.ignored)} if found.ignored else {}
    )
    return Sheet(header, found.rows, warnings=explained)


def _ignored(read: str, others: Sequence[str]) -> str:
    """Name the sheet that was read and the sheets that were not."""
    names = ", ".join(f"“{_shortened(name)}”" for name in others[:_SHEETS_NAMED])
    more = f" and {len(others) - _SHEETS_NAMED:,} more" if len(others) > _SHEETS_NAMED else ""
    return (
        f"Only the sheet “{_shortened(read)}” was imported. The workbook has other sheets with content, "
        f"which were ignored: {names}{more}. If they have rows to import, upload each as a file of its own."
    )


def _shortened(name: str) -> str:
    return name if len(name) <= _SHEET_NAME else name[: _SHEET_NAME - 1] + "…"
