"""Imports and exports whose messages are lost: they are resumed by hand, or by the sweep, and end."""

import pytest

from rewards.adapters import queue_messages, sealing
from rewards.domain import ids
from rewards.domain.job_error import JobError
from rewards.domain.messages import ReverseChunks
from rewards.flows import send_chunks, sweep
from rewards.flows.imports import ImportStateError
from tests.builders.files import row, sheet
from tests.builders.moments import DAY
from tests.integration.test_import_orders import order
from tests.integration.world import AGAIN, quick

USERS = ("ann", "bob", "eve")
BODY = sheet([row("60", user=user) for user in USERS])
MINUTE = 60_000
HOUR = 60 * MINUTE


@pytest.fixture
def world(world, monkeypatch):
    """Ann, Bob and Eve have 100 POINT each; every row is a chunk of its own, and in a file of its own."""
    monkeypatch.setattr(queue_messages, "MAX_ROWS", 1)
    monkeypatch.setattr(sealing, "_FILE_BYTES", 1)
    world.load([{"id": f"r-{user}", "user.id": user, "assignedCredit": 100} for user in USERS])
    return world


def upload(world, body=BODY, key="redemptions/a.csv", **metadata):
    """A validated import, whose chunks are on the queue."""
    return world.validate(world.put(key, body, **metadata))


def redeemed_in_part(world, count=2):
    """An import of three chunks, of which some are counted; the others are lost."""
    import_id = upload(world)
    bodies = world.take("redeem")
    assert len(bodies) == 3
    for body in bodies[:count]:
        world.deliver("redeem", body)
    return import_id, bodies


def numbers(bodies):
    return [queue_messages.chunk_number(body) for body in bodies]


def available(world):
    return [world.available("acme", user, "POINT") for user in USERS]


def check_redeemed_once(world, import_id):
    record = world.record(import_id)
    assert (record["status"], record["outcomes"], record["processed"]) == ("COMPLETED", {"REDEEMED": 3}, 3)
    assert [each["outcome"] for each in world.results(record)] == ["REDEEMED"] * 3
    assert available(world) == [40, 40, 40]
    assert len([email for _, email in world.mailer.sent if import_id in email.text]) == 1


def send(world):
    """Deliver the message that sends chunks; the bodies that it sent."""
    for body in world.take("finish"):
        world.deliver("finish", body)
    return world.take("redeem")


# --- By hand ---


def test_sends_exactly_the_chunks_that_are_not_counted(world):
    import_id, bodies = redeemed_in_part(world)
    shown = world.imports.resume(import_id)
    assert (shown.id, shown.status) == (import_id, "PROCESSING")
    sent = send(world)
    assert sent == bodies[2:]
    assert numbers(sent) == [3]
    world.deliver("redeem", *sent)
    world.run()
    check_redeemed_once(world, import_id)
    assert world.record(import_id)["sent"]


def test_resumes_an_import_that_is_not_sealed_with_the_pinned_version(world):
    uploaded = world.put("redemptions/a.csv", BODY)
    import_id = world.uploaded_imports.find(uploaded).id
    world.put("redemptions/a.csv", sheet([row("7")]))
    assert world.record(import_id)["status"] == "VALIDATING"
    world.imports.resume(import_id)
    world.run()
    check_redeemed_once(world, import_id)


def test_resumes_the_validation_of_an_import_created_by_the_api(world):
    record = order(world, file_name="payout (ü) 100%.csv")
    world.uploaded_imports.find(world.put(record["key"], BODY))
    world.imports.resume(record["id"])
    world.run()
    check_redeemed_once(world, record["id"])


def test_ends_an_import_whose_upload_was_deleted_before_it_was_validated(world):
    uploaded = world.put("redemptions/a.csv", BODY)
    import_id = world.uploaded_imports.find(uploaded).id
    world.s3.delete_object(Bucket=uploaded.bucket, Key=uploaded.key, VersionId=uploaded.version_id)
    world.imports.resume(import_id)
    world.run()
    assert world.record(import_id)["error"]["code"] == "UPLOAD_GONE"
    assert available(world) == [100, 100, 100]


