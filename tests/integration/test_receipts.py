"""Receipts: one for each import that changed something, in one chain; and how they are verified."""

import hashlib
import json

import pytest
from boto3.dynamodb.types import TypeSerializer

from infra.check_tables.findings import Finding, State
from infra.verify.__main__ import verify_receipts
from infra.verify.chain import LostReceipts
from rewards.adapters import queue_messages
from rewards.adapters.errors import EmailNotSentError
from rewards.adapters.retry import Backoff, OutOfTimeError
from rewards.domain import result_groups
from rewards.domain.object_keys import receipt_key
from rewards.domain.receipt import canonical, read_receipt
from rewards.flows import check_rows, finish_import, join_results
from rewards.tabular import csv_blocks, csv_reader
from tests.builders.files import row, sheet
from tests.builders.moments import DAY
from tests.builders.row_ids import make_row_id
from tests.builders.workbooks import HEADER, book_of
from tests.integration.test_api_requests import code
from tests.integration.test_at_most_once import CrashError, crash_at
from tests.integration.test_check_tables import restore, saved
from tests.integration.test_handlers import CONTEXT, event, handler  # noqa: F401
from tests.integration.world import AGAIN, quick

EVIDENCE_DAYS = 400
serialize = TypeSerializer().serialize
USERS = ("ann", "bob", "eve")


@pytest.fixture
def world(world, monkeypatch):
    """Ann, Bob and Eve have 100 POINT each; two rows are a chunk. Loading them has the first receipt."""
    monkeypatch.setattr(queue_messages, "MAX_ROWS", 2)
    world.load([{"id": f"r-{user}", "user.id": user, "assignedCredit": 100} for user in USERS])
    return world


def three_rows(value="10", **more):
    return sheet([row(value, user=user, **more) for user in USERS])


def redeem(world, value="10"):
    return world.upload("redemptions/a.csv", three_rows(value), **AGAIN)


def sha256(body):
    return hashlib.sha256(body).hexdigest()


def receipt_of(world, record):
    """What the receipt of an import says, once it is shown to be stored everywhere as the record says."""
    stored = world.receipts.find(record["receipt"]["sequence"])
    assert stored.import_id == record["id"]
    assert sha256(stored.text.encode()) == record["receipt"]["digest"]
    assert world.bytes(receipt_key(record["id"])) == stored.text.encode()
    return json.loads(stored.text)


def checked_chain(world):
    """The imports in the chain, once it is shown to be complete."""
    stored = list(world.receipts.all())
    assert [each.sequence for each in stored] == list(range(1, len(stored) + 1))
    before = None
    for each in stored:
        previous = json.loads(each.text)["previous"]
        assert (previous and previous["digest"]) == before
        before = each.digest
    assert world.receipts.head() == stored[-1].head
    return [each.import_id for each in stored]


def processed(world, value="10"):
    """An import whose rows all have their outcomes, and which nobody has finished; and its finish message."""
    import_id = world.validate(world.put("redemptions/a.csv", three_rows(value), **AGAIN))
    for body in world.take("redeem"):
        world.deliver("redeem", body)
    return import_id, world.take("finish")[-1]


# --- Which imports have one, and what it says ---


def test_loading_redeeming_and_reversing_have_a_receipt_each(world):
    done = redeem(world)
    reversal = world.reverse(done)
    loaded, *others = checked_chain(world)
    assert others == [done["id"], reversal["id"]]
    load = world.record(loaded)
    for record in (load, done, reversal):
        said = receipt_of(world, record)
        names = ("status", "outcomes", "requested", "redeemed", "rejected", "dateCreated", "dateCompleted")
        assert {name: said[name] for name in names} == {name: record[name] for name in names}
        assert (said["stack"], said["tenant"], said["kind"]) == ("rewards-test", "default", "IMPORT")
    assert said["reverses"] == done["id"]
    assert said["redeemed"] == {"POINT": -30}


def test_the_receipt_of_a_started_import_names_its_preview(world):
    started = world.start(world.upload("preview/a.csv", three_rows()))
    assert receipt_of(world, started)["startedFrom"] == started["startedFrom"]


