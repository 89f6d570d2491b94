"""Rewards and balances changed by requests: once each, all or nothing, beside imports."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ReadTimeoutError

from rewards.adapters import accounts
from rewards.adapters.retry import Backoff, OutOfTimeError
from rewards.domain import ids
from rewards.domain.redemption import Reward
from rewards.domain.reward_rows import Grant
from rewards.flows.ledger_commands import Request
from rewards.flows.rejections import RequestRejectedError
from tests.builders.files import row, sheet
from tests.builders.moments import DAY
from tests.integration.world import quick

NO_TIME = Backoff(lambda: 0.0)


def load(world, **users):
    """Rewards of 100 for users, as many as said."""
    world.load(
        [
            {"id": f"{user}{n}", "user.id": user, "assignedCredit": 100}
            for user, count in users.items()
            for n in range(count)
        ]
    )


def redeem(world, amount, user=None, key=None, digest="same", backoff=None):
    request = Request(digest, key)
    return world.ledger_commands.redeem("acme", user, "POINT", amount, request, backoff or quick())


def create(world, key=None, digest="same", **more):
    new = {"assigned_credit": 100, "left": 100, "date_given": world.now(), **more}
    reward = Reward(ordinal=0, id=ids.new_id(world.now()), **new)
    grant = Grant(0, "acme", "ann", "POINT", reward, "Welcome", "MANUAL")
    return world.ledger_commands.create(grant, Request(digest, key), quick())


def rejection(call, *args, **more):
    with pytest.raises(RequestRejectedError) as error:
        call(*args, **more)
    return error.value.code


def left(world, *users):
    return [world.available("acme", user) for user in users]


def after_effect(monkeypatch, client, times=1):
    """Let the answers to transactions get lost, after they had their effect."""
    real = client.transact_write_items
    lost = []

    def losing(**request):
        real(**request)
        if len(lost) < times:
            lost.append(request)
            raise ReadTimeoutError(endpoint_url="here")

    monkeypatch.setattr(client, "transact_write_items", losing)
    return lost


# --- Redeeming from balances ---


def test_a_participants_balance_is_redeemed_and_says_what_it_has_left(world):
    load(world, ann=2, bob=1)
    assert redeem(world, 150, "ann") == {"creditRedeemed": 150, "creditAvailable": 50, "unit": "POINT"}
    assert left(world, "ann", "bob") == [50, 100]


def test_without_a_user_the_whole_account_is_redeemed_in_redemption_order(world):
    soon, later = world.now() + DAY, world.now() + 2 * DAY
    world.load(
        [
            {"id": "a", "user.id": "ann", "assignedCredit": 100, "dateExpires": later},
            {"id": "b", "user.id": "bob", "assignedCredit": 100, "dateExpires": soon},
            {"id": "c", "user.id": "cid", "assignedCredit": 100},
            {"id": "d", "user.id": "cid", "assignedCredit": 100, "unit": "MILE"},
        ]
    )
    assert redeem(world, 130) == {"creditRedeemed": 130, "creditAvailable": 170, "unit": "POINT"}
    assert left(world, "ann", "bob", "cid") == [70, 0, 100]
    assert world.available("acme", "cid", "MILE") == 100


def test_more_than_the_account_has_is_rejected_and_nothing_is_redeemed(world):
    load(world, ann=1, bob=1)
    assert rejection(redeem, world, 201) == "INSUFFICIENT_BALANCE"
    assert left(world, "ann", "bob") == [100, 100]


def test_nobody_and_another_unit_are_distinguished(world):
    load(world, ann=1)
    assert rejection(redeem, world, 1, "nobody") == "NO_BALANCE"
    with pytest.raises(RequestRejectedError, match="Units with a balance: POINT") as error:
        world.ledger_commands.redeem("acme", "ann", "point", 1, Request("d"), quick())
    assert error.value.code == "UNIT_MISMATCH"


def test_an_account_of_more_participants_than_a_transaction_takes_is_rejected_with_the_limit(world):
    load(world, **{f"u{n:03}": 1 for n in range(101)})
    with pytest.raises(RequestRejectedError, match=r"100 participants.* at most 99") as error:
        redeem(world, 10_000)
    assert error.value.code == "TOO_MANY_BALANCES"
    assert redeem(world, 9_900)["creditAvailable"] == 200


def test_balances_beyond_a_transactions_bytes_are_rejected_too(world, monkeypatch):
    load(world, ann=1, bob=1)
    monkeypatch.setattr(accounts, "_TRANSACTION_BYTES", 200)
    assert rejection(redeem, world, 200) == "TOO_MANY_BALANCES"
    assert redeem(world, 100)["creditAvailable"] == 100


def test_history_pages_are_written_with_a_redemption_over_several_balances(world):
    load(world, ann=25, bob=25)
    for _ in range(10):
        redeem(world, 440)
    for user in ("ann", "bob"):
        balance = world.balance("acme", user)
        assert balance.archived.count
        shown = world.reward_queries.rewards("acme", user, quick())
        assert len(shown) == 25
        for reward in shown:
            assert reward["redeemedCredit"] == sum(r["quantityRedeemed"] for r in reward["redemptions"])
    assert sum(left(world, "ann", "bob")) == 600
    (sums,) = world.reward_queries.balances("acme", None, quick())
    assert (sums["count"], sums["totalAssignedCredit"], sums["totalRedeemedCredit"]) == (50, 5000, 4400)


# --- Once each ---


def test_the_same_request_again_gets_the_first_answer_and_redeems_nothing(world):
    load(world, ann=1, bob=1)
    first = redeem(world, 70, key="k")
    redeem(world, 30, key="other")
    assert redeem(world, 70, key="k") == first
    assert sum(left(world, "ann", "bob")) == 100


def test_the_first_answer_comes_again_though_nothing_is_left(world):
    load(world, ann=1)
    first = redeem(world, 100, "ann", key="k")
    assert redeem(world, 100, "ann", key="k") == first


def test_a_key_used_for_another_request_is_rejected(world):
    load(world, ann=1)
    redeem(world, 60, "ann", key="k")
    for amount in (1, 1000):  # one that could be done, and one that could not
        assert rejection(redeem, world, amount, "ann", key="k", digest="other") == "IDEMPOTENCY_KEY_REUSED"
    assert left(world, "ann") == [40]


def test_a_rejection_is_not_remembered(world):
    load(world, ann=1)
    assert rejection(redeem, world, 150, "ann", key="k") == "INSUFFICIENT_BALANCE"
    world.load([{"id": "more", "assignedCredit": 100}])
    assert redeem(world, 150, "ann", key="k")["creditAvailable"] == 50


@pytest.mark.parametrize("amount", [30, 200], ids=["a part", "all there is"])
def test_identical_requests_at_once_redeem_once_and_get_the_same_answer(world, amount):
    load(world, ann=1, bob=1)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: redeem(world, amount, key="k"), range(8)))
    assert answers == [{"creditRedeemed": amount, "creditAvailable": 200 - amount, "unit": "POINT"}] * 8
    assert sum(left(world, "ann", "bob")) == 200 - amount


@pytest.mark.parametrize("key", [None, "k"])
def test_a_redemption_whose_answer_was_lost_is_recognised(world, monkeypatch, key):
    load(world, ann=1)
    lost = after_effect(monkeypatch, world.clients("dynamodb"))
    assert redeem(world, 30, "ann", key=key)["creditAvailable"] == 70
    assert lost
    assert left(world, "ann") == [70]


def test_a_client_that_lost_the_answer_sends_the_request_again(world, monkeypatch):
    load(world, ann=1)
    monkeypatch.setattr(world.ledger_commands._responses, "find", lambda key: None)
    after_effect(monkeypatch, world.clients("dynamodb"))
    with pytest.raises(OutOfTimeError):
        redeem(world, 30, "ann", key="k", backoff=NO_TIME)
    monkeypatch.undo()
    assert redeem(world, 30, "ann", key="k")["creditAvailable"] == 70
    assert left(world, "ann") == [70]


def test_a_reward_is_created_once_for_a_key(world):
    first = create(world, key="k")
    assert create(world, key="k") == first
    assert [reward["id"] for reward in world.reward_queries.rewards("acme", "ann", quick())] == [first["id"]]


def test_a_creation_whose_answer_was_lost_is_recognised(world, monkeypatch):
    after_effect(monkeypatch, world.clients("dynamodb"))
    create(world)
    assert left(world, "ann") == [100]


# --- Beside others ---


def test_requests_and_an_import_that_race_for_the_same_balances_never_overdraw_them(world):
    users = [f"u{n}" for n in range(15)]
    load(world, **dict.fromkeys(users, 4))
    import_id = world.validate(world.put("redemptions/a.csv", sheet([row("390", user=u) for u in users])))

    def ask(number):
        user = users[number] if number % 3 == 0 else None
        try:
            return redeem(world, 90, user)["creditRedeemed"]
        except RequestRejectedError as error:
            if error.code != "INSUFFICIENT_BALANCE":
                raise
            return 0

    with ThreadPoolExecutor(4) as pool:
        importing = pool.submit(world.run)
        asked = sum(pool.map(ask, range(15)))
    importing.result()
    imported = world.record(import_id)["redeemed"].get("POINT", 0)
    balances = [world.balance("acme", user) for user in users]
    assert all(reward.left >= 0 for balance in balances for reward in balance.rewards)
    assert sum(balance.available(world.now()) for balance in balances) == 6000 - asked - imported
    assert sum(balance.total_redeemed for balance in balances) == asked + imported
    shown = world.reward_queries.rewards("acme", None, quick())
    assert sum(r["quantityRedeemed"] for each in shown for r in each["redemptions"]) == asked + imported


def test_an_import_redeems_its_rows_once_though_requests_come_between(world):
    load(world, ann=3)
    file = sheet([row("50", rowId="")])
    import_id = world.validate(world.put("redemptions/a.csv", file))
    (body,) = world.take("redeem")
    redeem(world, 20, "ann")
    world.deliver("redeem", body)
    redeem(world, 20, "ann")
    world.deliver("redeem", body)
    world.run()
    assert world.record(import_id)["outcomes"] == {"REDEEMED": 1}
    assert left(world, "ann") == [210]


def test_a_busy_table_is_asked_again_until_time_is_up(world, monkeypatch):
    load(world, ann=1)
    monkeypatch.setattr(world.accounts, "write_together", lambda *_: False)
    with pytest.raises(OutOfTimeError):
        redeem(world, 1, backoff=NO_TIME)


# --- Single rewards ---


def redeem_one(world, reward, amount, unit="POINT"):
    return world.ledger_commands.redeem_reward(reward, unit, amount, Request("d"), quick())


def test_one_reward_is_redeemed_and_shows_it(world):
    load(world, ann=2)
    answer = redeem_one(world, "ann1", 40)
    assert answer == {"creditRedeemed": 40, "creditAvailable": 160, "unit": "POINT"}
    shown = world.reward_queries.reward("ann1", quick())
    assert (shown["redeemedCredit"], shown["statuses"]) == (40, ["AVAILABLE"])
    assert [r["quantityRedeemed"] for r in shown["redemptions"]] == [40]
    assert world.reward_queries.reward("ann0", quick())["redemptions"] == []


def test_what_one_reward_does_not_have_is_not_taken_from_another(world):
    load(world, ann=2)
    assert rejection(redeem_one, world, "ann1", 101) == "INSUFFICIENT_BALANCE"
    assert left(world, "ann") == [200]


def test_a_reward_that_cannot_be_redeemed_says_why(world):
    day = world.now() + DAY
    world.load(
        [
            {"id": "pending", "assignedCredit": 10, "dateScheduledFor": day},
            {"id": "expired", "assignedCredit": 10, "dateExpires": world.now() - 1},
            {"id": "used", "assignedCredit": 10, "redeemedCredit": 10},
            {"id": "open", "assignedCredit": 10},
        ]
    )
    assert rejection(redeem_one, world, "pending", 1) == "REWARD_NOT_AVAILABLE"
    assert rejection(redeem_one, world, "expired", 1) == "REWARD_NOT_AVAILABLE"
    assert rejection(redeem_one, world, "used", 1) == "INSUFFICIENT_BALANCE"
    assert rejection(redeem_one, world, "open", 1, "MILE") == "UNIT_MISMATCH"
    assert rejection(redeem_one, world, "missing", 1) == "REWARD_NOT_FOUND"


def test_a_cancelled_reward_is_available_no_more_and_counts_as_cancelled(world):
    load(world, ann=2)
    redeem_one(world, "ann0", 30)
    cancelled = world.ledger_commands.cancel("ann0", quick())
    assert (cancelled["statuses"], cancelled["cancellable"]) == (["CANCELLED"], False)
    assert left(world, "ann") == [100]
    (sums,) = world.reward_queries.balances("acme", "ann", quick())
    assert (sums["totalCancelledCredit"], sums["totalRedeemedCredit"]) == (70, 30)
    assert rejection(redeem_one, world, "ann0", 1) == "REWARD_NOT_AVAILABLE"


def test_cancelling_again_gives_the_same_answer(world):
    load(world, ann=1)
    first = world.ledger_commands.cancel("ann0", quick())
    world.now.ahead += DAY
    assert world.ledger_commands.cancel("ann0", quick()) == first


def test_cancelling_races_with_redeeming_and_one_of_them_is_rejected_or_second(world):
    load(world, ann=1)
    with ThreadPoolExecutor(2) as pool:
        cancelling = pool.submit(world.ledger_commands.cancel, "ann0", quick())
        redeeming = pool.submit(redeem, world, 60, "ann")
    cancelling.result()
    shown = world.reward_queries.reward("ann0", quick())
    assert shown["redeemedCredit"] == (60 if redeeming.exception() is None else 0)
    assert shown["dateCancelled"] is not None


def test_a_cancellation_whose_answer_was_lost_is_recognised(world, monkeypatch):
    load(world, ann=1)
    after_effect(monkeypatch, world.clients("dynamodb"))
    assert world.ledger_commands.cancel("ann0", quick())["statuses"] == ["CANCELLED"]


def test_a_used_up_reward_cannot_be_cancelled_whether_in_the_balance_or_in_history(world):
    load(world, ann=30)
    redeem_one(world, "ann0", 100)
    assert rejection(world.ledger_commands.cancel, "ann0", quick()) == "REWARD_NOT_CANCELLABLE"
    redeem(world, 2500, "ann")
    assert "ann0" not in {reward.id for reward in world.balance().rewards}
    assert rejection(world.ledger_commands.cancel, "ann0", quick()) == "REWARD_NOT_CANCELLABLE"
    assert rejection(redeem_one, world, "ann0", 1) == "INSUFFICIENT_BALANCE"
    assert world.reward_queries.reward("ann0", quick())["redeemedCredit"] == 100


def test_a_full_balance_takes_no_reward_more(world, monkeypatch):
    load(world, ann=1)
    monkeypatch.setattr("rewards.flows.load_rewards.MAX_OPEN_REWARDS", 1)
    assert rejection(create, world) == "BALANCE_FULL"
    assert left(world, "ann") == [100]


def test_a_created_reward_is_known_to_the_loader(world):
    created = create(world)
    record = world.load([{"id": created["id"], "assignedCredit": 100}])
    assert record["outcomes"] == {"UNCHANGED": 1}


def test_a_page_that_was_written_after_the_balance_was_read_is_not_counted_twice(world, monkeypatch):
    load(world, ann=30)
    redeem(world, 90, "ann")
    before = world.reward_queries.rewards("acme", "ann", quick())
    real = world.accounts._balances

    def reads_then_others_write(*key):
        balances = real(*key)
        balances[0].archived_until = 1  # as if there was history already
        monkeypatch.undo()
        for _ in range(5):
            redeem(world, 400, "ann")
        return balances

    monkeypatch.setattr(world.accounts, "_balances", reads_then_others_write)
    assert world.reward_queries.rewards("acme", "ann", quick()) == before
    assert world.balance().archived.count


# --- Units ---


def test_units_in_use_are_those_of_loaded_and_created_rewards(world):
    world.load([{"id": "a", "assignedCredit": 1, "unit": "CASH/USD"}, {"id": "b", "assignedCredit": 1}])
    assert world.units_in_use.all() == ["CASH/USD", "POINT"]


def test_creating_a_reward_checks_its_unit_too(world):
    create(world)
    assert world.units_in_use.all() == ["POINT"]