@pytest.mark.parametrize("action", ["cancel", "resume"])
@pytest.mark.parametrize("counted", [0, 2])
def test_ends_a_cancelled_import_whose_chunks_are_lost(world, action, counted):
    import_id, _ = redeemed_in_part(world, counted)
    assert world.imports.cancel(import_id).date_completed is None
    world.run()
    assert world.record(import_id)["dateCompleted"] is None, "cancelling it once sends nothing again"
    assert getattr(world.imports, action)(import_id).status == "CANCELLED"
    world.run()
    record = world.record(import_id)
    expected = {"CANCELLED": 3 - counted, **({"REDEEMED": counted} if counted else {})}
    assert (record["status"], record["outcomes"]) == ("CANCELLED", expected)
    assert record["dateCompleted"]
    assert record["dateMailed"]
    assert sum(available(world)) == 300 - 60 * counted


@pytest.mark.parametrize("cancelled", [False, True])
def test_ends_an_import_whose_finish_message_is_lost(world, cancelled):
    import_id, bodies = redeemed_in_part(world)
    if cancelled:
        world.imports.cancel(import_id)
    world.deliver("redeem", bodies[2])
    assert len(world.take("finish")) == 1
    world.imports.resume(import_id)
    assert world.take("redeem") == []
    world.run()
    assert world.record(import_id)["dateCompleted"]
    assert len(world.results(world.record(import_id))) == 3


def test_resuming_twice_changes_nothing(world):
    import_id, _ = redeemed_in_part(world)
    for _ in range(2):
        world.imports.resume(import_id)
    assert len(world.take("finish")) == 2
    for _ in range(2):
        world.chunk_sender.run(import_id, quick())
        world.jobs_table.update("IMPORT", import_id, {"sent": False, "sentFiles": 0})
    bodies = world.take("redeem")
    assert numbers(bodies) == [3, 3]
    for body in bodies:
        world.deliver("redeem", body)
    world.run()
    check_redeemed_once(world, import_id)


def test_resuming_is_harmless_if_nothing_was_lost(world):
    import_id = upload(world)
    first, *others = world.take("redeem")
    world.deliver("redeem", first)
    world.imports.resume(import_id)
    for body in (*others, *send(world), first):
        world.deliver("redeem", body)
    world.run()
    check_redeemed_once(world, import_id)


def test_resuming_while_the_file_is_validated_seals_once(world, monkeypatch):
    seal = world.import_jobs.seal

    def resume_first(import_id, *rest):
        monkeypatch.undo()
        monkeypatch.setattr(queue_messages, "MAX_ROWS", 1)
        world.imports.resume(import_id)
        world.run()
        return seal(import_id, *rest)

    monkeypatch.setattr(world.import_jobs, "seal", resume_first)
    import_id = upload(world)
    world.run()
    check_redeemed_once(world, import_id)
    attempts = {key.split("/")[3] for key in world.keys(f"evidence/{import_id}/sealed/")}
    assert attempts == {world.record(import_id)["seal"]["attempt"]}


def test_a_sender_that_is_overtaken_by_a_resume_stops(world, monkeypatch):
    send_all, sent = world.queues.send_all, []

    def resume_first(url, bodies, backoff):
        sent.append(numbers(bodies))
        if len(sent) == 2:
            world.imports.resume(import_id)
        send_all(url, bodies, backoff)

    monkeypatch.setattr(world.queues, "send_all", resume_first)
    uploaded = world.put("redemptions/a.csv", BODY)
    import_id = world.uploaded_imports.find(uploaded).id
    world.validate(uploaded)
    assert sent == [[1], [2]]
    record = world.record(import_id)
    assert (record["sentFiles"], record["sent"]) == (0, False)
    world.run()
    assert sent == [[1], [2], [], [], [3]], "the first two were processed before"
    check_redeemed_once(world, import_id)


