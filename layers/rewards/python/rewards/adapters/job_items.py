"""Imports and exports as the table stores them: the one place that knows their attributes.

An attribute has the field's name in camel case, as in CONTRACT section 5. Items of earlier versions lack some
of them; the defaults of ImportJob and ExportJob are for these.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from functools import cache
from typing import Any

from rewards.adapters.jobs_table import Record
from rewards.domain.approval import Approval
from rewards.domain.control_totals import Counted, Difference, ExpectedTotals
from rewards.domain.email_problem import EmailProblem, EmailProblemKind
from rewards.domain.export_job import ExportJob, ExportStatus
from rewards.domain.import_job import ImportJob, ImportStatus, ImportType, ReceiptRef, Seal
from rewards.domain.job_error import JobError, JobFailure

# Attributes that an item gets only later.
_LATER = frozenset(
    {
        *("date_expires", "results", "parts"),
        *("as_of", "read_until", "totals"),
        *("date_mailed", "mail_error", "email_problem"),
        *("date_progress", "date_resumed", "resumes"),
        *("joined", "receipt", "sent_warnings"),
        *("date_approval_mailed", "approval_mail_error"),
        *("cancelled_by", "resumed_by", "date_links_revoked", "links_revoked_by"),
    }
)


def import_job(record: Record) -> ImportJob:
    """An import as its record says."""
    return ImportJob(**_values(record, _fields(ImportJob), {"type": ImportType, "status": ImportStatus}))


def export_job(record: Record) -> ExportJob:
    """An export as its record says."""
    return ExportJob(**_values(record, _fields(ExportJob), {"status": ExportStatus}))


def import_record(job: ImportJob) -> Record:
    """The record of an import that is created."""
    return _new_record(job, _fields(ImportJob))


def export_record(job: ExportJob) -> Record:
    """The record of an export that is created. Its end is on it from the first."""
    return {**_new_record(job, _fields(ExportJob)), "dateExpires": job.date_expires}


def attributes(values: Mapping[str, object]) -> Record:
    """Some fields of an import or an export, as attributes."""
    return {attribute(name): _stored(value) for name, value in values.items()}


@cache
def attribute(field_name: str) -> str:
    """The attribute of a field: `dateCreated` of `date_created`."""
    first, *others = field_name.split("_")
    return first + "".join(map(str.capitalize, others))


@cache
def _fields(job_type: type[ImportJob] | type[ExportJob]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(job_type))


def _new_record(job: ImportJob | ExportJob, names: Iterable[str]) -> Record:
    return attributes({name: getattr(job, name) for name in names if name not in _LATER})


def _values(
    record: Record, names: Iterable[str], types: Mapping[str, Callable[[Any], Any]]
) -> dict[str, Any]:
    found = {name: record[attribute(name)] for name in names if attribute(name) in record}
    structured = {
        "error": _failure,
        "seal": _seal,
        "email_problem": _problem,
        "expected": _expected,
        "receipt": _receipt,
        "approval": _approval,
    }
    for name, read in {**types, **structured}.items():
        if found.get(name) is not None:
            found[name] = read(found[name])
    return found


def _failure(stored: Mapping[str, Any]) -> JobFailure:
    differences = tuple(
        Difference(Counted(each["counted"]), each["unit"], each["expected"], each["found"])
        for each in stored.get("differences", ())
    )
    return JobFailure(JobError(stored["code"]), stored["message"], differences)


def _expected(stored: Mapping[str, Any]) -> ExpectedTotals:
    return ExpectedTotals(stored["rows"], stored["requested"])


def _seal(stored: Mapping[str, str]) -> Seal:
    return Seal(stored["attempt"], stored["manifest"])


def _receipt(stored: Mapping[str, Any]) -> ReceiptRef:
    return ReceiptRef(stored["sequence"], stored["digest"])


def _problem(stored: Mapping[str, Any]) -> EmailProblem:
    return EmailProblem(EmailProblemKind(stored["kind"]), stored["date"])


def _approval(stored: Mapping[str, Any]) -> Approval:
    return Approval(**stored)


def _stored(value: object) -> object:
    """A field's value as boto3 serialises it."""
    if isinstance(value, JobFailure):
        failure = {"code": value.code.value, "message": value.message}
        differences = [_stored(asdict(each)) for each in value.differences]
        return {**failure, "differences": differences} if differences else failure
    if isinstance(value, ExpectedTotals):
        return {"rows": value.rows, "requested": _stored(value.requested)}
    if isinstance(value, Seal):
        return {"attempt": value.attempt, "manifest": value.manifest}
    if isinstance(value, ReceiptRef):
        return {"sequence": value.sequence, "digest": value.digest}
    if isinstance(value, Approval):
        return asdict(value)
    if isinstance(value, EmailProblem):
        return {"kind": value.kind.value, "date": value.date}
    if isinstance(value, Mapping):
        return {str(name): _stored(each) for name, each in value.items()}
    return str(value) if isinstance(value, str) else value
