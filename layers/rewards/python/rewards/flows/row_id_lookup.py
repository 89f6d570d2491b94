"""The reports that the rows of a file name: which of them this stack made, and whose their rows are."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing

from rewards.adapters.export_jobs import ExportJobs
from rewards.adapters.files import Files
from rewards.domain.export_job import ExportJob
from rewards.domain.object_keys import report_key
from rewards.domain.repair import Identity, Reports, Survey
from rewards.domain.spreadsheet import restore


def known_exports(export_ids: Iterable[str], exports: ExportJobs) -> dict[str, ExportJob]:
    """Those exports that this stack has, by their ids; one read each."""
    found = ((export_id, exports.get(export_id)) for export_id in export_ids)
    return {export_id: job for export_id, job in found if job is not None}


def find_reports(known: Mapping[str, ExportJob], survey: Survey, files: Files, now: int) -> Reports:
    """What the reports say of the rows of a surveyed file; each that is still kept is read once."""
    kept = (export_id for export_id, job in known.items() if job.is_kept(now))
    rows = ((export_id, *row) for export_id in kept for row in _read_report(files, export_id))
    return Reports.read(known, survey, rows)


def _read_report(files: Files, export_id: str) -> Iterator[tuple[str, Identity]]:
    stream = files.open_file(report_key(export_id, "CSV"))
    if stream is None:
        return
    with closing(stream):
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        for row in csv.DictReader(text):
            account_id, user_id, unit, program_id = (
                restore(row[name]) for name in ("accountId", "userId", "unit", "programId")
            )
            yield row["rowId"], Identity(account_id, user_id, unit, program_id or None)
