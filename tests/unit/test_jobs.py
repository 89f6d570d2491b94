"""Imports and exports: their states, how they are stored, and that no other step can be written."""

from dataclasses import replace
from itertools import product
from typing import get_type_hints
from unittest.mock import Mock

import pytest

from rewards.adapters.export_jobs import ExportJobs
from rewards.adapters.import_jobs import ImportJobs
from rewards.adapters.job_items import attributes, export_job, export_record, import_job, import_record
from rewards.domain import export_job as exports
from rewards.domain import import_job as imports
from rewards.domain.control_totals import Counted, Difference, ExpectedTotals
from rewards.domain.email_problem import EmailProblem, EmailProblemKind
from rewards.domain.export_job import ExportFields, ExportJob, ExportStatus
from rewards.domain.import_job import (
    ImportFields,
    ImportJob,
    ImportStatus,
    ImportType,
    ReceiptRef,
    Seal,
    Step,
    new_import,
)
from rewards.domain.job_error import ImpossibleTransitionError, JobError, JobFailure
from rewards.domain.outcomes import FileProblem

NOW = 1_795_292_040_000
HOUR = 3_600_000
DAY = 24 * HOUR


def import_of(**more):
    job = new_import("06gzzx7rv0b59snh", ImportType.REDEMPTIONS, False, "Payout", "a.csv", NOW)
    return replace(job, **more)


def export_of(**more):
    job = ExportJob(
        id="06gzzx7tr2jsak43",
        type="REWARD",
        format="CSV",
        name="Details",
        requester="API",
        params={"filter": {"unit_in": ["POINT"]}},
        mailto_email=None,
        status=ExportStatus.PENDING,
        date_created=NOW,
    )
    return replace(job, **more)


class Table:
    """In place of JobsTable: keeps what was to be written."""

    def __init__(self):
        self.written = []

    def create(self, _kind, _identifier, record, _actions=()):
        self.written.append(record)
        return True

    def update(self, _kind, _identifier, changes, **expected):
        self.written.append((changes, expected))
        return True


# --- States ---


@pytest.mark.parametrize(
    ("adapter", "statuses", "transitions"),
    [(ImportJobs, ImportStatus, imports.TRANSITIONS), (ExportJobs, ExportStatus, exports.TRANSITIONS)],
)
def test_writes_only_a_status_that_can_follow_the_expected_one(adapter, statuses, transitions):
    assert set(transitions) == set(statuses)
    for before, after in product((None, *statuses), statuses):
        table = Table()
        expected = {} if before is None else {"status": before}
        if before is not None and after in transitions[before]:
            assert adapter(table, Mock()).update("id", {"status": after}, **expected)
            assert table.written == [({"status": after.value}, {"status": before.value})]
        else:
            with pytest.raises(ImpossibleTransitionError):
                adapter(table, Mock()).update("id", {"status": after}, **expected)
            assert table.written == []


def test_an_import_is_created_only_in_a_first_status():
    for status in ImportStatus:
        table = Table()
        if status in imports.FIRST_STATUSES:
            assert ImportJobs(table, Mock()).create(import_of(status=status))
        else:
            with pytest.raises(ImpossibleTransitionError):
                ImportJobs(table, Mock()).create(import_of(status=status))
            assert table.written == []


@pytest.mark.parametrize("rows", [0, 3])
@pytest.mark.parametrize("done", [0, 1])
def test_an_import_can_be_cancelled_until_its_last_chunk_is_counted(rows, done):
    for status in ImportStatus:
        job = import_of(status=status, rows=rows, chunks=1, chunks_done=done)
        ended = (ImportStatus.COMPLETED, ImportStatus.ABORTED, ImportStatus.CANCELLED)
        is_open = status not in ended
        assert job.can_cancel is (is_open and not job.is_complete)


def test_an_import_whose_file_does_not_arrive_is_aborted_after_two_hours():
    job = import_of()
    assert job.as_at(NOW + 2 * HOUR - 1) is job
    late = job.as_at(NOW + 2 * HOUR)
    assert (late.status, late.date_completed) == (ImportStatus.ABORTED, NOW + 2 * HOUR)
    assert late.error is not None
    assert late.error.code is JobError.UPLOAD_EXPIRED
    arrived = replace(job, status=ImportStatus.VALIDATING)
    assert arrived.as_at(NOW + DAY) is arrived


