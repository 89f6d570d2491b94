"""Whatever is delivered twice, retried or crashes half-way: a row redeems once, and every import ends."""

import contextlib
import gzip
import json
import threading
from collections import Counter
from dataclasses import replace

import pytest

from rewards.adapters import queue_messages, sealing
from rewards.adapters.errors import (
    ConditionFailedError,
    EmailNotSentError,
    LeaseTakenError,
    UnknownOutcomeError,
    UploadGoneError,
)
from rewards.adapters.jobs_table import Lease
from rewards.adapters.retry import Backoff, OutOfTimeError
from rewards.adapters.sealed import SealBrokenError
from rewards.domain import ids
from rewards.domain.balance import RedemptionRequest, redeem
from rewards.domain.balance_key import BalanceKey
from rewards.domain.import_job import ImportStatus, ImportType, new_import
from rewards.domain.messages import RedeemChunk
from rewards.domain.outcomes import FileProblem
from rewards.flows import leases
from rewards.flows.requeue import PATIENCE
from tests.builders.files import row, sheet
from tests.builders.row_ids import make_row_id
from tests.integration.world import AGAIN, quick

ROWS = 120  # three chunks of 40
USERS = ("u1", "u2", "u3")


class CrashError(Exception):
    """The process dies here."""


@pytest.fixture
def world(world, monkeypatch):
    monkeypatch.setattr(queue_messages, "MAX_ROWS", 40)
    world.load([{"id": f"r{n}", "user.id": f"u{n}", "assignedCredit": 100} for n in range(ROWS)])
    return world


@pytest.fixture
def file(world):
    """A file that asks 60 of every user, and every tenth row wrongly."""
    return sheet([row("x" if n % 10 == 0 else "60", user=f"u{n}") for n in range(ROWS)])


def check_whole(world, import_id):
    """Every row has its one right outcome, counted once, and every balance agrees."""
    record = world.record(import_id)
    assert record["status"] == "COMPLETED"
    assert record["outcomes"] == {"REDEEMED": ROWS * 9 // 10, "INVALID_VALUE": ROWS // 10}
    assert record["redeemed"] == {"POINT": 60 * ROWS * 9 // 10}
    assert record["rows"] == record["processed"] == ROWS
    results = world.results(record)
    assert [(r["userId"], r["line"]) for r in results] == [(f"u{n}", str(n + 2)) for n in range(ROWS)]
    assert [r["outcome"] for r in results] == [
        "INVALID_VALUE" if n % 10 == 0 else "REDEEMED" for n in range(ROWS)
    ]
    keys = [BalanceKey("acme", f"u{n}", "POINT") for n in range(ROWS)]
    balances = world.accounts.read(keys, quick())
    assert [balances[key].available(world.now()) for key in keys] == [
        100 if n % 10 == 0 else 40 for n in range(ROWS)
    ]


def dead_validation(upload):
    """What Lambda sends when the validation of an upload failed permanently."""
    about = {"bucket": {"name": upload.bucket}, "object": {"key": upload.key, "versionId": upload.version_id}}
    return json.dumps({"requestPayload": {"Records": [{"s3": about}]}})


def crash_at(monkeypatch, target, name, after):
    """Let the next call of a method crash, before or after its effect."""
    real = getattr(target, name)

    def crashing(*args, **more):
        monkeypatch.setattr(target, name, real)
        if after:
            real(*args, **more)
        raise CrashError

    monkeypatch.setattr(target, name, crashing)


def test_messages_delivered_twice_and_out_of_order_change_nothing(world, file):
    event = world.put("redemptions/a.csv", file)
    import_id = world.validate(event)
    assert world.validate(event) == import_id
    bodies = world.take("redeem")
    for body in (*reversed(bodies), *bodies):
        world.deliver("redeem", body)
    world.run()
    check_whole(world, import_id)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("accounts", "write"),
        ("files", "put_part"),
        ("chunk_records", "count_chunk"),
        ("queues", "send"),
    ],
)
def test_a_worker_that_dies_at_any_step_is_repeated_without_harm(world, file, monkeypatch, part, name, after):
    import_id = world.validate(world.put("redemptions/a.csv", file))
    bodies = world.take("redeem")
    for body in bodies[:-1]:
        world.deliver("redeem", body)
    crash_at(monkeypatch, getattr(world, part), name, after)
    with pytest.raises(CrashError):
        world.deliver("redeem", bodies[-1])
    world.deliver("redeem", bodies[-1])
    world.run()
    check_whole(world, import_id)


