"""What a spreadsheet may have done to an id, and what only a hand can."""

import pytest

from rewards.rules.damage import is_damage


@pytest.mark.parametrize(
    ("shown", "true"),
    [
        ("7", "007"),
        ("0", "000"),
        ("42.0", "0042"),
        ("49", "+49"),
        ("1.5", "1.50"),
        ("1,5", "1.50"),
        ("1200000", "12E5"),
        ("1.20E+06", "12E5"),
        ("1.23457E+11", "123456789012"),
        ("1,23457E+11", "123456789012"),
        ("1.23E+17", "123456789012345678"),
        ("3.2345678901234566e+17", "323456789012345678"),
        ("123456789012345000", "123456789012345678"),
        ("123456789012346000", "123456789012345678"),
        ("2026-01-03", "3-1"),
        ("03-Jan", "3-1"),
        ("3. Jan", "3.1"),
        ("03.01.2026", "3.1."),
        ("1-Mar", "MAR1"),
        ("01.03.2026", "1/3/26"),
        ("2026-03-04T00:00:00", "3/4"),
        ("04. Okt", "4-10"),
        ("TRUE", "true"),
        ("WAHR", "true"),
        ("FAUX", "false"),
        ("Zo?", "Zoë"),
    ],
)
def test_a_spreadsheet_may_have_made_this_of_it(shown, true):
    assert is_damage(shown, true)


@pytest.mark.parametrize(
    ("shown", "true"),
    [
        ("8", "007"),
        ("70", "007"),
        ("123456789013", "123456789012"),
        ("100", "120"),
        ("1E+11", "123456789012"),
        ("3.2345678901234566e+17", "323456789012346678"),
        ("1.23458E+11", "123456789012"),
        ("123456789012340000", "123456789012345678"),
        ("1-3", "3-1"),
        ("2026-01-04", "3-1"),
        ("1-Apr", "MAR1"),
        ("FALSE", "true"),
        ("true", "yes"),
        ("bob", "ann"),
        ("Zoe", "Zoë"),
        ("Zo??", "Zoë"),
        ("A?n", "Ann"),
        ("", "ann"),
        ("12", "1-2"),
        ("ann@example.com", "Ann@example.com"),
    ],
)
def test_this_was_somebodys_hand(shown, true):
    assert not is_damage(shown, true)
