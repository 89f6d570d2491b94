"""A balance as one DynamoDB item, and its size (docs/reference/data-model.md shows real ones).

The rewards and redemptions are one JSON text each: botocore decodes nested maps ten times
slower than a flat string, and an item near 1 KB costs one write unit.
"""

import json
from typing import Any

import orjson

from rewards.adapters.batch_get import Item
from rewards.domain.balance import Balance, Page, Redemption, Totals
from rewards.domain.balance_key import BalanceKey
from rewards.domain.overview import SOON
from rewards.domain.redemption import Reward

BALANCE_PREFIX = "B#"
PARTICIPANT_PREFIX = "P#"
HISTORY_PREFIX = "H#"

# Sums over a balance's history may be beyond 64 bits, which orjson does not write, and reads as a float.
_dumps_sums = json.JSONEncoder(separators=(",", ":")).encode


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def escape(part: str) -> str:
    """An id as a part of a sort key; `#` separates parts."""
    return part.replace("%", "%25").replace("#", "%23")


def unescape(part: str) -> str:
    return part.replace("%23", "#").replace("%25", "%") if "%" in part else part


def balance_key(user_id: str, unit: str) -> str:
    """The sort key of a balance in its account's partition."""
    return f"{BALANCE_PREFIX}{escape(user_id)}#{unit}"


def key_of(key: BalanceKey) -> Item:
    """The key of a balance's item."""
    return {"pk": {"S": key.account_id}, "sk": {"S": balance_key(key.user_id, key.unit)}}


def whose(item: Item) -> BalanceKey:
    """Which balance an item, or the key of an item, is."""
    return BalanceKey(item["pk"]["S"], *split_balance_key(item["sk"]["S"]))


def participant_key(user_id: str) -> str:
    return f"{PARTICIPANT_PREFIX}{user_id}"


def history_key(balance: Balance) -> str:
    """Sorts a balance's pages by the youngest redemption in them; the version decides ties."""
    prefix = history_prefix(balance.user_id, balance.unit)
    return f"{prefix}{balance.archived_until:013d}#{balance.version + 1:010d}"


def history_prefix(user_id: str, unit: str) -> str:
    return f"{HISTORY_PREFIX}{escape(user_id)}#{escape(unit)}#"


def split_balance_key(sort_key: str) -> tuple[str, str]:
    """User and unit of a balance's sort key."""
    user_id, _, unit = sort_key[len(BALANCE_PREFIX) :].partition("#")
    return unescape(user_id), unit


def split_history_key(account_id: str, sort_key: str) -> tuple[BalanceKey, int]:
    """Which balance a history page belongs to, and the balance's version that was written with it."""
    user_id, unit, _, version = sort_key[len(HISTORY_PREFIX) :].split("#")
    return BalanceKey(account_id, unescape(user_id), unescape(unit)), int(version)


def encode(balance: Balance) -> Item:
    """The balance's attributes without its key and version."""
    item = {"rewards": {"S": encode_rewards(balance.rewards)}}
    if balance.redemptions:
        item["redemptions"] = {"S": encode_redemptions(balance.redemptions)}
    if balance.archived.count or balance.archived_until:
        totals = balance.archived
        closed_dates = totals.last_expired or totals.last_cancelled
        item["archived"] = {
            "S": _dumps_sums(
                [
                    balance.archived_until,
                    totals.count,
                    totals.assigned,
                    totals.redeemed,
                    totals.expired,
                    totals.cancelled,
                    *([totals.last_expired, totals.last_cancelled] if closed_dates else []),
                ]
            )
        }
    if balance.archived_references:
        item["references"] = {"S": _dumps(balance.archived_references)}
    if balance.blocked:
        item["blocked"] = {"N": "1"}
    return item


def decode(item: Item) -> Balance:
    """The balance in an item, with its key."""
    user_id, unit = split_balance_key(item["sk"]["S"])
    archived_until, *totals = _archived(item["archived"]["S"] if "archived" in item else "")
    return Balance(
        account_id=item["pk"]["S"],
        user_id=user_id,
        unit=unit,
        version=int(item["version"]["N"]),
        rewards=decode_rewards(item["rewards"]["S"]),
        redemptions=decode_redemptions(item["redemptions"]["S"]) if "redemptions" in item else [],
        archived=Totals(*totals),
        archived_until=archived_until,
        archived_references=_references(item["references"]["S"]) if "references" in item else [],
        blocked="blocked" in item,
    )


def encode_rewards(rewards: list[Reward] | tuple[Reward, ...]) -> str:
    """`[[programs], [reward, ...]]`, a reward being a list whose trailing nulls are cut off."""
    programs: dict[str, int] = {}
    rows = []
    for reward in rewards:
        program = None
        if reward.program_id is not None:
            program = programs.setdefault(reward.program_id, len(programs))
        row: list[Any] = [
            reward.ordinal,
            reward.id,
            reward.assigned_credit,
            reward.left,
            reward.date_given,
            reward.date_expires,
            program,
            reward.date_scheduled_for,
            reward.date_cancelled,
            reward.cancelled_by,
        ]
        while row[-1] is None:
            row.pop()
        rows.append(row)
    return _dumps([list(programs), rows])


