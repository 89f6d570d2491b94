"""The audit log: a log group of CloudWatch whose writers may only add, and which the API alone may read."""

import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from botocore.exceptions import ClientError

from rewards.adapters import metrics
from rewards.adapters.errors import translated
from rewards.adapters.metrics import Metric
from rewards.domain.audit import RELATED, AuditEntry, participant_object
from rewards.domain.row_ids import RowIdKeys

logger = logging.getLogger(__name__)

# Characters that mean nothing in a filter pattern, not even in a quoted text.
_PLAIN = re.compile(r"[A-Za-z0-9 @/_.+-]*")
# CloudWatch takes patterns of up to 1,024 characters.
_MAX_VALUE = 150


class AuditLog:
    """Adds entries. An entry that cannot be added goes to the function's own log instead, is counted, and
    changes nothing else: what it is about has happened.

    `client` gives a client of CloudWatch Logs when it is first needed, `keys` the keys of rowIds, `now` Unix
    milliseconds.
    """

    def __init__(
        self,
        client: Callable[[], Any],
        group: str,
        keys: Callable[[], RowIdKeys],
        now: Callable[[], int],
    ) -> None:
        self._client = client
        self._group = group
        self._keys = keys
        self._now = now
        self._stream: str | None = None

    def add(
        self, action: str, about: str, details: Mapping[str, Any] | None = None, actor: str | None = None
    ) -> None:
        """Add an entry as of now. Without an `actor` it was this function."""
        name = actor or f"function/{_function()}"
        self.write(AuditEntry(self._now(), name, str(action), about, details or {}))

    def write(self, *entries: AuditEntry) -> None:
        """Add entries, at most 1,000 at once."""
        if not entries:
            return
        try:
            self._put(entries)
        except Exception as error:  # noqa: BLE001 - whatever it is, the work that is recorded is done
            _report(error, [asdict(each) for each in entries])

    def participant(self, account_id: str, user_id: str | None = None) -> str:
        """The object of an entry about a participant, or about an account; without a digest if the key cannot
        be read."""
        try:
            return participant_object(self._keys(), account_id, user_id)
        except Exception as error:  # noqa: BLE001 - as above
            _report(error, [])
            return "account" if user_id is None else "participant"

    def _put(self, entries: tuple[AuditEntry, ...]) -> None:
        events: Any = [{"timestamp": each.date, "message": each.text} for each in entries]
        events.sort(key=lambda each: each["timestamp"])
        try:
            self._send(events)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            self._stream = None  # somebody deleted the stream
            self._send(events)

    def _send(self, events: Any) -> None:
        client = self._client()
        if self._stream is None:
            day = datetime.fromtimestamp(self._now() // 1000, UTC)
            stream = f"{_function()}/{day:%Y/%m/%d}/{token_hex(16)}"
            client.create_log_stream(logGroupName=self._group, logStreamName=stream)
            self._stream = stream
        response = client.put_log_events(
            logGroupName=self._group, logStreamName=self._stream, logEvents=events
        )
        if response.get("rejectedLogEventsInfo"):
            raise ValueError("CloudWatch rejected entries of the audit log")


def _function() -> str:
    return os.environ.get("POWERTOOLS_SERVICE_NAME", "service")


def _report(error: Exception, entries: list[dict[str, Any]]) -> None:
    reason = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    logger.error("audit entry not written", extra={"reason": reason, "entries": entries})
    metrics.record(Metric.AUDIT_PROBLEMS, max(1, len(entries)))


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries to find; None takes all. `object` also finds entries about it as the second object."""

    actor: str | None = None
    object: str | None = None
    action: str | None = None

    def takes(self, entry: AuditEntry) -> bool:
        """Whether an entry is to be found."""
        return (
            self.actor in (None, entry.actor)
            and self.action in (None, entry.action)
            and (self.object is None or entry.is_about(self.object))
        )

    @property
    def pattern(self) -> str:
        """A filter pattern of CloudWatch that takes at least these entries: `takes` decides.

        What could be syntax, and all that follows it, is left to the wildcard at the end.
        """
        conditions = [
            *_equal("actor", self.actor),
            *_equal("action", self.action),
            *_equal_one_of(("object", f"details.{RELATED}"), self.object),
        ]
        return f"{{ {' && '.join(conditions)} }}" if conditions else ""


def _equal(name: str, value: str | None) -> list[str]:
    return _equal_one_of((name,), value)


def _equal_one_of(names: tuple[str, ...], value: str | None) -> list[str]:
    if value is None:
        return []
    plain = _PLAIN.match(value)
    known = plain[0][:_MAX_VALUE] if plain else ""
    if not known:
        return []
    text = known if known == value else f"{known}*"
    equal = [f'$.{name} = "{text}"' for name in names]
    return [f"({' || '.join(equal)})"]


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry with its id in the log."""

    id: str
    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class Window:
    """The entries of a period, oldest first; None if there are more than could be read. `requests` were
    needed."""

    entries: list[StoredEntry] | None
    requests: int


class AuditReader:
    """Reads entries. `client` gives a client of CloudWatch Logs."""

    def __init__(self, client: Callable[[], Any], group: str) -> None:
        self._client = client
        self._group = group

    def between(self, start: int, end: int, wanted: AuditFilter, requests: int) -> Window:
        """The entries from `start` to before `end` (Unix ms), read with at most so many requests.

        CloudWatch searches a part of the period for each request, and may find nothing in it. Raises
        ThrottledError.
        """
        asked: dict[str, Any] = {"logGroupName": self._group, "startTime": start, "endTime": end - 1}
        if wanted.pattern:
            asked["filterPattern"] = wanted.pattern
        found: list[StoredEntry] = []
        for number in range(1, requests + 1):
            with translated():
                response = self._client().filter_log_events(**asked)
            for event in response["events"]:
                try:
                    entry = AuditEntry.parse(event["message"])
                except ValueError:
                    continue
                if wanted.takes(entry):
                    found.append(StoredEntry(event["eventId"], entry))
            token = response.get("nextToken")
            if not token:
                return Window(found, number)
            asked["nextToken"] = token
        return Window(None, requests)
