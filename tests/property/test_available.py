"""What is available: one rule, and what follows from it."""

from hypothesis import given
from hypothesis import strategies as st

from rewards.domain import account_credits, report
from rewards.domain.balance import Balance, is_closed
from rewards.domain.redemption import Status, available_value, is_available, statuses
from tests.property.test_short_cuts import NOW, rewards

moments = st.integers(NOW - 4, NOW + 4)


@given(rewards, moments)
def test_a_reward_is_available_if_no_other_status_holds(found, now):
    for reward in found:
        others = statuses(reward, now) - {Status.AVAILABLE}
        assert is_available(reward, now) is not bool(others)


@given(rewards, moments, st.integers(0, 4))
def test_a_closed_reward_is_never_available_again(found, now, later):
    assert not any(is_available(reward, now + later) for reward in found if is_closed(reward, now))


@given(rewards, moments)
def test_each_credit_counts_once_in_the_sums_of_a_balance(found, now):
    sums = account_credits.sums([Balance("acme", "ann", "POINT", rewards=found)], now)
    assert sums.available == available_value(found, now)
    parts = sums.redeemed + sums.pending + sums.expired + sums.cancelled + sums.available
    assert sums.assigned == parts


@given(rewards, moments, moments)
def test_a_report_counts_what_is_available_at_both_moments(found, asked, answered):
    amount = report.sums(found, asked, answered).amount
    assert amount == sum(each.left for each in report.steady(found, asked, answered))
    assert amount <= min(available_value(found, asked), available_value(found, answered))
