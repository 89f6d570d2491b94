"""Upload -> checked rows -> chunks on the queue.

The whole file is read before the first chunk leaves, so a file that is refused at its last
line has redeemed nothing. Meanwhile the chunks wait in a local file. The import is sealed
(its chunks and rows are known) before they are sent: from then on it can be counted to its
end, and a validation that dies while sending is simply run again.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import IO, Any
from urllib.parse import unquote_plus

from rewards.adapters.errors import UploadGoneError
from rewards.adapters.files import Files, Upload, part_name
from rewards.adapters.jobs import IMPORT, Jobs, Record
from rewards.adapters.queues import Queues
from rewards.adapters.retry import Backoff
from rewards.flows.identities import find_identities
from rewards.flows.imports import PREFIXES, REWARD_TYPE, is_sealed, new_record, ordered_id
from rewards.flows.uploads import open_sheet
from rewards.rules import chunks, ids
from rewards.rules.balance import Wanted
from rewards.rules.csv_file import LAST_RESORT, NotUtf8Error
from rewards.rules.file_names import clean
from rewards.rules.header import find_columns
from rewards.rules.import_rows import Identity, RowChecker
from rewards.rules.outcomes import Answer, FileProblem, FileRefusedError, Outcome
from rewards.rules.reward_rows import NEEDED, USED, USED_OF_USER, Grant, read_grant
from rewards.rules.sheets import Sheet
from rewards.rules.spreadsheet import restore
from rewards.rules.values import Marks, shown_mark

_GONE = "The uploaded file was deleted before it was read. Nothing was imported."
_PART_ROWS = 5_000
# So many rows are looked at to see how the file writes numbers.
_MARK_ROWS = 1_000


@dataclass
class _Found:
    """What reading the file found, besides the rows that travel; `parts` are those of refused rows."""

    encoding: str | None = None
    rows: int = 0
    chunks: int = 0
    chunked_rows: int = 0
    parts: int = 0
    without_row_id: bool = False
    mismatched: set[str] = field(default_factory=set)
    outcomes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What an S3 event says of an object."""

    bucket: str
    key: str
    version_id: str | None


def uploads_in(event: Mapping[str, Any]) -> Iterator[Uploaded]:
    """The objects that an S3 event tells of; keys come URL-encoded."""
    for record in event["Records"]:
        uploaded = record["s3"]["object"]
        yield Uploaded(
            record["s3"]["bucket"]["name"], unquote_plus(uploaded["key"]), uploaded.get("versionId")
        )


