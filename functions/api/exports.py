"""`/export`: order a report, ask after it, download it."""

import json
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

import wiring
from errors import ApiError
from paging import paging, redirect
from rewards.flows.exports import FORMATS, TYPES
from rewards.flows.report import file_key

router = APIGatewayHttpRouter()

_FIELDS = (
    "id",
    "type",
    "format",
    "name",
    "requester",
    "params",
    "mailtoEmail",
    "status",
    "dateCreated",
    "dateCompleted",
    "dateExpires",
    "recordCount",
    "error",
)


@router.post("/export")
def order(_tenant: str) -> tuple[dict[str, Any], int]:
    body = _body()
    kind, file_format = body.get("type"), body.get("format", "CSV")
    problems = []
    if not isinstance(kind, str) or kind not in TYPES:
        problems.append(f"type must be one of {', '.join(TYPES)}")
    if file_format not in FORMATS:
        problems.append(f"format must be one of {', '.join(FORMATS)}")
    texts = {name: body.get(name) or default for name, default in (("name", ""), ("requester", "API"))}
    problems += [f"{name} must be a text" for name, value in texts.items() if not isinstance(value, str)]
    params = body.get("params") or {}
    if isinstance(params, dict):
        wanted = {name: params[name] for name in ("unit", "programId") if params.get(name)}
        problems += [
            f"params.{name} must be a text" for name, value in wanted.items() if not isinstance(value, str)
        ]
    else:
        problems.append("params must be an object")
    if problems:
        raise ApiError(400, "VALIDATION_ERROR", "The order is not valid.", problems)
    record = wiring.exports().order(
        TYPES[str(kind)],
        file_format,
        texts["name"][:200],
        texts["requester"][:200],
        wanted,
    )
    return _shown(record), 201


@router.get("/export/history/list")
def history(_tenant: str) -> dict[str, Any]:
    limit, offset = paging(router.current_event.query_string_parameters)
    records, total = wiring.exports().history(limit, offset)
    return {"data": [_shown(record) for record in records], "count": len(records), "totalCount": total}


@router.get("/export/<export_id>")
def show(_tenant: str, export_id: str) -> dict[str, Any]:
    return _shown(_export(export_id))


@router.get("/export/<export_id>/download")
def download(_tenant: str, export_id: str) -> Response[str]:
    record = _export(export_id)
    if record["status"] == "EXPIRED":
        raise ApiError(410, "EXPORT_EXPIRED", "The file is gone: order the report again.")
    if record["status"] != "COMPLETED":
        raise ApiError(409, f"EXPORT_{record['status']}", f"The export is {record['status'].lower()}.")
    key = file_key(export_id, record["format"], record["type"])
    return redirect(wiring.files().signed_url(key, wiring.SIGNED_SECONDS))


def _export(export_id: str) -> dict[str, Any]:
    record = wiring.exports().get(export_id)
    if record is None:
        raise ApiError(404, "EXPORT_NOT_FOUND", "There is no export of this id.")
    return record


def _body() -> dict[str, Any]:
    try:
        body = router.current_event.json_body
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair can be spelt, but not stored
    except (ValueError, TypeError, RecursionError):
        body = None
    if not isinstance(body, dict):
        problem = "The body must be a JSON object."
        raise ApiError(400, "VALIDATION_ERROR", problem, [problem])
    return body


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record.get(name) for name in _FIELDS}
