"""A balance: what one participant has in one unit, and what was redeemed from it.

It is one stored item (docs/reference/data-model.md), so a redemption is one conditional write: the
rewards shrink and the redemption is recorded together, or neither happens. That record is
what makes a retry, a redelivery or a second upload find its own trace.

To stay near 1 KB the balance hands closed rewards and old redemptions to history pages.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from rewards.domain import references
from rewards.domain.balance_key import BalanceKey
from rewards.domain.outcomes import Outcome, RowResult, StopReason, WarningCode
from rewards.domain.redemption import (
    InsufficientBalanceError,
    Reward,
    allocate,
    available_value,
    redemption_order,
)
from rewards.domain.units import format_value

# A grant that would take a balance's open rewards beyond either limit is rejected, so that the
# item stays under DynamoDB's 400 KB whatever happens to it: up to a third more in closed rewards
# that wait for history, 40 KB for one redemption of them all, and 16 KB for archived references. A
# redemption never fails for size.
MAX_OPEN_REWARDS = 2_000
MAX_OPEN_BYTES = 256 * 1024

# So many rewards are named in a result; history names them all.
_NAMED = 50

# The clocks of two machines may differ by this much (milliseconds).
CLOCK_MARGIN = 5 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Redemption:
    """A redemption that was applied: when (Unix ms), for which row, and which reward gave how much.

    One that the API made has an id of its own as `import_id`, and line 0, which no file has.
    `parts` are pairs of a reward's ordinal and the credits it gave; `reversed_by` is the import that
    gave all of it back. `requester` is who asked the API for it; an import's record names its own.
    `reference` names the payment outside, within the balance and the row's `program`, which is kept for that.
    """

    date: int
    value: int
    import_id: str
    line: int
    row_id: str | None
    parts: tuple[tuple[int, int], ...]
    reversed_by: str = ""
    requester: str = ""
    reference: str = ""
    program: str = ""


@dataclass(slots=True)
class Totals:
    """Sums over rewards that went to history: credits, and how many rewards.

    `last_expired` and `last_cancelled` are the latest dates at which one of them still had credits (Unix ms).
    """

    count: int = 0
    assigned: int = 0
    redeemed: int = 0
    expired: int = 0
    cancelled: int = 0
    last_expired: int = 0
    last_cancelled: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """What leaves a balance for history in one step."""

    rewards: tuple[Reward, ...]
    redemptions: tuple[Redemption, ...]


@dataclass(slots=True)
class Balance:
    """What one participant has in one unit.

    `archived_until` is the date of the youngest redemption that went to history (0: none did), and
    `archived_references` are the references of those. `version` moves with every write. `blocked`: the
    participant is blocked, which changes nothing here but is reported with each redemption.
    """

    account_id: str
    user_id: str
    unit: str
    version: int = 0
    rewards: list[Reward] = field(default_factory=list)
    redemptions: list[Redemption] = field(default_factory=list)
    archived: Totals = field(default_factory=Totals)
    archived_until: int = 0
    archived_references: references.ArchivedReferences = field(default_factory=list)
    blocked: bool = False

    @property
    def key(self) -> BalanceKey:
        """Which balance this is."""
        return BalanceKey(self.account_id, self.user_id, self.unit)

    def available(self, now: int, program_id: str | None = None) -> int:
        return available_value(self.rewards, now, program_id)

    @property
    def total_redeemed(self) -> int:
        return self.archived.redeemed + sum([each.assigned_credit - each.left for each in self.rewards])


@dataclass(slots=True)
class RedemptionRequest:
    """One row that wants a redemption: `value` credits of one balance, for one import's line.

    `note` explains the `warnings` that validation found, such as that the row was repaired.
    `reference` names the payment outside. `prior` is the redemption that a row of an uploaded
    results.csv names: the import and its line. `of_preview`: the row named the dry run that the import
    was started from (it does not travel).
    """

    line: int
    account_id: str
    user_id: str
    unit: str
    value: int
    program_id: str | None = None
    row_id: str | None = None
    note: str = ""
    warnings: tuple[WarningCode, ...] = ()
    reference: str = ""
    prior: tuple[str, int] | None = None
    of_preview: bool = False

    @property
    def balance_key(self) -> BalanceKey:
        """Which balance it redeems from."""
        return BalanceKey(self.account_id, self.user_id, self.unit)


def needs_history(balance: Balance, since: int) -> bool:
    """Whether a redemption made after `since` may already have left the balance for history.

    `since` is when the row's report (or, without rowId, its import) was made: the row cannot
    have been redeemed earlier. So a fresh report never needs history.
    """
    return balance.archived_until >= since - CLOCK_MARGIN


def redeem(
    balance: Balance,
    request: RedemptionRequest,
    import_id: str,
    now: int,
    history: Iterable[Redemption] = (),
    stop_reason: StopReason | None = None,
) -> RowResult:
    """Redeem one row from a balance, in place, at most once.

    `history` are the older redemptions of this balance where `needs_history` asks for them.
    With a `stop_reason` nothing is redeemed any more, but a row that was redeemed still says so.
    The balance has changed exactly if it has one redemption more.
    """
    before = find(balance, request, import_id, history)
    if before is not None:
        return _result_again(balance, request, before, import_id, now)
    paid = find_by_reference(balance, request, now, history)
    if paid is not None:
        return _result_of_paid(balance, request, paid, now)
    if stop_reason is not None:
        available = balance.available(now, request.program_id)
        return RowResult(
            request.line, stop_reason.outcome, stop_reason.message, request.unit, available=available
        )
    try:
        parts = allocate(balance.rewards, request.value, now, request.program_id)
    except InsufficientBalanceError as error:
        shown, requested = (
            format_value(credits, request.unit) for credits in (error.available, request.value)
        )
        of_program = f" from program {request.program_id}" if request.program_id else ""
        return RowResult(
            request.line,
            Outcome.INSUFFICIENT_BALANCE,
            f"The amount {requested} {request.unit} exceeds the available balance: {shown} is available"
            f"{of_program}. Nothing was redeemed.",
            request.unit,
            available=error.available,
        )
    program = (request.program_id or "") if request.reference else ""
    apply_redemption(
        balance,
        parts,
        import_id,
        request.line,
        request.row_id,
        now,
        reference=request.reference,
        program=program,
    )
    return _redeemed(balance, request, now, how(parts, request.unit, "from"))


def apply_redemption(
    balance: Balance,
    parts: Sequence[tuple[Reward, int]],
    import_id: str,
    line: int,
    row_id: str | None,
    now: int,
    requester: str = "",
    reference: str = "",
    program: str = "",
) -> None:
    """Take `parts` out of the balance's own rewards, in place, and record that as one redemption."""
    for reward, part in parts:
        reward.left -= part
    balance.redemptions.append(
        Redemption(
            # Never before an earlier one, so that history pages are in order.
            date=max(now, balance.archived_until, *(r.date for r in balance.redemptions[-1:])),
            value=sum(part for _, part in parts),
            import_id=import_id,
            line=line,
            row_id=row_id,
            parts=tuple((reward.ordinal, part) for reward, part in parts),
            requester=requester,
            reference=reference,
            program=program,
        )
    )