def test_imports_that_changed_nothing_have_none(world):
    before = checked_chain(world)
    records = [
        world.upload("preview/a.csv", three_rows()),
        world.upload("redemptions/b.csv", three_rows("0")),
        world.upload("redemptions/c.csv", three_rows("500")),
        world.upload("redemptions/d.csv", "no columns\n"),
    ]
    assert checked_chain(world) == before
    for record in records:
        assert record["dateCompleted"]
        assert "receipt" not in record
        assert receipt_key(record["id"]) not in world.keys("evidence/")


def test_a_cancelled_import_that_redeemed_a_row_has_one(world):
    import_id = world.validate(world.put("redemptions/a.csv", three_rows()))
    first, *others = world.take("redeem")
    world.deliver("redeem", first)
    world.imports.cancel(import_id, "ann")
    for body in others:
        world.deliver("redeem", body)
    world.run()
    said = receipt_of(world, world.record(import_id))
    assert (said["status"], said["outcomes"]) == ("CANCELLED", {"REDEEMED": 2, "CANCELLED": 1})


def test_an_import_without_results_has_one(world):
    import_id, finish = processed(world)
    world.dead_letters.handle(finish, quick())
    record = world.record(import_id)
    said = receipt_of(world, record)
    assert (said["status"], said["error"]) == ("COMPLETED", "RESULTS_FAILED")
    text = world.mailer.sent[-1][1].text
    assert record["receipt"]["digest"] in text
    world.deliver("finish", finish)  # now it gets its results
    record = world.record(import_id)
    assert record["results"]
    assert checked_chain(world)[1:] == [import_id]
    assert receipt_of(world, record) == said


def rows_of(count):
    return sheet([row("1" if n % 3 else "x", user=USERS[n % 3], note=f"Zoë {n}") for n in range(count)])


JSON_LINES = "\n".join(
    json.dumps({"id": f"j{n}", "type": "CREDIT", "unit": "POINT", "assignedCredit": 1, "user.id": "joe",
                "user.accountId": "acme"}) for n in range(5)
)  # fmt: skip
UPLOADS = {
    "a.csv": rows_of(40).encode(),
    "without-last-line-end.csv": rows_of(40).encode().rstrip(),
    "utf-16.csv": rows_of(40).encode("utf-16"),
    "windows.csv": rows_of(40).encode("windows-1252"),
    "quoted.csv": rows_of(40).replace("Zoë 30", '"Zoë\n30"').encode(),
    "blank-lines.csv": rows_of(40).encode() + b"\r\n" * 500 + b"\x1a",
    "a.xlsx": book_of(("A", [HEADER, ["acme", "ann", "POINT", 1]], "visible")).getvalue(),
    "rewards.jsonl": JSON_LINES.encode(),
}


@pytest.mark.parametrize("name", UPLOADS)
@pytest.mark.parametrize("block", [64, 1000, 8 << 20])
def test_the_receipt_has_the_digest_of_the_upload_in_whatever_way_it_is_read(world, monkeypatch, name, block):
    for module in (check_rows, join_results):
        monkeypatch.setattr(module, "FIRST_ROWS", 1)
    monkeypatch.setattr(csv_reader, "HEAD_LINES", 1)
    monkeypatch.setattr(csv_blocks, "BLOCK", 100)
    monkeypatch.setattr("rewards.domain.receipt._BLOCK", block)
    body = UPLOADS[name]
    folder = "rewards" if name.endswith("jsonl") else "redemptions"
    record = world.upload(f"{folder}/{name}", body)
    blocks = [hashlib.sha256(body[start : start + block]).digest() for start in range(0, len(body), block)]
    said = receipt_of(world, record)["upload"]
    assert said == {
        "bucket": record["bucket"],
        "key": record["key"],
        "versionId": record["versionId"],
        "size": len(body),
        "digest": sha256(b"".join(blocks)),
    }


def test_an_upload_that_was_not_read_to_its_end_is_read_again_for_its_digest(world, monkeypatch):
    real = world.validation._read

    def short(job, backoff):
        found = real(job, backoff)
        found.upload = type(found.upload)()
        return found

    monkeypatch.setattr(world.validation, "_read", short)
    said = receipt_of(world, redeem(world))
    assert said["upload"]["digest"] == sha256(hashlib.sha256(three_rows().encode()).digest())


