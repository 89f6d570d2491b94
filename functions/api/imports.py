"""`/import`: create, start, cancel, resume and reverse imports, get their status, download their results."""

from dataclasses import asdict
from typing import Annotated, Any, Literal, Self

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    field_validator,
    model_validator,
)

import wiring
from amounts import Decimals, DecimalsByUnit, WithDecimalsByUnit
from crediting import FreeText, text, time_to_respond
from errors import ApiError, invalid, sent
from exports import EmailProblem, Moment, Problem, email_problem, mailto, problem
from http_responses import FileAddress, Limit, Offset, Redirected, handed_over, shortened
from known import RequestObject
from request import caller_of, is_from_console
from rewards.clock import now
from rewards.domain import control_totals
from rewards.domain.approvers import Approver
from rewards.domain.control_totals import MAX_EXPECTED, Counted, unit_of_total
from rewards.domain.download_names import results_name, upload_name
from rewards.domain.file_names import clean, format_of
from rewards.domain.import_filter import ImportFilter
from rewards.domain.import_job import ImportJob, ImportType
from rewards.domain.job_error import JobFailure
from rewards.domain.object_keys import EXAMPLES, FAILED, RECEIPT, RESULTS, import_key, receipt_key
from rewards.domain.outcomes import Group, count_groups
from rewards.domain.reward_rows import MAX_TEXT
from rewards.domain.unit_totals import MAX_UNITS
from rewards.domain.units import decimals
from rewards.flows.outcome_summary import summarise_outcomes
from rewards.tabular.csv_reader import separator_named
from rewards.tabular.encodings import encoding_name

# ruff: noqa: N815 the contract's names

router = APIGatewayHttpRouter()

_TAGS = ["Imports"]
_TYPES = Literal["REDEEMABLE_REWARD_BALANCE", "REWARD"]
# For readers of the description only; rewards.domain.file_names decides.
_TEXT_ENDINGS = "[cC][sS][vV]|[tT][xX][tT]|[tT][sS][vV]"
_BALANCES_FILE: Any = {"type": "string", "pattern": rf"\.({_TEXT_ENDINGS}|[xX][lL][sS][xX])$"}
_REWARDS_FILE: Any = {
    "type": "string",
    "pattern": rf"\.({_TEXT_ENDINGS}|[xX][lL][sS][xX]|[jJ][sS][oO][nN][lL]|[nN][dD][jJ][sS][oO][nN])$",
}
_SEPARATORS: Any = {"enum": [",", ";", "\t", "comma", "semicolon", "tab"]}


_UNIT_NAMES: Any = {"propertyNames": {"minLength": 1}}

Total = Annotated[int, Field(strict=True, ge=0, le=MAX_EXPECTED)]
Totals = Annotated[dict[str, Total], Field(min_length=1, max_length=MAX_UNITS, json_schema_extra=_UNIT_NAMES)]


