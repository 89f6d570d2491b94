"""Requested and rejected credits per unit."""

from rewards.domain.balance import RedemptionRequest
from rewards.domain.import_rows import RowChecker
from rewards.domain.outcomes import Outcome, RowResult
from rewards.domain.unit_totals import MAX_UNITS, OTHER, RequestedTotals, rejected_totals


def test_counts_rows_of_units_beyond_the_limit_under_other():
    totals = RequestedTotals()
    for number in range(MAX_UNITS + 3):
        totals.request(f"UNIT{number}", 500)
    totals.reject("UNIT0", 7)
    totals.reject(f"UNIT{MAX_UNITS + 1}", 9)
    assert len(totals.requested) == MAX_UNITS + 1
    assert (totals.requested["UNIT0"], totals.requested[OTHER]) == (507, 4)
    assert totals.rejected == {"UNIT0": 7, OTHER: 1}


def test_sums_what_failed_rows_of_a_chunk_requested():
    rows = [
        RedemptionRequest(line, "a", "u", unit, 10 * line)
        for line, unit in ((2, "X"), (3, "X"), (4, "Y"), (5, "Z"))
    ]
    outcomes = (Outcome.REDEEMED, Outcome.CANCELLED, Outcome.NO_BALANCE, Outcome.ALREADY_REDEEMED)
    results = [RowResult(row.line, outcome) for row, outcome in zip(rows, outcomes, strict=True)]
    assert rejected_totals(rows, results, {"X", "Z"}) == {"X": 30, OTHER: 1}


def test_a_row_requests_a_valid_positive_value_whatever_else_is_wrong_with_it():
    checker = RowChecker(["accountId", "userId", "unit", "valueToRedeem"], 0, keys=None)
    assert checker.requested(["", "ann", "CASH/USD", "10.559"]) == ("CASH/USD", 1055)
    assert checker.requested(["acme", "ann", "POINT", "7"]) == ("POINT", 7)
    assert checker.requested(["acme", "ann", "POINT", "0.5"]) == ("POINT", 0)
    for value in ("", "0", "-5", "x"):
        assert checker.requested(["acme", "ann", "POINT", value]) is None
    assert checker.requested(["acme", "ann", "", "7"]) is None
    assert checker.requested(["acme", "ann", "U" * 65, "7"]) is None
    assert checker.requested(["acme"]) is None
