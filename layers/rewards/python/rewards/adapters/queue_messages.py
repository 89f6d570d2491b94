"""Messages as they are in the queues: JSON with a `kind` and a `version`, which the first version lacked.

Of a chunk only what redemption needs travels; the upload keeps the rest. A row to redeem is a list of its
line, account, user, unit, credits, program and rowId, and of further facts by name where it has any.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import orjson

from rewards.domain.balance import RedemptionRequest
from rewards.domain.messages import (
    PREVIOUS_VERSION,
    VERSION,
    ChunkMessage,
    CreateOverview,
    CreateReport,
    FailedInvocation,
    FinishImport,
    JoinGroup,
    LoadChunk,
    Message,
    RedeemChunk,
    ReportMisplaced,
    ReverseChunks,
    SendChunks,
)
from rewards.domain.outcomes import WarningCode
from rewards.domain.plain_rows import PlainRows
from rewards.domain.redemption import Reward
from rewards.domain.reward_rows import Grant

# A chunk is a request's worth of work for a worker, and fits an SQS message of 256 KiB.
MAX_ROWS = 500
MAX_BYTES = 200 * 1024
# The counts of a chunk are one DynamoDB expression, which ends at 4 KB.
MAX_UNITS = 50

_REDEEM = "redeem"
_LOAD = "load"
# Messages without rows: their kind, and the names of their fields.
_PLAIN: dict[type[Message], tuple[str, dict[str, str]]] = {
    ReverseChunks: (
        "reverse",
        {"import_id": "importId", "reverses": "reverses", "first": "first", "last": "last"},
    ),
    FinishImport: ("finish", {"import_id": "importId"}),
    JoinGroup: ("joinGroup", {"import_id": "importId", "number": "group"}),
    SendChunks: ("sendChunks", {"import_id": "importId"}),
    ReportMisplaced: ("misplaced", {"bucket": "bucket", "key": "key", "version_id": "versionId"}),
    CreateReport: ("report", {"export_id": "exportId"}),
    CreateOverview: ("overview", {}),
}
_PLAIN_BY_KIND: dict[str, tuple[Callable[..., Message], dict[str, str]]] = {
    kind: (message_type, names) for message_type, (kind, names) in _PLAIN.items()
}

# The fields of messages that the log may have, and their names there.
_DESCRIBED = {"kind": "kind", "importId": "import_id", "exportId": "export_id", "chunk": "chunk"}

# A reversal needs no rows in its messages, so they are few enough to be sent by the API in a second.
_REVERSAL_MESSAGES = 1_000


def chunk_bodies(
    import_id: str, dry_run: bool, rows: Iterable[RedemptionRequest | Grant | PlainRows]
) -> Iterator[str]:
    """The bodies of messages that hold the rows in chunks, in order."""
    batch = _Batch(import_id, dry_run)
    for row in rows:
        if isinstance(row, PlainRows):
            yield from batch.add(_plain(row), row.units)
        else:
            batch.kind = _REDEEM if isinstance(row, RedemptionRequest) else _LOAD
            yield from batch.add([_row(row)], [row.unit])
    if batch.rows:
        yield batch.end()


class _Batch:
    """The rows of the next message: of one `kind`, as many as fit."""

    def __init__(self, import_id: str, dry_run: bool) -> None:
        self.kind = _REDEEM
        self.rows: list[str] = []
        self._import_id = import_id
        self._dry_run = dry_run
        self._number = 0
        self._units: set[str] = set()
        self._size = 0

    def add(self, rows: Sequence[str], units: Sequence[str]) -> Iterator[str]:
        """Add rows as JSON, with the unit of each; the bodies of the messages that are full."""
        start, step = 0, MAX_ROWS
        while start < len(rows):
            end = start + min(step, MAX_ROWS - len(self.rows))
            more = rows[start:end]
            size = self._size + sum(map(len, more)) + len(more)
            with_units = self._units.union(units[start:end])
            fit = size <= MAX_BYTES + 1 and len(with_units) <= MAX_UNITS
            if more and (fit or (len(more) == 1 and not self.rows)):
                self.rows += more
                self._size, self._units = size, with_units
                start = end
            elif len(more) > 1:
                step = 1  # rows are large or have many units
            else:
                yield self.end()

    def end(self) -> str:
        """The body of the message; the next one begins."""
        self._number += 1
        body = _chunk_body(self.kind, self._import_id, self._number, self._dry_run, self.rows)
        self.rows, self._units, self._size = [], set(), 0
        return body


def _plain(rows: PlainRows) -> list[str]:
    """As `_row` of each."""
    columns = zip(
        rows.lines, rows.account_ids, rows.user_ids, rows.units, rows.values, rows.programs, rows.row_ids,
        strict=True,
    )  # fmt: skip
    quoted = {program: f'"{program}"' if program else "null" for program in set(rows.programs)}
    return [
        f'[{line},"{account}","{user}","{unit}",{value},{quoted[program]},"{row_id}"]'
        for line, account, user, unit, value, program, row_id in columns
    ]


def reversal_messages(import_id: str, reverses: str, count: int) -> Iterator[ReverseChunks]:
    """The messages for all `count` chunks of a reversal, several chunks in one where there are many."""
    each = -(-count // _REVERSAL_MESSAGES)
    for first in range(1, count + 1, each or 1):
        yield ReverseChunks(import_id, reverses, first, min(first + each - 1, count))


def encode(message: Message) -> str:
    """The body of a message, in the form of this version."""
    if isinstance(message, RedeemChunk):
        rows = map(_row, message.requests)
        return _chunk_body(_REDEEM, message.import_id, message.number, message.dry_run, rows)
    if isinstance(message, LoadChunk):
        return _chunk_body(_LOAD, message.import_id, message.number, False, map(_row, message.grants))
    kind, names = _PLAIN[type(message)]
    fields = {name: getattr(message, attribute) for attribute, name in names.items()}
    dumps = _dumps if isinstance(message, ReverseChunks) else json.dumps
    return dumps({"version": VERSION, "kind": kind, **fields})


def decode(body: str) -> Message | FailedInvocation:
    """The message in a body of this or the previous version. Raises ValueError for any other."""
    fields = json.loads(body)
    try:
        return _decoded(fields)
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a message of this service: {described(body)}") from error


def decode_chunks(body: str) -> ChunkMessage:
    """The message of the redemption queue in a body. Raises ValueError for any other."""
    message = decode(body)
    if not isinstance(message, ChunkMessage):
        raise ValueError(f"not a chunk: {described(body)}")
    return message


def described(body: str) -> dict[str, Any]:
    """What the log may say of a message, or of any other text: its kind and its ids, but none of its rows."""
    with suppress(ValueError):
        fields = json.loads(body)
        if isinstance(fields, dict):
            known = {name: str(fields[field])[:100] for field, name in _DESCRIBED.items() if field in fields}
            return known or {"fields": sorted(fields)[:10]}
    return {}


def _decoded(fields: dict[str, Any]) -> Message | FailedInvocation:
    if "kind" not in fields:
        return FailedInvocation(fields["requestPayload"])
    kind, version = fields["kind"], fields.get("version", PREVIOUS_VERSION)
    if version not in (VERSION, PREVIOUS_VERSION):
        raise ValueError(f"a message of version {version!r}")
    if kind == _REDEEM:
        requests = tuple(_request(*row) for row in fields["rows"])
        return RedeemChunk(fields["importId"], fields["chunk"], fields["dryRun"], requests, version=version)
    if kind == _LOAD:
        grants = tuple(map(_grant, fields["rows"]))
        return LoadChunk(fields["importId"], fields["chunk"], grants, version=version)
    message_type, names = _PLAIN_BY_KIND[kind]
    values = {attribute: fields[name] for attribute, name in names.items()}
    return message_type(**values, version=version)


def chunk_number(body: str) -> int:
    """The number of the chunk in a body that `chunk_bodies` made, without reading its rows."""
    head, _, _ = body.partition(',"rows":')
    number: int = json.loads(head + "}")["chunk"]
    return number


# ASCII: a few characters that ids may hold, SQS does not take.
_ascii = json.JSONEncoder(separators=(",", ":")).encode


def _dumps(value: Any) -> str:
    """As `_ascii`, at a fifth of the cost where the text is ASCII and its numbers are short."""
    try:
        text = orjson.dumps(value)
    except orjson.JSONEncodeError:
        return _ascii(value)
    return text.decode() if text.isascii() else _ascii(value)


def _chunk_body(kind: str, import_id: str, number: int, dry_run: bool, rows: Iterable[str]) -> str:
    head = _dumps(
        {"version": VERSION, "kind": kind, "importId": import_id, "chunk": number, "dryRun": dry_run}
    )
    return f'{head[:-1]},"rows":[{",".join(rows)}]}}'


def _row(row: RedemptionRequest | Grant) -> str:
    if not isinstance(row, RedemptionRequest):
        return _dumps(_grant_cells(row))
    cells: list[Any] = [
        row.line, row.account_id, row.user_id, row.unit, row.value, row.program_id, row.row_id
    ]  # fmt: skip
    if row.note or row.warnings or row.reference or row.prior:
        further = {
            "note": row.note,
            "warnings": row.warnings,
            "reference": row.reference,
            "prior": row.prior,
        }
        cells.append({name: value for name, value in further.items() if value})
    return _dumps(cells)


def _request(
    line: int,
    account_id: str,
    user_id: str,
    unit: str,
    value: int,
    program_id: str | None,
    row_id: str | None,
    further: dict[str, Any] | str | None = None,
) -> RedemptionRequest:
    request = RedemptionRequest(line, account_id, user_id, unit, value, program_id, row_id)
    if isinstance(further, str):  # version 1 had only the note of a repaired row
        further = {"note": further, "warnings": [WarningCode.REPAIRED]}
    if further:
        request.note = further.get("note", "")
        request.warnings = tuple(WarningCode(code) for code in further.get("warnings", ()))
        request.reference = further.get("reference", "")
        if "prior" in further:
            request.prior = (further["prior"][0], further["prior"][1])
    return request


def _grant_cells(grant: Grant) -> dict[str, Any]:
    cells = {name: value for name, value in asdict(grant).items() if value not in (None, "", {})}
    del cells["reward"]["cancelled_by"]  # no file has it, and earlier workers reject it
    return cells


def _grant(cells: dict[str, Any]) -> Grant:
    return Grant(**{**cells, "reward": Reward(**cells["reward"])})