class ControlTotals(RequestObject):
    """What the file is expected to contain. If it differs, the import is rejected (TOTALS_MISMATCH).

    The totals cover every row whose value is a valid positive number, whatever its outcome.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"rows": {"type": "null"}}},
            "then": {"required": ["requested"], "properties": {"requested": {"type": "object"}}},
        }
    )

    rows: Total | None = Field(
        default=None,
        description="Rows with a value, also an invalid one: all but those with 0 or a blank value. "
        "Of rewards, all rows.",
    )
    requested: Totals | None = Field(
        default=None,
        description="Credits by unit. A unit that is missing here or in the file is a difference. Without "
        "this field only the rows are compared.",
        examples=[{"CASH/USD": 123450}],
    )

    @field_validator("requested", mode="before")
    @classmethod
    def _names_units(cls, requested: Any) -> Any:
        if not isinstance(requested, dict):
            return requested
        found: dict[str, Any] = {}
        for name, total in requested.items():
            try:
                unit = unit_of_total(name)
            except ValueError as error:
                raise ValueError(f"{shortened(name)!r} {error}") from None
            if unit in found:
                raise ValueError(f"{shortened(name)!r} repeats the unit {unit}")
            found[unit] = total
        return found

    @model_validator(mode="after")
    def _expects_something(self) -> Self:
        if self.rows is None and self.requested is None:
            raise ValueError("must have rows, requested or both")
        return self


class ImportOrder(RequestObject):
    """A file to import."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"type": {"const": ImportType.REWARDS.value}}},
            "then": {"properties": {"fileName": _REWARDS_FILE, "dryRun": {"const": False}}},
            "else": {"properties": {"fileName": _BALANCES_FILE}},
        }
    )

    type: _TYPES = Field(description="Redeem balances, or load rewards.")
    fileName: Annotated[str, AfterValidator(clean)] = Field(
        description="Its ending names the format: .csv, .txt, .tsv, .xlsx; for rewards also .jsonl, .ndjson.",
        examples=["payout.csv"],
    )
    name: str | None = Field(default=None, description="The name of the import; cut to 200 characters.")
    dryRun: StrictBool = Field(default=False, description="Preview the import without changing anything.")
    encoding: Annotated[str, AfterValidator(encoding_name)] | None = Field(
        default=None,
        description="The encoding of a text file, such as Windows-1251 or Shift_JIS. Without it, the "
        "encoding of a file that is not Unicode is detected. A byte-order mark in the file takes precedence.",
        examples=["Windows-1251"],
    )
    separator: Annotated[str, AfterValidator(separator_named)] | None = Field(
        default=None,
        description="The separator between the cells of a text file. Without it, the header decides.",
        json_schema_extra=_SEPARATORS,
    )

    allowDuplicate: StrictBool = Field(
        default=False,
        description="Import rows without rowId even if the same rows were imported in the last 35 days.",
    )
    expected: ControlTotals | None = Field(default=None, description="Control totals of the file.")

    @field_validator("fileName")
    @classmethod
    def _is_in_a_known_format(cls, file_name: str, info: ValidationInfo) -> str:
        if "type" in info.data:
            format_of(file_name, info.data["type"] == ImportType.REWARDS)
        return file_name

    @field_validator("dryRun")
    @classmethod
    def _is_possible(cls, dry_run: bool, info: ValidationInfo) -> bool:
        if dry_run and info.data.get("type") == ImportType.REWARDS:
            raise ValueError("must be false for rewards; loading a reward again changes nothing")
        return dry_run

    @field_validator("encoding", "separator")
    @classmethod
    def _is_for_text(cls, setting: str | None, info: ValidationInfo) -> str | None:
        file_name = info.data.get("fileName", "")
        if setting is not None and file_name.lower().endswith((".xlsx", ".jsonl", ".ndjson")):
            raise ValueError("applies only to .csv, .txt and .tsv files")
        return setting


class RowsOfGroup(BaseModel):
    """The rows of an import in one group of outcomes."""

    group: Group = Field(
        description="DONE (redeemed, loaded or reversed), FAILED (in failed.csv), REPEATED (done by an "
        "earlier import) or SKIPPED."
    )
    label: str = Field(description="The group in words, for example: with errors.")
    rows: int


class ImportStats(WithDecimalsByUnit):
    """Counts of the rows that are processed."""

    rows: int
    processed: int
    outcomes: dict[str, int] = Field(description="Rows by outcome.")
    summary: list[RowsOfGroup] = Field(description="Rows by group of outcomes, without empty groups.")
    requested: dict[str, int] = Field(
        default={},
        description="Credits by unit of all rows with a valid positive value, whatever their outcome. Of at "
        "most 100 units; OTHER is the number of rows in further units.",
    )
    redeemed: dict[str, int] = Field(description="Credits by unit.")
    rejected: dict[str, int] = Field(
        default={}, description="What failed rows requested, as `requested` counts it."
    )
    warnings: dict[str, int] = Field(default={}, description="Rows by warning.")
    decimals: DecimalsByUnit


