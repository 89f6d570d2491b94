"""The end of an import: results.csv, failed.csv, the status, and the email if it sends one.

The upload is read once more beside the results, both in line order, so that memory does not
grow with the file. A row without a result is one that wanted nothing: UNCHANGED.
"""

import csv
import heapq
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from secrets import token_hex

from rewards.adapters.errors import EmailNotSentError, LeaseTakenError, UploadGoneError
from rewards.adapters.files import Files
from rewards.adapters.jobs import IMPORT, Jobs, Record
from rewards.adapters.sealed import Sealed
from rewards.domain import import_rows, reward_rows
from rewards.domain.download_names import results_name
from rewards.domain.examples import Examples
from rewards.domain.outcomes import SETTLED, Outcome, RowResult, any_failed
from rewards.domain.result_columns import FAILED_COLUMNS, RESULT_COLUMNS, own_width
from rewards.domain.spreadsheet import restore
from rewards.domain.texts import writable
from rewards.domain.units import format_value
from rewards.email import messages
from rewards.flows import leases
from rewards.flows.imports import REWARD_TYPE, cancelled_unread, is_complete, sends_email
from rewards.flows.notifications import Notifications
from rewards.flows.open_upload import open_sheet
from rewards.flows.outcome_summary import purpose_of
from rewards.tabular.sheet import Sheet


class ResultsError(Exception):
    """The results do not cover the import's rows: a part is missing or double."""


# What tells a reward from another one, in a rewards file.
_CANCELLED_UNREAD = "It was cancelled before its rows were checked, so none of them was redeemed."

_RESULTS_FAILED = {
    "code": "RESULTS_FAILED",
    "message": "Every row was processed and counted, but results.csv could not be written.",
}


