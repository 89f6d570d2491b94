"""What is decided of a row without its balance."""

import pytest

from rewards.domain import ids
from rewards.domain.balance import RedemptionRequest
from rewards.domain.import_rows import RowChecker
from rewards.domain.outcomes import FileProblem, FileRejectedError, Outcome, RowResult
from rewards.domain.repair import NO_REPORTS, Identity, Reports
from tests.builders.moments import DAY, NOW
from tests.builders.row_ids import KEYS, make_row_id

HEADER = ["accountId", "userId", "unit", "valueToRedeem", "rowId", "programId"]
EXPORT = ids.new_id(NOW - DAY)


OURS = Reports([EXPORT])


def check(*rows, header=HEADER, reports=NO_REPORTS):
    checker = RowChecker(header, NOW, KEYS, reports=reports)
    return [checker.check(row, line) for line, row in enumerate(rows, start=2)]


def row(account="acme", user="ann", unit="POINT", value="5", row_id="", program=""):
    return [account, user, unit, value, row_id, program]


def test_a_good_row_wants_its_value_from_its_balance():
    row_id = make_row_id(EXPORT, "acme", "ann", "POINT", None)
    assert check(row(row_id=row_id)) == [RedemptionRequest(2, "acme", "ann", "POINT", 5, None, row_id)]


@pytest.mark.parametrize("value", ["", "0", " 0.00 "])
def test_a_row_without_a_value_is_skipped_whatever_else_is_in_it(value):
    assert check(row(account="", value=value))[0].outcome is Outcome.UNCHANGED


@pytest.mark.parametrize("field", ["account", "user", "unit"])
def test_a_blank_id_or_unit_is_named(field):
    result = check(row(**{field: " "}))[0]
    assert result.outcome is Outcome.MISSING_FIELD
    assert field in result.message


@pytest.mark.parametrize("field", ["account", "user", "unit", "program"])
@pytest.mark.parametrize("code", [0, 0x0A, 0x7F, 0x9F, 0xD800, 0xFFFD])
def test_rejects_damaged_characters_in_an_id(field, code):
    cells = {"account": "acme", "user": "ann", "unit": "POINT", "program": "p", field: f"a{chr(code)}b"}
    row_id = make_row_id(EXPORT, *cells.values()) if code < 0xD800 or code == 0xFFFD else ""
    for result in (*check(row(**cells)), *check(row(**cells, row_id=row_id))):
        assert result.outcome is Outcome.INVALID_VALUE
        assert result.message.startswith(field)


def test_rows_whose_ids_differ_only_by_normalisation_are_duplicates():
    first, second = check(row(user="Zo\u00eb"), row(user="Zoe\u0308"))
    assert isinstance(first, RedemptionRequest)
    assert second.outcome is Outcome.DUPLICATE_ROW
    row_id = make_row_id(EXPORT, "acme", "Zoe\u0308", "POINT", None)
    assert (
        check(row(user="Zoe\u0308", row_id=row_id), row(user="Zo\u00eb"))[1].outcome is Outcome.DUPLICATE_ROW
    )


def test_a_row_id_is_held_to_the_ids_as_they_are_stored():
    row_id = make_row_id(EXPORT, "acme", "Zoe\u0308", "POINT", None)
    (wanted,) = check(row(user="Zoe\u0308", row_id=row_id))
    assert (wanted.user_id, wanted.row_id) == ("Zoe\u0308", row_id)


@pytest.mark.parametrize("edit", [{"account": "other"}, {"user": "bob"}, {"unit": "CENTS"}, {"program": "P"}])
def test_a_row_id_beside_other_ids_shows_that_the_row_was_changed(edit):
    row_id = make_row_id(EXPORT, "acme", "ann", "POINT", None)
    assert check(row(row_id=row_id, **edit), reports=OURS)[0].outcome is Outcome.ROW_CHANGED


def test_a_row_id_that_does_not_fit_and_names_no_report_of_ours_is_of_an_unknown_report():
    row_id = make_row_id(EXPORT, "acme", "ann", "POINT", None)
    assert check(row(user="bob", row_id=row_id))[0].outcome is Outcome.UNKNOWN_REPORT