def parts_digest(world, record):
    """Of the parts that the chunks' records name, in their order."""
    digests = []
    for number in range(1, record["chunks"] + 1):
        attempt = world.chunk_records.chunk(record["id"], number).attempt
        body = world.bytes(f"evidence/{record['id']}/parts/chunk-{number:06d}-{attempt}.jsonl")
        digests.append(hashlib.sha256(body).digest())
    return {"count": len(digests), "digest": sha256(b"".join(digests))}


def test_the_receipt_has_the_digest_of_the_result_parts(world):
    done = redeem(world)
    for record in (done, world.reverse(done)):
        assert record["chunks"] == 2
        assert receipt_of(world, record)["parts"] == parts_digest(world, record)


def test_an_import_in_groups_has_one_receipt_with_the_digest_of_all_parts(world, monkeypatch):
    for module in (check_rows, join_results):
        monkeypatch.setattr(module, "FIRST_ROWS", 1)
    monkeypatch.setattr(csv_reader, "HEAD_LINES", 1)
    monkeypatch.setattr(csv_blocks, "BLOCK", 300)
    monkeypatch.setattr(result_groups, "GROUP_ROWS", 20)
    export_id = world.export("REDEEMABLE_REWARD_BALANCE", "CSV")["id"]
    row_ids = {f"u{n}": make_row_id(export_id, "acme", f"u{n}", "POINT") for n in range(99)}
    rows = [row("1", user=user, rowId=row_id, programId="") for user, row_id in row_ids.items()]
    world.load([{"id": f"u{n}", "user.id": f"u{n}", "assignedCredit": 5} for n in range(99)])
    record = world.upload("redemptions/a.csv", sheet(rows))
    assert len(record["joined"]) > 2
    assert record["outcomes"] == {"REDEEMED": 99}
    assert receipt_of(world, record)["parts"] == parts_digest(world, record)
    checked_chain(world)


def test_what_an_import_of_the_version_before_did_not_store_is_null(world):
    import_id, finish = processed(world)
    client, names = world.clients("dynamodb"), world.names["jobs"]
    pk = {"S": f"IMPORT#{import_id}"}
    for sk, name in (("META", "uploadDigest"), ("CHUNK#000001", "digest")):
        client.update_item(
            TableName=names, Key={"pk": pk, "sk": {"S": sk}}, UpdateExpression=f"REMOVE {name}"
        )
    world.deliver("finish", finish)
    said = receipt_of(world, world.record(import_id))
    assert (said["upload"]["digest"], said["parts"]) == (None, {"count": 2, "digest": None})
    assert found(world) == []


# --- Once, in one chain, whatever happens ---


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("part", "name"),
    [("import_jobs", "update"), ("receipts", "find"), ("files", "put"), ("mailer", "send")],
)
def test_a_finish_that_dies_at_any_step_makes_one_receipt_and_one_copy(world, monkeypatch, part, name, after):
    import_id, finish = processed(world)
    real_write = world.results_writer.write

    def then_crash(job):
        written = real_write(job)
        crash_at(monkeypatch, getattr(world, part), name, after)
        return written

    with monkeypatch.context() as patched:
        patched.setattr(world.results_writer, "write", then_crash)
        with pytest.raises(CrashError):
            world.deliver("finish", finish)
    monkeypatch.undo()
    world.deliver("finish", finish)
    world.deliver("finish", finish)
    assert checked_chain(world)[1:] == [import_id]
    receipt_of(world, world.record(import_id))


def test_a_lost_copy_is_written_again_with_the_email(world):
    import_id, finish = processed(world)
    world.mailer.rejects = True
    with pytest.raises(EmailNotSentError):
        world.deliver("finish", finish)
    world.s3.delete_object(Bucket=world.names["files"], Key=receipt_key(import_id))
    world.mailer.rejects = False
    world.deliver("finish", finish)
    receipt_of(world, world.record(import_id))


