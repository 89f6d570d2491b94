"""`/export`: create a report, get its status, download it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

import wiring
from amounts import DecimalsByUnit, WithDecimalsByUnit
from crediting import NOT_A_DATE, ProgramId, Segment, Unit
from errors import ApiError, sent
from http_responses import FileAddress, Limit, Offset, Redirected, handed_over, shortened
from known import RequestObject
from request import Caller, caller_of
from reward_routes import RewardType
from rewards.domain.download_names import report_name
from rewards.domain.email_problem import EmailProblemKind
from rewards.domain.export_job import ExportJob, ExportStatus
from rewards.domain.filters import DATES, FOR_PAYMENT
from rewards.domain.import_job import ImportJob
from rewards.domain.job_error import JobFailure
from rewards.domain.object_keys import report_key
from rewards.domain.report import BALANCES, REDEEMABLE, TYPES
from rewards.domain.reward_rows import MAX_CREDIT, MAX_DATE, MIN_DATE

# ruff: noqa: N815 the contract's names

router = APIGatewayHttpRouter()

_TAGS = ["Exports"]


def _known_type(kind: str) -> str:
    if kind not in TYPES:
        raise ValueError(f"must be one of {', '.join(TYPES)}")
    return kind


def _not_blank(text: str) -> str:
    if not text:
        raise ValueError("must not be blank; leave it out or send null for no filter")
    return text


def _moment(given: Any) -> Any:
    """The Unix milliseconds of a date that is given as milliseconds or in ISO 8601."""
    if isinstance(given, bool) or not isinstance(given, int | str):
        raise ValueError(f"{NOT_A_DATE}, not {sent(given)}")
    if isinstance(given, int) or given.strip().isdecimal():
        if not MIN_DATE <= int(given) <= MAX_DATE:
            raise ValueError(f"{NOT_A_DATE}, not {sent(given)}")
        return int(given)
    try:
        moment = datetime.fromisoformat(given.strip())
    except ValueError:
        raise ValueError(f"{NOT_A_DATE}, not {sent(given)}") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


Moment = Annotated[
    int,
    BeforeValidator(_moment),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": MIN_DATE, "maximum": MAX_DATE},
                {"type": "string", "format": "date-time"},
            ]
        }
    ),
]
_Program = Annotated[ProgramId, AfterValidator(_not_blank)]


class ExportFilter(RequestObject):
    """The original system's filter by unit; all fields must match. For reports of available balances and of
    rewards."""

    unit_eq: Unit | None = Field(default=None, description="Only this unit.")
    unit_in: list[Unit] | None = Field(
        default=None, min_length=1, max_length=100, description="Only these units."
    )
    unitType_eq: Unit | None = Field(
        default=None, description="Only units with this name: CASH for CASH/USD."
    )
    currency_eq: str | None = Field(
        default=None, pattern="^[A-Z]{3}$", description="Only units of this currency (ISO 4217)."
    )
    type_eq: RewardType | None = Field(default=None, description="Only rewards of this type.")


_BALANCE_DATES = "For reports of balances (by the first reward's dateGiven) and of rewards."
_UPDATE_DATES = "For reports of balances and of rewards: by the last write of the balance."
_PAYMENT = "For reports of available balances: "


class ExportParams(RequestObject):
    """Filters. All of them must match; one that does not apply to the type of report is rejected."""

    # For readers of the description only; rewards.domain.filters decides.
    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"minimumValue": {"type": "integer"}}, "required": ["minimumValue"]},
            "then": {"properties": {"unit": {"type": "string"}}, "required": ["unit"]},
        }
    )

    unit: Unit | None = Field(default=None, description="Only this unit.", examples=["CASH/USD"])
    programId: _Program | None = Field(default=None, description="Only rewards of this program.")
    filter: ExportFilter | None = None
    minimumValue: Annotated[int, Field(strict=True, ge=0, le=MAX_CREDIT)] | None = Field(
        default=None,
        description=f"{_PAYMENT}only balances with at least so much available, in the smallest unit. "
        "Needs `unit`.",
    )
    availableUntil: Moment | None = Field(
        default=None, description=f"{_PAYMENT}count only what does not expire before this moment."
    )
    blocked: Literal["INCLUDE", "EXCLUDE"] | None = Field(
        default=None, description=f"{_PAYMENT}whether blocked participants are in it. Default: INCLUDE."
    )
    segments: list[Segment] | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description=f"{_PAYMENT}only participants who are in any of these segments.",
    )
    prefill: Literal["AVAILABLE"] | None = Field(
        default=None, description=f"{_PAYMENT}valueToRedeem is the available value instead of 0."
    )
    createdSince: Moment | None = Field(default=None, description=_BALANCE_DATES)
    createdBefore: Moment | None = Field(default=None, description=_BALANCE_DATES)
    updatedSince: Moment | None = Field(default=None, description=_UPDATE_DATES)
    updatedBefore: Moment | None = Field(default=None, description=_UPDATE_DATES)
    createdOrUpdatedSince: Moment | None = Field(default=None, description="Either of the two.")
    createdOrUpdatedBefore: Moment | None = Field(default=None, description="Either of the two.")


def _only_null(*names: str) -> Any:
    return {"properties": {"params": {"properties": {name: {"type": "null"} for name in names}}}}


class ExportOrder(RequestObject):
    """A report to create."""

    # For readers of the description only; rewards.domain.filters decides.
    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"type": {"enum": [each for each in TYPES if TYPES[each] == REDEEMABLE]}}},
            "then": _only_null(*DATES),
            "else": {
                "if": {"properties": {"type": {"enum": [each for each in TYPES if TYPES[each] == BALANCES]}}},
                "then": _only_null("filter", *FOR_PAYMENT),
                "else": _only_null(*FOR_PAYMENT),
            },
        }
    )

    type: Annotated[str, AfterValidator(_known_type)] = Field(
        json_schema_extra={"enum": list(TYPES)}, examples=["REDEEMABLE_REWARD_BALANCE"]
    )
    format: Literal["CSV", "XLSX"] = "CSV"
    name: str | None = Field(default=None, description="The name of the import; cut to 200 characters.")
    requester: str | None = Field(
        default=None,
        description="The requester, if an API key is used; cut to 200 characters. Default: the API key. With "
        "a user's token it is the user's email address.",
    )
    params: ExportParams | None = None


class Problem(BaseModel):
    """Why a job ended without what it was for."""

    code: str
    message: str


class EmailProblem(BaseModel):
    """What the email service reported about the email of a job after it had accepted the email."""

    kind: EmailProblemKind = Field(
        description="BOUNCED: the recipient's server returned it. COMPLAINED: the recipient reported it as "
        "spam. REJECTED: it was not sent because of its content."
    )
    date: int
    message: str = Field(description="What happened and what to do, in words.")


class Export(WithDecimalsByUnit):
    """A requested report. Dates are Unix milliseconds UTC."""

    id: str
    type: str
    format: str
    name: str
    requester: str
    # With a title of its own: generated clients would call it ExportParams, as the model of requests.
    params: dict[str, Any] = Field(title="Filters", description="The filters that apply.")
    mailtoEmail: str | None = Field(description="The email address that is notified.")
    emailProblem: EmailProblem | None = Field(
        default=None,
        description="Why the email did not arrive, or was not wanted; null if no problem is known.",
    )
    status: Literal["PENDING", "COMPLETED", "ABORTED", "EXPIRED"]
    dateCreated: int
    dateCompleted: int | None
    dateExpires: int | None = Field(description="The time until which the file can be downloaded.")
    dateLinksRevoked: int | None = Field(
        default=None, description="When the links in emails were last revoked."
    )
    recordCount: int | None
    totals: dict[str, int] | None = Field(default=None, description="The available credits by unit.")
    decimals: DecimalsByUnit
    error: Problem | None


class ExportPage(BaseModel):
    """Exports, newest first."""

    data: list[Export]
    count: int = Field(description="The number of entries in data.")
    totalCount: int


@router.post(
    "/export",
    summary="Create a report",
    tags=_TAGS,
    status_code=201,
    responses={
        201: {"description": "The export. Its report is being created."},
        400: {"description": "INVALID_UNIT: a filter has a misspelt unit."},
    },
)
def order_export(_tenant: str, wanted: ExportOrder) -> Export:
    """The report is created in the background. An email with a link is sent when it is ready."""
    caller = caller_of(router.current_event.raw_event)
    chosen: Any = wanted.params.model_dump(exclude_none=True) if wanted.params else {}
    job = wiring.flows().exports.create(
        wanted.type,
        wanted.format,
        (wanted.name or "")[:200],
        caller.name if caller.is_user else (wanted.requester or caller.name)[:200],
        chosen,
        mailto(caller),
    )
    return Export.model_validate(_shown(job))


@router.get("/export/history/list", summary="List exports", tags=_TAGS)
def list_exports(_tenant: str, limit: Limit = 10, offset: Offset = 0) -> ExportPage:
    """Newest first."""
    jobs, total = wiring.flows().exports.history(limit, offset)
    found = [Export.model_validate(_shown(job)) for job in jobs]
    return ExportPage(data=found, count=len(found), totalCount=total)


@router.get(
    "/export/<export_id>",
    summary="Get an export",
    tags=_TAGS,
    responses={200: {"description": "The export"}, 404: {"description": "EXPORT_NOT_FOUND"}},
)
def show_export(_tenant: str, export_id: str) -> Export:
    """Repeat the request until the status is no longer PENDING."""
    return Export.model_validate(_shown(_found(export_id)))


@router.get(
    "/export/<export_id>/download",
    summary="Download a report",
    tags=_TAGS,
    responses={
        200: {
            "description": "With redirect=false: the address of the file.",
            "content": {"application/json": {"model": FileAddress}},
        },
        303: {"description": "The file is at `Location` for five minutes."},
        404: {"description": "EXPORT_NOT_FOUND"},
        409: {"description": "EXPORT_PENDING, EXPORT_ABORTED"},
        410: {"description": "EXPORT_EXPIRED"},
    },
)
def download_export(_tenant: str, export_id: str, redirected: Redirected = True) -> Response[str]:
    """The address in the response needs no authentication and works for five minutes."""
    job = _found(export_id)
    if job.status in (ExportStatus.PENDING, ExportStatus.ABORTED):
        raise ApiError(409, f"EXPORT_{job.status}", f"The export is {job.status}, so it has no file.")
    key = report_key(export_id, job.format, job.type)
    if job.status is ExportStatus.EXPIRED or not wiring.flows().files.exists(key):
        raise ApiError(410, "EXPORT_EXPIRED", "The file is no longer available. Create the report again.")
    name = report_name(job.name, job.date_created, job.format)
    return handed_over(wiring.flows().files.signed_url(key, wiring.SIGNED_SECONDS, name), redirected)


@router.post(
    "/export/<export_id>/links/revoke",
    summary="Revoke the links to an export's files",
    tags=_TAGS,
    responses={200: {"description": "The export"}, 404: {"description": "EXPORT_NOT_FOUND"}},
)
def revoke_export_links(_tenant: str, export_id: str) -> Export:
    """All links to its files that were sent by email so far stop working. A file that somebody opened just
    before can be downloaded for up to five minutes more."""
    requester = caller_of(router.current_event.raw_event).name
    job = wiring.flows().exports.revoke_links(export_id, requester)
    return Export.model_validate(_shown(_known(export_id, job)))


def mailto(caller: Caller) -> str:
    """The address that is notified about a caller's export or import."""
    return caller.email or wiring.settings().notification_email


