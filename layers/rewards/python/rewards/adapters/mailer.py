"""Email by SES."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from rewards.adapters.errors import EmailNotSentError
from rewards.email.layout import Email

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client


class Mailer:
    """Sends from one address."""

    def __init__(self, client: "SESV2Client", sender: str) -> None:
        self._client = client
        self._sender = sender

    def send(self, to: str, email: Email) -> str:
        """Send one email; SES's message id. Raises EmailNotSentError."""
        body: Any = {"Text": _utf8(email.text), "Html": _utf8(email.html)}
        try:
            response = self._client.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [to]},
                Content={"Simple": {"Subject": _utf8(email.subject), "Body": body}},
            )
        except ClientError as error:
            raise EmailNotSentError(str(error), error.response["Error"]["Code"]) from None
        except BotoCoreError as error:
            raise EmailNotSentError(str(error), type(error).__name__) from None
        return response["MessageId"]


def _utf8(text: str) -> Any:
    return {"Data": text, "Charset": "UTF-8"}
