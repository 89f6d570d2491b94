"""Approval: what waits, who decides, and that nothing leaves before."""

from dataclasses import replace

import pytest

from rewards.adapters.errors import ThrottledError, UploadGoneError
from rewards.domain.approval import ApprovalRuleError
from rewards.domain.approvers import Approver
from rewards.flows.approve_import import ApproverExcludedError
from rewards.flows.imports import ImportStateError
from rewards.flows.ledger_commands import Request
from rewards.flows.rejections import RequestRejectedError
from rewards.flows.uploaded_imports import Uploaded, uploads_in
from tests.builders.files import row, sheet
from tests.integration.world import quick

ANN = "ann@example.com"
CAROL = Approver("sub-carol", "carol@example.com")
DAVE = Approver("sub-dave", "dave@example.com")
DAY = 86_400_000
POINTS = "acme", "ann", "POINT"


class Pool:
    """The users of the pool; without any it cannot be asked."""

    def __init__(self, *addresses):
        self.addresses = addresses

    def knows(self, address):
        if not self.addresses:
            raise ThrottledError("TooManyRequestsException")
        return address in self.addresses


@pytest.fixture
def with_rule(world):
    """The world under a rule, after rewards were loaded without one."""
    world.load([{"id": f"r{number}", "assignedCredit": 10_000} for number in range(3)])

    def build(rule):
        made = replace(world, rule=rule)
        made.flows.pool_users = Pool(ANN)
        return made

    return build


def redeem(world, value, number=1, **metadata):
    return world.upload(f"redemptions/payout-{number}.csv", sheet([row(str(value))]), **metadata)


def test_a_waiting_import_changes_nothing_until_it_is_approved(with_rule):
    world = with_rule("POINT>100")
    waiting = redeem(world, 101, email=ANN)
    assert waiting["status"] == "AWAITING_APPROVAL"
    undecided = dict.fromkeys(("approver", "comment", "reason", "date"))
    assert waiting["approval"] == {"required": True, "rule": "POINT>100", **undecided}
    assert waiting["requested"] == {"POINT": 101}
    assert world.available(*POINTS) == 30_000
    world.imports.revoke_links(waiting["id"])
    world.sweep.run()
    world.run()
    assert world.available(*POINTS) == 30_000

    job = world.approvals.approve(waiting["id"], CAROL, "fine")
    assert job.status == "PROCESSING"
    world.run()
    ended = world.record(waiting["id"])
    assert (ended["status"], ended["outcomes"]) == ("COMPLETED", {"REDEEMED": 1})
    assert (ended["approval"]["approver"], ended["approval"]["comment"]) == (CAROL.email, "fine")
    assert world.available(*POINTS) == 30_000 - 101
    # Asked again it is harmless, and somebody else is told what became of it.
    assert world.approvals.approve(waiting["id"], CAROL, None).status == "COMPLETED"
    with pytest.raises(ImportStateError, match="COMPLETED"):
        world.approvals.approve(waiting["id"], DAVE, None)
    with pytest.raises(ImportStateError, match="COMPLETED"):
        world.approvals.reject(waiting["id"], CAROL, "no")
    world.run()
    assert world.available(*POINTS) == 30_000 - 101


def test_what_is_below_the_threshold_goes_through_and_counts_for_a_day(with_rule):
    world = with_rule("POINT>100")
    first = redeem(world, 60, 1, email=ANN)
    assert (first["status"], first["approval"]["required"]) == ("COMPLETED", False)
    assert redeem(world, 40, 2, email=ANN)["status"] == "COMPLETED"
    assert redeem(world, 1, 3, email=ANN)["status"] == "AWAITING_APPROVAL"
    world.now.ahead += DAY
    assert redeem(world, 2, 4, email=ANN)["status"] == "COMPLETED"


def test_rejection_and_cancellation_remove_nothing_from_the_record(with_rule):
    world = with_rule("POINT>100")
    rejected = redeem(world, 101, 1, email=ANN)
    world.approvals.reject(rejected["id"], CAROL, "wrong month")
    assert redeem(world, 1, 2, email=ANN)["status"] == "AWAITING_APPROVAL"


