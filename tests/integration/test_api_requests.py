"""What the API makes of a gateway's event: who may what, which path is meant, and no answer but ours."""

import base64
import json
import re
from dataclasses import replace

import jsonschema
import pytest

from rewards.adapters.errors import ThrottledError
from rewards.domain.email_problem import EmailProblem, EmailProblemKind
from rewards.domain.export_job import ExportJob, ExportStatus
from rewards.domain.import_job import ImportType
from tests.integration import test_handlers
from tests.integration.conftest import new_world
from tests.integration.test_handlers import CONTEXT, event, handlers


@pytest.fixture(scope="module")
def world(aws):
    """One for all tests here: what they ask does not depend on what is stored."""
    return new_world(aws)


@pytest.fixture(scope="module")
def api(world, aws):
    with pytest.MonkeyPatch.context() as monkeypatch, handlers(world, aws, monkeypatch) as load:
        yield load("api")


@pytest.fixture
def call(api):
    """Gives a function that hands an event to the API."""

    def ask(
        method="GET",
        path="/export/history/list",
        body="",
        query="",
        scopes="read write",
        base=None,
        user="ann",
        **more,
    ):
        asked = event("api-export")
        asked["rawPath"] = (base or "/api/v1/default") + path
        asked["rawQueryString"] = query
        asked["body"] = body if isinstance(body, str) else json.dumps(body)
        asked["headers"] |= more.pop("headers", {})
        asked["requestContext"]["http"] |= {"method": method, "path": asked["rawPath"]}
        granted = {"scopes": scopes, "user": user, "email": user and f"{user}@example.com"}
        asked["requestContext"]["authorizer"]["lambda"] = {k: v for k, v in granted.items() if v}
        response = api(asked | more, CONTEXT)
        assert EVERYWHERE.items() <= response["headers"].items()
        if response["statusCode"] >= 400 and method != "HEAD":
            problem = json.loads(response["body"])
            assert set(problem) - {"validationErrors"} == {"statusCode", "message", "apiErrorCode", "rsCode"}
            assert problem["statusCode"] == response["statusCode"]
            assert problem["message"]
        return response

    return ask


EVERYWHERE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Request-Id": "id"}


def code(response):
    return response["statusCode"], json.loads(response["body"])["apiErrorCode"]


ORDER = {"type": "USER_REWARD_BALANCE"}


@pytest.mark.parametrize(
    ("scopes", "method", "path", "status"),
    [
        (None, "GET", "/export/history/list", 401),
        (None, "GET", "/nowhere", 401),
        (None, "OPTIONS", "/export", 401),
        ("none", "GET", "/export/history/list", 403),
        ("write", "GET", "/export/history/list", 403),
        ("read", "GET", "/export/history/list", 200),
        ("read", "HEAD", "/export/history/list", 200),
        ("read", "POST", "/export", 403),
        ("read", "POST", "/import/0000000000000000/cancel", 403),
        ("read", "DELETE", "/nowhere", 404),
        ("read write", "POST", "/export", 201),
        ("read admin", "POST", "/export", 403),
        ("read admin", "GET", "/keys", 200),
        ("read admin", "HEAD", "/keys", 200),
        ("read write", "GET", "/keys", 403),
        ("read write", "HEAD", "/keys", 403),
        ("read write", "POST", "/keys", 403),
        ("read write", "DELETE", "/keys/0000000000000000", 403),
        ("read admin", "DELETE", "/keys/0000000000000000", 404),
    ],
)
def test_a_caller_may_do_what_the_scopes_allow(call, scopes, method, path, status):
    response = call(method, path, ORDER if path == "/export" else "", scopes=scopes)
    assert response["statusCode"] == status
    if status == 401:
        assert "Basic" in response["headers"]["WWW-Authenticate"]
        assert "Bearer" in response["headers"]["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("headers", "asks_for_a_password"),
    [
        ({"authorization": ""}, True),
        ({"authorization": "", "sec-fetch-mode": "navigate"}, True),
        ({"authorization": "", "sec-fetch-mode": "cors"}, False),
        ({"authorization": "", "sec-fetch-mode": "same-origin"}, False),
        ({"authorization": "Bearer old"}, False),
    ],
)
def test_no_window_asks_for_a_password_when_a_page_asks(call, headers, asks_for_a_password):
    challenge = call(scopes=None, headers=headers)["headers"]["WWW-Authenticate"]
    assert ("Basic" in challenge) == asks_for_a_password
    assert "Bearer" in challenge


