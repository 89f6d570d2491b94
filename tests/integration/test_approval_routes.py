"""Approving and rejecting by the API: who may, what is answered, and the uploaded file."""

import json
from urllib.parse import parse_qsl, urlsplit
from urllib.request import urlopen

import pytest

from tests.builders.files import row, sheet
from tests.integration.test_handlers import CONTEXT, event, handler

__all__ = ["handler"]  # a fixture

OPERATOR = {"scopes": "read write", "user": "sub-ann", "email": "ann@example.com"}
APPROVER = {"scopes": "approve read", "user": "sub-carol", "email": "carol@example.com"}
BOTH = {"scopes": "approve read write", "user": "sub-dave", "email": "dave@example.com"}


@pytest.fixture
def call(handler, monkeypatch):
    """Send a request as somebody, under the rule `always`; the status and the decoded body."""
    monkeypatch.setenv("APPROVAL_RULE", "POINT>100")
    api = handler("api")

    def send(granted, method, path, body=None, query=""):
        asked = event("api-export")
        asked["rawPath"], asked["rawQueryString"] = f"/api/v1/default{path}", query
        asked["body"] = "" if body is None else json.dumps(body)
        asked["requestContext"]["http"] |= {"method": method, "path": asked["rawPath"]}
        asked["requestContext"]["authorizer"] = {"lambda": granted}
        response = api(asked, CONTEXT)
        return response["statusCode"], json.loads(response["body"] or "null"), response["headers"]

    return send


@pytest.fixture
def waiting(world, call):
    """The id of an import that a user started, and that awaits approval."""
    world.load([{"id": "r1", "assignedCredit": 1000}])
    preview = world.upload("preview/November Payout!.csv", sheet([row("101")]))
    world.rule = "POINT>100"
    world.__post_init__()
    status, made, _ = call(BOTH, "POST", f"/import/{preview['id']}/start")
    assert status == 201
    world.arrive(world.record(made["id"]))
    return made["id"]


def code(found):
    return found[0], found[1]["apiErrorCode"]


def test_an_approver_approves(world, call, waiting):
    status, shown, _ = call(OPERATOR, "GET", f"/import/{waiting}")
    assert (status, shown["status"], shown["stalled"]) == (200, "AWAITING_APPROVAL", None)
    undecided = dict.fromkeys(("approver", "comment", "reason", "date"))
    assert shown["approval"] == {"required": True, "rule": "POINT>100", **undecided}
    for body in ({"comment": "fine"}, None, {}):
        status, shown, _ = call(APPROVER, "POST", f"/import/{waiting}/approve", body)
        assert (status, shown["status"]) == (202, "PROCESSING")
        assert (shown["approval"]["approver"], shown["approval"]["comment"]) == ("carol@example.com", "fine")
    world.run()
    assert world.available() == 899
    assert code(call(APPROVER, "POST", f"/import/{waiting}/reject", {"reason": "x"})) == (
        409,
        "IMPORT_COMPLETED",
    )


def test_an_approver_rejects_with_a_reason(world, call, waiting):
    for body in (None, {}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 2000}, {"comment": "x"}):
        assert call(APPROVER, "POST", f"/import/{waiting}/reject", body)[0] == 400
    status, shown, _ = call(APPROVER, "POST", f"/import/{waiting}/reject", {"reason": "wrong month"})
    assert (status, shown["status"], shown["error"]["code"]) == (200, "ABORTED", "APPROVAL_REJECTED")
    assert shown["approval"]["reason"] == "wrong month"
    assert call(APPROVER, "POST", f"/import/{waiting}/reject", {"reason": "again"})[0] == 200
    assert code(call(APPROVER, "POST", f"/import/{waiting}/approve")) == (409, "IMPORT_ABORTED")
    world.run()
    assert world.available() == 1000
    assert code(call(APPROVER, "GET", f"/import/{waiting}/results")) == (404, "NO_SUCH_FILE")
    assert call(OPERATOR, "GET", f"/import/{waiting}/outcomes")[0] == 200


