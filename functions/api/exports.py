"""`/export`: order a report, ask after it, download it."""

from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import AfterValidator, BaseModel, Field

import wiring
from errors import ApiError
from incoming import Caller, caller_of
from paging import FileAddress, Limit, Offset, Redirected, handed_over, shortened
from rewards.flows.exports import TYPES
from rewards.rules.download_names import report_name
from rewards.rules.report import file_key

# ruff: noqa: N815 the contract's names

router = APIGatewayHttpRouter()

_TAGS = ["Exports"]


def _known_type(kind: str) -> str:
    if kind not in TYPES:
        raise ValueError(f"must be one of {', '.join(TYPES)}")
    return kind


class ExportParams(BaseModel):
    """What to leave out. Other filters of the original system are accepted and ignored."""

    unit: str | None = Field(default=None, description="Only this unit.", examples=["CASH/USD"])
    programId: str | None = Field(default=None, description="Only rewards of this program.")


class ExportOrder(BaseModel):
    """A report to make. Fields that are not known are ignored."""

    type: Annotated[str, AfterValidator(_known_type)] = Field(
        json_schema_extra={"enum": list(TYPES)}, examples=["REDEEMABLE_REWARD_BALANCE"]
    )
    format: Literal["CSV", "XLSX"] = "CSV"
    name: str | None = Field(default=None, description="What it is called; cut to 200 characters.")
    requester: str | None = Field(default="API", description="Who asks; cut to 200 characters.")
    params: ExportParams | None = None


class Problem(BaseModel):
    """Why a job ended without what it was for."""

    code: str
    message: str


class Export(BaseModel):
    """A report that was ordered. Dates are Unix milliseconds UTC."""

    id: str
    type: str
    format: str
    name: str
    requester: str
    params: dict[str, Any] = Field(description="The filters that apply.")
    mailtoEmail: str | None = Field(description="Who is told.")
    status: Literal["PENDING", "COMPLETED", "ABORTED", "EXPIRED"]
    dateCreated: int
    dateCompleted: int | None
    dateExpires: int | None = Field(description="Until when the file can be downloaded.")
    recordCount: int | None
    totals: dict[str, int] | None = Field(default=None, description="What is available, in credits by unit.")
    error: Problem | None


class ExportPage(BaseModel):
    """Exports, newest first."""

    data: list[Export]
    count: int = Field(description="How many stand here.")
    totalCount: int


@router.post(
    "/export",
    summary="Order a report",
    tags=_TAGS,
    status_code=201,
    responses={201: {"description": "The order; the report is on its way."}},
)
def order_export(_tenant: str, wanted: ExportOrder) -> Export:
    """The report is made in the background; an email with a link comes when it is ready."""
    chosen = {name: value for name, value in (wanted.params or ExportParams()).model_dump().items() if value}
    record = wiring.exports().order(
        TYPES[wanted.type],
        wanted.format,
        (wanted.name or "")[:200],
        (wanted.requester or "API")[:200],
        chosen,
        mailto(caller_of(router.current_event.raw_event)),
    )
    return Export.model_validate(record)


@router.get("/export/history/list", summary="List exports", tags=_TAGS)
def list_exports(_tenant: str, limit: Limit = 10, offset: Offset = 0) -> ExportPage:
    """Newest first."""
    records, total = wiring.exports().history(limit, offset)
    found = [Export.model_validate(record) for record in records]
    return ExportPage(data=found, count=len(found), totalCount=total)


@router.get(
    "/export/<export_id>",
    summary="Look an export up",
    tags=_TAGS,
    responses={200: {"description": "The export"}, 404: {"description": "EXPORT_NOT_FOUND"}},
)
def show_export(_tenant: str, export_id: str) -> Export:
    """Ask until the status is no longer PENDING."""
    return Export.model_validate(_export(export_id))


@router.get(
    "/export/<export_id>/download",
    summary="Download a report",
    tags=_TAGS,
    responses={
        200: {
            "description": "With redirect=false: where the file is.",
            "content": {"application/json": {"model": FileAddress}},
        },
        303: {"description": "The file is at `Location` for five minutes."},
        404: {"description": "EXPORT_NOT_FOUND"},
        409: {"description": "EXPORT_PENDING, EXPORT_ABORTED"},
        410: {"description": "EXPORT_EXPIRED"},
    },
)
def download_export(_tenant: str, export_id: str, redirected: Redirected = True) -> Response[str]:
    """The address in the answer needs no authentication and works for five minutes."""
    record = _export(export_id)
    if record["status"] in ("PENDING", "ABORTED"):
        raise ApiError(409, f"EXPORT_{record['status']}", f"The export is {record['status'].lower()}.")
    key = file_key(export_id, record["format"], record["type"])
    if record["status"] == "EXPIRED" or not wiring.files().exists(key):
        raise ApiError(410, "EXPORT_EXPIRED", "The file is gone: order the report again.")
    name = report_name(record["name"], record["dateCreated"], record["format"])
    return handed_over(wiring.files().signed_url(key, wiring.SIGNED_SECONDS, name), redirected)


def mailto(caller: Caller) -> str:
    """Who is told of what a caller ordered."""
    return caller.email or wiring.settings().notification_email


def _export(export_id: str) -> dict[str, Any]:
    record = wiring.exports().get(export_id)
    if record is None:
        raise ApiError(404, "EXPORT_NOT_FOUND", f"There is no export {shortened(export_id)!r}.")
    return record
