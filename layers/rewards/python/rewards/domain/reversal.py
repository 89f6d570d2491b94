"""Reversing a redemption: each amount returns to the reward it came from (CONTRACT section 5).

The reward keeps its dates. An amount that returns to a reward that has expired or was cancelled meanwhile is
not available, and the result says so. The same write marks the recorded redemption with the reversing import,
so that a second reversal changes nothing.
"""

from collections.abc import Iterable
from dataclasses import replace

from rewards.domain.balance import Balance, Page, Redemption, how, unarchive
from rewards.domain.errors import ReadAgainError
from rewards.domain.import_job import ImportJob
from rewards.domain.outcomes import Outcome, RowResult, StopReason, any_failed
from rewards.domain.redemption import Reward, Status, redemption_order, statuses


def is_complete_reversal(reversal: ImportJob) -> bool:
    """Whether a reversal has ended and returned everything that it had to."""
    return (
        reversal.date_completed is not None
        # No row is processed of a chunk whose results could not be read.
        and reversal.processed == reversal.rows
        and not any_failed(reversal.outcomes)
    )


class MovedError(ReadAgainError):
    """The balance and its history were not read at the same moment: read both again."""


# A balance's history by the key of its pages.
Pages = dict[str, Page]


def needs_pages(balance: Balance, redeemed: Iterable[RowResult], of: str) -> bool:
    """Whether a redemption to reverse, or a reward it came from, has moved from the balance to history."""
    at_hand = {reward.ordinal for reward in balance.rewards}
    for result in redeemed:
        found = [r for r in balance.redemptions if (r.import_id, r.line) == (of, result.line)]
        if not found or any(ordinal not in at_hand for ordinal, _ in found[0].parts):
            return True
    return False


def reverse(
    balance: Balance,
    redeemed: RowResult,
    of: str,
    reversal_id: str,
    now: int,
    pages: Pages,
    stop_reason: StopReason | None = None,
) -> tuple[RowResult, bool]:
    """Return to its rewards what a row of import `of` redeemed, in place: the result, and whether it changed.

    `redeemed` is the row's result in that import. `pages` are the balance's history if `needs_pages`; a page
    that changes is replaced there. With a `stop_reason` nothing more is returned, but a row that was reversed
    before keeps its result. Raises MovedError.
    """
    line, unit = redeemed.line, redeemed.unit
    found = _find(balance, pages, of, line)
    if found is None:
        lost = f"The redemption by import {of} was not found. Nothing was changed."
        return RowResult(line, Outcome.NOT_PROCESSED, lost, unit), False
    key, redemption = found
    if redemption.reversed_by not in ("", reversal_id):
        again = f"Import {redemption.reversed_by} reversed this redemption. Nothing was returned again."
        return RowResult(line, Outcome.ALREADY_REVERSED, again, unit, available=balance.available(now)), False
    changed = not redemption.reversed_by  # else this reversal did it, and only its result was lost
    if changed and stop_reason is not None:
        return RowResult(
            line, stop_reason.outcome, stop_reason.message, unit, available=balance.available(now)
        ), False
    parts = [
        (_reward(balance, pages, ordinal, take=changed), credits) for ordinal, credits in redemption.parts
    ]
    if changed:
        for reward, credits in parts:
            reward.left += credits
        balance.rewards.sort(key=redemption_order)
        _replace(balance, pages, key, redemption, replace(redemption, reversed_by=reversal_id))
    message = "Returned: " + how(parts, unit, "to") + "".join(_closed(reward, now) for reward, _ in parts)
    available = balance.available(now)
    return RowResult(line, Outcome.REVERSED, message, unit, -redemption.value, available), changed


def _find(balance: Balance, pages: Pages, of: str, line: int) -> tuple[str, Redemption] | None:
    """The redemption of a row, and the page it is on ("" for the balance itself)."""
    places = [("", balance.redemptions), *((key, page.redemptions) for key, page in pages.items())]
    for key, redemptions in places:
        for redemption in redemptions:
            if (redemption.import_id, redemption.line) == (of, line):
                return key, redemption
    return None


def _replace(balance: Balance, pages: Pages, key: str, old: Redemption, new: Redemption) -> None:
    if key:
        kept = tuple(new if each is old else each for each in pages[key].redemptions)
        pages[key] = replace(pages[key], redemptions=kept)
    else:
        balance.redemptions = [new if each is old else each for each in balance.redemptions]


def _reward(balance: Balance, pages: Pages, ordinal: int, take: bool) -> Reward:
    """A reward of the balance by its ordinal; with `take`, one in history moves back into the balance."""
    for reward in balance.rewards:
        if reward.ordinal == ordinal:
            return reward
    for key, page in pages.items():
        for reward in page.rewards:
            if reward.ordinal == ordinal:
                if take:
                    rest = tuple(each for each in page.rewards if each.ordinal != ordinal)
                    pages[key] = replace(page, rewards=rest)
                    unarchive(balance, reward)
                return reward
    raise MovedError(f"no reward {ordinal} in the balance or its history")


def _closed(reward: Reward, now: int) -> str:
    """A note about a reward that got an amount back but cannot be redeemed, or ""."""
    known = statuses(reward, now) & {Status.CANCELLED, Status.EXPIRED}
    return "".join(
        f". Reward {reward.id} is {status}, so its amount is not available" for status in sorted(known)
    )
