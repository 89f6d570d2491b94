import pytest

from rewards.rules.units import decimals, format_value, unit_name


@pytest.mark.parametrize(
    ("unit", "places"),
    [
        ("CASH/USD", 2),
        ("CASH/JPY", 0),
        ("CREDIT/KWD", 3),
        ("USD", 2),
        ("CENTS", 0),
        ("POINT", 0),
        ("freemonth", 0),
        ("cash/usd", 0),
        ("usd", 0),
        ("CASH/XYZ", 0),
        ("POINT/USD", 0),
    ],
)
def test_a_unit_has_its_currencys_decimals_and_every_other_none(unit, places):
    assert decimals(unit) == places


@pytest.mark.parametrize(
    ("credits", "unit", "shown"),
    [(1055, "CASH/USD", "10.55"), (5, "CASH/USD", "0.05"), (1055, "CENTS", "1055"), (1, "CASH/KWD", "0.001")],
)
def test_credits_are_shown_with_the_units_decimals(credits, unit, shown):
    assert format_value(credits, unit) == shown


def test_a_units_name_is_the_unit_without_its_currency():
    assert [unit_name(unit) for unit in ("CASH/USD", "USD", "POINT")] == ["CASH", "USD", "POINT"]