def test_lists_imports_of_one_second_in_the_order_of_their_creation(world):
    events = [world.put(f"redemptions/{n}.csv", sheet([row(0, note=str(n))])) for n in range(6)]
    made = [world.validate(event) for event in events]
    assert [each.id for each in world.imports.history(6, 0).jobs] == made[::-1]


def test_of_two_deliveries_at_once_one_names_the_import(world, file, monkeypatch):
    event = world.put("redemptions/a.csv", file)
    create, made = world.import_jobs.create, []

    def create_after_another_delivery(*args):
        monkeypatch.undo()
        made.append(world.validate(event))
        return create(*args)

    monkeypatch.setattr(world.import_jobs, "create", create_after_another_delivery)
    assert [world.validate(event)] == made
    world.run()
    check_whole(world, *made)
    assert world.imports.history(10, 0).total == 2, "the rewards, and this one"


def test_an_event_that_is_delivered_again_after_an_update_finds_the_import_of_version_0_1(world, file):
    event = world.put("redemptions/a.csv", file)
    upload = world.files.describe(event.bucket, event.key, event.version_id)
    import_id = ids.id_of_object(upload.modified, upload.bucket, upload.key, upload.version_id)
    world.import_jobs.create(replace(world.uploaded_imports._new(upload, "redemptions/", "S3"), id=import_id))
    assert world.validate(event) == import_id
    world.run()
    check_whole(world, import_id)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("import_jobs", "id_of_object"),
        ("import_jobs", "create"),
        ("files", "put"),
        ("row_claims", "read"),
        ("import_jobs", "seal"),
        ("files", "get"),
        ("import_jobs", "update"),
        ("queues", "send_all"),
    ],
)
def test_a_validation_that_dies_at_any_step_is_repeated_without_harm(
    world, file, monkeypatch, part, name, after
):
    event = world.put("redemptions/a.csv", file)
    crash_at(monkeypatch, getattr(world, part), name, after)
    with pytest.raises(CrashError):
        world.validate(event)
    world.run()
    import_id = world.validate(event)
    world.run()
    check_whole(world, import_id)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("part", "name"), [("files", "stream"), ("import_jobs", "update"), ("mailer", "send")]
)
def test_a_finish_that_dies_at_any_step_is_repeated_without_harm(world, file, monkeypatch, part, name, after):
    import_id = world.validate(world.put("redemptions/a.csv", file))
    for body in world.take("redeem"):
        world.deliver("redeem", body)
    mails = len(world.mailer.sent)
    crash_at(monkeypatch, getattr(world, part), name, after)
    with pytest.raises(CrashError):
        world.finisher.run(import_id)
    world.run()
    check_whole(world, import_id)
    assert len(world.mailer.sent) > mails


def test_a_chunk_that_fails_for_good_is_answered_not_processed_and_the_import_ends(world, file, monkeypatch):
    import_id = world.validate(world.put("redemptions/a.csv", file))
    bodies = world.take("redeem")
    # The dead chunk's balances were written, its answers were lost; of the other nothing was done.
    crash_at(monkeypatch, world.files, "put_part", after=False)
    with pytest.raises(CrashError):
        world.deliver("redeem", bodies[0])
    world.deliver("redeem", bodies[2])
    for body in bodies[:2]:
        world.dead_letters.handle(world.failed_often(body), quick())
    world.run()
    record = world.record(import_id)
    lost = len(queue_messages.decode_chunks(bodies[1]).requests)
    assert record["status"] == "COMPLETED"
    assert record["outcomes"]["NOT_PROCESSED"] == lost
    assert record["outcomes"]["REDEEMED"] == ROWS * 9 // 10 - lost
    assert sum(r["outcome"] == "NOT_PROCESSED" for r in world.results(record, "failed.csv")) == lost
    for body in bodies:
        world.deliver("redeem", body)
    assert world.record(import_id)["outcomes"] == record["outcomes"], "a late delivery changes nothing"
    user_id = queue_messages.decode_chunks(bodies[1]).requests[0].user_id
    assert world.available("acme", f"u{user_id[1:]}", "POINT") == 100


def test_while_one_copy_of_a_chunk_is_processed_no_other_may_decide(world, file, monkeypatch):
    import_id = world.validate(world.put("redemptions/a.csv", file))
    body, *others = world.take("redeem")
    world.failed_often(body)
    real, rejected = world.accounts.write, []

    def write_while_copies_arrive(*args):
        for deliver in (world.chunk_processor.run, world.chunk_processor.run):
            with pytest.raises(LeaseTakenError):
                deliver(queue_messages.decode_chunks(body), quick())
        with pytest.raises(LeaseTakenError) as rejection:
            world.dead_letters.handle(body, quick())
        rejected.append(rejection)
        return real(*args)

    monkeypatch.setattr(world.accounts, "write", write_while_copies_arrive)
    world.deliver("redeem", body)
    monkeypatch.undo()
    assert rejected
    world.dead_letters.handle(body, quick())
    for other in others:
        world.deliver("redeem", other)
    world.run()
    check_whole(world, import_id)