def find(
    balance: Balance, request: RedemptionRequest, import_id: str, history: Iterable[Redemption] = ()
) -> Redemption | None:
    """The redemption this row made before: by its import and line; unless reversed, by its rowId, or
    by the import and line that an uploaded results.csv names.

    An import never redeems a line twice, also when what the line redeemed was reversed.
    """
    for redemption in (*balance.redemptions, *history):
        if redemption.import_id == import_id and redemption.line == request.line:
            return redemption
        if redemption.reversed_by:
            continue
        if request.row_id is not None and redemption.row_id == request.row_id:
            return redemption
        if request.prior == (redemption.import_id, redemption.line):
            return redemption
    return None


def find_by_reference(
    balance: Balance, request: RedemptionRequest, now: int, history: Iterable[Redemption] = ()
) -> Redemption | None:
    """The redemption of the last 400 days that has the reference and program of a row without rowId.

    A reversed one does not count. One of the same value goes before others.
    """
    if request.row_id is not None or not request.reference:
        return None
    payment, since = (request.reference, request.program_id or ""), now - references.WINDOW
    paid = [
        each
        for each in (*history, *balance.redemptions)
        if (each.reference, each.program) == payment and not each.reversed_by and each.date > since
    ]
    return next((each for each in paid if each.value == request.value), paid[-1] if paid else None)


def grant(balance: Balance, rewards: Iterable[Reward]) -> None:
    """Add new rewards to a balance, in place; each gets the next ordinal."""
    first = balance.archived.count + len(balance.rewards) + 1
    for ordinal, reward in enumerate(rewards, start=first):
        reward.ordinal = ordinal
        balance.rewards.append(reward)
    balance.rewards.sort(key=redemption_order)


def leaving(balance: Balance, now: int) -> Page:
    """What can go to history: closed rewards, and all redemptions but the youngest."""
    return Page(
        rewards=tuple(reward for reward in balance.rewards if is_closed(reward, now)),
        redemptions=tuple(balance.redemptions[:-1]),
    )