@pytest.mark.parametrize(
    "granted",
    [
        OPERATOR,
        {"scopes": "admin read write", "user": "API"},
        {"scopes": "admin read write", "user": "key:06gzzx7v4m1c8r2e", "key": "payroll"},
        # Not even an API key with a scope that none can have, or a token that names no address.
        {"scopes": "approve read", "user": "API"},
        {"scopes": "approve read", "user": "key:06gzzx7v4m1c8r2e", "key": "payroll"},
        {"scopes": "approve read", "user": "sub-carol"},
    ],
)
def test_nobody_else_decides(call, waiting, granted):
    for path, body in (("approve", None), ("reject", {"reason": "x"})):
        assert code(call(granted, "POST", f"/import/{waiting}/{path}", body)) == (403, "FORBIDDEN")
    assert call(OPERATOR, "GET", f"/import/{waiting}")[1]["status"] == "AWAITING_APPROVAL"


def test_whoever_started_it_is_excluded_with_either_token(call, waiting):
    for granted in (
        BOTH,
        {**BOTH, "email": "new@example.com"},
        {**BOTH, "user": "x", "email": "DAVE@example.com"},
    ):
        found = call(granted, "POST", f"/import/{waiting}/approve")
        assert code(found) == (403, "APPROVER_EXCLUDED")
        assert "requested this import" in found[1]["message"]


def test_an_approver_does_nothing_else(call, waiting):
    for path in ("cancel", "resume", "start", "reverse"):
        assert code(call(APPROVER, "POST", f"/import/{waiting}/{path}")) == (403, "FORBIDDEN")


def test_a_waiting_import_is_not_resumed_but_cancelled(call, waiting):
    assert code(call(OPERATOR, "POST", f"/import/{waiting}/resume")) == (409, "IMPORT_AWAITING_APPROVAL")
    status, shown, _ = call(OPERATOR, "POST", f"/import/{waiting}/cancel")
    assert (status, shown["status"]) == (200, "CANCELLED")
    assert shown["dateCompleted"]


def test_an_unknown_import_is_404(call):
    for import_id in ("06gzzx7rv0b59snh", "nonsense"):
        assert code(call(APPROVER, "POST", f"/import/{import_id}/approve")) == (404, "IMPORT_NOT_FOUND")


def test_the_uploaded_file_is_that_which_was_checked(world, call, waiting):
    record = world.record(waiting)
    world.s3.put_object(Bucket=record["bucket"], Key=record["key"], Body=b"another file")
    status, found, _ = call(APPROVER, "GET", f"/import/{waiting}/upload", query="redirect=false")
    assert status == 200
    with urlopen(found["url"]) as response:
        assert response.read().decode() == sheet([row("101")])
    signed = dict(parse_qsl(urlsplit(found["url"]).query))
    assert signed["response-content-disposition"] == 'attachment; filename="november-payout.csv"'
    assert signed["response-content-type"] == "application/octet-stream"
    assert call(APPROVER, "GET", f"/import/{waiting}/upload")[0] == 303
    world.s3.delete_object(Bucket=record["bucket"], Key=record["key"], VersionId=record["versionId"])
    assert code(call(APPROVER, "GET", f"/import/{waiting}/upload")) == (410, "UPLOAD_GONE")


def test_before_it_arrives_there_is_no_uploaded_file(call):
    order = {"type": "REDEEMABLE_REWARD_BALANCE", "fileName": "a.csv"}
    _, made, _ = call(OPERATOR, "POST", "/import", order)
    assert code(call(OPERATOR, "GET", f"/import/{made['id']}/upload")) == (409, "IMPORT_PENDING")
    assert made["approval"]["required"] is False


def test_ledger_calls_of_users_above_the_rule_are_403(world, call):
    world.load([{"id": "r1", "assignedCredit": 1000}])
    key = {"scopes": "read write", "user": "API"}
    bodies = {
        "/credit/r1/redeem": {"unit": "POINT", "amount": 101},
        "/credit/bulkredeem": {"accountId": "acme", "unit": "POINT", "amount": 101},
        "/rewards/account/acme/user/ann": {"unit": "POINT", "assignedCredit": 101},
    }
    for path, body in bodies.items():
        assert code(call(OPERATOR, "POST", path, body)) == (403, "APPROVAL_REQUIRED")
        assert call(key, "POST", path, body)[0] in (200, 201)


def test_an_unreadable_rule_is_an_error_of_ours(handler, monkeypatch, call, world):
    import wiring

    monkeypatch.setenv("APPROVAL_RULE", "POINT>many")
    wiring.flows.cache_clear()
    body = {"unit": "POINT", "assignedCredit": 1}
    assert call(OPERATOR, "POST", "/rewards/account/acme/user/ann", body)[0] == 500
    wiring.flows.cache_clear()