@pytest.mark.parametrize("step", ["write", "put_part", "count_chunk"])
def test_a_worker_that_is_killed_leaves_its_chunk_to_the_next_after_a_while(world, file, monkeypatch, step):
    import_id = world.validate(world.put("redemptions/a.csv", file))
    part = {"write": world.accounts, "put_part": world.files, "count_chunk": world.chunk_records}[step]
    real = getattr(part, step)

    def killed(*args):
        real(*args)
        raise SystemExit

    monkeypatch.setattr(part, step, killed)
    bodies = world.take("redeem")
    for body in bodies:
        with pytest.raises(SystemExit):
            world.deliver("redeem", body)
    monkeypatch.undo()
    if step != "count_chunk":
        with pytest.raises(LeaseTakenError):
            world.deliver("redeem", bodies[0])
    world.now.ahead = leases.CHUNK + 1
    for body in bodies:
        world.deliver("redeem", body)
    world.run()
    check_whole(world, import_id)


def test_a_burial_that_takes_long_does_not_overwrite_what_a_late_copy_answered(world, file, monkeypatch):
    import_id = world.validate(world.put("redemptions/a.csv", file))
    body, *others = world.take("redeem")
    put_part = world.files.put_part

    def put_part_after_a_late_copy(*args):
        monkeypatch.undo()
        world.now.ahead = 600_000  # the function that handles dead letters may run for 15 minutes
        with contextlib.suppress(LeaseTakenError):
            world.deliver("redeem", body)
        return put_part(*args)

    monkeypatch.setattr(world.files, "put_part", put_part_after_a_late_copy)
    with contextlib.suppress(ConditionFailedError):
        world.dead_letters.handle(world.failed_often(body), quick())
    for other in others:
        world.deliver("redeem", other)
    world.run()
    record = world.record(import_id)
    answered = Counter(row["outcome"] for row in world.results(record))
    assert answered == record["outcomes"]


@pytest.fixture
def run_out_of_time(world, monkeypatch):
    """Work on a chunk until its time is up, when only the balance of its first row could be read."""

    def run(work, *args):
        read_now = world.accounts.read_now

        def only_the_first(keys):
            first, *others = keys
            return read_now([first])[0], {*others}

        monkeypatch.setattr(world.accounts, "read_now", only_the_first)
        with pytest.raises(OutOfTimeError):
            work(*args, Backoff(lambda: 0.0))
        monkeypatch.setattr(world.accounts, "read_now", read_now)

    return run


def test_an_answer_that_was_kept_stands_for_every_later_copy_of_its_chunk(
    world, monkeypatch, run_out_of_time
):
    asks = sheet([row("150", user="u1"), row("60", user="u2"), row("60", user="u3")])
    import_id = world.validate(world.put("redemptions/a.csv", asks))
    (body,) = world.take("redeem")
    run_out_of_time(world.chunk_processor.run, queue_messages.decode_chunks(body))
    # Were it not answered, the first row could be redeemed now, by a copy that dies before it says so.
    world.load([{"id": "more", "user.id": "u1", "assignedCredit": 100}])
    crash_at(monkeypatch, world.files, "put_part", after=False)
    with pytest.raises(CrashError):
        world.deliver("redeem", body)
    world.deliver("redeem", body)
    world.run()
    outcomes = [each["outcome"] for each in world.results(world.record(import_id))]
    assert outcomes == ["INSUFFICIENT_BALANCE", "REDEEMED", "REDEEMED"]
    assert [world.available("acme", f"u{n}", "POINT") for n in (1, 2, 3)] == [200, 40, 40]


def test_answers_that_are_kept_late_do_not_take_the_place_of_those_that_count(
    world, file, monkeypatch, run_out_of_time
):
    import_id = world.validate(world.put("redemptions/a.csv", file))
    body, *others = world.take("redeem")
    late, put_part = [], world.files.put_part
    monkeypatch.setattr(world.files, "put_part", lambda *args: late.append(args))
    run_out_of_time(world.chunk_processor.run, queue_messages.decode_chunks(body))
    monkeypatch.setattr(world.files, "put_part", put_part)
    world.deliver("redeem", body)
    for args in late:
        put_part(*args)
    for other in others:
        world.deliver("redeem", other)
    world.run()
    check_whole(world, import_id)


