"""At most once, on one balance; what leaves it for history."""

import dataclasses

from rewards.adapters import balance_item
from rewards.domain.balance import (
    Balance,
    RedemptionRequest,
    Totals,
    archive,
    find,
    grant,
    leaving,
    needs_history,
    redeem,
)
from rewards.domain.balance_key import BalanceKey
from rewards.domain.outcomes import Outcome, StopReason
from rewards.domain.redemption import Reward
from tests.builders.moments import DAY, NOW, last_month, tomorrow, yesterday

ROW = RedemptionRequest(
    line=7, account_id="acme", user_id="ann", unit="CASH/USD", value=150, row_id="R" + "A" * 31
)


def a_balance(*lefts, **more):
    balance = Balance("acme", "ann", "CASH/USD", version=1)
    grant(balance, [Reward(0, f"r{n}", left, left, last_month + n, **more) for n, left in enumerate(lefts)])
    return balance


def to_history(balance):
    page = leaving(balance, NOW)
    archive(balance, page)
    return page


def lefts(balance):
    return [reward.left for reward in balance.rewards]


def test_a_redemption_shrinks_the_rewards_and_records_who_gave_what():
    balance = a_balance(100, 100)
    result = redeem(balance, ROW, "import1", NOW)
    assert (result.outcome, result.redeemed, result.available) == (Outcome.REDEEMED, 150, 50)
    assert result.message == "1.00 from r0; 0.50 from r1"
    assert lefts(balance) == [0, 50]
    assert balance.redemptions[0].parts == ((1, 100), (2, 50))


def test_the_same_row_delivered_twice_is_answered_and_not_redeemed_again():
    balance = a_balance(500)
    first = redeem(balance, ROW, "import1", NOW)
    assert redeem(balance, ROW, "import1", NOW) == first
    assert lefts(balance) == [350]


def test_a_row_id_of_an_earlier_import_names_that_import_and_its_value():
    balance = a_balance(500)
    redeem(balance, ROW, "import1", NOW)
    result = redeem(balance, dataclasses.replace(ROW, line=9, value=1), "import2", NOW)
    assert result.outcome is Outcome.ALREADY_REDEEMED
    assert "import1" in result.message
    assert "1.50" in result.message
    assert lefts(balance) == [350]


def test_a_row_without_row_id_redeems_once_an_import():
    balance = a_balance(500)
    row = dataclasses.replace(ROW, row_id=None)
    for import_id in ("import1", "import1", "import2"):
        assert redeem(balance, row, import_id, NOW).outcome is Outcome.REDEEMED
    assert lefts(balance) == [200]


def test_too_much_changes_nothing_and_says_what_is_available():
    balance = a_balance(100)
    result = redeem(balance, ROW, "import1", NOW)
    assert (result.outcome, result.available) == (Outcome.INSUFFICIENT_BALANCE, 100)
    assert "1.00 is available" in result.message
    assert lefts(balance) == [100]
    assert not balance.redemptions


def test_what_was_redeemed_says_so_even_when_the_rest_fails():
    balance = a_balance(500)
    redeem(balance, ROW, "import1", NOW)
    failed = StopReason(Outcome.NOT_PROCESSED, "")
    kept = redeem(balance, ROW, "import1", NOW, stop_reason=failed)
    lost = redeem(balance, dataclasses.replace(ROW, line=8, row_id=None), "import1", NOW, stop_reason=failed)
    assert (kept.outcome, lost.outcome) == (Outcome.REDEEMED, Outcome.NOT_PROCESSED)
    assert lefts(balance) == [350]


def test_history_takes_closed_rewards_and_old_redemptions_and_keeps_the_sums():
    balance = a_balance(100, 100, 100)
    balance.rewards[2].date_expires = yesterday
    for line, value in ((1, 100), (2, 50)):
        redeem(balance, dataclasses.replace(ROW, line=line, value=value, row_id=None), "import1", NOW)
    page = to_history(balance)
    assert [reward.id for reward in page.rewards] == ["r0", "r2"]
    assert [redemption.line for redemption in page.redemptions] == [1]
    assert [reward.id for reward in balance.rewards] == ["r1"]
    assert (balance.archived.count, balance.archived.redeemed, balance.archived.expired) == (2, 100, 100)
    assert balance.total_redeemed == 150


def test_new_rewards_never_take_the_number_of_an_archived_one():
    balance = a_balance(100, 100)
    redeem(balance, ROW, "import1", NOW)
    to_history(balance)
    grant(balance, [Reward(0, "new", 1, 1, NOW)])
    assert sorted(reward.ordinal for reward in balance.rewards) == [2, 3]


def test_a_redemption_in_history_is_found_again():
    balance = a_balance(1000)
    redeem(balance, ROW, "import1", NOW)
    redeem(balance, dataclasses.replace(ROW, line=8, row_id=None), "import1", NOW)
    page = to_history(balance)
    again = dataclasses.replace(ROW, line=1)
    assert find(balance, again, "import2") is None
    assert redeem(balance, again, "import2", NOW, page.redemptions).outcome is Outcome.ALREADY_REDEEMED
    assert lefts(balance) == [700]


def test_only_rows_of_reports_older_than_the_history_need_the_look_up():
    balance = a_balance(1000)
    assert not needs_history(balance, last_month)
    balance.archived_until = yesterday
    assert needs_history(balance, last_month)
    assert not needs_history(balance, NOW)
    assert needs_history(balance, yesterday + 60_000), "clocks differ"


def test_redemptions_are_dated_in_order_even_if_clocks_are_not():
    balance = a_balance(1000)
    for line, now in ((1, NOW), (2, NOW - DAY)):
        redeem(balance, dataclasses.replace(ROW, line=line, row_id=None), "import1", now)
    assert [redemption.date for redemption in balance.redemptions] == [NOW, NOW]


def test_a_balance_survives_being_stored():
    balance = a_balance(100, 100, program_id="pro,gram", date_expires=tomorrow, date_scheduled_for=yesterday)
    balance.rewards[0].date_cancelled = NOW
    balance.rewards[1].program_id = None
    redeem(balance, dataclasses.replace(ROW, value=3), "import1", NOW)
    to_history(balance)
    key = {
        "pk": {"S": "acme"},
        "sk": {"S": balance_item.balance_key("ann", "CASH/USD")},
        "version": {"N": "1"},
    }
    assert balance_item.decode({**balance_item.encode(balance), **key}) == balance


def test_what_went_to_history_is_summed_exactly_beyond_64_bits():
    balance = Balance("acme", "ann", "POINT", archived=Totals(20_000, *[20_000 * (10**15 - 1)] * 4))
    item = {
        **balance_item.key_of(BalanceKey("acme", "ann", "POINT")),
        "version": {"N": "0"},
        **balance_item.encode(balance),
    }
    assert balance_item.decode(item) == balance
    assert balance_item.archived_redeemed(item["archived"]["S"]) == 20_000 * (10**15 - 1)


def test_users_and_units_with_the_separator_in_them_are_distinguished():
    one, other = balance_item.balance_key("a#b", "c"), balance_item.balance_key("a", "b#c")
    assert one != other
    assert balance_item.split_balance_key(one) == ("a#b", "c")
    assert balance_item.split_balance_key(other) == ("a", "b#c")
