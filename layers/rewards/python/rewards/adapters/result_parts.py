"""The results of a chunk as they are stored: in line order, a JSON list a line.

A first line, which parts of version 0.1 and results of rejected rows do not have, holds what results.csv is
made of: the rows' lines, their result cells as CSV text, and the places of results that more is done with.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from rewards.domain.outcomes import Outcome, RowResult, WarningCode

_READY = b"{"


@dataclass(frozen=True, slots=True)
class Part:
    """Results as finishing reads them, in line order.

    `cells` has the result cells of each as CSV text without its end, or None if they are not ready. `results`
    has, by line, those whose cells are not ready or which are shown or fail.
    """

    lines: Sequence[int]
    cells: Sequence[str | None]
    results: Mapping[int, RowResult]


def encode_part(results: Sequence[RowResult], cells: Sequence[str | None]) -> bytes:
    """Results with their result cells, None where these are not ready."""
    places = [
        place
        for place, (result, text) in enumerate(zip(results, cells, strict=True))
        if text is None or result.needs_attention
    ]
    ready = {"lines": [result.line for result in results], "cells": cells, "results": places}
    return b"\n".join([orjson.dumps(ready), encode_results(results)])


def decode_part(body: bytes) -> Part:
    """Return the part that `encode_part` or, without any cells, `encode_results` encoded."""
    if not body.startswith(_READY):
        found = decode_results(body)
        return Part([each.line for each in found], [None] * len(found), {each.line: each for each in found})
    ready = orjson.loads(body[: body.index(b"\n")])
    lines, places = ready["lines"], ready["results"]
    results = {}
    if places:
        bodies = body.split(b"\n")[1:]
        results = {lines[place]: _result(bodies[place]) for place in places}
    return Part(lines, ready["cells"], results)


def encode_results(results: Iterable[RowResult]) -> bytes:
    """Results as they are stored: a JSON list per line, whose trailing empty cells are left out."""
    return b"\n".join([orjson.dumps(_cells(result)) for result in results])


def decode_results(body: bytes) -> list[RowResult]:
    """The results that `encode_part` or `encode_results` stored, also in version 0.1."""
    lines = body.splitlines()
    return [_result(line) for line in (lines[1:] if body.startswith(_READY) else lines)]


def _result(line: bytes) -> RowResult:
    number, outcome, message, unit, redeemed, available, *rest = orjson.loads(line)
    account_id, user_id = (*rest[:2], "", "")[:2]
    codes = tuple(WarningCode(code) for code in rest[2]) if len(rest) > 2 else ()
    by = (rest[3][0], rest[3][1]) if len(rest) > 3 else None
    outcome = Outcome(outcome)
    return RowResult(number, outcome, message, unit, redeemed, available, account_id, user_id, codes, by)


def _cells(result: RowResult) -> list[Any]:
    rest: list[Any] = [result.account_id, result.user_id, result.warnings, result.redeemed_by]
    while rest and not rest[-1]:
        rest.pop()
    return [
        result.line,
        result.outcome,
        result.message,
        result.unit,
        result.redeemed,
        result.available,
        *rest,
    ]