def test_a_late_write_of_a_part_does_not_replace_the_part_that_counts(world, monkeypatch):
    import_id = world.validate(world.put("redemptions/a.csv", sheet([row("150", user="u1")])))
    (body,) = world.take("redeem")
    late, put_part = [], world.files.put_part
    monkeypatch.setattr(world.files, "put_part", lambda *args: late.append(args))
    crash_at(monkeypatch, world.chunk_records, "count_chunk", after=False)
    with pytest.raises(CrashError):
        world.deliver("redeem", body)
    monkeypatch.setattr(world.files, "put_part", put_part)
    world.load([{"id": "more", "user.id": "u1", "assignedCredit": 100}])
    world.deliver("redeem", body)
    for args in late:
        put_part(*args)
    world.run()
    record = world.record(import_id)
    assert record["outcomes"] == {"REDEEMED": 1}
    assert [each["outcome"] for each in world.results(record)] == ["REDEEMED"]
    assert world.available("acme", "u1", "POINT") == 50


def test_a_late_write_of_partial_answers_does_not_replace_newer_ones(world, monkeypatch, run_out_of_time):
    import_id = world.validate(world.put("redemptions/a.csv", sheet([row("150", user=u) for u in USERS])))
    (body,) = world.take("redeem")
    chunk = queue_messages.decode_chunks(body)
    writes, put_part = [], world.files.put_part

    def put_and_remember(*args):
        writes.append(args)
        return put_part(*args)

    monkeypatch.setattr(world.files, "put_part", put_and_remember)
    for _ in range(2):
        run_out_of_time(world.chunk_processor.run, chunk)
    put_part(*writes[0])
    world.load([{"id": f"more-{u}", "user.id": u, "assignedCredit": 100} for u in USERS])
    world.deliver("redeem", body)
    world.run()
    outcomes = [each["outcome"] for each in world.results(world.record(import_id))]
    assert outcomes == ["INSUFFICIENT_BALANCE", "INSUFFICIENT_BALANCE", "REDEEMED"]


def test_a_chunk_that_could_not_be_handled_is_redeemed_when_it_is_moved_back(world, file, run_out_of_time):
    import_id = world.validate(world.put("redemptions/a.csv", file))
    body, *others = world.take("redeem")
    run_out_of_time(world.dead_letters.handle, world.failed_often(body))
    for each in (body, *others):
        world.deliver("redeem", each)
    world.run()
    check_whole(world, import_id)


@pytest.mark.parametrize("failures", [0, 1])
def test_a_dead_chunk_is_requeued_if_fewer_than_two_workers_failed_with_it(world, file, failures):
    """SQS counts a delivery even if Lambda has no concurrency for a worker."""
    import_id = world.validate(world.put("redemptions/a.csv", file))
    body, *others = world.take("redeem")
    for worker in range(failures):
        world.chunk_records.lease_chunk(import_id, 1, f"worker-{worker}", now=1, until=0)
    delays = []
    world.queues.send_later = lambda url, sent, delay: delays.append((url, sent, delay))
    world.dead_letters.handle(body, quick())
    assert delays == [(world.urls["redeem"], body, 60)]
    for each in (body, *others):
        world.deliver("redeem", each)
    world.run()
    check_whole(world, import_id)


def test_a_chunk_that_was_requeued_for_want_of_time_did_not_fail(world, file, run_out_of_time):
    import_id = world.validate(world.put("redemptions/a.csv", file))
    body, *_ = world.take("redeem")
    for _ in range(3):
        run_out_of_time(world.chunk_processor.run, queue_messages.decode_chunks(body))
    assert world.chunk_records.chunk(import_id, 1).workers == 0


def test_a_dead_chunk_of_a_cancelled_import_is_cancelled_though_no_worker_had_it(world, file):
    import_id = world.validate(world.put("redemptions/a.csv", file))
    bodies = world.take("redeem")
    world.imports.cancel(import_id)
    for body in bodies:
        world.dead_letters.handle(body, quick())
    world.run()
    outcomes = world.record(import_id)["outcomes"]
    assert outcomes["CANCELLED"]
    assert "NOT_PROCESSED" not in outcomes


def test_a_dead_chunk_of_an_import_that_is_too_old_ends(world, file):
    import_id = world.validate(world.put("redemptions/a.csv", file))
    world.now.ahead = PATIENCE
    for body in world.take("redeem"):
        world.dead_letters.handle(body, quick())
    world.run()
    assert world.record(import_id)["outcomes"]["NOT_PROCESSED"]


