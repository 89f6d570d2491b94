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


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of an import: `wanted` to redeem or `grants` to load; `number` counts from 1."""

    import_id: str
    number: int
    dry_run: bool
    wanted: tuple[Wanted, ...] = ()
    grants: tuple[Grant, ...] = ()


def bodies(import_id: str, dry_run: bool, rows: Iterable[Wanted | Grant]) -> Iterator[str]:
    """Message bodies that hold the rows, in order."""
    number = 0
    texts: list[str] = []
    units: set[str] = set()
    size = 0
    kind = REDEEM
    for row in rows:
        kind = REDEEM if isinstance(row, Wanted) else LOAD
        text = _dumps(_wanted_cells(row) if isinstance(row, Wanted) else _grant_cells(row))
        full = (
            len(texts) == MAX_ROWS
            or size + len(text) + 1 > MAX_BYTES
            or (len(units) == MAX_UNITS and row.unit not in units)
        )
        if texts and full:
            number += 1
            yield _body(import_id, number, dry_run, kind, texts)
            texts, units, size = [], set(), 0
        texts.append(text)
        units.add(row.unit)
        size += len(text) + 1
    if texts:
        yield _body(import_id, number + 1, dry_run, kind, texts)


def parse(body: str) -> Chunk:
    """The chunk in a message body. Raises ValueError (or KeyError) for anything else."""
    message = json.loads(body)
    rows = message["rows"]
    return Chunk(
        import_id=message["importId"],
        number=message["chunk"],
        dry_run=message["dryRun"],
        wanted=tuple(Wanted(*row) for row in rows) if message["kind"] == REDEEM else (),
        grants=tuple(_grant(row) for row in rows) if message["kind"] == LOAD else (),
    )


# ASCII: a few characters that ids may hold, SQS does not take.
_dumps = json.JSONEncoder(separators=(",", ":")).encode


def _body(import_id: str, number: int, dry_run: bool, kind: str, texts: list[str]) -> str:
    head = _dumps({"kind": kind, "importId": import_id, "chunk": number, "dryRun": dry_run})
    return f'{head[:-1]},"rows":[{",".join(texts)}]}}'


def _wanted_cells(wanted: Wanted) -> list[Any]:
    return [
        wanted.line,
        wanted.account_id,
        wanted.user_id,
        wanted.unit,
        wanted.value,
        wanted.program_id,
        wanted.row_id,
    ]


def _grant_cells(grant: Grant) -> dict[str, Any]:
    return {name: value for name, value in asdict(grant).items() if value not in (None, "", {})}


def _grant(cells: dict[str, Any]) -> Grant:
    return Grant(**{**cells, "reward": Reward(**cells["reward"])})