class Validation:
    """Validates uploads. `now` gives Unix milliseconds."""

    def __init__(
        self,
        jobs: Jobs,
        files: Files,
        queues: Queues,
        redemption_queue_url: str,
        finish_queue_url: str,
        now: Callable[[], int],
    ) -> None:
        self._jobs = jobs
        self._files = files
        self._queues = queues
        self._redemption_queue_url = redemption_queue_url
        self._finish_queue_url = finish_queue_url
        self._now = now

    def run(self, upload: Uploaded, backoff: Backoff) -> str | None:
        """Validate an uploaded object; the import's id, or None if it is not to be imported.

        Running it again is harmless.
        """
        found = self._import_of(upload)
        return self._run(*found, backoff) if found else None

    def give_up(self, upload: Uploaded, backoff: Backoff) -> None:
        """Validation failed for good. Nothing was sent before the import was sealed, so it is aborted;
        of a sealed import some chunks may be under way, so it is validated to its end."""
        found = self._import_of(upload)
        if found is not None:
            import_id, _ = found
            problem = "The file could not be read after several tries."
            self._abort(import_id, FileProblem.VALIDATION_FAILED, problem)
            self._run(import_id, self._jobs.get(IMPORT, import_id) or {}, backoff)

    def _run(self, import_id: str, record: Record, backoff: Backoff) -> str:
        # Of a cancelled import, too, every row gets an answer once it is sealed.
        unsent = record["status"] in ("PROCESSING", "CANCELLED") and is_sealed(record) and not record["sent"]
        if record["status"] == "VALIDATING" or unsent:
            try:
                self._validate(import_id, record, backoff)
            except FileRefusedError as refusal:
                self._abort(import_id, refusal.code, refusal.message)
            except UploadGoneError:
                # It was described a moment ago, by the same right to read it.
                if unsent:
                    raise  # some of its chunks may be under way
                self._abort(import_id, FileProblem.UPLOAD_GONE, _GONE)
        record = self._jobs.get(IMPORT, import_id) or record
        if record["status"] == "ABORTED" or record["chunks"] == 0:
            # Otherwise whoever counts the last chunk asks.
            self._queues.send(self._finish_queue_url, {"kind": "finish", "importId": import_id})
        return import_id

    def _import_of(self, uploaded: Uploaded) -> tuple[str, Record] | None:
        """The import of an uploaded object, made if it is not there yet."""
        prefix = next((prefix for prefix in PREFIXES if uploaded.key.startswith(prefix)), None)
        if prefix is None or uploaded.key.endswith("/"):
            return None  # a folder made in the S3 console is no upload
        upload = self._files.describe(uploaded.bucket, uploaded.key, uploaded.version_id)
        ordered = self._ordered(upload)
        if ordered is not None and ordered["versionId"] == upload.version_id:
            return ordered["id"], ordered
        if ordered is not None and _is_repeated(upload, ordered):
            return None
        import_id = ids.id_of_object(upload.modified, upload.bucket, upload.key, upload.version_id)
        record = self._record(upload, prefix)
        if ordered is not None:
            record |= self._refused_by(ordered)
        if not self._jobs.create(IMPORT, import_id, record):
            record = self._jobs.get(IMPORT, import_id) or record
        return import_id, record

    def _ordered(self, upload: Upload) -> Record | None:
        """The import whose form an upload came by, or None. The first file that arrives there is its file."""
        import_id = ordered_id(upload.key)
        record = self._jobs.get(IMPORT, import_id) if import_id else None
        if import_id is None or record is None:
            return None
        if (record["bucket"], record["key"]) != (upload.bucket, upload.key):
            return None
        if record["status"] == "PENDING":
            arrived = {"status": "VALIDATING", **_place(upload)}
            self._jobs.update(IMPORT, import_id, arrived, status="PENDING")
            record = self._jobs.get(IMPORT, import_id) or record
        return record

    def _refused_by(self, ordered: Record) -> Record:
        """What the record of a second file by an import's form says: a form takes one file only."""
        problem = {
            "code": FileProblem.FORM_USED.value,
            "message": f"The form of import {ordered['id']} has taken a file already. Nothing of this one "
            "was imported: order a new import for it.",
        }
        told = {field: ordered[field] for field in ("name", "requester", "mailtoEmail")}
        return {**told, "status": "ABORTED", "error": problem, "dateCompleted": self._now()}

    def _abort(self, import_id: str, code: FileProblem, message: str) -> None:
        """End an import of which nothing was sent. One that is sealed already stays as it is."""
        changes = {
            "status": "ABORTED",
            "error": {"code": code.value, "message": message},
            "dateCompleted": self._now(),
        }
        self._jobs.update(IMPORT, import_id, changes, status="VALIDATING")

    def _record(self, upload: Upload, prefix: str) -> Record:
        kind, dry_run = PREFIXES[prefix]
        file_name = upload.key.rpartition("/")[2]
        with suppress(ValueError):
            file_name = clean(file_name)
        return {
            **new_record(kind, dry_run, upload.metadata.get("name", ""), file_name, self._now()),
            "mailtoEmail": upload.metadata.get("email") or None,
            "status": "VALIDATING",
            **_place(upload),
        }

    def _validate(self, import_id: str, record: Record, backoff: Backoff) -> None:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as spool:
            found = self._read(import_id, record, spool)
            # Refused rows are counted when the import is sealed; the others chunk by chunk.
            sealed = {
                "status": "PROCESSING",
                "encoding": found.encoding,
                "rows": found.rows,
                "processed": found.rows - found.chunked_rows,
                "outcomes": found.outcomes,
                "parts": found.parts,
                "chunks": found.chunks,
            }
            if not self._jobs.update(IMPORT, import_id, sealed, status="VALIDATING"):
                now = self._jobs.get(IMPORT, import_id)
                if now is None or not is_sealed(now):
                    return  # aborted or cancelled meanwhile: not one chunk may leave
                if (now["rows"], now["chunks"]) != (found.rows, found.chunks):
                    raise RuntimeError(f"import {import_id} reads otherwise than when it was sealed")
            spool.seek(0)
            waiting = (line.rstrip("\n") for line in spool)
            self._queues.send_all(self._redemption_queue_url, waiting, backoff)
        self._jobs.update(IMPORT, import_id, {"sent": True})

    def _read(self, import_id: str, record: Record, spool: IO[str]) -> _Found:
        """Check every row; the chunks go to `spool`, a line each, and refused rows to parts.

        The file is read again in the encoding of last resort if it is not UTF-8, and once more if
        there are rows to repair by the reports that made them.
        """
        encoding: str | None = None
        digest = hashlib.sha256()
        try:
            found = self._read_as(import_id, record, spool, encoding, {}, digest)
        except NotUtf8Error:
            encoding, digest = LAST_RESORT, hashlib.sha256()
            found = self._read_as(import_id, record, spool, encoding, {}, digest)
        if found.mismatched:
            identities = find_identities(found.mismatched, self._jobs, self._files, self._now())
            if identities:
                found = self._read_as(import_id, record, spool, encoding, identities, hashlib.sha256())
        if found.rows == 0:
            raise FileRefusedError(FileProblem.EMPTY_FILE, "The file has no row to work on.")
        if found.without_row_id:
            self._refuse_twin(digest.hexdigest(), import_id, record["dryRun"])
        return found

    def _read_as(
        self,
        import_id: str,
        record: Record,
        spool: IO[str],
        encoding: str | None,
        identities: Mapping[str, Identity],
        digest: Any,
    ) -> _Found:
        spool.seek(0)
        spool.truncate()
        found = _Found(encoding)
        refused = _Refused(self._files, import_id)
        with open_sheet(self._files, record, encoding, digest) as sheet:
            wanted = _wanted(_check_rows(record, sheet, identities, found.mismatched), found, refused)
            for body in chunks.bodies(import_id, record["dryRun"], wanted):
                found.chunks += 1
                spool.write(body + "\n")
        found.parts = refused.flush()
        return found

    def _refuse_twin(self, digest: str, import_id: str, dry_run: bool) -> None:
        earlier = self._jobs.file_owner(digest) if dry_run else self._jobs.claim_file(digest, import_id)
        if earlier is not None:
            raise FileRefusedError(
                FileProblem.DUPLICATE_FILE,
                f"Import {earlier} was made from a file with exactly these bytes, and rows without rowId "
                "cannot be told from their repetition.",
            )