def test_an_export_expires_with_its_file_and_fails_after_a_day_without_one():
    job = export_of(status=ExportStatus.COMPLETED, date_expires=NOW + DAY)
    assert job.as_at(NOW + DAY - 1) is job
    assert job.as_at(NOW + DAY).status is ExportStatus.EXPIRED
    waiting = export_of()
    assert waiting.as_at(NOW + DAY - 1) is waiting
    failed = waiting.as_at(NOW + DAY)
    assert failed.status is ExportStatus.ABORTED
    assert failed.error is not None
    assert failed.error.code is JobError.EXPORT_FAILED


def test_chunks_are_sent_of_sealed_imports_only_and_once():
    seal = Seal("a", "b")
    for status in ImportStatus:
        job = import_of(status=status, seal=seal, rows=1)
        is_sent = status in (ImportStatus.PROCESSING, ImportStatus.CANCELLED)
        assert job.has_unsent_chunks is is_sent
        assert replace(job, seal=None, reverses="other").has_unsent_chunks is is_sent
        assert not replace(job, seal=None).has_unsent_chunks, "version 0.1 stored none"
        assert not replace(job, rows=0).has_unsent_chunks
        assert not replace(job, sent=True).has_unsent_chunks


def test_an_import_is_continued_by_what_is_left_to_do():
    for status in ImportStatus:
        job = import_of(status=status)
        sealed = replace(job, rows=2, chunks=1, seal=Seal("a", "b"))
        is_open = status in (ImportStatus.PROCESSING, ImportStatus.CANCELLED)
        if status is ImportStatus.VALIDATING:
            assert job.next_step is Step.VALIDATE
        if is_open:
            assert sealed.next_step is Step.SEND_CHUNKS
            assert replace(sealed, chunks_done=1).next_step is Step.FINISH
            assert replace(sealed, seal=None).next_step is None, "version 0.1 stored no chunks"
            assert replace(sealed, seal=None, chunks_done=1).next_step is Step.FINISH
        assert replace(sealed, date_completed=NOW).next_step is None
        if status is ImportStatus.PENDING:
            assert not job.is_under_way
            assert job.next_step is None


def test_the_email_of_an_import_is_due_once_it_has_ended():
    job = import_of(status=ImportStatus.ABORTED, date_completed=NOW)
    assert job.awaits_email
    assert not replace(job, date_completed=None).awaits_email
    assert not replace(job, sends_email=False).awaits_email
    assert not replace(job, date_mailed=NOW).awaits_email
    assert not replace(job, mail_error="why").awaits_email
    assert not replace(job, status=ImportStatus.CANCELLED).awaits_email, "its file never arrived"
    assert replace(job, status=ImportStatus.CANCELLED, version_id="1").awaits_email


def test_the_email_of_an_export_is_due_once_it_has_ended():
    job = export_of(status=ExportStatus.COMPLETED, date_completed=NOW)
    assert job.awaits_email
    assert replace(job, status=ExportStatus.ABORTED).awaits_email
    assert not replace(job, date_mailed=NOW).awaits_email
    assert not replace(job, mail_error="why").awaits_email
    assert not export_of().awaits_email
    assert not export_of().as_at(NOW + DAY).awaits_email, "it is only shown as failed"


def test_what_last_happened_to_a_job_counts_as_its_progress():
    assert import_of().last_progress == export_of().last_progress == NOW
    for name in ("date_progress", "date_resumed", "date_completed"):
        assert import_of(**{name: NOW + 5}).last_progress == NOW + 5
        assert import_of(**{name: NOW - 5}).last_progress == NOW
    for name in ("date_resumed", "date_completed"):
        assert export_of(**{name: NOW + 5}).last_progress == NOW + 5


def test_every_reason_to_reject_a_file_is_an_error_of_jobs():
    assert {JobError(problem).file_problem for problem in FileProblem} == set(FileProblem)
    assert JobError.RESULTS_FAILED.file_problem is None


# --- Items ---


@pytest.mark.parametrize(("partial", "whole"), [(ImportFields, ImportJob), (ExportFields, ExportJob)])
def test_partial_updates_have_the_types_of_the_job(partial, whole):
    types = get_type_hints(whole)
    assert get_type_hints(partial).items() <= types.items()


