"""Imports that are ordered first and uploaded then; dry runs that are started; imports that are cancelled."""

import threading

import pytest

from rewards.adapters import queue_messages
from rewards.adapters.errors import UploadGoneError
from rewards.adapters.jobs_table import Lease
from rewards.domain.import_job import ImportType
from rewards.domain.messages import FinishImport
from rewards.flows import imports as imports_flow
from rewards.flows import leases
from rewards.flows.imports import ImportStateError, StillWorkingError
from rewards.flows.uploaded_imports import Uploaded
from tests.builders.files import row, sheet

BODY = sheet([row("60"), row("5", user="bob"), row("x", user="eve")])
HOUR = 3_600_000


@pytest.fixture
def world(world, monkeypatch):
    """Ann and Bob have 100 POINT each; every row is a chunk of its own."""
    monkeypatch.setattr(queue_messages, "MAX_ROWS", 1)
    world.load([{"id": f"r-{user}", "user.id": user, "assignedCredit": 100} for user in ("ann", "bob")])
    return world


def order(world, **more):
    wanted = {
        "import_type": ImportType.REDEMPTIONS,
        "file_name": "payout.csv",
        "name": "",
        "dry_run": False,
        "requester": "olivia",
        "email": "olivia@example.com",
    }
    job, _ = world.imports.create(**{**wanted, **more})
    return world.record(job.id)


def arrive(world, record, body=BODY):
    """The file is uploaded with the order's form; the import's id, once it is validated."""
    return world.validate(world.put(record["key"], body))


def dry_run(world, body=BODY):
    record = order(world, dry_run=True)
    arrive(world, record, body)
    world.run()
    return record["id"]


def listed(world):
    return [job.id for job in world.imports.history(100, 0).jobs]


def outcomes(world, import_id):
    return world.record(import_id)["outcomes"]


def test_an_ordered_import_takes_the_file_and_keeps_who_ordered_it(world):
    record = order(world, name="November")
    assert (record["status"], record["fileName"]) == ("PENDING", "payout.csv")
    assert arrive(world, record) == record["id"]
    world.run()
    done = world.record(record["id"])
    assert done["status"] == "COMPLETED"
    assert done["outcomes"] == {"REDEEMED": 2, "INVALID_VALUE": 1}
    assert (done["name"], done["requester"], done["mailtoEmail"]) == (
        "November",
        "olivia",
        "olivia@example.com",
    )
    assert world.mailer.sent[-1][0] == "olivia@example.com"


def test_a_dry_run_watched_in_the_console_sends_no_email(world):
    record = order(world, dry_run=True, sends_email=False)
    arrive(world, record)
    sent = len(world.mailer.sent)
    world.run()
    world.deliver("finish", queue_messages.encode(FinishImport(record["id"])))
    assert world.record(record["id"])["status"] == "COMPLETED"
    assert len(world.mailer.sent) == sent
    started = world.start(world.record(record["id"]))
    assert world.mailer.sent[-1][0] == "olivia@example.com"
    assert started["id"] in world.mailer.sent[-1][1].text


def test_a_rejected_dry_run_watched_in_the_console_sends_no_email(world):
    record = order(world, dry_run=True, sends_email=False)
    arrive(world, record, b"a,b\r\n1,2\r\n")
    sent = len(world.mailer.sent)
    world.run()
    assert world.record(record["id"])["error"]["code"] == "MISSING_COLUMNS"
    assert len(world.mailer.sent) == sent


def test_the_event_of_an_ordered_upload_may_come_twice(world):
    record = order(world)
    upload = world.put(record["key"], BODY)
    assert world.validate(upload) == world.validate(upload) == record["id"]
    world.run()
    assert world.validate(upload) == record["id"]
    world.run()
    assert world.available() == 40
    assert len(listed(world)) == 2, "the rewards, and this one"


def test_the_same_bytes_sent_twice_with_one_form_are_one_import(world):
    record = order(world)
    arrive(world, record)
    assert arrive(world, record) is None
    world.run()
    assert outcomes(world, record["id"]) == {"REDEEMED": 2, "INVALID_VALUE": 1}
    assert world.available() == 40


def test_another_file_sent_with_the_same_form_is_rejected_and_its_owner_told(world):
    record = order(world)
    arrive(world, record)
    other = world.record(arrive(world, record, sheet([row("7")])))
    world.run()
    assert (other["status"], other["error"]["code"]) == ("ABORTED", "FORM_USED")
    assert other["mailtoEmail"] == record["mailtoEmail"]
    assert world.available() == 40
    assert any("its upload form was used before" in email.subject for _, email in world.mailer.sent)


