"""`/reward`, `/rewards`, `/credit/{id}`: get, create, redeem and cancel rewards."""

from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import BaseModel, Field, ValidationInfo, field_validator, model_validator

import wiring
from amounts import Decimals, WithDecimals
from crediting import (
    Credit,
    Date,
    Debited,
    ExpiryDate,
    FreeText,
    IdempotencyKey,
    ParticipantId,
    ProgramId,
    RewardId,
    Unit,
    rejections,
    request_of,
    responding,
    time_to_respond,
)
from errors import ApiError
from http_responses import AnyLimit, Offset
from known import RequestObject
from request import caller_of
from rewards.clock import now
from rewards.domain import ids
from rewards.domain.redemption import Reward as GrantedReward
from rewards.domain.redemption import Status
from rewards.domain.reward_rows import Grant, problem_of_period
from rewards.domain.texts import normalised
from rewards.domain.units import currency
from rewards.flows.rejections import RejectionCode

# ruff: noqa: N815 the contract's names

router = APIGatewayHttpRouter()

RewardType = Literal["CREDIT", "PCT_DISCOUNT", "FUELTANK", "INTEGRATION"]
_WITHOUT_BALANCE = ("PCT_DISCOUNT", "FUELTANK", "INTEGRATION")
_TAGS = ["Rewards"]


class RewardRedemption(BaseModel):
    """One redemption of a reward's credits."""

    id: str
    dateRedeemed: int
    quantityRedeemed: int
    importId: str | None = Field(default=None, description="The import that redeemed it, or null.")
    reference: str | None = Field(default=None, description="The row's reference of the payment, or null.")
    requester: str | None = Field(
        default=None,
        description="Who redeemed it by the API: a user's email address, or an API key. Null if that was not "
        "recorded; the record of an import names its requester.",
    )


class Reward(WithDecimals):
    """A reward of type CREDIT. Credits are in the smallest unit of `unit`, dates Unix milliseconds UTC."""

    id: str
    type: Literal["CREDIT"]
    accountId: str
    userId: str
    programId: str | None
    name: str | None
    rewardSource: str | None
    unit: str
    decimals: Decimals
    assignedCredit: int
    redeemedCredit: int
    dateGiven: int
    dateScheduledFor: int | None
    dateExpires: int | None
    dateCancelled: int | None
    createdBy: str | None = Field(default=None, description="Who created it by the API; null if a file did.")
    cancelledBy: str | None = Field(default=None, description="Who cancelled it; null if not recorded.")
    cancellable: bool
    statuses: list[Status] = Field(description="The statuses of the reward now.")
    redemptionOrder: int | None = Field(
        default=None,
        description="Of an available reward, its place among those of its participant and unit: the reward "
        "with 1 is redeemed first. Null for all others.",
    )
    redemptions: list[RewardRedemption] = Field(description="Oldest first.")


class NewReward(RequestObject):
    """A reward to create.

    Of the further fields that the original system documents, those that change nothing may be sent
    (`cancellable` true, the unit's own `currency`). Those of other types of rewards must be null.
    """

    type: Literal["CREDIT"] = "CREDIT"
    unit: Unit
    assignedCredit: Credit
    dateGiven: Date | None = Field(default=None, description="Default: now.")
    dateScheduledFor: Date | None = Field(
        default=None, description="The reward is available from this moment on."
    )
    dateExpires: ExpiryDate | None = Field(
        default=None,
        description="The reward is no longer available from this moment on. Must be after dateScheduledFor. "
        "Dates may also be texts in ISO 8601. A day without a time means the midnight that ends it here, and "
        "the midnight that begins it in other dates (UTC).",
    )
    name: FreeText | None = None
    programId: ProgramId | None = None
    rewardSource: FreeText | None = Field(default=None, description="Default: MANUAL.")
    redeemedCredit: Literal[0] | None = Field(
        default=None, description="Only 0: a new reward has no redemptions."
    )
    dateCancelled: None = Field(default=None, description="Only null: a new reward is not cancelled.")
    cancellable: Literal[True] | None = Field(
        default=None, description="Only true: every new reward can be cancelled."
    )
    currency: str | None = Field(default=None, description="The currency of the unit; it changes nothing.")
    amount: None = Field(default=None, description="Of FUELTANK rewards only; send assignedCredit.")
    discountPercent: None = Field(default=None, description="Of PCT_DISCOUNT rewards only.")
    fuelTankType: None = Field(default=None, description="Of FUELTANK rewards only.")
    fuelTankCode: None = Field(default=None, description="Of FUELTANK rewards only.")

    @field_validator("dateExpires")
    @classmethod
    def _is_after_its_schedule(cls, expires: int | None, info: ValidationInfo) -> int | None:
        problem = problem_of_period(info.data.get("dateScheduledFor"), expires)
        if problem is not None:
            raise ValueError(problem)
        return expires

    @field_validator("currency")
    @classmethod
    def _is_the_units_own(cls, code: str | None, info: ValidationInfo) -> str | None:
        unit = info.data.get("unit")
        if code and unit is not None and code != currency(unit):
            raise ValueError(
                f"is not the currency of the unit {unit!r}; leave it out, or send the unit's own currency"
            )
        return code

    @model_validator(mode="before")
    @classmethod
    def _reject_other_types_first(cls, data: Any) -> Any:
        """Reject rewards of other types before any other check."""
        kind = data.get("type") if isinstance(data, dict) else None
        if kind in _WITHOUT_BALANCE:
            problem = f"Rewards of type {kind} have no balance. Only CREDIT rewards can be created."
            raise ApiError(400, "UNSUPPORTED_TYPE", problem)
        return data


