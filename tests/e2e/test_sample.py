"""`make sample`: the files of examples/ on a stack that runs."""

import pytest

from infra.local import __main__ as local_stack
from infra.local import sample, stack


@pytest.fixture(scope="module")
def records():
    """The imports of two runs on one stack."""
    with stack.start() as local:
        yield sample.load(local), sample.load(local)


def test_loads_the_rewards_and_redeems_both_filled_in_reports(records):
    rewards, same_rewards, from_csv, from_xlsx = records[0]
    assert rewards["stats"]["outcomes"] == {"LOADED": 10}
    assert same_rewards["stats"]["outcomes"] == {"UNCHANGED": 10}
    assert from_csv["stats"]["outcomes"] == {"REDEEMED": 3, "UNCHANGED": 2}
    assert from_csv["stats"]["redeemed"] == {"CASH/USD": 4000 + 3055, "CASH/KWD": 2750}
    assert from_xlsx["stats"]["outcomes"] == {"REDEEMED": 2, "INSUFFICIENT_BALANCE": 1, "UNCHANGED": 1}
    assert from_xlsx["stats"]["redeemed"] == {"POINT": 100, "freemonth": 2}


def test_a_second_run_changes_nothing(records):
    rewards, _, *reports = records[1]
    assert rewards["stats"]["outcomes"] == {"UNCHANGED": 10}
    assert [report["error"]["code"] for report in reports] == ["DUPLICATE_FILE"] * 2


def test_says_how_to_start_a_stack_if_none_runs(monkeypatch, capsys):
    monkeypatch.setattr(local_stack, "running", lambda: None)
    assert sample.main() == 1
    assert "make up" in capsys.readouterr().out
