"""Events about emails that SES had accepted, as EventBridge delivers them.

AWS documents the event in "Monitoring SES events using Amazon EventBridge", and its detail in "Examples of
event data that Amazon SES publishes to Amazon SNS" (both: Amazon SES, Developer Guide). Events come on a
best-effort basis, sometimes twice, and not in order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rewards.domain import ids
from rewards.domain.email_problem import EmailProblem, EmailProblemKind

SOURCE = "aws.ses"

# The tags of an email that name what it is about.
IMPORT_ID = "import_id"
EXPORT_ID = "export_id"

_KINDS = {
    "Bounce": EmailProblemKind.BOUNCED,
    "Complaint": EmailProblemKind.COMPLAINED,
    "Reject": EmailProblemKind.REJECTED,
}


@dataclass(frozen=True, slots=True)
class EmailEvent:
    """What an event reports. An email about no import and no export has neither id.

    SES reports an automatic reply, such as an out-of-office message, as a bounce that is temporary and of a
    general kind ("Bounce types" in "Amazon SNS notification contents", Amazon SES, Developer Guide).
    """

    problem: EmailProblem
    import_id: str | None
    export_id: str | None
    message_id: str
    may_be_automatic_reply: bool


def email_event(event: Mapping[str, Any]) -> EmailEvent:
    """Read an event. Raises ValueError for one of another form, without what it contains."""
    try:
        detail = event["detail"]
        mail = detail["mail"]
        bounce = detail.get("bounce", {})
        is_general = (bounce.get("bounceType"), bounce.get("bounceSubType")) == ("Transient", "General")
        problem = EmailProblem(_KINDS[detail["eventType"]], _milliseconds(event["time"]))
        tags = mail["tags"]
        return EmailEvent(
            problem,
            _id(tags, IMPORT_ID),
            _id(tags, EXPORT_ID),
            str(mail["messageId"])[:100],
            may_be_automatic_reply=problem.kind is EmailProblemKind.BOUNCED and is_general,
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"not an event about an email: {type(error).__name__}") from None


def _milliseconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1000)


def _id(tags: Mapping[str, Any], name: str) -> str | None:
    """The id in a tag; None without the tag. Raises ValueError if the tag is no id."""
    if name not in tags:
        return None
    (found,) = tags[name]
    if not isinstance(found, str) or not ids.is_id(found):
        raise ValueError(name)
    return found
