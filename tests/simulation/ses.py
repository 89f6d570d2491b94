"""An in-memory SES: what it accepted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.simulation.faults import client_error


@dataclass(frozen=True)
class Sent:
    """An email that SES has accepted; `moment` in Unix milliseconds."""

    moment: int
    to: tuple[str, ...]
    subject: str
    text: str
    html: str


class SES:
    def __init__(self, gateway: Any, identities: frozenset[str], configuration_set: str) -> None:
        self.outbox: list[Sent] = []
        self._gateway = gateway
        self._identities = identities
        self._configuration_set = configuration_set

    def send_email(
        self,
        *,
        FromEmailAddress: str,
        Destination: Mapping[str, Any],
        Content: Mapping[str, Any],
        ConfigurationSetName: str,
        EmailTags: Sequence[Mapping[str, str]],
    ) -> Any:
        simple = Content["Simple"]
        subject, body = simple["Subject"]["Data"], simple["Body"]

        def apply() -> Any:
            if FromEmailAddress not in self._identities:
                message = "Email address is not verified."
                raise client_error("MessageRejected", message, "SendEmail")
            if ConfigurationSetName != self._configuration_set:
                message = "Configuration set does not exist."
                raise client_error("NotFoundException", message, "SendEmail")
            if self._gateway.faults.strikes("rejected-email"):
                raise client_error("MessageRejected", "The sending account is under review.", "SendEmail")
            to = tuple(Destination["ToAddresses"])
            now = self._gateway.kernel.now
            self.outbox.append(Sent(now, to, subject, body["Text"]["Data"], body["Html"]["Data"]))
            return {"MessageId": f"e{len(self.outbox):05d}"}

        tags = " ".join(f"{each['Name']}={each['Value']}" for each in EmailTags)
        said = f"{Destination['ToAddresses'][0]} {subject} {tags}"
        return self._gateway.call("sesv2", "SendEmail", said, apply, writes=True)