def test_a_dead_chunk_of_an_import_without_a_record_is_dropped(world, file, caplog):
    """A restore may have lost the record."""
    import_id = world.validate(world.put("redemptions/a.csv", file))
    (body, *_) = world.take("redeem")
    client, name = world.clients("dynamodb"), world.names["jobs"]
    client.delete_item(TableName=name, Key={"pk": {"S": f"IMPORT#{import_id}"}, "sk": {"S": "META"}})
    world.failed_often(body)
    before, keys = client.scan(TableName=name)["Items"], world.keys(f"imports/{import_id}/")
    caplog.clear()  # other tests may have turned more messages on
    world.dead_letters.handle(body, quick())
    assert "chunks without import" in caplog.messages
    assert client.scan(TableName=name)["Items"] == before
    assert world.keys(f"imports/{import_id}/") == keys


def test_who_lost_the_lease_counts_nothing(world, file):
    import_id = world.validate(world.put("redemptions/a.csv", file))
    now = world.now()
    assert world.chunk_records.lease_chunk(import_id, 1, "slow", now, now + 10) is Lease.FIRST
    assert world.chunk_records.lease_chunk(import_id, 1, "next", now + 20, now + 30) is Lease.AGAIN
    with pytest.raises(ConditionFailedError):
        world.chunk_records.count_chunk(import_id, 1, "slow", [], "ab" * 32, 0, quick())
    world.chunk_records.count_chunk(import_id, 1, "next", [], "ab" * 32, 0, quick())
    world.chunk_records.count_chunk(import_id, 1, "next", [], "ab" * 32, 0, quick())
    assert world.record(import_id)["chunksDone"] == 1


def test_a_validation_that_dies_for_good_before_its_chunks_are_sent_aborts_the_import(
    world, file, monkeypatch
):
    upload = world.put("redemptions/a.csv", file)
    crash_at(monkeypatch, world.row_claims, "read", after=True)
    with pytest.raises(CrashError):
        world.validate(upload)
    world.dead_letters.handle(dead_validation(upload), quick())
    world.run()
    record = world.jobs_table.history("IMPORT", 1, 0)[0][0]
    assert (record["status"], record["error"]["code"]) == ("ABORTED", "VALIDATION_FAILED")
    assert "VALIDATION_FAILED" in world.mailer.sent[-1][1].subject
    assert world.available("acme", "u1", "POINT") == 100


def test_an_upload_that_is_deleted_before_it_is_read_ends_its_import(world, file, monkeypatch):
    upload = world.put("redemptions/a.csv", file)
    real = world.files.describe

    def then_delete(bucket, key, version_id):
        found = real(bucket, key, version_id)
        world.s3.delete_object(Bucket=bucket, Key=key, VersionId=version_id)
        return found

    monkeypatch.setattr(world.files, "describe", then_delete)
    import_id = world.validate(upload)
    world.run()
    record = world.record(import_id)
    assert (record["status"], record["error"]["code"]) == ("ABORTED", "UPLOAD_GONE")
    assert "deleted before it was read" in world.mailer.sent[-1][1].text


def test_a_validation_that_dies_for_good_while_sending_is_carried_to_its_end(world, file, monkeypatch):
    upload = world.put("redemptions/a.csv", file)
    crash_at(monkeypatch, world.queues, "send_all", after=False)
    with pytest.raises(CrashError):
        world.validate(upload)
    world.dead_letters.handle(dead_validation(upload), quick())
    world.run()
    check_whole(world, world.jobs_table.history("IMPORT", 1, 0)[0][0]["id"])


def test_an_import_that_is_aborted_while_it_is_read_sends_not_one_chunk(world, file, monkeypatch):
    upload = world.put("redemptions/a.csv", file)
    seal = world.import_jobs.seal

    def seal_while_another_delivery_dies(import_id, *rest):
        monkeypatch.undo()
        world.uploaded_imports.abort(import_id, FileProblem.VALIDATION_FAILED, "")
        return seal(import_id, *rest)

    monkeypatch.setattr(world.import_jobs, "seal", seal_while_another_delivery_dies)
    import_id = world.validate(upload)
    assert world.take("redeem") == []
    assert world.record(import_id)["status"] == "ABORTED"
    assert world.keys(f"evidence/{import_id}/") == []


