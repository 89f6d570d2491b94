"""Every request that changes something or hands out a file, and every function, adds its audit entry.

A new route, or a new function, fails here until it has one.
"""

import json
from urllib.parse import quote

import pytest

from rewards.domain.audit import AuditEntry, participant_object
from tests.builders.files import row, sheet
from tests.builders.row_ids import keys
from tests.integration.test_handlers import CONTEXT, event, started, uploaded, with_body
from tests.integration.test_metrics_and_logs import service
from tests.unit.test_template import template

__all__ = ["service"]  # the fixture

BASE = "/api/v1/<_tenant>"
EMAIL = "ann@example.com"
HOUR = 3_600_000
ALL = "admin approve read write"
MARK = "p3rsonal"


def entries(service):
    """All entries so far, oldest first."""
    group = service.world.names["audit"]
    found = service.aws.client("logs").filter_log_events(logGroupName=group)["events"]
    return [AuditEntry.parse(each["message"]) for each in found]


def request(service, method, path, body=None, query="", scopes=ALL):
    """Send a request; the status, and the body as text."""
    asked = event("api-export")
    asked["rawPath"], asked["rawQueryString"] = f"/api/v1/default{path}", query
    asked["body"] = json.dumps(body) if body is not None else ""
    asked["requestContext"]["http"] |= {"method": method, "path": asked["rawPath"]}
    caller = {"scopes": scopes, "user": "ann-sub", "email": EMAIL} if scopes else {}
    asked["requestContext"]["authorizer"]["lambda"] = caller
    response = service.run("api", asked)
    return response["statusCode"], response["body"]


def audited(service, query="", scopes=ALL):
    """A page of the audit log as the API shows it."""
    status, body = request(service, "GET", "/audit", query=query, scopes=scopes)
    assert status == 200, body
    return json.loads(body)


def ordered(service, **fields):
    order = {"type": "REDEEMABLE_REWARD_BALANCE", "fileName": "a.csv", **fields}
    return json.loads(request(service, "POST", "/import", order)[1])["id"]


def report(service):
    return service.world.export("REWARD", "CSV")["id"]


def rewarded(service):
    service.world.load([{"id": "r1", "assignedCredit": 100}])
    return "r1"


def redeemed(service, body=None):
    rewarded(service)
    return service.finished(body or sheet([row("60"), row("x", userId="ben")]))


def preview(service):
    rewarded(service)
    return service.world.upload("preview/a.csv", sheet([row("60")]))["id"]


def waiting(service):
    """An import of another user that awaits approval."""
    original = preview(service)
    service.world.rule = "always"
    service.world.__post_init__()
    started = service.world.imports.start(original, "ben@example.com", "ben@example.com", "ben-sub")
    service.world.arrive(service.world.record(started.id))
    return started.id


def new_key(service):
    made = request(service, "POST", "/keys", {"name": "mine", "scopes": ["read"]})
    return json.loads(made[1])["id"]


