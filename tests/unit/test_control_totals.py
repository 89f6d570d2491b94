"""Control totals: how they are written in metadata, and when a file differs from them."""

import random
from collections import Counter

import pytest

from rewards.domain.control_totals import (
    MAX_EXPECTED,
    Counted,
    Difference,
    ExpectedTotals,
    TotalsMismatchError,
    check_totals,
    read_expected,
)
from rewards.domain.outcomes import FileProblem
from rewards.domain.unit_totals import MAX_UNITS, RequestedTotals

ROWS, UNIT, OTHERS = Counted.ROWS, Counted.UNIT, Counted.OTHER_UNITS


@pytest.mark.parametrize(("text", "rows", "requested"), [
    ("rows=120;CASH/USD=1234.50", 120, {"CASH/USD": 123450}),
    ("rows=0", 0, None),
    ("CASH/USD=1234.5", None, {"CASH/USD": 123450}),
    ("CASH/USD=1234", None, {"CASH/USD": 123400}),
    ("CREDIT/KWD=0.001; POINT = 7 ;JPY=0", None, {"CREDIT/KWD": 1, "POINT": 7, "JPY": 0}),
    (" rows = 0012; ", 12, None),
    ("a=b=7", None, {"a=b": 7}),
    ("Rows=7", None, {"Rows": 7}),
    ("Cafe\u0301=7", None, {"Caf\u00e9": 7}),
    ("POINT=" + "9" * 15, None, {"POINT": MAX_EXPECTED}),
])  # fmt: skip
def test_reads_the_totals_in_metadata(text, rows, requested):
    assert read_expected(text) == ExpectedTotals(rows, requested)


@pytest.mark.parametrize(("text", "problem"), [
    ("", "'' is not a name, an equals sign and a value"),
    (";", "'' is not a name"),
    ("rows=1;;POINT=2", "'' is not a name"),
    ("120", "'120' is not a name"),
    ("rows=1.0", "'rows=1.0' does not have a whole number of rows"),
    ("rows=-1", "whole number of rows"), ("rows=", "whole number of rows"), ("rows=\u0663", "whole number"),
    ("rows=1;rows=1", "'rows=1' repeats rows"),
    ("CASH/USD=1.005", "'CASH/USD=1.005' has more decimals than CASH/USD, which has 2"),
    ("CASH/USD=1.500", "more decimals"), ("POINT=7.0", "more decimals than POINT, which has 0"),
    ("CASH/USD=1;POINT=2;CASH/USD=1", "'CASH/USD=1' repeats the unit CASH/USD"),
    ("CASH/USD=1,234.50", "does not have a value in digits"), ("POINT=-7", "value in digits"),
    ("POINT=+7", "value in digits"), ("POINT=1e3", "value in digits"), ("POINT=", "value in digits"),
    ("CASH/USD=.5", "value in digits"), ("CASH/USD=5.", "value in digits"),
    ("POINT=\u0667", "value in digits"),
    ("CASH/USD=" + "9" * 14, "too large"), ("POINT=" + "9" * 16, "value in digits"),
    ("=7", "names no unit"), (" =7", "names no unit"), ("u" * 65 + "=7", "more than 64 bytes"),
    ("a\x07b=7", "a character that no unit has"), ("a\ufffdb=7", "a character that no unit has"),
])  # fmt: skip
def test_rejects_metadata_that_cannot_be_read_and_says_where(text, problem):
    with pytest.raises(ValueError, match="The control totals in the metadata") as error:
        read_expected(text)
    assert problem in str(error.value)
    assert "Nothing was imported. Write for example rows=120;CASH/USD=1234.50." in str(error.value)


def test_rejects_more_units_than_are_counted_by_name():
    units = [f"U{number}=1" for number in range(MAX_UNITS + 1)]
    assert len(read_expected(";".join(units[:-1])).requested) == MAX_UNITS
    with pytest.raises(ValueError, match="name 101 units"):
        read_expected(";".join(units))


def counted(*rows, expected=None):
    """The totals of rows of these units and credits."""
    totals = RequestedTotals(expected.units if expected else frozenset())
    for unit, value in rows:
        totals.request(unit, value)
    return totals


def differences(expected, rows, *requests):
    with pytest.raises(TotalsMismatchError) as error:
        check_totals(expected, rows, counted(*requests, expected=expected))
    assert error.value.code is FileProblem.TOTALS_MISMATCH
    return list(error.value.differences)


FILE = [("CASH/USD", 1000), ("POINT", 7), ("CASH/USD", 234)]


