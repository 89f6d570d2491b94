"""The routes of rewards and balances, as clients of the original system call them."""

import hashlib
import json
from copy import deepcopy
from urllib.parse import urlencode

import pytest

from rewards.adapters.accounts import Accounts
from rewards.adapters.idempotency import StoredResponse, StoredResponses
from tests.integration.test_handlers import CONTEXT, event, handler  # noqa: F401 a fixture
from tests.integration.world import quick

REWARD_NAMES = [
    *("id", "type", "accountId", "userId", "programId", "name", "rewardSource", "unit", "decimals"),
    *("assignedCredit", "redeemedCredit", "dateGiven", "dateScheduledFor", "dateExpires", "dateCancelled"),
    *("createdBy", "cancelledBy"),
    *("cancellable", "statuses", "redemptionOrder", "redemptions"),
]


@pytest.fixture
def api(world, handler):  # noqa: F811 the fixture above
    """Sends a request; its status and decoded body."""
    handle = handler("api")
    base = event("api-export")

    def send(method, path, body=None, query=None, key=None, user="API", **granted):
        asked = deepcopy(base)
        asked["rawPath"] = asked["requestContext"]["http"]["path"] = f"/api/v1/default{path}"
        asked["requestContext"]["http"]["method"] = method
        asked["routeKey"] = "ANY /api/{proxy+}"
        asked["rawQueryString"] = urlencode(query or {})
        asked["body"] = json.dumps(body) if body is not None else None
        asked["isBase64Encoded"] = False
        if key is not None:
            asked["headers"]["idempotency-key"] = key
        asked["requestContext"]["authorizer"]["lambda"] |= {"user": user, **granted}
        response = handle(asked, CONTEXT)
        send.raw = response
        return response["statusCode"], json.loads(response["body"])

    return send


@pytest.fixture
def reward(api):
    """A reward of 2,000 cents that the API made for Ann."""
    status, made = api("POST", "/rewards/account/acme/user/ann", {"unit": "CENTS", "assignedCredit": 2000})
    assert status == 201
    return made


def test_a_reward_is_created_with_the_contracts_fields(api, world):
    expires = world.now() + 1000_000
    asked = {
        "type": "CREDIT",
        "unit": "CENTS",
        "assignedCredit": 2000,
        "dateExpires": expires,
        "programId": "p",
        "cancellable": True,
        "currency": None,
        "discountPercent": None,
        "fuelTankType": None,
        "fuelTankCode": None,
        "amount": None,
    }
    status, made = api("POST", "/rewards/account/acme/user/ann", asked)
    assert status == 201
    assert list(made) == REWARD_NAMES
    assert (made["accountId"], made["userId"], made["unit"], made["dateExpires"]) == (
        "acme",
        "ann",
        "CENTS",
        expires,
    )
    assert (made["rewardSource"], made["statuses"], made["redemptions"]) == ("MANUAL", ["AVAILABLE"], [])
    assert api("GET", f"/reward/{made['id']}") == (200, made)


def test_rewards_are_listed_of_a_participant_and_of_the_account(api, world, reward):
    world.load([{"id": "bobs", "user.id": "bob", "assignedCredit": 5, "dateGiven": 1_700_000_000_000}])
    assert api("GET", "/reward", query={"accountId": "acme", "userId": "ann"}) == (200, [reward])
    status, all_of_them = api("GET", "/reward", query={"accountId": "acme", "rewardTypeFilter": "CREDIT"})
    assert (status, [each["id"] for each in all_of_them]) == (200, ["bobs", reward["id"]])
    assert api("GET", "/reward", query={"accountId": "acme", "rewardTypeFilter": "FUELTANK"}) == (200, [])
    assert api("GET", "/reward", query={"accountId": "nobody"}) == (200, [])