# For each route: what is to be there first, and the rest of the request (path and body), with the action and
# the kind of the object of its entry.
DEEDS = {
    ("POST", "/export"): (lambda s: ("/export", {"type": "REWARD"}), "EXPORT_REQUESTED", "export"),
    ("POST", "/export/<export_id>/links/revoke"): (
        lambda s: (f"/export/{report(s)}/links/revoke", None),
        "LINKS_REVOKED",
        "export",
    ),
    ("GET", "/export/<export_id>/download"): (
        lambda s: (f"/export/{report(s)}/download", None),
        "DOWNLOADED",
        "export",
    ),
    ("POST", "/import"): (
        lambda s: ("/import", {"type": "REWARD", "fileName": "a.csv"}),
        "IMPORT_CREATED",
        "import",
    ),
    ("POST", "/import/<import_id>/start"): (
        lambda s: (f"/import/{preview(s)}/start", None),
        "IMPORT_STARTED",
        "import",
    ),
    ("POST", "/import/<import_id>/cancel"): (
        lambda s: (f"/import/{ordered(s)}/cancel", None),
        "IMPORT_CANCELLED",
        "import",
    ),
    ("POST", "/import/<import_id>/resume"): (
        lambda s: (f"/import/{started(s.world)[0]}/resume", None),
        "IMPORT_RESUMED",
        "import",
    ),
    ("POST", "/import/<import_id>/reverse"): (
        lambda s: (f"/import/{redeemed(s)}/reverse", None),
        "IMPORT_REVERSED",
        "import",
    ),
    ("POST", "/import/<import_id>/approve"): (
        lambda s: (f"/import/{waiting(s)}/approve", {"comment": "fine"}),
        "IMPORT_APPROVED",
        "import",
    ),
    ("POST", "/import/<import_id>/reject"): (
        lambda s: (f"/import/{waiting(s)}/reject", {"reason": "wrong month"}),
        "IMPORT_DECLINED",
        "import",
    ),
    ("GET", "/import/<import_id>/upload"): (
        lambda s: (f"/import/{preview(s)}/upload", None),
        "DOWNLOADED",
        "import",
    ),
    ("POST", "/import/<import_id>/links/revoke"): (
        lambda s: (f"/import/{redeemed(s)}/links/revoke", None),
        "LINKS_REVOKED",
        "import",
    ),
    ("GET", "/import/<import_id>/results"): (
        lambda s: (f"/import/{redeemed(s)}/results", None),
        "DOWNLOADED",
        "import",
    ),
    ("GET", "/import/<import_id>/failed"): (
        lambda s: (f"/import/{redeemed(s)}/failed", None),
        "DOWNLOADED",
        "import",
    ),
    ("GET", "/import/<import_id>/receipt"): (
        lambda s: (f"/import/{redeemed(s)}/receipt", None),
        "DOWNLOADED",
        "import",
    ),
    ("POST", "/rewards/account/<account_id>/user/<user_id>"): (
        lambda s: ("/rewards/account/acme/user/ann", {"unit": "POINT", "assignedCredit": 5}),
        "REWARD_CREATED",
        "reward",
    ),
    ("POST", "/reward/<reward_id>/cancel"): (
        lambda s: (f"/reward/{rewarded(s)}/cancel", None),
        "REWARD_CANCELLED",
        "reward",
    ),
    ("POST", "/credit/<reward_id>/redeem"): (
        lambda s: (f"/credit/{rewarded(s)}/redeem", {"unit": "POINT", "amount": 5}),
        "REWARD_REDEEMED",
        "reward",
    ),
    ("POST", "/credit/bulkredeem"): (
        lambda s: (
            rewarded(s) and "/credit/bulkredeem",
            {"accountId": "acme", "userId": "ann", "unit": "POINT", "amount": 5},
        ),
        "BALANCE_REDEEMED",
        "participant",
    ),
    ("POST", "/balance/overview"): (lambda s: ("/balance/overview", None), "OVERVIEW_REQUESTED", "overview"),
    ("POST", "/keys"): (lambda s: ("/keys", {"name": "mine", "scopes": ["read"]}), "KEY_CREATED", "key"),
    ("DELETE", "/keys/<key_id>"): (lambda s: (f"/keys/{new_key(s)}", None), "KEY_REVOKED", "key"),
}


def test_every_route_that_changes_something_or_hands_out_a_file_has_a_deed(service):
    resolver = service.app("api").app
    routes = [*resolver._static_routes, *resolver._dynamic_routes]
    needed = {
        (each.method, each.path.removeprefix(BASE))
        for each in routes
        if each.method != "GET" or 303 in (each.responses or {})
    }
    assert needed == DEEDS.keys()


@pytest.mark.parametrize("route", DEEDS)
def test_a_request_adds_one_entry(service, route):
    prepare, action, kind = DEEDS[route]
    path, body = prepare(service)
    before = len(entries(service))
    status, answer = request(service, route[0], path, body)
    assert status < 400, answer
    new = [each for each in entries(service)[before:] if each.actor == EMAIL]
    assert [each.action for each in new] == [action]
    assert new[0].object.partition("/")[0] == kind
    assert new[0].details["requestId"] == CONTEXT.aws_request_id
    made = json.loads(answer or "{}").get("id")
    if made and kind != "participant":
        assert new[0].object == f"{kind}/{made}"


# --- Functions ---


def a_file_arrives(service):
    service.run("validate", uploaded(service.world, sheet([row("60")])))


