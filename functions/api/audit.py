"""`/audit`: who did what to which object, when. For administrators only (resolver.py)."""

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import AfterValidator, BaseModel, Field

import wiring
from exports import Moment
from rewards.adapters.audit_log import AuditFilter
from rewards.adapters.retry import Backoff
from rewards.domain.audit import Action, participant_object
from rewards.domain.units import decimals
from rewards.flows.audit_search import Cursor

router = APIGatewayHttpRouter()

# Seconds of searching; API Gateway waits for 30.
_SECONDS = 15.0
_MAX_TEXT = 1_000

_DIGEST = re.compile("[0-9a-f]{32}")


def _known_cursor(text: str) -> str:
    try:
        Cursor.parse(text)
    except ValueError:
        raise ValueError("is not a cursor of an earlier response") from None
    return text


Text = Annotated[str | None, Query(min_length=1, max_length=_MAX_TEXT)]


class AuditRecord(BaseModel):
    """An entry of the audit log. `date` is in Unix milliseconds UTC."""

    id: str
    date: int
    actor: str = Field(description="A user's email address, an API key, a principal, a function, or `link`.")
    action: str
    object: str = Field(description="Its kind and id, for example import/06gzzx7rv0b59snh.")
    details: dict[str, Any] = Field(description="`related` is a second object that the entry is about.")
    decimals: dict[str, int] = Field(description="By unit: the decimals of the amounts in `details`.")


class AuditRecords(BaseModel):
    """Entries of the audit log, newest first."""

    entries: list[AuditRecord]
    cursor: str | None = Field(
        description="Send it to get the next entries; null if there are none. A response without entries may "
        "have one: then the search takes longer than one request."
    )


@router.get("/audit", summary="Search the audit log", tags=["Audit log"])
def search_audit_log(
    _tenant: str,
    since: Annotated[Moment | None, Query(alias="from", description="At this moment or later.")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="Before this moment.")] = None,
    actor: Text = None,
    about: Annotated[
        str | None,
        Query(
            alias="object",
            min_length=1,
            max_length=_MAX_TEXT,
            description="For example import/06gzzx7rv0b59snh. A participant is participant/ACCOUNT/USER, an "
            "account account/ACCOUNT, with percent-encoded ids.",
        ),
    ] = None,
    action: Annotated[Action | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1_000, description="About how many entries.")] = 100,
    cursor: Annotated[
        str | None, AfterValidator(_known_cursor), Query(description="The cursor of the response before.")
    ] = None,
) -> AuditRecords:
    """Newest first. An entry can be found a few seconds after it was written."""
    wanted = AuditFilter(actor, _named(about), action)
    at = Cursor.parse(cursor) if cursor else None
    page = wiring.flows().audit_search.find(
        wanted, since or 0, until, limit, at, Backoff.for_seconds(_SECONDS)
    )
    records = [
        AuditRecord(
            id=each.id,
            date=each.entry.date,
            actor=each.entry.actor,
            action=each.entry.action,
            object=each.entry.object,
            details=dict(each.entry.details),
            decimals={unit: decimals(unit) for unit in _units(each.entry.details)},
        )
        for each in page.entries
    ]
    return AuditRecords(entries=records, cursor=str(page.cursor) if page.cursor else None)


def _units(details: Mapping[str, Any]) -> list[str]:
    """The units of the amounts in an entry. Details of a failed request can have any type."""
    totals = details.get("requested")
    named = [details.get("unit"), *(totals if isinstance(totals, Mapping) else ())]
    return sorted({unit for unit in named if isinstance(unit, str)})


def _named(about: str | None) -> str | None:
    """The object as entries name it: participants and accounts by their digests."""
    kind, *parts = (about or "").split("/")
    ids = [unquote(part) for part in parts]
    if kind == "participant" and len(ids) == 2:
        return participant_object(wiring.flows().row_id_keys(), ids[0], ids[1])
    if kind == "account" and len(ids) == 1 and not _DIGEST.fullmatch(ids[0]):
        return participant_object(wiring.flows().row_id_keys(), ids[0])
    return about
