"""The grammar of valueToRedeem, as a table."""

import pytest

from rewards.domain.cells import NumberCell
from rewards.domain.outcomes import Outcome
from rewards.domain.values import BadValue, NumberFormat, read_value, shown_mark

INVALID, NEGATIVE, TOO_SMALL = Outcome.INVALID_VALUE, Outcome.NOT_POSITIVE, Outcome.TRUNCATES_TO_ZERO


@pytest.mark.parametrize(
    ("cell", "unit", "credits"),
    [
        ("10.55", "CASH/USD", 1055),
        ("10.5", "CASH/USD", 1050),
        ("10", "CASH/USD", 1000),
        ("10.", "CASH/USD", 1000),
        (".5", "CASH/USD", 50),
        ("  10.55\t", "CASH/USD", 1055),
        ("+5", "POINT", 5),
        ("007", "POINT", 7),
        ("1055", "CENTS", 1055),
        ("10.556", "CASH/USD", 1055),
        ("7.9", "POINT", 7),
        ("1000", "CASH/JPY", 1000),
        ("1.2345", "CASH/KWD", 1234),
        ("5.55", "USD", 555),
        ("5.55", "CREDIT/EUR", 555),
        ("", "POINT", 0),
        ("  ", "POINT", 0),
        ("0", "POINT", 0),
        ("0.00", "CASH/USD", 0),
        ("-0", "POINT", 0),
        ("1,234.56", "CASH/USD", 123456),
        ("1,234,567", "POINT", 1234567),
        ("1 234.5", "CASH/USD", 123450),
        ("1'234'567", "POINT", 1234567),
        ("$10.55", "CASH/USD", 1055),
        ("US$ 10.55", "CASH/USD", 1055),
        ("10.55 USD", "CASH/USD", 1055),
        ("€5", "CASH/EUR", 500),
        ("5 €", "EUR", 500),
        ("5 US$", "CASH/USD", 500),
        ("5 SFr.", "CASH/CHF", 500),
        ("1.234", "CASH/USD", 123),
        ("10.0", "POINT", 10),
        ("1,23,456.50", "CASH/INR", 12345650),
        ("₹ 1,23,456.50", "CASH/INR", 12345650),
        ("12,34,567", "POINT", 1234567),
        ("1,00,00,00,000", "POINT", 1000000000),
        ("$10.55 USD", "CASH/USD", 1055),
        ("USD $10.55", "CASH/USD", 1055),
        ("USD10.55", "CASH/USD", 1055),
        ("US$10.55 USD", "CASH/USD", 1055),
        ("$ 1 234.50", "CASH/USD", 123450),
        ("R$ 10.55 BRL", "CASH/BRL", 1055),
        (" $10.55 ", "CASH/USD", 1055),
        (" $1,234.50 ", "CASH/USD", 123450),
        (" $-   ", "CASH/USD", 0),
        ("$-", "CASH/USD", 0),
        (" US$-   ", "CASH/USD", 0),
        (" -   € ", "CASH/EUR", 0),
        (" -   ", "CASH/USD", 0),
        (" - ", "POINT", 0),
        ("\u00a0-\u00a0\u00a0", "POINT", 0),
    ],
)
def test_a_value_is_read(cell, unit, credits):
    assert read_value(cell, unit) == credits


@pytest.mark.parametrize(
    ("cell", "unit", "credits"),
    [
        ("10,55", "CASH/USD", 1055),
        ("1.234,56", "CASH/USD", 123456),
        ("1,234.56", "CASH/USD", 123456),
        ("10.55", "CASH/USD", 1055),
        ("0,001", "CASH/KWD", 1),
        ("1.234.567", "POINT", 1234567),
        ("12,34,567", "POINT", 1234567),
        ("1,23,456.5", "CASH/INR", 12345650),
    ],
)
def test_a_file_with_other_separators_may_have_decimal_commas(cell, unit, credits):
    assert read_value(cell, unit, NumberFormat(comma_allowed=True)) == credits