def test_a_validation_that_is_run_again_later_sends_the_chunks_that_were_sealed(world):
    soon = make_row_id(ids.new_id(world.now() + 200_000), "acme", "u1", "POINT", None)
    later = make_row_id(ids.new_id(world.now() + 900_000), "acme", "u2", "POINT", None)
    body = sheet([row("1", user="u1", rowId=soon), row("1", user="u2", rowId=later), row("1", user="u3")])
    upload = world.put("redemptions/a.csv", body)
    import_id = world.validate(upload)
    sent = world.take("redeem")
    world.jobs_table.update("IMPORT", import_id, {"sent": False, "sentFiles": 0})
    world.now.ahead = 3_600_000
    world.validate(upload)
    assert world.take("redeem") == sent


def test_who_finds_an_import_being_finished_keeps_the_message(world, file):
    import_id = world.validate(world.put("redemptions/a.csv", file))
    for body in world.take("redeem"):
        world.deliver("redeem", body)
    assert world.import_jobs.lease(import_id, "somebody", world.now(), world.now() + leases.FINISH)
    with pytest.raises(LeaseTakenError):
        world.finisher.run(import_id)
    world.now.ahead = leases.FINISH + 1
    world.finisher.run(import_id)
    check_whole(world, import_id)


def test_an_import_that_another_worker_finishes_does_not_fail_meanwhile(world, file):
    import_id = world.validate(world.put("redemptions/a.csv", file))
    for body in world.take("redeem"):
        world.deliver("redeem", body)
    assert world.import_jobs.lease(import_id, "somebody", world.now(), world.now() + leases.FINISH)
    with pytest.raises(LeaseTakenError):
        world.finisher.fail(import_id)
    world.import_jobs.end_lease(import_id, "somebody")
    world.finisher.run(import_id)
    world.finisher.fail(import_id)
    check_whole(world, import_id)
    assert world.record(import_id)["error"] is None


def test_who_waited_for_the_lease_does_not_finish_what_is_finished(world, file, monkeypatch):
    import_id = world.validate(world.put("redemptions/a.csv", file))
    for body in world.take("redeem"):
        world.deliver("redeem", body)
    lease, mails = world.import_jobs.lease, len(world.mailer.sent)

    def lease_after_another(*args):
        monkeypatch.undo()
        world.finisher.run(import_id)
        return lease(*args)

    monkeypatch.setattr(world.import_jobs, "lease", lease_after_another)
    world.finisher.run(import_id)
    assert len(world.mailer.sent) == mails + 1


def test_an_email_that_cannot_be_sent_is_recorded_and_loses_nothing(world, file):
    world.mailer.rejects = True
    import_id = world.validate(world.put("redemptions/a.csv", file))
    for body in world.take("redeem"):
        world.deliver("redeem", body)
    finish = world.take("finish")[-1]
    for _ in range(3):
        with pytest.raises(EmailNotSentError):
            world.deliver("finish", finish)
    world.dead_letters.handle(finish, quick())
    check_whole(world, import_id)
    assert world.record(import_id)["mailError"]


def test_results_that_cannot_be_written_do_not_keep_the_import_open(world, file):
    upload = world.put("redemptions/a.csv", file)
    import_id = world.validate(upload)
    for body in world.take("redeem"):
        world.deliver("redeem", body)
    world.s3.delete_object(Bucket=upload.bucket, Key=upload.key, VersionId=upload.version_id)
    finish = world.take("finish")[-1]
    with pytest.raises(UploadGoneError):
        world.deliver("finish", finish)
    world.dead_letters.handle(finish, quick())
    record = world.record(import_id)
    assert (record["status"], record["error"]["code"]) == ("COMPLETED", "RESULTS_FAILED")
    told = world.mailer.sent[-1][1]
    assert "without results" in told.subject
    assert "/download/" not in told.text
    mails = len(world.mailer.sent)
    world.deliver("finish", finish)
    assert len(world.mailer.sent) == mails, "a late order to finish promises nothing"


@pytest.fixture(params=["PROCESSING", "CANCELLED"])
def processed(world, file, request):
    """An import in one of two statuses whose rows all have their outcomes, and which nobody has finished."""
    import_id = world.validate(world.put("redemptions/a.csv", file))
    if request.param == "CANCELLED":
        world.imports.cancel(import_id)
    for body in world.take("redeem"):
        world.deliver("redeem", body)
    assert world.record(import_id)["status"] == request.param
    return import_id