def test_who_is_unknown_gets_a_message_before_which_tenant_there_is(call):
    assert call(base="/api/v1/other", scopes=None)["statusCode"] == 401
    assert code(call(base="/api/v1/other")) == (404, "TENANT_NOT_FOUND")
    assert code(call(base="/api/v1/", path="")) == (404, "TENANT_NOT_FOUND")
    assert code(call(base="/api/v2/default")) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/export/{id}/downlod"),
        ("GET", "/import/{id}/result"),
        ("POST", "/import/{id}/start/now"),
        ("GET", "/exports"),
    ],
)
def test_a_misspelt_path_does_not_exist(call, method, path):
    export_id = json.loads(call("POST", "/export", ORDER)["body"])["id"]
    response = call(method, path.format(id=export_id))
    assert code(response) == (404, "NOT_FOUND")
    misspelt = f"/api/v1/default{path.format(id=export_id)}"
    assert f"The path {misspelt!r} does not exist." in json.loads(response["body"])["message"]


def test_an_object_where_a_list_or_text_is_expected_is_named_in_plain_words(call):
    wanted = {"type": "REWARD", "params": [], "format": "PDF"}
    found = json.loads(call("POST", "/export", wanted)["body"])["validationErrors"]
    assert found == [
        {"field": "format", "message": "must be 'CSV' or 'XLSX', not \"PDF\""},
        {"field": "params", "message": "must be a JSON object, not a list"},
    ]


def test_an_order_is_mailed_to_who_asks(call, world):
    export_id = json.loads(call("POST", "/export", ORDER)["body"])["id"]
    assert world.exports.get(export_id).mailto_email == "ann@example.com"
    wanted = {"type": "REWARD", "fileName": "rewards.csv"}
    shown = json.loads(call("POST", "/import", wanted)["body"])
    assert (shown["mailtoEmail"], shown["requester"]) == ("ann@example.com", "ann@example.com")


