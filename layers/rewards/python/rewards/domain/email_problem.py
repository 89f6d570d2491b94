"""What happened to an email after SES had accepted it, if it did not arrive or was not wanted."""

from dataclasses import dataclass
from enum import StrEnum


class EmailProblemKind(StrEnum):
    """What SES reported about an email."""

    # The recipient's server did not take it, after all of SES's retries. Not: what may be an automatic reply.
    BOUNCED = "BOUNCED"
    COMPLAINED = "COMPLAINED"  # the recipient marked it as spam
    REJECTED = "REJECTED"  # SES did not send it, because of its content


_MESSAGES = {
    EmailProblemKind.BOUNCED: "The email was not delivered: the recipient's mail server returned it. Ask an "
    "administrator to check the address.",
    EmailProblemKind.COMPLAINED: "The recipient reported the email as spam. Further emails to this address "
    "may not be sent until an administrator removes it from the suppression list of SES.",
    EmailProblemKind.REJECTED: "The email was not sent: the email service rejected its content.",
}


@dataclass(frozen=True, slots=True)
class EmailProblem:
    """What SES reported about the last email of an import or an export, and when (Unix milliseconds)."""

    kind: EmailProblemKind
    date: int

    @property
    def message(self) -> str:
        """What happened and what to do, in words."""
        return _MESSAGES[self.kind]
