"""What each request writes to the audit log. A test sends a request to each route that changes something."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import wiring
from errors import ApiError
from request import caller_known, sent_body
from rewards.clock import now
from rewards.domain.audit import LINK, RELATED, UNKNOWN, Action, Rejections
from rewards.domain.ids import is_id
from rewards.domain.texts import normalised

rejections = Rejections()

# Objects whose ids are the service's own.
_OBJECTS = {"import_id": "import", "export_id": "export", "key_id": "key"}


@dataclass(frozen=True, slots=True)
class Handled:
    """A request that was handled: the ids in its path, its body, and the body of its response."""

    ids: Mapping[str, str]
    sent: Mapping[str, Any]
    response: Mapping[str, Any]


Recorded = tuple[Action, str, dict[str, Any]]
Recorder = Callable[[Handled], Recorded]


def _of(action: Action, kind: str, parameter: str) -> Recorder:
    """An entry about the object in the path."""
    return lambda request: (action, _in_path(request, kind, parameter), {})


def _created(action: Action, kind: str, *fields: str) -> Recorder:
    """An entry about the object that the response names, with some fields of it."""
    return lambda request: (
        action,
        _named(kind, request.response.get("id")),
        {name: request.response.get(name) for name in fields},
    )


def _made_of(action: Action) -> Recorder:
    """An entry about an import that was made of the one in the path."""

    def record(request: Handled) -> Recorded:
        original = _in_path(request, "import", "import_id")
        made = request.response.get("id")
        return (action, f"import/{made}", {RELATED: original}) if made else (action, original, {})

    return record


def _named(kind: str, identifier: object) -> str:
    return f"{kind}/{identifier}" if identifier else kind


def _in_path(request: Handled, kind: str, parameter: str) -> str:
    """The object in the path; only its kind if somebody sent another text in place of its id."""
    identifier = request.ids[parameter]
    return _named(kind, identifier if is_id(identifier) else None)


def _reward(request: Handled) -> str:
    return _named("reward", request.response.get("id") or normalised(request.ids["reward_id"].strip()))


def _reward_created(request: Handled) -> Recorded:
    made, asked = request.response, request.sent
    details = {
        RELATED: wiring.flows().audit_log.participant(request.ids["account_id"], request.ids["user_id"]),
        "unit": made.get("unit", asked.get("unit")),
        "amount": made.get("assignedCredit", asked.get("assignedCredit")),
    }
    dates = ("dateGiven", "dateScheduledFor", "dateExpires")
    return Action.REWARD_CREATED, _named("reward", made.get("id")), details | _some(made, "programId", *dates)


def _reward_cancelled(request: Handled) -> Recorded:
    return Action.REWARD_CANCELLED, _reward(request), _some(request.response, "unit", "dateCancelled")


def _reward_redeemed(request: Handled) -> Recorded:
    return Action.REWARD_REDEEMED, _reward(request), _some(request.sent, "unit", "amount")


def _balance_redeemed(request: Handled) -> Recorded:
    account, user = request.sent.get("accountId", ""), request.sent.get("userId")
    whose = wiring.flows().audit_log.participant(account, user)
    return Action.BALANCE_REDEEMED, whose, _some(request.sent, "unit", "amount")


def _some(record: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: record[name] for name in names if record.get(name) is not None}


def _downloaded(kind: str, parameter: str, file: str) -> Recorder:
    return lambda request: (Action.DOWNLOADED, _in_path(request, kind, parameter), {"file": file})


# By method and path below the tenant.
RECORDERS: Mapping[tuple[str, str], Recorder] = {
    ("POST", "/export"): _created(Action.EXPORT_REQUESTED, "export", "type", "format", "params"),
    ("POST", "/export/<export_id>/links/revoke"): _of(Action.LINKS_REVOKED, "export", "export_id"),
    ("GET", "/export/<export_id>/download"): _downloaded("export", "export_id", "report"),
    ("POST", "/import"): _created(Action.IMPORT_CREATED, "import", "type", "dryRun", "allowDuplicate"),
    ("POST", "/import/<import_id>/start"): _made_of(Action.IMPORT_STARTED),
    ("POST", "/import/<import_id>/cancel"): _of(Action.IMPORT_CANCELLED, "import", "import_id"),
    ("POST", "/import/<import_id>/resume"): _of(Action.IMPORT_RESUMED, "import", "import_id"),
    ("POST", "/import/<import_id>/reverse"): _made_of(Action.IMPORT_REVERSED),
    ("POST", "/import/<import_id>/approve"): _of(Action.IMPORT_APPROVED, "import", "import_id"),
    ("POST", "/import/<import_id>/reject"): _of(Action.IMPORT_DECLINED, "import", "import_id"),
    ("POST", "/import/<import_id>/links/revoke"): _of(Action.LINKS_REVOKED, "import", "import_id"),
    ("GET", "/import/<import_id>/results"): _downloaded("import", "import_id", "results.csv"),
    ("GET", "/import/<import_id>/failed"): _downloaded("import", "import_id", "failed.csv"),
    ("GET", "/import/<import_id>/upload"): _downloaded("import", "import_id", "upload"),
    ("GET", "/import/<import_id>/receipt"): _downloaded("import", "import_id", "receipt.json"),
    ("POST", "/rewards/account/<account_id>/user/<user_id>"): _reward_created,
    ("POST", "/reward/<reward_id>/cancel"): _reward_cancelled,
    ("POST", "/credit/<reward_id>/redeem"): _reward_redeemed,
    ("POST", "/credit/bulkredeem"): _balance_redeemed,
    ("POST", "/balance/overview"): lambda _: (Action.OVERVIEW_REQUESTED, "overview", {}),
    ("POST", "/keys"): _created(Action.KEY_CREATED, "key", "name", "scopes"),
    ("DELETE", "/keys/<key_id>"): _of(Action.KEY_REVOKED, "key", "key_id"),
}


def record(
    event: dict[str, Any],
    response: Mapping[str, Any],
    body: Mapping[str, Any],
    route: tuple[str, str] | None,
    ids: Mapping[str, str],
    request_id: str,
) -> None:
    """Add the entry of a request, if it has one. `ids` are those in its path.

    After an error of the service (`error` in the entry) it is not known whether the request changed
    something.
    """
    status, code = response["statusCode"], body.get("apiErrorCode")
    changes = route is not None and route[0] != "GET"
    audit_log = wiring.flows().audit_log
    if status in (401, 403) or (changes and 400 <= status < 500):
        _rejected(event, status, str(code or status), route, ids, request_id)
        return
    recorder = RECORDERS.get(route) if route else None
    if recorder is None or (status >= 400 and not changes):
        return
    action, about, details = recorder(Handled(ids, _sent(event), body))
    details |= {"requestId": request_id}
    key = event.get("headers", {}).get("idempotency-key")
    if key:  # entries with the same one are of one effect
        details["idempotencyKey"] = hashlib.sha256(key.encode()).hexdigest()[:16]
    if status >= 400:
        details["error"] = code or str(status)
    audit_log.add(action, about, details, actor=caller_known(event) or UNKNOWN)


def link_opened(job: str, file: str) -> None:
    """Add the entry of a link in an email that was opened; `job` is an import or export with its kind."""
    wiring.flows().audit_log.add(Action.LINK_OPENED, job, {"file": file}, actor=LINK)


def link_rejected(status: int) -> None:
    """Count a link that is unknown, expired or revoked."""
    _add_rejections(LINK, f"LINK_{status}", "download", {"status": status})


def _rejected(
    event: dict[str, Any],
    status: int,
    code: str,
    route: tuple[str, str] | None,
    ids: Mapping[str, str],
    request_id: str,
) -> None:
    named = (f"{kind}/{ids[name]}" for name, kind in _OBJECTS.items() if is_id(ids.get(name, "")))
    details = {"status": status, "route": " ".join(route) if route else None, "requestId": request_id}
    _add_rejections(caller_known(event) or UNKNOWN, code, next(named, "api"), details)


def _add_rejections(caller: str, code: str, about: str, details: dict[str, Any]) -> None:
    requests = rejections.count(caller, code, now())
    if requests is not None:
        entry = {"code": code, "requests": requests, **details}
        wiring.flows().audit_log.add(Action.REQUESTS_REJECTED, about, entry, actor=caller)


def _sent(event: dict[str, Any]) -> Mapping[str, Any]:
    """The body of a request; empty if it has none."""
    try:
        found = json.loads(sent_body(event) or "{}")
    except (ApiError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