def test_of_two_files_that_race_for_one_order_one_runs(world):
    record = order(world)
    uploads = [world.put(record["key"], sheet([row(value)])) for value in ("1", "2")]
    threads = [threading.Thread(target=world.validate, args=(upload,)) for upload in uploads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.run()
    assert world.available() in (98, 99)


def test_a_file_that_was_rejected_is_answered_again(world):
    record = order(world)
    arrive(world, record, "accountId\nacme\n")
    again = world.record(arrive(world, record, "accountId\nacme\n"))
    assert again["error"]["code"] == "FORM_USED"


def test_a_key_that_only_looks_ordered_is_a_bucket_drop(world):
    record = order(world)
    upload = world.put(f"redemptions/{record['id']}/other.csv", BODY)
    assert world.validate(upload) != record["id"]
    assert world.record(record["id"])["status"] == "PENDING"


def test_an_order_whose_form_has_run_out_shows_that_nothing_came(world):
    record = order(world)
    world.now.ahead = 3 * HOUR
    shown = world.imports.get(record["id"])
    assert (shown.status, shown.error.code) == ("ABORTED", "UPLOAD_EXPIRED")
    with pytest.raises(ImportStateError):
        world.imports.cancel(record["id"])
    assert arrive(world, record) == record["id"], "a slow upload still counts"


def test_a_dry_run_is_started_once_however_often_it_is_asked(world):
    source = dry_run(world)
    assert world.available() == 100
    started = [world.imports.start(source, "bob", None) for _ in range(2)]
    assert started[0].id == started[1].id
    assert started[0].started_from == source
    for version in world.s3.list_object_versions(Bucket=world.names["upload"], Prefix="redemptions/")[
        "Versions"
    ]:
        world.validate(Uploaded(world.names["upload"], version["Key"], version["VersionId"]))
    world.run()
    assert outcomes(world, started[0].id) == {"REDEEMED": 2, "INVALID_VALUE": 1}
    assert world.available() == 40
    assert world.imports.start(source, "bob", None).status == "COMPLETED"


def test_two_starts_at_once_start_one_import(world, monkeypatch):
    source = dry_run(world)
    exists, inner = world.uploads.exists, []

    def another_click_meanwhile(*args):
        monkeypatch.undo()
        inner.append(world.imports.start(source, "bob", None))
        return exists(*args)

    monkeypatch.setattr(world.uploads, "exists", another_click_meanwhile)
    outer = world.imports.start(source, "bob", None)
    assert outer.id == inner[0].id


def test_only_a_completed_dry_run_can_be_started(world):
    assert world.imports.start("0" * 16, "bob", None) is None
    real = order(world)
    with pytest.raises(ImportStateError, match="not a dry run"):
        world.imports.start(real["id"], "bob", None)
    waiting = order(world, dry_run=True)
    with pytest.raises(ImportStateError, match="PENDING"):
        world.imports.start(waiting["id"], "bob", None)


def test_a_dry_run_whose_file_is_deleted_cannot_be_started(world):
    source = dry_run(world)
    record = world.record(source)
    world.s3.delete_object(Bucket=record["bucket"], Key=record["key"], VersionId=record["versionId"])
    with pytest.raises(UploadGoneError):
        world.imports.start(source, "bob", None)


def test_a_start_that_died_before_the_copy_is_ended_by_the_next_one(world, monkeypatch):
    source = dry_run(world)
    monkeypatch.setattr(world.uploads, "copy", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        world.imports.start(source, "bob", None)
    monkeypatch.undo()
    started = world.imports.start(source, "bob", None)
    assert world.s3.head_object(Bucket=started.bucket, Key=started.key)
    assert len(listed(world)) == 3


def test_an_order_that_is_cancelled_takes_no_file_any_more(world):
    record = order(world)
    assert world.imports.cancel(record["id"]).status == "CANCELLED"
    assert arrive(world, record) is None
    world.run()
    assert world.available() == 100
    assert world.record(record["id"])["status"] == "CANCELLED"
    assert world.record(record["id"])["dateCompleted"]


def test_an_import_cancelled_while_it_is_read_sends_nothing_and_says_so(world, monkeypatch):
    record = order(world)
    seal = world.import_jobs.seal

    def cancel_first(*args):
        monkeypatch.undo()
        world.imports.cancel(record["id"])
        return seal(*args)

    monkeypatch.setattr(world.import_jobs, "seal", cancel_first)
    arrive(world, record)
    assert world.take("redeem") == []
    world.run()
    done = world.record(record["id"])
    assert (done["status"], done["rows"], bool(done["dateCompleted"])) == ("CANCELLED", 0, True)
    assert "cancelled" in world.mailer.sent[-1][1].subject
    again = order(world)
    arrive(world, again)
    world.run()
    assert outcomes(world, again["id"]) == {"REDEEMED": 2, "INVALID_VALUE": 1}, "not the same file twice"


def test_a_cancelled_import_answers_every_row_and_redeems_no_more(world):
    record = order(world)
    arrive(world, record)
    first, second = world.take("redeem")
    world.deliver("redeem", first)
    shown = world.imports.cancel(record["id"])
    assert (shown.status, shown.date_completed) == ("CANCELLED", None)
    assert world.imports.cancel(record["id"]).status == "CANCELLED"
    world.deliver("redeem", second)
    world.run()
    done = world.record(record["id"])
    assert done["outcomes"] == {"REDEEMED": 1, "CANCELLED": 1, "INVALID_VALUE": 1}
    assert [r["outcome"] for r in world.results(done)] == ["REDEEMED", "CANCELLED", "INVALID_VALUE"]
    assert (done["status"], bool(done["dateCompleted"])) == ("CANCELLED", True)
    assert "cancelled" in world.mailer.sent[-1][1].subject
    assert (world.available(), world.available("acme", "bob", "POINT")) == (40, 100)


def test_who_cancels_waits_for_the_worker_that_has_rows_in_hand(world, monkeypatch):
    """The worker has looked at the status already and is about to write when the import is cancelled."""
    record = order(world)
    arrive(world, record)
    first, _ = world.take("redeem")
    about_to_write, cancelled = threading.Event(), threading.Event()
    write = world.accounts.write

    def slow_write(*args):
        about_to_write.set()
        cancelled.wait()
        return write(*args)

    looks, live_leases = [], world.chunk_records.live_leases

    def look(*args):
        looks.append(world.available())
        if len(looks) == 3:  # it looks again and again, and only then the worker goes on
            cancelled.set()
            worker.join()
        return live_leases(*args)

    monkeypatch.setattr(world.accounts, "write", slow_write)
    monkeypatch.setattr(world.chunk_records, "live_leases", look)
    worker = threading.Thread(target=world.deliver, args=("redeem", first), daemon=True)
    worker.start()
    assert about_to_write.wait(60)
    world.imports.cancel(record["id"])
    assert looks == [100, 100, 100]
    assert world.available() == 40


def test_cancelling_reports_a_worker_that_does_not_stop(world, monkeypatch):
    monkeypatch.setattr(imports_flow, "_CANCEL_SECONDS", 0)
    record = order(world)
    arrive(world, record)
    until = world.now() + leases.CHUNK
    lease = world.chunk_records.lease_chunk(record["id"], 1, "a dead worker", world.now(), until)
    assert lease is Lease.FIRST
    with pytest.raises(StillWorkingError):
        world.imports.cancel(record["id"])
    world.now.ahead = leases.CHUNK + 1
    assert world.imports.cancel(record["id"]).status == "CANCELLED"


def test_who_cancels_does_not_wait_for_workers_that_came_later(world, monkeypatch):
    """They have seen that the import is cancelled; of a large one there is always one at work."""
    record = order(world)
    arrive(world, record)
    until = world.now() + leases.CHUNK
    world.chunk_records.lease_chunk(record["id"], 1, "before", world.now(), until)
    live_leases = world.chunk_records.live_leases

    def the_next_one_comes(*args):
        found = live_leases(*args)
        world.chunk_records.end_chunk_lease(record["id"], 1, "before")
        world.chunk_records.lease_chunk(record["id"], 2, "after", world.now(), until)
        return found

    monkeypatch.setattr(world.chunk_records, "live_leases", the_next_one_comes)
    assert world.imports.cancel(record["id"]).status == "CANCELLED"


def test_a_chunk_that_loses_its_race_sees_that_the_import_was_cancelled(world, monkeypatch):
    """Every write round looks at the status anew."""
    record = order(world)
    arrive(world, record)
    first, _ = world.take("redeem")

    def lose_once(changed, now):
        monkeypatch.undo()
        world.jobs_table.update("IMPORT", record["id"], {"status": "CANCELLED"}, status="PROCESSING")
        return [False] * len(changed)

    monkeypatch.setattr(world.accounts, "write", lose_once)
    world.deliver("redeem", first)
    assert outcomes(world, record["id"]) == {"CANCELLED": 1, "INVALID_VALUE": 1}
    assert world.available() == 100


def test_a_validation_that_dies_while_sending_a_cancelled_import_still_ends_it(world, monkeypatch):
    record = order(world)
    upload = world.put(record["key"], BODY)
    with monkeypatch.context() as broken:
        broken.setattr(world.queues, "send_all", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            world.validate(upload)
    world.imports.cancel(record["id"])
    world.validate(upload)
    world.run()
    assert outcomes(world, record["id"]) == {"CANCELLED": 2, "INVALID_VALUE": 1}
    assert world.record(record["id"])["dateCompleted"]


def test_what_has_ended_cannot_be_cancelled(world):
    record = order(world)
    arrive(world, record)
    for body in world.take("redeem"):
        world.deliver("redeem", body)
    with pytest.raises(ImportStateError, match="Every row is processed"):
        world.imports.cancel(record["id"])
    world.run()
    with pytest.raises(ImportStateError, match="COMPLETED"):
        world.imports.cancel(record["id"])
    assert world.imports.cancel("0" * 16) is None


def test_an_import_cancelled_while_it_is_finished_says_cancelled(world, monkeypatch):
    record = order(world)
    arrive(world, record)
    for body in world.take("redeem"):
        world.deliver("redeem", body)
    stream = world.files.stream

    def cancel_meanwhile(*args):
        world.jobs_table.update("IMPORT", record["id"], {"status": "CANCELLED"}, status="PROCESSING")
        stream(*args)

    monkeypatch.setattr(world.files, "stream", cancel_meanwhile)
    world.run()
    done = world.record(record["id"])
    assert (done["status"], bool(done["results"]), bool(done["dateCompleted"])) == ("CANCELLED", True, True)
