"""An in-memory SQS: visibility, receive counts, redrive, and everything at least once.

A standard queue may deliver a message twice, in any order, late, and even after it was deleted.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-notifications.html
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.faults import client_error
from tests.simulation.kernel import HOUR, MINUTE, SECOND

MAX_BODY = 1024 * 1024
MAX_BATCH = 10
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass
class Message:
    id: str
    body: str
    sent: int
    visible: int
    received: int = 0
    first_received: int = 0
    receipt: str = ""
    chain: Mapping[str, int] = field(default_factory=dict)  # calls of each function that led to it


@dataclass
class Queue:
    """Times in milliseconds; beyond `max_receives` a message goes to the queue `dead`."""

    visibility: int = 30 * SECOND
    dead: str | None = None
    max_receives: int = 0
    messages: dict[str, Message] = field(default_factory=dict)
    notify: Callable[[int], None] = lambda moment: None  # a message can be received from a moment on


class SQS:
    """Queues by URL."""

    def __init__(self, gateway: Any, queues: dict[str, Queue]) -> None:
        self.queues = queues
        # The bodies of messages that were lost because their queue was purged.
        self.purged: list[str] = []
        # Told of every message that is accepted, before it can be received.
        self.observe: Callable[[str, str], None] = lambda url, body: None
        self._gateway = gateway
        self._sent = 0

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> Any:
        def apply() -> Any:
            _check(MessageBody, len(MessageBody.encode()), "SendMessage")
            identifier = self.put(QueueUrl, MessageBody, DelaySeconds * SECOND)
            return {"MessageId": identifier, "MD5OfMessageBody": _md5(MessageBody)}

        return self._call("SendMessage", f"{QueueUrl} {MessageBody[:60]}", apply)

    def send_message_batch(self, *, QueueUrl: str, Entries: list[Mapping[str, str]]) -> Any:
        def apply() -> Any:
            ids = [entry["Id"] for entry in Entries]
            if not Entries:
                code = "AWS.SimpleQueueService.EmptyBatchRequest"
                raise client_error(code, "There should be at least one entry", "SendMessageBatch")
            if len(ids) > MAX_BATCH:
                code = "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"
                raise client_error(code, "Maximum number of entries per request are 10", "SendMessageBatch")
            if len(set(ids)) < len(ids):
                code = "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"
                raise client_error(code, "Id repeated", "SendMessageBatch")
            total = sum(len(entry["MessageBody"].encode()) for entry in Entries)
            if total > MAX_BODY:
                code = "AWS.SimpleQueueService.BatchRequestTooLong"
                raise client_error(code, "Batch requests cannot be longer than 1048576", "SendMessageBatch")
            partial = self._gateway.faults.strikes("partial")
            sent, failed = [], []
            for entry in Entries:
                if partial and self._gateway.kernel.random.random() < 0.5:
                    why = {"Code": "InternalError", "Message": "Try again.", "SenderFault": False}
                    failed.append({"Id": entry["Id"], **why})
                    continue
                body = entry["MessageBody"]
                _check(body, len(body.encode()), "SendMessageBatch")
                sent.append(
                    {"Id": entry["Id"], "MessageId": self.put(QueueUrl, body), "MD5OfMessageBody": _md5(body)}
                )
            return {**({"Successful": sent} if sent else {}), **({"Failed": failed} if failed else {})}

        return self._call("SendBatch", f"{QueueUrl} {len(Entries)}: {Entries[0]['MessageBody'][:60]}", apply)

    def receive_message(
        self, *, QueueUrl: str, MaxNumberOfMessages: int = 1, WaitTimeSeconds: int = 0
    ) -> Any:
        messages = [
            {"MessageId": message.id, "ReceiptHandle": message.receipt, "Body": message.body}
            for message in self.receive(QueueUrl, MaxNumberOfMessages)
        ]
        return {"Messages": messages} if messages else {}

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> Any:
        self.delete(QueueUrl, ReceiptHandle)
        return {}

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> Any:
        for message in self._queue(QueueUrl).messages.values():
            if message.receipt == ReceiptHandle:
                message.visible = self._gateway.kernel.now + VisibilityTimeout * SECOND
        return {}

    # --- What the service itself does ---

    def put(self, url: str, body: str, delay: int = 0) -> str:
        """Accept a message; it can be received after a delay (milliseconds), or later."""
        kernel, faults = self._gateway.kernel, self._gateway.faults
        self._sent += 1
        self.observe(url, body)
        visible = kernel.now + delay
        if faults.strikes("delayed-message"):
            visible += kernel.random.randint(1, 20 * MINUTE)
        sender = kernel.current()
        chain = sender.chain if sender else {}
        message = Message(f"m{self._sent:05d}", body, kernel.now, visible, chain=chain)
        queue = self._queue(url)
        queue.messages[message.id] = message
        queue.notify(visible)
        if faults.strikes("purged-queue"):
            self.purge(url)
        return message.id

    def purge(self, url: str) -> None:
        """Delete all messages, also those that are hidden while they are processed."""
        messages = self._queue(url).messages
        self._gateway.kernel.tell("sqs", f"** {url} is purged: {len(messages)} messages")
        self.purged += [message.body for message in messages.values()]
        messages.clear()

    def receive(self, url: str, most: int) -> list[Message]:
        """Take up to so many messages, in no order; what was received too often goes where the dead go."""
        kernel, faults = self._gateway.kernel, self._gateway.faults
        queue = self._queue(url)
        ready = [message for message in queue.messages.values() if message.visible <= kernel.now]
        kernel.random.shuffle(ready)
        taken: list[Message] = []
        for message in ready:
            if len(taken) == most:
                break
            if queue.dead is not None and message.received >= queue.max_receives:
                self._remove(queue, message)
                kernel.tell("sqs", f"{message.id} is dead after {message.received} receives")
                kernel.count["dead letters"] += 1
                dead = self._queue(queue.dead)
                dead.messages[message.id] = Message(
                    message.id, message.body, message.sent, kernel.now, chain=message.chain
                )
                dead.notify(kernel.now)
                continue
            message.received += 1
            message.first_received = message.first_received or kernel.now
            message.receipt = f"{message.id}-{message.received}"
            if not faults.strikes("duplicate-message"):
                message.visible = kernel.now + queue.visibility
            queue.notify(message.visible)
            taken.append(message)
        return taken

    def delete(self, url: str, receipt: str) -> None:
        """Delete a message by its newest receipt; an older one deletes nothing, as AWS warns."""
        faults = self._gateway.faults
        queue = self._queue(url)
        for message in list(queue.messages.values()):
            if message.receipt != receipt or faults.strikes("lost-delete"):
                continue
            self._remove(queue, message)

    def _remove(self, queue: Queue, message: Message) -> None:
        del queue.messages[message.id]
        if self._gateway.faults.strikes("resurrected-message"):
            # A server that was away when the message was deleted still has its copy.
            kernel = self._gateway.kernel
            visible = kernel.now + kernel.random.choice([1, kernel.random.randint(1, 3 * HOUR)])
            copy = Message(message.id, message.body, message.sent, visible, chain=message.chain)
            queue.messages[message.id] = copy
            queue.notify(visible)

    def _queue(self, url: str) -> Queue:
        if url not in self.queues:
            code = "AWS.SimpleQueueService.NonExistentQueue"
            raise client_error(code, "The specified queue does not exist.", "SQS")
        return self.queues[url]

    def _call(self, operation: str, subject: str, apply: Callable[[], Any]) -> Any:
        return self._gateway.call("sqs", operation, subject, apply, writes=True)


def _check(body: str, size: int, operation: str) -> None:
    if not body:
        raise client_error(
            "MissingParameter", "The request must contain the parameter MessageBody.", operation
        )
    if size > MAX_BODY:
        raise client_error("InvalidParameterValue", "Message must be shorter than 1048576 bytes.", operation)
    if _FORBIDDEN.search(body):
        raise client_error("InvalidMessageContents", "Invalid characters found.", operation)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
