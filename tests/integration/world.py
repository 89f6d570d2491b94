"""The flows on an emulated AWS, in this process: what Lambda and SQS would do, one step at a time."""

import csv
import io
import json
import time
from dataclasses import dataclass, field
from typing import Any

from rewards.adapters import queue_messages
from rewards.adapters.audit_log import AuditLog
from rewards.adapters.errors import EmailNotSentError
from rewards.adapters.jobs_table import EXPORT, IMPORT
from rewards.adapters.retry import Backoff
from rewards.bootstrap import Flows, Settings
from rewards.domain.audit import AuditEntry
from rewards.domain.balance import Balance, archive, leaving
from rewards.domain.balance_key import BalanceKey
from rewards.domain.messages import (
    CreateOverview,
    CreateReport,
    FinishImport,
    JoinGroup,
    LoadChunk,
    RedeemChunk,
    ReverseChunks,
    SendChunks,
    chunks_in,
)
from rewards.domain.object_keys import report_key
from rewards.flows.overviews import scan_overview
from rewards.flows.uploaded_imports import Uploaded, uploads_in
from tests.builders.row_ids import keys

# Metadata of an upload whose rows, without rowId, were imported before.
AGAIN = {"allow-duplicate": "true"}
BOM = "\ufeff"


class Clock:
    """The real time, and days that a test lets pass."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead


class RecordingMailer:
    """Keeps emails instead of sending them, or rejects them."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.tags: list[dict[str, str]] = []
        self.rejects = False

    def send(self, to: str, email: Any, tags: dict[str, str]) -> str:
        if self.rejects:
            raise EmailNotSentError("SES rejected it")
        self.sent.append((to, email))
        self.tags.append(tags)
        return "id"


class RecordingAuditLog(AuditLog):
    """Keeps entries instead of writing them."""

    def __init__(self, now: Clock) -> None:
        super().__init__(lambda: None, "audit", keys, now)
        self.entries: list[AuditEntry] = []

    def write(self, *entries: AuditEntry) -> None:
        self.entries += entries


class RecordingLambda:
    """Keeps the events that the function `validate` is called with."""

    def __init__(self) -> None:
        self._payloads: list[bytes] = []

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> None:
        assert (FunctionName, InvocationType) == ("validate", "Event")
        self._payloads.append(Payload)

    def events(self) -> list[Uploaded]:
        """The uploads that they name; they are delivered once."""
        payloads, self._payloads = self._payloads, []
        return [uploaded for payload in payloads for uploaded in uploads_in(json.loads(payload))]


def quick() -> Backoff:
    """Waits next to nothing."""
    return Backoff(lambda: 30.0, base=0.001, cap=0.01)