def test_imports_that_end_at_once_are_in_the_chain_one_after_the_other(world, monkeypatch):
    """Each of several reads the head of the chain just before another one extends it."""
    waiting = [processed(world, value) for value in ("1", "2", "3", "4")]
    head = world.receipts.head

    def head_before_another_end():
        now = head()
        if waiting:
            world.deliver("finish", waiting.pop()[1])
        return now

    ids = {import_id for import_id, _ in waiting}
    _, finish = waiting.pop()
    monkeypatch.setattr(world.receipts, "head", head_before_another_end)
    world.deliver("finish", finish)
    assert {*checked_chain(world)[1:]} == ids
    for import_id in ids:
        receipt_of(world, world.record(import_id))


def test_an_import_that_finds_the_chain_busy_for_too_long_ends_when_its_message_comes_again(
    world, monkeypatch
):
    import_id, finish = processed(world)
    head = world.receipts.head()
    with monkeypatch.context() as patched:
        patched.setattr(finish_import, "_PATIENCE", 0)
        patched.setattr(Backoff, "for_seconds", lambda _: Backoff(lambda: 4.0))
        patched.setattr(world.receipts, "head", lambda: None)  # as if it were always too late
        with pytest.raises(OutOfTimeError):
            world.deliver("finish", finish)
    record = world.record(import_id)
    assert (record["status"], record["dateCompleted"]) == ("PROCESSING", None)
    assert world.receipts.head() == head
    world.deliver("finish", finish)
    assert checked_chain(world)[1:] == [import_id]


def test_an_import_that_another_worker_ended_gets_no_second_receipt(world, monkeypatch):
    import_id, finish = processed(world)
    parts = world.receipt_writer.parts

    def parts_after_another_end(job):
        monkeypatch.undo()
        world.finisher._end(job, {"results": True})
        return parts(job)

    monkeypatch.setattr(world.receipt_writer, "parts", parts_after_another_end)
    world.deliver("finish", finish)
    assert checked_chain(world)[1:] == [import_id]
    receipt_of(world, world.record(import_id))


