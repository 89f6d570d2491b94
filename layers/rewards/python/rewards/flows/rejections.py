"""Why a request of the API changes nothing: codes, and the messages that several commands share."""

from enum import StrEnum
from typing import NoReturn

from rewards.adapters.errors import TooManyWritesError
from rewards.domain.errors import RejectedError
from rewards.domain.redemption import InsufficientBalanceError
from rewards.domain.units import format_value


class RejectionCode(StrEnum):
    """Why a request is rejected; the API's apiErrorCode."""

    REWARD_NOT_FOUND = "REWARD_NOT_FOUND"
    REWARD_NOT_AVAILABLE = "REWARD_NOT_AVAILABLE"
    REWARD_NOT_CANCELLABLE = "REWARD_NOT_CANCELLABLE"
    NO_BALANCE = "NO_BALANCE"
    UNIT_MISMATCH = "UNIT_MISMATCH"
    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
    INVALID_UNIT = "INVALID_UNIT"
    BALANCE_FULL = "BALANCE_FULL"
    TOO_MANY_BALANCES = "TOO_MANY_BALANCES"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    APPROVAL_REQUIRED = "APPROVAL_REQUIRED"


class RequestRejectedError(RejectedError):
    """A request is rejected, and nothing was changed; `message` says why."""

    def __init__(self, code: RejectionCode, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def insufficient(amount: int, unit: str, error: InsufficientBalanceError) -> NoReturn:
    """Reject a request for more credits than are available."""
    raise RequestRejectedError(
        RejectionCode.INSUFFICIENT_BALANCE,
        f"{format_value(amount, unit)} {unit} was requested, but only {format_value(error.available, unit)} "
        "is available. Nothing was redeemed.",
    ) from error


def too_many(error: TooManyWritesError) -> RequestRejectedError:
    """The rejection of an amount that is spread over more balances than one transaction changes."""
    return RequestRejectedError(
        RejectionCode.TOO_MANY_BALANCES,
        f"This amount would be taken from the balances of {error.wanted} participants, but one request can "
        f"change at most {error.most}. Redeem less at a time, or from one participant (userId). "
        "Nothing was redeemed.",
    )


def not_found(reward_id: str) -> NoReturn:
    """Reject a request for a reward that does not exist."""
    raise RequestRejectedError(RejectionCode.REWARD_NOT_FOUND, f"No reward has the id {reward_id!r}.")
