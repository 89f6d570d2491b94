"""Several balances as if they were one; sums over rewards; what can be cancelled."""

import pytest

from rewards.domain.account_credits import (
    Sums,
    available_in,
    name_of,
    redeem_across,
    redeem_reward,
    sums,
    uncancellable,
)
from rewards.domain.balance import Balance, archive, grant, leaving
from rewards.domain.redemption import InsufficientBalanceError, Status
from tests.builders.moments import NOW, next_month, next_year, tomorrow, yesterday
from tests.builders.rewards import reward


def balance_of(user, *rewards):
    balance = Balance("acme", user, "POINT", version=1)
    grant(balance, rewards)
    return balance


def lefts(*balances):
    return {reward.id: reward.left for balance in balances for reward in balance.rewards}


def test_an_account_is_redeemed_in_redemption_order_over_the_rewards_of_all():
    ann = balance_of("ann", reward("late", date_expires=next_year), reward("soon", date_expires=tomorrow))
    bob = balance_of("bob", reward("middle", date_expires=next_month), reward("never"))
    redeem_across([ann, bob], 250, "api1", NOW)
    assert lefts(ann, bob) == {"soon": 0, "middle": 0, "late": 50, "never": 100}


def test_each_balance_records_what_it_gave_itself_under_the_one_redemption():
    ann = balance_of("ann", reward("a1", date_expires=tomorrow), reward("a2"))
    bob = balance_of("bob", reward("b1", given=yesterday))
    redeem_across([ann, bob], 230, "api1", NOW)
    assert [(r.import_id, r.line, r.value, r.parts) for r in ann.redemptions] == [
        ("api1", 0, 200, ((1, 100), (2, 100)))
    ]
    assert [(r.import_id, r.value, r.parts) for r in bob.redemptions] == [("api1", 30, ((1, 30),))]


def test_only_balances_that_gave_something_have_changed():
    ann, bob = balance_of("ann", reward("a1", date_expires=tomorrow)), balance_of("bob", reward("b1"))
    assert redeem_across([ann, bob], 60, "api1", NOW) == [ann]
    assert not bob.redemptions


def test_more_than_all_have_together_changes_nothing():
    ann, bob = balance_of("ann", reward("a1")), balance_of("bob", reward("b1"))
    with pytest.raises(InsufficientBalanceError) as error:
        redeem_across([ann, bob], 201, "api1", NOW)
    assert error.value.available == 200
    assert lefts(ann, bob) == {"a1": 100, "b1": 100}


def test_one_reward_is_redeemed_though_another_would_come_first():
    ann = balance_of("ann", reward("first", date_expires=tomorrow), reward("chosen"))
    chosen = ann.rewards[1]
    redeem_reward(ann, chosen, 40, "api1", NOW)
    assert lefts(ann) == {"first": 100, "chosen": 60}
    assert ann.redemptions[0].parts == ((chosen.ordinal, 40),)


def test_one_reward_does_not_borrow_from_another():
    ann = balance_of("ann", reward("a1"), reward("a2"))
    with pytest.raises(InsufficientBalanceError):
        redeem_reward(ann, ann.rewards[0], 101, "api1", NOW)
    assert lefts(ann) == {"a1": 100, "a2": 100}


def every_kind():
    used = reward("used")
    used.left = 30
    return balance_of(
        "ann",
        used,
        reward("expired", 10, date_expires=yesterday),
        reward("pending", 20, date_scheduled_for=tomorrow),
        reward("cancelled", 40, date_cancelled=yesterday),
        reward("expired before it could be used", 80, date_expires=yesterday, date_scheduled_for=tomorrow),
    )


def test_every_credit_is_in_one_sum_and_the_rest_is_available():
    balance = every_kind()
    found = sums([balance], NOW)
    assert found == Sums(
        count=5, assigned=250, redeemed=70, pending=20, expired=90, cancelled=40, available=30
    )
    rest = found.assigned - found.redeemed - found.pending - found.expired - found.cancelled
    assert rest == balance.available(NOW) == 30


def test_the_sums_stay_when_rewards_go_to_history():
    balance = every_kind()
    before = sums([balance], NOW)
    archive(balance, leaving(balance, NOW))
    assert balance.archived.count == 3
    assert sums([balance], NOW) == before


def test_sums_go_over_all_balances_of_a_unit():
    assert sums([every_kind(), every_kind()], NOW).assigned == 500


def test_amounts_of_different_units_are_never_added():
    ann, bob = balance_of("ann", reward("a1")), balance_of("bob", reward("b1"))
    bob.unit = "CENTS"
    for add in (
        lambda: sums([ann, bob], NOW),
        lambda: available_in([ann, bob], NOW),
        lambda: redeem_across([ann, bob], 150, "api1", NOW),
    ):
        with pytest.raises(ValueError, match="different units cannot be added: CENTS, POINT"):
            add()
    assert lefts(ann, bob) == {"a1": 100, "b1": 100}


def test_a_used_up_or_expired_reward_cannot_be_cancelled():
    used = reward("used")
    used.left = 0
    assert uncancellable(used, NOW) is Status.REDEEMED
    assert uncancellable(reward("old", date_expires=yesterday), NOW) is Status.EXPIRED
    assert uncancellable(reward("open"), NOW) is None
    assert uncancellable(reward("later", date_scheduled_for=tomorrow), NOW) is None


def test_a_redemption_is_named_by_its_import_and_line_or_by_the_apis_own_id():
    ann = balance_of("ann", reward("a1"))
    redeem_reward(ann, ann.rewards[0], 1, "api1", NOW)
    assert name_of(ann.redemptions[0]) == "api1"