class ExpectedTotals(WithDecimalsByUnit):
    """The control totals of an import, as they were given. Null is not compared."""

    rows: int | None
    requested: dict[str, int] | None = Field(description="Credits by unit.")
    decimals: DecimalsByUnit


class TotalsDifference(BaseModel):
    """A control total that the file does not have."""

    counted: Counted = Field(
        description="What is counted: ROWS with a value; the credits of a UNIT; rows in OTHER_UNITS, of "
        "which the file has too many to count each."
    )
    unit: str | None = Field(description="Null for rows.")
    expected: int | None = Field(description="Null for a unit that is not expected.")
    found: int | None = Field(description="Null for a unit that is not in the file.")
    decimals: Decimals


class ImportProblem(Problem):
    """Why an import ended without what it was for."""

    differences: list[TotalsDifference] = Field(
        default=[], description="The figures that differ from the control totals (TOTALS_MISMATCH)."
    )


class Approval(BaseModel):
    """Whether an import needs approval, and who decided."""

    required: bool = Field(description="False also before the file is checked, and for a dry run.")
    rule: str | None = Field(description="The rule of the stack when the file was checked.")
    approver: str | None = Field(description="The email address of the user who approved or declined it.")
    comment: str | None = Field(description="What the approver said about the approval.")
    reason: str | None = Field(description="Why it was rejected.")
    date: int | None = Field(description="When it was approved or declined.")


class Stall(BaseModel):
    """An import that is under way, but has made no progress for 20 minutes or longer. It can be resumed."""

    since: int = Field(description="The time of its last progress.")
    reason: str = Field(description="What it waits for, in words.")


class ReceiptOfImport(BaseModel):
    """The receipt of an import, in the chain of all receipts."""

    sequence: int = Field(description="Its number in the chain.")
    digest: str = Field(description="The SHA-256 of receipt.json, in hexadecimal.")


class Import(BaseModel):
    """A file that is imported. Dates are Unix milliseconds UTC."""

    id: str
    type: _TYPES
    name: str
    fileName: str
    dryRun: bool
    requester: str = Field(
        description="Who created, started or reversed it: a user's email address, an API key, or for an "
        "upload to the bucket the AWS principal (S3 if it is not known)."
    )
    cancelledBy: str | None = Field(default=None, description="Who cancelled it.")
    resumedBy: str | None = Field(default=None, description="Who resumed it last.")
    mailtoEmail: str | None = Field(description="The email address that is notified.")
    emailProblem: EmailProblem | None = Field(
        default=None,
        description="Why the email did not arrive, or was not wanted; null if no problem is known.",
    )
    status: Literal[
        "PENDING", "VALIDATING", "AWAITING_APPROVAL", "PROCESSING", "COMPLETED", "ABORTED", "CANCELLED"
    ]
    error: ImportProblem | None
    allowDuplicate: bool = False
    expected: ExpectedTotals | None = Field(default=None, description="Its control totals.")
    encoding: str | None = Field(
        default=None, description="The encoding of a text file; null if it is not known yet."
    )
    encodingDetected: bool = Field(
        default=False,
        description="Whether the encoding was detected, because it was not set and is not Unicode.",
    )
    separator: str | None = Field(default=None, description="The separator between the cells of a text file.")
    dateCreated: int
    dateCompleted: int | None
    dateExpires: int | None = Field(
        default=None,
        description="The time until which its results can be downloaded; null before it has results.",
    )
    dateLinksRevoked: int | None = Field(
        default=None, description="When the links in emails were last revoked."
    )
    startedFrom: str | None = Field(
        default=None, description="The dry run from which this import was started."
    )
    startedAs: str | None = Field(default=None, description="The import that was started from this dry run.")
    approval: Approval
    reverses: str | None = Field(default=None, description="The import that this one reverses.")
    reversedBy: str | None = Field(default=None, description="The import that reverses this one.")
    stalled: Stall | None = Field(default=None, description="Null while it makes progress.")
    receipt: ReceiptOfImport | None = Field(
        default=None, description="Null before it has ended, and if it redeemed, loaded or reversed no row."
    )
    stats: ImportStats