def test_sending_again_goes_on_where_its_time_was_up(world, monkeypatch):
    import_id, _ = redeemed_in_part(world, count=1)
    world.imports.resume(import_id)
    check, times = send_chunks.Backoff.check, []

    def run_out_of_time(backoff):
        times.append(backoff)
        if len(times) == 3:
            raise send_chunks.OutOfTimeError
        check(backoff)

    monkeypatch.setattr(send_chunks.Backoff, "check", run_out_of_time)
    assert numbers(send(world)) == [2]
    record = world.record(import_id)
    assert (record["sentFiles"], record["sent"]) == (2, False)
    (body,) = send(world)
    assert numbers([body]) == [3]


def test_resumes_a_load_of_rewards(world):
    rows = "".join(f"n{n},CREDIT,POINT,5,{user},acme\n" for n, user in enumerate(USERS))
    header = "id,type,unit,assignedCredit,user.id,user.accountId\n"
    import_id = upload(world, header + rows, "rewards/more.csv")
    world.deliver("redeem", world.take("redeem")[1])
    world.imports.resume(import_id)
    assert numbers(send(world)) == [1, 3]
    world.imports.resume(import_id)
    world.run()
    assert world.record(import_id)["outcomes"] == {"LOADED": 3}
    assert available(world) == [105, 105, 105]


def test_resumes_a_preview(world):
    import_id = upload(world, key="preview/a.csv")
    world.take("redeem")
    world.imports.resume(import_id)
    world.run()
    assert world.record(import_id)["outcomes"] == {"REDEEMED": 3}
    assert available(world) == [100, 100, 100]


@pytest.mark.parametrize(("messages", "expected"), [(1_000, [(3, 3)]), (2, [(3, 3)]), (1, [(1, 3)])])
def test_resumes_a_reversal(world, monkeypatch, messages, expected):
    import_id = upload(world)
    world.run()
    original = world.import_jobs.get(import_id)
    reversal = world.reversals.create(original, "operator", None, quick())
    for body in world.take("redeem")[:2]:
        world.deliver("redeem", body)
    monkeypatch.setattr(queue_messages, "_REVERSAL_MESSAGES", messages)
    world.imports.resume(reversal.id)
    sent = send(world)
    decoded = [queue_messages.decode(body) for body in sent]
    assert decoded == [ReverseChunks(reversal.id, import_id, *place) for place in expected]
    for body in sent:
        world.deliver("redeem", body)
    world.run()
    record = world.record(reversal.id)
    assert (record["status"], record["outcomes"]) == ("COMPLETED", {"REVERSED": 3})
    assert available(world) == [100, 100, 100]


def code_of(world, import_id):
    with pytest.raises(ImportStateError) as caught:
        world.imports.resume(import_id)
    return caught.value.code


def test_rejects_an_import_that_waits_or_has_ended(world):
    waiting = order(world)["id"]
    assert code_of(world, waiting) == "IMPORT_PENDING"
    world.imports.cancel(waiting)
    assert code_of(world, waiting) == "IMPORT_CANCELLED"
    expired = order(world)["id"]
    world.now.ahead = 3 * HOUR
    assert code_of(world, expired) == "IMPORT_ABORTED"
    completed = world.upload("redemptions/a.csv", BODY)["id"]
    assert code_of(world, completed) == "IMPORT_COMPLETED"
    assert code_of(world, world.upload("redemptions/b.csv", "a,b\n1,2\n")["id"]) == "IMPORT_ABORTED"
    assert world.imports.resume(ids.new_id(world.now())) is None
    assert world.imports.resume("x") is None


