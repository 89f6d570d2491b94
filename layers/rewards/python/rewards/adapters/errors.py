"""What can go wrong on the way to AWS (domain/errors.py shows all errors).

Anything else that botocore raises is let through: it is a fault, and the message is delivered again.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

from rewards.domain.errors import RetryLaterError, ServiceError

THROTTLES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingException",
        "ThrottlingError",
        "TransactionInProgressException",
        "InternalServerError",
        "TransactionConflictException",
        "SlowDown",  # S3
        "ServiceUnavailable",
        "RequestThrottled",  # SQS
        "TooManyRequestsException",  # Lambda
    }
)
CONDITIONS = frozenset({"ConditionalCheckFailedException", "ConditionalCheckFailed"})


class ThrottledError(ServiceError):
    """The service asked us to slow down."""


class WriteRejectedError(ServiceError):
    """A write that DynamoDB will never take, such as one of an item above 400 KB."""


class TooManyWritesError(ServiceError):
    """A transaction would write more balances than DynamoDB takes at once; `most` says how many it takes."""

    def __init__(self, wanted: int, most: int) -> None:
        super().__init__(f"{wanted} balances, at most {most}")
        self.wanted = wanted
        self.most = most


class UnknownOutcomeError(ServiceError):
    """No answer came: what was asked may have happened, or may still happen."""


class EmailNotSentError(ServiceError):
    """SES rejected an email, or was not there.

    The message goes to the log. `reason`, which may name the address, goes only to the record of the job.
    """

    def __init__(self, reason: str, code: str = "unknown") -> None:
        super().__init__(f"the email was not sent: {code}")
        self.reason = reason
        self.code = code


class UploadGoneError(ServiceError):
    """An upload, or the version of it that was pinned, is not there any more."""


class UploadUnreadableError(ServiceError):
    """S3 denied access to an upload, for example because of its KMS key."""


class ConditionFailedError(ServiceError):
    """The item was not what the write expected."""


class LeaseTakenError(RetryLaterError):
    """Somebody else is at it; the message is to be delivered again later."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn botocore's error codes into the errors above, by code, never by message.

    A cancelled transaction is a throttle if that was any item's only reason, else a failed
    condition; a conflict with another transaction counts as a throttle.
    """
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in CONDITIONS:
            raise ConditionFailedError(code) from error
        if code in THROTTLES:
            raise ThrottledError(code) from error
        if code == "TransactionCanceledException":
            reasons = {
                reason.get("Code", "None") for reason in error.response.get("CancellationReasons", [])
            } - {"None"}
            if reasons & CONDITIONS:
                raise ConditionFailedError(code) from error
            if reasons <= THROTTLES | {"TransactionConflict"}:
                raise ThrottledError(code) from error
        raise
    except (HTTPClientError, NoConnectionError) as error:  # an earlier try may have been heard
        raise UnknownOutcomeError(str(error)) from error
