"""The three reports (CONTRACT sections 2 and 5): their names, columns, and what a row shows.

Only the report that people fill in is neutralised (spreadsheet.py). The others are read by programs, which
take each text as it is; in workbooks a text is no formula either way.

A report is read from a live table, a page at a time. What a row counts is available both when its
page was requested and when it was received, so that no row shows more than was available.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rewards.domain.balance_key import BalanceKey
from rewards.domain.packed import PackedRow, pack
from rewards.domain.redemption import Reward, is_available
from rewards.domain.reward_rows import MAX_DATE, NEEDED, PARTICIPANT_FACTS, USED, USED_OF_USER
from rewards.domain.spreadsheet import neutralise, neutralised
from rewards.domain.units import currency, unit_name

REDEEMABLE = "REDEEMABLE_REWARD_BALANCE"
BALANCES = "REWARD_BALANCE"
REWARDS = "REWARD"

# What is known of a participant, in the order of PARTICIPANT_FACTS.
Facts = Sequence[str]


@dataclass(frozen=True, slots=True)
class ReportDefinition:
    """What a report is called, and its columns, those with numbers too. `mark`: its CSV file begins with a
    byte-order mark."""

    title: str
    file_name: str
    sheet_title: str
    columns: tuple[str, ...]
    numbers: frozenset[str]
    mark: bool = False


COLUMNS = (
    "firstName",
    "lastName",
    "email",
    "dateBlocked",
    "unitName",
    "currency",
    "availableValue",
    "valueToRedeem",
    "totalRedeemedValue",
    "userId",
    "accountId",
    "unit",
    "segments",
    "programId",
    "nextExpiry",
    "rowId",
)
BALANCE_COLUMNS = (
    "userId",
    "accountId",
    "type",
    "unit",
    "amount",
    "totalAssignedCredit",
    "totalRedeemedCredit",
    "totalExpiredCredit",
    "email",
    "firstName",
    "lastName",
)
# The columns that the loader reads: the file can be loaded again as it is.
REWARD_COLUMNS = (*NEEDED, *USED, *USED_OF_USER)

# Titles are those of the original system.
REPORT_DEFINITIONS = {
    REDEEMABLE: ReportDefinition(
        "Available reward balances by user",
        "available-reward-balances-by-user",
        "Balances",
        COLUMNS,
        frozenset({"availableValue", "valueToRedeem", "totalRedeemedValue"}),
        mark=True,
    ),
    BALANCES: ReportDefinition(
        "Reward balances by user",
        "reward-balances-by-user",
        "Balances",
        BALANCE_COLUMNS,
        frozenset({"amount", "totalAssignedCredit", "totalRedeemedCredit", "totalExpiredCredit"}),
    ),
    REWARDS: ReportDefinition(
        "Reward details",
        "reward-details",
        "Rewards",
        REWARD_COLUMNS,
        frozenset({"assignedCredit", "redeemedCredit", *(name for name in USED if name.startswith("date"))}),
    ),
}


# The types that may be requested: some reports have more than one name in the original system.
TYPES = {
    f"QUERY/{REDEEMABLE}": REDEEMABLE,
    f"USER_{BALANCES}": BALANCES,
    **{kind: kind for kind in REPORT_DEFINITIONS},
}


def is_steady(reward: Reward, asked: int, answered: int) -> bool:
    """Whether a reward may be redeemed at both moments, and so at every one between (Unix ms)."""
    return is_available(reward, asked) and is_available(reward, answered)


def steady(
    rewards: Iterable[Reward],
    asked: int,
    answered: int,
    program_id: str | None = None,
    until: int | None = None,
) -> Iterator[Reward]:
    """The rewards that are steady (`is_steady`); only those of a program if one is given, and only those that
    do not expire before `until` (Unix ms)."""
    return (
        reward
        for reward in rewards
        if is_steady(reward, asked, answered)
        and (program_id is None or reward.program_id == program_id)
        and (until is None or reward.date_expires is None or reward.date_expires >= until)
    )


def redeemable_participant(facts: Facts) -> tuple[str, str]:
    """What every row of a participant shows of it: the packed cells up to `dateBlocked`, and `segments`.

    `facts` may be packed cells.
    """
    *first, segments = neutralised(facts)
    return "\0".join(first), segments


# Of a balance whose participant is not known.
NO_PARTICIPANT = redeemable_participant(("",) * len(PARTICIPANT_FACTS))


def redeemable_row(
    participant: tuple[str, str],
    account_id: str,
    user_id: str,
    unit: str,
    program: str,
    cells: Sequence[str],
    prefills: bool = False,
) -> PackedRow:
    """One available balance in the order of COLUMNS, of packed cells.

    `program` is safe in a spreadsheet; `cells` are availableValue, totalRedeemedValue, nextExpiry and rowId.
    Values have the unit's decimals (a spreadsheet that showed 0 places would save 10.55 as 11); valueToRedeem
    is a plain 0 (contract, section 2), or with `prefills` the available value. The other texts are made safe
    in a spreadsheet here.
    """
    first, segments = participant
    available, redeemed, expiry, row_id = cells
    names, shown_unit = _unit_cells(unit)
    account, user = neutralised((account_id, user_id))
    to_redeem = available if prefills else "0"
    return (
        f"{first}\0{names}\0{available}\0{to_redeem}\0{redeemed}\0{user}\0{account}\0{shown_unit}\0{segments}"
        f"\0{program}\0{expiry}\0{row_id}"
    )


@dataclass(slots=True)
class Sums:
    """What REWARD_BALANCE says of a balance, in credits; `amount` is available now. `first_given` is the
    first dateGiven (Unix ms) of the rewards that were looked at."""

    amount: int = 0
    assigned: int = 0
    redeemed: int = 0
    expired: int = 0
    first_given: int = MAX_DATE

    def __iadd__(self, other: "Sums") -> "Sums":
        self.amount += other.amount
        self.assigned += other.assigned
        self.redeemed += other.redeemed
        self.expired += other.expired
        self.first_given = min(self.first_given, other.first_given)
        return self


def sums(rewards: Iterable[Reward], asked: int, answered: int) -> Sums:
    """The sums over some rewards of a balance. What was cancelled has not expired."""
    found = Sums()
    for reward in rewards:
        found.assigned += reward.assigned_credit
        found.redeemed += reward.redeemed_credit
        if reward.date_given < found.first_given:
            found.first_given = reward.date_given
        if is_steady(reward, asked, answered):
            found.amount += reward.left
        elif reward.date_cancelled is None and reward.date_expires is not None:
            found.expired += reward.left if reward.date_expires <= answered else 0
    return found


def balance_row(key: BalanceKey, found: Sums, facts: Facts) -> PackedRow:
    """One balance in the order of BALANCE_COLUMNS; credits are whole numbers."""
    first_name, last_name, email, _, _ = facts
    credits = map(str, (found.amount, found.assigned, found.redeemed, found.expired))
    return pack([key.user_id, key.account_id, "CREDIT", key.unit, *credits, email, first_name, last_name])


def reward_row(
    key: BalanceKey,
    reward: Reward,
    name: str,
    reward_source: str,
    facts: Facts,
) -> PackedRow:
    """One reward in the order of REWARD_COLUMNS: credits whole numbers, dates Unix milliseconds.

    `dateCreated` is blank: the loader takes it only for a reward without dateGiven, and every reward has one.
    """
    dates = (reward.date_scheduled_for, reward.date_expires, reward.date_cancelled)
    return pack(
        [
            reward.id,
            "CREDIT",
            key.unit,
            str(reward.assigned_credit),
            key.user_id,
            key.account_id,
            name,
            reward.program_id or "",
            reward_source,
            str(reward.redeemed_credit),
            str(reward.date_given),
            "",
            *("" if date is None else str(date) for date in dates),
            *facts,
        ]
    )


@lru_cache(maxsize=1024)
def _unit_cells(unit: str) -> tuple[str, str]:
    """The packed cells `unitName` and `currency`, and the cell `unit`; `unit` may be packed."""
    return f"{neutralise(unit_name(unit))}\0{currency(unit) or ''}", neutralise(unit)