@pytest.mark.parametrize(
    ("cell", "unit", "outcome"),
    [
        ("ten", "CASH/USD", INVALID),
        ("1e3", "POINT", INVALID),
        ("1.2E+11", "POINT", INVALID),
        ("NaN", "POINT", INVALID),
        ("Infinity", "POINT", INVALID),
        ("\uff11\uff12", "POINT", INVALID),
        ("\u0663", "POINT", INVALID),
        ("1_000", "POINT", INVALID),
        ("0x10", "POINT", INVALID),
        ("10,55", "CASH/USD", INVALID),
        ("12,34,56", "POINT", INVALID),
        ("123,45,678", "POINT", INVALID),
        ("0,12,345", "POINT", INVALID),
        ("1.23.456", "POINT", INVALID),
        ("1 23 456", "POINT", INVALID),
        ("1,23,4567", "POINT", INVALID),
        ("$$10", "CASH/USD", INVALID),
        ("USD 10 USD", "CASH/USD", INVALID),
        ("$10 US$", "CASH/USD", INVALID),
        ("$10 CAD", "CASH/USD", INVALID),
        ("10.55-", "CASH/USD", INVALID),
        ("10.-", "CASH/USD", INVALID),
        ("10.\u2013", "CASH/CHF", INVALID),
        ("$(5.00)", "CASH/USD", INVALID),
        ("'7", "POINT", INVALID),
        ('="7"', "POINT", INVALID),
        ("-", "POINT", INVALID),
        ("-   ", "POINT", INVALID),
        (" -", "POINT", INVALID),
        ("\u2013", "POINT", INVALID),
        (" \u2013 ", "POINT", INVALID),
        (" -- ", "POINT", INVALID),
        ("-$", "CASH/USD", INVALID),
        (" €-   ", "CASH/USD", INVALID),
        (" $-   ", "POINT", INVALID),
        ("1,2345", "POINT", INVALID),
        ("1.2.3", "POINT", INVALID),
        (".", "POINT", INVALID),
        ("$", "CASH/USD", INVALID),
        ("€5", "CASH/USD", INVALID),
        ("5 GBP", "CASH/USD", INVALID),
        ("$5", "POINT", INVALID),
        ("(5)", "POINT", INVALID),
        ("--5", "POINT", INVALID),
        ("+$-5", "CASH/USD", INVALID),
        ("-$-5", "CASH/USD", INVALID),
        ("9" * 31, "POINT", INVALID),
        ("-5", "POINT", NEGATIVE),
        ("\u22125", "POINT", NEGATIVE),
        ("-$5", "CASH/USD", NEGATIVE),
        ("$-5", "CASH/USD", NEGATIVE),
        ("-0.001", "CASH/USD", NEGATIVE),
        ("0.009", "CASH/USD", TOO_SMALL),
        ("0.9", "POINT", TOO_SMALL),
    ],
)
def test_a_value_that_is_none_is_rejected(cell, unit, outcome):
    found = read_value(cell, unit)
    assert isinstance(found, BadValue)
    assert found.outcome is outcome


@pytest.mark.parametrize(
    ("cell", "decimal_comma", "readings"),
    [
        ("1,234", False, ("1.234", "1234")),
        ("1.234", True, ("1.234", "1234")),
        ("1,234", True, ("1.234", "1234")),
    ],
)
def test_a_value_with_two_readings_is_rejected_and_both_are_named(cell, decimal_comma, readings):
    found = read_value(cell, "CASH/USD", NumberFormat(comma_allowed=decimal_comma))
    assert isinstance(found, BadValue)
    assert found.outcome is INVALID
    assert all(reading in found.message for reading in readings)


def test_no_digit_is_lost_in_long_values():
    assert read_value("12345678901234567890.12", "CASH/USD") == 1234567890123456789012


@pytest.mark.parametrize(
    ("cell", "mark"),
    [("1,234.56", "."), ("1.234,56", ","), ("1,234", None), ("12.5", None), ("1,2.3", None), ("a,b.c", None)],
)
def test_a_cell_with_both_marks_shows_how_the_file_writes_numbers(cell, mark):
    assert shown_mark(cell) == mark


@pytest.mark.parametrize(
    ("cell", "marks", "credits"),
    [
        ("1,234", NumberFormat(seen="."), 123400),
        ("1.234", NumberFormat(comma_allowed=True, seen=","), 123400),
        ("1,234", NumberFormat(comma_allowed=True, seen=","), 123),
        ("10.5", NumberFormat(comma_allowed=True, seen=","), 1050),
    ],
)
def test_what_the_file_shows_settles_what_could_be_read_in_two_ways(cell, marks, credits):
    assert read_value(cell, "CASH/USD", marks) == credits


def test_the_point_of_a_number_cell_is_the_decimal_mark_where_text_is_ambiguous():
    marks = NumberFormat(comma_allowed=True)
    assert read_value(NumberCell("1.234"), "CASH/KWD", marks) == 1234
    assert isinstance(read_value("1.234", "CASH/KWD", marks), BadValue)
    assert read_value(NumberCell("1.234"), "CASH/KWD", NumberFormat(comma_allowed=True, seen=",")) == 1234
