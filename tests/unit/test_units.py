import subprocess
import sys

import pytest

from rewards.adapters.currencies import read_currencies
from rewards.domain.units import (
    MAX_DECIMALS,
    currency_decimals,
    decimals,
    format_value,
    problem_of_new_unit,
    unit_name,
)

# What version 0.1 knew: balances are kept in these units, so none may change its decimals.
KNOWN_BEFORE = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN
        BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP
        GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT
        LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO
        NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS
        SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD
        XCG YER ZAR ZMW ZWG ZWL
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}


@pytest.mark.parametrize("places", KNOWN_BEFORE)
def test_no_currency_changes_its_decimals_when_the_list_is_renewed(places):
    assert {code: currency_decimals().get(code) for code in KNOWN_BEFORE[places].split()} == dict.fromkeys(
        KNOWN_BEFORE[places].split(), places
    )


def test_reads_the_currencies_in_use_without_metals_and_test_codes():
    found = read_currencies()
    assert len(found) > 150
    assert max(found.values()) <= MAX_DECIMALS
    assert not found.keys() & {"XAU", "XAG", "XDR", "XTS", "XXX", ""}


def test_counts_no_money_without_the_list_of_currencies():
    code = (
        "import rewards.domain.units as units; units._readers.clear()\n"
        "try: units.decimals('POINT')\n"
        "except LookupError: raise SystemExit(7)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}).returncode == 7
    )


@pytest.mark.parametrize(
    ("unit", "places"),
    [
        ("CASH/USD", 2),
        ("CASH/JPY", 0),
        ("CREDIT/KWD", 3),
        ("CASH/CLF", 4),
        ("HRK", 2),
        ("USD", 2),
        ("CENTS", 0),
        ("POINT", 0),
        ("freemonth", 0),
        ("cash/usd", 0),
        ("usd", 0),
        ("CASH/XYZ", 0),
        ("CASH/XAU", 0),
        ("POINT/USD", 0),
    ],
)
def test_a_unit_has_its_currencys_decimals_and_every_other_none(unit, places):
    assert decimals(unit) == places


@pytest.mark.parametrize(
    ("unit", "right"),
    [
        ("cash/usd", "'CASH/USD'"),
        ("Cash/USD", "'CASH/USD'"),
        ("CASH/usd", "'CASH/USD'"),
        ("CASH / USD", "'CASH/USD'"),
        ("credit/kwd", "'CREDIT/KWD'"),
        ("usd", "'USD'"),
        ("Jpy", "'JPY'"),
        ("Point", "'POINT'"),
        ("point", "'POINT'"),
        ("FREEMONTH", "'freemonth'"),
        ("STRASSE", "'Straße'"),
        ("CASH/XXX", "CASH/USD"),
        ("CREDIT/XAU", "CASH/USD"),
        ("CASH/", "CASH/USD"),
        ("cash/points", "CASH/USD"),
    ],
)
def test_rejects_a_new_unit_that_is_another_spelling_and_names_the_right_one(unit, right):
    problem = problem_of_new_unit(unit, ["POINT", "CASH/EUR", "freemonth", "Straße"])
    assert problem is not None
    assert problem.endswith(f"Use {right}.") or f"for example {right}" in problem


@pytest.mark.parametrize(
    "unit", ["CASH/USD", "CREDIT/KWD", "USD", "BGN", "CENTS", "TICKET", "XXX", "POINT/USD", "cash", "Straße"]
)
def test_accepts_a_new_unit_of_its_own(unit):
    assert problem_of_new_unit(unit, ["POINT", "CASH/EUR"]) is None


@pytest.mark.parametrize(
    ("credits", "unit", "shown"),
    [(1055, "CASH/USD", "10.55"), (5, "CASH/USD", "0.05"), (1055, "CENTS", "1055"), (1, "CASH/KWD", "0.001")],
)
def test_credits_are_shown_with_the_units_decimals(credits, unit, shown):
    assert format_value(credits, unit) == shown


def test_a_units_name_is_the_unit_without_its_currency():
    assert [unit_name(unit) for unit in ("CASH/USD", "USD", "POINT")] == ["CASH", "USD", "POINT"]


@pytest.mark.parametrize("unit", ["POINT\u200b", "\uff30\uff2f\uff29\uff2e\uff34", "PO\u00adINT"])
def test_rejects_a_unit_that_only_looks_like_one_in_use(unit):
    assert "POINT" in problem_of_new_unit(unit, ["POINT"])


@pytest.mark.parametrize("unit", ["USD\u200b", "U\u00adSD", "CASH\u200b/USD"])
def test_rejects_a_unit_that_only_looks_like_a_currency(unit):
    assert problem_of_new_unit(unit, []) is not None