def test_each_requester_has_a_record(with_rule):
    world = with_rule("POINT>100")
    event = {"userIdentity": {"principalId": "AWS:AROAEXAMPLE:first"}}
    for number, (session, status) in enumerate([("a", "COMPLETED"), ("b", "AWAITING_APPROVAL")]):
        uploaded = world.put(f"redemptions/x{number}.csv", sheet([row(str(60 + number))]), email=ANN)
        world.validate(replace(uploaded, principal=f"AWS:AROAEXAMPLE:{session}"))
        world.run()
        found = world.import_jobs.newest(0, 1)[0]
        assert (found.requester, found.status) == ("AWS:AROAEXAMPLE", status)
    assert redeem(world, 70, 9, email=ANN)["status"] == "COMPLETED"
    record = {"s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}, **event}
    assert [each.requester for each in uploads_in({"Records": [record]})] == ["AWS:AROAEXAMPLE"]


@pytest.mark.parametrize(
    ("principal", "requester"),
    [
        ("AWS:AROAEXAMPLE:session", "AWS:AROAEXAMPLE"),
        ("AWS:AIDAEXAMPLE", "AWS:AIDAEXAMPLE"),
        ("AROAEXAMPLE:session", "AROAEXAMPLE"),
        ("A3EXAMPLE", "A3EXAMPLE"),
        ("", "S3"),
    ],
)
def test_the_requester_of_an_upload_is_its_principal_without_the_session(principal, requester):
    assert Uploaded("b", "k", None, principal=principal).requester == requester


def test_a_declined_import_ends_in_one_write_without_results(with_rule):
    world = with_rule("always")
    waiting = redeem(world, 5, email=ANN)
    with pytest.raises(ImportStateError, match="awaits approval"):
        world.imports.resume(waiting["id"])
    world.approvals.reject(waiting["id"], CAROL, "not this month")
    assert world.approvals.reject(waiting["id"], CAROL, "again").approval.reason == "not this month"
    world.run()
    ended = world.record(waiting["id"])
    assert (ended["status"], ended["error"]["code"]) == ("ABORTED", "APPROVAL_REJECTED")
    assert "not this month" in ended["error"]["message"]
    assert world.keys(f"imports/{waiting['id']}/") == []
    assert world.available(*POINTS) == 30_000
    assert ended["dateMailed"]
    with pytest.raises(ImportStateError, match="ABORTED"):
        world.approvals.approve(waiting["id"], CAROL, None)
    # The same rows may be imported again.
    assert redeem(world, 5, 2, email=ANN)["status"] == "AWAITING_APPROVAL"


def test_a_waiting_import_counts_as_imported(with_rule):
    world = with_rule("always")
    redeem(world, 5, 1, email=ANN)
    error = redeem(world, 5, 2, email=ANN)["error"]
    assert error["code"] == "DUPLICATE_FILE"
    # It has imported nothing yet.
    assert "has exactly the same rows" in error["message"]


def test_a_cancelled_waiting_import_ends_in_one_write_without_results(with_rule):
    world = with_rule("always")
    waiting = redeem(world, 5, email=ANN)
    job = world.imports.cancel(waiting["id"], "operator")
    assert job.date_completed is not None
    world.run()
    ended = world.record(waiting["id"])
    assert (ended["status"], ended["chunksDone"]) == ("CANCELLED", 0)
    assert world.keys(f"imports/{waiting['id']}/") == []
    assert ended["dateMailed"]
    assert "before it was approved" in world.mailer.sent[-1][1].text
    with pytest.raises(ImportStateError, match="CANCELLED"):
        world.approvals.approve(waiting["id"], CAROL, None)


def test_the_sweep_ends_an_import_after_14_days_and_never_resumes_it(with_rule):
    world = with_rule("always")
    waiting = redeem(world, 5, email=ANN)
    world.now.ahead += 14 * DAY - 60_000
    swept = world.sweep.run()
    assert (swept.resumed, swept.stuck, swept.oldest_age) == ([], [], None)
    assert world.record(waiting["id"])["status"] == "AWAITING_APPROVAL"
    world.now.ahead += 120_000
    assert world.imports.get(waiting["id"]).status == "ABORTED"
    with pytest.raises(ImportStateError, match="ABORTED"):
        world.approvals.approve(waiting["id"], CAROL, None)
    world.sweep.run()
    world.run()
    ended = world.record(waiting["id"])
    assert (ended["status"], ended["error"]["code"]) == ("ABORTED", "APPROVAL_EXPIRED")
    assert ended["dateMailed"]
    assert world.available(*POINTS) == 30_000


def test_the_sweep_sends_the_chunks_of_an_approved_import_whose_message_was_lost(with_rule):
    world = with_rule("always")
    waiting = redeem(world, 5, email=ANN)
    world.now.ahead += 10 * DAY
    world.approvals.approve(waiting["id"], CAROL, None)
    world.take("finish")
    world.now.ahead += 3_600_001
    assert world.sweep.run().resumed == [waiting["id"]]
    world.run()
    assert world.record(waiting["id"])["outcomes"] == {"REDEEMED": 1}


def test_the_sweep_asks_approvers_whose_email_was_lost(with_rule):
    world = with_rule("always")
    world.validate(world.put("redemptions/a.csv", sheet([row("5")]), email=ANN))
    world.take("finish")
    world.now.ahead += 3_600_001
    sent = len(world.mailer.sent)
    world.sweep.run()
    world.run()
    assert [to for to, _ in world.mailer.sent[sent:]] == ["approvers@example.com"]


def test_no_worker_processes_a_chunk_of_a_waiting_import(with_rule):
    world = with_rule("always")
    waiting = redeem(world, 5, email=ANN)
    job = world.import_jobs.get(waiting["id"])
    world.import_jobs._table.update("IMPORT", job.id, {"status": "PROCESSING"})
    world.chunk_sender.run(job.id, quick())
    world.import_jobs._table.update("IMPORT", job.id, {"status": "AWAITING_APPROVAL"})
    with pytest.raises(LookupError):
        world.run()
    assert world.available(*POINTS) == 30_000


def test_requesters_cannot_decide(with_rule):
    world = with_rule("always")
    waiting = redeem(world, 5, email="Carol <CAROL@example.com>, ann@example.com")
    # Two addresses are no address of a user.
    assert waiting["error"]["code"] == "REQUESTER_UNKNOWN"
    preview = world.upload("preview/a.csv", sheet([row("6")]), email="carol@example.com")
    assert (preview["status"], preview["approval"]) == ("COMPLETED", None)
    job = world.imports.start(preview["id"], DAVE.email, DAVE.email, DAVE.id)
    world.arrive(world.record(job.id))
    assert world.record(job.id)["status"] == "AWAITING_APPROVAL"
    with pytest.raises(ApproverExcludedError, match="email"):
        world.approvals.approve(job.id, CAROL, None)
    for decide in (world.approvals.approve, world.approvals.reject):
        with pytest.raises(ApproverExcludedError, match="requested"):
            decide(job.id, replace(DAVE, email="other@example.com"), "x")
    assert world.record(job.id)["status"] == "AWAITING_APPROVAL"
    assert (
        world.approvals.approve(job.id, Approver("sub-eve", "eve@example.com"), None).status == "PROCESSING"
    )


@pytest.mark.parametrize("email", [None, "nobody@example.com", "not an address"])
def test_an_upload_of_an_unknown_person_that_needs_approval_is_aborted(with_rule, email):
    world = with_rule("POINT>100")
    metadata = {"email": email} if email else {}
    assert redeem(world, 5, 1, **metadata)["status"] == "COMPLETED"
    ended = redeem(world, 101, 2, **metadata)
    assert (ended["status"], ended["error"]["code"]) == ("ABORTED", "REQUESTER_UNKNOWN")
    assert world.available(*POINTS) == 30_000 - 5
    # It asked for nothing in the end.
    assert redeem(world, 95, 3, **metadata)["status"] == "COMPLETED"


def test_a_pool_that_cannot_be_asked_lets_nothing_pass(with_rule):
    world = with_rule("POINT>100")
    world.flows.pool_users = Pool()
    uploaded = world.put("redemptions/a.csv", sheet([row("101")]), email=ANN)
    with pytest.raises(ThrottledError):
        world.validate(uploaded)
    world.flows.pool_users = Pool(ANN)
    assert world.record(world.validate(uploaded))["status"] == "AWAITING_APPROVAL"
    assert world.available(*POINTS) == 30_000


def test_an_unreadable_rule_stops_every_import(with_rule):
    world = with_rule("POINT>one hundred")
    with pytest.raises(ApprovalRuleError):
        redeem(world, 1, email=ANN)
    assert world.available(*POINTS) == 30_000


def test_loading_rewards_needs_approval_too(with_rule):
    world = with_rule("POINT>100")
    world.now.ahead += 2 * DAY
    key, rewards = "rewards/more.jsonl", '{"id":"n1","type":"CREDIT","unit":"POINT","assignedCredit":101,'
    rewards += '"user.id":"ann","user.accountId":"acme"}'
    waiting = world.upload(key, rewards, email=ANN)
    assert (waiting["status"], waiting["requested"]) == ("AWAITING_APPROVAL", {"POINT": 101})
    assert world.available(*POINTS) == 30_000
    world.approvals.approve(waiting["id"], CAROL, None)
    world.run()
    assert world.available(*POINTS) == 30_101


# --- Reversals ---


def test_a_reversal_waits_as_well_and_is_the_same_one_when_asked_again(with_rule):
    world = with_rule("POINT>100")
    original = redeem(world, 101, email=ANN)
    world.approvals.approve(original["id"], CAROL, None)
    world.run()
    job = world.import_jobs.get(original["id"])
    reversals = [world.reversals.create(job, "op", "op@example.com", quick(), "sub-op") for _ in range(3)]
    assert {each.id for each in reversals} == {reversals[0].id}
    assert {each.status for each in reversals} == {"AWAITING_APPROVAL"}
    assert reversals[0].requested == {"POINT": 101}
    record = world.requested_records.read("sub-op")
    assert [each.credits for each in record.asked] == [{"POINT": 101}]
    world.run()
    assert world.available(*POINTS) == 30_000 - 101
    with pytest.raises(ApproverExcludedError):
        world.approvals.approve(reversals[0].id, Approver("sub-op", "x@example.com"), None)
    world.approvals.approve(reversals[0].id, CAROL, None)
    world.run()
    assert world.record(reversals[0].id)["outcomes"] == {"REVERSED": 1}
    assert world.available(*POINTS) == 30_000


def test_a_declined_reversal_can_be_requested_again(with_rule):
    world = with_rule("always")
    original = redeem(world, 5, email=ANN)
    world.approvals.approve(original["id"], CAROL, None)
    world.run()
    first = world.reversals.create(world.import_jobs.get(original["id"]), "op", None, quick(), "sub-op")
    world.approvals.reject(first.id, CAROL, "no")
    world.run()
    second = world.reversals.create(world.import_jobs.get(original["id"]), "op", None, quick(), "sub-op")
    assert (second.id != first.id, second.status) == (True, "AWAITING_APPROVAL")


# --- The record under competition, and lost responses ---


def test_of_two_seals_at_once_the_later_one_sees_the_earlier_one(with_rule, monkeypatch):
    world = with_rule("POINT>100")
    seal, others = world.import_jobs.seal, []

    def and_another(*arguments):
        if not others:
            others.append(None)
            others[0] = redeem(world, 60, 2, email=ANN)
        return seal(*arguments)

    monkeypatch.setattr(world.import_jobs, "seal", and_another)
    first = redeem(world, 61, 1, email=ANN)
    assert (others[0]["status"], first["status"]) == ("COMPLETED", "AWAITING_APPROVAL")


def test_a_seal_whose_response_was_lost_counts_once(with_rule, monkeypatch):
    world = with_rule("POINT>100")
    seal, lost = world.import_jobs.seal, []

    def silent(*arguments):
        done = seal(*arguments)
        if not lost:
            lost.append(done)
            return False
        return done

    monkeypatch.setattr(world.import_jobs, "seal", silent)
    assert redeem(world, 60, 1, email=ANN)["status"] == "COMPLETED"
    assert lost == [True]
    assert [each.credits for each in world.requested_records.read("S3").asked] == [{"POINT": 60}]


def test_without_a_rule_no_record_is_written(with_rule):
    world = with_rule("never")
    record = redeem(world, 60, email=ANN)
    assert record["approval"]["required"] is False
    assert world.requested_records.read("S3").version == 0


# --- Ledger calls ---


def call(world, amount, key=None, user="sub-ann"):
    request = Request(f"digest-{amount}", key, requester="ann@example.com", user=user)
    return world.ledger_commands.redeem("acme", "ann", "POINT", amount, request, quick())


def test_ledger_calls_above_the_rule_are_rejected_and_those_below_count(with_rule):
    world = with_rule("POINT>100")
    call(world, 60)
    with pytest.raises(RequestRejectedError, match="APPROVAL_REQUIRED"):
        call(world, 41)
    call(world, 40)
    call(world, 5000, user=None)  # an API key
    assert world.available(*POINTS) == 30_000 - 60 - 40 - 5000
    # What was rejected counts nothing, and imports of the same person see the calls.
    preview = world.upload("preview/a.csv", sheet([row("1")]))
    job = world.imports.start(preview["id"], "ann@example.com", "ann@example.com", "sub-ann")
    world.arrive(world.record(job.id))
    assert world.record(job.id)["status"] == "AWAITING_APPROVAL"


def test_a_repeated_call_counts_once_and_is_not_rejected_after_its_success(with_rule):
    world = with_rule("POINT>100")
    first = call(world, 60, "key")
    for _ in range(2):
        assert call(world, 60, "key") == first
    call(world, 40, "another")
    assert call(world, 60, "key") == first
    assert world.available(*POINTS) == 29_900


def test_every_ledger_call_of_a_user_needs_approval_if_everything_does(with_rule):
    world = with_rule("always")
    with pytest.raises(RequestRejectedError, match="APPROVAL_REQUIRED"):
        call(world, 1)
    assert world.available(*POINTS) == 30_000


# --- Emails ---


def test_the_emails_of_an_approval(with_rule):
    world = with_rule("always")
    waiting = redeem(world, 5, email=ANN)
    to, asked = world.mailer.sent[-1]
    assert to == "approvers@example.com"
    assert "Approval requested" in asked.subject
    for text in ("5", "POINT", "S3", f"/#/import/{waiting['id']}"):
        assert text in asked.text
    assert world.record(waiting["id"])["mailtoEmail"] == ANN
    sent = len(world.mailer.sent)
    world.finisher.run(waiting["id"])
    assert len(world.mailer.sent) == sent, "approvers are asked once"
    world.approvals.approve(waiting["id"], CAROL, "paid by bank")
    bodies = world.take("finish")
    world.deliver("finish", bodies[1])
    to, approved = world.mailer.sent[-1]
    assert (to, "approved" in approved.subject) == (ANN, True)
    assert "paid by bank" in approved.text
    for body in bodies:
        world.deliver("finish", body)
    world.run()
    to, ended = world.mailer.sent[-1]
    assert (to, "completed" in ended.subject) == (ANN, True)
    sent = len(world.mailer.sent)
    for body in bodies:
        world.deliver("finish", body)
    assert len(world.mailer.sent) == sent


def test_an_email_to_the_approvers_that_cannot_be_sent_is_recorded(with_rule):
    world = with_rule("always")
    world.mailer.rejects = True
    waiting = redeem_without_mail(world)
    assert world.record(waiting)["approvalMailError"]
    world.mailer.rejects = False
    world.now.ahead += 3_600_001
    world.sweep.run()
    assert world.take("finish") == []
    world.approvals.approve(waiting, CAROL, None)
    world.run()
    assert world.record(waiting)["status"] == "COMPLETED"


def redeem_without_mail(world):
    import_id = world.validate(world.put("redemptions/a.csv", sheet([row("5")]), email=ANN))
    world.take("finish")
    world.finisher.fail(import_id)
    return import_id


def test_approvers_see_the_warnings_of_rows_that_are_processed_later(with_rule):
    world = with_rule("POINT>100")
    rows = [row("101.5"), row("3", user="bob"), row("1", user="")]
    waiting = world.upload("redemptions/a.csv", sheet(rows), email=ANN)
    job = world.import_jobs.get(waiting["id"])
    assert job.known_warnings == {"NO_ROW_ID": 3, "DIGITS_TRUNCATED": 1}
    assert "NO_ROW_ID" in world.mailer.sent[-1][1].text
    world.approvals.approve(job.id, CAROL, None)
    world.run()
    assert world.import_jobs.get(job.id).known_warnings == {"NO_ROW_ID": 3, "DIGITS_TRUNCATED": 1}


def test_a_waiting_import_whose_file_was_deleted_is_not_approved(with_rule):
    world = with_rule("POINT>100")
    waiting = redeem(world, 101, email=ANN)
    world.s3.delete_object(Bucket=waiting["bucket"], Key=waiting["key"], VersionId=waiting["versionId"])
    with pytest.raises(UploadGoneError):
        world.approvals.approve(waiting["id"], CAROL, None)
    assert world.record(waiting["id"])["status"] == "AWAITING_APPROVAL"
    assert world.approvals.reject(waiting["id"], CAROL, "deleted").status == "ABORTED"
