"""The redemption rule, one test a rule."""

import pytest

from rewards.domain.redemption import (
    InsufficientBalanceError,
    Reward,
    Status,
    allocate,
    available_value,
    redemption_places,
    statuses,
)
from tests.builders.moments import NOW, last_month, next_month, next_year, tomorrow, yesterday
from tests.builders.rewards import reward


def spent(rewards, value, program=None):
    return [(r.id, part) for r, part in allocate(rewards, value, NOW, program)]


def test_earliest_expiry_is_redeemed_first():
    rewards = [reward("late", date_expires=next_year), reward("soon", date_expires=tomorrow)]
    assert spent(rewards, 150) == [("soon", 100), ("late", 50)]


def test_rewards_that_never_expire_come_last():
    rewards = [reward("never"), reward("late", date_expires=next_year)]
    assert spent(rewards, 101) == [("late", 100), ("never", 1)]


def test_of_equal_expiry_the_earlier_given_is_redeemed_first():
    rewards = [
        reward("young", given=yesterday, date_expires=tomorrow),
        reward("old", given=last_month, date_expires=tomorrow),
    ]
    assert spent(rewards, 1) == [("old", 1)]


def test_of_equal_dates_the_smaller_id_is_redeemed_first():
    assert spent([reward("b"), reward("a")], 1) == [("a", 1)]


@pytest.mark.parametrize(
    "dates",
    [{"date_scheduled_for": tomorrow}, {"date_expires": NOW}, {"date_cancelled": yesterday}],
    ids=["pending", "expired at this very moment", "cancelled"],
)
def test_only_available_rewards_are_redeemed(dates):
    with pytest.raises(InsufficientBalanceError):
        allocate([reward("no", **dates)], 1, NOW)


def test_a_reward_scheduled_for_this_moment_is_available():
    assert spent([reward("now", date_scheduled_for=NOW)], 1) == [("now", 1)]


def test_too_much_is_rejected_entirely_and_says_what_is_available():
    rewards = [reward("a", left=60), reward("b", left=40)]
    with pytest.raises(InsufficientBalanceError) as rejection:
        allocate(rewards, 101, NOW)
    assert rejection.value.available == 100
    assert [r.left for r in rewards] == [60, 40]


def test_all_that_is_available_can_be_redeemed():
    assert spent([reward("a", left=60), reward("b", left=40)], 100) == [("a", 60), ("b", 40)]


def test_a_program_redeems_only_its_own_rewards():
    rewards = [reward("mine", program_id="P"), reward("other", program_id="Q"), reward("none")]
    assert spent(rewards, 100, "P") == [("mine", 100)]
    with pytest.raises(InsufficientBalanceError):
        allocate(rewards, 101, NOW, "P")


@pytest.mark.parametrize("value", [0, -1])
def test_a_redemption_is_positive(value):
    with pytest.raises(ValueError, match="positive"):
        allocate([reward("a")], value, NOW)


@pytest.mark.parametrize(
    ("dates", "left", "expected"),
    [
        ({}, 1, {Status.AVAILABLE}),
        ({"date_expires": next_month}, 1, {Status.AVAILABLE}),
        ({"date_scheduled_for": tomorrow}, 1, {Status.PENDING}),
        ({"date_expires": yesterday}, 1, {Status.EXPIRED}),
        ({"date_expires": yesterday, "date_scheduled_for": tomorrow}, 1, {Status.EXPIRED, Status.PENDING}),
        ({"date_expires": yesterday}, 0, {Status.REDEEMED}),
        ({"date_cancelled": yesterday}, 1, {Status.CANCELLED}),
    ],
)
def test_statuses_follow_from_dates_and_credits(dates, left, expected):
    one = reward("a", left=left, **dates)
    assert statuses(one, NOW) == expected
    assert (available_value([one], NOW) > 0) == (Status.AVAILABLE in expected)


def test_names_the_place_of_each_available_reward_in_the_redemption_order():
    rewards = [
        Reward(1, "never", 10, 10, last_month),
        Reward(2, "late", 10, 10, last_month, date_expires=next_year),
        Reward(3, "used", 10, 0, last_month, date_expires=tomorrow),
        Reward(4, "soon", 10, 4, yesterday, date_expires=next_month),
        Reward(5, "scheduled", 10, 10, yesterday, date_scheduled_for=tomorrow),
    ]
    assert redemption_places(rewards, NOW) == {4: 1, 2: 2, 1: 3}
