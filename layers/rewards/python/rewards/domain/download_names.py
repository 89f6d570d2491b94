"""Names of the files that people download, in characters that every system takes."""

import re
import unicodedata
from datetime import UTC, datetime
from urllib.parse import quote

_MAX_BYTES = 150  # of a name without its ending, in UTF-8; file systems take 255 bytes
_ENDING = re.compile(r"\.(csv|txt|tsv|xlsx|jsonl|ndjson)$", re.IGNORECASE)


def report_name(name: str, created: int, file_format: str) -> str:
    """Name a report's file, such as `november-payout-2026-11-25.xlsx`.

    `created` is in Unix milliseconds; the date is the day in UTC.
    """
    day = datetime.fromtimestamp(created // 1000, UTC).date().isoformat()
    return f"{_stem(name) or 'report'}-{day}.{file_format.lower()}"


def results_name(import_name: str, file: str) -> str:
    """Name a file of an import, such as `november-payout-failed.csv` of `failed.csv`."""
    return f"{_stem(_ENDING.sub('', import_name.strip())) or 'import'}-{file}"


def upload_name(file_name: str) -> str:
    """Name an uploaded file: its own name, in safe characters, such as `november-payout.csv`."""
    ending = _ENDING.search(file_name.strip())
    return f"{_stem(_ENDING.sub('', file_name.strip())) or 'upload'}{ending[0].lower() if ending else ''}"


def content_disposition(file_name: str) -> str:
    """The header that has a browser save a file under this name (RFC 6266; RFC 8187 for other than ASCII)."""
    plain = unicodedata.normalize("NFKD", file_name).encode("ascii", "ignore").decode()
    header = f'attachment; filename="{re.sub(r"[^A-Za-z0-9._-]", "-", plain).lstrip("-.")}"'
    return header if file_name.isascii() else f"{header}; filename*=UTF-8''{quote(file_name, safe='')}"


def _stem(name: str) -> str:
    """The letters, marks and digits of a name in lower case, with hyphens for everything between them."""
    lower = unicodedata.normalize("NFC", name.lower())
    kept = "".join(each if unicodedata.category(each)[0] in "LMN" else " " for each in lower)
    return "-".join(kept.split()).encode()[:_MAX_BYTES].decode(errors="ignore").strip("-")