def a_participant_is_blocked(service):
    """By the first of two files that say so."""
    reward = {"type": "CREDIT", "unit": "POINT", "assignedCredit": 5, "user.id": "ann"}
    reward |= {"user.accountId": "acme", "user.dateBlocked": "2026-01-01T00:00:00Z"}
    for identifier in ("r1", "r2"):
        body = json.dumps({"id": identifier, **reward})
        service.world.validate(service.world.put(f"rewards/{identifier}.jsonl", body))
        (chunk,) = service.world.take("redeem")
        service.run("redeem", with_body("redeem-chunk", chunk))


def a_report_is_created(service):
    service.world.exports.create("REWARD", "CSV", "", "test", {})
    (body,) = service.world.take("export")
    service.run("report", with_body("report-order", body))


def an_import_is_resumed(service):
    import_id, _ = started(service.world)
    past = service.world.now() - 2 * HOUR
    service.world.jobs_table.update("IMPORT", import_id, {"dateCreated": past, "dateProgress": past})
    service.run("sweep", event("sweep"))


FUNCTIONS = {
    "validate": (a_file_arrives, ["IMPORT_ARRIVED", "IMPORT_SEALED"]),
    "redeem": (a_participant_is_blocked, ["PARTICIPANT_BLOCKED"]),
    "finish": (redeemed, ["IMPORT_COMPLETED"]),
    "report": (a_report_is_created, ["EXPORT_COMPLETED"]),
    "sweep": (an_import_is_resumed, ["IMPORT_RESUMED"]),
}
# The API is above; the API counts the callers that the authorizer does not know; the console has no data.
OTHERS = {"api", "authorizer", "console"}


def test_every_function_is_tried():
    functions = {
        name.removesuffix("Function").lower()
        for name, each in template()["Resources"].items()
        if each["Type"] == "AWS::Serverless::Function"
    }
    assert functions == FUNCTIONS.keys() | OTHERS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_adds_the_entries_of_its_steps(service, name):
    deed, actions = FUNCTIONS[name]
    deed(service)
    by_function = [each for each in entries(service) if each.actor == f"function/{name}"]
    found = [each.action for each in by_function]
    if name == "validate":  # the requester is the actor of an upload to the bucket
        found = [each.action for each in entries(service)]
    assert found == actions


def test_a_rejected_file_has_an_entry_with_its_reason(service):
    service.run("validate", uploaded(service.world, "nonsense\n1\n"))
    last = entries(service)[-1]
    assert (last.action, last.details) == ("IMPORT_ABORTED", {"code": "MISSING_COLUMNS"})


def test_a_failed_report_has_an_entry(service):
    service.world.exports.create("REWARD", "CSV", "", "test", {})
    (body,) = service.world.take("export")
    dead = with_body("report-order", body)
    dead["Records"][0]["eventSourceARN"] = "arn:aws:sqs:us-east-1:000000000000:rewards-ExportDeadLetterQueue"
    service.run("finish", dead)
    assert [each.action for each in entries(service)] == ["EXPORT_FAILED"]


# --- Links, rejections and failures ---


def opened(service, token, method="GET"):
    asked = event("api-export")
    asked["rawPath"] = f"/download/{token}"
    asked["requestContext"]["http"] |= {"method": method, "path": asked["rawPath"]}
    asked["body"] = ""
    asked["requestContext"].pop("authorizer", None)
    return service.run("api", asked)["statusCode"]


def test_a_link_that_is_opened_has_an_entry_and_a_scanner_that_looks_at_it_has_none(service):
    import_id = redeemed(service)
    job = service.world.import_jobs.get(import_id)
    key, until = f"imports/{import_id}/results.csv", service.world.now() + HOUR
    token = service.world.notifications.link(job, key, until, "a.csv").rpartition("/")[2]
    before = len(entries(service))
    assert opened(service, token, "HEAD") == 303
    assert opened(service, token) == 303
    assert opened(service, "x" * 43) == 404
    new = entries(service)[before:]
    assert [(each.actor, each.action, each.object) for each in new] == [
        ("link", "LINK_OPENED", f"import/{import_id}"),
        ("link", "REQUESTS_REJECTED", "download"),
    ]
    assert token not in "".join(each.text for each in new)


