"""The first rows of each outcome: which are kept, and what of them."""

from rewards.domain.examples import MAX_ROWS, Examples
from rewards.domain.import_rows import NEEDED
from rewards.domain.outcomes import Outcome, RowResult, WarningCode

HEADER = ["note", "Account ID", "user_id", "unit", "valueToRedeem"]
CELLS = ["x", "acme", "ann", "POINT", "5"]


def kept(*results, cells=CELLS):
    examples = Examples(HEADER, NEEDED)
    for result in results:
        examples.add(cells, result)
    return examples.record()


def test_a_failed_row_is_shown_by_the_columns_that_count():
    found = kept(RowResult(7, Outcome.NO_BALANCE, "why"))
    assert found["columns"] == list(NEEDED)
    assert found["rows"] == {"NO_BALANCE": [(7, "why", ["acme", "ann", "POINT", "5"])]}


def test_only_the_first_of_an_outcome_are_kept():
    found = kept(*(RowResult(line, Outcome.NO_BALANCE) for line in range(2, 100)))
    assert [row[0] for row in found["rows"]["NO_BALANCE"]] == list(range(2, 2 + MAX_ROWS))


def test_rows_that_went_well_are_not_shown_but_those_redeemed_before_are():
    found = kept(
        RowResult(2, Outcome.REDEEMED),
        RowResult(3, Outcome.UNCHANGED),
        RowResult(4, Outcome.ALREADY_REDEEMED),
    )
    assert list(found["rows"]) == ["ALREADY_REDEEMED"]


def test_keeps_the_first_rows_of_each_warning():
    repaired = (WarningCode.REPAIRED, WarningCode.NO_ROW_ID)
    found = kept(*(RowResult(line, Outcome.REDEEMED, "why", warnings=repaired) for line in range(2, 20)))
    assert found["rows"] == {}
    assert found["warned"].keys() == {"REPAIRED", "NO_ROW_ID"}
    assert [row[0] for row in found["warned"]["REPAIRED"]] == list(range(2, 2 + MAX_ROWS))


def test_a_column_that_the_file_does_not_have_is_left_out():
    examples = Examples(["id"], ["id", "unit"])
    examples.add(["r1"], RowResult(2, Outcome.MISSING_FIELD))
    assert examples.record()["columns"] == ["id"]


def test_long_texts_are_cut():
    ((_, _, cells),) = kept(RowResult(2, Outcome.NO_BALANCE), cells=["", "a" * 999, "", "", ""])["rows"][
        "NO_BALANCE"
    ]
    assert len(cells[0]) == 200
