"""The report "Available reward balances by user" (CONTRACT section 2): one row a balance."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from rewards.rules.balance import Balance, next_expiry
from rewards.rules.row_ids import make_row_id
from rewards.rules.spreadsheet import neutralise
from rewards.rules.units import currency, decimals, unit_name

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
FILE_NAME = "available-reward-balances-by-user"

Cell = str | Decimal | int


@dataclass(frozen=True, slots=True)
class Table:
    """What a report's file shows; each row has a cell for every column.

    A Decimal is shown with as many decimals as it has, an int with none. `sheet_title` has at most
    28 characters.
    """

    columns: tuple[str, ...]
    rows: Iterable[list[Cell]]
    sheet_title: str


def report_row(
    balance: Balance,
    available: int,
    participant: Mapping[str, str],
    export_id: str,
    now: int,
    program_id: str | None = None,
) -> list[Cell]:
    """The cells of one balance in the order of COLUMNS; `available` in credits.

    Values are decimals with the unit's decimals (a spreadsheet that showed 0 places would save
    10.55 as 11), the rest is text that is safe in a spreadsheet.
    """
    expiry = next_expiry(balance, now, program_id)
    row_id = make_row_id(export_id, balance.account_id, balance.user_id, balance.unit, program_id)
    places = decimals(balance.unit)
    texts = {
        **{
            name: participant.get(name, "")
            for name in ("firstName", "lastName", "email", "dateBlocked", "segments")
        },
        "unitName": unit_name(balance.unit),
        "currency": currency(balance.unit) or "",
        "userId": balance.user_id,
        "accountId": balance.account_id,
        "unit": balance.unit,
        "programId": program_id or "",
        "nextExpiry": iso(expiry) if expiry is not None else "",
        "rowId": row_id,
    }
    values = {
        "availableValue": Decimal(available).scaleb(-places),
        "valueToRedeem": Decimal(0).scaleb(-places),
        "totalRedeemedValue": Decimal(balance.total_redeemed).scaleb(-places),
    }
    return [values[name] if name in values else neutralise(texts[name]) for name in COLUMNS]


def iso(milliseconds: int) -> str:
    """Unix milliseconds as ISO 8601 UTC: `2026-11-21T20:14:00Z`, with milliseconds where there are any."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    rest = milliseconds % 1000
    return f"{moment}.{rest:03d}Z" if rest else f"{moment}Z"
