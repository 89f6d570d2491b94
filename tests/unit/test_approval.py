"""The rule of approvals, what counts in 24 hours, and who may approve."""

from dataclasses import replace

import pytest

from rewards.domain.approval import (
    EXPIRES_AFTER,
    WINDOW,
    Approval,
    ApprovalRuleError,
    Asked,
    needs_approval,
    parse_rule,
    recent,
    totals,
    with_asked,
)
from rewards.domain.approvers import Approver, why_excluded
from rewards.domain.duplicates import counts_as_imported
from rewards.domain.import_job import (
    TRANSITIONS,
    ImportStatus,
    ImportType,
    Seal,
    check_first_status,
    new_import,
)
from rewards.domain.job_error import JobError

NOW = 1_790_000_000_000
DAY = 86_400_000
WAITING = replace(
    new_import("06gz", ImportType.REDEMPTIONS, False, "", "a.csv", NOW),
    status=ImportStatus.AWAITING_APPROVAL,
    approval=Approval(True, "always"),
    version_id="1",
    rows=3,
    chunks=1,
    seal=Seal("a", "b"),
    date_progress=NOW + 1000,
)


# --- The rule ---


def test_reads_thresholds_in_the_unit_as_shown():
    rule = parse_rule(" CASH/USD>1000.5; POINT>50000;CREDIT/KWD>0.001 ")
    assert rule.limits == {"CASH/USD": 100_050, "POINT": 50_000, "CREDIT/KWD": 1}
    assert parse_rule("never").limits is None
    assert parse_rule("always").limits is None


@pytest.mark.parametrize(
    "text",
    [
        "", "Never", "ALWAYS", "none", "never;POINT>5", "POINT", "POINT>", ">5", "POINT>five", "POINT>-1",
        "POINT>1e3", "POINT>1,000", "POINT>5;", "POINT>=5", "POINT<5", "POINT>0.5", "CASH/USD>1.001",
        "POINT>5;POINT>6", "OTHER>5", " >5", ";".join(f"U{n}>1" for n in range(21)),
    ],
)  # fmt: skip
def test_never_takes_an_unreadable_rule_as_never(text):
    with pytest.raises(ApprovalRuleError, match="ApprovalRule"):
        parse_rule(text)


@pytest.mark.parametrize(
    ("rule", "requested", "earlier", "needed"),
    [
        ("never", {"POINT": 10**15}, {}, False),
        ("always", {"POINT": 1}, {}, True),
        ("POINT>100", {"POINT": 100}, {}, False),
        ("POINT>100", {"POINT": 101}, {}, True),
        ("POINT>100", {"POINT": 60}, {"POINT": 40}, False),
        ("POINT>100", {"POINT": 60}, {"POINT": 41}, True),
        # A unit that is not named, also where it only differs in case.
        ("POINT>100", {"POINT": 1, "TICKET": 1}, {}, True),
        ("POINT>100", {"point": 1}, {}, True),
        ("POINT>100", {"OTHER": 1}, {}, True),
        # What was asked for earlier in another unit was decided then.
        ("POINT>100;TICKET>5", {"TICKET": 1}, {"POINT": 1000}, False),
        ("POINT>100", {}, {"POINT": 1000}, False),
        # The same unit in two forms of Unicode.
        ("Caf\u00e9>100", {"Cafe\u0301": 60, "Caf\u00e9": 50}, {}, True),
    ],
)
def test_needs_approval_above_a_threshold(rule, requested, earlier, needed):
    assert needs_approval(parse_rule(rule), requested, earlier) is needed


# --- The last 24 hours ---


def test_forgets_what_is_older_than_a_day():
    asked = with_asked((Asked(NOW, {"POINT": 5}),), Asked(NOW + WINDOW - 1, {"POINT": 7}))
    assert totals(recent(asked, NOW + WINDOW - 1)) == {"POINT": 12}
    assert totals(recent(asked, NOW + WINDOW)) == {"POINT": 7}
    assert with_asked(asked, Asked(NOW + WINDOW, {"POINT": 1}))[0].date == NOW + WINDOW - 1


