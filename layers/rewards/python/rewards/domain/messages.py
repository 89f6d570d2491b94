"""Messages on the queues. `adapters/queue_messages.py` encodes and decodes them.

`version` is that of the form in which a message was sent. Messages of the previous version are still read
for one release, so that an upgrade may find work in the queues.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rewards.domain.balance import RedemptionRequest
from rewards.domain.reward_rows import Grant

VERSION = 2
PREVIOUS_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    version: int = VERSION


# --- On the redemption queue: the rows of an import that one worker processes together ---


@dataclass(frozen=True, slots=True)
class RedeemChunk(_Message):
    """Redeem the rows of an import's chunk; `number` counts from 1. Imports of version 1 have no warnings."""

    import_id: str
    number: int
    dry_run: bool
    requests: tuple[RedemptionRequest, ...]


@dataclass(frozen=True, slots=True)
class LoadChunk(_Message):
    """Load the rewards of an import's chunk; `number` counts from 1."""

    import_id: str
    number: int
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class ReverseChunk:
    """Reverse what the chunk with the same number of import `reverses` redeemed."""

    import_id: str
    number: int
    reverses: str


@dataclass(frozen=True, slots=True)
class ReverseChunks(_Message):
    """Reverse the chunks `first` to `last` of import `reverses`, in one message because it holds no rows."""

    import_id: str
    reverses: str
    first: int
    last: int

    @property
    def numbers(self) -> range:
        """The numbers of its chunks."""
        return range(self.first, self.last + 1)


# --- On the finish queue ---


@dataclass(frozen=True, slots=True)
class FinishImport(_Message):
    """Finish an import whose last chunk is counted, or that ended without chunks."""

    import_id: str


@dataclass(frozen=True, slots=True)
class JoinGroup(_Message):
    """Join the results of a group of an import's rows; `number` counts from 1."""

    import_id: str
    number: int


@dataclass(frozen=True, slots=True)
class SendChunks(_Message):
    """Send the stored chunks of a sealed import, from where the last attempt stopped."""

    import_id: str


@dataclass(frozen=True, slots=True)
class ReportMisplaced(_Message):
    """Report an upload outside the folders by email."""

    bucket: str
    key: str
    version_id: str


# --- On the export queue ---


@dataclass(frozen=True, slots=True)
class CreateReport(_Message):
    """Create the report of an export."""

    export_id: str


@dataclass(frozen=True, slots=True)
class CreateOverview(_Message):
    """Create the overview of all balances."""


# --- On the dead-letter queue, besides the messages of the other queues ---


@dataclass(frozen=True, slots=True)
class FailedInvocation:
    """What Lambda sends when it could not process an event after all retries."""

    event: Mapping[str, Any]


Chunk = RedeemChunk | LoadChunk | ReverseChunk
ChunkMessage = RedeemChunk | LoadChunk | ReverseChunks
ImportMessage = ChunkMessage | FinishImport | JoinGroup | SendChunks
Message = ImportMessage | ReportMisplaced | CreateReport | CreateOverview


def chunks_in(message: ChunkMessage) -> Iterator[Chunk]:
    """The chunks of a message: itself, or several of a reversal."""
    if isinstance(message, ReverseChunks):
        for number in message.numbers:
            yield ReverseChunk(message.import_id, number, message.reverses)
    else:
        yield message
