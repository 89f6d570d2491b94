"""`/reward/balance`, `/balance/overview`, `/credit/bulkredeem`, `/units`: balances in sums, and redeeming
from them."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import BaseModel, Field

import wiring
from amounts import Decimals, WithDecimals
from crediting import (
    Credit,
    Debited,
    IdempotencyKey,
    ParticipantId,
    Unit,
    rejections,
    request_of,
    responding,
    time_to_respond,
)
from http_responses import AnyLimit, Offset, part
from known import RequestObject
from request import caller_of
from reward_routes import RewardType
from rewards.domain import overview
from rewards.domain.units import currency
from rewards.flows.rejections import RejectionCode

# ruff: noqa: N815 the contract's names

router = APIGatewayHttpRouter()

_TAGS = ["Balances"]


class RewardBalance(WithDecimals):
    """The rewards of one unit, in sums. What is assigned is the sum of all other totals."""

    type: Literal["CREDIT"]
    unit: str
    decimals: Decimals
    count: int = Field(description="How many rewards there are, and were.")
    totalAssignedCredit: int
    totalRedeemedCredit: int
    totalPendingCredit: int = Field(description="Left of rewards that are scheduled for later.")
    totalExpiredCredit: int = Field(description="Left of rewards when they expired.")
    totalCancelledCredit: int = Field(description="Left of rewards when they were cancelled.")
    totalAvailableCredit: int = Field(description="What can be redeemed now.")
    totalHeldCredit: int = Field(description="What holds reserve.")


class BulkDebit(RequestObject):
    """What to redeem from a participant's balance, or from an account's."""

    accountId: ParticipantId
    unit: Unit
    amount: Credit
    userId: ParticipantId | None = None


class UnitOverview(WithDecimals):
    """What is available in one unit, in credits."""

    unit: str
    decimals: Decimals
    participants: int = Field(description="Who have something available.")
    available: int
    expiring: int = Field(description="What of it expires within 30 days of `asOf`.")


class BalanceOverview(BaseModel):
    """What all balances hold. Dates are Unix milliseconds."""

    status: Literal["NONE", "PENDING", "READY", "FAILED"]
    dateOrdered: int | None
    asOf: int | None = Field(description="The moment that the sums show.")
    units: list[UnitOverview]


class UnitInUse(WithDecimals):
    """A unit in which there are rewards."""

    unit: str
    decimals: Decimals
    currency: str | None = Field(description="ISO 4217 code, where the unit is money.")


@router.get(
    "/reward/balance",
    summary="List reward balances",
    tags=_TAGS,
    description="The sums of the rewards of an account, or of one participant of it, for each unit, in the "
    "order of the units.",
)
def list_balances(
    _tenant: str,
    account_id: Annotated[ParticipantId, Query(alias="accountId")],
    user_id: Annotated[ParticipantId | None, Query(alias="userId")] = None,
    reward_type: Annotated[RewardType | None, Query(alias="rewardTypeFilter")] = None,
    limit: AnyLimit = None,
    offset: Offset = 0,
) -> list[RewardBalance]:
    if reward_type not in (None, "CREDIT"):
        return []
    found = wiring.flows().reward_queries.balances(account_id, user_id, time_to_respond())
    return [RewardBalance.model_validate(record) for record in part(found, limit, offset)]


@router.post(
    "/credit/bulkredeem",
    summary="Redeem from a balance",
    description="Redeem an amount, entirely or not at all: earliest expiry first, then earliest given. With "
    "userId from that participant's balance; without, from the balances of all of the account's "
    "participants as if they were one, of which one request can change 99.",
    tags=_TAGS,
    responses={
        200: {"description": "Redeemed"},
        **rejections(
            RejectionCode.UNIT_MISMATCH,
            RejectionCode.INSUFFICIENT_BALANCE,
            RejectionCode.TOO_MANY_BALANCES,
            RejectionCode.NO_BALANCE,
            RejectionCode.IDEMPOTENCY_KEY_REUSED,
        ),
    },
)
def redeem_balance(_tenant: str, debit: BulkDebit, key: IdempotencyKey = None) -> Debited:
    caller = caller_of(router.current_event.raw_event)
    request = request_of(_tenant, caller, key, "bulkredeem", debit.model_dump())
    with responding() as backoff:
        done = wiring.flows().ledger_commands.redeem(
            debit.accountId, debit.userId, debit.unit, debit.amount, request, backoff
        )
    return Debited.model_validate(done)


@router.get("/balance/overview", summary="Show what all balances hold", tags=_TAGS)
def show_overview(_tenant: str) -> BalanceOverview:
    """As of the last report of all available balances, or the last overview that was ordered."""
    return BalanceOverview.model_validate(_shown(wiring.flows().overviews.get()))


@router.post(
    "/balance/overview",
    summary="Have the overview made anew",
    tags=_TAGS,
    status_code=202,
    responses={202: {"description": "It is on its way; one at a time is made."}},
)
def order_overview(_tenant: str) -> tuple[BalanceOverview, int]:
    """Every balance is read once. Ask until the status is no longer PENDING."""
    flows = wiring.flows()
    requested = flows.overviews.request(flows.queues, flows.settings.export_queue_url)
    return BalanceOverview.model_validate(_shown(requested)), 202


@router.get("/units", summary="List units", tags=_TAGS, description="The units in use, with their decimals.")
def list_units(_tenant: str, limit: AnyLimit = None, offset: Offset = 0) -> list[UnitInUse]:
    found = part(wiring.flows().units_in_use.all(), limit, offset)
    return [UnitInUse.model_validate({"unit": unit, "currency": currency(unit)}) for unit in found]


def _shown(found: overview.BalanceOverview) -> dict[str, Any]:
    return {
        "status": found.status.value,
        "dateOrdered": found.date_ordered,
        "asOf": found.as_of,
        "units": [asdict(unit) for unit in found.units],
    }