@pytest.mark.parametrize(
    "row_id", ["x", "R" + "0" * 31, "R" + "Z" * 29, "r" + "0" * 29, "R" + "I" * 29, "1.2E+11"]
)
def test_rejects_a_row_id_of_another_form(row_id):
    assert check(row(row_id=row_id), reports=OURS)[0].outcome is Outcome.UNKNOWN_REPORT


@pytest.mark.parametrize("field", ["account", "user", "unit", "program", "value", "row_id"])
@pytest.mark.parametrize("reported", [True, False])
def test_an_answer_does_not_grow_with_the_cells_of_its_row(field, reported):
    row_id = make_row_id(EXPORT, "acme", "ann", "POINT", None) if reported else ""
    (result,) = check(row(**{"value": "0.5", "row_id": row_id, field: "9" * 100_000}))
    assert isinstance(result, RowResult)
    assert len(result.message) + len(result.unit) < 2_000


def test_a_row_id_from_the_future_is_rejected():
    forged = make_row_id(ids.new_id(NOW + DAY), "acme", "ann", "POINT", None)
    assert check(row(row_id=forged))[0].outcome is Outcome.UNKNOWN_REPORT


def test_the_second_row_of_a_balance_is_a_duplicate_and_names_the_first():
    first, second = check(row(value="1"), row(value="2"))
    assert isinstance(first, RedemptionRequest)
    assert second.outcome is Outcome.DUPLICATE_ROW
    assert second.message.startswith("Line 2 has the same account")


def test_the_same_balance_for_two_programs_is_no_duplicate():
    assert all(
        isinstance(found, RedemptionRequest) for found in check(row(program="P"), row(program="Q"), row())
    )


def test_a_row_that_is_skipped_makes_no_duplicate():
    assert isinstance(check(row(value="0"), row(value="5"))[1], RedemptionRequest)


def test_a_row_with_more_cells_than_the_header_was_damaged():
    assert check([*row(), "", "extra"])[0].outcome is Outcome.ROW_CHANGED
    assert isinstance(check([*row(), "", ""])[0], RedemptionRequest)


def test_headers_match_without_regard_to_case_spaces_and_underscores():
    header = ["USER ID", "account_id", "Unit", " value to Redeem "]
    assert check(["ann", "acme", "POINT", "5"], header=header) == [
        RedemptionRequest(2, "acme", "ann", "POINT", 5)
    ]


def test_missing_columns_are_all_named():
    with pytest.raises(FileRejectedError) as rejection:
        RowChecker(["userId", "unit"], NOW, KEYS)
    assert rejection.value.code is FileProblem.MISSING_COLUMNS
    assert "accountId and valueToRedeem" in rejection.value.message


def test_a_needed_column_that_occurs_twice_is_rejected():
    with pytest.raises(FileRejectedError):
        RowChecker([*HEADER, "Value To Redeem"], NOW, KEYS)


def test_neutralised_ids_are_restored():
    assert check(row(account="'=acme", user=" '+1@x "))[0] == RedemptionRequest(
        2, "=acme", "+1@x", "POINT", 5
    )


def test_ids_too_long_for_the_table_have_no_balance():
    assert check(row(account="é" * 129))[0].outcome is Outcome.NO_BALANCE


def test_a_program_longer_than_any_has_no_balance():
    assert check(row(program="é" * 65))[0].outcome is Outcome.NO_BALANCE
    assert isinstance(check(row(program="é" * 64))[0], RedemptionRequest)


def test_a_row_that_was_repaired_fits_a_message_whatever_stood_in_it():
    row_id = make_row_id(EXPORT, "acme", "3-1", "POINT", None)
    reports = Reports([EXPORT])
    reports.identities = {row_id: Identity("acme", "3-1", "POINT", None)}
    checker = RowChecker(HEADER, NOW, KEYS, reports=reports)
    damaged = row(user="3/1/2026 00:" + "\U0001f600" * 60_000, row_id=row_id)
    assert checker.check(damaged, 2).outcome is Outcome.ROW_CHANGED
    assert isinstance(checker.check(row(user="2026-01-03 00:00:00", row_id=row_id), 3), RedemptionRequest)