def _place(upload: Upload) -> Record:
    """Where the upload is; its version is pinned from here on."""
    return {
        "bucket": upload.bucket,
        "key": upload.key,
        "versionId": upload.version_id,
        "etag": upload.etag,
        "size": upload.size,
    }


def _is_repeated(upload: Upload, ordered: Record) -> bool:
    """Whether an upload repeats what its import has accepted, or comes after the import was cancelled."""
    same_bytes = (ordered["etag"], ordered["size"]) == (upload.etag, upload.size)
    never_arrived = ordered["status"] == "CANCELLED" and not ordered["etag"]
    return never_arrived or (same_bytes and ordered["status"] != "ABORTED")


class _Refused:
    """Collects refused rows into parts of the results."""

    def __init__(self, files: Files, import_id: str) -> None:
        self._files = files
        self._import_id = import_id
        self._answers: list[Answer] = []
        self._parts = 0

    def add(self, answer: Answer) -> None:
        self._answers.append(answer)
        if len(self._answers) == _PART_ROWS:
            self.flush()

    def flush(self) -> int:
        """Write what was collected; how many parts there are by now."""
        if self._answers:
            self._parts += 1
            self._files.put_part(self._import_id, part_name("checked", self._parts), self._answers)
            self._answers = []
        return self._parts


def _wanted(
    checked: Iterable[Wanted | Grant | Answer], found: _Found, refused: _Refused
) -> Iterator[Wanted | Grant]:
    """The rows that travel; the others are answered, and all are counted."""
    for row in checked:
        found.rows += 1
        if isinstance(row, Answer):
            found.outcomes[row.outcome] = found.outcomes.get(row.outcome, 0) + 1
            if row.outcome is not Outcome.UNCHANGED:
                refused.add(row)
            continue
        found.chunked_rows += 1
        found.without_row_id |= isinstance(row, Wanted) and row.row_id is None
        yield row


def _check_rows(
    record: Record, sheet: Sheet, identities: Mapping[str, Identity], mismatched: set[str]
) -> Iterator[Wanted | Grant | Answer]:
    """What every row of an upload wants, or its answer, in order; the same however often it is read."""
    uploaded = record["dateCreated"]
    if record["type"] == REWARD_TYPE:
        columns = find_columns(sheet.header, NEEDED, (*USED, *USED_OF_USER))
        for line, row in sheet.rows:
            cells = {name: restore(row[place]) if place < len(row) else "" for name, place in columns.items()}
            yield read_grant(cells, line, uploaded)
        return
    first = list(islice(sheet.rows, _MARK_ROWS))
    cells_of_value = map(RowChecker(sheet.header, uploaded).value_cell, (row for _, row in first))
    seen = {mark for mark in map(shown_mark, cells_of_value) if mark}
    marks = Marks(comma_allowed=sheet.separator != ",", seen=seen.pop() if len(seen) == 1 else None)
    checker = RowChecker(sheet.header, uploaded, marks, identities)
    for line, row in chain(first, sheet.rows):
        yield checker.check(row, line)
    mismatched |= checker.mismatched
