"""Rows that come a second time: in a file saved again, in results.csv, in twelve uploads at once."""

import csv
import io

import pytest

from rewards.adapters.jobs_table import IMPORT
from tests.builders.files import row, sheet
from tests.builders.moments import DAY
from tests.integration.world import BOM


@pytest.fixture
def world(world):
    """Cat, Dan and Eve have 100 POINT each."""
    world.load(
        [{"id": f"r-{user}", "assignedCredit": 100, "user.id": user} for user in ("cat", "dan", "eve")]
    )
    return world


ROWS = [row("5", user="cat"), row("6", user="dan")]


def rejected(record):
    return record["status"], (record["error"] or {}).get("code")


def resaved(rows):
    """The same rows as another program writes them."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    writer.writerow(["valueToRedeem", "note", "unit", "userId", "accountId"])
    for each in reversed(rows):
        writer.writerow([f"{each['valueToRedeem']}.0", "x", each["unit"], each["userId"], each["accountId"]])
    return BOM + text.getvalue() + "\n"


@pytest.mark.parametrize("again", [sheet(ROWS), resaved(ROWS)], ids=["same bytes", "saved again"])
def test_rejects_rows_without_row_id_that_an_earlier_import_redeemed(world, again):
    first = world.upload("redemptions/first.csv", sheet(ROWS), name="November payout")
    second = world.upload("redemptions/second.csv", again)
    assert rejected(second) == ("ABORTED", "DUPLICATE_FILE")
    assert first["id"] in second["error"]["message"]
    assert "November payout" in second["error"]["message"]
    assert (world.available("acme", "cat", "POINT"), world.available("acme", "dan", "POINT")) == (95, 94)


def test_rejects_a_preview_of_rows_that_were_imported(world):
    world.upload("redemptions/first.csv", sheet(ROWS))
    assert rejected(world.upload("preview/again.csv", resaved(ROWS))) == ("ABORTED", "DUPLICATE_FILE")


def test_a_preview_does_not_count_as_an_import(world):
    world.upload("preview/a.csv", sheet(ROWS))
    assert world.upload("redemptions/a.csv", sheet(ROWS))["outcomes"] == {"REDEEMED": 2}


def test_a_value_truncated_alike_is_the_same_row(world):
    world.upload("redemptions/a.csv", sheet([row("5.9", user="cat")]))
    assert rejected(world.upload("redemptions/b.csv", sheet([row("5", user="cat")])))[1] == "DUPLICATE_FILE"


@pytest.mark.parametrize(
    "other",
    [[row("5", user="cat")], [*ROWS, row("1", user="eve")], [row("5", user="cat"), row("7", user="dan")]],
    ids=["fewer rows", "more rows", "another value"],
)
def test_accepts_another_set_of_rows_with_a_warning_for_each_repeated_value(world, other):
    world.upload("redemptions/a.csv", sheet(ROWS))
    record = world.upload("redemptions/b.csv", sheet(other))
    assert record["outcomes"] == {"REDEEMED": len(other)}
    repeated = [r for r in other if r in ROWS]
    assert record["warnings"] == {"NO_ROW_ID": len(other), "REPEATED_VALUE": len(repeated)}


def test_the_user_may_allow_the_same_rows_again(world):
    world.upload("redemptions/a.csv", sheet(ROWS))
    metadata = {"allow-duplicate": "true"}
    record = world.upload("redemptions/b.csv", sheet(ROWS), **metadata)
    assert record["outcomes"] == {"REDEEMED": 2}
    assert record["warnings"]["REPEATED_VALUE"] == 2
    # That one counts, too: the next one without permission is rejected.
    assert rejected(world.upload("redemptions/c.csv", sheet(ROWS)))[1] == "DUPLICATE_FILE"


def test_the_same_rows_may_come_again_after_35_days(world):
    world.upload("redemptions/a.csv", sheet(ROWS))
    world.now.ahead += 34 * DAY
    assert rejected(world.upload("redemptions/b.csv", sheet(ROWS)))[1] == "DUPLICATE_FILE"
    world.now.ahead += 2 * DAY
    record = world.upload("redemptions/c.csv", sheet(ROWS))
    assert record["outcomes"] == {"REDEEMED": 2}
    assert "REPEATED_VALUE" not in record["warnings"]


def test_the_same_rows_may_come_again_when_nothing_was_redeemed_or_all_was_reversed(world):
    none = [row("5", user="nobody")]
    world.upload("redemptions/a.csv", sheet(none))
    assert world.upload("redemptions/b.csv", sheet(none))["outcomes"] == {"NO_BALANCE": 1}
    first = world.upload("redemptions/c.csv", sheet(ROWS))
    world.reverse(first)
    second = world.upload("redemptions/d.csv", sheet(ROWS))
    assert second["outcomes"] == {"REDEEMED": 2}
    assert "REPEATED_VALUE" not in second["warnings"]
    assert rejected(world.upload("redemptions/e.csv", sheet(ROWS)))[1] == "DUPLICATE_FILE"


def test_rows_that_all_have_a_row_id_are_never_a_duplicate_file(world):
    rows = [{**each, "valueToRedeem": "5"} for each in world.report()]
    world.upload("redemptions/a.csv", sheet(rows))
    record = world.upload("redemptions/b.csv", sheet(rows))
    assert record["outcomes"] == {"ALREADY_REDEEMED": 3}
    assert record["warnings"] == {}


def test_of_twelve_identical_uploads_at_once_one_redeems(world):
    ids = [world.validate(world.put(f"redemptions/{number}.csv", sheet(ROWS))) for number in range(12)]
    world.run()
    records = [world.record(each) for each in ids]
    assert sorted(record["status"] for record in records) == ["ABORTED"] * 11 + ["COMPLETED"]
    assert world.available("acme", "cat", "POINT") == 95


def test_of_two_imports_that_seal_the_same_rows_at_once_one_wins(world, monkeypatch):
    seal = world.import_jobs.seal
    rival = []

    def slow_seal(*arguments):
        if not rival:
            rival.append(None)
            rival[0] = world.validate(world.put("redemptions/rival.csv", sheet(ROWS)))
        return seal(*arguments)

    monkeypatch.setattr(world.import_jobs, "seal", slow_seal)
    late = world.validate(world.put("redemptions/late.csv", sheet(ROWS)))
    world.run()
    assert world.record(rival[0])["outcomes"] == {"REDEEMED": 2}
    assert rejected(world.record(late)) == ("ABORTED", "DUPLICATE_FILE")


class TestResultsFileUploadedAgain:
    """results.csv in place of failed.csv, with the failed row corrected."""

    @pytest.fixture
    def first(self, world):
        return world.upload("redemptions/a.csv", sheet([row("7", user="cat"), row("2000", user="dan")]))

    def corrected(self, world, record, value="20"):
        rows = world.results(record)
        assert list(rows[0])[-6:] == [
            "line", "importId", "outcome", "redeemedValue", "remainingValue", "message"
        ]  # fmt: skip
        rows[1]["valueToRedeem"] = value
        return sheet(rows)

    def test_redeems_only_the_corrected_row(self, world, first):
        again = world.upload("redemptions/results.csv", self.corrected(world, first))
        assert again["outcomes"] == {"ALREADY_REDEEMED": 1, "REDEEMED": 1}
        assert world.available("acme", "cat", "POINT") == 93
        assert world.available("acme", "dan", "POINT") == 80
        assert first["id"] in world.results(again)[0]["message"]

    def test_redeems_nothing_again_however_often_results_of_results_are_uploaded(self, world, first):
        second = world.upload("redemptions/results.csv", self.corrected(world, first))
        third = world.upload("redemptions/again.csv", sheet(world.results(second)))
        assert third["outcomes"] == {"ALREADY_REDEEMED": 2}
        fourth = world.upload("redemptions/and-again.csv", sheet(world.results(third)))
        assert rejected(fourth)[1] == "DUPLICATE_FILE" or fourth["outcomes"] == {"ALREADY_REDEEMED": 2}
        assert (world.available("acme", "cat", "POINT"), world.available("acme", "dan", "POINT")) == (93, 80)

    def test_a_row_that_was_redeemed_earlier_names_that_redemption(self, world, first):
        again = world.upload("redemptions/results.csv", self.corrected(world, first))
        places = [(each["importId"], each["line"]) for each in world.results(again)]
        assert places == [(first["id"], "2"), (again["id"], "3")]

    def test_the_results_of_a_preview_are_the_same_rows_also_when_its_start_was_rejected(self, world):
        rows = sheet([row("7", user="cat")])
        preview = world.upload("preview/a.csv", rows)
        world.upload("redemptions/a.csv", rows)
        assert rejected(world.start(preview))[1] == "DUPLICATE_FILE"
        again = world.upload("redemptions/r.csv", sheet(world.results(preview)))
        assert rejected(again)[1] == "DUPLICATE_FILE"

    @pytest.mark.parametrize(
        ("column", "damage"),
        [("line", "{}.0"), ("line", '="{}"'), ("line", "'{}"), ("importId", "'{}"), ("importId", "{}\u200b")],
    )
    def test_reads_the_redemption_through_what_programs_add(self, world, first, column, damage):
        rows = world.results(first)
        rows[1]["valueToRedeem"] = "20"
        damaged = [{**each, column: damage.format(each[column])} for each in rows]
        again = world.upload("redemptions/results.csv", sheet(damaged))
        assert again["outcomes"] == {"ALREADY_REDEEMED": 1, "REDEEMED": 1}

    @pytest.mark.parametrize(
        "change", [{"line": ""}, {"importId": ""}, {"line": "x"}, {"importId": "0" * 16}]
    )
    def test_rejects_a_row_whose_redemption_cannot_be_read(self, world, first, change):
        rows = [{**each, **change} for each in world.results(first)]
        again = world.upload("redemptions/results.csv", sheet(rows))
        assert again["outcomes"] == {"ROW_CHANGED": 2}
        assert world.available("acme", "cat", "POINT") == 93

    def test_redeems_a_row_that_was_added(self, world, first):
        rows = [*world.results(first), row("3", user="eve")]
        again = world.upload("redemptions/results.csv", sheet(rows, list(rows[0])))
        assert again["outcomes"] == {"ALREADY_REDEEMED": 1, "INSUFFICIENT_BALANCE": 1, "REDEEMED": 1}

    def test_its_own_columns_are_replaced(self, world, first):
        again = world.upload("redemptions/results.csv", self.corrected(world, first))
        rows = world.results(again)
        assert list(rows[0]) == [*row(1), "line", "importId", "outcome", "redeemedValue", "remainingValue",
                                 "message"]  # fmt: skip
        assert rows[1]["importId"] == again["id"]

    def test_redeems_a_row_again_that_was_reversed(self, world, first):
        body = self.corrected(world, first)
        world.reverse(first)
        assert world.upload("redemptions/results.csv", body)["outcomes"] == {"REDEEMED": 2}

    def test_finds_the_redemption_of_the_import_that_was_started_from_a_preview(self, world):
        preview = world.upload("preview/a.csv", sheet([row("7", user="cat"), row("2000", user="dan")]))
        world.start(preview)
        again = world.upload("redemptions/results.csv", self.corrected(world, preview))
        assert again["outcomes"] == {"ALREADY_REDEEMED": 1, "REDEEMED": 1}
        assert world.available("acme", "cat", "POINT") == 93

    def test_the_results_of_a_preview_are_the_same_rows_as_its_file(self, world):
        rows = sheet([row("7", user="cat")])
        preview = world.upload("preview/a.csv", rows)
        world.upload("redemptions/a.csv", rows)
        assert (
            rejected(world.upload("redemptions/r.csv", sheet(world.results(preview))))[1] == "DUPLICATE_FILE"
        )

    def test_rejects_a_results_file_of_version_0_1(self, world):
        old = {**row("7", user="cat"), "line": "2", "outcome": "REDEEMED", "redeemedValue": "7",
               "availableValue": "93", "message": ""}  # fmt: skip
        record = world.upload("redemptions/results.csv", sheet([old]))
        assert rejected(record) == ("ABORTED", "OLD_RESULTS_FILE")
        assert "failed.csv" in record["error"]["message"]

    def test_columns_of_these_names_elsewhere_are_the_users_own(self, world, first):
        mine = {"importId": first["id"], "line": "2", "outcome": "mine", **row("7", user="cat")}
        record = world.upload("redemptions/mine.csv", sheet([mine]))
        assert record["outcomes"] == {"REDEEMED": 1}
        found = world.lines(f"imports/{record['id']}/results.csv")
        assert found[0][:3] == ["importId", "line", "outcome"]
        assert found[1][:3] == [first["id"], "2", "mine"]

    def test_rejects_a_file_that_names_too_many_imports(self, world, first):
        rows = world.results(first)
        many = [{**rows[0], "importId": f"x{number}", "userId": f"u{number}"} for number in range(102)]
        record = world.upload("redemptions/many.csv", sheet(many))
        assert rejected(record) == ("ABORTED", "UNREADABLE_FILE")
        assert "importId" in record["error"]["message"]


def test_reference_is_checked_and_part_of_the_digest(world):
    columns = [*row(1), "reference"]
    first = [row("5", user="cat", reference="PAY-1")]
    world.upload("redemptions/a.csv", sheet(first, columns))
    other = [row("5", user="cat", reference="PAY-2")]
    assert world.upload("redemptions/b.csv", sheet(other, columns))["outcomes"] == {"REDEEMED": 1}
    long = [row("5", user="dan", reference="x" * 65), row("5", user="eve", reference="a\x07b")]
    record = world.upload("redemptions/c.csv", sheet(long, columns))
    assert record["outcomes"] == {"INVALID_VALUE": 2}
    assert all("reference" in each["message"] for each in world.results(record))


def test_a_dry_run_may_be_started_again_only_if_nothing_came_of_it(world):
    preview = world.upload("preview/a.csv", sheet(ROWS))
    first = world.imports.start(preview["id"], "API", None)
    assert world.imports.start(preview["id"], "API", None).id == first.id
    world.imports.cancel(first.id)
    second = world.imports.start(preview["id"], "API", None)
    assert second.id != first.id
    world.arrive(world.record(second.id))
    assert world.imports.start(preview["id"], "API", None).id == second.id
    assert world.jobs_table.get(IMPORT, second.id)["outcomes"] == {"REDEEMED": 2}
