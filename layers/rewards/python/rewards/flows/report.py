"""Report order -> file -> email."""

import csv
import tempfile
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path

from rewards.adapters.accounts import Accounts
from rewards.adapters.errors import EmailNotSentError
from rewards.adapters.files import Files
from rewards.adapters.jobs import EXPORT, Jobs, Record
from rewards.flows.deliver import Delivery
from rewards.rules import mail
from rewards.rules.balance import Balance
from rewards.rules.report import COLUMNS, FILE_NAME, Cell, Table, report_row

CONTENT_TYPES = {
    "CSV": "text/csv; charset=utf-8",
    "XLSX": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def file_key(export_id: str, file_format: str) -> str:
    """Where an export's file lies in the files bucket."""
    return f"exports/{export_id}/{FILE_NAME}.{file_format.lower()}"


class Reporter:
    """Makes reports. `now` gives Unix milliseconds."""

    def __init__(
        self, accounts: Accounts, jobs: Jobs, files: Files, delivery: Delivery, now: Callable[[], int]
    ) -> None:
        self._accounts = accounts
        self._jobs = jobs
        self._files = files
        self._delivery = delivery
        self._now = now

    def run(self, export_id: str) -> None:
        """Make an export that was ordered, and send its email. Running it again is harmless."""
        record = self._jobs.get(EXPORT, export_id)
        if record is None:
            return
        if record["status"] == "PENDING":
            made = self._make(export_id, record)
            self._jobs.update(EXPORT, export_id, made, status="PENDING")
            record = self._jobs.get(EXPORT, export_id) or record
        if not record.get("dateMailed"):
            self._mail(export_id, record)

    def give_up(self, export_id: str) -> None:
        """The report failed for good: its record says so, and the person is told if that is possible."""
        problem = {"code": "EXPORT_FAILED", "message": "The report could not be made. Order it again later."}
        aborted = {"status": "ABORTED", "error": problem, "dateCompleted": self._now()}
        self._jobs.update(EXPORT, export_id, aborted, status="PENDING")
        try:
            self.run(export_id)
        except EmailNotSentError as error:
            self._delivery.give_up(EXPORT, export_id, str(error))

    def _make(self, export_id: str, record: Record) -> Record:
        """Write the file; the changes to the record."""
        as_of = self._now()
        unit, program = record["params"].get("unit"), record["params"].get("programId")
        balances, participants = self._gather(as_of, unit, program)
        totals: dict[str, int] = {}
        for balance, available in balances:
            totals[balance.unit] = totals.get(balance.unit, 0) + available
        rows = [
            report_row(
                balance,
                available,
                participants.get((balance.account_id, balance.user_id), {}),
                export_id,
                as_of,
                program,
            )
            for balance, available in balances
        ]
        with tempfile.TemporaryDirectory() as directory:
            # The CSV file is kept beside a workbook, too: it repairs rows that a spreadsheet damaged.
            path = Path(directory, "report")
            write_csv(path, rows)
            self._save(path, export_id, "CSV")
            if record["format"] == "XLSX":
                # Only here: its library takes time to load, and CSV does without.
                from rewards.flows.workbook import write_workbook

                write_workbook(path, Table(COLUMNS, rows, "Balances"))
                self._save(path, export_id, "XLSX")
        return {
            "status": "COMPLETED",
            "dateCompleted": self._now(),
            "dateExpires": self._delivery.works_until(self._now()),
            "asOf": as_of,
            "recordCount": len(balances),
            "totals": totals,
        }

    def _save(self, path: Path, export_id: str, file_format: str) -> None:
        self._files.save(str(path), file_key(export_id, file_format), CONTENT_TYPES[file_format])

    def _gather(
        self, now: int, unit: str | None, program: str | None
    ) -> tuple[list[tuple[Balance, int]], dict[tuple[str, str], Mapping[str, str]]]:
        """The balances with what is available of them, in the report's order, and all participants."""
        balances = []
        participants = {}
        for found in self._accounts.scan():
            if isinstance(found, Balance):
                if unit is None or found.unit == unit:
                    available = found.available(now, program)
                    if available > 0:
                        balances.append((found, available))
            else:
                account_id, user_id, facts = found
                participants[account_id, user_id] = facts
        balances.sort(key=lambda each: (each[0].account_id, each[0].user_id, each[0].unit))
        return balances, participants

    def _mail(self, export_id: str, record: Record) -> None:
        if record["status"] == "COMPLETED":
            until = record["dateExpires"]
            link = self._delivery.link(file_key(export_id, record["format"]), until)
            email = mail.report_ready(
                record["name"], record["recordCount"], record["totals"], record["asOf"], link, until
            )
        else:
            email = mail.report_failed(record["name"], record["error"]["message"])
        self._delivery.mail(EXPORT, export_id, record["mailtoEmail"], email)


def write_csv(path: Path, rows: Iterable[list[Cell]]) -> None:
    """UTF-8 with byte-order mark, comma, CRLF, RFC 4180 quoting, header row."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows([_csv_cell(cell) for cell in row] for row in rows)


def _csv_cell(cell: Cell) -> str:
    if isinstance(cell, Decimal):
        return format(cell, "f") if cell else "0"
    return str(cell)