@pytest.mark.parametrize(
    ("origin", "is_accepted"),
    [
        (None, True),  # a program
        ("https://example.com", True),  # PublicUrl
        ("https://localhost", True),  # the host of the request itself
        ("http://localhost", False),
        ("https://example.com.evil.example", False),
        ("https://evil.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_origin_decides_where_a_browser_does_not_send_sec_fetch_site(call, origin, is_accepted):
    headers = {"host": "localhost"} | ({} if origin is None else {"origin": origin})
    response = call("POST", "/export", ORDER, headers=headers)
    assert response["statusCode"] == (201 if is_accepted else 403)
    if not is_accepted:
        assert json.loads(response["body"])["apiErrorCode"] == "FORBIDDEN"
        assert call(headers=headers)["statusCode"] == 200, "reading is safe"
    same_site = call("POST", "/export", ORDER, headers={**headers, "sec-fetch-site": "same-origin"})
    assert same_site["statusCode"] == 201, "Sec-Fetch-Site decides where it is sent"


def test_an_answer_that_lambda_could_not_return_is_rejected_and_names_limit_and_offset(call, monkeypatch):
    import wiring

    # Each é takes 7 bytes of what Lambda counts: the JSON of an answer that contains JSON.
    job = ExportJob(
        id="x", type="REWARD", format="CSV", name="é" * 40, requester="r", params={}, mailto_email=None,
        status=ExportStatus.PENDING, date_created=wiring.flows().now(),
    )  # fmt: skip
    several = [job] * 1_000
    monkeypatch.setattr(wiring.flows().export_jobs, "history", lambda *_: (several, 10_000))
    response = call(query="limit=1000")
    assert (response["statusCode"], json.loads(response["body"])["count"]) == (200, 1_000)
    monkeypatch.setattr(
        wiring.flows().export_jobs, "history", lambda *_: ([replace(job, name="é" * 900)] * 1_000, 10_000)
    )
    for method in ("GET", "HEAD"):
        response = call(method, query="limit=1000")
        assert response["statusCode"] == 413
    too_large = json.loads(call(query="limit=1000")["body"])
    assert too_large["apiErrorCode"] == "RESPONSE_TOO_LARGE"
    assert "limit" in too_large["message"]
    assert "offset" in too_large["message"]
    monkeypatch.setattr(wiring.flows().exports, "get", lambda *_: replace(job, name="é" * 900_000))
    response = call(path="/export/x")
    assert code(response) == (413, "RESPONSE_TOO_LARGE")
    assert "limit" not in response["body"], "this route has none"


@pytest.mark.parametrize("route", ["/reward?accountId=a", "/reward/balance?accountId=a", "/units?"])
def test_every_list_that_grows_has_limit_and_offset(call, route):
    path, _, query = route.partition("?")
    assert call(path=path, query=f"{query}&limit=5&offset=5".lstrip("&"))["statusCode"] == 200
    described = json.loads(call(path="/openapi.json")["body"])["paths"][path]["get"]
    assert {"limit", "offset"} <= {each["name"] for each in described["parameters"]}


def test_a_download_link_is_answered_with_the_headers_of_every_answer(api):
    asked = event("api-export")
    asked["rawPath"] = "/download/nothing"
    asked["requestContext"]["http"] |= {"method": "GET", "path": "/download/nothing"}
    response = api(asked, CONTEXT)
    assert response["statusCode"] == 404
    assert EVERYWHERE.items() <= response["headers"].items()


def test_the_description_spells_idempotency_key_as_the_contract_does(call):
    described = json.loads(call(path="/openapi.json")["body"])["paths"]
    for path in ("/credit/bulkredeem", "/credit/{rewardId}/redeem"):
        names = [each["name"] for each in described[path]["post"]["parameters"]]
        assert "Idempotency-Key" in names


@pytest.mark.parametrize(
    ("user", "headers", "dry_run", "sends"),
    [
        ("ann", {"X-Client": "console"}, True, False),
        ("ann", {"X-Client": "console"}, False, True),
        ("ann", {}, True, True),
        (None, {"X-Client": "console"}, True, True),  # an API key
    ],
)
def test_only_a_dry_run_made_in_the_console_sends_no_email(call, world, user, headers, dry_run, sends):
    body = {"type": "REDEEMABLE_REWARD_BALANCE", "fileName": "a.csv", "dryRun": dry_run}
    made = json.loads(call("POST", "/import", body, user=user, headers=headers)["body"])
    assert world.record(made["id"])["sendsEmail"] is sends


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_changes_nothing(call, site):
    response = call("POST", "/export", ORDER, headers={"sec-fetch-site": site})
    assert code(response) == (403, "FORBIDDEN")
    assert call("POST", "/export", ORDER, headers={"sec-fetch-site": "same-origin"})["statusCode"] == 201


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("", "body"),
        ("{", "line 1 column 2"),
        ("[]", "object"),
        ("null", "object"),
        ('[{"type": "USER_REWARD_BALANCE"}]', "object"),
        ('{"type": NaN}', "NaN"),
        ("[" * 60_000, "JSON"),
        ('{"type": ' + "9" * 5_000 + "}", "JSON"),
        ('{"type": "USER_REWARD_BALANCE", "name": "\\ud800"}', "surrogate"),
        ('{"type": "USER_REWARD_BALANCE", "params": {"unit": 1}}', "params.unit"),
        ('{"type": "USER_REWARD_BALANCE", "format": "PDF"}', "format"),
        ("{}", "type"),
    ],
)
def test_a_body_that_cannot_be_is_rejected_and_the_place_named(call, body, told):
    response = call("POST", "/export", body)
    assert code(response) == (400, "VALIDATION_ERROR")
    assert json.loads(response["body"])["validationErrors"]
    assert told in response["body"]


def test_a_whole_number_may_be_written_with_a_point(call):
    reward = {"unit": "POINT", "assignedCredit": "?"}
    path = "/rewards/account/acme/user/ann"
    for written, status in (("5.0", 201), ("1e2", 201), ("5.5", 400), ("1e999999999", 400), ("0.0", 400)):
        body = json.dumps(reward).replace('"?"', written)
        assert call("POST", path, body)["statusCode"] == status, written


def test_a_body_in_base64_is_read_and_one_that_is_no_text_rejected(call):
    body = base64.b64encode(json.dumps(ORDER).encode()).decode()
    assert call("POST", "/export", body, isBase64Encoded=True)["statusCode"] == 201
    body = base64.b64encode(b"\xff\xfe{}").decode()
    assert code(call("POST", "/export", body, isBase64Encoded=True)) == (400, "VALIDATION_ERROR")


def test_a_body_may_have_64_kibibytes(call):
    def padded(size):
        return (
            json.dumps({**ORDER, "requester": ""})[:-2]
            + "x" * (size - len(json.dumps({**ORDER, "requester": ""})))
            + '"}'
        )

    assert call("POST", "/export", padded(65_536))["statusCode"] == 201
    assert code(call("POST", "/export", padded(65_537))) == (413, "PAYLOAD_TOO_LARGE")


def test_a_client_that_calls_its_json_a_form_is_understood(call):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert call("POST", "/export", ORDER, headers=headers)["statusCode"] == 201


def problems(response):
    assert code(response) == (400, "VALIDATION_ERROR")
    return {each["field"]: each["message"] for each in json.loads(response["body"])["validationErrors"]}


@pytest.mark.parametrize(
    ("path", "body", "field", "closest"),
    [
        (
            "/import",
            {"type": "REDEEMABLE_REWARD_BALANCE", "fileName": "a.csv", "dryrun": True},
            "dryrun",
            "dryRun",
        ),
        (
            "/credit/bulkredeem",
            {"accountId": "a", "unit": "X", "amount": 1, "userID": "bob"},
            "userID",
            "userId",
        ),
        ("/export", {**ORDER, "params": {"units": "POINT"}}, "params.units", "unit"),
        (
            "/export",
            {"type": "REWARD", "params": {"filter": {"unit_eqs": "X"}}},
            "params.filter.unit_eqs",
            "unit_eq",
        ),
        ("/export", {**ORDER, "Params": {}}, "Params", "params"),
        ("/credit/r/redeem", {"amount": 1, "unit": "X", "Unit": "Y"}, "Unit", "unit"),
        (
            "/rewards/account/a/user/u",
            {"unit": "X", "assignedCredit": 1, "dateExpire": 1},
            "dateExpire",
            "dateExpires",
        ),
    ],
)
def test_rejects_an_unknown_field_and_names_the_closest_known_one(call, path, body, field, closest):
    assert f"Did you mean {closest!r}?" in problems(call("POST", path, body))[field]


def test_rejects_fields_where_a_request_takes_none(call):
    path = "/import/0000000000000000/start"
    assert "has none" in problems(call("POST", path, {"confirm": ["a"]}))["confirm"]
    assert code(call("POST", path, "[]")) == (400, "VALIDATION_ERROR")
    assert code(call("POST", path, {})) == code(call("POST", path)) == (404, "IMPORT_NOT_FOUND")


def test_rejects_a_field_that_is_given_twice(call):
    response = call("POST", "/export", '{"type": "REWARD", "params": {"unit": "A", "unit": "B"}}')
    assert "'unit' is given more than once" in response["body"]
    assert code(response) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("path", "query", "field", "told"),
    [
        ("/reward/balance", "accountId=a&userID=b", "userID", "'userId'"),
        ("/reward", "accountId=a&rewardtypefilter=CREDIT", "rewardtypefilter", "'rewardTypeFilter'"),
        ("/reward", "accountId=a&userId=b&userId=c", "userId", "more than once"),
        ("/export/history/list", "Limit=5", "Limit", "'limit'"),
        ("/balance/overview", "limit=5", "limit", "has none"),
        ("/openapi.json", "x", "x", "has none"),
    ],
)
def test_rejects_an_unknown_or_repeated_query_parameter(call, path, query, field, told):
    assert told in problems(call(path=path, query=query))[field]