class ApprovalComment(RequestObject):
    """What the approver says about the approval."""

    comment: FreeText | None = Field(default=None, description="Shown to the requester.")


class RejectionReason(RequestObject):
    """Why an import is rejected."""

    reason: text(MAX_TEXT) = Field(description="Shown to the requester.")  # type: ignore[valid-type]


class ExampleRow(BaseModel):
    """A row of the upload with its message."""

    line: int = Field(description="The row number in a spreadsheet program.")
    cells: list[str]
    message: str


class OutcomeOfRows(BaseModel):
    """The rows with one outcome."""

    outcome: str
    rows: int
    failed: bool = Field(description="Whether these rows are in failed.csv.")
    retryable: bool = Field(description="Whether these rows can be imported again without a correction.")
    title: str = Field(description="The outcome in a few words.")
    meaning: str
    remedy: str | None = Field(description="How to fix these rows. Null if nothing is wrong.")
    examples: list[ExampleRow] = Field(description="The first of these rows, once the import has ended.")


class WarningOfRows(BaseModel):
    """The rows with one warning, or a warning about the whole file. It changed no outcome."""

    warning: str
    rows: int
    title: str = Field(description="The warning in a few words.")
    meaning: str
    remedy: str = Field(description="What to do about it.")
    examples: list[ExampleRow] = Field(description="The first of these rows, once the import has ended.")


class FileRejection(BaseModel):
    """Why the whole file was rejected, in a few words, and how to fix it."""

    reason: str
    remedy: str


class ImportOutcomes(BaseModel):
    """The outcomes of an import's rows in words. `columns` name the cells of the example rows."""

    columns: list[str]
    outcomes: list[OutcomeOfRows]
    warnings: list[WarningOfRows]
    rejection: FileRejection | None


class Form(BaseModel):
    """A form that uploads one file: multipart/form-data with all `fields`, then the file as `file`."""

    url: str
    fields: dict[str, str]


class OrderedImport(Import):
    """An import that waits for its file."""

    upload: Form


class ImportPage(BaseModel):
    """Imports, newest first."""

    data: list[Import]
    count: int = Field(description="The number of entries in data.")
    totalCount: int = Field(description="The number of imports that match.")
    searchedSince: int | None = Field(
        default=None,
        description="Null if all imports were searched. Otherwise older ones than this were not: send the "
        "request again with it as `to`.",
    )


@router.post(
    "/import",
    summary="Create an import",
    tags=_TAGS,
    status_code=201,
    responses={201: {"description": "The import, and the form that uploads its file within an hour."}},
)
def order_import(_tenant: str, wanted: ImportOrder) -> OrderedImport:
    """The form accepts one file of up to 5 GB (workbooks 512 MiB). The import begins when it arrives."""
    caller = caller_of(router.current_event.raw_event)
    totals = wanted.expected
    expected = control_totals.ExpectedTotals(totals.rows, totals.requested) if totals else None
    job, form = wiring.flows().imports.create(
        ImportType(wanted.type),
        wanted.fileName,
        wanted.name or "",
        wanted.dryRun,
        caller.name,
        mailto(caller),
        wanted.allowDuplicate,
        wanted.encoding,
        wanted.separator,
        expected,
        # The console shows the result of a preview.
        sends_email=not (wanted.dryRun and is_from_console(router.current_event.raw_event)),
        requester_id=caller.user,
    )
    return OrderedImport.model_validate({**_shown(job), "upload": asdict(form)})


_ANY_STATUS = Literal[
    "PENDING", "VALIDATING", "AWAITING_APPROVAL", "PROCESSING", "COMPLETED", "ABORTED", "CANCELLED"
]


