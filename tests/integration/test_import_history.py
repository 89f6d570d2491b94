"""Filters of the import history, through the API on an emulated AWS."""

import json
from urllib.parse import urlencode

import pytest

from rewards.domain.import_filter import ImportFilter
from rewards.domain.import_job import ImportType
from rewards.flows import imports
from tests.builders.files import row, sheet
from tests.builders.moments import DAY
from tests.integration.test_handlers import CONTEXT, event, handlers
from tests.integration.world import AGAIN

HOUR = 3_600_000


@pytest.fixture
def listed(world, aws, monkeypatch):
    """Gives a function that lists imports by the API: its response."""
    with handlers(world, aws, monkeypatch) as load:
        api = load("api")

        def ask(**query):
            asked = event("api-export")
            asked["rawPath"] = "/api/v1/default/import/history/list"
            asked["rawQueryString"] = urlencode(query)
            asked["requestContext"]["http"] |= {"method": "GET", "path": asked["rawPath"]}
            asked["requestContext"]["authorizer"]["lambda"] = {"scopes": "read", "user": "ann"}
            response = api(asked, CONTEXT)
            return {"statusCode": response["statusCode"], **json.loads(response["body"])}

        yield ask


def ordered(world, file_name, **more):
    more = {"import_type": ImportType.REDEMPTIONS, "name": "", "dry_run": False, "requester": "ann", **more}
    return world.imports.create(file_name=file_name, email=None, **more)[0]


def names(response):
    assert response["statusCode"] == 200
    assert response["count"] == len(response["data"])
    return [each["fileName"] for each in response["data"]], response["totalCount"]


def test_lists_the_imports_that_fit_with_all_their_fields(world, listed):
    world.load([{"id": "a", "assignedCredit": 10}])
    world.upload("redemptions/one.csv", sheet([row("3")]))
    world.upload("redemptions/Two.csv", sheet([row("4")]), **AGAIN)
    ordered(world, "three.csv", requester="zoë@example.com", name="November")
    assert names(listed(status="COMPLETED"))[1] == 3
    assert names(listed(status="COMPLETED", type="REDEEMABLE_REWARD_BALANCE")) == (["Two.csv", "one.csv"], 2)
    assert names(listed(type="REWARD"))[1] == 1
    assert names(listed(query="TWO")) == (["Two.csv"], 1)
    assert names(listed(query="nov", status="PENDING")) == (["three.csv"], 1)
    assert names(listed(query="zoe\u0308@")) == (["three.csv"], 1)
    assert names(listed(status="AWAITING_APPROVAL")) == ([], 0)
    (found,) = listed(query="one.csv")["data"]
    assert found["stats"]["redeemed"] == {"POINT": 3}, "the whole record, not only what is searched"
    assert found["id"] == listed(query=found["id"])["data"][0]["id"]


def test_pages_what_fits_and_counts_all_of_it(world, listed):
    for number in range(7):
        ordered(world, f"{'odd' if number % 2 else 'even'}-{number}.csv")
    assert names(listed(query="even", limit=2)) == (["even-6.csv", "even-4.csv"], 4)
    assert names(listed(query="even", limit=2, offset=2)) == (["even-2.csv", "even-0.csv"], 4)
    assert names(listed(query="even", limit=2, offset=4)) == ([], 4)


@pytest.mark.parametrize("more", [{}, {"query": "csv"}])
def test_a_period_includes_its_start_and_excludes_its_end(world, listed, more):
    made = []
    for number in range(3):
        world.now.ahead = (number - 3) * HOUR // 2  # less than an import waits for its file
        made.append(ordered(world, f"{number}.csv"))
    moments = [job.date_created for job in made]
    assert names(listed(**{"from": moments[1]}, **more)) == (["2.csv", "1.csv"], 2)
    assert names(listed(to=moments[1], **more)) == (["0.csv"], 1)
    assert names(listed(**{"from": moments[1], "to": moments[1] + 1}, **more)) == (["1.csv"], 1)
    assert names(listed(**{"from": moments[1] + 1, "to": moments[2]}, **more)) == ([], 0)
    assert names(listed(**{"from": moments[0], "limit": 1, "offset": 1}, **more)) == (["1.csv"], 3)


def test_an_import_whose_file_has_not_arrived_in_time_is_listed_as_aborted(world, listed):
    ordered(world, "new.csv")
    world.now.ahead = -DAY
    ordered(world, "late.csv")
    assert names(listed(status="PENDING")) == (["new.csv"], 1)
    assert names(listed(status="ABORTED")) == (["late.csv"], 1)


def test_a_search_that_ends_early_says_where_and_continues_there(world, listed, monkeypatch):
    monkeypatch.setattr(imports, "MAX_SEARCHED", 3)
    for number in range(8):
        ordered(world, f"{number}.csv")
    found, until = [], None
    for _ in range(4):
        response = listed(query="csv", **({} if until is None else {"to": until}))
        found += names(response)[0]
        until = response["searchedSince"]
        if until is None:
            break
    assert set(found) == {f"{number}.csv" for number in range(8)}
    assert until is None
    assert listed()["searchedSince"] is None, "a list without a search is complete"


def test_a_search_reads_no_more_records_than_the_limit_and_its_page(world, monkeypatch):
    monkeypatch.setattr(imports, "MAX_SEARCHED", 3)
    monkeypatch.setattr("rewards.adapters.jobs_table._AT_ONCE", 2)
    for number in range(8):
        ordered(world, f"{number}.csv")
    read = []
    real = world.jobs_table.client.batch_get_item

    def batch_get_item(**request):
        ((_, asked),) = request["RequestItems"].items()
        read.append((len(asked["Keys"]), "ProjectionExpression" in asked))
        return real(**request)

    monkeypatch.setattr(world.jobs_table.client, "batch_get_item", batch_get_item)
    assert world.imports.history(1, 0, ImportFilter(query="csv")).total == 3
    assert read == [(2, True), (2, True), (1, False)]


def test_a_started_import_and_a_reversal_are_created_at_the_time_in_their_ids(world, listed):
    world.load([{"id": "a", "assignedCredit": 10}])
    preview = world.upload("preview/p.csv", sheet([row("3")]))
    started = world.start(preview)
    reversal = world.reverse(started)
    for record in (preview, started, reversal):
        response = listed(**{"from": record["dateCreated"], "to": record["dateCreated"] + 1})
        assert record["id"] in [each["id"] for each in response["data"]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"status": "completed"}, "status"),
        ({"status": ""}, "status"),
        ({"type": "CREDIT"}, "type"),
        ({"from": "yesterday"}, "from"),
        ({"from": "17"}, "from"),
        ({"to": ""}, "to"),
        ({"from": 1_795_300_000_000, "to": 1_795_300_000_000}, "from"),
        ({"query": ""}, "query"),
        ({"query": "  "}, "query"),
        ({"query": "x" * 201}, "query"),
        ({"state": "PENDING"}, "state"),
    ],
)
def test_rejects_a_filter_that_cannot_be_applied(listed, query, field):
    response = listed(**query)
    assert response["statusCode"] == 400
    assert [each["field"] for each in response["validationErrors"]] == [field]