def test_many_unknown_names_are_not_all_compared(call):
    body = {f"x{number}": 0 for number in range(4_000)}
    assert len(problems(call("POST", "/export", body))) <= 21
    assert len(problems(call("POST", "/import/0000000000000000/start", body))) == 20


def test_every_request_body_rejects_unknown_fields(call):
    """Whoever adds a route gets the check from RequestObject; without it the description has no such mark."""
    described = json.loads(call(path="/openapi.json")["body"])
    schemas = described["components"]["schemas"]
    waiting = [
        body["content"]["application/json"]["schema"]
        for operations in described["paths"].values()
        for operation in operations.values()
        if (body := operation.get("requestBody"))
    ]
    seen = set()
    while waiting:
        schema = waiting.pop()
        name = schema.get("$ref", "").rpartition("/")[2]
        if name and name not in seen:
            seen.add(name)
            assert schemas[name]["additionalProperties"] is False, name
            waiting.append(schemas[name])
        waiting += [each for each in schema.get("properties", {}).values() if isinstance(each, dict)]
        waiting += [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else [])]
    assert {
        "ExportFilter",
        "ExportParams",
        "ExportOrder",
        "ImportOrder",
        "NewReward",
        "Debit",
        "BulkDebit",
    } <= seen


def test_a_download_link_accepts_any_query(call):
    assert call(base="", path="/download/none", query="utm_source=mail")["statusCode"] == 404


def test_filters_of_an_export_are_kept_as_they_apply(call, world):
    world.load([{"id": f"f-{unit}", "unit": unit, "assignedCredit": 5} for unit in ("POINT", "USD")])
    params = {
        "unit": "POINT",
        "filter": {"unit_in": ["POINT", "USD"], "type_eq": None},
        "createdSince": 1_700_000_000_000,
        "createdOrUpdatedSince": "2026-01-01T00:00:00.5Z",
        "updatedBefore": "2026-02-03",
        "programId": None,
    }
    made = json.loads(call("POST", "/export", {"type": "REWARD", "params": params})["body"])
    assert made["params"] == world.exports.get(made["id"]).params
    assert made["params"] == {
        "unit": "POINT",
        "filter": {"unit_in": ["POINT", "USD"]},
        "createdSince": 1_700_000_000_000,
        "createdOrUpdatedSince": 1_767_225_600_500,
        "updatedBefore": 1_770_076_800_000,
    }


