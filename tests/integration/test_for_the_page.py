"""What the API adds for the operators' page: outcomes in words, the overview, addresses of files."""

import json

import pytest

from rewards.domain.import_job import ImportType
from rewards.domain.overview import Overview
from tests.builders.files import row, sheet
from tests.builders.moments import DAY
from tests.integration.test_handlers import CONTEXT, event, handlers


@pytest.fixture
def call(world, aws, monkeypatch):
    with handlers(world, aws, monkeypatch) as load:
        api = load("api")

        def ask(path, method="GET", query=""):
            asked = event("api-export")
            asked["rawPath"], asked["rawQueryString"], asked["body"] = f"/api/v1/default{path}", query, ""
            asked["requestContext"]["http"] |= {"method": method, "path": asked["rawPath"]}
            response = api(asked, CONTEXT)
            return response["statusCode"], json.loads(response["body"] or "null")

        yield ask


def test_outcomes_are_explained_with_the_first_rows_of_each(world, call):
    world.load([{"id": "r1", "assignedCredit": 100}])
    rows = [row("60"), row("x", user="bob"), row("999", user="ann", unit="POINT"), row("1", user="nobody")]
    record = world.upload("preview/a.csv", sheet(rows))
    status, found = call(f"/import/{record['id']}/outcomes")
    assert status == 200
    assert [each["outcome"] for each in found["outcomes"]] == [
        "INVALID_VALUE",
        "DUPLICATE_ROW",
        "NO_BALANCE",
        "REDEEMED",
    ]
    unread = found["outcomes"][0]
    assert (unread["rows"], unread["failed"]) == (1, True)
    assert "plain numbers" in unread["remedy"]
    assert unread["title"] == "Invalid amount or id"
    assert found["columns"] == ["accountId", "userId", "unit", "valueToRedeem"]
    (example,) = unread["examples"]
    assert (example["line"], example["cells"]) == (3, ["acme", "bob", "POINT", "x"])
    redeemed = found["outcomes"][-1]
    assert redeemed["meaning"].startswith("The value would be redeemed.")
    assert (redeemed["title"], redeemed["remedy"]) == ("To redeem", None)
    assert found["rejection"] is None


def test_a_rejected_file_is_explained(world, call):
    record = world.upload("preview/a.csv", "accountId,userId\nacme,ann\n")
    found = call(f"/import/{record['id']}/outcomes")[1]
    assert found["rejection"]["reason"] == "columns are missing"
    assert "new report" in found["rejection"]["remedy"]


def test_outcomes_are_explained_though_the_examples_are_deleted(world, call):
    world.load([{"id": "r1", "assignedCredit": 100}])
    record = world.upload("redemptions/a.csv", sheet([row("x")]))
    world.s3.delete_object(Bucket=world.names["files"], Key=f"imports/{record['id']}/examples.json")
    (outcome,) = call(f"/import/{record['id']}/outcomes")[1]["outcomes"]
    assert (outcome["outcome"], outcome["examples"]) == ("INVALID_VALUE", [])


def test_outcomes_of_no_import_are_not_found(call):
    assert call("/import/0000000000000000/outcomes")[0] == 404


def test_a_started_preview_names_its_import(world, call):
    world.load([{"id": "r1", "assignedCredit": 100}])
    ordered, _ = world.imports.create(ImportType.REDEMPTIONS, "a.csv", "", True, "ann", None)
    world.validate(world.put(ordered.key, sheet([row("60")])))
    world.run()
    started = world.imports.start(ordered.id, "ann", None)
    assert call(f"/import/{ordered.id}")[1]["startedAs"] == started.id


def test_the_overview_is_made_on_demand_and_one_at_a_time(world, call):
    world.load([{"id": "r1", "assignedCredit": 100}, {"id": "r2", "assignedCredit": 5, "user.id": "bob"}])
    assert call("/balance/overview")[1]["status"] == "NONE"
    assert call("/balance/overview", "POST")[0] == 202
    assert call("/balance/overview", "POST")[1]["status"] == "PENDING"
    (body,) = world.take("export")
    world.deliver("export", body)
    found = call("/balance/overview")[1]
    assert found["status"] == "READY"
    assert found["units"] == [
        {"unit": "POINT", "decimals": 0, "participants": 2, "available": 105, "expiring": 0}
    ]


def test_a_report_of_everything_brings_the_overview_up_to_date_and_a_part_does_not(world, call):
    world.load([{"id": "r1", "assignedCredit": 100, "dateExpires": world.now() + DAY}])
    world.report(unit="POINT")
    assert call("/balance/overview")[1]["status"] == "NONE"
    world.report()
    found = call("/balance/overview")[1]
    assert found["units"] == [
        {"unit": "POINT", "decimals": 0, "participants": 1, "available": 100, "expiring": 100}
    ]


def test_an_older_overview_does_not_replace_a_younger_one(world):
    world.load([{"id": "r1", "assignedCredit": 100}])
    world.report()
    kept = world.overviews.get()
    world.overviews.keep(Overview(), kept.as_of - 1)
    assert world.overviews.get() == kept


def test_an_overview_that_fails_says_so_and_can_be_requested_again(world, call):
    call("/balance/overview", "POST")
    (body,) = world.take("export")
    world.dead_letters.handle(body, None)
    assert call("/balance/overview")[1]["status"] == "FAILED"
    assert call("/balance/overview", "POST")[1]["status"] == "PENDING"


def test_an_overview_request_that_stays_without_a_result_fails(world, call):
    call("/balance/overview", "POST")
    world.now.ahead = DAY
    assert world.overviews.get().status == "FAILED"


def test_the_address_of_a_file_is_returned_where_no_redirect_can_be_followed(world, call):
    world.load([{"id": "r1", "assignedCredit": 100}])
    record = world.upload("redemptions/a.csv", sheet([row("x")]))
    for name in ("results", "failed"):
        assert call(f"/import/{record['id']}/{name}")[0] == 303
        status, found = call(f"/import/{record['id']}/{name}", query="redirect=false")
        assert status == 200
        assert f"{name}.csv" in found["url"]
    export = world.export("REDEEMABLE_REWARD_BALANCE", "CSV")
    status, found = call(f"/export/{export['id']}/download", query="redirect=false")
    assert (status, "available-reward-balances" in found["url"]) == (200, True)
    assert call(f"/export/{export['id']}")[1]["totals"] == {"POINT": 100}


def test_decimals_come_with_every_amount(world, call):
    world.load([{"id": "r1", "assignedCredit": 1234, "unit": "CASH/KWD"}, {"id": "r2", "assignedCredit": 5}])
    record = world.upload("redemptions/a.csv", sheet([row("1.234", unit="CASH/KWD")]))
    assert call(f"/import/{record['id']}")[1]["stats"]["decimals"] == {"CASH/KWD": 3}
    assert call("/import/history/list")[1]["data"][0]["stats"]["decimals"] == {"CASH/KWD": 3}
    export = world.export("REWARD_BALANCE", "CSV")
    assert call(f"/export/{export['id']}")[1]["decimals"] == {"CASH/KWD": 3, "POINT": 0}
    assert call("/export/history/list")[1]["data"][0]["decimals"] == {"CASH/KWD": 3, "POINT": 0}
    for path in ("/reward", "/reward/balance"):
        found = call(path, query="accountId=acme")[1]
        assert {each["unit"]: each["decimals"] for each in found} == {"CASH/KWD": 3, "POINT": 0}, path
    world.exports.create("REWARD_BALANCE", "CSV", "", "test", {})
    assert call("/export/history/list")[1]["data"][0]["decimals"] == {}