def _with_text(query: str) -> str:
    if not query.strip():
        raise ValueError(f"must not be blank, not {sent(query)}")
    return query


_QUERY = Query(
    min_length=1,
    max_length=200,
    description="Only imports with this text in their name, file name, requester or id, in upper or lower "
    "case.",
)


@router.get("/import/history/list", summary="List imports", tags=_TAGS)
def list_imports(
    _tenant: str,
    limit: Limit = 10,
    offset: Offset = 0,
    status: Annotated[_ANY_STATUS | None, Query(description="Only imports with this status.")] = None,
    import_type: Annotated[_TYPES | None, Query(alias="type", description="Only this type.")] = None,
    since: Annotated[
        Moment | None, Query(alias="from", description="Only imports created at this moment or later.")
    ] = None,
    before: Annotated[
        Moment | None, Query(alias="to", description="Only imports created before this moment.")
    ] = None,
    query: Annotated[str | None, _QUERY, AfterValidator(_with_text)] = None,
) -> ImportPage:
    """Newest first. With `status`, `type` or `query` one request searches the newest 10,000 imports of the
    period; `searchedSince` says where it stopped."""
    if since is not None and before is not None and since >= before:
        raise invalid([{"field": "from", "message": "must be earlier than to"}])
    wanted = ImportFilter(status, import_type, since, before, query)
    listed = wiring.flows().imports.history(limit, offset, wanted)
    found = [Import.model_validate(_shown(job)) for job in listed.jobs]
    return ImportPage(
        data=found, count=len(found), totalCount=listed.total, searchedSince=listed.searched_since
    )


@router.get(
    "/import/<import_id>",
    summary="Get an import",
    tags=_TAGS,
    responses={200: {"description": "The import"}, 404: {"description": "IMPORT_NOT_FOUND"}},
)
def show_import(_tenant: str, import_id: str) -> Import:
    """The import has ended when dateCompleted is set."""
    return Import.model_validate(_shown(_found(import_id, wiring.flows().imports.get(import_id))))


@router.post(
    "/import/<import_id>/start",
    summary="Start the import of a dry run",
    tags=_TAGS,
    status_code=201,
    responses={
        201: {"description": "The new import; a repeated request returns the same one."},
        404: {"description": "IMPORT_NOT_FOUND"},
        409: {"description": "NOT_A_DRY_RUN, or IMPORT_ and the dry run's status, if that is not COMPLETED"},
        410: {"description": "UPLOAD_GONE"},
    },
)
def start_import(_tenant: str, import_id: str) -> Import:
    """Import the file that was uploaded for a dry run. A dry run starts only one import."""
    caller = caller_of(router.current_event.raw_event)
    job = wiring.flows().imports.start(import_id, caller.name, caller.email, caller.user)
    return Import.model_validate(_shown(_found(import_id, job)))


@router.post(
    "/import/<import_id>/cancel",
    summary="Cancel an import",
    tags=_TAGS,
    responses={
        200: {"description": "The import; no further row is redeemed."},
        404: {"description": "IMPORT_NOT_FOUND"},
        409: {"description": "IMPORT_COMPLETED, IMPORT_ABORTED, IMPORT_PROCESSED"},
        503: {"description": "STILL_WORKING: it is cancelled, but a worker may be finishing. Send it again."},
    },
)
def cancel_import(_tenant: str, import_id: str) -> Import:
    """Rows that are not redeemed yet end CANCELLED. A repeated request gets the same response. It also
    resumes an import that has not ended."""
    requester = caller_of(router.current_event.raw_event).name
    job = wiring.flows().imports.cancel(import_id, requester)
    return Import.model_validate(_shown(_found(import_id, job)))