class Finisher:
    """Finishes imports. `now` gives Unix milliseconds."""

    def __init__(
        self, jobs: Jobs, files: Files, notifications: Notifications, now: Callable[[], int]
    ) -> None:
        self._jobs = jobs
        self._files = files
        self._notifications = notifications
        self._now = now

    def run(self, import_id: str) -> None:
        """Finish an import whose chunks are all counted; anything else is skipped.

        An import that ended as RESULTS_FAILED gets its results if what they are made of is still kept.
        Running it again is harmless: what was done is not done again. Raises LeaseTakenError while
        somebody else is at it: who has the message keeps it until the import has ended.
        """
        with self._leased(import_id, _lacks_results) as record:
            if record is None:
                return
            if _awaits_results(record):
                self._write_results(import_id, record)
                self._end(import_id, {"results": True})
            elif _lacks_results(record):
                written = self._write_results_again(import_id, record)
                if record.get("dateMailed") and not written:
                    return
            self._mail(import_id)

    def fail(self, import_id: str) -> None:
        """Finishing failed permanently: the import ends all the same, and says what is missing.

        The person is told if that is possible; else the record says that it was not. Raises
        LeaseTakenError as `run` does.
        """
        with self._leased(import_id) as record:
            if record is None:
                return
            if _awaits_results(record):
                self._end(import_id, {"error": _RESULTS_FAILED})
            try:
                self._mail(import_id)
            except EmailNotSentError as error:
                self._notifications.record_failure(IMPORT, import_id, str(error))

    @contextmanager
    def _leased(
        self, import_id: str, repeats: Callable[[Record], bool] = lambda _: False
    ) -> Iterator[Record | None]:
        """The record of an import that is to be finished, for us alone; None if nothing is to be done.

        `repeats` says whether an import is finished again after its email was sent. The record is read
        once more under the lease: somebody else may just have finished.
        """
        if self._unfinished(import_id, repeats) is None:
            yield None
            return
        owner = token_hex(8)
        if not self._jobs.lease(import_id, owner, self._now(), self._now() + leases.FINISH):
            raise LeaseTakenError(import_id)
        try:
            yield self._unfinished(import_id, repeats)
        finally:
            self._jobs.end_lease(import_id, owner)

    def _unfinished(self, import_id: str, repeats: Callable[[Record], bool]) -> Record | None:
        record = self._jobs.get(IMPORT, import_id)
        if record is None or not _has_ended(record):
            return None
        silent = record["dateCompleted"] is not None and not sends_email(record)
        return None if (record.get("dateMailed") or silent) and not repeats(record) else record

    def _end(self, import_id: str, changes: Record) -> None:
        """End an import, unless it has ended already: the first end stands.

        A cancelled import keeps its status, so the date tells whether it has ended. The condition
        also rejects a request that arrives late, after another worker ended the import otherwise.
        """
        now = self._now()
        ended = {**changes, "dateCompleted": now, "dateExpires": self._notifications.works_until(now)}
        for status, changed in (("PROCESSING", {"status": "COMPLETED"}), ("CANCELLED", {})):
            if self._jobs.update(IMPORT, import_id, {**ended, **changed}, status=status, dateCompleted=None):
                return

    def _write_results_again(self, import_id: str, record: Record) -> bool:
        """Write the results of an import that ended as RESULTS_FAILED; False if its files are not kept.

        One write replaces the error by the results and makes a new email due.
        """
        try:
            self._write_results(import_id, record)
        except (UploadGoneError, FileNotFoundError):
            return False
        changes = {
            "results": True,
            "error": None,
            "dateExpires": self._notifications.works_until(self._now()),
            "dateMailed": None,
        }
        return self._jobs.update(IMPORT, import_id, changes, error=record["error"])

    def _write_results(self, import_id: str, record: Record) -> None:
        folder = f"imports/{import_id}"
        with tempfile.TemporaryDirectory() as directory:
            results, failed = Path(directory, "results.csv"), Path(directory, "failed.csv")
            with open_sheet(self._files, record) as sheet:
                needed = reward_rows.NEEDED if record["type"] == REWARD_TYPE else import_rows.NEEDED
                examples = Examples(sheet.header[: own_width(sheet.header)], needed)
                has_failed_rows = self._join(import_id, record, sheet, results, failed, examples)
            self._files.save(str(results), f"{folder}/results.csv", "text/csv; charset=utf-8")
            if has_failed_rows and not record.get("reverses"):
                self._files.save(str(failed), f"{folder}/failed.csv", "text/csv; charset=utf-8")
        self._files.put_record(examples_key(import_id), examples.record())

    def _join(
        self, import_id: str, record: Record, sheet: Sheet, results: Path, failed: Path, examples: Examples
    ) -> bool:
        """Write both files; whether there is any failed row."""
        # In an uploaded results.csv these columns are replaced.
        width, own = len(sheet.header), own_width(sheet.header)
        # Ids of rewards stay as they are: loading failed.csv has to find the same ones.
        ids = reward_rows.id_places(sheet.header) if record["type"] == REWARD_TYPE else frozenset[int]()
        # As the upload began, so do the results: spreadsheets need the mark, scripts trip over it.
        encoding = "utf-8-sig" if sheet.mark else "utf-8"
        # And with its separator: a decimal comma in a copied cell would mean something else.
        writer = partial(csv.writer, delimiter=sheet.separator)
        rows = with_result = failures = 0
        with (
            results.open("w", encoding=encoding, newline="") as results_file,
            failed.open("w", encoding=encoding, newline="") as failed_file,
        ):
            to_results, to_failed = writer(results_file), writer(failed_file)
            to_results.writerow([*sheet.header[:own], *RESULT_COLUMNS])
            to_failed.writerow([*sheet.header[:own], *FAILED_COLUMNS])
            row_results = self._row_results(import_id, record)
            row_result = next(row_results, None)
            for line, row in sheet.rows:
                rows += 1
                cells, extra = _fitted(row, width, own)
                if sheet.neutralised:
                    cells = [restore(c) if n in ids else c for n, c in enumerate(map(writable, cells))]
                if row_result is None or row_result.line != line:
                    unchanged = _result_cells(import_id, RowResult(line, Outcome.UNCHANGED))
                    to_results.writerow([*cells, *unchanged, *extra])
                    continue
                with_result += 1
                examples.add(cells, row_result)
                to_results.writerow([*cells, *_result_cells(import_id, row_result), *extra])
                if row_result.outcome not in SETTLED:
                    failures += 1
                    to_failed.writerow([*cells, row_result.outcome, row_result.message, *extra])
                row_result = next(row_results, None)
        unasked = record["outcomes"].get(Outcome.UNCHANGED, 0) if record["type"] != REWARD_TYPE else 0
        expected = record["rows"] - unasked  # a reward that was loaded before is a result of a chunk
        if row_result is not None or rows != record["rows"] or with_result != expected:
            raise ResultsError(f"{with_result} of {expected} answers, {rows} of {record['rows']} rows")
        return failures > 0

    def _row_results(self, import_id: str, record: Record) -> Iterator[RowResult]:
        seal = record.get("seal")
        return heapq.merge(
            # Version 0.1 kept the results of rejected rows beside those of chunks.
            Sealed(self._files, import_id, seal).results()
            if seal
            else self._files.results(import_id, "checked", record.get("parts", 0)),
            self._files.results(import_id, "chunk", record["chunks"], self._jobs.attempts(import_id)),
            key=lambda row_result: row_result.line,
        )

    def _mail(self, import_id: str) -> None:
        record = self._jobs.get(IMPORT, import_id) or {}
        if not sends_email(record):
            return
        summary = messages.ImportSummary(
            name=record["name"],
            file_name=record["fileName"],
            import_id=import_id,
            console_url=self._notifications.console(f"import/{import_id}"),
            purpose=purpose_of(record),
            cancelled=record["status"] == "CANCELLED",
            outcomes=record["outcomes"],
            warnings=record.get("warnings", {}),
            file_warnings=record.get("fileWarnings", {}),
            redeemed=record["redeemed"],
        )
        if record["status"] == "ABORTED":
            email = messages.import_rejected(summary, record["error"]["code"], record["error"]["message"])
        elif not record.get("results"):
            reason = _CANCELLED_UNREAD if cancelled_unread(record) else record["error"]["message"]
            email = messages.import_without_results(summary, reason)
        else:
            until = record["dateExpires"]
            failed = any_failed(record["outcomes"]) and not record.get("reverses")
            email = messages.import_finished(
                summary,
                self._link(import_id, record, "results.csv"),
                self._link(import_id, record, "failed.csv") if failed else None,
                until,
            )
        self._notifications.mail(IMPORT, import_id, record["mailtoEmail"], email)

    def _link(self, import_id: str, record: Record, file: str) -> str:
        name = results_name(record["name"], file)
        return self._notifications.link(f"imports/{import_id}/{file}", record["dateExpires"], name)


