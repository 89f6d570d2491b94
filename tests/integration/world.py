"""The flows on an emulated AWS, in this process: what Lambda and SQS would do, one step at a time."""

import csv
import io
import json
import time
from dataclasses import dataclass, field
from typing import Any

from rewards.adapters import chunk_messages
from rewards.adapters.accounts import Accounts
from rewards.adapters.errors import EmailNotSentError
from rewards.adapters.files import Files
from rewards.adapters.idempotency import StoredResponses
from rewards.adapters.jobs import EXPORT, IMPORT, Jobs
from rewards.adapters.queues import Queues
from rewards.adapters.retry import Backoff
from rewards.adapters.reward_registry import RewardRegistry
from rewards.adapters.scanner import Scanner
from rewards.adapters.upload_bucket import UploadBucket
from rewards.domain.balance import Balance, archive, leaving
from rewards.domain.report import file_key
from rewards.flows.create_report import ReportEnding, Reporter
from rewards.flows.dead_letters import DeadLetters
from rewards.flows.exports import Exports
from rewards.flows.finish_import import Finisher
from rewards.flows.imports import Imports
from rewards.flows.ledger_commands import LedgerCommands
from rewards.flows.load_rewards import Loader
from rewards.flows.notifications import Notifications
from rewards.flows.overviews import Overviews, make
from rewards.flows.process_chunk import ChunkProcessor
from rewards.flows.reversals import Reversals, Reverser
from rewards.flows.reward_queries import RewardQueries
from rewards.flows.send_chunks import ChunkSender
from rewards.flows.spellings import Spellings
from rewards.flows.uploaded_imports import Uploaded, UploadedImports
from rewards.flows.validate_import import Validation
from tests.row_ids import keys

DAY = 86_400_000
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
        self.rejects = False

    def send(self, to: str, email: Any) -> str:
        if self.rejects:
            raise EmailNotSentError("SES refused")
        self.sent.append((to, email))
        return "id"


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

    def __post_init__(self) -> None:
        dynamodb, s3, sqs = (self.clients(name) for name in ("dynamodb", "s3", "sqs"))
        self.s3, self.sqs = s3, sqs
        self.accounts = Accounts(dynamodb, self.names["accounts"])
        self.registry = RewardRegistry(dynamodb, self.names["rewards"])
        self.jobs = Jobs(dynamodb, self.names["jobs"])
        self.files = Files(s3, self.names["files"])
        self.queues = Queues(sqs)
        notifications = Notifications(
            self.jobs, self.mailer, "https://example.com", "ops@example.com", 30, self.now
        )
        redeem, finish = self.urls["redeem"], self.urls["finish"]
        loader = Loader(self.accounts, self.registry, self.jobs, self.now)
        self.sender = ChunkSender(self.jobs, self.files, self.queues, redeem, finish)
        self.uploaded = UploadedImports(self.jobs, self.files, self.queues, self.sender, finish, self.now)
        self.validation = Validation(self.jobs, self.files, self.uploaded, keys, self.now)
        reverser = Reverser(self.accounts, self.now)
        self.chunk_processor = ChunkProcessor(
            self.accounts, self.jobs, self.files, self.queues, finish, self.now, loader, reverser
        )
        self.finisher = Finisher(self.jobs, self.files, notifications, self.now)
        # A Scanner wants a client of its own, so not the shared one.
        self.scanner = Scanner(
            self.clients.__wrapped__("dynamodb"), self.names["accounts"], self.names["rewards"], self.now
        )
        ending = ReportEnding(self.jobs, notifications, self.now)
        self.overviews = Overviews(self.jobs, self.now)
        self.reporter = Reporter(self.scanner, self.jobs, self.files, ending, self.now, keys)
        answers = StoredResponses(dynamodb, self.names["jobs"])
        self.credits = LedgerCommands(self.accounts, self.registry, answers, self.jobs, self.now)
        spellings = Spellings(self.accounts, self.registry, self.jobs)
        self.reward_queries = RewardQueries(self.accounts, self.registry, spellings, self.now)
        self.exports = Exports(self.jobs, self.queues, self.urls["export"], self.now)
        self.uploads = UploadBucket(s3, self.names["upload"])
        self.imports = Imports(self.jobs, self.uploads, self.queues, finish, self.now)
        self.dead_letters = DeadLetters(
            self.chunk_processor, self.uploaded, self.sender, self.finisher, ending
        )

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
        reversals = Reversals(self.jobs, self.queues, self.urls["redeem"], self.now)
        reversal = reversals.create(self.record(record["id"]), "operator", "ops@example.com", quick())
        self.run()
        return self.record(reversal["id"])

    def start(self, preview: dict[str, Any]) -> dict[str, Any]:
        """Start a preview and let everything happen; the record of the import that it became."""
        record = self.imports.start(preview["id"], "operator", None)
        assert record is not None
        self.arrive(record)
        return self.record(record["id"])

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

    def report(self, kind: str = "REDEEMABLE_REWARD_BALANCE", **params: str) -> list[dict[str, str]]:
        """Order a report as CSV; its rows."""
        export = self.export(kind, "CSV", **params)
        assert export["status"] == "COMPLETED", export["error"]
        return self.csv(file_key(export["id"], "CSV", kind))

    def export(self, kind: str, file_format: str, **params: str) -> dict[str, Any]:
        """Order a report and let it be made; its record."""
        export_id = self.exports.create(kind, file_format, "", "test", params)["id"]
        self.run()
        return {"id": export_id, **self.jobs.get(EXPORT, export_id)}

    # --- What AWS does ---

    def run(self) -> None:
        """Deliver messages until no queue has any."""
        while True:
            bodies = [(name, body) for name in ("export", "redeem", "finish") for body in self.take(name)]
            if not bodies:
                return
            for name, body in bodies:
                self.deliver(name, body)

    def deliver(self, queue: str, body: str) -> None:
        if queue == "redeem":
            for chunk in chunk_messages.parse(body):
                self.chunk_processor.run(chunk, quick())
        elif json.loads(body)["kind"] == "sendChunks":
            self.sender.run(json.loads(body)["importId"], quick())
        elif queue == "finish":
            self.finisher.run(json.loads(body)["importId"])
        elif json.loads(body)["kind"] == "overview":
            make(self.scanner, self.overviews, self.now, lambda: 60.0)
        else:
            self.reporter.run(json.loads(body)["exportId"], lambda: 60.0)

    def take(self, queue: str) -> list[str]:
        """Take all messages off a queue."""
        url, bodies = self.urls[queue], []
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                bodies.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    # --- What can be seen ---

    def record(self, import_id: str) -> dict[str, Any]:
        return {"id": import_id, **self.jobs.get(IMPORT, import_id)}

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
        return self.accounts.read([(account, user, unit)], quick())[account, user, unit]

    def available(self, *key: str) -> int:
        return self.balance(*key).available(self.now())


def sheet(rows: list[dict[str, Any]], columns: list[str] | None = None) -> str:
    """Rows as a CSV file."""
    columns = columns or list(rows[0])
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def row(
    value: Any, account: str = "acme", user: str = "ann", unit: str = "POINT", **more: str
) -> dict[str, Any]:
    return {"accountId": account, "userId": user, "unit": unit, "valueToRedeem": value, **more}