def test_a_receipt_expires_with_the_evidence(world):
    record = redeem(world)
    key = {"pk": {"S": "RECEIPTS"}, "sk": {"S": f"{record['receipt']['sequence']:012d}"}}
    item = world.clients("dynamodb").get_item(TableName=world.names["jobs"], Key=key)["Item"]
    expected = record["dateCompleted"] + EVIDENCE_DAYS * DAY
    assert int(item["ttl"]["N"]) == -(-expected // 1000)
    head = {**key, "sk": {"S": "HEAD"}}
    assert "ttl" not in world.clients("dynamodb").get_item(TableName=world.names["jobs"], Key=head)["Item"]


# --- Who sees it ---


def test_the_email_has_the_number_and_the_digest_of_the_receipt(world):
    record = redeem(world)
    mail = world.mailer.sent[-1][1]
    for part in (mail.text, mail.html):
        assert f"No. {record['receipt']['sequence']}" in part
        assert record["receipt"]["digest"] in part


@pytest.fixture
def ask(world, handler):  # noqa: F811
    """Gives a function that sends a request to the API."""
    api = handler("api")

    def send(path, query="", prefix="/api/v1/default"):
        asked = event("api-export")
        asked["rawPath"], asked["rawQueryString"], asked["body"] = prefix + path, query, ""
        asked["requestContext"]["http"] |= {"method": "GET", "path": asked["rawPath"]}
        asked["requestContext"]["authorizer"]["lambda"] = {"scopes": "read"}
        return api(asked, CONTEXT)

    return send


def test_the_receipt_is_downloaded_as_long_as_it_is_kept(world, ask):
    record = redeem(world)
    assert json.loads(ask(f"/import/{record['id']}")["body"])["receipt"] == record["receipt"]
    response = ask(f"/import/{record['id']}/receipt")
    assert response["statusCode"] == 303
    assert f"evidence/{record['id']}/receipt.json" in response["headers"]["Location"]
    assert "a-receipt.json" in response["headers"]["Location"]
    world.now.ahead = 100 * DAY
    assert ask(f"/import/{record['id']}/receipt", "redirect=false")["statusCode"] == 200


def test_a_receipt_that_is_not_there_is_an_error_that_says_why(world, ask):
    none = world.upload("preview/a.csv", three_rows())
    assert json.loads(ask(f"/import/{none['id']}")["body"])["receipt"] is None
    assert code(ask(f"/import/{none['id']}/receipt")) == (404, "NO_SUCH_FILE")
    assert code(ask("/import/0000000000000000/receipt")) == (404, "IMPORT_NOT_FOUND")
    import_id, _ = processed(world)
    assert code(ask(f"/import/{import_id}/receipt")) == (409, "IMPORT_NOT_FINISHED")
    record = redeem(world, "20")
    world.s3.delete_object(Bucket=world.names["files"], Key=receipt_key(record["id"]))
    assert code(ask(f"/import/{record['id']}/receipt")) == (409, "IMPORT_NOT_FINISHED")
    forget(world, record["receipt"]["sequence"])
    assert code(ask(f"/import/{record['id']}/receipt")) == (410, "IMPORT_EXPIRED")


# --- verify ---


def found(world, repair=False, days=EVIDENCE_DAYS):
    """The findings of `verify`, as texts."""
    lines = list(verify_receipts(world.flows, days, repair))
    return [str(line) for line in lines if isinstance(line, Finding)]


def change(world, sequence, text):
    """Change the text of a stored receipt."""
    world.clients("dynamodb").update_item(
        TableName=world.names["jobs"],
        Key={"pk": {"S": "RECEIPTS"}, "sk": {"S": f"{sequence:012d}"}},
        UpdateExpression="SET #text = :text",
        ExpressionAttributeNames={"#text": "text"},
        ExpressionAttributeValues={":text": {"S": text}},
    )


def forget(world, sequence):
    key = {"pk": {"S": "RECEIPTS"}, "sk": {"S": f"{sequence:012d}"}}
    world.clients("dynamodb").delete_item(TableName=world.names["jobs"], Key=key)


@pytest.fixture
def four(world):
    """A chain of four receipts: loaded, redeemed, reversed, redeemed with a rejected row."""
    done = redeem(world)
    reversal = world.reverse(done)
    rows = [row("5", user="ann"), row("x", user="bob")]
    last = world.upload("redemptions/b.csv", sheet(rows))
    return [world.record(checked_chain(world)[0]), done, reversal, last]


def test_receipts_that_fit_have_no_findings(world, four):
    lines = list(verify_receipts(world.flows, EVIDENCE_DAYS, repair=False))
    assert lines == [
        "The chain: receipts 1 to 4",
        f"The last one: SHA-256 {four[-1]['receipt']['digest']}",
        "Checked: 4 receipts, 4 uploads compared, 7 result parts compared, 3 files of stored chunks compared",
    ]


def test_a_stack_without_receipts_has_no_findings(another_world):
    assert list(verify_receipts(another_world.flows, EVIDENCE_DAYS, repair=False)) == ["Checked: nothing"]


def test_a_changed_receipt_is_found(world, four):
    text = world.receipts.find(2).text
    changed = text.replace('"POINT":30', '"POINT":31')
    assert changed != text
    change(world, 2, changed)
    assert [line.split(":")[0] for line in found(world)] == [
        f"[wrong] receipt 2 (import {four[1]['id']})",  # its copy differs
        f"[wrong] receipt 2 (import {four[1]['id']})",  # the record names another digest
        f"[wrong] receipt 3 (import {four[2]['id']})",  # it does not follow
    ]


def test_a_changed_last_receipt_is_found_by_the_head(world, four):
    changed = world.receipts.find(4).text.replace('"POINT":5', '"POINT":6')
    change(world, 4, changed)
    world.files.put(receipt_key(four[3]["id"]), changed.encode())
    world.jobs_table.update(
        "IMPORT", four[3]["id"], {"receipt": {"sequence": 4, "digest": sha256(changed.encode())}}
    )
    (line,) = found(world)
    assert line.startswith("[wrong] the head of the chain: it names receipt 4")


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        (1, "receipt 1 is missing"),
        (2, "the receipts between number 1 and this one are missing"),
        (4, "the head of the chain: it names receipt 4"),
    ],
)
def test_a_missing_receipt_is_found(world, four, sequence, expected):
    forget(world, sequence)
    lines = found(world)
    assert any(expected in line for line in lines)
    assert all(line.startswith("[wrong]") for line in lines), "a restore loses the head as well"
    assert found(world, repair=True) == lines
    assert len(checked_or_not(world)) == 3


