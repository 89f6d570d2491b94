"""Chunk -> balances: each row redeemed at most once, with exactly one result.

Read the balances, decide, write each on condition that nobody else did meanwhile; who lost
reads and decides again. A row that finds its own trace in the balance was redeemed before its
result was lost on the way, so it gets its result and is not redeemed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from secrets import token_hex

from rewards.adapters import metrics
from rewards.adapters.accounts import Accounts
from rewards.adapters.chunk_records import ChunkRecords, tally
from rewards.adapters.errors import LeaseTakenError, UnknownOutcomeError
from rewards.adapters.files import Files
from rewards.adapters.import_jobs import ImportJobs
from rewards.adapters.jobs_table import Lease
from rewards.adapters.metrics import Metric
from rewards.adapters.queues import Queues
from rewards.adapters.retry import Backoff, OutOfTimeError
from rewards.domain import ids, invisible, row_ids
from rewards.domain.balance import Balance, Redemption, RedemptionRequest, needs_history
from rewards.domain.balance_key import BalanceKey
from rewards.domain.import_job import ImportJob, ImportStatus
from rewards.domain.messages import Chunk, FinishImport, LoadChunk, RedeemChunk, ReverseChunk
from rewards.domain.object_keys import part_name
from rewards.domain.outcomes import SETTLED, Outcome, RowResult, StopReason
from rewards.domain.redeem_row import history_needed_since, redeem_row, with_warnings
from rewards.domain.result_columns import result_cells
from rewards.domain.unit_totals import rejected_totals
from rewards.flows import leases, requeue
from rewards.flows.load_rewards import Loader
from rewards.flows.reversals import Reverser
from rewards.flows.spellings import as_stored
from rewards.tabular.csv_writer import csv_texts

FAILED_PERMANENTLY = StopReason(
    Outcome.NOT_PROCESSED,
    "The system could not process this row. Nothing was changed. Import failed.csv to try again.",
)
CANCELLED = StopReason(Outcome.CANCELLED, "The import was cancelled before this row was redeemed.")
# The messages of rows that a reversal does not process. They must not suggest to upload the rows again.
_NOT_REVERSED = {
    Outcome.NOT_PROCESSED: (
        "The system could not reverse this row. Nothing was changed. Reverse the import again."
    ),
    Outcome.CANCELLED: "The reversal was cancelled before this row was reversed.",
}


class UnfinishedChunkError(OutOfTimeError):
    """The time is up; the results that stand were written."""


class ChunkProcessor:
    """Processes chunks. `now` gives Unix milliseconds."""

    def __init__(
        self,
        accounts: Accounts,
        jobs: ImportJobs,
        chunks: ChunkRecords,
        files: Files,
        queues: Queues,
        finish_queue_url: str,
        now: Callable[[], int],
        loader: Loader,
        reverser: Reverser,
    ) -> None:
        self._accounts = accounts
        self._jobs = jobs
        self._chunks = chunks
        self._files = files
        self._queues = queues
        self._finish_queue_url = finish_queue_url
        self._now = now
        self._loader = loader
        self._reverser = reverser

    def run(self, chunk: Chunk, backoff: Backoff, stop_reason: StopReason | None = None) -> None:
        """Decide every row of a chunk, and count the chunk, once. Running it again is harmless.

        With a `stop_reason` nothing is redeemed any more; rows that were redeemed already still say so.
        Raises LeaseTakenError while another copy of the message is processed: two that decide at
        once could give a row two results. From when an import is cancelled nothing more of it is redeemed.
        """
        until = (now := self._now()) + (leases.CHUNK if stop_reason is None else leases.DEAD_LETTER_CHUNK)
        owner = token_hex(8)
        lease = self._chunks.lease_chunk(chunk.import_id, chunk.number, owner, now, until)
        if lease is Lease.TAKEN:
            raise LeaseTakenError(f"{chunk.import_id} chunk {chunk.number}")
        if lease is not Lease.COUNTED:
            try:
                job = self._jobs.get(chunk.import_id)
                results = self._result(chunk, job, backoff, stop_reason, owner, again=lease is Lease.AGAIN)
                part = part_name("chunk", chunk.number, owner)
                digest = self._files.put_part(chunk.import_id, part, results, _cells(job, results))
                rejected = _rejected(chunk, job, results)
                self._chunks.count_chunk(
                    chunk.import_id, chunk.number, owner, results, digest, self._now(), backoff, rejected
                )
                if not (isinstance(chunk, RedeemChunk) and chunk.dry_run):
                    metrics.record_rows(tally(results).outcomes)
                metrics.record(Metric.CHUNK_DURATION, self._now() - now)
            except UnknownOutcomeError:
                raise  # a write may still be in progress: keep the lease until it expires
            except UnfinishedChunkError:
                self._chunks.end_chunk_lease(
                    chunk.import_id, chunk.number, owner, partial=True, too_early=True
                )
                raise
            except requeue.TOO_EARLY:
                self._chunks.end_chunk_lease(chunk.import_id, chunk.number, owner, too_early=True)
                raise
            except Exception:
                self._chunks.end_chunk_lease(chunk.import_id, chunk.number, owner)
                raise
        self._ask_to_finish_if_complete(chunk.import_id)

    def _result(
        self,
        chunk: Chunk,
        job: ImportJob | None,
        backoff: Backoff,
        stop_reason: StopReason | None,
        owner: str,
        again: bool,
    ) -> list[RowResult]:
        cancelled = _cancelled(job, chunk.import_id)
        stop_reason = stop_reason or cancelled
        if isinstance(chunk, LoadChunk):
            return self._loader.load(chunk.import_id, chunk.grants, backoff, stop_reason)
        if isinstance(chunk, ReverseChunk):
            if stop_reason is not None:
                stop_reason = replace(stop_reason, message=_NOT_REVERSED[stop_reason.outcome])
            return self._reverse(chunk, backoff, stop_reason)
        return self._redeem(chunk, backoff, stop_reason, owner, again)

    def _reverse(
        self, chunk: ReverseChunk, backoff: Backoff, stop_reason: StopReason | None
    ) -> list[RowResult]:
        try:
            counted = self._chunks.chunk(chunk.reverses, chunk.number).attempt
            then = self._files.part(chunk.reverses, part_name("chunk", chunk.number, counted))
        except FileNotFoundError:
            if stop_reason is None:
                raise
            return []  # these rows are lost; finishing reports that results are missing
        redeemed = [result for result in then if result.outcome is Outcome.REDEEMED]
        return self._reverser.reverse(chunk.import_id, chunk.reverses, redeemed, backoff, stop_reason)

    def _redeem(
        self,
        chunk: RedeemChunk,
        backoff: Backoff,
        stop_reason: StopReason | None,
        owner: str = "",
        again: bool = False,
    ) -> list[RowResult]:
        results: dict[int, RowResult] = {}
        partial = self._chunks.chunk(chunk.import_id, chunk.number).partial_attempt if again else ""
        if partial:
            # Earlier results stand, whichever copy of the message this is: a row that was rejected must
            # not be redeemed by the next. NOT_PROCESSED decides nothing: the row may be redeemed after all.
            kept = self._files.partial_results(chunk.import_id, part_name("so-far", chunk.number, partial))
            results = {each.line: each for each in kept if each.outcome is not Outcome.NOT_PROCESSED}
        pending: dict[BalanceKey, list[RedemptionRequest]] = {}
        for row in chunk.requests:
            if row.line not in results:
                request = as_stored(row, chunk.import_id, self._accounts, backoff)
                pending.setdefault(request.balance_key, []).append(request)
        while pending:
            left = self._redeem_what_can_be(pending, chunk, backoff, stop_reason, results)
            pending = {key: rows for key, rows in pending.items() if key in left}
            if pending:
                try:
                    backoff.wait()
                except OutOfTimeError as error:
                    # However slow the table is, whoever has this chunk next has less to do.
                    still = {row.line for rows in pending.values() for row in rows}
                    done = [result for line, result in sorted(results.items()) if line not in still]
                    so_far = part_name("so-far", chunk.number, owner)
                    self._files.put_part(chunk.import_id, so_far, done, [None] * len(done))
                    raise UnfinishedChunkError from error
                stop_reason = stop_reason or _cancelled(self._jobs.get(chunk.import_id), chunk.import_id)
        found = [results[request.line] for request in chunk.requests]
        # The record of an import of version 1 has no place to count warnings.
        return found if chunk.version > 1 else [replace(each, warnings=()) for each in found]

    def _redeem_what_can_be(
        self,
        pending: Mapping[BalanceKey, Sequence[RedemptionRequest]],
        chunk: RedeemChunk,
        backoff: Backoff,
        stop_reason: StopReason | None,
        results: dict[int, RowResult],
    ) -> set[BalanceKey]:
        """Read, decide and write once. Adds to `results`; which balances to try again, whose results do
        not count: they could not be read, or not be written."""
        balances, unread = self._accounts.read_now(pending)
        changed = []
        for key, rows in pending.items():
            if key in unread:
                continue
            balance = balances.get(key)
            if balance is None:
                decided = [with_warnings(self._no_balance(row, stop_reason, backoff), row) for row in rows]
            else:
                known = len(balance.redemptions)
                decided = self._decide(balance, rows, chunk.import_id, stop_reason, backoff)
                if len(balance.redemptions) != known and not chunk.dry_run:
                    changed.append(balance)
            results.update((each.line, each) for each in decided)
        written = self._accounts.write(changed, self._now())
        lost = [balance for balance, done in zip(changed, written, strict=True) if not done]
        return unread.union(balance.key for balance in lost)

    def _decide(
        self,
        balance: Balance,
        rows: Sequence[RedemptionRequest],
        import_id: str,
        stop_reason: StopReason | None,
        backoff: Backoff,
    ) -> list[RowResult]:
        """Redeem rows from a balance in memory, in the file's order; their results if the write succeeds."""
        now = self._now()
        since = min(history_needed_since(balance, row, _earliest(row, import_id), now) for row in rows)
        history: list[Redemption] = []
        if needs_history(balance, since):
            history = self._accounts.history(balance, since, backoff)
        return [
            redeem_row(balance, row, import_id, now, history, stop_reason, _reported(row)) for row in rows
        ]

    def _no_balance(
        self, row: RedemptionRequest, stop_reason: StopReason | None, backoff: Backoff
    ) -> RowResult:
        if stop_reason is not None:
            return RowResult(row.line, stop_reason.outcome, stop_reason.message, row.unit)
        units = self._accounts.units_of(row.account_id, row.user_id, backoff)
        if units:
            return RowResult(
                row.line,
                Outcome.UNIT_MISMATCH,
                f"This participant has no balance in {invisible.shown(row.unit)}. Units with a balance: "
                f"{', '.join(units)}."
                f"{invisible.hint(unit=row.unit)}",
                row.unit,
            )
        return RowResult(
            row.line,
            Outcome.NO_BALANCE,
            f"Account {invisible.shown(row.account_id)!r} has no participant "
            f"{invisible.shown(row.user_id)!r} with a reward."
            f"{invisible.hint(accountId=row.account_id, userId=row.user_id)}",
            row.unit,
        )

    def _ask_to_finish_if_complete(self, import_id: str) -> None:
        job = self._jobs.get(import_id)
        if job is not None and job.is_complete:
            self._queues.send(self._finish_queue_url, FinishImport(import_id))


