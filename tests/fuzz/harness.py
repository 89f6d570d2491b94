"""A whole import of any bytes, without AWS: validation, worker, results and email, on dictionaries."""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace

from rewards.adapters import queue_messages
from rewards.adapters.chunk_records import CountedPart
from rewards.adapters.files import Upload, _Pieces
from rewards.adapters.jobs_table import Lease, read_item
from rewards.adapters.result_parts import decode_part, encode_part
from rewards.bootstrap import Flows, Settings
from rewards.domain.balance import Balance, grant
from rewards.domain.outcomes import FileProblem
from rewards.domain.receipt import read_receipt
from rewards.domain.redemption import Reward
from rewards.flows.uploaded_imports import Uploaded
from rewards.settings import load
from tests.builders.moments import NOW
from tests.builders.row_ids import keys
from tests.integration.world import quick

NEEDED = b"accountId,userId,unit,valueToRedeem\r\n"
FILES = Path(__file__).parents[1] / "corpus" / "files"

# What the contract lets a file be rejected for.
PROBLEMS = {problem.value for problem in FileProblem} - {"VALIDATION_FAILED"}


class Harness:
    """In place of JobsTable, ChunkRecords, Files, Queues, Accounts and Notifications, for one import of these
    bytes."""

    def __init__(self, name, content):
        self.name, self.content = name, content
        self.record, self.chunk_parts, self.sent, self.saved, self.mails = {}, {}, [], {}, 0
        self.counted = []
        self.stored, self.items = {}, {}

    # JobsTable
    def create(self, kind, import_id, record, actions=()):
        if kind == "IMPORT":
            self.record = dict(record)
        return True

    def get(self, kind, import_id=None):
        if import_id is None:  # of Files
            return self.stored.get(kind)
        if kind == "FILE":
            digest = hashlib.sha256(self.content).hexdigest()
            assert import_id == digest, "the digest is not that of the upload"
        return dict(self.record) if kind == "IMPORT" else None

    def update(self, kind, import_id, changes, **expected):
        if any(self.record.get(name) != value for name, value in expected.items()):
            return False
        self.record.update(changes)
        return True

    def update_together(self, kind, import_id, changes, actions, **expected):
        if not self.update(kind, import_id, changes, **expected):
            return False
        for item in (action["Put"]["Item"] for action in actions):
            self.items[item["pk"]["S"], item["sk"]["S"]] = item
        return True

    def get_item(self, pk, sk):
        item = self.items.get((pk, sk))
        return read_item(item) if item else None

    def lease(self, *_):
        return True

    # ChunkRecords
    def lease_chunk(self, *_):
        return Lease.FIRST

    def end_lease(self, *_):
        pass

    end_chunk_lease = end_lease

    def attempts(self, *_):
        return {}

    def counted_parts(self, *_):
        return iter(self.counted)

    def count_chunk(self, import_id, number, owner, results, digest, *_):
        self.counted.append(CountedPart(number, owner, digest))
        self.record["chunksDone"] += 1
        self.record["processed"] += len(results)
        for result in results:
            self.record["outcomes"][result.outcome] = self.record["outcomes"].get(result.outcome, 0) + 1

    # Files
    def describe(self, bucket, key, version_id):
        return Upload(bucket, key, "v1", len(self.content), NOW, {})

    def open_upload(self, bucket, key, version_id, end=None, digest=None):
        return io.BufferedReader(_Pieces(self.pieces(digest)))

    def pieces(self, digest):
        for start in range(0, len(self.content), 1 << 16):
            piece = self.content[start : start + (1 << 16)]
            if digest is not None:
                digest.update(piece)
            yield piece

    def digest_of_upload(self, bucket, key, version_id):
        return hashlib.sha256(self.content).hexdigest()

    def put(self, key, body):
        self.stored[key] = body

    def delete(self, key):
        del self.stored[key]

    def put_part(self, import_id, part, results, cells):
        body = encode_part(results, cells)
        self.chunk_parts[part.rpartition("-")[0]] = body
        return hashlib.sha256(body).hexdigest()

    def parts(self, import_id, parts):
        for part in parts:
            yield decode_part(self.chunk_parts[part])

    def stream(self, pieces, key, content_type):
        self.saved[key.rpartition("/")[2]] = b"".join(pieces)

    def put_record(self, key, record):
        assert json.dumps(record, ensure_ascii=False).encode(), "a record that cannot be written"

    # Queues
    def send(self, url, message):
        pass

    def send_all(self, url, bodies, backoff):
        self.sent += bodies

    # Accounts
    def read(self, keys, backoff):
        return self.read_now(keys)[0]

    def read_now(self, keys):
        found = {}
        for key in keys:
            if key[1] == "ann":
                found[key] = Balance(*key)
                grant(found[key], [Reward(0, "r1", 10**15, 10**15, NOW)])
        return found, set()

    def write(self, changed, now):
        return [True] * len(changed)

    def units_of(self, account, user, backoff):
        return []

    # Delivery
    def works_until(self, now):
        return now

    def console(self, page):
        return f"https://example.com/#/{page}"

    def link(self, key, until, name, *_):
        return "https://example.com/download/x"

    def mail(self, kind, import_id, to, email):
        text = email.subject + email.text + email.html
        assert text.encode(), "an email that cannot be sent"
        self.mails += 1


