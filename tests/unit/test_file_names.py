"""The names of uploads: which are read, and how a name is kept."""

import pytest

from rewards.domain.file_names import MAX_LENGTH, clean, format_of, is_left_behind


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("payout.csv", "payout.csv"),
        ("C:\\payroll\\May/payout.csv", "payout.csv"),
        (" pay\u202eout\x00\ud800.csv ", "payout.csv"),
        ("Zahlungen März.xlsx", "Zahlungen März.xlsx"),
    ],
)
def test_keeps_the_visible_characters_of_the_last_part(given, kept):
    assert clean(given) == kept


def test_a_long_name_keeps_its_ending():
    kept = clean("x" * 300 + ".csv")
    assert kept == "x" * (MAX_LENGTH - 4) + ".csv"


def test_a_long_name_without_a_point_is_cut():
    assert clean("x" * 300) == "x" * MAX_LENGTH


def test_a_long_ending_is_cut_too():
    assert clean("x." + "y" * 300) == "x." + "y" * (MAX_LENGTH - 2)


@pytest.mark.parametrize("given", ["", "  ", "...", "folder/", "\u200b"])
def test_a_name_of_which_nothing_is_left_is_an_error(given):
    with pytest.raises(ValueError, match="must be a file name"):
        clean(given)


@pytest.mark.parametrize("name", ["~$payout.xlsx", "._a.csv", "a.filepart"])
def test_files_that_programs_leave_behind_are_no_uploads(name):
    assert is_left_behind(name)
    assert not is_left_behind("payout.csv")


def test_only_rewards_may_be_json_lines():
    assert format_of("a.JSONL", loads_rewards=True) == "jsonl"
    with pytest.raises(ValueError, match=r"\.csv"):
        format_of("a.jsonl", loads_rewards=False)