@pytest.mark.parametrize("expected", [
    None, ExpectedTotals(4), ExpectedTotals(None, {"CASH/USD": 1234, "POINT": 7}),
    ExpectedTotals(4, {"POINT": 7, "CASH/USD": 1234}),
])  # fmt: skip
def test_a_file_as_expected_passes(expected):
    check_totals(expected, 4, counted(*FILE, expected=expected))


@pytest.mark.parametrize(("expected", "found"), [
    (ExpectedTotals(3), [Difference(ROWS, None, 3, 4)]),
    (ExpectedTotals(0), [Difference(ROWS, None, 0, 4)]),
    (ExpectedTotals(4, {"CASH/USD": 1235, "POINT": 7}), [Difference(UNIT, "CASH/USD", 1235, 1234)]),
    (ExpectedTotals(4, {"CASH/USD": 1234}), [Difference(UNIT, "POINT", None, 7)]),
    (ExpectedTotals(None, {"CASH/USD": 1234, "POINT": 7, "JPY": 0}), [Difference(UNIT, "JPY", 0, None)]),
    (ExpectedTotals(5, {"cash/usd": 1234, "POINT": 8}),
     [Difference(ROWS, None, 5, 4), Difference(UNIT, "CASH/USD", None, 1234),
      Difference(UNIT, "POINT", 8, 7), Difference(UNIT, "cash/usd", 1234, None)]),
])  # fmt: skip
def test_every_figure_that_differs_is_named(expected, found):
    assert differences(expected, 4, *FILE) == found


def test_the_message_names_both_figures_in_the_decimals_of_the_unit():
    expected = ExpectedTotals(5, {"CASH/USD": 1230, "JPY": 5})
    with pytest.raises(TotalsMismatchError) as error:
        check_totals(expected, 4, counted(*FILE))
    assert error.value.message == (
        "The file does not have the expected totals. Rows with a value: 5 expected, 4 in the file. "
        "CASH/USD: 12.30 expected, 12.34 in the file. JPY: 5 expected, none in the file. "
        "POINT: none expected, 7 in the file. Nothing was imported."
    )


def test_a_long_message_says_how_many_more_differ():
    expected = ExpectedTotals(None, {f"U{number:02d}": 1 for number in range(23)})
    with pytest.raises(TotalsMismatchError, match=r"U19: 1 expected, none in the file\. 3 more differ\."):
        check_totals(expected, 0, counted())


def test_a_unit_that_only_has_values_below_its_smallest_unit_is_in_the_file():
    expected = ExpectedTotals(None, {"CASH/USD": 1234, "POINT": 7})
    assert differences(expected, 5, *FILE, ("JPY", 0)) == [Difference(UNIT, "JPY", None, 0)]


def test_expected_units_are_counted_exactly_in_a_file_of_many_units():
    """Also where they come last, and where a unit has the name of the row count of further units."""
    units = [f"U{number}" for number in range(MAX_UNITS - 1)]
    expected = ExpectedTotals(None, {**dict.fromkeys(units, 5), "OTHER": 2})
    rows = [(unit, 5) for unit in units]
    check_totals(expected, 0, counted(*rows, ("OTHER", 2), expected=expected))
    further = [("X", 9), ("Y", 9)]
    assert differences(expected, 0, *further, *rows) == [
        Difference(UNIT, "OTHER", 2, None), Difference(OTHERS, None, None, 2),
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(30))
def test_totals_are_those_of_a_naive_count_in_blocks_and_row_by_row(seed):
    draw = random.Random(seed)
    units = [f"U{number}" for number in range(draw.choice([1, 3, 99, 100, 101, 130]))]
    rows = [(draw.choice(units), draw.randint(1, 9)) for _ in range(300)]
    right = Counter()
    for unit, value in rows:
        right[unit] += value
    named = draw.sample(sorted(right), min(len(right), draw.choice([0, 1, 50, 100])))
    one, other = (RequestedTotals(frozenset(named)) for _ in range(2))
    for unit, value in rows:
        one.request(unit, value)
    place = 0
    while place < len(rows):
        size = draw.randint(1, 40)
        columns = zip(*rows[place : place + size], strict=True)
        other.request_all(*columns)
        place += size
    assert one == other
    assert len(one.by_unit) == min(len(right), MAX_UNITS)
    assert one.by_unit.keys() >= set(named)
    assert all(right[unit] == total for unit, total in one.by_unit.items())
    assert one.other_rows == sum(unit not in one.by_unit for unit, _ in rows)
    if len(right) <= MAX_UNITS:
        check_totals(ExpectedTotals(300, dict(right)), 300, one)
        unit = draw.choice(sorted(right))
        right[unit] += draw.choice([-1, 1])
        with pytest.raises(TotalsMismatchError, match=f"{unit}: {right[unit]} expected"):
            check_totals(ExpectedTotals(300, dict(right)), 300, one)