class Debit(RequestObject):
    """What to redeem from one reward."""

    amount: Credit
    unit: Unit


@router.get(
    "/reward",
    summary="List an account's rewards",
    tags=_TAGS,
    description="All rewards of an account, or of one of its participants, in the order they were given.",
)
def list_rewards(
    _tenant: str,
    account_id: Annotated[ParticipantId, Query(alias="accountId")],
    user_id: Annotated[ParticipantId | None, Query(alias="userId")] = None,
    reward_type: Annotated[RewardType | None, Query(alias="rewardTypeFilter")] = None,
    limit: AnyLimit = None,
    offset: Offset = 0,
) -> list[Reward]:
    if reward_type not in (None, "CREDIT"):
        return []
    found = wiring.flows().reward_queries.rewards(account_id, user_id, time_to_respond(), limit, offset)
    return [Reward.model_validate(record) for record in found]


@router.get(
    "/reward/<reward_id>",
    summary="Get a reward",
    description="One reward with its redemptions.",
    tags=_TAGS,
    responses={200: {"description": "The reward"}, **rejections(RejectionCode.REWARD_NOT_FOUND)},
)
def show_reward(_tenant: str, reward_id: Annotated[RewardId, Path()]) -> Reward:
    found = wiring.flows().reward_queries.reward(reward_id, time_to_respond())
    if found is None:
        raise ApiError(404, RejectionCode.REWARD_NOT_FOUND, f"No reward has the id {reward_id!r}.")
    return Reward.model_validate(found)


@router.post(
    "/rewards/account/<account_id>/user/<user_id>",
    summary="Create a reward",
    description="Give a participant a reward of type CREDIT. Other types have no balance and are rejected.",
    tags=_TAGS,
    responses={
        201: {"description": "The reward"},
        **rejections(
            "UNSUPPORTED_TYPE",
            RejectionCode.INVALID_UNIT,
            RejectionCode.BALANCE_FULL,
            RejectionCode.IDEMPOTENCY_KEY_REUSED,
            RejectionCode.APPROVAL_REQUIRED,
        ),
    },
)
def create_reward(
    _tenant: str,
    account_id: Annotated[ParticipantId, Path()],
    user_id: Annotated[ParticipantId, Path()],
    new: NewReward,
    key: IdempotencyKey = None,
) -> tuple[Reward, int]:
    moment = now()
    grant = Grant(
        line=0,
        account_id=account_id,
        user_id=user_id,
        unit=new.unit,
        reward=GrantedReward(
            ordinal=0,
            id=ids.new_id(moment),
            assigned_credit=new.assignedCredit,
            left=new.assignedCredit,
            date_given=moment if new.dateGiven is None else new.dateGiven,
            date_expires=new.dateExpires,
            date_scheduled_for=new.dateScheduledFor,
            program_id=normalised(new.programId or "") or None,
        ),
        name=new.name or "",
        reward_source=new.rewardSource or "MANUAL",
    )
    caller = caller_of(router.current_event.raw_event)
    request = request_of(_tenant, caller, key, "create", account_id, user_id, new.model_dump())
    with responding() as backoff:
        record = wiring.flows().ledger_commands.create(grant, request, backoff)
    return Reward.model_validate(record), 201


@router.post(
    "/reward/<reward_id>/cancel",
    summary="Cancel a reward",
    description="Cancel what is left of a reward. Redeemed credits stay redeemed. A repeated request gets "
    "the same response.",
    tags=_TAGS,
    responses={
        200: {"description": "The reward"},
        **rejections(RejectionCode.REWARD_NOT_FOUND, RejectionCode.REWARD_NOT_CANCELLABLE),
    },
)
def cancel_reward(_tenant: str, reward_id: Annotated[RewardId, Path()]) -> Reward:
    requester = caller_of(router.current_event.raw_event).name
    with responding() as backoff:
        return Reward.model_validate(wiring.flows().ledger_commands.cancel(reward_id, backoff, requester))


@router.post(
    "/credit/<reward_id>/redeem",
    summary="Redeem from one reward",
    description="Redeem an amount from one reward, entirely or not at all.",
    tags=_TAGS,
    responses={
        200: {"description": "Redeemed"},
        **rejections(
            RejectionCode.UNIT_MISMATCH,
            RejectionCode.REWARD_NOT_AVAILABLE,
            RejectionCode.INSUFFICIENT_BALANCE,
            RejectionCode.REWARD_NOT_FOUND,
            RejectionCode.IDEMPOTENCY_KEY_REUSED,
            RejectionCode.APPROVAL_REQUIRED,
        ),
    },
)
def redeem_reward(
    _tenant: str, reward_id: Annotated[RewardId, Path()], debit: Debit, key: IdempotencyKey = None
) -> Debited:
    caller = caller_of(router.current_event.raw_event)
    request = request_of(_tenant, caller, key, "redeem", reward_id, debit.model_dump())
    with responding() as backoff:
        done = wiring.flows().ledger_commands.redeem_reward(
            reward_id, debit.unit, debit.amount, request, backoff
        )
    return Debited.model_validate(done)
