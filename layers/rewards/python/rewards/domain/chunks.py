"""Chunks: the rows of an import that one worker processes together."""

from dataclasses import dataclass

from rewards.domain.balance import RedemptionRequest
from rewards.domain.messages import VERSION
from rewards.domain.reward_rows import Grant


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of an import: `requests` to redeem or `grants` to load; `number` counts from 1.

    `version` is that of the message. An import of version 1 counts no warnings.

    A chunk of a reversal names the import that it `reverses`: its rows are the results of that
    import's chunk with the same number.
    """

    import_id: str
    number: int
    dry_run: bool = False
    requests: tuple[RedemptionRequest, ...] = ()
    grants: tuple[Grant, ...] = ()
    reverses: str = ""
    version: int = VERSION
