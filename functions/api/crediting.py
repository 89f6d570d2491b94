"""The types of values and the rejections that the routes of rewards and balances share."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Header
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from amounts import Decimals, WithDecimals
from errors import response_to, sent, status_of
from request import Caller
from rewards.adapters.retry import Backoff
from rewards.domain.errors import RewardsError
from rewards.domain.id_limits import MAX_ID_BYTES, MAX_PROGRAM_ID_BYTES, MAX_UNIT_BYTES
from rewards.domain.reward_rows import (
    MAX_CREDIT,
    MAX_DATE,
    MAX_REWARD_ID_BYTES,
    MAX_TEXT,
    MIN_DATE,
    read_date,
)
from rewards.domain.texts import normalised, problem_of_id
from rewards.flows.ledger_commands import Request

# ruff: noqa: N815 the contract's names

# API Gateway times out after 30 seconds, and so does the function.
_SECONDS = 20.0

# No workbook can carry these.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd-\uffff]")


def text(most: int, least: int = 1, is_id: bool = False) -> Any:
    """A text of at most `most` bytes, without its surrounding spaces.

    Ids keep their Unicode form, so that ids stored in another form than NFC are found (spellings.py).
    """

    def check(value: str) -> str:
        if len(normalised(value).encode()) > most:
            raise ValueError(f"must not be longer than {most} bytes")
        problem = problem_of_id(value) if is_id else None
        if problem is not None:
            raise ValueError(problem)
        if _UNFIT.search(value):
            raise ValueError("must not contain control characters or U+FFFD (a damaged character)")
        return value if is_id else normalised(value)

    constraints = StringConstraints(strip_whitespace=True, min_length=least, max_length=most)
    return Annotated[str, constraints, AfterValidator(check)]


ParticipantId = text(MAX_ID_BYTES, is_id=True)
Unit = text(MAX_UNIT_BYTES, is_id=True)
Segment = text(MAX_TEXT)
RewardId = text(MAX_REWARD_ID_BYTES, is_id=True)
ProgramId = text(MAX_PROGRAM_ID_BYTES, least=0, is_id=True)
FreeText = text(MAX_TEXT, least=0)
Credit = Annotated[int, Field(strict=True, gt=0, le=MAX_CREDIT)]


NOT_A_DATE = (
    "must be Unix milliseconds (a number of 12 digits or more) or an ISO 8601 date, for example "
    "2026-12-31T23:59:59Z"
)


def _date(is_expiry: bool) -> Any:
    """Unix milliseconds, or a text in ISO 8601 as in files."""

    def read(value: Any) -> int:
        found = read_date(value.strip(), is_expiry) if isinstance(value, str) and "-" in value else value
        if isinstance(found, bool) or not isinstance(found, int) or not MIN_DATE <= found <= MAX_DATE:
            raise ValueError(f"{NOT_A_DATE}, not {sent(value)}")
        return found

    # Fewer digits would be taken for seconds by the loader, which reads what the report of rewards writes.
    return Annotated[int, Field(strict=True, ge=MIN_DATE, le=MAX_DATE), BeforeValidator(read)]


Date = _date(is_expiry=False)
ExpiryDate = _date(is_expiry=True)
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="A unique text for each request. A request that is sent again with the same key gets its "
        "first response again and changes nothing. Another request with the same key is rejected (409).",
    ),
]


class Debited(WithDecimals):
    """The redeemed credits, and the credits that remain."""

    creditRedeemed: int = Field(description="The credits just redeemed.")
    creditAvailable: int = Field(
        description="The available credits of this unit: of the participant, or of the whole account if "
        "there is no userId."
    )
    unit: str
    decimals: Decimals


def request_of(tenant: str, caller: Caller, key: str | None, operation: str, *asked: object) -> Request:
    """The identity of a request: a digest of its operation and parameters, and its idempotency key.

    Each signed-in user has their own keys; all API keys share theirs. Before version 0.2 all callers shared
    their keys.
    """
    digest = hashlib.sha256(json.dumps([operation, *asked], sort_keys=True).encode()).hexdigest()
    user = caller.user if caller.is_user else None
    if key is None:
        return Request(digest, requester=caller.name, user=user)
    space = f"user\n{caller.user}" if caller.is_user else "keys"
    return Request(digest, f"{tenant}\n{space}\n{key}", f"{tenant}\n{key}", caller.name, user)


def time_to_respond() -> Backoff:
    """The time limit of a request."""
    return Backoff.for_seconds(_SECONDS)


@contextmanager
def responding() -> Iterator[Backoff]:
    """Limit the time of a request that changes something, and turn rejections into the API's errors."""
    try:
        yield time_to_respond()
    except RewardsError as error:
        response = response_to(error, may_have_happened=True)
        if response is None:
            raise
        raise response from error


def rejections(*codes: str) -> Any:
    """How a route's rejections are documented, by status."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(status_of(code), []).append(code)
    return {status: {"description": ", ".join(found)} for status, found in by_status.items()}