NO_AUDIT_LOG = SimpleNamespace(add=lambda *_: None)

SETTINGS = load(
    Settings,
    {
        "REDEMPTION_QUEUE_URL": "redeem",
        "FINISH_QUEUE_URL": "finish",
        "STACK_NAME": "rewards",
        "TENANT_ALIAS": "default",
        "EVIDENCE_DAYS": "400",
        "APPROVAL_RULE": "never",
        "APPROVERS_EMAIL": "ops@example.com",
    },
    only=(
        *("redemption_queue_url", "finish_queue_url", "stack_name", "tenant_alias", "evidence_days"),
        *("approval_rule", "approvers_email"),
    ),
)


def run(name, content):
    """Import these bytes; (status, error code or outcomes). Raises where a promise is broken."""
    harness = Harness(name, content)
    flows = Flows(SETTINGS, now=lambda: NOW)
    flows.jobs_table = flows.chunk_records = harness
    flows.files = flows.queues = flows.accounts = flows.notifications = harness
    flows.loader = flows.reverser = None
    flows.audit_log = NO_AUDIT_LOG
    flows.row_id_keys = keys
    import_id = flows.validation.run(Uploaded("bucket", f"redemptions/{name}", "v1"), quick())
    for body in harness.sent:
        flows.chunk_processor.run(queue_messages.decode_chunks(body), quick())
    flows.finisher.run(import_id)
    record = harness.record
    assert harness.mails == 1
    if record["status"] == "ABORTED":
        error = record["error"]
        assert error["code"] in PROBLEMS
        assert len(error["message"]) > 15
        assert len(error["message"]) < 2_000, "the message is as long as the file"
        assert error["message"].encode()
        assert not harness.sent, "rows of a rejected file were sent"
        return "ABORTED", error["code"]
    assert record["status"] == "COMPLETED", record["status"]
    assert record["rows"] == record["processed"] == sum(record["outcomes"].values())
    assert record["rows"] > 0
    assert harness.saved["results.csv"].decode()
    assert record["uploadDigest"] == hashlib.sha256(hashlib.sha256(content).digest()).hexdigest()
    check_receipt(harness)
    assert record["outcomes"].get("REDEEMED", 0) == 0 or b"ann" in flat(content), "who was redeemed?"
    return "COMPLETED", record["outcomes"]


def check_receipt(harness):
    """There is one if a row was redeemed, and its text can be stored and read."""
    record = harness.record
    assert ("receipt" in record) == bool(record["outcomes"].get("REDEEMED"))
    copies = [body for key, body in harness.stored.items() if key.endswith("/receipt.json")]
    assert len(copies) == ("receipt" in record)
    for body in copies:
        assert record["receipt"]["digest"] == hashlib.sha256(body).hexdigest()
        assert read_receipt(body.decode()).sequence == 1


def flat(content):
    """Bytes in which a text can be looked for: without zip and without the zeros of UTF-16."""
    if content[:2] == b"PK":
        return b"ann"
    return content.replace(b"\0", b"")


def workbook(part, content):
    """A whole workbook of which one part is these bytes."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(FILES / "workbook.xlsx") as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.namelist():
            new.writestr(entry, content if entry == part else old.read(entry))
    return out.getvalue()


def parts():
    """The parts of a workbook: name -> bytes."""
    with zipfile.ZipFile(FILES / "workbook.xlsx") as book:
        return {name: book.read(name) for name in book.namelist()}


def seeds():
    """(name, bytes) of real files to start from."""
    return [
        ("a" + path.suffix, path.read_bytes())
        for path in sorted(FILES.iterdir())
        if path.suffix in (".csv", ".xlsx") and path.stat().st_size < 10_000
    ]
