"""Messages on SQS queues."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from rewards.adapters.errors import ThrottledError, translated
from rewards.adapters.queue_messages import encode
from rewards.adapters.retry import Backoff
from rewards.domain.messages import Message

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# SQS takes ten messages and 256 KiB a request (1 MiB since 2025; the old limit holds everywhere).
_MESSAGES = 10
_BYTES = 256 * 1024
# So many requests are sent at once; a client keeps ten connections.
_SENDERS = 8


class Queues:
    """Sends messages; every message is sent, or an error is raised."""

    def __init__(self, client: "SQSClient") -> None:
        self._client = client

    def send(self, queue_url: str, message: Message) -> None:
        with translated():
            self._client.send_message(QueueUrl=queue_url, MessageBody=encode(message))

    def send_later(self, queue_url: str, body: str, seconds: int) -> None:
        """Send a body that is to be delivered after so many seconds, 900 at most."""
        with translated():
            self._client.send_message(QueueUrl=queue_url, MessageBody=body, DelaySeconds=seconds)

    def send_all(self, queue_url: str, bodies: Iterable[str], backoff: Backoff) -> None:
        """Send bodies, as many a request as fit and several requests at once.

        What the queue did not take is sent again.
        """
        waiting = _in_requests(bodies)
        with ThreadPoolExecutor(_SENDERS) as pool:
            while waiting:
                requests = [pool.submit(self._send_batch, queue_url, each) for each in waiting]
                waiting = _in_requests([body for each in requests for body in each.result()])
                if waiting:
                    backoff.wait()

    def _send_batch(self, queue_url: str, bodies: list[str]) -> list[str]:
        """Send bodies in one request; those that the queue did not take."""
        waiting = {str(place): body for place, body in enumerate(bodies)}
        try:
            with translated():
                response = self._client.send_message_batch(
                    QueueUrl=queue_url,
                    Entries=[{"Id": place, "MessageBody": body} for place, body in waiting.items()],
                )
        except ThrottledError:
            return bodies
        for rejected in response.get("Failed", []):
            if rejected["SenderFault"]:
                raise RuntimeError(f"SQS rejected a message: {rejected['Code']}: {rejected.get('Message')}")
        for sent in response.get("Successful", []):
            del waiting[sent["Id"]]
        return list(waiting.values())


def _in_requests(bodies: Iterable[str]) -> list[list[str]]:
    """Bodies in order, as many a request as fit."""
    found: list[list[str]] = []
    size = 0
    for body in bodies:
        weight = len(body.encode())
        if not found or len(found[-1]) == _MESSAGES or size + weight > _BYTES:
            found.append([])
            size = 0
        found[-1].append(body)
        size += weight
    return found
