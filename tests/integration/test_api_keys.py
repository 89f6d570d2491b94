"""API keys, from their creation by an administrator to the requests that are rejected after revocation."""

import base64
import json
import sys

import pytest
from botocore.exceptions import ClientError

from rewards.domain.api_key import ApiKey, id_in, new_key
from tests.integration.conftest import new_world
from tests.integration.test_handlers import CONTEXT, event, handlers

ADMINISTRATOR = {"scopes": "admin read", "user": "3f2a", "email": "ada@example.com"}


class Service:
    """The API and the authorizer before it, as API Gateway joins them."""

    def __init__(self, load):
        self.api = load("api")
        self.authorizer = load("authorizer")

    def call(self, method, path, body=None, granted=ADMINISTRATOR):
        asked = event("api-export")
        asked["rawPath"] = f"/api/v1/default{path}"
        asked["body"] = "" if body is None else json.dumps(body)
        asked["requestContext"]["http"] |= {"method": method, "path": asked["rawPath"]}
        asked["requestContext"]["authorizer"] = {"lambda": granted}
        response = self.api(asked, CONTEXT)
        return response["statusCode"], json.loads(response["body"] or "null")

    def granted(self, key, name=""):
        """What the authorizer says of a caller with this key."""
        asked = event("authorizer")
        credentials = base64.b64encode(f"{name}:{key}".encode()).decode()
        asked["headers"]["authorization"] = f"Basic {credentials}"
        return self.authorizer(asked, CONTEXT)["context"]

    def status(self, key, method, path, body=None):
        return self.call(method, path, body, self.granted(key))[0]

    def create(self, *scopes, name="payroll"):
        status, made = self.call("POST", "/keys", {"name": name, "scopes": scopes})
        assert status == 201
        return made


@pytest.fixture(scope="module")
def world(aws):
    return new_world(aws)


@pytest.fixture(scope="module")
def service(world, aws):
    with pytest.MonkeyPatch.context() as monkeypatch, handlers(world, aws, monkeypatch) as load:
        secret = aws.client("secretsmanager").create_secret(Name="all-scopes", SecretString="the-secret")
        monkeypatch.setenv("API_KEY_SECRET", secret["ARN"])

        def load_apart(name):  # both functions have a module of this name
            sys.modules.pop("app", None)
            return load(name)

        yield Service(load_apart)


def record(world, key_id):
    return world.jobs_table.get("API_KEY", key_id)


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (["read"], "admin read write"),
        (["write"], "read write"),
        (["admin"], "admin read"),
        (["admin", "write", "read"], "admin read write"),
    ],
)
def test_a_key_has_its_scopes_each_of_which_includes_reading(service, scopes, allowed):
    made = service.create(*scopes)
    expected = "read" if scopes == ["read"] else allowed
    assert service.granted(made["key"]) == {
        "scopes": expected,
        "user": f"key:{made['id']}",
        "key": "payroll",
    }


@pytest.mark.parametrize(
    ("scope", "statuses"), [("read", [200, 403, 403]), ("write", [200, 201, 403]), ("admin", [200, 403, 200])]
)
def test_a_key_without_the_needed_scope_is_rejected(service, scope, statuses):
    key = service.create(scope)["key"]
    requests = [("GET", "/export/history/list"), ("POST", "/export", {"type": "REWARD"}), ("GET", "/keys")]
    assert [service.status(key, *request) for request in requests] == statuses


def test_the_rejection_names_the_scope_that_is_missing(service):
    granted = service.granted(service.create("read")["key"])
    status, problem = service.call("POST", "/export", {"type": "REWARD"}, granted)
    assert (status, problem["apiErrorCode"]) == (403, "FORBIDDEN")
    assert problem["message"] == "This request needs an API key with the scope write."
    status, problem = service.call("GET", "/keys", None, {"scopes": "read write", "user": "ann"})
    assert problem["message"] == "Only users in the group administrators can do this."


def test_the_user_name_is_ignored(service):
    key = service.create("read")["key"]
    assert service.granted(key, "anybody") == service.granted(key)


def test_a_revoked_key_is_rejected_at_once_and_stays_in_the_list(service):
    made = service.create("write", name="old program")
    assert service.granted(made["key"])
    for _ in range(2):
        status, revoked = service.call("DELETE", f"/keys/{made['id']}")
        assert (status, revoked["revokedBy"]) == (200, "ada@example.com")
    assert service.granted(made["key"]) == {}
    listed = {each["id"]: each for each in service.call("GET", "/keys")[1]["data"]}
    assert listed[made["id"]] == revoked
    assert revoked["dateRevoked"] >= revoked["dateCreated"]


def test_the_first_revocation_stays(service):
    made = service.create("read")
    first = service.call("DELETE", f"/keys/{made['id']}")[1]
    again = service.call("DELETE", f"/keys/{made['id']}", None, {**ADMINISTRATOR, "email": "eve@example.com"})
    assert again == (200, first)