def test_filters_of_the_report_that_people_fill_in_are_kept_with_the_decimals_of_their_amount(call, world):
    world.load([{"id": "f-usd", "unit": "CASH/USD", "assignedCredit": 5}])
    params = {
        "unit": "CASH/USD",
        "minimumValue": 2500,
        "availableUntil": "2027-01-01",
        "blocked": "EXCLUDE",
        "segments": [" vip ", "staff"],
        "prefill": "AVAILABLE",
    }
    wanted = {"type": "QUERY/REDEEMABLE_REWARD_BALANCE", "params": params}
    made = json.loads(call("POST", "/export", wanted)["body"])
    assert made["params"] == world.exports.get(made["id"]).params
    assert made["params"] == {**params, "availableUntil": 1_798_761_600_000, "segments": ["vip", "staff"]}
    assert made["decimals"] == {"CASH/USD": 2}


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"unit": "cash/usd"}, "unit: Unit 'cash/usd' differs only in its spelling from 'CASH/USD'"),
        ({"unit": "CASH/XXX"}, "unit: Unit 'CASH/XXX' does not end with a currency code."),
        ({"filter": {"unit_eq": "Point"}}, "filter.unit_eq: Unit 'Point' differs only in its spelling from"),
        (
            {"filter": {"unit_in": ["POINT", "usd"]}},
            "filter.unit_in: Unit 'usd' differs only in its",
        ),
        ({"filter": {"unitType_eq": "cash"}}, "filter.unitType_eq: Type of unit 'cash' differs only in its"),
        ({"filter": {"currency_eq": "QQQ"}}, "filter.currency_eq: 'QQQ' is not a currency code."),
    ],
)
def test_rejects_a_filter_by_a_misspelt_unit(call, world, params, said):
    world.load([{"id": f"f-{unit}", "unit": unit, "assignedCredit": 5} for unit in ("POINT", "CASH/USD")])
    response = call("POST", "/export", {"type": "REDEEMABLE_REWARD_BALANCE", "params": params})
    assert code(response) == (400, "INVALID_UNIT")
    assert json.loads(response["body"])["message"].startswith(f"params.{said}")


@pytest.mark.parametrize(
    "params",
    [{"unit": "CASH/EUR"}, {"unit": "GOLD"}, {"filter": {"unitType_eq": "CREDIT", "currency_eq": "EUR"}}],
)
def test_takes_a_filter_by_a_unit_without_rewards(call, world, params):
    world.load([{"id": "f-POINT", "unit": "POINT", "assignedCredit": 5}])
    assert (
        call("POST", "/export", {"type": "REDEEMABLE_REWARD_BALANCE", "params": params})["statusCode"] == 201
    )


@pytest.mark.parametrize(
    ("kind", "params", "field"),
    [
        ("REDEEMABLE_REWARD_BALANCE", {"createdSince": 1_700_000_000_000}, "params.createdSince"),
        ("USER_REWARD_BALANCE", {"filter": {"unit_eq": "X"}}, "params.filter"),
        ("REWARD", {"at": 1_700_000_000_000}, "params.at"),
        ("REWARD", {"createdSince": 1_700_000_000}, "params.createdSince"),
        ("REWARD", {"createdSince": "20260101"}, "params.createdSince"),
        ("REWARD", {"createdSince": "yesterday"}, "params.createdSince"),
        ("REWARD", {"createdSince": True}, "params.createdSince"),
        ("REWARD", {"unit": ""}, "params.unit"),
        ("REWARD", {"programId": " "}, "params.programId"),
        ("REWARD", {"filter": {"unit_in": []}}, "params.filter.unit_in"),
        ("REWARD", {"filter": {"currency_eq": "usd"}}, "params.filter.currency_eq"),
        ("REWARD", {"filter": {"type_eq": "CASH"}}, "params.filter.type_eq"),
        ("REDEEMABLE_REWARD_BALANCE", {"minimumValue": 5}, "params.minimumValue"),
        ("REDEEMABLE_REWARD_BALANCE", {"unit": "POINT", "minimumValue": -1}, "params.minimumValue"),
        ("REDEEMABLE_REWARD_BALANCE", {"unit": "POINT", "minimumValue": "5"}, "params.minimumValue"),
        ("REDEEMABLE_REWARD_BALANCE", {"unit": "POINT", "minimumValue": True}, "params.minimumValue"),
        ("REDEEMABLE_REWARD_BALANCE", {"unit": "POINT", "minimumValue": 0.5}, "params.minimumValue"),
        ("REDEEMABLE_REWARD_BALANCE", {"availableUntil": "tomorrow"}, "params.availableUntil"),
        ("REDEEMABLE_REWARD_BALANCE", {"blocked": "exclude"}, "params.blocked"),
        ("REDEEMABLE_REWARD_BALANCE", {"blocked": True}, "params.blocked"),
        ("REDEEMABLE_REWARD_BALANCE", {"segments": []}, "params.segments"),
        ("REDEEMABLE_REWARD_BALANCE", {"segments": "vip"}, "params.segments"),
        ("REDEEMABLE_REWARD_BALANCE", {"segments": [" "]}, "params.segments.0"),
        ("REDEEMABLE_REWARD_BALANCE", {"prefill": "ALL"}, "params.prefill"),
        ("REWARD", {"prefill": "AVAILABLE"}, "params.prefill"),
        ("REWARD", {"blocked": "INCLUDE"}, "params.blocked"),
        ("USER_REWARD_BALANCE", {"segments": ["vip"]}, "params.segments"),
        ("USER_REWARD_BALANCE", {"availableUntil": 1_700_000_000_000}, "params.availableUntil"),
        ("REWARD", {"unit": "POINT", "minimumValue": 5}, "params.minimumValue"),
    ],
)
def test_rejects_a_filter_that_would_not_apply(call, kind, params, field):
    assert field in problems(call("POST", "/export", {"type": kind, "params": params}))


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ("USER_REWARD_BALANCE", "reward-balances-by-user"),
        ("REWARD_BALANCE", "reward-balances-by-user"),
        ("QUERY/REDEEMABLE_REWARD_BALANCE", "available-reward-balances-by-user"),
    ],
)
def test_an_export_says_the_type_that_was_asked_for(call, world, asked, kind):
    export_id = json.loads(call("POST", "/export", {"type": asked})["body"])["id"]
    world.run()
    shown = json.loads(call(path=f"/export/{export_id}")["body"])
    assert (shown["type"], shown["status"]) == (asked, "COMPLETED")
    location = call(path=f"/export/{export_id}/download")["headers"]["Location"]
    assert f"/{export_id}/{kind}.csv" in location