def test_rejected_requests_have_an_entry_for_each_caller_and_code(service):
    unknown = f"/import/{MARK}/cancel"
    for _ in range(3):
        assert request(service, "POST", "/export", {"type": "REWARD"}, scopes=None)[0] == 401
        assert request(service, "POST", "/export", {"type": "REWARD"}, scopes="read")[0] == 403
        assert request(service, "POST", "/export", {"type": "nonsense"})[0] == 400
        assert request(service, "POST", unknown)[0] == 404
        assert request(service, "GET", "/import/x")[0] == 404  # nothing would have changed
    found = [(each.actor, each.details["code"]) for each in entries(service)]
    expected = [("unknown", "UNAUTHORIZED"), (EMAIL, "FORBIDDEN")]
    expected += [(EMAIL, "VALIDATION_ERROR"), (EMAIL, "IMPORT_NOT_FOUND")]
    assert {*expected} == {*found}
    assert len(found) <= 2 * len(expected), "at most one a minute"
    assert {each.action for each in entries(service)} == {"REQUESTS_REJECTED"}
    assert MARK not in "".join(each.text for each in entries(service))


def test_a_failure_of_the_audit_log_changes_no_money_and_is_seen(service):
    rewarded(service)
    service.deploy("api", AUDIT_LOG_GROUP="no-such-group")
    service.written()
    status, _ = request(service, "POST", "/credit/r1/redeem", {"unit": "POINT", "amount": 40})
    assert (status, service.world.available()) == (200, 60)
    written = service.written()
    (line,) = [each for each in written.lines if each["message"] == "audit entry not written"]
    assert line["entries"][0]["object"] == "reward/r1"
    assert line["entries"][0]["details"]["amount"] == 40
    assert written.sum("AuditProblems") == 1


def test_without_the_key_of_the_digests_money_moves_all_the_same(service):
    service.deploy("api", ROW_ID_KEY_SECRET="no-such-secret")
    body = {"unit": "POINT", "assignedCredit": 5}
    status, _ = request(service, "POST", f"/rewards/account/{MARK}/user/{MARK}", body)
    assert status == 201
    (entry,) = entries(service)
    assert entry.details["related"] == "participant"
    assert service.written().sum("AuditProblems") == 1


def test_a_request_of_which_nobody_knows_whether_it_changed_something_has_an_entry_with_its_error(service):
    rewarded(service)
    service.deploy("api", ACCOUNTS_TABLE="no-such-table")
    assert request(service, "POST", "/credit/r1/redeem", {"unit": "POINT", "amount": 40})[0] == 500
    (entry,) = entries(service)
    assert (entry.action, entry.details["error"]) == ("REWARD_REDEEMED", "INTERNAL_ERROR")


def test_no_participant_appears_in_plain(service):
    account, user = f"account-{MARK}", f"user-{MARK}"
    person = {f"user.{name}": f"{name}-{MARK}" for name in ("firstName", "lastName", "email")}
    person |= {"user.accountId": account, "user.id": user, "user.dateBlocked": "2026-01-01T00:00:00Z"}
    reward = {"id": "r9", "type": "CREDIT", "unit": "POINT", "assignedCredit": 5, **person}
    service.world.validate(service.world.put("rewards/a.jsonl", json.dumps(reward)))
    (chunk,) = service.world.take("redeem")
    service.run("redeem", with_body("redeem-chunk", chunk))
    service.world.take("finish")
    service.finished(sheet([row("1", accountId=account, userId=user), row("x", userId=f"other-{MARK}")]))
    create = f"/rewards/account/{account}/user/{user}"
    assert request(service, "POST", create, {"unit": "POINT", "assignedCredit": 5, "name": MARK})[0] == 201
    whole = {"accountId": account, "unit": "POINT", "amount": 1}
    assert request(service, "POST", "/credit/bulkredeem", whole)[0] == 200
    assert request(service, "POST", "/credit/bulkredeem", {**whole, "userId": user})[0] == 200
    assert request(service, "POST", "/credit/bulkredeem", {**whole, "amount": 10**9})[0] == 400
    assert request(service, "POST", create, {"unit": MARK})[0] == 400
    found = entries(service)
    assert len({each.action for each in found}) >= 6
    assert MARK not in "".join(each.text for each in found)


# --- GET /audit ---


