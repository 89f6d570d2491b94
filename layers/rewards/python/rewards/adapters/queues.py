"""Messages on SQS queues."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rewards.adapters.errors import ThrottledError, translated
from rewards.adapters.retry import Backoff

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# SQS takes ten messages and 256 KiB a request (1 MiB since 2025; the old limit holds everywhere).
_MESSAGES = 10
_BYTES = 256 * 1024


class Queues:
    """Sends messages; every message is sent, or an error is raised."""

    def __init__(self, client: "SQSClient") -> None:
        self._client = client

    def send(self, queue_url: str, message: dict[str, Any]) -> None:
        with translated():
            self._client.send_message(QueueUrl=queue_url, MessageBody=json.dumps(message))

    def send_later(self, queue_url: str, body: str, seconds: int) -> None:
        """Send a body that is to be delivered after so many seconds, 900 at most."""
        with translated():
            self._client.send_message(QueueUrl=queue_url, MessageBody=body, DelaySeconds=seconds)

    def send_all(self, queue_url: str, bodies: Iterable[str], backoff: Backoff) -> None:
        """Send bodies, as many a request as fit; what the queue did not take is sent again."""
        batch: list[str] = []
        size = 0
        for body in bodies:
            weight = len(body.encode())
            if batch and (len(batch) == _MESSAGES or size + weight > _BYTES):
                self._send_batch(queue_url, batch, backoff)
                batch, size = [], 0
            batch.append(body)
            size += weight
        if batch:
            self._send_batch(queue_url, batch, backoff)

    def _send_batch(self, queue_url: str, bodies: list[str], backoff: Backoff) -> None:
        waiting = {str(place): body for place, body in enumerate(bodies)}
        while waiting:
            try:
                with translated():
                    response = self._client.send_message_batch(
                        QueueUrl=queue_url,
                        Entries=[{"Id": place, "MessageBody": body} for place, body in waiting.items()],
                    )
            except ThrottledError:
                backoff.wait()
                continue
            for rejected in response.get("Failed", []):
                if rejected["SenderFault"]:
                    raise RuntimeError(
                        f"SQS rejected a message: {rejected['Code']}: {rejected.get('Message')}"
                    )
            for sent in response.get("Successful", []):
                del waiting[sent["Id"]]
            if waiting:
                backoff.wait()
