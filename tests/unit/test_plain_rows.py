"""Which blocks are checked by column, and which are left to the check of single rows."""

import pytest

from rewards.domain import ids
from rewards.domain.duplicate_index import DuplicateSearch
from rewards.domain.plain_rows import PlainRowChecker, PlainRows
from rewards.domain.values import NumberFormat
from tests.builders.moments import DAY, NOW
from tests.builders.row_ids import KEYS, make_row_id

HEADER = ["accountId", "userId", "unit", "valueToRedeem", "rowId", "programId", "reference"]
EXPORT = ids.new_id(NOW - DAY)


def row(account="acme", user="ann", unit="POINT", value="5", program="", reference="", row_id=None):
    row_id = make_row_id(EXPORT, account, user, unit, program or None) if row_id is None else row_id
    return [account, user, unit, value, row_id, program, reference]


def check(*rows):
    report = KEYS.of(EXPORT)
    checker = PlainRowChecker(HEADER, report, NumberFormat(comma_allowed=True), DuplicateSearch(report))
    return checker.check([[cells[place] for cells in rows] for place in checker.places], 2)


def test_the_rows_of_a_report_are_plain():
    rows = row(), row(user="bob", value="0"), row(user="eve", unit="CASH/USD", value="1.5", program="vip")
    ann, _, eve = (cells[4] for cells in rows)
    assert check(*rows) == PlainRows(
        1, [2, 4], ["acme"] * 2, ["ann", "eve"], ["POINT", "CASH/USD"], [5, 150], ["", "vip"], [ann, eve]
    )


@pytest.mark.parametrize(("unit", "value", "credits"), [
    ("POINT", "7", 7), ("POINT", "7.0", 7), ("CASH/USD", "1.50", 150), ("CASH/USD", "1", 100),
    ("CASH/USD", "1.5", 150), ("CREDIT/KWD", "1.5", 1500), ("JPY", "0012", 12),
    ("POINT", " 5", 5),
])  # fmt: skip
def test_a_plain_amount_is_read(unit, value, credits):
    assert check(row(unit=unit, value=value)).values == [credits]


@pytest.mark.parametrize("value", ["", "0", "0.0", "0.00"])
def test_a_row_without_a_value_is_skipped_whatever_else_is_in_it(value):
    found = check(row(), row(user="", value=value, row_id="x"))
    assert (found.skipped, list(found.lines)) == (1, [2])
    assert check(row(value=value)).skipped == 1


@pytest.mark.parametrize("cells", [
    {"value": "7.9"}, {"value": "x"}, {"value": "-1"}, {"value": "1,234"}, {"value": "00"},
    {"value": "9" * 31}, {"value": "5\n5"}, {"value": "٣"},
    {"unit": "CASH/USD", "value": "0.001"}, {"unit": "CASH/USD", "value": "1.00\n2.00"},
    {"account": ""}, {"user": ""}, {"unit": ""}, {"user": "a b"}, {"user": "O'Neil"}, {"user": 'a"b'},
    {"user": "a\\b"}, {"user": "a\x7fb"}, {"user": "Zoë"}, {"user": "u" * 111}, {"unit": "u" * 65},
    {"program": "p" * 129}, {"program": " vip"}, {"reference": "pay 7"}, {"row_id": ""}, {"row_id": "R1"},
    {"row_id": make_row_id(EXPORT, "acme", "eve", "POINT")},
    {"row_id": make_row_id(EXPORT, "acme", "bob", "POINT").lower()},
    {"row_id": make_row_id(EXPORT, "acme", "bob", "POINT") + "0"},
    {"row_id": make_row_id(EXPORT, "acme", "bob", "POINT") + "\n"},
    {"row_id": make_row_id(ids.new_id(NOW - 2 * DAY), "acme", "bob", "POINT")},
])  # fmt: skip
def test_one_unusual_row_makes_its_block_unusual(cells):
    assert check(row(), row(user="eve")) is not None
    assert check(row(), row(**{"user": "bob"} | cells)) is None


def test_a_line_break_in_a_row_id_does_not_shift_the_others():
    first, second = make_row_id(EXPORT, "acme", "ann", "POINT"), make_row_id(EXPORT, "acme", "bob", "POINT")
    assert check(row(row_id=f"{first}\n{second}"), row(user="bob", row_id="")) is None
    assert check(row(row_id=first + second[:5]), row(user="bob", row_id=second[5:])) is None


def test_a_blank_row_makes_its_block_unusual():
    assert check(row(), [""] * len(HEADER)) is None