def test_a_bounded_record_loses_no_sum_and_forgets_nothing_too_early():
    asked = ()
    for number in range(1000):
        asked = with_asked(asked, Asked(NOW + number * 60_000, {"POINT": 1}))
    assert len(asked) <= 100
    for later in (1000 * 60_000, WINDOW, WINDOW + 500 * 60_000):
        exact = sum(NOW + number * 60_000 > NOW + later - WINDOW for number in range(1000))
        counted = totals(recent(asked, NOW + later)).get("POINT", 0)
        assert exact <= counted <= exact + 15
    assert totals(asked) == {"POINT": 1000}


# --- A waiting import ---


def test_nothing_is_done_for_a_waiting_import():
    assert not WAITING.has_unsent_chunks
    assert not WAITING.is_under_way
    assert WAITING.next_step is None
    assert not WAITING.is_complete
    assert not WAITING.can_finish
    assert not WAITING.awaits_email
    assert WAITING.stall_at(NOW + 13 * DAY) is None
    assert WAITING.can_cancel
    assert counts_as_imported(WAITING, None, NOW)
    check_first_status(ImportStatus.AWAITING_APPROVAL)
    assert TRANSITIONS[ImportStatus.AWAITING_APPROVAL] == {
        ImportStatus.PROCESSING,
        ImportStatus.ABORTED,
        ImportStatus.CANCELLED,
    }


def test_approvers_are_asked_once():
    assert WAITING.awaits_approval_email
    assert not replace(WAITING, date_approval_mailed=NOW).awaits_approval_email
    assert not replace(WAITING, approval_mail_error="no").awaits_approval_email
    approved = replace(WAITING.approval, approver="a", date=NOW)
    assert replace(WAITING, status=ImportStatus.PROCESSING, approval=approved).awaits_approval_email
    without = Approval(False, "POINT>5")
    assert not replace(WAITING, status=ImportStatus.PROCESSING, approval=without).awaits_approval_email


def test_no_chunk_is_sent_of_an_import_that_was_cancelled_while_it_waited():
    cancelled = replace(WAITING, status=ImportStatus.CANCELLED, date_completed=NOW)
    assert not cancelled.has_unsent_chunks
    assert cancelled.is_cancelled_waiting
    assert cancelled.can_finish
    assert cancelled.awaits_email
    assert cancelled.ended_without_effect
    approved = replace(WAITING.approval, approver="a", date=NOW)
    under_way = replace(WAITING, status=ImportStatus.CANCELLED, approval=approved)
    assert under_way.has_unsent_chunks
    assert not under_way.is_cancelled_waiting


def test_a_waiting_import_expires_after_14_days_from_its_seal():
    assert WAITING.as_at(NOW + EXPIRES_AFTER) is WAITING
    expired = WAITING.as_at(NOW + 1000 + EXPIRES_AFTER)
    assert (expired.status, expired.error.code) == (ImportStatus.ABORTED, JobError.APPROVAL_EXPIRED)


def test_messages_of_an_import_that_was_approved_late_are_not_too_old():
    approved = replace(WAITING.approval, approver="a", date=NOW + 10 * DAY)
    assert replace(WAITING, approval=approved).last_resumed == NOW + 10 * DAY


# --- Who may approve ---

ANN = Approver("sub-ann", "Ann@Example.com")


@pytest.mark.parametrize(
    "fields",
    [
        {"requester": "ann@example.com"},
        {"requester": "ANN@EXAMPLE.COM", "requester_id": "sub-other"},
        {"requester": "sub-ann"},  # an access token names no address
        {"requester": "changed@example.com", "requester_id": "sub-ann"},
        {"mailto_email": " ann@example.com "},
        {"mailto_email": "ops@example.com", "named_email": "ann@example.com"},
        {"named_email": "Ann Lee <ann@example.com>"},
        {"named_email": "bob@example.com, ann@example.com"},
    ],
)
def test_nobody_who_asked_for_an_import_may_approve_it(fields):
    own = replace(WAITING, **fields)
    assert why_excluded(ANN, own, None)
    other = replace(WAITING, requester="bob@example.com", requester_id="sub-bob", started_from="06gy")
    assert why_excluded(ANN, other, own), "of the dry run"
    assert why_excluded(ANN, other, None) is None
