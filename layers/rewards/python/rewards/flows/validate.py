"""Upload -> checked rows -> chunks on the queue.

The whole file is read before the first chunk leaves, so a file that is refused at its last
line has redeemed nothing. Meanwhile the chunks wait in a local file. The import is sealed
(its chunks and rows are known) before they are sent: from then on it can be counted to its
end, and a validation that dies while sending is simply run again.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import IO

from rewards.adapters.files import Files, Upload, part_name
from rewards.adapters.jobs import IMPORT, Jobs, Record
from rewards.adapters.queues import Queues
from rewards.adapters.retry import Backoff
from rewards.rules import chunks, ids
from rewards.rules.balance import Wanted
from rewards.rules.import_rows import RowChecker, find_columns
from rewards.rules.outcomes import Answer, FileProblem, FileRefusedError, Outcome
from rewards.rules.reward_rows import NEEDED, USED, USED_OF_USER, Grant, read_grant
from rewards.rules.sheets import read_sheet

REDEMPTION_TYPE = "REDEEMABLE_REWARD_BALANCE"
REWARD_TYPE = "REWARD"

# Where an upload lands says what it is: (import type, dry run).
PREFIXES = {
    "redemptions/": (REDEMPTION_TYPE, False),
    "preview/": (REDEMPTION_TYPE, True),
    "rewards/": (REWARD_TYPE, False),
}
MAX_FILE_BYTES = 2 << 30
_PART_ROWS = 5_000

REWARD_COLUMNS = (*NEEDED, *USED, *USED_OF_USER)


@dataclass
class _Found:
    """What reading the file found, besides the rows that travel."""

    rows: int = 0
    chunks: int = 0
    chunked_rows: int = 0
    without_row_id: bool = False
    outcomes: dict[str, int] = field(default_factory=dict)


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
        backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        self._jobs = jobs
        self._files = files
        self._queues = queues
        self._redemption_queue_url = redemption_queue_url
        self._finish_queue_url = finish_queue_url
        self._now = now
        self._backoff = backoff

    def run(self, bucket: str, key: str, version_id: str | None) -> str | None:
        """Validate an uploaded object; the import's id. Running it again is harmless."""
        found = self._import_of(bucket, key, version_id)
        if found is None:
            return None
        import_id, record = found
        if record["status"] == "VALIDATING" or (record["status"] == "PROCESSING" and not record["sent"]):
            try:
                self._validate(import_id, record)
            except FileRefusedError as refusal:
                self._abort(import_id, refusal.code, refusal.message)
        # Asking twice is harmless; not asking after a crash would leave the import open.
        self._queues.send(self._finish_queue_url, {"kind": "finish", "importId": import_id})
        return import_id

    def give_up(self, bucket: str, key: str, version_id: str | None) -> None:
        """Validation failed for good. Nothing was sent before the import was sealed, so it is aborted;
        of a sealed import some chunks may be under way, so it is validated to its end."""
        found = self._import_of(bucket, key, version_id)
        if found is not None:
            import_id, record = found
            if record["status"] == "VALIDATING":
                self._abort(
                    import_id,
                    FileProblem.VALIDATION_FAILED,
                    "The file could not be read after several tries.",
                )
            self.run(bucket, key, version_id)

    def _import_of(self, bucket: str, key: str, version_id: str | None) -> tuple[str, Record] | None:
        """The import of an uploaded object, made if it is not there yet."""
        prefix = next((prefix for prefix in PREFIXES if key.startswith(prefix)), None)
        if prefix is None or key.endswith("/"):
            return None  # a folder made in the S3 console is no upload
        upload = self._files.describe(bucket, key, version_id)
        import_id = ids.id_of_object(upload.modified, bucket, key, upload.version_id)
        record = self._record(upload, prefix)
        if not self._jobs.create(IMPORT, import_id, record):
            record = self._jobs.get(IMPORT, import_id) or record
        return import_id, record

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
        return {
            "type": kind,
            "name": upload.metadata.get("name", "")[:200] or file_name,
            "fileName": file_name,
            "dryRun": dry_run,
            "requester": "S3",
            "mailtoEmail": upload.metadata.get("email") or None,
            "status": "VALIDATING",
            "error": None,
            "dateCreated": self._now(),
            "dateCompleted": None,
            "bucket": upload.bucket,
            "key": upload.key,
            "versionId": upload.version_id,
            "size": upload.size,
            "sent": False,
            "rows": 0,
            "processed": 0,
            "chunks": 0,
            "chunksDone": 0,
            "outcomes": {},
            "redeemed": {},
        }

    def _validate(self, import_id: str, record: Record) -> None:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as spool:
            found = self._read(import_id, record, spool)
            # Refused rows are counted when the import is sealed; the others chunk by chunk.
            sealed = {
                "status": "PROCESSING",
                "rows": found.rows,
                "processed": found.rows - found.chunked_rows,
                "outcomes": found.outcomes,
                "chunks": found.chunks,
            }
            self._jobs.update(IMPORT, import_id, sealed, status="VALIDATING")
            spool.seek(0)
            waiting = (line.rstrip("\n") for line in spool)
            self._queues.send_all(self._redemption_queue_url, waiting, self._backoff())
        self._jobs.update(IMPORT, import_id, {"sent": True}, unless=("ABORTED",))

    def _read(self, import_id: str, record: Record, spool: IO[str]) -> _Found:
        """Check every row; the chunks go to `spool`, a line each, and refused rows to parts."""
        if record["size"] > MAX_FILE_BYTES:
            raise FileRefusedError(
                FileProblem.FILE_TOO_LARGE,
                f"The file has {record['size']:,} bytes; {MAX_FILE_BYTES:,} are allowed.",
            )
        if record["size"] == 0:
            raise FileRefusedError(FileProblem.EMPTY_FILE, "The file has no bytes.")
        found = _Found()
        refused = _Refused(self._files, import_id)
        digest = hashlib.sha256()
        with closing(
            self._files.open_upload(record["bucket"], record["key"], record["versionId"], digest)
        ) as stream:
            wanted = self._wanted(_check_rows(record, stream, self._now()), found, refused)
            for body in chunks.bodies(import_id, record["dryRun"], wanted):
                found.chunks += 1
                spool.write(body + "\n")
        refused.flush()
        if found.rows == 0:
            raise FileRefusedError(FileProblem.EMPTY_FILE, "The file has a header row and nothing below it.")
        if found.without_row_id and not record["dryRun"]:
            self._refuse_twin(digest.hexdigest(), import_id)
        return found

    def _wanted(
        self, checked: Iterator[Wanted | Grant | Answer], found: _Found, refused: "_Refused"
    ) -> Iterator[Wanted | Grant]:
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

    def _refuse_twin(self, digest: str, import_id: str) -> None:
        earlier = self._jobs.claim_file(digest, import_id)
        if earlier is not None:
            raise FileRefusedError(
                FileProblem.DUPLICATE_FILE,
                f"Import {earlier} was made from a file with exactly these bytes, and rows without rowId "
                "cannot be told from their repetition.",
            )


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

    def flush(self) -> None:
        if self._answers:
            self._parts += 1
            self._files.put_part(self._import_id, part_name("checked", self._parts), self._answers)
            self._answers = []


def _check_rows(record: Record, stream: IO[bytes], now: int) -> Iterator[Wanted | Grant | Answer]:
    """What every row of an upload wants, or its answer, in order."""
    redeems = record["type"] == REDEMPTION_TYPE
    sheet = read_sheet(stream, record["fileName"], json_columns=() if redeems else REWARD_COLUMNS)
    if redeems:
        checker = RowChecker(sheet.header, now)
        for line, row in sheet.rows:
            yield checker.check(row, line)
        return
    columns = find_columns(sheet.header, NEEDED, (*USED, *USED_OF_USER))
    for line, row in sheet.rows:
        cells = {name: row[place] if place < len(row) else "" for name, place in columns.items()}
        yield read_grant(cells, line, now)