def examples_key(import_id: str) -> str:
    """Where the first rows of each outcome lie in the files bucket."""
    return f"imports/{import_id}/examples.json"


def _awaits_results(record: Record) -> bool:
    """Whether all rows have their outcomes and the import has not ended, with results or with an error."""
    return is_complete(record) and record["dateCompleted"] is None


def _lacks_results(record: Record) -> bool:
    """Whether an import ended because its results could not be written."""
    return (record.get("error") or {}).get("code") == _RESULTS_FAILED["code"]


def _has_ended(record: Record) -> bool:
    """Whether every row has its result."""
    return is_complete(record) or cancelled_unread(record) or record["status"] in ("COMPLETED", "ABORTED")


def _fitted(row: Sequence[str], width: int, own: int) -> tuple[list[str], list[str]]:
    """The row's cells in the `own` columns, and any cells beyond the header's width, kept at the end."""
    return [*row[:own], *[""] * (own - len(row))], [cell for cell in row[width:] if cell]


def _result_cells(import_id: str, row_result: RowResult) -> list[str]:
    """The cells of RESULT_COLUMNS. A row that was redeemed earlier names that redemption, so that these
    results, uploaded again, find it."""
    owner, line = row_result.redeemed_by or (import_id, row_result.line)
    remaining = "" if row_result.available is None else format_value(row_result.available, row_result.unit)
    redeemed = format_value(row_result.redeemed, row_result.unit) if row_result.redeemed else "0"
    return [str(line), owner, row_result.outcome, redeemed, remaining, row_result.message]
