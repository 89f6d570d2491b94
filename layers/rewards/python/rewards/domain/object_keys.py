"""The keys of S3 objects: where they are made, and where they are parsed.

The upload bucket, whose folders say what a file is for:

    redemptions/{file}                  redeem balances
    preview/{file}                      a dry run
    rewards/{file}                      load rewards
    {folder}/{importId}/{file}          the same, by the upload form of an import

The files bucket:

    exports/{exportId}/{report}.{format}
    imports/{importId}/results.csv, failed.csv, examples.json
    imports/{importId}/parts/{part}.jsonl                         results of chunks, until version 0.2
    imports/{importId}/groups/000001/results.csv, failed.csv      of the rows of a group
    imports/{importId}/groups/000001/joined.json                  what there is to know of it
    evidence/{importId}/parts/{part}.jsonl                        results of chunks
    evidence/{importId}/sealed/{attempt}/chunks-000001.jsonl.gz   message bodies, one per line
    evidence/{importId}/sealed/{attempt}/checked-000001.jsonl     results of rejected rows
    evidence/{importId}/sealed/{attempt}/manifest.json            the SHA-256 of each of these
    evidence/{importId}/receipt.json                              a copy of the import's receipt
"""

import re
from typing import Literal

from rewards.domain import ids
from rewards.domain.report import REDEEMABLE, REPORT_DEFINITIONS, TYPES

# The folders of the upload bucket.
REDEMPTIONS = "redemptions/"
PREVIEW = "preview/"
REWARDS = "rewards/"
UPLOAD_FOLDERS = (REDEMPTIONS, PREVIEW, REWARDS)

RESULTS = "results.csv"
FAILED = "failed.csv"
EXAMPLES = "examples.json"
JOINED = "joined.json"
RECEIPT = "receipt.json"

_IMPORTS = "imports/"
_EVIDENCE = "evidence/"
_PART = re.compile(r"(?:evidence|imports)/([^/]+)/parts/(?:chunk|so-far)-([0-9]{6,})(?:-[^/]*)?\.jsonl")


def upload_key(folder: str, import_id: str, file_name: str) -> str:
    """Where the form of an import puts its file; `folder` is one of UPLOAD_FOLDERS."""
    # S3 would put the name of the user's own file where a form's key says ${filename}.
    return f"{folder}{import_id}/{file_name.replace('$', '_')}"


def upload_folder(key: str) -> str | None:
    """The folder of UPLOAD_FOLDERS in which an upload lies, or None."""
    return next((folder for folder in UPLOAD_FOLDERS if key.startswith(folder)), None)


def import_of_upload(key: str) -> str | None:
    """The import that an upload's key may belong to: its second part, if that has the form of an id."""
    parts = key.split("/")
    return parts[1] if len(parts) == 3 and ids.is_id(parts[1]) else None


def file_name_in(key: str) -> str:
    """The last part of a key; blank for a folder that was made in the S3 console."""
    return key.rpartition("/")[2]


def report_key(export_id: str, file_format: str, asked_type: str = REDEEMABLE) -> str:
    """The file of an export; `file_format` is CSV or XLSX, `asked_type` one of report.TYPES."""
    return f"exports/{export_id}/{REPORT_DEFINITIONS[TYPES[asked_type]].file_name}.{file_format.lower()}"


def import_key(import_id: str, name: str) -> str:
    """A file of an ended import: RESULTS, FAILED or EXAMPLES."""
    return f"{_IMPORTS}{import_id}/{name}"


def group_key(import_id: str, number: int, name: str) -> str:
    """A file of a group of an import's rows, which counts from 1: RESULTS, FAILED or JOINED."""
    return f"{_IMPORTS}{import_id}/groups/{number:06d}/{name}"


def is_of_import(key: str) -> bool:
    """Whether a key of the files bucket is that of an import's file, not of a report."""
    return key.startswith(_IMPORTS)


def job_in(key: str) -> str:
    """The id of the import or export that a file of the files bucket belongs to."""
    return key.split("/")[1]


def part_name(group: Literal["chunk", "so-far", "checked"], number: int, attempt: str = "") -> str:
    """The name of a part of an import's results, which sorts by number within its group.

    Where several attempts may write a part, each has a name of its own: a write that arrives late
    cannot replace what another attempt wrote.
    """
    return f"{group}-{number:06d}" + (f"-{attempt}" if attempt else "")


def part_key(import_id: str, part: str) -> str:
    """A part of an import's results, by its `part_name`."""
    return f"{_EVIDENCE}{import_id}/parts/{part}.jsonl"


def old_part_key(import_id: str, part: str) -> str:
    """Where versions before 0.2 wrote a part of an import's results."""
    return f"{_IMPORTS}{import_id}/parts/{part}.jsonl"


def parse_part_key(key: str) -> tuple[str, int] | None:
    """The import and the chunk's number of a key of results of a chunk, complete or not; None for others."""
    found = _PART.fullmatch(key)
    return (found[1], int(found[2])) if found else None


def sealed_chunks_key(import_id: str, attempt: str, number: int) -> str:
    """A file of chunks of one attempt to validate an import; `number` counts from 1."""
    return _sealed_key(import_id, attempt, f"chunks-{number:06d}.jsonl.gz")


def sealed_results_key(import_id: str, attempt: str, number: int) -> str:
    """A file of results of rows that one attempt to validate an import rejected; `number` counts from 1."""
    return _sealed_key(import_id, attempt, f"checked-{number:06d}.jsonl")


def sealed_manifest_key(import_id: str, attempt: str) -> str:
    """The manifest of one attempt to validate an import."""
    return _sealed_key(import_id, attempt, "manifest.json")


def receipt_key(import_id: str) -> str:
    """The copy of an import's receipt."""
    return f"{_EVIDENCE}{import_id}/{RECEIPT}"


def _sealed_key(import_id: str, attempt: str, name: str) -> str:
    return f"{_EVIDENCE}{import_id}/sealed/{attempt}/{name}"
