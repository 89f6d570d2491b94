"""Messages on the queues: what kinds there are, and the version of their form.

A message of the previous version, which has no `version`, is still read for one release, so that
an upgrade may find work in the queues.
"""

import json
from typing import Any

VERSION = 2
_PREVIOUS = 1

# Chunks of an import, on the redemption queue:
REDEEM = "redeem"
LOAD = "load"
REVERSE = "reverse"
# On the finish queue:
FINISH = "finish"
SEND_CHUNKS = "sendChunks"
MISPLACED = "misplaced"
# On the export queue:
REPORT = "report"
OVERVIEW = "overview"

Message = dict[str, Any]


def finish_import(import_id: str) -> Message:
    """Finish an import whose last chunk is counted, or that ended without chunks."""
    return {"version": VERSION, "kind": FINISH, "importId": import_id}


def send_chunks(import_id: str) -> Message:
    """Send the stored chunks of a sealed import, from where the last attempt stopped."""
    return {"version": VERSION, "kind": SEND_CHUNKS, "importId": import_id}


def report_misplaced(bucket: str, key: str, version_id: str) -> Message:
    """Report an upload outside the folders by email."""
    return {
        "version": VERSION,
        "kind": MISPLACED,
        "bucket": bucket,
        "key": key,
        "versionId": version_id,
    }


def create_report(export_id: str) -> Message:
    """Create the report of an export."""
    return {"version": VERSION, "kind": REPORT, "exportId": export_id}


def create_overview() -> Message:
    """Create the overview of all balances."""
    return {"version": VERSION, "kind": OVERVIEW}


def read_message(body: str) -> Message:
    """Parse a message of this or the previous version. Raises ValueError for any other.

    A text without a kind is none of our messages, and is returned as it is.
    """
    message: Message = json.loads(body)
    if "kind" in message and message.get("version", _PREVIOUS) not in (VERSION, _PREVIOUS):
        raise ValueError(f"a message of version {message['version']!r}: {body[:200]}")
    return message


def version_of(message: Message) -> int:
    """The version of a message's form."""
    version: int = message.get("version", _PREVIOUS)
    return version
