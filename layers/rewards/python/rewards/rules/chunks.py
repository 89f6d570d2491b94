"""Chunks: the messages in which rows travel from validation to redemption.

Where a chunk ends depends on the file alone, so a validation that runs again makes the same
chunks. Only what redemption needs travels; the upload keeps the rest.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rewards.rules.balance import Wanted
from rewards.rules.redemption import Reward
from rewards.rules.reward_rows import Grant

# A chunk is a request's worth of work for a worker, and fits an SQS message of 256 KiB.
MAX_ROWS = 500
MAX_BYTES = 200 * 1024
# The counts of a chunk are one DynamoDB expression, which ends at 4 KB.
MAX_UNITS = 50

REDEEM = "redeem"
LOAD = "load"
REVERSE = "reverse"

# A reversal needs no rows in its messages, so they are few enough to be sent by the API in a second.
_REVERSAL_MESSAGES = 1_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of an import: `wanted` to redeem or `grants` to load; `number` counts from 1.

    A chunk of a reversal names the import that it `reverses`: its rows are the answers of that
    import's chunk with the same number. One that is `resumed` was put back: some of its answers are kept.
    """

    import_id: str
    number: int
    dry_run: bool = False
    wanted: tuple[Wanted, ...] = ()
    grants: tuple[Grant, ...] = ()
    reverses: str = ""
    resumed: bool = False


def bodies(import_id: str, dry_run: bool, rows: Iterable[Wanted | Grant]) -> Iterator[str]:
    """Message bodies that hold the rows, in order."""
    number = 0
    batch: list[Wanted | Grant] = []
    units: set[str] = set()
    size = 0
    for row in rows:
        weight = _weight(row)
        full = (
            len(batch) == MAX_ROWS
            or size + weight > MAX_BYTES
            or (len(units) == MAX_UNITS and row.unit not in units)
        )
        if batch and full:
            number += 1
            yield _body(import_id, number, dry_run, batch)
            batch, units, size = [], set(), 0
        batch.append(row)
        units.add(row.unit)
        size += weight
    if batch:
        yield _body(import_id, number + 1, dry_run, batch)


def reversal_bodies(import_id: str, reverses: str, count: int) -> Iterator[str]:
    """Message bodies for all `count` chunks of a reversal, several chunks in one where there are many."""
    each = -(-count // _REVERSAL_MESSAGES)
    for first in range(1, count + 1, each or 1):
        last = min(first + each - 1, count)
        body = {"kind": REVERSE, "importId": import_id, "reverses": reverses, "first": first, "last": last}
        yield _dumps(body)


def parse(body: str) -> list[Chunk]:
    """The chunks in a message body: one, or several of a reversal.

    Raises ValueError (or KeyError) for anything else.
    """
    message = json.loads(body)
    import_id = message["importId"]
    if message["kind"] == REVERSE:
        numbers = range(message["first"], message["last"] + 1)
        return [Chunk(import_id, number, reverses=message["reverses"]) for number in numbers]
    rows = message["rows"]
    return [
        Chunk(
            import_id=import_id,
            number=message["chunk"],
            dry_run=message["dryRun"],
            wanted=tuple(Wanted(*row) for row in rows) if message["kind"] == REDEEM else (),
            grants=tuple(_grant(row) for row in rows) if message["kind"] == LOAD else (),
            resumed=message.get("resumed", False),
        )
    ]


def to_resume(body: str) -> str:
    """The body of a message that takes up the work on a chunk where another one left it."""
    return _dumps({**json.loads(body), "resumed": True})


# ASCII: a few characters that ids may hold, SQS does not take.
_dumps = json.JSONEncoder(separators=(",", ":")).encode


def _weight(row: Wanted | Grant) -> int:
    """No fewer bytes than the row will take in the body: JSON escapes quotes, and all that is not ASCII."""
    if isinstance(row, Wanted):
        text = f"{row.account_id}{row.user_id}{row.unit}{row.program_id}{row.row_id}{row.note}"
    else:
        text = str(row)
    return 120 + len(text) * (2 if text.isascii() and text.isprintable() else 12)


def _body(import_id: str, number: int, dry_run: bool, rows: list[Wanted | Grant]) -> str:
    redeems = isinstance(rows[0], Wanted)
    return _dumps(
        {
            "kind": REDEEM if redeems else LOAD,
            "importId": import_id,
            "chunk": number,
            "dryRun": dry_run,
            "rows": [_wanted_cells(row) if isinstance(row, Wanted) else _grant_cells(row) for row in rows],
        }
    )


def _wanted_cells(wanted: Wanted) -> list[Any]:
    return [
        wanted.line,
        wanted.account_id,
        wanted.user_id,
        wanted.unit,
        wanted.value,
        wanted.program_id,
        wanted.row_id,
        *([wanted.note] if wanted.note else []),
    ]


def _grant_cells(grant: Grant) -> dict[str, Any]:
    return {name: value for name, value in asdict(grant).items() if value not in (None, "", {})}


def _grant(cells: dict[str, Any]) -> Grant:
    return Grant(**{**cells, "reward": Reward(**cells["reward"])})
