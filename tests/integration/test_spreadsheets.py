"""What operators' spreadsheets do to a report, and what the import makes of it."""

import io

import pytest
from openpyxl import load_workbook

from tests.builders.files import filled, row, sheet
from tests.builders.moments import DAY

IDS = ["007", "123456789012345678", "3-1", "true", "Zoë"]


@pytest.fixture
def world(world):
    world.load([{"id": f"r{n}", "user.id": user, "assignedCredit": 100} for n, user in enumerate(IDS)])
    return world


DAMAGED = {
    "007": "7",
    "123456789012345678": "1.23457E+17",
    "3-1": "03-Jan",
    "true": "TRUE",
    "Zoë": "Zo?",
}


def test_ids_that_a_spreadsheet_damaged_are_repaired_by_the_kept_report(world):
    record = world.upload("redemptions/a.csv", sheet(filled(world, **DAMAGED)))
    assert record["outcomes"] == {"REDEEMED": len(IDS)}
    for user in IDS:
        assert world.available("acme", user, "POINT") == 99
    results = world.results(record)
    assert sorted(r["userId"] for r in results) == sorted(DAMAGED.values()), "the upload's cells stay"
    said = next(r["message"] for r in results if r["userId"] == "7")
    assert said == "Repaired by rowId: userId is '7' but '007' in the report. 1 from r0"


def test_a_repaired_row_is_redeemed_once_like_any_other(world):
    rows = filled(world)
    world.upload("redemptions/a.csv", sheet(rows))
    damaged = [{**r, "userId": DAMAGED[r["userId"]]} for r in rows]
    assert world.upload("redemptions/b.csv", sheet(damaged))["outcomes"] == {"ALREADY_REDEEMED": len(IDS)}


def test_an_edited_row_is_rejected_and_names_the_column_and_both_values(world):
    record = world.upload("redemptions/a.csv", sheet(filled(world, **{"007": "8"})))
    assert record["outcomes"] == {"REDEEMED": len(IDS) - 1, "ROW_CHANGED": 1}
    (failed,) = world.results(record, "failed.csv")
    assert "userId is '8' but '007' in the report" in failed["message"]


def test_a_sort_that_moved_one_column_only_is_rejected(world):
    rows = filled(world)
    users = [r["userId"] for r in rows]
    moved = [{**r, "userId": user} for r, user in zip(rows, users[1:] + users[:1], strict=True)]
    assert world.upload("redemptions/a.csv", sheet(moved))["outcomes"] == {"ROW_CHANGED": len(IDS)}


def test_without_the_report_a_damaged_row_is_rejected(world):
    rows = filled(world, **DAMAGED)
    world.now.ahead = 31 * DAY
    record = world.upload("redemptions/a.csv", sheet(rows))
    assert record["outcomes"] == {"ROW_CHANGED": len(IDS)}
    assert "Copy this row from the report again" in world.results(record)[0]["message"]


def test_a_damaged_row_beside_its_whole_duplicate_is_a_duplicate(world):
    (whole, *_) = [r for r in filled(world) if r["userId"] == "007"]
    record = world.upload("redemptions/a.csv", sheet([whole, {**whole, "userId": "7"}]))
    assert record["outcomes"] == {"REDEEMED": 1, "DUPLICATE_ROW": 1}


def test_a_program_column_that_was_left_out_is_known_from_the_row_id(world):
    world.load([{"id": "p", "user.id": "pia", "assignedCredit": 9, "programId": "P"}])
    (shown,) = world.report(programId="P")
    columns = ["accountId", "userId", "unit", "valueToRedeem", "rowId"]
    record = world.upload("redemptions/a.csv", sheet([{**shown, "valueToRedeem": "9"}], columns))
    assert record["outcomes"] == {"REDEEMED": 1}


def test_the_results_are_written_with_the_uploads_separator(world):
    body = "accountId;userId;unit;valueToRedeem\r\nacme;007;POINT;1,0\r\nacme;true;POINT;1,000\r\n"
    record = world.upload("redemptions/a.csv", body)
    assert record["outcomes"] == {"REDEEMED": 1, "INVALID_VALUE": 1}
    text = world.bytes(f"imports/{record['id']}/failed.csv").decode()
    assert text.startswith("accountId;userId;unit;valueToRedeem;outcome;message\r\nacme;true;POINT;1,000;")
    again = world.upload("redemptions/failed.csv", text.replace("1,000", "1,5"))
    assert again["outcomes"] == {"REDEEMED": 1}


def test_a_file_in_windows_1252_is_answered_in_one_that_spreadsheets_read(world):
    body = "accountId;userId;unit;valueToRedeem\nacme;Zoë;POINT;1\nacme;Chloé;POINT;1\n".encode("cp1252")
    record = world.upload("redemptions/a.csv", body, encoding="Windows-1252")
    assert record["outcomes"] == {"REDEEMED": 1, "NO_BALANCE": 1}
    assert world.bytes(f"imports/{record['id']}/results.csv").startswith(b"\xef\xbb\xbfaccountId;")
    assert [r["outcome"] for r in world.csv_of(f"imports/{record['id']}/results.csv", ";")] == [
        "REDEEMED",
        "NO_BALANCE",
    ]


def test_the_report_as_a_workbook_is_filled_in_and_redeemed(world):
    world.exports.create("REDEEMABLE_REWARD_BALANCE", "XLSX", "", "test", {})
    world.run()
    export = world.exports.history(1, 0)[0][0]
    key = f"exports/{export.id}/available-reward-balances-by-user.xlsx"
    book = load_workbook(io.BytesIO(world.bytes(key)))
    places = {cell.value: cell.column for cell in book.active[1]}
    for number in range(2, book.active.max_row + 1):
        book.active.cell(number, places["valueToRedeem"]).value = 1.0
    book.active.cell(2, places["userId"]).value = 7  # the first one's, typed again
    saved = io.BytesIO()
    book.save(saved)
    record = world.upload("redemptions/a.xlsx", saved.getvalue())
    assert record["outcomes"] == {"REDEEMED": len(IDS)}
    results = world.results(record)
    assert [r["valueToRedeem"] for r in results] == ["1"] * len(IDS)


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("a.csv", b"PK\x03\x04rest", "UNREADABLE_FILE"),
        ("a.xlsx", b"accountId,userId,unit,valueToRedeem\n", "UNREADABLE_FILE"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "UNREADABLE_FILE"),
        ("a.xls", b"<html><table>", "UNSUPPORTED_FORMAT"),
        ("a.xlsx", b"<html><table>", "UNREADABLE_FILE"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_rejected(world, name, body, code):
    record = world.upload(f"redemptions/{name}", body)
    assert (record["status"], record["error"]["code"]) == ("ABORTED", code)


def test_a_row_says_which_reward_would_give_how_much_in_a_preview(world):
    record = world.upload("preview/a.csv", sheet([row("1", user="007")]))
    assert world.results(record)[0]["message"] == "The row has no rowId. 1 from r0"