@router.post(
    "/import/<import_id>/resume",
    summary="Resume an import",
    tags=_TAGS,
    status_code=202,
    responses={
        202: {"description": "The import; the service continues with what is left to do."},
        404: {"description": "IMPORT_NOT_FOUND"},
        409: {
            "description": "IMPORT_PENDING: it waits for its file. IMPORT_COMPLETED, IMPORT_ABORTED, "
            "IMPORT_CANCELLED: it has ended. NOT_RESUMABLE: version 0.1 did not store what it sent."
        },
    },
)
def resume_import(_tenant: str, import_id: str) -> Import:
    """Continue an import that has stopped because its messages were lost. The service also does so by itself
    after an hour. A repeated request, or one for an import that has not stopped, changes no result."""
    requester = caller_of(router.current_event.raw_event).name
    job = wiring.flows().imports.resume(import_id, requester)
    return Import.model_validate(_shown(_found(import_id, job)))


@router.post(
    "/import/<import_id>/reverse",
    summary="Reverse an import",
    tags=_TAGS,
    status_code=201,
    responses={
        201: {"description": "The import that returns everything; a repeated request returns the same one."},
        404: {"description": "IMPORT_NOT_FOUND"},
        409: {"description": "NOT_REVERSIBLE: a preview, a load of rewards, a reversal, or not yet ended"},
        410: {"description": "IMPORT_EXPIRED: its results are no longer kept"},
    },
)
def reverse_import(_tenant: str, import_id: str) -> Import:
    """Return what an import redeemed, each amount to the reward it came from. The reversal is an import of
    its own, whose rows end REVERSED. A reversed row may be redeemed again."""
    caller = caller_of(router.current_event.raw_event)
    original = _found(import_id, wiring.flows().imports.get(import_id))
    reversal = wiring.flows().reversals.create(
        original, caller.name, mailto(caller), time_to_respond(), caller.user
    )
    return Import.model_validate(_shown(reversal))


_DECIDED: Any = {
    403: {
        "description": "FORBIDDEN: not a user in the group approvers. APPROVER_EXCLUDED: the user created "
        "the dry run, uploaded, started or reversed it, or gets its email."
    },
    404: {"description": "IMPORT_NOT_FOUND"},
    409: {"description": "IMPORT_ and its status, if that is not AWAITING_APPROVAL"},
}


@router.post(
    "/import/<import_id>/approve",
    summary="Approve an import",
    tags=_TAGS,
    status_code=202,
    responses={202: {"description": "The import, whose rows are processed now."}, **_DECIDED},
)
def approve_import(_tenant: str, import_id: str, said: ApprovalComment | None = None) -> tuple[Import, int]:
    """For users in the group approvers. Exactly the rows that were checked are processed. A repeated request
    of the same approver changes nothing."""
    comment = said.comment if said is not None else None
    job = wiring.flows().approvals.approve(import_id, _approver(), comment or None)
    return Import.model_validate(_shown(_found(import_id, job))), 202


@router.post(
    "/import/<import_id>/reject",
    summary="Reject an import",
    tags=_TAGS,
    responses={200: {"description": "The import, which has ended. Nothing was changed."}, **_DECIDED},
)
def reject_import(_tenant: str, import_id: str, said: RejectionReason) -> Import:
    """For users in the group approvers. The import ends as APPROVAL_REJECTED. A repeated request of the same
    approver changes nothing."""
    job = wiring.flows().approvals.reject(import_id, _approver(), said.reason)
    return Import.model_validate(_shown(_found(import_id, job)))


def _approver() -> Approver:
    """The signed-in user who decides. An access token names no address, so nobody could be excluded by it."""
    caller = caller_of(router.current_event.raw_event)
    if not caller.is_user or caller.email is None:
        raise ApiError(
            403, "FORBIDDEN", "Only a signed-in user whose token has a verified email address can decide."
        )
    return Approver(caller.user, caller.email)