@dataclass
class World:
    """Two buckets, three tables, three queues, and the flows on them."""

    clients: Any
    names: dict[str, str]
    urls: dict[str, str]
    now: Clock = field(default_factory=Clock)
    mailer: Any = field(default_factory=RecordingMailer)
    function: RecordingLambda = field(default_factory=RecordingLambda)
    rule: str = "never"

    def __post_init__(self) -> None:
        self.s3, self.sqs = self.clients("s3"), self.clients("sqs")
        self.audited = RecordingAuditLog(self.now)
        settings = Settings(
            accounts_table=self.names["accounts"],
            rewards_table=self.names["rewards"],
            jobs_table=self.names["jobs"],
            files_bucket=self.names["files"],
            upload_bucket=self.names["upload"],
            export_queue_url=self.urls["export"],
            redemption_queue_url=self.urls["redeem"],
            finish_queue_url=self.urls["finish"],
            finish_queue_arn="",
            dead_letter_queue_arn="",
            export_dead_letter_queue_arn="",
            sender_email="rewards@example.com",
            email_configuration_set="emails",
            notification_email="ops@example.com",
            allowed_recipient_domains="example.com",
            retention_days=30,
            evidence_days=400,
            public_url="https://example.com",
            row_id_key_secret="",
            tenant_alias="default",
            stack_name="rewards-test",
            validate_function="validate",
            alarm_topic_arn="arn:aws:sns:us-east-1:000000000000:alarms",
            audit_log_group="audit",
            approval_rule=self.rule,
            approvers_email="approvers@example.com",
            user_pool_id="",
        )
        self.flows = Flows(settings, client=self._client, now=self.now)
        # What reaches beyond the emulated services is given by the test.
        self.flows.mailer, self.flows.row_id_keys = self.mailer, keys
        self.flows.audit_log = self.audited

    def __getattr__(self, name: str) -> Any:
        """The flows and adapters themselves."""
        if name.startswith("_") or name == "flows":
            raise AttributeError(name)
        return getattr(self.flows, name)

    def _client(self, service: str, purpose: str = "") -> Any:
        if service == "lambda":
            return self.function
        return self.clients.__wrapped__(service) if purpose else self.clients(service)

    # --- What people do ---

    def put(self, key: str, body: bytes | str, **metadata: str) -> Uploaded:
        """Upload an object; what its S3 event would say."""
        body = body.encode() if isinstance(body, str) else body
        found = self.s3.put_object(Bucket=self.names["upload"], Key=key, Body=body, Metadata=metadata)
        return Uploaded(self.names["upload"], key, found["VersionId"])

    def upload(self, key: str, body: bytes | str, **metadata: str) -> dict[str, Any]:
        """Upload a file and let everything happen; the import's record at the end."""
        import_id = self.validate(self.put(key, body, **metadata))
        self.run()
        return self.record(import_id)

    def validate(self, uploaded: Uploaded) -> str:
        """Deliver the S3 event of an upload; the import's id."""
        return self.validation.run(uploaded, quick())

    def load(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Load rewards; what a row does not say is made up."""
        base = {"type": "CREDIT", "user.accountId": "acme", "user.id": "ann", "unit": "POINT"}
        return self.upload("rewards/rewards.jsonl", "\n".join(json.dumps({**base, **row}) for row in rows))

    def reverse(self, record: dict[str, Any]) -> dict[str, Any]:
        """Reverse an import and let everything happen; the reversal's record."""
        original = self.import_jobs.get(record["id"])
        assert original is not None
        reversal = self.reversals.create(original, "operator", "ops@example.com", quick())
        self.run()
        return self.record(reversal.id)

    def start(self, preview: dict[str, Any]) -> dict[str, Any]:
        """Start a preview and let everything happen; the record of the import that it became."""
        job = self.imports.start(preview["id"], "operator", None)
        assert job is not None
        self.arrive(self.record(job.id))
        return self.record(job.id)

    def arrive(self, record: dict[str, Any]) -> None:
        """Let the file arrive that an import waits for, and everything happen."""
        head = self.s3.head_object(Bucket=record["bucket"], Key=record["key"])
        self.validate(Uploaded(record["bucket"], record["key"], head["VersionId"]))
        self.run()

    def archive(self, *key: str) -> None:
        """Move to a balance's history whatever can go there."""
        balance = self.balance(*key)
        page = leaving(balance, self.now())
        archive(balance, page)
        assert self.accounts._transact([(balance, page)], [], self.now())

    def report(self, kind: str = "REDEEMABLE_REWARD_BALANCE", **params: Any) -> list[dict[str, str]]:
        """Order a report as CSV; its rows."""
        export = self.export(kind, "CSV", **params)
        assert export["status"] == "COMPLETED", export["error"]
        return self.csv(report_key(export["id"], "CSV", kind))

    def export(self, kind: str, file_format: str, **params: Any) -> dict[str, Any]:
        """Order a report and let it be made; its record."""
        export_id = self.exports.create(kind, file_format, "", "test", params).id
        self.run()
        return {"id": export_id, **self.jobs_table.get(EXPORT, export_id)}

    # --- What AWS does ---

    def run(self) -> None:
        """Deliver messages, and events that the function `validate` was called with, until there are none."""
        while True:
            for uploaded in self.function.events():
                self.validate(uploaded)
            bodies = [(name, body) for name in ("export", "redeem", "finish") for body in self.take(name)]
            if not bodies:
                return
            for name, body in bodies:
                self.deliver(name, body)

    def deliver(self, queue: str, body: str) -> None:
        match queue_messages.decode(body):
            case RedeemChunk() | LoadChunk() | ReverseChunks() as message if queue == "redeem":
                for chunk in chunks_in(message):
                    self.chunk_processor.run(chunk, quick())
            case SendChunks(import_id) if queue == "finish":
                self.chunk_sender.run(import_id, quick())
            case FinishImport(import_id) if queue == "finish":
                self.finisher.run(import_id)
            case JoinGroup() as message if queue == "finish":
                self.results_writer.join(message)
            case CreateOverview() if queue == "export":
                scan_overview(self.scanner, self.overviews, self.now, lambda: 60.0)
            case CreateReport(export_id) if queue == "export":
                self.reporter.run(export_id, lambda: 60.0)
            case message:
                raise AssertionError(f"{message} is on the queue {queue}")

    def take(self, queue: str) -> list[str]:
        """Take all messages off a queue."""
        url, bodies = self.urls[queue], []
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                bodies.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def failed_often(self, body: str) -> str:
        """Let two workers fail with each chunk of a message; its body, which is a dead letter now."""
        for chunk in chunks_in(queue_messages.decode_chunks(body)):
            for worker in ("one", "another"):
                self.chunk_records.lease_chunk(chunk.import_id, chunk.number, worker, now=1, until=0)
        return body

    # --- What can be seen ---

    def record(self, import_id: str) -> dict[str, Any]:
        """An import as it is stored."""
        return {"id": import_id, **self.jobs_table.get(IMPORT, import_id)}

    def results(self, record: dict[str, Any], name: str = "results.csv") -> list[dict[str, str]]:
        return self.csv(f"imports/{record['id']}/{name}")

    def keys(self, prefix: str) -> list[str]:
        """The keys in the files bucket that begin with a prefix."""
        listed = self.s3.list_objects_v2(Bucket=self.names["files"], Prefix=prefix)
        return [each["Key"] for each in listed.get("Contents", [])]

    def csv(self, key: str) -> list[dict[str, str]]:
        return self.csv_of(key, ",")

    def lines(self, key: str) -> list[list[str]]:
        """A CSV file's rows as lists, the header included."""
        return list(csv.reader(io.StringIO(self.bytes(key).decode("utf-8-sig"), newline="")))

    def csv_of(self, key: str, separator: str) -> list[dict[str, str]]:
        text = self.bytes(key).decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator))

    def bytes(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=self.names["files"], Key=key)["Body"].read()

    def balance(self, account: str = "acme", user: str = "ann", unit: str = "POINT") -> Balance:
        key = BalanceKey(account, user, unit)
        return self.accounts.read([key], quick())[key]

    def available(self, *key: str) -> int:
        return self.balance(*key).available(self.now())