def test_a_single_reward_is_redeemed(api, reward):
    asked = {"amount": 200, "unit": "CENTS"}
    assert api("POST", f"/credit/{reward['id']}/redeem", asked) == (
        200,
        {"creditRedeemed": 200, "creditAvailable": 1800, "unit": "CENTS", "decimals": 0},
    )
    _, shown = api("GET", f"/reward/{reward['id']}")
    (redemption,) = shown["redemptions"]
    assert list(redemption) == [
        "id",
        "dateRedeemed",
        "quantityRedeemed",
        "importId",
        "reference",
        "requester",
    ]
    assert (redemption["importId"], redemption["requester"]) == (None, "API")
    assert (shown["redeemedCredit"], redemption["quantityRedeemed"]) == (200, 200)


def test_balances_are_summed_by_unit(api, reward):
    api("POST", "/credit/bulkredeem", {"accountId": "acme", "userId": "ann", "unit": "CENTS", "amount": 490})
    assert api("GET", "/reward/balance", query={"accountId": "acme", "userId": "ann"}) == (
        200,
        [
            {
                "type": "CREDIT",
                "unit": "CENTS",
                "decimals": 0,
                "count": 1,
                "totalAssignedCredit": 2000,
                "totalRedeemedCredit": 490,
                "totalPendingCredit": 0,
                "totalExpiredCredit": 0,
                "totalCancelledCredit": 0,
                "totalAvailableCredit": 1510,
                "totalHeldCredit": 0,
            }
        ],
    )


def test_available_credit_leaves_out_what_is_pending_expired_or_cancelled(api, world):
    day = 86_400_000
    world.load(
        [
            {"id": "open", "assignedCredit": 100, "redeemedCredit": 30},
            {"id": "later", "assignedCredit": 20, "dateScheduledFor": world.now() + day},
            {"id": "expired", "assignedCredit": 5, "dateExpires": world.now() - day},
            {"id": "cancelled", "assignedCredit": 3, "dateCancelled": world.now() - day},
        ]
    )
    _, (found,) = api("GET", "/reward/balance", query={"accountId": "acme"})
    assert found["totalAvailableCredit"] == world.available() == 70


def test_rewards_and_balances_are_listed_in_parts(api, world):
    units = ("A", "B", "C", "D", "E")
    given = [{"unit": units[n % 5], "dateGiven": 10**12 + n} for n in range(12)]
    world.load([{"id": f"r{n}", "assignedCredit": 1, **more} for n, more in enumerate(given)])

    def parts(path, size):
        found, offset = [], 0
        while True:
            status, some = api("GET", path, query={"accountId": "acme", "limit": size, "offset": offset})
            assert status == 200
            if not some:
                return found
            assert len(some) <= size
            found, offset = found + some, offset + size

    for path in ("/reward", "/reward/balance"):
        status, everything = api("GET", path, query={"accountId": "acme"})
        assert status == 200
        assert parts(path, 5) == parts(path, 1) == everything
    assert [each["id"] for each in parts("/reward", 5)] == [f"r{n}" for n in range(12)]
    assert [each["unit"] for each in api("GET", "/units", query={"limit": 2, "offset": 1})[1]] == ["B", "C"]
    assert len(api("GET", "/reward", query={"accountId": "acme", "offset": 10})[1]) == 2


def test_rejects_a_list_of_rewards_that_is_too_large_to_return(api, reward, monkeypatch):
    import wiring

    shown = {**wiring.flows().reward_queries.reward(reward["id"], quick()), "name": "November " * 10}

    def rewards(account_id, user_id, backoff, limit, offset):
        return [shown] * len(range(15_000)[offset : None if limit is None else offset + limit])

    monkeypatch.setattr(wiring.flows().reward_queries, "rewards", rewards)
    status, problem = api("GET", "/reward", query={"accountId": "acme"})
    assert (status, problem["apiErrorCode"]) == (413, "RESPONSE_TOO_LARGE")
    assert "limit" in problem["message"]
    assert "offset" in problem["message"]
    for offset, length in ((0, 5000), (10_000, 5000), (14_000, 1000)):
        status, some = api("GET", "/reward", query={"accountId": "acme", "limit": 5000, "offset": offset})
        assert (status, len(some)) == (200, length)