def test_rejects_an_import_of_version_0_1_whose_chunks_are_lost(world):
    import_id, bodies = redeemed_in_part(world)
    world.jobs_table.update("IMPORT", import_id, {"seal": None, "parts": 0})
    assert code_of(world, import_id) == "NOT_RESUMABLE"
    world.deliver("redeem", bodies[2])
    world.take("finish")
    world.imports.resume(import_id)
    world.run()
    check_redeemed_once(world, import_id)


def test_an_import_is_stalled_after_20_minutes_without_progress(world):
    import_id, bodies = redeemed_in_part(world)
    assert world.imports.get(import_id).stall_at(world.now()) is None
    counted = world.record(import_id)["dateProgress"]
    world.now.ahead = 21 * MINUTE
    stall = world.imports.get(import_id).stall_at(world.now())
    assert (stall.since, stall.reason) == (counted, "1 of 3 rows have no result yet.")
    world.imports.resume(import_id)
    assert world.imports.get(import_id).stall_at(world.now()) is None, "it was resumed just now"
    world.deliver("redeem", bodies[2])
    world.now.ahead = 50 * MINUTE
    stall = world.imports.get(import_id).stall_at(world.now())
    assert stall.reason == "All rows have their results, but results.csv has not been written."
    world.run()
    assert world.imports.get(import_id).stall_at(world.now() + DAY) is None
    unread = world.uploaded_imports.find(world.put("redemptions/b.csv", BODY, **AGAIN))
    stall = unread.stall_at(world.now() + HOUR)
    assert stall.reason == "The check of the file has not ended."


# --- By the sweep ---


def swept(world, hours=0):
    """What the sweep does after some hours."""
    world.now.ahead += hours * HOUR
    return world.sweep.run()


def test_the_sweep_resumes_an_import_without_progress_for_an_hour(world):
    import_id, _ = redeemed_in_part(world)
    world.now.ahead = 59 * MINUTE
    assert swept(world) == sweep.Swept()
    world.now.ahead = HOUR
    assert swept(world) == sweep.Swept(resumed=[import_id])
    assert swept(world) == sweep.Swept(), "it was resumed just now"
    world.run()
    check_redeemed_once(world, import_id)
    assert swept(world, 1) == sweep.Swept()


def test_the_sweep_resumes_an_import_three_times_and_then_reports_it(world):
    import_id, _ = redeemed_in_part(world)
    for _ in range(3):
        assert swept(world, 1) == sweep.Swept(resumed=[import_id])
        world.take("finish")
    for _ in range(2):
        assert swept(world, 1) == sweep.Swept(stuck=[import_id])
    assert world.take("finish") == []
    world.imports.resume(import_id)
    world.take("finish")
    assert swept(world) == sweep.Swept()
    assert swept(world, 1) == sweep.Swept(resumed=[import_id]), "resumed by hand, it is tried again"
    world.run()
    check_redeemed_once(world, import_id)


def test_the_sweep_resumes_validations_reversals_and_cancelled_imports(world):
    done = world.upload("redemptions/done.csv", BODY)
    unread = world.uploaded_imports.find(world.put("redemptions/unread.csv", sheet([row("7")]))).id
    cancelled = upload(world, sheet([row("8")]), "redemptions/cancelled.csv")
    world.imports.cancel(cancelled)
    original = world.import_jobs.get(done["id"])
    reversal = world.reversals.create(original, "operator", None, quick()).id
    world.take("redeem")
    found = swept(world, 1)
    assert (found.resumed, found.stuck) == ([unread, cancelled, reversal], [])
    world.run()
    assert [world.record(each)["status"] for each in found.resumed] == ["COMPLETED", "CANCELLED", "COMPLETED"]
    assert available(world) == [93, 100, 100]


def test_the_sweep_sends_emails_that_are_due(world):
    aborted = upload(world, "a,b\n1,2\n")
    assert len(world.take("finish")) == 1
    assert swept(world, 1).resumed == [aborted]
    world.run()
    assert "MISSING_COLUMNS" in world.mailer.sent[-1][1].subject
    assert swept(world, 1) == sweep.Swept()


