"""`/import`: ask after imports, download their results."""

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

import wiring
from errors import ApiError
from paging import paging, redirect
from rewards.adapters.jobs import IMPORT
from rewards.rules import ids
from rewards.rules.outcomes import SETTLED, Outcome

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
    return _file(import_id, "results.csv", needed=True)


@router.get("/import/<import_id>/failed")
def failed(_tenant: str, import_id: str) -> Response[str]:
    outcomes = _import(import_id)["outcomes"]
    return _file(import_id, "failed.csv", needed=any(Outcome(o) not in SETTLED for o in outcomes))


def _file(import_id: str, name: str, needed: bool) -> Response[str]:
    record = _import(import_id)
    if record["status"] == "ABORTED" or not needed:
        raise ApiError(404, "NO_SUCH_FILE", f"This import has no {name}.")
    if not record.get("results"):
        raise ApiError(409, "IMPORT_NOT_FINISHED", "The import is not finished yet.")
    return redirect(wiring.files().signed_url(f"imports/{import_id}/{name}", wiring.SIGNED_SECONDS))


def _import(import_id: str) -> dict[str, Any]:
    record = wiring.jobs().get(IMPORT, import_id) if ids.is_id(import_id) else None
    if record is None:
        raise ApiError(404, "IMPORT_NOT_FOUND", "There is no import of this id.")
    return record


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    stats = {name: record[name] for name in _STATS}
    return {**{name: record.get(name) for name in _FIELDS}, "stats": stats}
