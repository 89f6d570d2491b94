"""Opening an upload as a sheet: CSV, workbook or JSON Lines, found by name and first bytes."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from io import BufferedReader
from typing import Any

from rewards.adapters.files import Files
from rewards.domain import import_rows, reward_rows
from rewards.domain.file_names import format_of
from rewards.domain.import_job import ImportJob
from rewards.domain.outcomes import FileProblem, FileRejectedError, WarningCode
from rewards.domain.receipt import BlockDigest
from rewards.domain.report import REWARD_COLUMNS
from rewards.domain.spreadsheet import inert, neutralise
from rewards.flows.imports import max_bytes
from rewards.tabular.archives import compressed
from rewards.tabular.csv_reader import read_csv, separator_named
from rewards.tabular.encodings import Detected, Sample, encoding_name
from rewards.tabular.json_lines import read_json_lines
from rewards.tabular.sheet import Sheet
from rewards.tabular.xlsx_reader import NoWorkbookError, read_workbook

_OLD_OR_ENCRYPTED = b"\xd0\xcf\x11\xe0"
_MARKUP = (b"<html", b"<!doctype", b"<table", b"<?xml", b"<meta")

_SHEETS_NAMED = 5  # in a warning
_SHEET_NAME = 40  # characters; spreadsheet programs allow 31


# So much of a file is looked at to see what it is.
_START = 1 << 20
_HOW_TO_SET = (
    "If letters are wrong in a preview, set the file's encoding (“File options” in the console, POST "
    "/import, or the metadata “encoding” of the S3 object), or save the file as “CSV UTF-8”."
)


@contextmanager
def open_sheet(
    files: Files, job: ImportJob, end: int | None = None, digest: BlockDigest | None = None
) -> Iterator[Sheet]:
    """The sheet in an import's upload, in its encoding and with its separator, where set.

    A CSV file may be read as if it ended before the byte `end`. What is read is added to the `digest`.

    Raises FileRefusedError, and NotUtf8Error where no encoding is set and the file is not UTF-8.
    """
    _check_size(job)
    encoding = _named(encoding_name, job.encoding, "encoding")
    separator = _named(separator_named, job.separator, "separator")
    with closing(files.open_upload(job.bucket, job.key, job.version_id, end=end, digest=digest)) as stream:
        rewards = job.loads_rewards
        needed = reward_rows.NEEDED if rewards else import_rows.NEEDED
        suffix = _suffix(job.file_name, rewards)
        if suffix == "jsonl":
            _reject_compressed(stream, ".jsonl")
            yield read_json_lines(stream, REWARD_COLUMNS, reward_rows.unknown_columns, neutralise)
        elif suffix == "xlsx":
            with tempfile.TemporaryFile() as local:
                shutil.copyfileobj(stream, local)
                # Reports of balances have safe texts, which stay so; rewards files have texts as they are.
                sheet = _workbook(local, needed, neutralise if rewards else inert)
                yield _with_unknown_columns(sheet) if rewards else sheet
        else:
            _reject_what_is_no_csv(stream)
            found = read_csv(stream, needed, encoding, separator)
            sheet = Sheet(
                found.header,
                found.rows,
                found.separator,
                mark=not found.plain_utf8,
                encoding=found.encoding,
                blocks=found.blocks,
                warnings=_warnings(job),
            )
            yield _with_unknown_columns(sheet) if rewards else sheet


def _with_unknown_columns(sheet: Sheet) -> Sheet:
    """The sheet of a rewards file, which says which of its columns are not known."""
    problem = reward_rows.unknown_columns(sheet.header)
    return (
        replace(sheet, warnings={**sheet.warnings, WarningCode.UNKNOWN_COLUMN: problem}) if problem else sheet
    )


def detect_encoding(files: Files, job: ImportJob) -> Detected:
    """The encoding of an upload that is not UTF-8. Raises FileRefusedError if there is none."""
    with closing(files.open_upload(job.bucket, job.key, job.version_id)) as stream:
        sample = Sample().read(iter(partial(stream.read, _START), b""))
    found = None if sample.mostly_utf_8() else sample.detect()
    if found is None:
        what = (
            "is UTF-8 in most places, but not in all"
            if sample.mostly_utf_8()
            else "is in an unknown encoding"
        )
        raise FileRejectedError(
            FileProblem.UNREADABLE_FILE,
            f"The file {what}. The first line that is not plain ASCII begins: {sample.shown()}. Save the "
            "file as “CSV UTF-8”, or set its encoding.",
        )
    return found


def _warnings(job: ImportJob) -> dict[WarningCode, str]:
    """What people should know of a file whose encoding was detected."""
    if not job.encoding_detected:
        return {}
    read = f"The file is not Unicode. It was read as {job.encoding}, which was detected."
    line = f" A line as it was read: {job.encoding_line}" if job.encoding_line else ""
    return {WarningCode.ENCODING_DETECTED: f"{read}{line}\n{_HOW_TO_SET}"}


def _named(read: Callable[[str], str], text: str | None, what: str) -> str | None:
    """A setting of the upload in our words, or None if there is none."""
    if not text:
        return None
    try:
        return read(text)
    except ValueError as error:
        raise FileRejectedError(FileProblem.UNREADABLE_FILE, f"The {what} of the upload: {error}") from error


def _check_size(job: ImportJob) -> None:
    size, limit = job.size, max_bytes(job.file_name)
    if size > limit:
        raise FileRejectedError(
            FileProblem.FILE_TOO_LARGE,
            f"The file has {size:,} bytes. The limit for its format is {limit:,} bytes.",
        )
    if size == 0:
        raise FileRejectedError(FileProblem.EMPTY_FILE, "The file is empty (0 bytes).")


def _suffix(file_name: str, rewards: bool) -> str:
    try:
        return format_of(file_name, rewards)
    except ValueError as error:
        raise FileRejectedError(FileProblem.UNSUPPORTED_FORMAT, str(error)) from error


def _reject_what_is_no_csv(stream: BufferedReader) -> None:
    start = stream.peek(16)[:16]
    if start.lstrip().lower().startswith(_MARKUP):
        raise FileRejectedError(
            FileProblem.UNREADABLE_FILE,
            "The file is named .csv but is a web page. Open it in a spreadsheet program and save it as "
            "“CSV UTF-8”.",
        )
    if start.startswith(_OLD_OR_ENCRYPTED):
        raise FileRejectedError(
            FileProblem.UNREADABLE_FILE,
            "The file is named .csv but is a workbook of an old format, or one with a password. Save it as "
            ".xlsx without a password, or as “CSV UTF-8”.",
        )
    _reject_compressed(stream, ".csv")


def _reject_compressed(stream: BufferedReader, ending: str) -> None:
    problem = compressed(stream.peek(_START), ending)
    if problem is not None:
        raise FileRejectedError(FileProblem.UNREADABLE_FILE, problem)


def _workbook(file: Any, needed: Sequence[str], safe: Callable[[str], str]) -> Sheet:
    try:
        found = read_workbook(file, needed, safe)
        _, header = next(found.rows)
    except NoWorkbookError as error:
        file.seek(0)
        problem = compressed(file.read(_START), ".xlsx")
        raise FileRejectedError(FileProblem.UNREADABLE_FILE, problem or error.message) from error
    warnings = (
        {WarningCode.OTHER_SHEETS_IGNORED: _ignored(found.sheet, found.ignored)} if found.ignored else {}
    )
    return Sheet(header, found.rows, workbook=True, neutralised=True, warnings=warnings)


def _ignored(read: str, others: Sequence[str]) -> str:
    """Name the sheet that was read and the sheets that were not."""
    names = ", ".join(f"“{_shortened(name)}”" for name in others[:_SHEETS_NAMED])
    more = f" and {len(others) - _SHEETS_NAMED:,} more" if len(others) > _SHEETS_NAMED else ""
    return (
        f"Only the sheet “{_shortened(read)}” was imported. The workbook has other sheets with content, "
        f"which were ignored: {names}{more}. To import their rows, upload each sheet as a file of its own."
    )


def _shortened(name: str) -> str:
    return name if len(name) <= _SHEET_NAME else name[: _SHEET_NAME - 1] + "…"
