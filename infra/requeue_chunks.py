"""Move chunks of the dead-letter queue to the redemption queue: `python -m infra.requeue_chunks FROM TO`.

FROM and TO are the URLs in the stack's outputs `DeadLetterQueueUrl` and `RedemptionQueueUrl`. Other dead
letters (failed validations, requests to finish) stay where they are: the redemption queue takes only chunks.
"""

import sys
from typing import TYPE_CHECKING

import boto3

from rewards.adapters.queue_messages import decode
from rewards.domain.messages import ChunkMessage

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# Seconds for which a received message is hidden from the functions, and from a second look of this program.
_HIDDEN = 60


def requeue(client: "SQSClient", source: str, destination: str) -> tuple[int, int]:
    """Move every visible chunk; the numbers of messages that were moved and that stay.

    A message is deleted only after it was sent again. If that fails, the chunk is delivered twice, which
    redeems nothing twice.
    """
    moved = left = 0
    while True:
        received = client.receive_message(
            QueueUrl=source, MaxNumberOfMessages=10, VisibilityTimeout=_HIDDEN
        ).get("Messages", [])
        if not received:
            return moved, left
        for message in received:
            if not _is_chunk(message["Body"]):
                left += 1
                continue
            client.send_message(QueueUrl=destination, MessageBody=message["Body"])
            client.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
            moved += 1


def _is_chunk(body: str) -> bool:
    try:
        return isinstance(decode(body), ChunkMessage)
    except ValueError:
        return False  # no message of this version: it stays


def main() -> None:
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    moved, left = requeue(boto3.client("sqs"), sys.argv[1], sys.argv[2])
    print(f"Chunks moved: {moved:,}. Other messages that stay in the dead-letter queue: {left:,}.")


if __name__ == "__main__":
    main()
