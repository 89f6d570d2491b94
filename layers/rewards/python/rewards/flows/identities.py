"""Whose the rows of kept reports are, by rowId: what repairs rows that a spreadsheet damaged."""

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import closing

from rewards.adapters.files import Files
from rewards.adapters.jobs import EXPORT, Jobs
from rewards.rules import row_ids
from rewards.rules.import_rows import Identity
from rewards.rules.report import file_key
from rewards.rules.spreadsheet import restore


def find_identities(wanted: Iterable[str], jobs: Jobs, files: Files, now: int) -> dict[str, Identity]:
    """The identities of those rowIds whose report is still kept; each report is read once."""
    by_export: dict[str, set[str]] = {}
    for row_id in sorted(wanted):  # a set has no order, and the requests should have one
        export_id = row_ids.export_of(row_id)
        if export_id is not None:
            by_export.setdefault(export_id, set()).add(row_id)
    found: dict[str, Identity] = {}
    for export_id, row_ids_wanted in by_export.items():
        record = jobs.get(EXPORT, export_id)
        if record is None or record["status"] != "COMPLETED" or record["dateExpires"] <= now:
            continue
        rows = _read_report(files, export_id)
        found.update((row_id, identity) for row_id, identity in rows if row_id in row_ids_wanted)
    return found


def _read_report(files: Files, export_id: str) -> Iterator[tuple[str, Identity]]:
    stream = files.open_file(file_key(export_id, "CSV"))
    if stream is None:
        return
    with closing(stream):
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        for row in csv.DictReader(text):
            account_id, user_id, unit, program_id = (
                restore(row[name]) for name in ("accountId", "userId", "unit", "programId")
            )
            yield row["rowId"], Identity(account_id, user_id, unit, program_id or None)