def test_the_requester_of_an_export_is_the_signed_in_user_whatever_the_body_says(call):
    order = {**ORDER, "requester": "boss@example.com"}

    def requester(**granted):
        event_context = {"authorizer": {"lambda": {"scopes": "read write", **granted}}}
        asked = event("api-export")["requestContext"] | event_context
        return json.loads(call("POST", "/export", order, requestContext=asked)["body"])["requester"]

    assert json.loads(call("POST", "/export", order)["body"])["requester"] == "ann@example.com"
    assert requester(user="3f2a") == "3f2a"
    assert requester(user="API") == "boss@example.com"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=", "limit=1&limit=2", "offset=-1", "limit=1e1"]
)
def test_a_query_that_cannot_be_is_rejected(call, query):
    response = call(query=query)
    assert code(response) == (400, "VALIDATION_ERROR")
    assert query.partition("=")[0] in response["body"]


def test_other_methods_get_the_allowed_ones(call):
    response = call("DELETE")
    assert code(response) == (405, "METHOD_NOT_ALLOWED")
    assert response["headers"]["Allow"] == "GET, HEAD, OPTIONS"
    assert code(call("GET", "/import/x/start")) == (405, "METHOD_NOT_ALLOWED")
    assert call("OPTIONS", "/export")["headers"]["Allow"] == "OPTIONS, POST"
    head = call("HEAD")
    assert (head["statusCode"], head["body"]) == (200, "")
    assert call("HEAD", "/export/x")["statusCode"] == 404


@pytest.mark.parametrize(
    ("raw", "identifier"),
    [
        ("a@b.com", "a@b.com"),
        ("a+b", "a+b"),
        ("a b", "a b"),
        ("100%25", "100%"),
        ("a%252Fb", "a%2Fb"),
        ("#1", "#1"),
        ("żółć😀", "żółć😀"),
        ("a\nb", "a\\nb"),
        ('"\\<>', '"\\\\<>'),
    ],
)
def test_an_id_in_a_path_may_have_any_character(call, raw, identifier):
    """`raw` as the gateway hands it over: decoded, all but %25."""
    message = json.loads(call(path=f"/import/{raw}")["body"])["message"]
    assert message == f"No import has the id '{identifier}'."


def test_an_id_from_outside_may_have_a_slash(call):
    message = json.loads(call(path="/reward/a/b")["body"])["message"]
    assert message == "No reward has the id 'a/b'."


def test_a_fault_tells_nothing_and_a_busy_table_asks_to_come_again(call, monkeypatch):
    import wiring

    def fail(error):
        monkeypatch.setattr(wiring.flows().export_jobs, "history", lambda *_: (_ for _ in ()).throw(error))
        return call()

    response = fail(RuntimeError("secret"))
    assert code(response) == (500, "INTERNAL_ERROR")
    assert "secret" not in response["body"]
    response = fail(ThrottledError("secret"))
    assert code(response) == (503, "TRY_AGAIN")
    assert response["headers"]["Retry-After"] == "5"
    wrong_record = ([{"id": 1}], 1)
    monkeypatch.setattr(wiring.flows().export_jobs, "history", lambda *_: wrong_record)
    assert code(call()) == (500, "INTERNAL_ERROR")


def test_the_reference_page_has_every_route_and_no_other(call):
    described = json.loads(call(path="/openapi.json")["body"])
    routes = {f"{method.upper()} {path}" for path, each in described["paths"].items() for method in each}
    page = (test_handlers.ROOT / "docs/reference/api.md").read_text()
    assert set(re.findall(r"^\| `([A-Z]+ /\S+)` \|", page, re.MULTILINE)) == routes