def test_a_chain_that_was_cut_off_is_found_by_the_records_of_its_imports(world, four):
    forget(world, 4)
    before = world.receipts.find(3)
    head = {"sequence": 3, "digest": before.digest, "keptUntil": before.kept_until}
    world.clients("dynamodb").put_item(
        TableName=world.names["jobs"],
        Item={name: serialize(value) for name, value in {"pk": "RECEIPTS", "sk": "HEAD", **head}.items()},
    )
    world.s3.delete_object(Bucket=world.names["files"], Key=receipt_key(four[3]["id"]))
    (line,) = found(world)
    assert line.startswith(f"[wrong] receipt 4 (import {four[3]['id']}): the record of the import names it")


def checked_or_not(world):
    return list(world.receipts.all())


def test_a_text_that_is_no_receipt_is_found(world, four):
    change(world, 2, "{}")
    lines = found(world)
    assert any("its text is not a receipt" in line for line in lines)
    assert any("receipt 3" in line for line in lines)


def test_a_receipt_under_another_number_is_found(world, four):
    change(world, 3, world.receipts.find(2).text)
    assert any("its text is that of another receipt" in line for line in found(world))


def test_the_chain_begins_with_the_oldest_receipt_that_is_kept(world, four):
    world.now.ahead = EVIDENCE_DAYS * DAY + 1  # they expired, and are deleted later in any order
    last = redeem(world, "7")
    world.now.ahead += DAY
    assert found(world) == []
    for number in (2, 4, 1, 3):
        forget(world, number)
        assert found(world) == []
    assert found(world) == []
    assert receipt_of(world, last)["sequence"] == 5
    assert redeem(world, "8")["receipt"]["sequence"] == 6
    assert found(world) == []


def test_a_missing_copy_is_found_and_written_again(world, four):
    key = receipt_key(four[1]["id"])
    world.s3.delete_object(Bucket=world.names["files"], Key=key)
    subject = f"receipt 2 (import {four[1]['id']}): {key} is missing"
    assert found(world) == [f"[to repair with --repair] {subject}"]
    assert found(world, repair=True) == [f"[repaired] {subject}"]
    assert found(world) == []
    receipt_of(world, four[1])


def test_files_that_have_expired_are_no_findings(world, four):
    for key in world.keys("evidence/"):
        world.s3.delete_object(Bucket=world.names["files"], Key=key)
    for record in four[:2]:
        world.s3.delete_object(Bucket=record["bucket"], Key=record["key"], VersionId=record["versionId"])
    world.now.ahead = 91 * DAY
    lines = list(verify_receipts(world.flows, 90, repair=False))
    assert [line for line in lines if isinstance(line, Finding)] == []
    assert lines[-1] == "Checked: 4 receipts, 3 uploads no longer kept, 1 uploads compared"


def test_a_changed_copy_is_found(world, four):
    world.files.put(receipt_key(four[1]["id"]), b"{}")
    assert found(world) == [
        f"[wrong] receipt 2 (import {four[1]['id']}): {receipt_key(four[1]['id'])} differs from it"
    ]


def part_keys(world, record):
    return [key for key in world.keys(f"evidence/{record['id']}/parts/") if "/chunk-" in key]


def test_changed_and_missing_files_are_found(world, four):
    first, second = part_keys(world, four[1])
    world.files.put(first, world.bytes(first).replace(b"REDEEMED", b"UNCHANGED"))
    world.files.delete(second)
    (checked,) = [key for key in world.keys(f"evidence/{four[3]['id']}/sealed/") if "checked" in key]
    world.files.put(checked, b"")
    about = [f"[wrong] receipt {n} (import {four[n - 1]['id']}): " for n in (2, 4)]
    assert found(world) == [
        f"{about[0]}the result part of chunk 1 has another digest",
        f"{about[0]}the result part of chunk 2 is missing",
        f"{about[1]}{checked} is missing or was changed",
    ]


