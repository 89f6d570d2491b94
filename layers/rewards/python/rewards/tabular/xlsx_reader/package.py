"""The zip of a workbook: its parts, read a piece at a time and no further than its directory says."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import BinaryIO
from xml.parsers import expat

from rewards.domain.outcomes import FileProblem, FileRejectedError
from rewards.tabular.xlsx_reader.errors import NoWorkbookError, too_large, unreadable
from rewards.tabular.xlsx_reader.limits import MAX_BYTES, MAX_DIRECTORY, MAX_IDLE
from rewards.tabular.xlsx_reader.parts import PartReader

_CHUNK = 1 << 14  # bytes of XML at a time; small, because they may stand for far more shared text
_OLE = bytes.fromhex("D0CF11E0")  # old .xls, and what Excel wraps a workbook with a password in
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError)


class _Careful:
    """A file that is read in small pieces only: `zipfile` takes in a zip's directory at once."""

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell, self.seekable, self._file = file.seek, file.tell, file.seekable, file

    def read(self, size: int = -1, /) -> bytes:
        if size > MAX_DIRECTORY:
            raise too_large("The workbook consists of too many parts.")
        return self._file.read(size)


class Package:
    """The parts of a workbook; their names match without regard to case."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        start = file.read(4)
        file.seek(0)
        if not start:
            raise FileRejectedError(FileProblem.EMPTY_FILE, "The file is empty.")
        if start == _OLE:
            raise FileRejectedError(
                FileProblem.UNREADABLE_FILE,
                "The workbook has an old format or is protected by a password: "
                "save it as .xlsx without a password.",
            )
        if not start.startswith(b"PK"):
            raise NoWorkbookError
        with _zip_errors("The workbook is damaged or incomplete"):
            self._zip = zipfile.ZipFile(_Careful(file))
        self._parts: dict[str, list[zipfile.ZipInfo]] = {}
        for entry in self._zip.infolist():
            name = entry.filename.replace("\\", "/").lstrip("/").lower()
            self._parts.setdefault(name, []).append(entry)
        if sum(entry.file_size for entry in self._zip.infolist()) > MAX_BYTES:
            raise too_large("The workbook unpacks to more than 2 GiB.")

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._parts

    def read(self, name: str, reader: "PartReader", limit: int = MAX_BYTES) -> Iterator[None]:
        """Have the reader take in a part of at most `limit` bytes, one chunk a step."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = reader.start
        parser.EndElementHandler = reader.end
        parser.CharacterDataHandler = reader.text
        parser.StartNamespaceDeclHandler = reader.namespace
        parser.StartDoctypeDeclHandler = reader.doctype
        idle = seen = 0
        for chunk in chain(self._chunks(name, reader.what, limit), (b"",)):
            if reader.done:
                continue  # only for the checksum
            try:
                parser.Parse(chunk, not chunk)
            except (expat.ExpatError, LookupError, ValueError) as error:  # the latter for odd encodings
                raise reader.damaged(str(error)) from error
            reader.check()
            # Neither a tag nor a comment or blanks may go on for ever.
            idle = 0 if reader.tags() != seen else idle + len(chunk)
            seen = reader.tags()
            if idle > MAX_IDLE:
                raise reader.damaged(f"{MAX_IDLE:,} bytes without a tag")
            yield

    def _chunks(self, name: str, what: str, limit: int) -> Iterator[bytes]:
        entries = self._parts.get(name.lower(), ())
        if len(entries) != 1:
            raise unreadable(f"{what} is {'ambiguous' if entries else 'missing'} in the workbook ({name}).")
        (entry,) = entries
        if entry.file_size > limit:
            raise too_large(f"{what} unpacks to {entry.file_size:,} bytes, more than {limit:,}.")
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise unreadable(f"{what} is encrypted or compressed in a way that spreadsheets do not support.")
        with _zip_errors(f"{what} is damaged"):
            part = self._zip.open(entry)
        with part:
            while True:
                # Reads no further than the directory says, and compares the checksum at the end.
                with _zip_errors(f"{what} is damaged"):
                    chunk = part.read(_CHUNK)
                if not chunk:
                    return
                yield chunk


@contextmanager
def _zip_errors(what: str) -> Iterator[None]:
    try:
        yield
    except _ZIP_ERRORS as error:
        raise unreadable(f"{what} ({error}): upload it again, or repair it.") from error
