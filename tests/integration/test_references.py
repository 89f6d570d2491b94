"""References of payments: what a file without rowIds redeems at most once (CONTRACT section 9)."""

import pytest

from tests.builders.files import row, sheet

ANN = ("acme", "ann", "POINT")


@pytest.fixture
def stocked(world):
    world.load(
        [{"id": "r1", "user.id": "ann", "unit": "POINT", "assignedCredit": 1_000, "programId": "spring"}]
    )
    return world


def upload(world, name, *rows):
    return world.upload(f"redemptions/{name}.csv", sheet(rows))


def test_a_reference_redeems_its_value_once_and_names_the_earlier_import(stocked):
    first = upload(stocked, "a", row("5", *ANN, reference="pay-1"))
    again = upload(stocked, "b", row("5", *ANN, reference="pay-1"), row("3", "acme", "bob", "POINT"))
    assert first["outcomes"] == {"REDEEMED": 1}
    assert again["outcomes"] == {"ALREADY_REDEEMED": 1, "NO_BALANCE": 1}
    result = stocked.results(again)[0]
    assert f"5 POINT was redeemed for reference “pay-1” by import {first['id']}, line 2" in result["message"]
    assert (result["importId"], result["line"]) == (first["id"], "2")


def test_another_value_for_the_same_reference_is_a_conflict(stocked):
    first = upload(stocked, "a", row("5", *ANN, reference="pay-1"))
    other = upload(stocked, "b", row("7", *ANN, reference="pay-1"))
    assert other["outcomes"] == {"REFERENCE_CONFLICT": 1}
    (result,) = stocked.results(other)
    assert (
        f"import {first['id']}, line 2 redeemed 5 POINT, and this row requests 7 POINT" in result["message"]
    )
    assert stocked.results(other, "failed.csv")[0]["outcome"] == "REFERENCE_CONFLICT"


def test_the_value_that_counts_is_that_after_truncation(stocked):
    upload(stocked, "a", row("5", *ANN, reference="pay-1"))
    assert upload(stocked, "b", row("5.9", *ANN, reference="pay-1"))["outcomes"] == {"ALREADY_REDEEMED": 1}


def test_a_reference_belongs_to_the_program_of_its_row(stocked):
    upload(stocked, "a", row("5", *ANN, reference="pay-1"))
    of_program = row("5", *ANN, reference="pay-1", programId="spring")
    assert upload(stocked, "b", of_program)["outcomes"] == {"REDEEMED": 1}


def test_a_reversal_frees_the_reference(stocked):
    first = upload(stocked, "a", row("5", *ANN, reference="pay-1"))
    stocked.reverse(first)
    assert upload(stocked, "b", row("7", *ANN, reference="pay-1"))["outcomes"] == {"REDEEMED": 1}


def test_rows_with_references_everywhere_are_no_duplicate_file(stocked):
    rows = [row("5", *ANN, reference="pay-1")]
    upload(stocked, "a", *rows)
    assert upload(stocked, "b", *rows)["status"] == "COMPLETED"
    mixed = [
        row("2", *ANN, programId="spring", reference=""),
        row("5", *ANN, programId="", reference="pay-1"),
    ]
    assert upload(stocked, "c", *mixed)["status"] == "COMPLETED"
    assert upload(stocked, "d", *mixed)["error"]["code"] == "DUPLICATE_FILE"


def test_a_row_with_row_id_is_decided_by_its_row_id(stocked):
    upload(stocked, "a", row("5", *ANN, reference="pay-1"))
    (reported,) = stocked.report()
    filled_in = {**reported, "valueToRedeem": "7", "reference": "pay-1"}
    assert upload(stocked, "b", filled_in)["outcomes"] == {"REDEEMED": 1}
    # What a row with rowId redeemed counts for later rows without one.
    assert upload(stocked, "c", row("7", *ANN, reference="pay-1"))["outcomes"] == {"ALREADY_REDEEMED": 1}


def test_a_reference_in_history_still_counts(stocked):
    upload(stocked, "a", row("5", *ANN, reference="pay-1"))
    upload(stocked, "b", row("1", *ANN, reference="pay-2"))
    stocked.archive(*ANN)
    assert [each.reference for each in stocked.balance().redemptions] != ["pay-1", "pay-2"]
    assert upload(stocked, "c", row("5", *ANN, reference="pay-1"))["outcomes"] == {"ALREADY_REDEEMED": 1}


def test_a_preview_says_what_a_reference_would_come_to(stocked):
    upload(stocked, "a", row("5", *ANN, reference="pay-1"))
    preview = stocked.upload("preview/b.csv", sheet([row("5", *ANN, reference="pay-1")]))
    assert preview["outcomes"] == {"ALREADY_REDEEMED": 1}


def test_a_row_id_that_was_redeemed_names_the_reference_of_its_redemption(stocked):
    (reported,) = stocked.report()
    filled_in = {**reported, "valueToRedeem": "7", "reference": "pay-1"}
    first = upload(stocked, "a", filled_in)
    (result,) = stocked.results(upload(stocked, "b", filled_in))
    assert f"by import {first['id']}, line 2 (reference “pay-1”)" in result["message"]


@pytest.mark.parametrize("shown", ['="007"', "'007", "0\u200b07"])
def test_what_spreadsheets_add_is_no_part_of_a_reference(stocked, shown):
    upload(stocked, "a", row("5", *ANN, reference="007"))
    assert upload(stocked, "b", row("5", *ANN, reference=shown))["outcomes"] == {"ALREADY_REDEEMED": 1}