@router.get(
    "/import/<import_id>/outcomes",
    summary="Explain the outcomes of an import",
    tags=_TAGS,
    responses={200: {"description": "The outcomes"}, 404: {"description": "IMPORT_NOT_FOUND"}},
)
def explain_outcomes(_tenant: str, import_id: str) -> ImportOutcomes:
    """Each outcome, warning and rejection with its meaning, its remedy and its first rows."""
    job = _found(import_id, wiring.flows().imports.get(import_id))
    kept = wiring.flows().files.record(import_key(import_id, EXAMPLES)) if job.results else None
    return ImportOutcomes.model_validate(asdict(summarise_outcomes(job, kept)))


@router.post(
    "/import/<import_id>/links/revoke",
    summary="Revoke the links to an import's files",
    tags=_TAGS,
    responses={200: {"description": "The import"}, 404: {"description": "IMPORT_NOT_FOUND"}},
)
def revoke_import_links(_tenant: str, import_id: str) -> Import:
    """All links to its files that were sent by email so far stop working. A file that somebody opened just
    before can be downloaded for up to five minutes more."""
    requester = caller_of(router.current_event.raw_event).name
    job = wiring.flows().imports.revoke_links(import_id, requester)
    return Import.model_validate(_shown(_found(import_id, job)))


_FILE: Any = {
    200: {
        "description": "With redirect=false: the address of the file.",
        "content": {"application/json": {"model": FileAddress}},
    },
    303: {"description": "The file is at `Location` for five minutes."},
    404: {"description": "IMPORT_NOT_FOUND, NO_SUCH_FILE"},
    409: {"description": "IMPORT_NOT_FINISHED"},
    410: {"description": "IMPORT_EXPIRED"},
}


@router.get("/import/<import_id>/results", summary="Download results.csv", tags=_TAGS, responses=_FILE)
def download_results(_tenant: str, import_id: str, redirected: Redirected = True) -> Response[str]:
    """Every row of the upload with its outcome."""
    return _file(import_id, RESULTS, redirected)


@router.get("/import/<import_id>/failed", summary="Download failed.csv", tags=_TAGS, responses=_FILE)
def download_failed(_tenant: str, import_id: str, redirected: Redirected = True) -> Response[str]:
    """Only the rows with errors, if there are any."""
    return _file(import_id, FAILED, redirected)


@router.get(
    "/import/<import_id>/receipt",
    summary="Download receipt.json",
    tags=_TAGS,
    responses={
        **_FILE,
        409: {"description": "IMPORT_NOT_FINISHED: it has not ended, or the file is being written"},
    },
)
def download_receipt(_tenant: str, import_id: str, redirected: Redirected = True) -> Response[str]:
    """What the import did, with digests of its files and of the receipt before it. Imports that redeemed,
    loaded or reversed a row have one. It is kept longer than the results."""
    job = _ended(import_id)
    if job.receipt is None:
        raise ApiError(404, "NO_SUCH_FILE", f"This import has no {RECEIPT}.")
    flows, key = wiring.flows(), receipt_key(job.id)
    if not flows.files.exists(key):
        if flows.receipts.find(job.receipt.sequence) is None:
            raise ApiError(410, "IMPORT_EXPIRED", "The receipt is no longer kept.")
        message = f"{RECEIPT} is being written. Try again in a minute."
        raise ApiError(409, "IMPORT_NOT_FINISHED", message)
    url = flows.files.signed_url(key, wiring.SIGNED_SECONDS, results_name(job.name, RECEIPT))
    return handed_over(url, redirected)


@router.get(
    "/import/<import_id>/upload",
    summary="Download the uploaded file",
    tags=_TAGS,
    responses={
        **_FILE,
        404: {"description": "IMPORT_NOT_FOUND"},
        409: {"description": "IMPORT_PENDING: no file has arrived"},
        410: {"description": "UPLOAD_GONE"},
    },
)
def download_upload(_tenant: str, import_id: str, redirected: Redirected = True) -> Response[str]:
    """The very version of the file that is imported."""
    job = _found(import_id, wiring.flows().imports.get(import_id))
    if not job.etag:
        raise ApiError(409, "IMPORT_PENDING", "No file has arrived for this import.")
    uploads = wiring.flows().uploads
    if job.bucket != uploads.bucket or not uploads.exists(job.key, job.version_id):
        raise ApiError(410, "UPLOAD_GONE", "The uploaded file is no longer available.")
    name = upload_name(job.file_name)
    url = uploads.signed_url(job.key, job.version_id, wiring.SIGNED_SECONDS, name)
    return handed_over(url, redirected)


