"""`/reward/balance`, `/balance/overview`, `/credit/bulkredeem`, `/units`: totals of balances, and redemption
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
    """The totals of the rewards of one unit. The assigned credit is the sum of all other totals."""

    type: Literal["CREDIT"]
    unit: str
    decimals: Decimals
    count: int = Field(description="The number of rewards, including redeemed, expired and cancelled ones.")
    totalAssignedCredit: int
    totalRedeemedCredit: int
    totalPendingCredit: int = Field(description="What is left of rewards that are scheduled for later.")
    totalExpiredCredit: int = Field(description="What was left of rewards when they expired.")
    totalCancelledCredit: int = Field(description="What was left of rewards when they were cancelled.")
    totalAvailableCredit: int = Field(description="What can be redeemed now.")
    totalHeldCredit: int = Field(description="What is reserved by holds.")


class BulkDebit(RequestObject):
    """An amount to redeem from the balance of a participant or of an account."""

    accountId: ParticipantId
    unit: Unit
    amount: Credit
    userId: ParticipantId | None = None


class UnitOverview(WithDecimals):
    """The available credits of one unit."""

    unit: str
    decimals: Decimals
    participants: int = Field(description="The number of participants with available credits.")
    available: int
    expiring: int = Field(description="The available credits that expire within 30 days of `asOf`.")


class BalanceOverview(BaseModel):
    """The available balances of all participants by unit. Dates are Unix milliseconds."""

    status: Literal["NONE", "PENDING", "READY", "FAILED"]
    dateOrdered: int | None
    asOf: int | None = Field(description="The time of the totals.")
    units: list[UnitOverview]


class UnitInUse(WithDecimals):
    """A unit in use."""

    unit: str
    decimals: Decimals
    currency: str | None = Field(description="The ISO 4217 code if the unit is money; else null.")


@router.get(
    "/reward/balance",
    summary="List reward balances",
    tags=_TAGS,
    description="The totals of the rewards of an account, or of one of its participants, for each unit, in "
    "the order of the units.",
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
    "userId, it is taken from that participant's balance. Without, it is taken from the balances of all of "
    "the account's participants, of which one request can change 99.",
    tags=_TAGS,
    responses={
        200: {"description": "Redeemed"},
        **rejections(
            RejectionCode.UNIT_MISMATCH,
            RejectionCode.INSUFFICIENT_BALANCE,
            RejectionCode.TOO_MANY_BALANCES,
            RejectionCode.NO_BALANCE,
            RejectionCode.IDEMPOTENCY_KEY_REUSED,
            RejectionCode.APPROVAL_REQUIRED,
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


@router.get("/balance/overview", summary="Get the balance overview", tags=_TAGS)
def show_overview(_tenant: str) -> BalanceOverview:
    """The totals of the last report of all available balances, or of the last requested overview."""
    return BalanceOverview.model_validate(_shown(wiring.flows().overviews.get()))


@router.post(
    "/balance/overview",
    summary="Refresh the balance overview",
    tags=_TAGS,
    status_code=202,
    responses={202: {"description": "The overview is in progress. Only one is created at a time."}},
)
def order_overview(_tenant: str) -> tuple[BalanceOverview, int]:
    """Every balance is read once. Repeat `GET` until the status is no longer PENDING."""
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