def test_the_sweep_skips_what_waits_or_has_no_email(world):
    order(world)
    world.imports.cancel(order(world)["id"])
    silent = order(world, dry_run=True, sends_email=False)
    world.validate(world.put(silent["key"], BODY))
    failed = upload(world, "a,b\n1,2\n", "redemptions/failed.csv")
    world.mailer.rejects = True
    (body,) = [each for each in world.take("finish") if failed in each]
    world.dead_letters.handle(body, quick())
    world.mailer.rejects = False
    world.run()
    assert world.record(silent["id"])["status"] == "COMPLETED"
    assert world.record(failed)["mailError"]
    world.take("finish")
    assert swept(world, 30) == sweep.Swept()


def test_the_sweep_reports_what_cannot_be_resumed(world):
    import_id, _ = redeemed_in_part(world)
    world.jobs_table.update("IMPORT", import_id, {"seal": None, "parts": 0})
    assert swept(world, 1) == sweep.Swept(stuck=[import_id])


def test_the_sweep_sends_the_message_of_an_export_again(world):
    export_id = world.exports.create("REWARD", "CSV", "", "test", {}).id
    world.take("export")
    assert swept(world) == sweep.Swept()
    assert swept(world, 1) == sweep.Swept(resumed=[export_id])
    world.run()
    record = world.jobs_table.get("EXPORT", export_id)
    assert (record["status"], bool(record["dateMailed"])) == ("COMPLETED", True)
    assert swept(world, 1) == sweep.Swept()


def test_the_sweep_sends_the_message_of_an_export_three_times_and_then_reports_it(world):
    export_id = world.exports.create("REWARD", "CSV", "", "test", {}).id
    for _ in range(3):
        assert swept(world, 1) == sweep.Swept(resumed=[export_id])
    world.take("export")
    assert swept(world, 1) == sweep.Swept(stuck=[export_id])
    assert swept(world, 24) == sweep.Swept(), "it is shown as failed"


def test_the_sweep_sends_the_email_of_an_export_that_is_due(world):
    export_id = world.exports.create("REWARD", "CSV", "", "test", {}).id
    world.take("export")
    world.report_ending.abort(export_id, JobError.EXPORT_FAILED, "why")
    assert swept(world, 1) == sweep.Swept(resumed=[export_id])
    world.run()
    assert "failed" in world.mailer.sent[-1][1].subject


def test_a_run_of_the_sweep_does_a_bounded_amount_of_work(world, monkeypatch):
    imports = [
        world.uploaded_imports.find(world.put(f"redemptions/{n}.csv", sheet([row(str(n + 1))]))).id
        for n in range(3)
    ]
    exports = [world.exports.create("REWARD", "CSV", "", "test", {}).id for _ in range(2)]
    monkeypatch.setattr(sweep, "_MAX_RESUMED", 2)
    assert swept(world, 1).resumed == imports[:2]
    assert swept(world).resumed == [imports[2], exports[0]]
    assert swept(world).resumed == exports[1:]
    monkeypatch.setattr(sweep, "_MAX_RECORDS", 2)
    assert swept(world, 1).resumed == imports[1:], "the newest"
    world.now.ahead += 36 * DAY
    assert swept(world) == sweep.Swept(), "older than a table can be restored"


def test_of_two_resumes_at_once_one_sends(world, monkeypatch):
    import_id, _ = redeemed_in_part(world)
    job = world.import_jobs.get(import_id)
    assert world.import_resumer.run(job)
    assert not world.import_resumer.run(job, 1)
    assert len(world.take("finish")) == 1
    assert world.record(import_id)["resumes"] == 0
    read = iter([job])
    monkeypatch.setattr(world.imports, "get", lambda _: next(read, None) or world.import_jobs.get(import_id))
    world.now.ahead = 1
    assert world.imports.resume(import_id).id == import_id
    assert len(world.take("finish")) == 1