def problem(failure: JobFailure | None) -> dict[str, str] | None:
    """The error of a job as the API shows it."""
    return {"code": failure.code.value, "message": failure.message} if failure else None


def email_problem(job: ImportJob | ExportJob) -> dict[str, Any] | None:
    """What SES reported about the email of a job as the API shows it."""
    found = job.email_problem
    return {"kind": found.kind, "date": found.date, "message": found.message} if found else None


def _found(export_id: str) -> ExportJob:
    return _known(export_id, wiring.flows().exports.get(export_id))


def _known(export_id: str, job: ExportJob | None) -> ExportJob:
    if job is None:
        raise ApiError(404, "EXPORT_NOT_FOUND", f"No export has the id {shortened(export_id)!r}.")
    return job


def _shown(job: ExportJob) -> dict[str, Any]:
    """An export with the names of CONTRACT section 5."""
    return {
        "id": job.id,
        "type": job.type,
        "format": job.format,
        "name": job.name,
        "requester": job.requester,
        "params": job.params,
        "mailtoEmail": job.mailto_email,
        "emailProblem": email_problem(job),
        "status": job.status.value,
        "dateCreated": job.date_created,
        "dateCompleted": job.date_completed,
        "dateExpires": job.date_expires,
        "recordCount": job.record_count,
        "totals": job.totals,
        "dateLinksRevoked": job.date_links_revoked,
        "error": problem(job.error),
    }
