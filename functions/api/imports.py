"""`/import`: ask after imports, download their results."""

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

import wiring
from errors import ApiError
from paging import paging, redirect
from rewards.adapters.jobs import IMPORT
from rewards.clock import now
from rewards.rules import ids
from rewards.rules.outcomes import any_failed

router = APIGatewayHttpRouter()

_FIELDS = (
    "id",
    "type",
    "name",
    "fileName",
    "dryRun",
    "requester",
    "mailtoEmail",
    "status",
    "error",
    "dateCreated",
    "dateCompleted",
)
_STATS = ("rows", "processed", "outcomes", "redeemed")


@router.get("/import/history/list")
def history(_tenant: str) -> dict[str, Any]:
    limit, offset = paging(router.current_event.query_string_parameters)
    records, total = wiring.jobs().history(IMPORT, limit, offset)
    return {"data": [_shown(record) for record in records], "count": len(records), "totalCount": total}


@router.get("/import/<import_id>")
def show(_tenant: str, import_id: str) -> dict[str, Any]:
    return _shown(_import(import_id))


@router.get("/import/<import_id>/results")
def results(_tenant: str, import_id: str) -> Response[str]:
    return _file(_import(import_id), "results.csv")


@router.get("/import/<import_id>/failed")
def failed(_tenant: str, import_id: str) -> Response[str]:
    return _file(_import(import_id), "failed.csv")


def _file(record: dict[str, Any], name: str) -> Response[str]:
    if record["status"] in ("VALIDATING", "PROCESSING"):
        raise ApiError(409, "IMPORT_NOT_FINISHED", "The import is not finished yet.")
    if not record.get("results") or (name == "failed.csv" and not any_failed(record["outcomes"])):
        raise ApiError(404, "NO_SUCH_FILE", f"This import has no {name}.")
    if record["dateExpires"] <= now():
        raise ApiError(410, "IMPORT_EXPIRED", "The file is gone; it is kept for a limited time only.")
    return redirect(wiring.files().signed_url(f"imports/{record['id']}/{name}", wiring.SIGNED_SECONDS))


def _import(import_id: str) -> dict[str, Any]:
    record = wiring.jobs().get(IMPORT, import_id) if ids.is_id(import_id) else None
    if record is None:
        raise ApiError(404, "IMPORT_NOT_FOUND", "There is no import of this id.")
    return record


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    stats = {name: record[name] for name in _STATS}
    return {**{name: record.get(name) for name in _FIELDS}, "stats": stats}