def test_each_user_has_idempotency_keys_of_their_own_and_api_keys_share_theirs(api, world, reward):
    order = {"accountId": "acme", "userId": "ann", "unit": "CENTS", "amount": 10}

    def redeem(user, **changes):
        return api("POST", "/credit/bulkredeem", order | changes, key="order 1", user=user)

    assert redeem("API")[1]["creditAvailable"] == 1990
    assert redeem("API")[1]["creditAvailable"] == 1990
    assert redeem("ann")[1]["creditAvailable"] == 1980, "another space of keys"
    assert redeem("bob", amount=20)[1]["creditAvailable"] == 1960
    assert redeem("ann")[1]["creditAvailable"] == 1980
    assert redeem("bob")[1]["apiErrorCode"] == "IDEMPOTENCY_KEY_REUSED"
    assert world.available("acme", "ann", "CENTS") == 1960


@pytest.mark.parametrize("user", ["API", "ann"])
def test_finds_answers_that_were_stored_before_users_had_keys_of_their_own(api, world, reward, user):
    order = {"accountId": "acme", "userId": "ann", "unit": "CENTS", "amount": 10}
    digest = hashlib.sha256(json.dumps(["bulkredeem", order], sort_keys=True).encode()).hexdigest()
    before = {"creditRedeemed": 10, "creditAvailable": 7, "unit": "CENTS"}
    responses = StoredResponses(world.clients("dynamodb"), world.names["jobs"])
    stored = responses.put("default\norder 1", StoredResponse(digest, before), world.now())["Put"]
    world.clients("dynamodb").put_item(**stored)
    status, response = api("POST", "/credit/bulkredeem", order, key="order 1", user=user)
    assert (status, response["creditAvailable"]) == (200, 7)
    status, response = api("POST", "/credit/bulkredeem", order | {"amount": 11}, key="order 1", user=user)
    assert (status, response["apiErrorCode"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert world.available("acme", "ann", "CENTS") == 2000


def test_an_account_is_debited(api, reward):
    asked = {"accountId": "acme", "unit": "CENTS", "amount": 2000}
    assert api("POST", "/credit/bulkredeem", asked) == (
        200,
        {"creditRedeemed": 2000, "creditAvailable": 0, "unit": "CENTS", "decimals": 0},
    )


def test_a_reward_is_cancelled(api, reward):
    status, cancelled = api("POST", f"/reward/{reward['id']}/cancel")
    assert (status, cancelled["statuses"], cancelled["cancellable"]) == (200, ["CANCELLED"], False)
    assert cancelled["dateCancelled"]
    assert api("POST", f"/reward/{reward['id']}/cancel") == (200, cancelled)


def test_units_are_listed_with_their_decimals(api, reward):
    api("POST", "/rewards/account/acme/user/ann", {"unit": "CASH/KWD", "assignedCredit": 1})
    assert api("GET", "/units") == (
        200,
        [
            {"unit": "CASH/KWD", "decimals": 3, "currency": "KWD"},
            {"unit": "CENTS", "decimals": 0, "currency": None},
        ],
    )


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/rewards/account/acme/user/ann", {"unit": "CENTS", "assignedCredit": 5}),
        ("/credit/{id}/redeem", {"unit": "CENTS", "amount": 5}),
        ("/credit/bulkredeem", {"accountId": "acme", "unit": "CENTS", "amount": 5}),
    ],
)
def test_the_same_key_gets_the_same_bytes_and_another_body_a_conflict(api, reward, path, body):
    path = path.format(id=reward["id"])
    api("POST", path, body, key="k" * 255)
    first = api.raw
    api("POST", path, body)
    api("POST", path, body, key="k" * 255)
    assert (api.raw["statusCode"], api.raw["body"]) == (first["statusCode"], first["body"])
    status, error = api("POST", path, {**body, "unit": "MILE"}, key="k" * 255)
    assert (status, error["apiErrorCode"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    other = {"accountId": "acme", "unit": "X", "amount": 1}
    status, error = api("POST", "/credit/bulkredeem", other, key="k" * 255)
    assert status == 409


def test_a_key_belongs_to_one_address(api, reward):
    api("POST", f"/credit/{reward['id']}/redeem", {"unit": "CENTS", "amount": 5}, key="k")
    _, other = api("POST", "/rewards/account/acme/user/bob", {"unit": "CENTS", "assignedCredit": 9})
    status, error = api("POST", f"/credit/{other['id']}/redeem", {"unit": "CENTS", "amount": 5}, key="k")
    assert (status, error["apiErrorCode"]) == (409, "IDEMPOTENCY_KEY_REUSED")


def test_blank_texts_of_a_new_reward_are_none(api):
    blank = {"name": " ", "programId": "", "rewardSource": "", "dateExpires": None}
    asked = {"unit": " CENTS ", "assignedCredit": 1, **blank}
    status, made = api("POST", "/rewards/account/acme/user/ann", asked)
    assert (status, made["unit"], made["rewardSource"]) == (201, "CENTS", "MANUAL")
    assert (made["name"], made["programId"]) == (None, None)


@pytest.mark.parametrize("kind", ["PCT_DISCOUNT", "FUELTANK", "INTEGRATION"])
def test_a_type_without_balance_is_rejected_before_any_other_check(api, kind):
    asked = {"type": kind, "assignedCredit": "ten", "dateExpires": "never"}
    status, error = api("POST", f"/rewards/account/{'a' * 300}/user/ann", asked, key="k" * 256)
    assert (status, error["apiErrorCode"]) == (400, "UNSUPPORTED_TYPE")


def test_another_spelling_of_a_unit_is_rejected_and_the_right_one_named(api, reward):
    status, error = api("POST", "/rewards/account/acme/user/ann", {"unit": "Cents", "assignedCredit": 1})
    assert (status, error["apiErrorCode"]) == (400, "INVALID_UNIT")
    assert "'CENTS'" in error["message"]


@pytest.mark.parametrize(
    ("given", "expires"),
    [
        ("2099-12-31", 4_102_444_800_000),
        ("2099-12-31T00:00:00Z", 4_102_358_400_000),
        (4_102_358_400_000, 4_102_358_400_000),
    ],
)
def test_an_expiry_without_a_time_ends_with_its_day(api, given, expires):
    asked = {"unit": "CENTS", "assignedCredit": 1, "dateExpires": given, "dateScheduledFor": "2099-01-01"}
    status, made = api("POST", "/rewards/account/acme/user/ann", asked)
    assert (status, made["dateExpires"], made["dateScheduledFor"]) == (201, expires, 4_070_908_800_000)


@pytest.mark.parametrize("given", ["1798761599", "31.12.2099", "2099-13-01", "never", 20991231])
def test_a_date_that_is_not_clear_is_rejected(api, given):
    asked = {"unit": "CENTS", "assignedCredit": 1, "dateExpires": given}
    status, error = api("POST", "/rewards/account/acme/user/ann", asked)
    assert (status, error["apiErrorCode"]) == (400, "VALIDATION_ERROR")
    assert "Unix milliseconds" in error["message"]
    assert json.dumps(given).strip('"') in error["message"]


@pytest.mark.parametrize(("scheduled", "status"), [("2099-01-01", 400), ("2098-12-31", 201), (None, 201)])
def test_a_reward_must_be_available_before_it_expires(api, scheduled, status):
    asked = {
        "unit": "CENTS",
        "assignedCredit": 1,
        "dateScheduledFor": scheduled,
        "dateExpires": "2099-01-01T00:00:00Z",
    }
    found, body = api("POST", "/rewards/account/acme/user/ann", asked)
    assert found == status
    if status == 400:
        assert body["validationErrors"][0]["field"] == "dateExpires"
        assert "is not after dateScheduledFor 2099-01-01T00:00:00Z" in body["message"]


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"dateCancelled": 5}, "dateCancelled", "must be null or left out, not 5"),
        ({"cancellable": False}, "cancellable", "must be true, not false"),
        ({"redeemedCredit": 3}, "redeemedCredit", "must be 0, not 3"),
        ({"type": "GIFT"}, "type", "must be 'CREDIT', not \"GIFT\""),
        ({"assignedCredit": "ten"}, "assignedCredit", 'must be a whole number, not "ten"'),
        ({"assignedCredit": 1.5}, "assignedCredit", "must be a whole number, not 1.5"),
        ({"assignedCredit": 0}, "assignedCredit", "must be above 0, not 0"),
        ({"unit": 7}, "unit", "must be a text, not 7"),
        ({"unit": " "}, "unit", 'must not be blank, not " "'),
        ({"unit": None}, "unit", "must be a text, not null"),
        ({"name": ["x"]}, "name", "must be a text, not a list"),
    ],
)
def test_says_in_plain_words_what_is_allowed_and_what_was_sent(api, body, field, message):
    asked = {"unit": "CENTS", "assignedCredit": 1, **body}
    status, error = api("POST", "/rewards/account/acme/user/ann", asked)
    assert status == 400
    assert error["validationErrors"] == [{"field": field, "message": message}]
    assert error["message"] == f"The request is not valid. {field}: {message}"