def _file(import_id: str, name: str, redirected: bool) -> Response[str]:
    job = _ended(import_id)
    if not job.results or (name == FAILED and not job.has_failed_file):
        raise ApiError(404, "NO_SUCH_FILE", f"This import has no {name}.")
    key = import_key(job.id, name)
    if not job.is_kept(now()) or not wiring.flows().files.exists(key):
        raise ApiError(
            410, "IMPORT_EXPIRED", "The file is no longer available. Results are kept for a limited time."
        )
    url = wiring.flows().files.signed_url(key, wiring.SIGNED_SECONDS, results_name(job.name, name))
    return handed_over(url, redirected)


def _ended(import_id: str) -> ImportJob:
    job = _found(import_id, wiring.flows().imports.get(import_id))
    if job.date_completed is None:
        raise ApiError(409, "IMPORT_NOT_FINISHED", "The import has not ended yet.")
    return job


def _found(import_id: str, job: ImportJob | None) -> ImportJob:
    if job is None:
        raise ApiError(404, "IMPORT_NOT_FOUND", f"No import has the id {shortened(import_id)!r}.")
    return job


def _problem(failure: JobFailure | None) -> dict[str, Any] | None:
    """The error of an import with the differences to its control totals."""
    shown = problem(failure)
    if failure is None or shown is None:
        return None
    differences = [
        {**asdict(each), "decimals": decimals(each.unit) if each.unit else 0} for each in failure.differences
    ]
    return {**shown, "differences": differences}


def _approval(job: ImportJob) -> dict[str, Any]:
    if job.approval is not None:
        return asdict(job.approval)
    nothing = dict.fromkeys(("rule", "approver", "comment", "reason", "date"))
    return {"required": False, **nothing}


def _shown(job: ImportJob) -> dict[str, Any]:
    """An import with the names of CONTRACT section 5. What an earlier version did not count is empty."""
    groups = [each for each in count_groups(job.outcomes, job.purpose) if each.rows]
    stall = job.stall_at(now())
    return {
        "id": job.id,
        "type": job.type.value,
        "name": job.name,
        "fileName": job.file_name,
        "dryRun": job.dry_run,
        "requester": job.requester,
        "cancelledBy": job.cancelled_by,
        "resumedBy": job.resumed_by,
        "mailtoEmail": job.mailto_email,
        "emailProblem": email_problem(job),
        "status": job.status.value,
        "error": _problem(job.error),
        "allowDuplicate": job.allow_duplicate,
        "expected": asdict(job.expected) if job.expected else None,
        "encoding": job.encoding,
        "encodingDetected": bool(job.encoding_detected),
        "separator": job.separator,
        "dateCreated": job.date_created,
        "dateCompleted": job.date_completed,
        "dateExpires": job.date_expires,
        "dateLinksRevoked": job.date_links_revoked,
        "startedFrom": job.started_from,
        "startedAs": job.started_as,
        "approval": _approval(job),
        "reverses": job.reverses,
        "reversedBy": job.reversed_by,
        "stalled": asdict(stall) if stall else None,
        "receipt": asdict(job.receipt) if job.receipt else None,
        "stats": {
            "rows": job.rows,
            "processed": job.processed,
            "outcomes": job.outcomes,
            "summary": [{"group": each.group, "label": each.label, "rows": each.rows} for each in groups],
            "requested": job.requested,
            "redeemed": job.redeemed,
            "rejected": job.rejected or {},
            "warnings": job.known_warnings,
        },
    }