def test_the_key_is_shown_once_and_only_its_digest_is_stored(service, world):
    made = service.create("admin")
    assert id_in(made["key"]) == made["id"]
    assert made["key"] not in json.dumps(service.call("GET", "/keys"))
    assert made["key"] not in json.dumps(service.call("DELETE", f"/keys/{made['id']}"))
    stored = json.dumps(record(world, made["id"]))
    assert made["key"].rpartition("_")[2] not in stored


def test_a_key_that_differs_in_any_part_is_unknown(service):
    mine, other = service.create("write")["key"], service.create("read")["key"]
    start, _, secret = mine.rpartition("_")
    wrong = [
        mine[:-1] + ("a" if mine[-1] != "a" else "b"),
        mine[:-1],
        mine + "a",
        mine.upper(),
        f"{other.rpartition('_')[0]}_{secret}",
        new_key(start.removeprefix("rwk_")),
        new_key("0" * 16),
        start + "_",
        f" {mine}",
        f"{mine}\n",
        "rwk_",
    ]
    assert [service.granted(each) for each in wrong] == [{}] * len(wrong)


def test_a_key_of_another_stack_is_unknown(service, another_world):
    key = new_key("06gzzx7rv0b59snh")
    stored = ApiKey(id="06gzzx7rv0b59snh", name="x", scopes=(), created_by="x", date_created=1)
    another_world.api_keys.create(stored, key)
    assert another_world.api_keys.find(key)
    assert service.granted(key) == {}


def test_the_key_of_the_secret_has_all_scopes(service):
    granted = service.granted("the-secret")
    assert granted == {"scopes": "admin read write", "user": "API"}
    assert service.call("POST", "/keys", {"name": "x", "scopes": ["read"]}, granted)[0] == 201


def test_the_last_use_is_recorded_once_an_hour(service, world, monkeypatch):
    made = service.create("read")
    assert made["dateLastUsed"] is None
    uses = []
    for moment in (10_000_000, 10_000_001, 13_599_999, 13_600_000):
        monkeypatch.setitem(service.authorizer.__wrapped__.__globals__, "now", lambda at=moment: at)
        service.granted(made["key"])
        uses.append(record(world, made["id"])["dateLastUsed"])
    assert uses == [10_000_000, 10_000_000, 10_000_000, 13_600_000]


@pytest.mark.parametrize("code", ["AccessDeniedException", "ProvisionedThroughputExceededException"])
def test_a_use_that_cannot_be_recorded_rejects_nobody(service, world, monkeypatch, code):
    made = service.create("read")
    keys = service.authorizer.__wrapped__.__globals__["_api_keys"]()

    def fails(*_, **__):
        raise ClientError({"Error": {"Code": code, "Message": ""}}, "UpdateItem")

    monkeypatch.setattr(keys._table.client, "update_item", fails)
    monkeypatch.setattr(keys._table, "_patience", 0.01)
    assert service.granted(made["key"])["scopes"] == "read"
    assert "dateLastUsed" not in record(world, made["id"])


def test_a_key_that_is_unknown_or_revoked_is_never_used(service, world):
    made = service.create("read")
    service.call("DELETE", f"/keys/{made['id']}")
    service.granted(made["key"])
    service.granted(new_key(made["id"]))
    assert "dateLastUsed" not in record(world, made["id"])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x"},
        {"scopes": ["read"]},
        {"name": "", "scopes": ["read"]},
        {"name": "ann@example.com", "scopes": ["read"]},
        {"name": "x (06gzzx7rv0b59snh)", "scopes": ["read"]},
        {"name": "x\n", "scopes": ["read"]},
        {"name": "x" * 51, "scopes": ["read"]},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["all"]},
        {"name": "x", "scopes": ["Read"]},
        {"name": "x", "scopes": "read"},
        {"name": "x", "scopes": ["read"], "key": "mine"},
        {"name": "x", "scopes": ["read"], "expires": 1},
    ],
)
def test_a_key_that_cannot_be_is_rejected(service, body):
    status, problem = service.call("POST", "/keys", body)
    assert (status, problem["apiErrorCode"]) == (400, "VALIDATION_ERROR")


def test_an_unknown_key_cannot_be_revoked(service):
    for key_id in ("0" * 16, "x", "META", "rwk_x"):
        assert service.call("DELETE", f"/keys/{key_id}")[1]["apiErrorCode"] == "KEY_NOT_FOUND"


@pytest.mark.parametrize("path", ["//keys", "/keys/", "/Keys", "/keys//", "/export/../keys", "/./keys"])
def test_no_other_spelling_of_the_path_leads_to_the_keys(service, path):
    assert service.call("GET", path, None, {"scopes": "read", "user": "ann"})[0] == 404


def test_scopes_of_an_earlier_authorizer_never_include_administration(service):
    before = {"role": "operator", "user": "API"}
    assert service.call("POST", "/export", {"type": "REWARD"}, before)[0] == 201
    assert service.call("GET", "/keys", None, before)[0] == 403
    assert service.call("GET", "/export/history/list", None, {"role": "administrator", "user": "x"})[0] == 401