def test_names_a_field_that_is_missing(api):
    status, error = api("POST", "/rewards/account/acme/user/ann", {"unit": "CENTS"})
    assert (status, error["validationErrors"]) == (
        400,
        [{"field": "assignedCredit", "message": "is required"}],
    )


def test_ignores_spaces_around_ids(api, reward):
    status, made = api("POST", "/credit/bulkredeem", {"accountId": " acme ", "unit": "CENTS ", "amount": 5})
    assert (status, made["creditRedeemed"], made["unit"]) == (200, 5, "CENTS")
    assert api("GET", "/reward", query={"accountId": " acme", "userId": "ann "})[1][0]["id"] == reward["id"]


@pytest.mark.parametrize("character", ["\x00", "\n", "\x9f", "\ufffd"])
def test_damaged_characters_in_ids_are_rejected(api, character):
    damaged, new = f"a{character}b", {"unit": "CENTS", "assignedCredit": 1}
    for path, body in (
        (f"/rewards/account/{damaged}/user/ann", new),
        (f"/rewards/account/acme/user/{damaged}", new),
        ("/rewards/account/acme/user/ann", {**new, "unit": damaged}),
        ("/rewards/account/acme/user/ann", {**new, "programId": damaged}),
        (f"/credit/{damaged}/redeem", {"unit": "CENTS", "amount": 1}),
        ("/credit/bulkredeem", {"accountId": damaged, "unit": "CENTS", "amount": 1}),
    ):
        status, error = api("POST", path, body)
        assert (status, error["apiErrorCode"]) == (400, "VALIDATION_ERROR"), path
    assert api("GET", "/reward", query={"accountId": damaged})[0] == 400


