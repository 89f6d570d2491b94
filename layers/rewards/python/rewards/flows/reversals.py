"""Requesting the reversal of an import: an import of its own, whose rows are the results of the first."""

from collections.abc import Callable

from rewards.adapters import chunk_messages
from rewards.adapters.jobs import IMPORT, Jobs, Record
from rewards.adapters.queues import Queues
from rewards.adapters.retry import Backoff
from rewards.domain import ids
from rewards.domain.outcomes import Outcome
from rewards.domain.reversal import is_complete_reversal
from rewards.flows.imports import REDEMPTION_TYPE, new_record


class NotReversibleError(Exception):
    """This import cannot be reversed; the message says why, in words for people."""


class NotKeptError(Exception):
    """What the import did is not kept any more."""


class Reversals:
    """Creates reversals. `now` gives Unix milliseconds."""

    def __init__(self, jobs: Jobs, queues: Queues, redemption_queue_url: str, now: Callable[[], int]) -> None:
        self._jobs = jobs
        self._queues = queues
        self._redemption_queue_url = redemption_queue_url
        self._now = now

    def create(self, original: Record, requester: str, email: str | None, backoff: Backoff) -> Record:
        """Create the reversal of an import; return the record of the import that reverses it.

        Asked again, it is the same reversal, and one that did not get all its messages gets them; only
        when some rows of it could not be processed is there another one. Raises NotReversibleError and
        NotKeptError.
        """
        problem = _rejected(original)
        if problem:
            raise NotReversibleError(problem)
        if original["dateExpires"] <= self._now():
            raise NotKeptError("What the import did is not kept any more, so it cannot be reversed.")
        while True:
            earlier_id = original.get("reversedBy")
            earlier = self._jobs.get(IMPORT, earlier_id) if earlier_id else None
            if earlier is not None and is_complete_reversal(earlier):
                return earlier
            if earlier_id and (earlier is None or earlier["dateCompleted"] is None):
                return self._begin(earlier_id, original, requester, email, backoff)
            fresh = ids.new_id(self._now())
            if self._jobs.update(IMPORT, original["id"], {"reversedBy": fresh}, reversedBy=earlier_id):
                return self._begin(fresh, original, requester, email, backoff)
            original = self._jobs.get(IMPORT, original["id"]) or original

    def _begin(
        self, reversal_id: str, original: Record, requester: str, email: str | None, backoff: Backoff
    ) -> Record:
        record = _record(original, requester, email, self._now())
        self._jobs.create(IMPORT, reversal_id, record)
        bodies = chunk_messages.reversal_bodies(reversal_id, original["id"], original["chunks"])
        self._queues.send_all(self._redemption_queue_url, bodies, backoff)
        return self._jobs.get(IMPORT, reversal_id) or {"id": reversal_id, **record}


def _rejected(original: Record) -> str | None:
    """Why an import cannot be reversed, or None."""
    if original["type"] != REDEMPTION_TYPE:
        return "Only redemptions can be reversed, and this import loaded rewards."
    if original["dryRun"]:
        return "This was a preview: it changed nothing, so there is nothing to reverse."
    if original.get("reverses"):
        return "This import is a reversal itself. To redeem again, upload a file with its rows."
    if original["dateCompleted"] is None:
        return "The import has not ended yet. Wait for its end, or cancel it first."
    if not original["outcomes"].get(Outcome.REDEEMED):
        return "The import redeemed nothing, so there is nothing to reverse."
    return None


def _record(original: Record, requester: str, email: str | None, now: int) -> Record:
    """The reversal's record. It has been validated, so to say: its chunks are those of the original."""
    copied = ("bucket", "key", "versionId", "etag", "size", "encoding", "rows", "chunks")
    untouched = original["rows"] - original["outcomes"][Outcome.REDEEMED]
    name = f"Reversal of {original['name']}"
    return {
        **new_record(REDEMPTION_TYPE, False, name, original["fileName"], now),
        **{field: original[field] for field in copied},
        "reverses": original["id"],
        "requester": requester,
        "mailtoEmail": email,
        "status": "PROCESSING",
        "sent": True,
        "processed": untouched,
        "outcomes": {Outcome.UNCHANGED.value: untouched} if untouched else {},
    }
