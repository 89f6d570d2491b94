"""What the auditor knows by itself of files, values and balances. It imports nothing of the product.

The stored forms are those of docs/reference/data-model.md, read here a second time.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, Decimal
from typing import Any

# A unit that is another spelling of a currency: nothing is ever loaded in it.
MISSPELT = "cash/usd"
DECIMALS = {"CASH/USD": 2, "POINT": 0, "CREDIT/KWD": 3, "TICKET": 0}
BalanceKey = tuple[str, str, str]  # account, user, unit


# --- Files ---


@dataclass(frozen=True)
class Line:
    """A row of an upload: its cells, and what it asks for, or the one outcome it can have."""

    number: int
    cells: tuple[str, ...]
    key: BalanceKey
    program: str = ""
    row_id: str = ""
    reference: str = ""
    credits: int = 0
    outcome: str = ""  # "" where the balance decides
    reward: "Reward | None" = None
    # Whether it has a valid positive value, so that control totals cover it.
    counts: bool = False


def table(body: bytes) -> tuple[list[str], list[list[str]]]:
    header, *rows = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""))
    return header, rows


def plain(cell: str) -> str:
    """The cell without the mark that keeps a spreadsheet from calculating it."""
    text = cell.strip()
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@") else text


def redemption_lines(body: bytes, row_ids: dict[str, tuple[str, str, str, str]]) -> list[Line]:
    """What each row of a redemption file can come to; `row_ids` are those of all reports ever made."""
    header, rows = table(body)
    lines: list[Line] = []
    seen: set[tuple[str, ...]] = set()
    for number, cells in enumerate(rows, start=2):
        row = dict(zip(header, cells, strict=True))
        account, user, unit = (plain(row[name]) for name in ("accountId", "userId", "unit"))
        program = plain(row.get("programId", ""))
        row_id = row.get("rowId", "").strip()
        reference = plain(row.get("reference", ""))
        line = Line(number, tuple(cells), (account, user, unit), program, row_id, reference)
        credits, rejection = value_of(row["valueToRedeem"], unit)
        counts = bool(unit) and rejection in ("", "TRUNCATES_TO_ZERO")
        if rejection == "UNCHANGED":
            pass
        elif not (account and user and unit):
            rejection = "MISSING_FIELD"
        elif row_id and row_ids.get(row_id) != (account, user, unit, program):
            rejection = "ROW_CHANGED" if row_id in row_ids else "UNKNOWN_REPORT"
        elif (account, user, unit, program) in seen:
            rejection = "DUPLICATE_ROW"
        else:
            seen.add((account, user, unit, program))
        lines.append(replace(line, credits=credits, outcome=rejection, counts=counts))
    return lines


def value_of(cell: str, unit: str) -> tuple[int, str]:
    """Credits in a cell of valueToRedeem, and the outcome if it can be no redemption."""
    text = cell.strip()
    if not text:
        return 0, "UNCHANGED"
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]*)?", text):
        return 0, "INVALID_VALUE"
    value = Decimal(text)
    if value == 0:
        return 0, "UNCHANGED"
    if value < 0:
        return 0, "NOT_POSITIVE"
    credits = int((value * 10 ** DECIMALS.get(unit, 0)).to_integral_value(ROUND_DOWN))
    return credits, "" if credits else "TRUNCATES_TO_ZERO"


def reward_lines(body: bytes) -> list[Line]:
    """What each row of a rewards file can come to."""
    header, rows = table(body)
    lines = []
    for number, cells in enumerate(rows, start=2):
        row = dict(zip(header, cells, strict=True))
        key = (row["user.accountId"], row["user.id"], row["unit"])
        line = Line(number, tuple(cells), key)
        if row["type"] != "CREDIT":
            lines.append(replace(line, outcome="UNSUPPORTED_TYPE"))
        elif not row["assignedCredit"].isdigit():
            lines.append(replace(line, outcome="INVALID_VALUE"))
        elif row["assignedCredit"] == "0":
            lines.append(replace(line, outcome="NOT_POSITIVE"))
        else:
            assigned = int(row["assignedCredit"])
            line = replace(line, credits=assigned, counts=True)
            dates = [
                int(row[name]) if row[name] else None
                for name in ("dateExpires", "dateScheduledFor", "dateCancelled")
            ]
            if dates[0] is not None and dates[1] is not None and dates[0] <= dates[1]:
                lines.append(replace(line, outcome="INVALID_VALUE"))
                continue
            reward = Reward(
                row["id"],
                assigned,
                assigned - int(row["redeemedCredit"] or 0),
                int(row["dateGiven"]),
                dates[0],
                row["programId"] or None,
                dates[1],
                dates[2],
            )
            lines.append(replace(line, reward=reward))
    return lines


def requested(lines: Iterable[Line]) -> dict[str, int]:
    """What rows request by unit, whatever their outcomes."""
    found: dict[str, int] = {}
    for line in lines:
        if line.counts:
            found[line.key[2]] = found.get(line.key[2], 0) + line.credits
    return found


def control_totals(lines: Iterable[Line]) -> dict[str, str]:
    """The control totals of a file by name, as the metadata writes them."""
    lines = list(lines)
    rows = sum(line.outcome != "UNCHANGED" for line in lines)
    return {"rows": str(rows), **{unit: shown(total, unit) for unit, total in requested(lines).items()}}


def is_as_expected(expected: str, lines: Iterable[Line]) -> bool:
    """Whether a file has the control totals of the metadata; False if they cannot be read."""
    right = control_totals(lines)
    pairs = [part.rpartition("=")[::2] for part in expected.split(";")]
    given = dict(pairs)
    if len(given) < len(pairs) or "" in given or not all(map(_is_number, given.values())):
        return False
    if given.keys() == {"rows"}:
        return int(given["rows"]) == int(right["rows"])
    right = {name: value for name, value in right.items() if name != "rows" or name in given}
    return given.keys() == right.keys() and all(
        Decimal(given[name]) == Decimal(right[name]) for name in given
    )


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) is not None


def shown(credits: int, unit: str) -> str:
    places = DECIMALS.get(unit, 0)
    return format(Decimal(credits).scaleb(-places), "f")


def credits_of(text: str, unit: str) -> int:
    """Credits in a value that the system shows."""
    credits = Decimal(text) * 10 ** DECIMALS.get(unit, 0)
    assert credits == int(credits), f"{text} {unit} has too many digits"
    return int(credits)


# --- Balances ---

NOTHING_ARCHIVED = (0,) * 8


@dataclass(frozen=True)
class Reward:
    id: str
    assigned: int
    left: int
    given: int
    expires: int | None
    program: str | None
    scheduled: int | None
    cancelled: int | None

    def counts(self, now: int, program: str = "", until: int = 0) -> bool:
        """Whether it can be redeemed at a moment, for one program if one is named, and does not expire before
        another moment."""
        return (
            self.cancelled is None
            and (self.expires is None or (now < self.expires and until <= self.expires))
            and (self.scheduled is None or self.scheduled <= now)
            and (not program or program == self.program)
        )


@dataclass(frozen=True)
class Spent:
    """A recorded redemption; `parts` are pairs of a reward's number and its credits.

    The API's have line 0; one that was returned names the reversing import.
    """

    date: int
    value: int
    import_id: str
    line: int
    row_id: str | None
    parts: tuple[tuple[int, int], ...]
    reversed_by: str = ""
    reference: str = ""
    program: str = ""


@dataclass(frozen=True)
class Stored:
    """A balance, or a history page, as it is stored: rewards by number, redemptions oldest first."""

    version: int = 0
    rewards: dict[int, Reward] = field(default_factory=dict)
    spent: tuple[Spent, ...] = ()
    archived: tuple[int, ...] = NOTHING_ARCHIVED

    def available(self, now: int, program: str = "") -> int:
        return sum(reward.left for reward in self.rewards.values() if reward.counts(now, program))

    def moments(self) -> Iterator[int]:
        """When something happens to it by the clock alone."""
        for reward in self.rewards.values():
            yield from (moment for moment in (reward.expires, reward.scheduled) if moment is not None)


def stored(item: dict[str, Any] | None) -> Stored:
    if item is None:
        return Stored()
    programs, rewards = json.loads(item["rewards"]["S"])
    return Stored(
        version=int(item.get("version", {"N": "0"})["N"]),
        rewards=dict(_reward(cells, programs) for cells in rewards),
        spent=tuple(_spent(*cells) for cells in json.loads(item.get("redemptions", {"S": "[]"})["S"])),
        archived=_archived(json.loads(item["archived"]["S"])) if "archived" in item else NOTHING_ARCHIVED,
    )


def _archived(cells: list[int]) -> tuple[int, ...]:
    """Date of the newest redemption, count, assigned, redeemed, expired, cancelled, and the last dates of
    expiry and cancellation, which are left out where there are none."""
    return (*cells, 0, 0)[:8]


def _spent(
    date: int,
    value: int,
    import_id: str,
    line: int,
    row_id: str | None,
    parts: list[int],
    by: str = "",
    _requester: str = "",
    reference: str = "",
    program: str = "",
) -> Spent:
    pairs = tuple(zip(parts[::2], parts[1::2], strict=True))
    return Spent(date, value, import_id, line, row_id, pairs, by, reference, program)


def _reward(cells: list[Any], programs: list[str]) -> tuple[int, Reward]:
    number, name, assigned, left, given, expires, program, scheduled, cancelled = (*cells, *[None] * 4)[:9]
    shown_program = None if program is None else programs[program]
    return number, Reward(name, assigned, left, given, expires, shown_program, scheduled, cancelled)


def redeem_in_order(rewards: dict[int, Reward], value: int, now: int, program: str) -> dict[int, int] | None:
    """Which reward gives how much, by the contract's order; None if there is not enough."""
    order = sorted(
        (
            (1 if reward.expires is None else 0, reward.expires, reward.given, reward.id, number)
            for number, reward in rewards.items()
            if reward.left and reward.counts(now, program)
        ),
        key=lambda place: (place[0], place[1] or 0, *place[2:]),
    )
    parts = {}
    for *_, number in order:
        part = min(value, rewards[number].left)
        if part:
            parts[number] = part
            value -= part
    return None if value else parts


def after(rewards: dict[int, Reward], parts: Iterable[tuple[int, int]]) -> dict[int, Reward]:
    changed = dict(rewards)
    for number, part in parts:
        changed[number] = replace(changed[number], left=changed[number].left - part)
    return changed


def attribute(value: dict[str, Any]) -> Any:
    """What a DynamoDB attribute value means."""
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return int(content)
        case "M":
            return {name: attribute(part) for name, part in content.items()}
        case "NULL":
            return None
        case _:
            return content