def test_ids_in_paths_and_queries_are_found_in_either_form(api):
    nfc, nfd = "Zo\u00eb", "Zoe\u0308"
    new = {"unit": "CENTS", "assignedCredit": 5, "name": nfd}
    status, made = api("POST", f"/rewards/account/{nfd}/user/{nfd}", new)
    assert (status, made["accountId"], made["userId"], made["name"]) == (201, nfc, nfc, nfc)
    for form in (nfc, nfd):
        query = {"accountId": form, "userId": form}
        assert [each["id"] for each in api("GET", "/reward", query=query)[1]] == [made["id"]]
        assert api("GET", "/reward/balance", query=query)[1][0]["count"] == 1
        debit = {**query, "unit": "CENTS", "amount": 1}
        assert api("POST", "/credit/bulkredeem", debit)[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/reward/missing", None, 404, "REWARD_NOT_FOUND"),
        ("POST", "/reward/missing/cancel", None, 404, "REWARD_NOT_FOUND"),
        ("POST", "/credit/missing/redeem", {"amount": 1, "unit": "X"}, 404, "REWARD_NOT_FOUND"),
        ("POST", "/credit/{id}/redeem", {"amount": 1, "unit": "X"}, 400, "UNIT_MISMATCH"),
        ("POST", "/credit/{id}/redeem", {"amount": 2001, "unit": "CENTS"}, 400, "INSUFFICIENT_BALANCE"),
        ("POST", "/credit/bulkredeem", {"accountId": "x", "amount": 1, "unit": "X"}, 404, "NO_BALANCE"),
        ("POST", "/credit/bulkredeem", {"accountId": "acme", "amount": 1, "unit": "X"}, 400, "UNIT_MISMATCH"),
        (
            "POST",
            "/rewards/account/acme/user/ann",
            {"type": "PCT_DISCOUNT", "unit": "%", "assignedCredit": 1},
            400,
            "UNSUPPORTED_TYPE",
        ),
    ],
)
def test_a_rejection_has_its_status_and_code(api, reward, method, path, body, status, code):
    response, error = api(method, path.format(id=reward["id"]), body)
    assert (response, error["statusCode"], error["apiErrorCode"]) == (status, status, code)
    assert error["message"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"accountId": "acme", "unit": "CENTS"},
        *(
            {"accountId": "acme", "unit": "CENTS", "amount": amount}
            for amount in (0, -1, 1.5, "5", True, None)
        ),
        {"accountId": "acme", "unit": "CENTS", "amount": 10**15},
        {"accountId": " ", "unit": "CENTS", "amount": 1},
        {"accountId": "acme", "userId": "", "unit": "CENTS", "amount": 1},
        {"accountId": "é" * 200, "unit": "CENTS", "amount": 1},
        {"accountId": "\ud800", "unit": "CENTS", "amount": 1},
        [],
        "text",
    ],
)
def test_a_debit_that_is_not_valid_redeems_nothing(api, world, reward, body):
    status, error = api("POST", "/credit/bulkredeem", body)
    assert (status, error["apiErrorCode"]) == (400, "VALIDATION_ERROR")
    assert error["validationErrors"]
    assert world.available("acme", "ann", "CENTS") == 2000


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_that_is_none_is_rejected(api, reward, key):
    asked = {"accountId": "acme", "unit": "CENTS", "amount": 1}
    status, error = api("POST", "/credit/bulkredeem", asked, key=key)
    assert (status, error["apiErrorCode"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("query", [{}, {"accountId": ""}, {"accountId": "a", "rewardTypeFilter": "x"}])
@pytest.mark.parametrize("path", ["/reward", "/reward/balance"])
def test_a_list_says_what_its_query_lacks(api, path, query):
    status, error = api("GET", path, query=query)
    assert (status, error["apiErrorCode"]) == (400, "VALIDATION_ERROR")


def test_a_busy_table_is_answered_with_when_to_come_again(api, reward, monkeypatch):
    monkeypatch.setattr(Accounts, "write_together", lambda *_: False)
    monkeypatch.setattr("crediting._SECONDS", 0.0)
    status, error = api("POST", f"/reward/{reward['id']}/cancel")
    assert (status, error["apiErrorCode"]) == (503, "TRY_AGAIN")
    assert api.raw["headers"]["Retry-After"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("cancellable", False), ("currency", "EUR"), ("amount", 5), ("discountPercent", 10)],
)
def test_rejects_a_field_of_the_original_that_would_change_what_is_asked(api, field, value):
    asked = {"unit": "CASH/USD", "assignedCredit": 1, field: value}
    status, error = api("POST", "/rewards/account/acme/user/ann", asked)
    assert (status, error["validationErrors"][0]["field"]) == (400, field)


def test_accepts_the_currency_of_the_unit(api):
    asked = {"unit": "CASH/USD", "assignedCredit": 1, "currency": "USD"}
    assert api("POST", "/rewards/account/acme/user/ann", asked)[0] == 201


@pytest.mark.parametrize("kind", ["PCT_DISCOUNT", "FUELTANK", "INTEGRATION"])
def test_rejects_a_type_without_balance_before_anything_else(api, kind):
    status, error = api("POST", "/rewards/account/acme/user/ann", {"type": kind, "fuelTankCode": "x", "y": 1})
    assert (status, error["apiErrorCode"]) == (400, "UNSUPPORTED_TYPE")


def test_available_rewards_have_their_place_in_the_redemption_order_of_participant_and_unit(api, world):
    def create(user, unit, **dates):
        status, made = api(
            "POST", f"/rewards/account/acme/user/{user}", {"unit": unit, "assignedCredit": 10, **dates}
        )
        assert status == 201
        return made

    soon, late, hour = world.now() + 3_600_000, world.now() + 7_200_000, 3_600_000
    never = create("ann", "CENTS")
    assert never["redemptionOrder"] == 1
    last = create("ann", "CENTS", dateExpires=late)
    first = create("ann", "CENTS", dateExpires=soon)
    scheduled = create("ann", "CENTS", dateScheduledFor=world.now() + hour)
    other_unit, other_user = create("ann", "POINT"), create("bob", "CENTS")
    _, listed = api("GET", "/reward", query={"accountId": "acme"})
    assert {each["id"]: each["redemptionOrder"] for each in listed} == {
        first["id"]: 1,
        last["id"]: 2,
        never["id"]: 3,
        scheduled["id"]: None,
        other_unit["id"]: 1,
        other_user["id"]: 1,
    }
    assert api("GET", f"/reward/{last['id']}")[1]["redemptionOrder"] == 2
    assert api("POST", f"/reward/{first['id']}/cancel")[1]["redemptionOrder"] is None
    assert api("GET", f"/reward/{last['id']}")[1]["redemptionOrder"] == 1


class TestTablesOfDifferentMoments:
    """As after a restore: `Accounts` and `Rewards` are not of the same second."""

    def test_a_reward_that_is_claimed_but_not_granted_is_not_found(self, api, world, reward):
        key = {"pk": {"S": "acme"}, "sk": {"S": "B#ann#CENTS"}}
        world.clients("dynamodb").delete_item(TableName=world.names["accounts"], Key=key)
        for method, path, body in (
            ("GET", f"/reward/{reward['id']}", None),
            ("POST", f"/reward/{reward['id']}/cancel", None),
            ("POST", f"/credit/{reward['id']}/redeem", {"amount": 1, "unit": "CENTS"}),
        ):
            status, answer = api(method, path, body)
            assert (status, answer["apiErrorCode"]) == (404, "REWARD_NOT_FOUND")

    def test_a_reward_that_is_granted_but_not_claimed_is_listed_without_a_name(self, api, world, reward):
        key = {"id": {"S": reward["id"]}}
        world.clients("dynamodb").delete_item(TableName=world.names["rewards"], Key=key)
        status, answer = api("GET", f"/reward/{reward['id']}")
        assert (status, answer["apiErrorCode"]) == (404, "REWARD_NOT_FOUND")
        status, listed = api("GET", "/reward", query={"accountId": "acme"})
        assert status == 200
        assert listed == [{**reward, "name": None, "rewardSource": None, "createdBy": None}]
