"""Reversing one redemption, on one balance and its history."""

import pytest

from rewards.domain.balance import Balance, RedemptionRequest, archive, grant, leaving, redeem
from rewards.domain.outcomes import Outcome, StopReason
from rewards.domain.redemption import Reward
from rewards.domain.reversal import MovedError, needs_pages, reverse
from tests.builders.moments import NOW, last_month

STOP = StopReason(Outcome.CANCELLED, "The reversal was cancelled.")


@pytest.fixture
def redeemed():
    """A balance from which import "i1" took 30 of 100, and that row's result."""
    balance = Balance("acme", "ann", "POINT", version=1)
    grant(balance, [Reward(0, "r1", 100, 100, last_month)])
    request = RedemptionRequest(line=2, account_id="acme", user_id="ann", unit="POINT", value=30)
    return balance, redeem(balance, request, "i1", NOW)


def test_gives_back_what_the_row_took_and_only_once(redeemed):
    balance, row = redeemed
    result, changed = reverse(balance, row, "i1", "v1", NOW, {})
    assert (result.outcome, result.redeemed, result.available, changed) == (Outcome.REVERSED, -30, 100, True)
    again, changed = reverse(balance, row, "i1", "v1", NOW, {})
    assert (again.outcome, again.available, changed) == (Outcome.REVERSED, 100, False)
    other, changed = reverse(balance, row, "i1", "v2", NOW, {})
    assert (other.outcome, other.available, changed) == (Outcome.ALREADY_REVERSED, 100, False)


def test_changes_nothing_without_a_trace_of_the_redemption(redeemed):
    balance, row = redeemed
    result, changed = reverse(balance, row, "another", "v1", NOW, {})
    assert (result.outcome, changed, balance.available(NOW)) == (Outcome.NOT_PROCESSED, False, 70)


def test_a_stop_changes_nothing_but_hides_no_reversal(redeemed):
    balance, row = redeemed
    result, changed = reverse(balance, row, "i1", "v1", NOW, {}, STOP)
    assert (result.outcome, changed, balance.available(NOW)) == (Outcome.CANCELLED, False, 70)
    reverse(balance, row, "i1", "v1", NOW, {})
    result, changed = reverse(balance, row, "i1", "v1", NOW, {}, STOP)
    assert (result.outcome, changed) == (Outcome.REVERSED, False)


def test_a_reward_comes_back_from_history():
    balance = Balance("acme", "ann", "POINT", version=1)
    grant(balance, [Reward(0, "r1", 100, 100, last_month)])
    request = RedemptionRequest(line=2, account_id="acme", user_id="ann", unit="POINT", value=100)
    row = redeem(balance, request, "i1", NOW)
    page = leaving(balance, NOW)
    archive(balance, page)
    assert needs_pages(balance, [row], "i1")
    pages = {"H#1": page}
    result, changed = reverse(balance, row, "i1", "v1", NOW, pages)
    assert (result.outcome, changed, balance.available(NOW)) == (Outcome.REVERSED, True, 100)
    assert pages["H#1"].rewards == ()


def test_a_balance_and_a_history_of_different_moments_are_read_again(redeemed):
    balance, row = redeemed
    balance.rewards.clear()  # moved to history after the pages were read
    assert needs_pages(balance, [row], "i1")
    with pytest.raises(MovedError):
        reverse(balance, row, "i1", "v1", NOW, {})
