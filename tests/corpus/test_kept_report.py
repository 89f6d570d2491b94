"""Rows that a spreadsheet damaged, while the report that they came from is still kept."""

import io

import openpyxl
import pytest

from tests.builders.files import row, sheet

# (true id, what a spreadsheet made of it)
DAMAGE = [
    ("0099", "99"),
    ("0042", "42"),
    ("1.50", "1.5"),
    ("+4915112345678", "4.91511E+12"),
    ("123456789012", "1.23457E+11"),
    ("123456789013", "1,23457E+11"),
    ("123456789012345678", "1.23456789012346E+017"),
    ("223456789012345678", "223456789012345000"),
    ("323456789012345678", "3.2345678901234566e+17"),
    ("12E5", "1200000"),
    ("3-4", "03-Apr"),
    ("5-6", "2026-06-05"),
    ("MAR1", "01-Mar"),
    ("2026-03-04", "04.03.2026"),
    ("1/2", "01.02.2026"),
    ("true", "TRUE"),
    ("false", "FALSCH"),
    ("Zoë", "Zo?"),
]
EDITS = [("007", "008"), ("3-4", "05-Jun"), ("123456789012", "1.3E+11"), ("true", "FALSE"), ("ann", "bob"),
         ("Zoë", "Zoe"), ("007", "7"), ("7", "007"), ("12E5", "12"), ("ann", "Ann"),
         ("007", "70"), ("3-4", "34")]  # fmt: skip


@pytest.fixture
def world(world):
    """A participant for every id above, each with 100 POINT; and a 7 beside the 007."""
    users = dict.fromkeys([true for true, _ in DAMAGE + EDITS] + ["7", "bob"])
    world.load([{"id": f"r{n}", "user.id": user, "assignedCredit": 100} for n, user in enumerate(users)])
    return world


def damaged(world, changes):
    """The report with one POINT filled in for each of these users, and their ids changed."""
    rows = {line["userId"].removeprefix("'"): line for line in world.report()}
    return [{**rows[true], "valueToRedeem": "1", "userId": shown} for true, shown in changes]


def test_a_row_that_a_spreadsheet_damaged_is_repaired_from_the_report_and_says_so(world):
    record = world.upload("redemptions/a.csv", sheet(damaged(world, DAMAGE)))
    wrong = [
        f"{true} shown as {shown}: {result['outcome']} {result['message']}"
        for (true, shown), result in zip(DAMAGE, world.results(record), strict=True)
        if result["outcome"] != "REDEEMED" or true not in result["message"] or shown not in result["message"]
    ]
    assert not wrong, "\n".join(wrong)
    assert world.available("acme", "0042", "POINT") == 99


def test_a_row_that_a_person_edited_is_rejected_and_the_column_and_both_values_are_named(world):
    record = world.upload("redemptions/a.csv", sheet(damaged(world, EDITS)))
    wrong = [
        f"{true} edited to {shown}: {result['outcome']} {result['message']}"
        for (true, shown), result in zip(EDITS, world.results(record), strict=True)
        if result["outcome"] != "ROW_CHANGED"
        or any(word not in result["message"] for word in ("userId", true, shown))
    ]
    assert not wrong, "\n".join(wrong)


def test_a_repaired_row_redeems_once_however_often_its_file_comes(world):
    rows = damaged(world, [("0042", "42")])
    world.upload("redemptions/a.csv", sheet(rows))
    second = world.upload("redemptions/b.csv", sheet(rows))
    assert second["outcomes"] == {"ALREADY_REDEEMED": 1}
    assert world.available("acme", "0042", "POINT") == 99


def test_a_repaired_row_and_the_whole_row_of_the_same_balance_are_duplicates(world):
    rows = damaged(world, [("0042", "42"), ("0042", "0042")])
    record = world.upload("redemptions/a.csv", sheet(rows))
    assert record["outcomes"] == {"REDEEMED": 1, "DUPLICATE_ROW": 1}


def test_a_column_that_was_sorted_alone_redeems_nothing_from_the_wrong_person(world):
    rows = damaged(world, [("ann", "bob"), ("bob", "ann"), ("007", "7"), ("7", "007")])
    record = world.upload("redemptions/a.csv", sheet(rows))
    assert record["outcomes"] == {"ROW_CHANGED": 4}
    assert {world.available("acme", user, "POINT") for user in ("ann", "bob", "007", "7")} == {100}


def test_the_results_keep_the_damaged_cells_as_they_came(world):
    record = world.upload("redemptions/a.csv", sheet(damaged(world, [("0042", "42")])))
    assert world.results(record)[0]["userId"] == "42"


def test_another_account_or_unit_is_an_edit_and_no_damage(world):
    rows = [
        {**damaged(world, [("ann", "ann")])[0], "accountId": "ACME"},
        {**damaged(world, [("bob", "bob")])[0], "unit": "CENTS"},
    ]
    record = world.upload("redemptions/a.csv", sheet(rows))
    assert [r["outcome"] for r in world.results(record)] == ["ROW_CHANGED", "ROW_CHANGED"]


def test_a_damaged_row_without_row_id_finds_nobody(world):
    record = world.upload("redemptions/a.csv", sheet([row("1", user="1.23457E+11"), row("1", user="03-Apr")]))
    assert record["outcomes"] == {"NO_BALANCE": 2}


def test_a_damaged_row_whose_report_is_no_longer_there_is_rejected_and_nothing_breaks(world):
    rows = damaged(world, [("0042", "42")])
    listed = world.s3.list_objects_v2(Bucket=world.names["files"], Prefix="exports/")["Contents"]
    for found in listed:
        world.s3.delete_object(Bucket=world.names["files"], Key=found["Key"])
    record = world.upload("redemptions/a.csv", sheet(rows))
    assert record["outcomes"] == {"ROW_CHANGED": 1}


def test_a_report_made_as_workbook_comes_back_filled_in(world):
    order = world.exports.create("REDEEMABLE_REWARD_BALANCE", "XLSX", "", "test", {})
    world.run()
    key = f"exports/{order.id}/available-reward-balances-by-user.xlsx"
    book = openpyxl.load_workbook(io.BytesIO(world.bytes(key)))
    table = book.active
    columns = {cell.value: cell.column for cell in table[1]}
    for number in range(2, table.max_row + 1):
        table.cell(number, columns["valueToRedeem"]).value = 1
        user = table.cell(number, columns["userId"])
        if user.value == "0042":
            user.value, user.number_format = 42, "General"
    changed = io.BytesIO()
    book.save(changed)
    record = world.upload("redemptions/report.xlsx", changed.getvalue())
    assert record["outcomes"] == {"REDEEMED": table.max_row - 1}
    assert world.available("acme", "0042", "POINT") == 99
