"""Each change names the user or the API key that requested it."""

import json

import pytest

from rewards.adapters.balance_item import (
    decode_redemptions,
    decode_rewards,
    encode_redemptions,
    encode_rewards,
)
from rewards.domain.balance import Redemption
from rewards.domain.redemption import Reward
from tests.builders.files import row, sheet
from tests.integration.test_handlers import CONTEXT, event, handler

__all__ = ["handler"]  # a fixture

ANN = {"scopes": "read write", "user": "3f2a", "email": "ann@example.com"}
PAYROLL = {"scopes": "read write", "user": "key:06gzzx7v4m1c8r2e", "key": "payroll"}
SECRET = {"scopes": "admin read write", "user": "API"}
WITHOUT_EMAIL = {"scopes": "read write", "user": "3f2a"}
CALLERS = [
    (ANN, "ann@example.com"),
    (PAYROLL, "API key payroll (06gzzx7v4m1c8r2e)"),
    (SECRET, "API"),
    (WITHOUT_EMAIL, "3f2a"),
    ({**ANN, "email": "a" * 200 + "@example.com"}, "a" * 100),
]


@pytest.fixture
def call(handler):
    """Send a request as somebody; the decoded body."""
    api = handler("api")

    def send(granted, method, path, body=None, query=""):
        asked = event("api-export")
        asked["rawPath"], asked["rawQueryString"] = f"/api/v1/default{path}", query
        asked["body"] = "" if body is None else json.dumps(body)
        asked["requestContext"]["http"] |= {"method": method, "path": asked["rawPath"]}
        asked["requestContext"]["authorizer"] = {"lambda": granted}
        response = api(asked, CONTEXT)
        assert response["statusCode"] < 300, response["body"]
        return json.loads(response["body"])

    return send


@pytest.mark.parametrize(("granted", "name"), CALLERS)
def test_a_reward_names_who_created_redeemed_and_cancelled_it(call, granted, name):
    new = {"unit": "POINT", "assignedCredit": 100}
    made = call(granted, "POST", "/rewards/account/acme/user/ann", new)
    assert (made["createdBy"], made["cancelledBy"]) == (name, None)
    path = f"/reward/{made['id']}"
    call(granted, "POST", f"/credit/{made['id']}/redeem", {"unit": "POINT", "amount": 10})
    call(granted, "POST", "/credit/bulkredeem", {"accountId": "acme", "unit": "POINT", "amount": 20})
    shown = call(ANN, "GET", path)
    assert [each["requester"] for each in shown["redemptions"]] == [name, name]
    assert call(granted, "POST", f"{path}/cancel")["cancelledBy"] == name
    shown = call(ANN, "GET", path)
    assert (shown["createdBy"], shown["cancelledBy"]) == (name, name)


def test_a_repeated_cancellation_names_the_first_caller(call):
    made = call(ANN, "POST", "/rewards/account/acme/user/ann", {"unit": "POINT", "assignedCredit": 100})
    call(PAYROLL, "POST", f"/reward/{made['id']}/cancel")
    assert call(ANN, "POST", f"/reward/{made['id']}/cancel")["cancelledBy"].startswith("API key payroll")


def test_a_reward_keeps_its_callers_when_it_goes_to_history(call, world):
    made = call(ANN, "POST", "/rewards/account/acme/user/ann", {"unit": "POINT", "assignedCredit": 100})
    call(PAYROLL, "POST", f"/credit/{made['id']}/redeem", {"unit": "POINT", "amount": 10})
    call(PAYROLL, "POST", f"/reward/{made['id']}/cancel")
    other = call(SECRET, "POST", "/rewards/account/acme/user/ann", {"unit": "POINT", "assignedCredit": 5})
    call(SECRET, "POST", f"/credit/{other['id']}/redeem", {"unit": "POINT", "amount": 5})
    before = call(ANN, "GET", f"/reward/{made['id']}")
    world.archive()
    assert world.balance().rewards == []
    assert call(ANN, "GET", f"/reward/{made['id']}") == before
    assert before["cancelledBy"] == before["redemptions"][0]["requester"] == CALLERS[1][1]