def _cancelled(job: ImportJob | None, import_id: str) -> StopReason | None:
    """Why an import's rows are not to be redeemed any more, if it is cancelled.

    It is read under the lease of a chunk, for which a cancellation waits.
    """
    if job is None or job.status is ImportStatus.ABORTED or job.awaits_approval or job.is_cancelled_waiting:
        raise LookupError(f"no import {import_id} has chunks to process")  # not one was sent by us
    return CANCELLED if job.status is ImportStatus.CANCELLED else None


def _cells(job: ImportJob | None, results: Sequence[RowResult]) -> list[str | None]:
    """The result cells of each row for results.csv; None where the upload has to be known, too.

    An import of version 0.1 does not keep its separator.
    """
    if job is None or job.seal is None:
        return [None] * len(results)
    cells = [result_cells(job.id, result, result.unit) for result in results]
    texts = csv_texts(cells, job.separator or ",")
    return [text if result.unit else None for result, text in zip(results, texts, strict=True)]


def _rejected(chunk: Chunk, job: ImportJob | None, results: Sequence[RowResult]) -> dict[str, int]:
    """What the chunk's failed rows requested, by unit, for a record that counts it."""
    if isinstance(chunk, ReverseChunk) or all(result.outcome in SETTLED for result in results):
        return {}
    # What rewards files request was not counted before this version.
    if job is None or job.rejected is None or not job.requested:
        return {}
    rows = chunk.requests if isinstance(chunk, RedeemChunk) else chunk.grants
    return rejected_totals(rows, results, job.requested)


def _reported(row: RedemptionRequest) -> int | None:
    """When the row's report was created (Unix ms), or None for a row without rowId."""
    return row_ids.report_time(row.row_id) if row.row_id else None


def _earliest(row: RedemptionRequest, import_id: str) -> int:
    """Before this moment (Unix ms) the row cannot have been redeemed: its report, and any import that it
    names, did not exist."""
    reported = _reported(row)
    made = [ids.time_of(import_id)]
    if reported is not None:
        made.append(reported)
    if row.prior is not None:
        made.append(ids.time_of(row.prior[0]))
    return min(made)