EXAMPLE = re.compile(
    r"^## (?P<route>.+)\n\n```\n(?P<method>\w+) (?P<path>\S+)\n(?P<body>[^`]*)```\n\n"
    r"Response, (?P<status>\d+):\n\n```\n(?P<answer>[^`]*)```$",
    re.MULTILINE,
)


def test_the_examples_show_every_route_as_the_description_has_it(call):
    described = json.loads(call(path="/openapi.json")["body"])
    examples = list(EXAMPLE.finditer((test_handlers.ROOT / "docs/reference/api-examples.md").read_text()))
    routes = [f"{method.upper()} {path}" for path, each in described["paths"].items() for method in each]
    assert sorted(each["route"] for each in examples) == sorted(routes)

    def check(text, schema):
        jsonschema.Draft202012Validator({**schema, "components": described["components"]}).validate(
            json.loads(text)
        )

    for each in examples:
        method, path = each["route"].split()
        assert each["method"] == method
        assert re.fullmatch(re.sub(r"\{\w+\}", r"[^/]+", path) + r"(\?.*)?", each["path"])
        operation = described["paths"][path][method.lower()]
        if "requestBody" in operation:
            check(each["body"], operation["requestBody"]["content"]["application/json"]["schema"])
        else:
            assert not each["body"]
        if each["status"] == "303":
            assert each["answer"].startswith("Location: https://")
        else:
            response = operation["responses"][each["status"]]["content"]["application/json"]
            check(each["answer"], response["schema"])


def test_an_import_is_requested_by_the_kept_event(api):
    response = api(event("api-import"), CONTEXT)
    assert response["statusCode"] == 201
    assert json.loads(response["body"])["upload"]["fields"]["key"].startswith("preview/")


IMPORT = {"type": "REDEEMABLE_REWARD_BALANCE", "fileName": "a.csv"}


@pytest.mark.parametrize(
    ("expected", "shown"),
    [
        (
            {"rows": 3, "requested": {"CASH/USD": 1055, "Cafe\u0301": 0}},
            {
                "rows": 3,
                "requested": {"CASH/USD": 1055, "Caf\u00e9": 0},
                "decimals": {"CASH/USD": 2, "Caf\u00e9": 0},
            },
        ),
        ({"rows": 0}, {"rows": 0, "requested": None, "decimals": {}}),
        ({"requested": {"JPY": 5.0}}, {"rows": None, "requested": {"JPY": 5}, "decimals": {"JPY": 0}}),
        (None, None),
    ],
)
def test_control_totals_are_kept_and_shown(call, expected, shown):
    response = call("POST", "/import", {**IMPORT, "expected": expected})
    made = json.loads(response["body"])
    assert (response["statusCode"], made["expected"]) == (201, shown)
    assert json.loads(call(path=f"/import/{made['id']}")["body"])["expected"] == shown


@pytest.mark.parametrize(
    ("expected", "field", "problem"),
    [
        ({}, "expected", "must have rows, requested or both"),
        ({"rows": None, "requested": None}, "expected", "must have rows, requested or both"),
        ({"rows": 1, "requested": {}}, "expected.requested", "must have 1 or more entries, not 0"),
        ({"rows": -1}, "expected.rows", "must be at least 0"),
        ({"rows": 1.5}, "expected.rows", "must be a whole number"),
        ({"rows": "1"}, "expected.rows", "must be a whole number"),
        ({"rows": True}, "expected.rows", "must be a whole number"),
        ({"rows": 10**15}, "expected.rows", "must be at most 999999999999999"),
        ({"requested": {"POINT": -1}}, "expected.requested.POINT", "must be at least 0"),
        ({"requested": {"POINT": "7"}}, "expected.requested.POINT", "must be a whole number"),
        ({"requested": {"CASH/USD": 10.55}}, "expected.requested.CASH/USD", "must be a whole number"),
        ({"requested": {"POINT": None}}, "expected.requested.POINT", "must be a whole number"),
        ({"requested": {"": 1}}, "expected.requested", "'' names no unit"),
        ({"requested": {"u" * 65: 1}}, "expected.requested", "more than 64 bytes"),
        ({"requested": {"a\u0007": 1}}, "expected.requested", "a character that no unit has"),
        ({"requested": {"\u00e9": 1, "e\u0301": 1}}, "expected.requested", "repeats the unit \u00e9"),
        ({"requested": {f"U{n}": 1 for n in range(101)}}, "expected.requested", "100 entries, not 101"),
        ({"requested": [1]}, "expected.requested", "must be a JSON object"),
        ({"row": 1}, "expected.row", "Did you mean 'rows'?"),
        ("rows=1", "expected", "must be a JSON object"),
    ],
)
def test_control_totals_that_cannot_be_meant_are_rejected(call, expected, field, problem):
    found = problems(call("POST", "/import", {**IMPORT, "expected": expected}))
    assert problem in found[field]