def decode_rewards(text: str) -> list[Reward]:
    programs, rows = orjson.loads(text)
    rewards = []
    for ordinal, identifier, assigned, left, given, *rest in rows:
        reward = Reward(ordinal, identifier, assigned, left, given)
        if rest:
            expires, program, scheduled, cancelled, cancelled_by = (*rest, None, None, None, None)[:5]
            reward.date_expires = expires
            reward.program_id = None if program is None else programs[program]
            reward.date_scheduled_for = scheduled
            reward.date_cancelled = cancelled
            reward.cancelled_by = cancelled_by
        rewards.append(reward)
    return rewards


def sum_rewards(
    text: str, asked: int, answered: int, program_id: str | None = None, until: int | None = None
) -> tuple[int, int, int | None, int]:
    """Of encoded rewards: what is available at both moments (Unix ms), what was redeemed, in credits; when
    the first of what is available expires, and how much of it expires soon.

    The same as `report.steady` and `Balance.total_redeemed` say of the decoded rewards, at a third of the
    cost. With a program only its rewards are available, with `until` (Unix ms) only what does not expire
    before; all count as redeemed.
    """
    programs, rows = orjson.loads(text)
    program = None
    if program_id is not None:
        program = programs.index(program_id) if program_id in programs else -1
    available = redeemed = expiring = 0
    soon = answered + SOON
    first: int | None = None
    earlier, later = (asked, answered) if asked < answered else (answered, asked)
    if until is not None and until > later:
        later = until - 1
    for row in rows:
        left = row[3]
        redeemed += row[2] - left
        size = len(row)
        expires = row[5] if size > 5 else None
        if (
            left > 0
            and (expires is None or expires > later)
            and (size < 8 or row[7] is None or row[7] <= earlier)
            and size < 9  # not cancelled
            and (program is None or (size > 6 and row[6] == program))
        ):
            available += left
            if expires is not None:
                if expires <= soon:
                    expiring += left
                if first is None or expires < first:
                    first = expires
    return available, redeemed, first, expiring


def last_write(item: Item) -> int:
    """When a balance was last written (Unix ms). An item of a version before 0.2 does not say so: there it
    is the youngest of its dates."""
    if "updated" in item:
        return int(item["updated"]["N"])
    balance = decode(item)
    dates = [balance.archived_until, *(each.date for each in balance.redemptions)]
    for reward in balance.rewards:
        dates += [reward.date_given, reward.date_cancelled or 0]
    return max(dates)


def archived_redeemed(archived: str) -> int:
    """What the rewards in a balance's history gave, in credits; of the item's text, blank without history."""
    return _archived(archived)[3] if archived else 0


def _archived(archived: str) -> list[int]:
    """When history ends, and its sums."""
    found: list[int] = json.loads(archived) if archived else [0]
    return found


def _references(text: str) -> list[tuple[int, str]]:
    return [(day, fingerprints) for day, fingerprints in orjson.loads(text)]


def encode_redemptions(redemptions: list[Redemption] | tuple[Redemption, ...]) -> str:
    return _dumps(
        [
            [
                r.date,
                r.value,
                r.import_id,
                r.line,
                r.row_id,
                [number for part in r.parts for number in part],
                *(_further(r) if r.reversed_by or r.requester or r.reference else ()),
            ]
            for r in redemptions
        ]
    )


def _further(redemption: Redemption) -> list[str]:
    """What few redemptions have, without what is blank at the end."""
    texts = [redemption.reversed_by, redemption.requester, redemption.reference, redemption.program]
    while not texts[-1]:
        texts.pop()
    return texts


def decode_redemptions(text: str) -> list[Redemption]:
    return [
        Redemption(
            date, value, import_id, line, row_id, tuple(zip(flat[::2], flat[1::2], strict=True)), *rest
        )
        for date, value, import_id, line, row_id, flat, *rest in orjson.loads(text)
    ]


def encode_page(page: Page) -> Item:
    return {
        "rewards": {"S": encode_rewards(page.rewards)},
        "redemptions": {"S": encode_redemptions(page.redemptions)},
    }


def decode_page(item: Item) -> Page:
    rewards, redemptions = item["rewards"]["S"], item["redemptions"]["S"]
    return Page(tuple(decode_rewards(rewards)), tuple(decode_redemptions(redemptions)))


def item_bytes(item: Item) -> int:
    """The item's size by AWS's rule: UTF-8 bytes of names and values; a number takes about
    half a byte a digit, plus one and its sign.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    size = 0
    for name, value in item.items():
        size += len(name)  # ours are ASCII
        for kind, text in value.items():
            size += (len(text.strip("-0")) + 1) // 2 + 1 if kind == "N" else _utf8_bytes(text)
    return size


def _utf8_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
