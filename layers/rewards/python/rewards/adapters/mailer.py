"""Email by SES."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from rewards.adapters.errors import EmailNotSentError
from rewards.email.layout import Email

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client


class Mailer:
    """Sends from one address, with the configuration set that makes SES report what becomes of an email."""

    def __init__(self, client: "SESV2Client", sender: str, configuration_set: str) -> None:
        self._client = client
        self._sender = sender
        self._configuration_set = configuration_set

    def send(self, to: str, email: Email, tags: Mapping[str, str]) -> str:
        """Send one email to an address, or to several with commas between them; SES's message id.

        The events about the email have its tags: names and values of ASCII letters, digits, `_` and `-`.
        Raises EmailNotSentError.
        """
        body: Any = {"Text": _utf8(email.text), "Html": _utf8(email.html)}
        try:
            response = self._client.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [each.strip() for each in to.split(",")]},
                Content={"Simple": {"Subject": _utf8(email.subject), "Body": body}},
                ConfigurationSetName=self._configuration_set,
                EmailTags=[{"Name": name, "Value": value} for name, value in tags.items()],
            )
        except ClientError as error:
            raise EmailNotSentError(str(error), error.response["Error"]["Code"]) from None
        except BotoCoreError as error:
            raise EmailNotSentError(str(error), type(error).__name__) from None
        return response["MessageId"]


def _utf8(text: str) -> Any:
    return {"Data": text, "Charset": "UTF-8"}