@pytest.mark.parametrize("is_mailed", [True, False])
def test_an_import_that_ended_without_results_gets_them_when_its_message_comes_again(
    world, processed, monkeypatch, is_mailed
):
    # The seeds 2406, 5224 and 5884: the email failed too, so a later message found the import unfinished.
    with monkeypatch.context() as patched:
        if not is_mailed:
            crash_at(patched, world.mailer, "send", after=False)
        with contextlib.nullcontext() if is_mailed else pytest.raises(CrashError):
            world.finisher.fail(processed)
    ended, left = world.record(processed), world.available("acme", "u1")
    assert (ended["error"]["code"], ended.get("results")) == ("RESULTS_FAILED", None)
    world.now.ahead = 86_400_000
    message = json.dumps({"version": 2, "kind": "finish", "importId": processed})
    mails = len(world.mailer.sent)
    for _ in range(3):
        world.deliver("finish", message)
    record = world.record(processed)
    assert (record["error"], record["results"], record["status"]) == (None, True, ended["status"])
    assert record["dateCompleted"] == ended["dateCompleted"]
    assert record["dateExpires"] == pytest.approx(world.now() + 30 * 86_400_000, abs=600_000)
    assert len(world.results(record)) == record["rows"]
    (mail,) = [email for _, email in world.mailer.sent[mails:]]
    assert "results.csv" in mail.text
    assert world.available("acme", "u1") == left


def test_results_that_cannot_be_written_again_leave_the_import_as_it_ended(world, processed, monkeypatch):
    world.finisher.fail(processed)
    ended, mails = world.record(processed), len(world.mailer.sent)
    message = json.dumps({"version": 2, "kind": "finish", "importId": processed})
    with monkeypatch.context() as patched:
        crash_at(patched, world.files, "stream", after=False)
        with pytest.raises(CrashError):
            world.deliver("finish", message)
    world.dead_letters.handle(message, quick())
    assert without_lease(world.record(processed)) == without_lease(ended)
    world.s3.delete_object(Bucket=ended["bucket"], Key=ended["key"], VersionId=ended["versionId"])
    world.deliver("finish", message)
    assert without_lease(world.record(processed)) == without_lease(ended)
    assert len(world.mailer.sent) == mails


def test_a_worker_that_stops_after_writing_results_again_still_reports_them(world, processed, monkeypatch):
    world.finisher.fail(processed)
    message = json.dumps({"version": 2, "kind": "finish", "importId": processed})
    with monkeypatch.context() as patched:
        crash_at(patched, world.mailer, "send", after=False)
        with pytest.raises(CrashError):
            world.deliver("finish", message)
    world.deliver("finish", message)
    assert "results.csv" in world.mailer.sent[-1][1].text
    assert world.record(processed)["dateMailed"]


def without_lease(record):
    return {name: value for name, value in record.items() if name not in ("leaseOwner", "leasedUntil")}


@pytest.mark.parametrize("late", ["run", "fail"])
def test_a_late_request_does_not_change_how_an_import_ended(world, processed, monkeypatch, late):
    update, requests, before = world.import_jobs.update, [], world.record(processed)

    def update_without_an_answer(*args, **expected):
        if expected.get("status", before["status"]) != before["status"]:
            return False
        requests.append((args, expected))
        raise UnknownOutcomeError

    monkeypatch.setattr(world.import_jobs, "update", update_without_an_answer)
    with pytest.raises(UnknownOutcomeError):
        getattr(world.finisher, late)(processed)
    monkeypatch.setattr(world.import_jobs, "update", update)
    world.now.ahead = leases.FINISH + 1
    getattr(world.finisher, "fail" if late == "run" else "run")(processed)
    ended = world.record(processed)
    for args, expected in requests:
        update(*args, **expected)
    assert world.record(processed) == ended
    assert bool(ended.get("results")) is (ended["error"] is None)


def test_an_email_that_was_sent_is_not_recorded_as_failed_by_a_late_request(world, processed):
    world.finisher.run(processed)
    world.finisher._notifications.record_failure(world.import_jobs, processed, "SES rejected it")
    assert world.record(processed)["mailError"] is None


def test_a_message_that_nobody_understands_stays_where_the_alarm_sees_it(world):
    with pytest.raises(ValueError, match="not a message of this service"):
        world.dead_letters.handle('{"hello": 1}', quick())


def test_a_dead_chunk_of_rewards_says_what_was_loaded_and_what_was_not(world, monkeypatch):
    monkeypatch.setattr(queue_messages, "MAX_ROWS", 1)
    header = "id,type,unit,assignedCredit,user.id,user.accountId\n"
    lines = "n1,CREDIT,POINT,5,new,acme\nn2,CREDIT,POINT,5,new,acme\n"
    import_id = world.validate(world.put("rewards/more.csv", header + lines))
    bodies = world.take("redeem")
    crash_at(monkeypatch, world.files, "put_part", after=False)
    with pytest.raises(CrashError):
        world.deliver("redeem", bodies[0])
    for body in bodies:
        world.dead_letters.handle(world.failed_often(body), quick())
    world.run()
    assert world.record(import_id)["outcomes"] == {"LOADED": 1, "NOT_PROCESSED": 1}
    assert world.available("acme", "new") == 5


