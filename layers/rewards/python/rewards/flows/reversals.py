"""Reversing an import: an import of its own, whose rows are the results of the first.

`Reversals` creates it; `Reverser` processes its chunks: each amount goes back to the reward it came from.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from rewards.adapters.accounts import Accounts
from rewards.adapters.import_jobs import ImportJobs
from rewards.adapters.queue_messages import encode, reversal_messages
from rewards.adapters.queues import Queues
from rewards.adapters.retry import Backoff
from rewards.domain import ids
from rewards.domain.balance import Balance
from rewards.domain.balance_key import BalanceKey
from rewards.domain.errors import RejectedError
from rewards.domain.import_job import ImportJob, ImportStatus, new_import
from rewards.domain.messages import FinishImport
from rewards.domain.outcomes import Outcome, RowResult, StopReason
from rewards.domain.reversal import MovedError, Pages, is_complete_reversal, needs_pages, reverse
from rewards.flows.approval_gate import ApprovalGate
from rewards.flows.load_rewards import is_over_full

_OVER_FULL = StopReason(
    Outcome.BALANCE_FULL,
    "With the returned rewards, this balance would exceed its limit of open rewards. Nothing was returned. "
    "Redeem or cancel some of its rewards, then reverse the import again.",
)


class NotReversibleError(RejectedError):
    """This import cannot be reversed; the message says why."""


class NotKeptError(RejectedError):
    """The results of the import are no longer kept."""


class Reversals:
    """Creates reversals. `now` gives Unix milliseconds."""

    def __init__(
        self,
        jobs: ImportJobs,
        queues: Queues,
        gate: ApprovalGate,
        redemption_queue_url: str,
        finish_queue_url: str,
        now: Callable[[], int],
    ) -> None:
        self._jobs = jobs
        self._queues = queues
        self._gate = gate
        self._redemption_queue_url = redemption_queue_url
        self._finish_queue_url = finish_queue_url
        self._now = now

    def create(
        self,
        original: ImportJob,
        requester: str,
        email: str | None,
        backoff: Backoff,
        requester_id: str | None = None,
    ) -> ImportJob:
        """Create the reversal of an import; return the import that reverses it.

        Asked again, it is the same reversal, and one that did not get all its messages gets them; only
        when some rows of it could not be processed is there another one. One that needs approval gets its
        messages when it is approved. Raises NotReversibleError and NotKeptError.
        """
        problem = _rejected(original)
        if problem:
            raise NotReversibleError(problem)
        if not original.is_kept(self._now()):
            raise NotKeptError(
                "The results of this import are no longer available, so it cannot be reversed."
            )
        new = _reversal(original, requester, requester_id, email, self._now())
        while True:
            earlier_id = original.reversed_by
            earlier = self._jobs.get(earlier_id) if earlier_id else None
            if earlier is not None and is_complete_reversal(earlier):
                return earlier
            if earlier_id and (earlier is None or earlier.date_completed is None):
                return self._begin(replace(new, id=earlier_id), backoff)
            if self._jobs.update(original.id, {"reversed_by": new.id}, reversed_by=earlier_id):
                return self._begin(new, backoff)
            original = self._jobs.get(original.id) or original

    def _begin(self, new: ImportJob, backoff: Backoff) -> ImportJob:
        """Store a reversal if it is not there yet, and send what belongs to its status."""
        job = self._stored(new)
        if job.awaits_approval:
            self._queues.send(self._finish_queue_url, FinishImport(job.id))
        elif job.is_under_way:
            messages = reversal_messages(job.id, new.reverses or "", job.chunks)
            self._queues.send_all(self._redemption_queue_url, map(encode, messages), backoff)
        return self._jobs.get(job.id) or job

    def _stored(self, new: ImportJob) -> ImportJob:
        while True:
            admission = self._gate.admit(new, new.requested, new.chunks)
            job = replace(
                new,
                status=admission.status,
                approval=admission.approval,
                sent=admission.status is ImportStatus.PROCESSING,
            )
            if self._jobs.create(job, admission.record):
                return job
            found = self._jobs.get(new.id)
            if found is not None:  # otherwise the requester's record was changed
                return found


def _rejected(original: ImportJob) -> str | None:
    """Why an import cannot be reversed, or None."""
    if original.loads_rewards:
        return "Only redemptions can be reversed. This import loaded rewards."
    if original.dry_run:
        return "This was a preview. It changed nothing, so there is nothing to reverse."
    if original.reverses:
        return "This import is a reversal. To redeem its rows again, import a file with these rows."
    if original.date_completed is None:
        return "The import has not ended yet. Wait until it ends, or cancel it first."
    if not original.outcomes.get(Outcome.REDEEMED):
        return "The import redeemed nothing, so there is nothing to reverse."
    return None


def _reversal(
    original: ImportJob, requester: str, requester_id: str | None, email: str | None, now: int
) -> ImportJob:
    """The reversal as it begins. It has been validated, so to say: its chunks are those of the original."""
    untouched = original.rows - original.outcomes[Outcome.REDEEMED]
    name = f"Reversal of {original.name}"
    return replace(
        new_import(ids.new_id(now), original.type, False, name, original.file_name, now),
        requester=requester,
        requester_id=requester_id,
        mailto_email=email,
        reverses=original.id,
        bucket=original.bucket,
        key=original.key,
        version_id=original.version_id,
        etag=original.etag,
        size=original.size,
        upload_digest=original.upload_digest,
        encoding=original.encoding,
        rows=original.rows,
        chunks=original.chunks,
        requested=original.redeemed,
        processed=untouched,
        outcomes={Outcome.UNCHANGED: untouched} if untouched else {},
    )


class Reverser:
    """Reverses redemptions. `now` gives Unix milliseconds."""

    def __init__(self, accounts: Accounts, now: Callable[[], int]) -> None:
        self._accounts = accounts
        self._now = now

    def reverse(
        self,
        reversal_id: str,
        of: str,
        redeemed: Sequence[RowResult],
        backoff: Backoff,
        stop_reason: StopReason | None = None,
    ) -> list[RowResult]:
        """Reverse redeemed rows of import `of`, at most once each; a result for every one, in their order.

        With a `stop_reason` nothing is returned any more, but what was returned still says so.
        """
        results: dict[int, RowResult] = {}
        stop_reasons: dict[BalanceKey, StopReason] = {}
        pending: dict[BalanceKey, list[RowResult]] = {}
        for row in redeemed:
            pending.setdefault(row.balance_key, []).append(row)
        while pending:
            balances = self._accounts.read(pending, backoff)
            light: list[Balance] = []
            again: list[BalanceKey] = []
            for key, rows in pending.items():
                balance = balances.get(key) or Balance(*key)
                pages = self._accounts.pages(balance, backoff) if needs_pages(balance, rows, of) else {}
                before = dict(pages)
                why = stop_reason or stop_reasons.get(key)
                try:
                    now = self._now()
                    decided = [reverse(balance, row, of, reversal_id, now, pages, why) for row in rows]
                except MovedError:
                    again.append(key)
                    continue
                results.update((result.line, result) for result, _ in decided)
                if not any(changed for _, changed in decided):
                    continue
                if is_over_full(balance, self._now()):
                    stop_reasons[key] = _OVER_FULL
                    again.append(key)
                elif not pages:
                    light.append(balance)
                elif not self._accounts.write_with_pages(balance, _changed(pages, before), now):
                    again.append(key)
            written = self._accounts.write(light, self._now())
            again += [balance.key for balance, done in zip(light, written, strict=True) if not done]
            pending = {key: pending[key] for key in again}
            if pending:
                backoff.wait()
        return [results[row.line] for row in redeemed]


def _changed(pages: Pages, before: Pages) -> Pages:
    return {key: page for key, page in pages.items() if page is not before[key]}
