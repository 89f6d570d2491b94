"""One row against its balance: the result, with the warnings that the balance gives reason for.

Warnings change no outcome (CONTRACT 3.3). Those of the balance are about the moment before the row is
redeemed; what the same import redeemed does not count.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rewards.domain import balance as balances
from rewards.domain import references
from rewards.domain.balance import Balance, Redemption, RedemptionRequest
from rewards.domain.dates import to_the_minute
from rewards.domain.duplicates import REPEAT_WINDOW
from rewards.domain.import_rows import NO_ROW_ID
from rewards.domain.outcomes import Outcome, RowResult, StopReason, WarningCode
from rewards.domain.units import format_value

# So many redemptions are named; the others are summed up.
_NAMED = 3

_Warned = tuple[WarningCode, str]


def redeem_row(
    balance: Balance,
    request: RedemptionRequest,
    import_id: str,
    now: int,
    history: Sequence[Redemption] = (),
    stop_reason: StopReason | None = None,
    reported: int | None = None,
) -> RowResult:
    """Redeem one row from a balance as `balance.redeem` does; the result says what a person should know.

    `reported` is when the row's report was created (Unix ms), None for a row without rowId. `history` are
    the older redemptions since `history_needed_since`.
    """
    others = [each for each in (*history, *balance.redemptions) if each.import_id != import_id]
    warned = _of_balance(balance, request, reported, now, others)
    result = balances.redeem(balance, request, import_id, now, history, stop_reason)
    if result.outcome not in (Outcome.REDEEMED, Outcome.INSUFFICIENT_BALANCE):
        warned = []
    return with_warnings(result, request, warned)


def with_warnings(result: RowResult, request: RedemptionRequest, warned: Iterable[_Warned] = ()) -> RowResult:
    """Add the warnings about the row itself, and `warned`, to its result."""
    found = [*warned]
    if request.row_id is None:
        found.insert(0, (WarningCode.NO_ROW_ID, NO_ROW_ID))
    codes = (*request.warnings, *(code for code, _ in found))
    if not codes:
        return result
    texts = [request.note, *(text for _, text in found), result.message]
    return replace(result, message=" ".join(filter(None, texts)), warnings=codes)


def history_needed_since(balance: Balance, request: RedemptionRequest, made: int, now: int) -> int:
    """The moment since when a balance's redemptions matter to a row that was made at `made` (Unix ms).

    A row without rowId is compared with all redemptions of the last 35 days or, if it has a reference that
    history may hold, of 400.
    """
    if request.row_id is not None:
        return made
    if not request.reference:
        return min(made, now - REPEAT_WINDOW)
    program = request.program_id or ""
    if references.may_be_archived(balance.archived_references, request.reference, program, now):
        return min(made, now - references.WINDOW)
    return made


def _of_balance(
    balance: Balance, request: RedemptionRequest, reported: int | None, now: int, others: Sequence[Redemption]
) -> list[_Warned]:
    found: list[_Warned] = []
    if request.row_id is None and not request.reference:
        since = now - REPEAT_WINDOW
        same = [r for r in others if r.value == request.value and r.date > since and not r.reversed_by]
        if same:
            text = f"The same value was redeemed from this balance before: {_named(same[-1], balance.unit)}."
            found.append((WarningCode.REPEATED_VALUE, text))
    if balance.blocked:
        found.append((WarningCode.PARTICIPANT_BLOCKED, "The participant is blocked."))
    if reported is not None:
        changes = changes_since(balance, reported, now, others)
        if changes:
            text = f"The balance changed since the report was created ({to_the_minute(reported)}): {changes}."
            found.append((WarningCode.REPORT_OUTDATED, text))
    return found


def changes_since(balance: Balance, since: int, now: int, redemptions: Sequence[Redemption]) -> str:
    """Describe what was redeemed, cancelled or expired in a balance after `since` (Unix ms); "" for nothing.

    `redemptions` are those to describe. Of rewards that went to history only the last date is known.
    """
    later = [each for each in redemptions if each.date > since]
    parts = [_named(each, balance.unit) for each in later[-_NAMED:]]
    if len(later) > _NAMED:
        rest = sum(each.value for each in later[:-_NAMED] if not each.reversed_by)
        parts.append(f"{format_value(rest, balance.unit)} {balance.unit} redeemed in earlier steps")
    rewards = balance.rewards
    expired = [r for r in rewards if r.date_cancelled is None and _is_between(since, r.date_expires, now)]
    cancelled = [r for r in rewards if _is_between(since, r.date_cancelled, now)]
    for what, closed, dates, archived in (
        ("expired", expired, [r.date_expires for r in expired], balance.archived.last_expired),
        ("was cancelled", cancelled, [r.date_cancelled for r in cancelled], balance.archived.last_cancelled),
    ):
        left = sum(reward.left for reward in closed)
        if left:
            last = max(date for date in dates if date is not None)
            parts.append(f"{format_value(left, balance.unit)} {balance.unit} {what} on {to_the_minute(last)}")
        elif archived > since:
            parts.append(f"a reward {what} on {to_the_minute(archived)}")
    return "; ".join(parts)


def _is_between(since: int, date: int | None, now: int) -> bool:
    return date is not None and since < date <= now


def _named(redemption: Redemption, unit: str) -> str:
    """Describe a redemption: how much, when, and by what."""
    who = f"import {redemption.import_id}, line {redemption.line}" if redemption.line else "the API"
    when = to_the_minute(redemption.date)
    reversed_since = ", reversed since" if redemption.reversed_by else ""
    reference = f" (reference “{redemption.reference}”)" if redemption.reference else ""
    amount = f"{format_value(redemption.value, unit)} {unit}"
    return f"{amount} redeemed on {when} by {who}{reference}{reversed_since}"
