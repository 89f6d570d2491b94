"""Email by SES."""

from typing import TYPE_CHECKING

from rewards.rules.mail import Email

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client


class Mailer:
    """Sends from one address."""

    def __init__(self, client: "SESV2Client", sender: str) -> None:
        self._client = client
        self._sender = sender

    def send(self, to: str, email: Email) -> str:
        """Send one email; SES's message id. Raises botocore's error where SES refuses it."""
        response = self._client.send_email(
            FromEmailAddress=self._sender,
            Destination={"ToAddresses": [to]},
            Content={
                "Simple": {
                    "Subject": {"Data": email.subject, "Charset": "UTF-8"},
                    "Body": {
                        "Text": {"Data": email.text, "Charset": "UTF-8"},
                        "Html": {"Data": email.html, "Charset": "UTF-8"},
                    },
                }
            },
        )
        return response["MessageId"]
