"""Errors as the API shows them (CONTRACT section 5)."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rewards.adapters.errors import ThrottledError, UnknownOutcomeError, UploadGoneError
from rewards.adapters.retry import OutOfTimeError
from rewards.domain.errors import RewardsError
from rewards.domain.filters import FilterError
from rewards.flows.imports import ImportStateError, StillWorkingError
from rewards.flows.rejections import RejectionCode, RequestRejectedError
from rewards.flows.reversals import NotKeptError, NotReversibleError

# The ways in. A browser that is told of the first asks for a password in a window of its own.
_BASIC = 'Basic realm="API key", charset="UTF-8"'
_BEARER = 'Bearer realm="user pool"'

# Lambda returns no larger answer: its limit for the JSON of an answer, with status and headers.
MAX_RESPONSE_BYTES = 6 * 1024 * 1024


class ApiError(Exception):
    """A request that is answered with an error.

    `code` is the contract's apiErrorCode; `problems` are a validation error's details, each a
    text or a `field` with its `message`; `headers` go with the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        problems: Sequence[str | Mapping[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.problems = problems
        self._headers = headers or {}

    @property
    def headers(self) -> dict[str, str]:
        own = {"WWW-Authenticate": f"{_BASIC}, {_BEARER}"} if self.status == 401 else {}
        if self.status == 503:
            own = {"Retry-After": "5"}
        return {"Content-Type": "application/json", **own, **self._headers}

    @property
    def body(self) -> str:
        shown: dict[str, Any] = {
            "statusCode": self.status,
            "message": self.message,
            "apiErrorCode": self.code,
            "rsCode": None,
        }
        if self.problems is not None:
            shown["validationErrors"] = [
                {"message": problem} if isinstance(problem, str) else dict(problem)
                for problem in self.problems
            ]
        return json.dumps(shown)


_STATUSES: dict[str, int] = {
    RejectionCode.REWARD_NOT_FOUND: 404,
    RejectionCode.NO_BALANCE: 404,
    RejectionCode.BALANCE_FULL: 409,
    RejectionCode.IDEMPOTENCY_KEY_REUSED: 409,
}


def status_of(code: str) -> int:
    """The HTTP status of a rejected command, by its RejectionCode."""
    return _STATUSES.get(code, 400)


def response_to(error: RewardsError, may_have_happened: bool = False) -> ApiError | None:
    """What the API responds to an error of the flows, or None for one that is a fault of ours.

    `may_have_happened`: of a request with an Idempotency-Key it is not known whether it changed something.
    """
    match error:
        case RequestRejectedError():
            return ApiError(status_of(error.code), error.code, error.message)
        case FilterError():
            return invalid([{"field": f"params.{error.name}", "message": str(error)}])
        case ImportStateError():
            return ApiError(409, error.code, error.message)
        case NotReversibleError():
            return ApiError(409, "NOT_REVERSIBLE", str(error))
        case NotKeptError():
            return ApiError(410, "IMPORT_EXPIRED", str(error))
        case UploadGoneError():
            return ApiError(
                410,
                "UPLOAD_GONE",
                "The uploaded file was deleted, or access to it is denied: upload it again.",
            )
        case StillWorkingError():
            return ApiError(
                503,
                "STILL_WORKING",
                "The import is cancelled, but a worker may still be finishing some rows. Ask again.",
            )
        case ThrottledError() | UnknownOutcomeError() | OutOfTimeError():
            return ApiError(503, "TRY_AGAIN", _SEND_AGAIN if may_have_happened else _BUSY)
    return None


_BUSY = "The service is busy. Try again in a few seconds."
_SEND_AGAIN = (
    "This could not be done in time, or it is not known whether it was. Send it again, with the same "
    "Idempotency-Key."
)


def unauthorized(headers: Mapping[str, str]) -> ApiError:
    """Nobody we know. A page's own request is told of tokens only: the page signs its user in itself.

    `headers` are the request's, their names in small letters. Scripts do not send Sec-Fetch-Mode, and an
    address that somebody types says `navigate` there.
    """
    by_page = headers.get("sec-fetch-mode", "navigate") != "navigate"
    bearer = headers.get("authorization", "").lower().startswith("bearer ")
    return ApiError(
        401,
        "UNAUTHORIZED",
        "Send the API key as the password of HTTP Basic authentication, or a token of the user pool.",
        headers={"WWW-Authenticate": _BEARER} if by_page or bearer else {},
    )


def too_large(is_paged: bool) -> ApiError:
    """An answer that Lambda could not return."""
    remedy = " Request fewer at a time: set limit, and offset for the next ones." if is_paged else ""
    return ApiError(
        413,
        "RESPONSE_TOO_LARGE",
        f"The answer is larger than {MAX_RESPONSE_BYTES:,} bytes, more than can be returned at once.{remedy}",
    )


def invalid(problems: Sequence[str | Mapping[str, str]]) -> ApiError:
    """A request that does not have the form it needs; the message says where the first fault is."""
    first = problems[0]
    listed = first if isinstance(first, str) else f"{first['field']}: {first['message']}"
    return ApiError(400, "VALIDATION_ERROR", f"The request is not valid. {listed}", problems)


def in_plain_words(found: Sequence[Mapping[str, Any]]) -> ApiError:
    """What Powertools and pydantic found, without their vocabulary of types."""
    problems: list[dict[str, str]] = []
    for each in found:
        where, *parts = each["loc"]
        place = ".".join(map(str, parts))
        message = str(each.get("msg", each["type"])).removeprefix("Value error, ")
        # Parameters in a path have Python's names, all others those of the API.
        problems.append(
            {"field": (in_camel_case(place) if where == "path" else place) or "body", "message": message}
        )
    return invalid(problems)


def in_camel_case(text: str) -> str:
    """snake_case, as Python has it, in the way the API's own names are spelt."""
    return re.sub(r"(?<=[a-z])_([a-z])", lambda found: found[1].upper(), text)