def test_a_rejected_import_shows_its_control_totals_and_how_the_file_differs(call, world):
    body = b"accountId,userId,unit,valueToRedeem\nacme,totals,CASH/USD,10.55\n"
    wanted = {**IMPORT, "expected": {"rows": 1, "requested": {"CASH/USD": 1050, "POINT": 7}}}
    made = json.loads(call("POST", "/import", wanted)["body"])
    world.validate(world.put(made["upload"]["fields"]["key"], body))
    found = json.loads(call(path=f"/import/{made['id']}")["body"])
    assert (found["status"], found["error"]["code"]) == ("ABORTED", "TOTALS_MISMATCH")
    assert found["error"]["differences"] == [
        {"counted": "UNIT", "unit": "CASH/USD", "expected": 1050, "found": 1055, "decimals": 2},
        {"counted": "UNIT", "unit": "POINT", "expected": 7, "found": None, "decimals": 0},
    ]
    assert found["expected"]["requested"] == {"CASH/USD": 1050, "POINT": 7}
    explained = json.loads(call(path=f"/import/{made['id']}/outcomes")["body"])
    assert explained["rejection"]["reason"] == "its totals are not as expected"


def test_a_path_that_can_be_read_in_two_ways_is_rejected(api):
    from errors import ApiError
    from resolver import Resolver

    app = Resolver()
    app.get("/rewards/account/<account_id>/user/<user_id>")(lambda account_id, user_id: {})
    app.get("/reward/<reward_id>")(lambda reward_id: {})
    app.get("/reward/<reward_id>/cancel")(lambda reward_id: {})
    assert app.allowed_methods("/rewards/account/a/b/user/c/d") == {"GET"}
    assert app.allowed_methods("/rewards/account/a/user") == set()
    with pytest.raises(ApiError, match="ambiguous"):
        app.allowed_methods("/rewards/account/a/user/b/user/c")


class TestResume:
    @pytest.fixture
    def import_id(self, world):
        """An import whose file has arrived and whose validation is lost."""
        key = f"redemptions/{world.now()}.csv"
        return world.uploaded_imports.find(world.put(key, f"a\n{world.now()}\n")).id

    @pytest.fixture
    def called(self, monkeypatch):
        import wiring

        found = []
        monkeypatch.setattr(wiring.flows().validate_function, "start", lambda *place: found.append(place))
        return found

    def test_accepts_an_import_that_is_under_way(self, world, call, import_id, called):
        response = call("POST", f"/import/{import_id}/resume")
        assert response["statusCode"] == 202
        assert json.loads(response["body"])["status"] == "VALIDATING"
        record = world.record(import_id)
        assert called == [(record["bucket"], record["key"], record["versionId"])]

    def test_shows_that_an_import_is_stalled(self, world, call, import_id, called, monkeypatch):
        assert json.loads(call(path=f"/import/{import_id}")["body"])["stalled"] is None
        monkeypatch.setattr("imports.now", lambda: world.now() + 20 * 60_000)
        stalled = json.loads(call(path=f"/import/{import_id}")["body"])["stalled"]
        since = world.record(import_id)["dateCreated"]
        assert stalled == {"since": since, "reason": "The check of the file has not ended."}

    def test_shows_that_its_email_bounced(self, world, call, import_id):
        assert json.loads(call(path=f"/import/{import_id}")["body"])["emailProblem"] is None
        problem = EmailProblem(EmailProblemKind.BOUNCED, 1000)
        world.import_jobs.update(import_id, {"email_problem": problem})
        export_id = world.exports.create("REWARD", "CSV", "", "ann", {}).id
        world.export_jobs.update(export_id, {"email_problem": problem})
        shown = {"kind": "BOUNCED", "date": 1000, "message": problem.message}
        for path in (f"/import/{import_id}", f"/export/{export_id}"):
            assert json.loads(call(path=path)["body"])["emailProblem"] == shown

    def test_rejects_what_waits_has_ended_or_does_not_exist(self, world, call, import_id, called):
        job, _ = world.imports.create(ImportType.REDEMPTIONS, "a.csv", "", False, "ann", None)
        assert code(call("POST", f"/import/{job.id}/resume")) == (409, "IMPORT_PENDING")
        world.imports.cancel(job.id)
        assert code(call("POST", f"/import/{job.id}/resume")) == (409, "IMPORT_CANCELLED")
        assert code(call("POST", "/import/unknown/resume")) == (404, "IMPORT_NOT_FOUND")
        assert called == []

    def test_is_for_operators_only(self, call, import_id, called):
        assert code(call("POST", f"/import/{import_id}/resume", scopes="read")) == (403, "FORBIDDEN")
        assert called == []

    def test_a_function_that_is_throttled_is_503(self, call, import_id, monkeypatch):
        import wiring

        def throttled(*_):
            raise ThrottledError

        monkeypatch.setattr(wiring.flows().validate_function, "start", throttled)
        assert code(call("POST", f"/import/{import_id}/resume")) == (503, "TRY_AGAIN")