def test_only_administrators_read_the_audit_log(service):
    for scopes, status in (("read", 403), ("read write", 403), (None, 401), ("admin read", 200)):
        assert request(service, "GET", "/audit", scopes=scopes)[0] == status


def test_entries_are_found_by_actor_object_action_and_time(service):
    first, second = ordered(service), ordered(service)
    request(service, "POST", f"/import/{first}/cancel")
    newest = audited(service)["entries"]
    assert [(each["action"], each["object"]) for each in newest] == [
        ("IMPORT_CANCELLED", f"import/{first}"),
        ("IMPORT_CREATED", f"import/{second}"),
        ("IMPORT_CREATED", f"import/{first}"),
    ]
    assert newest[0].keys() == {"id", "date", "actor", "action", "object", "details", "decimals"}
    queries = {
        f"object=import/{first}": 2,
        f"object=import/{first}&action=IMPORT_CANCELLED": 1,
        f"actor={EMAIL}": 3,
        "actor=nobody": 0,
        "actor=" + quote('" || $.actor = "*'): 0,
        "actor=*": 0,
        f"from={newest[0]['date'] + 1}": 0,
        f"to={newest[-1]['date']}": 0,
        f"from={newest[-1]['date']}&to={newest[0]['date'] + 1}": 3,
    }
    assert {query: len(audited(service, query)["entries"]) for query in queries} == queries


def test_pages_follow_each_other_by_the_cursor(service):
    for _ in range(5):
        ordered(service)
    found, cursor, pages = [], None, 0
    while cursor is not None or not pages:
        page = audited(service, "limit=2" + (f"&cursor={cursor}" if cursor else ""))
        found += page["entries"]
        cursor, pages = page["cursor"], pages + 1
    assert len({each["id"] for each in found}) == len(found) == 5
    assert [each["date"] for each in found] == sorted((each["date"] for each in found), reverse=True)
    assert pages > 1


def test_a_participant_and_an_account_are_found_by_their_ids(service):
    account, user = "acme/eu 1", "ann%"
    body = {"unit": "POINT", "assignedCredit": 5}
    request(service, "POST", f"/rewards/account/{account}/user/{quote(user)}", body)
    debit = {"accountId": account, "userId": user, "unit": "POINT", "amount": 1}
    request(service, "POST", "/credit/bulkredeem", debit)
    request(service, "POST", "/credit/bulkredeem", {**debit, "userId": None})
    name = f"participant/{quote(account, safe='')}/{quote(user, safe='')}"
    found = audited(service, f"object={quote(name, safe='')}")["entries"]
    assert [each["action"] for each in found] == ["BALANCE_REDEEMED", "REWARD_CREATED"]
    assert found[0]["object"] == participant_object(keys(), account, user)
    assert audited(service, f"object={found[0]['object']}")["entries"] == found
    of_account = quote(f"account/{quote(account, safe='')}", safe="")
    assert len(audited(service, f"object={of_account}")["entries"]) == 1


def test_wrong_parameters_are_rejected(service):
    for query in ("cursor=x", "cursor=1-0", "from=x", "limit=0", "limit=1001", "action=NONE", "actor="):
        assert request(service, "GET", "/audit", query=query)[0] == 400, query


def test_an_unknown_action_is_rejected_in_the_words_of_the_api(service):
    message = json.loads(request(service, "GET", "/audit", query="action=NONE")[1])["message"]
    assert message.startswith("The request is not valid. action: must be 'EXPORT_REQUESTED', ")
    assert message.endswith(" or 'REQUESTS_REJECTED', not \"NONE\"")


def test_amounts_of_entries_have_the_decimals_of_their_units(service):
    path = "/rewards/account/acme/user/ann"
    assert request(service, "POST", path, {"unit": "CASH/USD", "assignedCredit": 1055})[0] == 201
    (created,) = audited(service, "action=REWARD_CREATED")["entries"]
    assert (created["details"]["amount"], created["decimals"]) == (1055, {"CASH/USD": 2})
    service.run("validate", uploaded(service.world, sheet([row("7.50", unit="CASH/USD")])))
    (sealed,) = audited(service, "action=IMPORT_SEALED")["entries"]
    assert (sealed["details"]["requested"], sealed["decimals"]) == ({"CASH/USD": 750}, {"CASH/USD": 2})