# --- One balance, several writers ---


def request(line, value=10, row_id=None):
    return RedemptionRequest(line, "acme", "u1", "POINT", value, None, row_id)


def test_of_two_writers_who_read_the_same_version_one_loses(world):
    one, other = world.balance("acme", "u1"), world.balance("acme", "u1")
    redeem(one, request(1), ids.new_id(world.now()), world.now())
    redeem(other, request(2), ids.new_id(world.now()), world.now())
    assert world.accounts.write([one], world.now()) == [True]
    assert world.accounts.write([other], world.now()) == [False]
    assert world.available("acme", "u1") == 90


def test_a_batch_says_of_each_balance_whether_it_was_written(world):
    balances = [world.balance("acme", f"u{n}") for n in range(30)]
    stale = world.balance("acme", "u7")
    for balance in (stale, *balances):
        redeem(balance, request(1), ids.new_id(world.now()), world.now())
    world.accounts.write([stale], world.now())
    written = world.accounts.write(balances, world.now())
    assert [n for n, result in enumerate(written) if not result] == [7]


def test_threads_that_race_for_one_balance_never_overdraw_it(world):
    def race(number):
        chunk = RedeemChunk(import_ids[number], 1, False, tuple(request(line, 15) for line in range(2, 6)))
        results.extend(world.chunk_processor._redeem(chunk, quick(), None))

    import_ids = [ids.new_id(world.now()) for _ in range(4)]
    for import_id in import_ids:
        job = new_import(import_id, ImportType.REDEMPTIONS, False, "", "a.csv", world.now())
        world.import_jobs.create(replace(job, status=ImportStatus.PROCESSING))
    results = []
    threads = [threading.Thread(target=race, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    redeemed = [result for result in results if result.outcome == "REDEEMED"]
    assert len(redeemed) == 6, "six times 15 of 100"
    assert len(results) == 16
    assert world.available("acme", "u1") == 10


def test_a_row_id_is_remembered_after_its_redemption_went_to_history(world):
    export = ids.new_id(world.now())
    row_id = make_row_id(export, "acme", "u1", "POINT", None)
    first = world.upload("redemptions/first.csv", sheet([row("1", user="u1", rowId=row_id)]))
    for number in range(40):
        world.upload(f"redemptions/{number}.csv", sheet([row("1", user="u1")]), **AGAIN)
    balance = world.balance("acme", "u1")
    assert balance.archived_until, "some went to history"
    assert row_id not in {redemption.row_id for redemption in balance.redemptions}
    assert len(balance.redemptions) < 20
    again = world.upload("redemptions/again.csv", sheet([row("1", user="u1", rowId=row_id)]))
    assert again["outcomes"] == {"ALREADY_REDEEMED": 1}
    assert first["id"] in world.results(again)[0]["message"]
    assert balance.total_redeemed == 41
    assert world.available("acme", "u1") == 59


def test_a_stored_chunk_that_was_changed_is_not_sent(world, file):
    import_id = world.validate(world.put("redemptions/a.csv", file))
    world.take("redeem")
    (key,) = [key for key in world.keys(f"evidence/{import_id}/") if "/chunks-" in key]
    world.files.put(key, gzip.compress(gzip.decompress(world.bytes(key)).replace(b'"60"', b'"61"') + b" "))
    world.jobs_table.update("IMPORT", import_id, {"sent": False, "sentFiles": 0})
    with pytest.raises(SealBrokenError):
        world.chunk_sender.run(import_id, quick())
    assert world.take("redeem") == []


def test_sending_goes_on_from_where_it_stopped_when_its_time_was_up(world, file, monkeypatch):
    monkeypatch.setattr(sealing, "_FILE_BYTES", 1)
    monkeypatch.setattr(queue_messages, "MAX_ROWS", 20)
    import_id = world.validate(world.put("redemptions/a.csv", file))
    sent = world.take("redeem")
    assert len(sent) > 2
    world.jobs_table.update("IMPORT", import_id, {"sent": False, "sentFiles": 0})
    left = iter([60, 60, 0])
    world.chunk_sender.run(import_id, Backoff(lambda: next(left)))
    first = world.take("redeem")
    assert 0 < len(first) < len(sent)
    (message,) = world.take("finish")
    world.deliver("finish", message)
    assert first + world.take("redeem") == sent