def archive(balance: Balance, page: Page) -> None:
    """Take what `leaving` named out of the balance; the sums stay."""
    gone = {reward.ordinal for reward in page.rewards}
    balance.rewards = [reward for reward in balance.rewards if reward.ordinal not in gone]
    balance.redemptions = balance.redemptions[len(page.redemptions) :]
    for reward in page.rewards:
        balance.archived.count += 1
        balance.archived.assigned += reward.assigned_credit
        balance.archived.redeemed += reward.redeemed_credit
        if reward.left and reward.date_cancelled is not None:
            balance.archived.cancelled += reward.left
            balance.archived.last_cancelled = max(balance.archived.last_cancelled, reward.date_cancelled)
        elif reward.left and reward.date_expires is not None:
            balance.archived.expired += reward.left
            balance.archived.last_expired = max(balance.archived.last_expired, reward.date_expires)
    if page.redemptions:
        balance.archived_until = page.redemptions[-1].date
        paid = [(r.date, r.reference, r.program) for r in page.redemptions if r.reference]
        balance.archived_references = references.with_archived(
            balance.archived_references, paid, balance.archived_until
        )


def unarchive(balance: Balance, reward: Reward) -> None:
    """Take a reward out of what went to history, as it was then; it is one of the balance's again."""
    balance.archived.count -= 1
    balance.archived.assigned -= reward.assigned_credit
    balance.archived.redeemed -= reward.redeemed_credit
    if reward.date_cancelled is not None:
        balance.archived.cancelled -= reward.left
    else:
        balance.archived.expired -= reward.left
    balance.rewards.append(reward)


def is_closed(reward: Reward, now: int) -> bool:
    """Whether a reward can never be redeemed again: used up, cancelled or expired."""
    return (
        reward.left == 0
        or reward.date_cancelled is not None
        or (reward.date_expires is not None and reward.date_expires <= now)
    )


def open_rewards(balance: Balance, now: int) -> list[Reward]:
    """The rewards of the balance that count towards its limits."""
    return [reward for reward in balance.rewards if not is_closed(reward, now)]


def _result_again(
    balance: Balance, request: RedemptionRequest, before: Redemption, import_id: str, now: int
) -> RowResult:
    if before.import_id == import_id and before.line == request.line:
        # Our own trace: the row was redeemed, but its result was lost on the way.
        by_ordinal = {reward.ordinal: reward for reward in balance.rewards}
        known = [(by_ordinal[n], part) for n, part in before.parts if n in by_ordinal]
        named = how(known, request.unit, "from") if len(known) == len(before.parts) else ""
        return _redeemed(balance, request, now, named)
    value = format_value(before.value, request.unit)
    reference = f" (reference “{before.reference}”)" if before.reference else ""
    return RowResult(
        request.line,
        Outcome.ALREADY_REDEEMED,
        f"{value} {request.unit} was redeemed for this row by import {before.import_id}, "
        f"line {before.line}{reference}. Nothing was redeemed again.",
        request.unit,
        available=balance.available(now, request.program_id),
        redeemed_by=(before.import_id, before.line),
    )


def _result_of_paid(balance: Balance, request: RedemptionRequest, paid: Redemption, now: int) -> RowResult:
    """The result of a row without rowId whose reference was redeemed before."""
    value = f"{format_value(paid.value, request.unit)} {request.unit}"
    by = f"import {paid.import_id}, line {paid.line}"
    available = balance.available(now, request.program_id)
    if paid.value == request.value:
        return RowResult(
            request.line,
            Outcome.ALREADY_REDEEMED,
            f"{value} was redeemed for reference “{paid.reference}” by {by}. Nothing was redeemed again.",
            request.unit,
            available=available,
            redeemed_by=(paid.import_id, paid.line),
        )
    requested = f"{format_value(request.value, request.unit)} {request.unit}"
    return RowResult(
        request.line,
        Outcome.REFERENCE_CONFLICT,
        f"For reference “{paid.reference}”, {by} redeemed {value}, and this row requests {requested}. "
        "Nothing was redeemed.",
        request.unit,
        available=available,
    )


def _redeemed(balance: Balance, request: RedemptionRequest, now: int, message: str) -> RowResult:
    return RowResult(
        request.line,
        Outcome.REDEEMED,
        message,
        request.unit,
        redeemed=request.value,
        available=balance.available(now, request.program_id),
        account_id=request.account_id,
        user_id=request.user_id,
    )


def how(parts: Sequence[tuple[Reward, int]], unit: str, preposition: str) -> str:
    """Which reward gave or got how much, in their order; as many as a cell of a spreadsheet holds."""
    named = [
        f"{format_value(part, unit)} {preposition} {reward.id}" for reward, part in islice(parts, _NAMED)
    ]
    more = len(parts) - len(named)
    return "; ".join(named) + (f"; and {more:,} rewards more" if more else "")