def test_a_part_whose_record_was_changed_with_it_is_found(world, four):
    key = part_keys(world, four[1])[0]
    body = world.bytes(key).replace(b"REDEEMED", b"UNCHANGED")
    world.files.put(key, body)
    world.clients("dynamodb").update_item(
        TableName=world.names["jobs"],
        Key={"pk": {"S": f"IMPORT#{four[1]['id']}"}, "sk": {"S": "CHUNK#000001"}},
        UpdateExpression="SET digest = :digest",
        ExpressionAttributeValues={":digest": {"S": sha256(body)}},
    )
    (line,) = found(world)
    assert line.endswith("the records of its chunks name result parts with another digest")


def test_an_upload_with_another_digest_is_found(world, four, monkeypatch):
    monkeypatch.setattr(world.files, "block_digest_of_upload", lambda *_: "00" * 32)
    lines = found(world)
    assert len(lines) == 4
    assert lines[1].endswith("the upload 'redemptions/a.csv' has another digest")


def test_an_entry_of_another_kind_is_checked_as_a_part_of_the_chain(world):
    """Such as a later version writes about an erased file."""
    head = world.receipts.head()
    content = {"kind": "ERASURE", "sequence": head.sequence + 1, "importId": "", "keptUntil": head.kept_until}
    content["previous"] = {"digest": head.digest, "keptUntil": head.kept_until}
    assert world.receipts.extend(read_receipt(canonical(content)), head)
    redeem(world)
    (line,) = found(world)
    assert line.startswith("[note] receipt 2 (import ): it is of the kind 'ERASURE'")


# --- After a restore ---


def test_receipts_that_a_restore_lost_are_put_back(world):
    import_id, finish = processed(world)
    before = saved(world, "jobs")
    world.deliver("finish", finish)
    later = redeem(world, "20")
    expected = checked_chain(world)
    restore(world, before)

    lines = found(world)
    assert [line.split("]")[0] for line in lines] == ["[to repair with --repair"] * 2
    assert checked_chain(world) == expected[:1], "nothing was changed"

    assert [line.split("]")[0] for line in found(world, repair=True)] == ["[repaired"] * 2
    assert checked_chain(world) == expected
    assert world.record(import_id)["receipt"]["sequence"] == 2
    assert found(world) == [f"[note] receipt 3 (import {later['id']}): its import has no record"]


def test_an_import_that_ends_again_after_a_restore_has_its_first_receipt(world):
    import_id, finish = processed(world)
    before = saved(world, "jobs")
    world.deliver("finish", finish)
    first = world.record(import_id)["receipt"]
    restore(world, before)
    assert world.record(import_id)["dateCompleted"] is None
    assert found(world, repair=True)
    world.deliver("finish", finish)
    record = world.record(import_id)
    assert (record["status"], record["receipt"]) == ("COMPLETED", first)
    assert checked_chain(world)[1:] == [import_id]


def test_receipts_whose_numbers_were_used_again_after_a_restore_are_reported(world):
    before = saved(world, "jobs")
    lost = redeem(world)
    restore(world, before)
    again = redeem(world, "20")
    assert again["receipt"]["sequence"] == lost["receipt"]["sequence"] == 2
    (line,) = found(world, repair=True)
    assert line.startswith(f"[wrong] receipt 2 (import {lost['id']}): another import has this number")


def test_receipts_that_do_not_follow_the_head_are_not_put_back(world):
    before = saved(world, "jobs")
    lost = redeem(world)
    redeem(world, "20")
    world.files.delete(receipt_key(lost["id"]))
    restore(world, before)
    (line,) = found(world, repair=True)
    assert line.startswith("[wrong] receipt 3")
    assert line.endswith("does not follow the head of the chain")
    assert len(checked_chain(world)) == 1


def test_a_copy_that_is_no_receipt_is_reported(world):
    world.files.put(receipt_key("06gzzx7rv0b59snh"), b"\xff")
    assert found(world) == ["[wrong] evidence/06gzzx7rv0b59snh/receipt.json: it is not a receipt"]


def test_a_chain_that_grows_meanwhile_is_not_repaired(world, monkeypatch):
    before = saved(world, "jobs")
    redeem(world)
    restore(world, before)
    monkeypatch.setattr(world.receipts, "extend", lambda *_: False)
    (finding,) = LostReceipts(world.flows, repair=True).check()
    assert finding.state is State.WRONG
    assert "Stop all changes first" in finding.text