def test_a_redemption_of_an_import_names_the_import_and_no_caller(call, world):
    world.load([{"id": "r1", "assignedCredit": 100}])
    record = world.upload("redemptions/a.csv", sheet([row("60")]))
    shown = call(ANN, "GET", "/reward/r1")
    assert shown["createdBy"] is None
    (redemption,) = shown["redemptions"]
    assert (redemption["importId"], redemption["requester"]) == (record["id"], None)


@pytest.mark.parametrize(("granted", "name"), CALLERS)
def test_an_import_names_who_created_and_cancelled_it(call, granted, name):
    order = {"type": "REDEEMABLE_REWARD_BALANCE", "fileName": "a.csv"}
    made = call(granted, "POST", "/import", order)
    assert (made["requester"], made["cancelledBy"], made["resumedBy"]) == (name, None, None)
    other = call(PAYROLL, "POST", "/import", order)
    assert call(granted, "POST", f"/import/{other['id']}/cancel")["cancelledBy"] == name
    shown = call(PAYROLL, "POST", f"/import/{other['id']}/cancel")
    assert (shown["requester"], shown["cancelledBy"]) == (CALLERS[1][1], name)


def test_an_import_names_who_started_resumed_and_reversed_it(call, world):
    world.load([{"id": "r1", "assignedCredit": 100}])
    preview = world.upload("preview/a.csv", sheet([row("60")]))
    started = call(ANN, "POST", f"/import/{preview['id']}/start")
    assert started["requester"] == "ann@example.com"
    assert call(PAYROLL, "POST", f"/import/{preview['id']}/start")["requester"] == "ann@example.com"
    world.arrive(world.record(started["id"]))
    reversal = call(PAYROLL, "POST", f"/import/{started['id']}/reverse")
    assert reversal["requester"] == CALLERS[1][1]
    resumed = call(ANN, "POST", f"/import/{reversal['id']}/resume")
    assert (resumed["requester"], resumed["resumedBy"]) == (CALLERS[1][1], "ann@example.com")


def test_imports_and_exports_record_who_revoked_their_links(call, world):
    world.load([{"id": "r1", "assignedCredit": 100}])
    done = world.upload("redemptions/a.csv", sheet([row("60")]))
    report = call(ANN, "POST", "/export", {"type": "REWARD"})
    for caller, name in CALLERS[:2]:
        call(caller, "POST", f"/import/{done['id']}/links/revoke")
        call(caller, "POST", f"/export/{report['id']}/links/revoke")
        assert world.record(done["id"])["linksRevokedBy"] == name
        assert world.export_jobs.get(report["id"]).links_revoked_by == name


def test_the_sweep_does_not_hide_who_resumed_an_import(world):
    world.load([{"id": "r1", "assignedCredit": 100}])
    import_id = world.uploaded_imports.find(world.put("redemptions/a.csv", sheet([row("60")]))).id
    world.imports.resume(import_id, "ann@example.com")
    world.import_resumer.run(world.import_jobs.get(import_id), 1)
    assert world.record(import_id)["resumedBy"] == "ann@example.com"


def test_redemptions_of_every_version_are_read():
    old = Redemption(1, 5, "i", 2, "R1", ((1, 5),))
    returned = Redemption(1, 5, "i", 2, "R1", ((1, 5),), "j")
    named = Redemption(1, 5, "x", 0, None, ((1, 5),), "", "ann@example.com")
    stored = encode_redemptions([old, returned, named])
    assert json.loads(stored) == [
        [1, 5, "i", 2, "R1", [1, 5]],
        [1, 5, "i", 2, "R1", [1, 5], "j"],
        [1, 5, "x", 0, None, [1, 5], "", "ann@example.com"],
    ]
    assert decode_redemptions(stored) == [old, returned, named]


def test_rewards_of_every_version_are_read():
    rewards = [
        Reward(1, "a", 5, 5, 1),
        Reward(2, "b", 5, 5, 1, date_cancelled=2),
        Reward(3, "c", 5, 5, 1, date_cancelled=2, cancelled_by="API"),
    ]
    stored = encode_rewards(rewards)
    assert json.loads(stored)[1][1:] == [
        [2, "b", 5, 5, 1, None, None, None, 2],
        [3, "c", 5, 5, 1, None, None, None, 2, "API"],
    ]
    assert decode_rewards(stored) == rewards
