"""The reports that the rows of a file name: which of them this stack made, and whose their rows are."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing

from rewards.adapters.files import Files
from rewards.adapters.jobs import EXPORT, Jobs, Record
from rewards.domain.repair import Identity, Reports, Survey
from rewards.domain.report import file_key
from rewards.domain.spreadsheet import restore


def known_exports(export_ids: Iterable[str], jobs: Jobs) -> dict[str, Record]:
    """The records of those exports that this stack has; one read each."""
    records = ((export_id, jobs.get(EXPORT, export_id)) for export_id in export_ids)
    return {export_id: record for export_id, record in records if record is not None}


def find_reports(known: Mapping[str, Record], survey: Survey, files: Files, now: int) -> Reports:
    """What the reports say of the rows of a surveyed file; each that is still kept is read once."""
    kept = (
        export_id
        for export_id, record in known.items()
        if record["status"] == "COMPLETED" and record["dateExpires"] > now
    )
    rows = ((export_id, *row) for export_id in kept for row in _read_report(files, export_id))
    return Reports.read(known, survey, rows)


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