def test_an_import_is_read_as_it_was_stored():
    failure = JobFailure(JobError.RESULTS_FAILED, "why")
    job = import_of(error=failure, seal=Seal("a", "b"), outcomes={"REDEEMED": 1}, rejected={"POINT": 5})
    later = {"date_expires": 1, "results": True, "parts": 2, "date_mailed": 3, "mail_error": "x"}
    later |= {"date_progress": 4, "date_resumed": 5, "resumes": 6}
    later |= {"email_problem": EmailProblem(EmailProblemKind.BOUNCED, 7), "receipt": ReceiptRef(8, "cd")}
    record = {**import_record(job), **attributes(later)}
    assert record["receipt"] == {"sequence": 8, "digest": "cd"}
    assert record["error"] == {"code": "RESULTS_FAILED", "message": "why"}
    assert record["seal"] == {"attempt": "a", "manifest": "b"}
    assert record["emailProblem"] == {"kind": "BOUNCED", "date": 7}
    assert type(record["status"]) is type(record["type"]) is str
    assert import_job(record) == replace(job, **later)


@pytest.mark.parametrize("expected", [
    ExpectedTotals(3), ExpectedTotals(None, {"CASH/USD": 1, "a.b=c": 0}),
    ExpectedTotals(0, {"POINT": 10**15 - 1}),
])  # fmt: skip
def test_control_totals_and_how_a_file_differs_are_read_as_they_were_stored(expected):
    differences = (
        Difference(Counted.ROWS, None, 3, 4),
        Difference(Counted.UNIT, "POINT", None, 7),
        Difference(Counted.OTHER_UNITS, None, None, 2),
    )
    failure = JobFailure(JobError.TOTALS_MISMATCH, "why", differences)
    job = import_of(expected=expected, error=failure)
    record = import_record(job)
    assert record["error"]["differences"][1] == {
        "counted": "UNIT", "unit": "POINT", "expected": None, "found": 7,
    }  # fmt: skip
    assert import_job(record) == job


def test_an_export_is_read_as_it_was_stored():
    later = {"as_of": 1, "read_until": 2, "totals": {"POINT": 3}, "date_mailed": 4, "mail_error": "x"}
    later |= {"email_problem": EmailProblem(EmailProblemKind.COMPLAINED, 7)}
    record = {**export_record(export_of()), **attributes(later)}
    assert record["params"] == {"filter": {"unit_in": ["POINT"]}}
    assert export_job(record) == export_of(**later)


def test_a_new_import_has_the_attributes_that_it_always_had():
    assert set(import_record(import_of())) == {
        *("id", "type", "name", "fileName", "dryRun", "requester", "mailtoEmail", "sendsEmail", "status"),
        *("error", "dateCreated", "dateCompleted", "startedFrom", "startedAs", "reverses", "reversedBy"),
        *("bucket", "key", "versionId", "etag", "size", "uploadDigest", "allowDuplicate", "seal"),
        *("sentFiles", "sent"),
        *("encoding", "encodingDetected", "encodingLine", "separator", "rows", "processed", "chunks"),
        *("expected", "requesterId", "namedEmail", "approval"),
        *("chunksDone", "outcomes", "requested", "redeemed", "rejected", "warnings", "fileWarnings"),
    }


def test_a_new_export_has_the_attributes_that_it_always_had():
    assert set(export_record(export_of())) == {
        *("id", "type", "format", "name", "requester", "params", "mailtoEmail", "status", "dateCreated"),
        *("dateCompleted", "dateExpires", "recordCount", "error"),
    }


def test_an_import_of_version_0_1_is_read():
    old = import_record(import_of(outcomes={"REDEEMED": 1}))
    for name in (
        *("sendsEmail", "startedFrom", "startedAs", "reverses", "reversedBy", "allowDuplicate", "seal"),
        *("sentFiles", "encodingDetected", "encodingLine", "separator", "requested", "rejected"),
        *("warnings", "fileWarnings", "expected", "requesterId", "namedEmail", "approval"),
    ):
        del old[name]
    job = import_job({**old, "parts": 2})
    assert (job.sends_email, job.seal, job.parts, job.outcomes) == (True, None, 2, {"REDEEMED": 1})
    assert job.encoding_detected is None, "it did not say whether it was detected"
    assert job.rejected is None, "there is no place to count in"
