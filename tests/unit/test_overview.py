"""What all balances hold together, by unit."""

from dataclasses import asdict

from rewards.adapters.balance_item import encode_rewards, sum_rewards
from rewards.domain import overview
from rewards.domain.overview import SOON, Overview
from tests.builders.moments import NOW
from tests.builders.rewards import balance, reward


def sums(*balances):
    found = Overview()
    for each in balances:
        value, _, _, soon = sum_rewards(encode_rewards(each.rewards), NOW, NOW + 10)
        found.add(each.unit, value, soon)
    shown = map(asdict, found.shown())
    return {each.pop("unit"): each for each in shown}


def test_participants_are_counted_and_credits_summed_by_unit():
    found = sums(
        balance(reward("r5", 5), reward("r7", 7)),
        balance(reward("r1", 1), user="bob"),
        balance(reward("r9", 9), unit="CASH/USD"),
    )
    assert found == {
        "CASH/USD": {"participants": 1, "available": 9, "expiring": 0},
        "POINT": {"participants": 2, "available": 13, "expiring": 0},
    }


def test_what_expires_within_thirty_days_is_part_of_it():
    later = NOW + 10 + SOON
    found = sums(
        balance(reward("r5", 5, date_expires=later), reward("r7", 7, date_expires=later + 1), reward("r9", 9))
    )
    assert found["POINT"] == {"participants": 1, "available": 21, "expiring": 5}


def test_what_cannot_be_redeemed_now_does_not_count():
    assert (
        sums(
            balance(reward("r5", 5, date_expires=NOW - 1), reward("r7", 7, date_scheduled_for=NOW + SOON)),
            balance(),
        )
        == {}
    )


def test_what_expires_while_it_is_read_does_not_count():
    assert sums(balance(reward("r5", 5, date_expires=NOW + 5))) == {}


def test_of_very_many_units_those_with_the_most_participants_are_kept(monkeypatch):
    monkeypatch.setattr(overview, "MAX_UNITS", 2)
    crowd = [balance(reward("r1", 1), user=user, unit=unit) for unit in ("B", "C") for user in ("ann", "bob")]
    assert list(sums(balance(reward("r99", 99), unit="A"), *crowd)) == ["B", "C"]
