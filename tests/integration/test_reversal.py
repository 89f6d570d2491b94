"""An import is reversed: what it took goes back to the rewards it took it from, once."""

import json

import pytest

from rewards.adapters import queue_messages
from rewards.domain.outcomes import Outcome
from rewards.flows import load_rewards
from rewards.flows.reversals import NotReversibleError
from tests.builders.files import row, sheet
from tests.builders.moments import DAY
from tests.integration.world import AGAIN, quick

USERS = 120  # three chunks of 40


def state(world, *key):
    """What is left of every reward of a balance, also of those in history."""
    balance = world.balance(*key)
    pages = world.accounts.pages(balance, quick()).values()
    rewards = [*balance.rewards, *(reward for page in pages for reward in page.rewards)]
    return {reward.id: (reward.left, reward.date_expires) for reward in rewards}


def order(world, record):
    original = world.import_jobs.get(record["id"])
    return world.record(world.reversals.create(original, "operator", "ops@example.com", quick()).id)


def reverse(world, record):
    reversal = order(world, record)
    world.run()
    return world.record(reversal["id"])


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(queue_messages, "MAX_ROWS", 40)
    monkeypatch.setattr(queue_messages, "_REVERSAL_MESSAGES", 2)


@pytest.mark.usefixtures("small_chunks")
def test_every_amount_goes_back_to_its_reward(world):
    soon = world.now() + DAY
    world.load(
        [{"id": f"a{n}", "user.id": f"u{n}", "assignedCredit": 10, "dateExpires": soon} for n in range(USERS)]
        + [{"id": f"b{n}", "user.id": f"u{n}", "assignedCredit": 90} for n in range(USERS)]
    )
    keys = [("acme", f"u{n}", "POINT") for n in range(USERS)]
    before = [state(world, *key) for key in keys]
    done = world.upload(
        "redemptions/a.csv", sheet([row(30 if n % 2 else 0, user=f"u{n}") for n in range(USERS)])
    )
    assert [state(world, *key) for key in keys] != before

    reversal = reverse(world, done)

    assert [state(world, *key) for key in keys] == before
    assert reversal["status"] == "COMPLETED"
    assert reversal["outcomes"] == {"REVERSED": USERS // 2, "UNCHANGED": USERS // 2}
    assert reversal["redeemed"] == {"POINT": -30 * USERS // 2}
    assert reversal["rows"] == reversal["processed"] == USERS
    results = world.results(reversal)
    assert [r["outcome"] for r in results] == ["REVERSED" if n % 2 else "UNCHANGED" for n in range(USERS)]
    assert results[1]["redeemedValue"] == "-30"
    assert results[1]["remainingValue"] == "100"
    assert results[1]["message"] == "Returned: 10 to a1; 20 to b1"
    assert world.record(done["id"])["reversedBy"] == reversal["id"]


@pytest.mark.usefixtures("small_chunks")
def test_reversing_twice_does_nothing(world):
    world.load([{"id": "r", "assignedCredit": 100}])
    done = world.upload("redemptions/a.csv", sheet([row(60)]))
    first = reverse(world, done)
    again = reverse(world, done)
    assert again["id"] == first["id"]
    assert world.available() == 100


@pytest.mark.usefixtures("small_chunks")
def test_a_reversal_delivered_twice_returns_once(world):
    world.load([{"id": f"r{n}", "user.id": f"u{n}", "assignedCredit": 100} for n in range(USERS)])
    done = world.upload("redemptions/a.csv", sheet([row(60, user=f"u{n}") for n in range(USERS)]))
    order(world, done)
    reversal = order(world, done)
    world.run()
    record = world.record(reversal["id"])
    assert record["outcomes"] == {"REVERSED": USERS}
    assert {world.available("acme", f"u{n}", "POINT") for n in range(USERS)} == {100}


def test_a_lost_answer_is_recognised(world, monkeypatch):
    """The write happened, its answer did not arrive: the row is REVERSED, and only once."""
    world.load([{"id": "r", "assignedCredit": 100}])
    done = world.upload("redemptions/a.csv", sheet([row(60)]))
    real = world.accounts.write

    def lossy(balances, now):
        monkeypatch.setattr(world.accounts, "write", real)
        return [False for _ in real(balances, now)]

    monkeypatch.setattr(world.accounts, "write", lossy)
    reversal = reverse(world, done)
    assert reversal["outcomes"] == {"REVERSED": 1}
    assert world.available() == 100


def test_what_went_to_history_comes_back(world):
    """Twenty redemptions of many rewards each: most of them, and their rewards, are in history by then."""
    world.load([{"id": f"r{n:03}", "assignedCredit": 10} for n in range(100)])
    before = state(world)
    done = [world.upload("redemptions/a.csv", sheet([row(45)]), **AGAIN) for _ in range(20)]
    assert world.accounts.pages(world.balance(), quick())
    assert world.available() == 100
    for n, record in enumerate(done, start=1):
        assert reverse(world, record)["outcomes"] == {"REVERSED": 1}
        assert world.available() == 100 + 45 * n
    assert state(world) == before
    balance = world.balance()
    assert balance.total_redeemed == 0
    assert balance.archived.count + len(balance.rewards) == 100


def test_a_row_may_be_redeemed_again_after_its_reversal(world):
    world.load([{"id": "r", "assignedCredit": 100}])
    (line,) = world.report()
    file = sheet([{**line, "valueToRedeem": "60"}])
    done = world.upload("redemptions/a.csv", file)
    reverse(world, done)
    assert world.upload("redemptions/a.csv", file)["outcomes"] == {"REDEEMED": 1}
    assert world.upload("redemptions/a.csv", file)["outcomes"] == {"ALREADY_REDEEMED": 1}
    assert world.available() == 40


def test_the_first_imports_message_does_not_redeem_a_reversed_row_again(world):
    world.load([{"id": "r", "assignedCredit": 100}])
    import_id = world.validate(world.put("redemptions/a.csv", sheet([row(60)])))
    (body,) = world.take("redeem")
    world.deliver("redeem", body)
    world.run()
    reverse(world, world.record(import_id))
    key = {"pk": {"S": f"IMPORT#{import_id}"}, "sk": {"S": "CHUNK#000001"}}
    world.clients("dynamodb").delete_item(TableName=world.names["jobs"], Key=key)  # as if nobody remembered
    world.deliver("redeem", body)
    assert world.available() == 100


def test_a_reward_that_expired_since_then_is_named_and_stays_so(world):
    world.load([{"id": "old", "assignedCredit": 10, "dateExpires": world.now() + DAY}])
    world.load([{"id": "new", "assignedCredit": 90}])
    done = world.upload("redemptions/a.csv", sheet([row(50)]))
    world.now.ahead = 2 * DAY
    reversal = reverse(world, done)
    (result,) = world.results(reversal)
    assert (
        result["message"]
        == "Returned: 10 to old; 40 to new. Reward old is EXPIRED, so its amount is not available"
    )
    assert result["remainingValue"] == "90"
    assert state(world)["old"][0] == 10


@pytest.mark.parametrize(
    ("prefix", "words"),
    [("preview/", "a preview"), ("rewards/", "loaded rewards")],
)
def test_what_changed_no_balance_by_redeeming_is_not_reversed(world, prefix, words):
    world.load([{"id": "r", "assignedCredit": 100}])
    body = (
        sheet([row(60)])
        if prefix == "preview/"
        else json.dumps(
            {
                "id": "x",
                "type": "CREDIT",
                "unit": "POINT",
                "assignedCredit": 1,
                "user.id": "u",
                "user.accountId": "a",
            }
        )
    )
    name = "a.csv" if prefix == "preview/" else "a.jsonl"
    with pytest.raises(NotReversibleError, match=words):
        order(world, world.upload(prefix + name, body))


def test_an_import_that_has_not_ended_is_not_reversed(world):
    world.load([{"id": "r", "assignedCredit": 100}])
    import_id = world.validate(world.put("redemptions/a.csv", sheet([row(60)])))
    with pytest.raises(NotReversibleError, match="not ended"):
        order(world, {"id": import_id})


def test_a_reversal_that_failed_has_no_file_that_would_redeem_again(world):
    world.load([{"id": "r", "assignedCredit": 100}])
    done = world.upload("redemptions/a.csv", sheet([row(60)]))
    reversal = order(world, done)
    (body,) = world.take("redeem")
    world.dead_letters.handle(world.failed_often(body), quick())
    world.run()
    (result,) = world.results(world.record(reversal["id"]))
    assert "Upload" not in result["message"]
    with pytest.raises(world.s3.exceptions.NoSuchKey):
        world.results(reversal, "failed.csv")
    assert "failed.csv" not in world.mailer.sent[-1][1].text


def counted_part(world, import_id):
    """The object with the answers of an import's only chunk."""
    (attempt,) = world.chunk_records.attempts(import_id, range(1, 2)).values()
    key = f"evidence/{import_id}/parts/chunk-000001-{attempt}.jsonl"
    return {"Bucket": world.names["files"], "Key": key}


def test_results_that_version_0_1_wrote_are_reversed(world):
    world.load([{"id": "r", "assignedCredit": 100}])
    done = world.upload("redemptions/a.csv", sheet([row(60)]))
    part = counted_part(world, done["id"])
    old = part["Key"].replace("evidence/", "imports/")
    world.s3.copy_object(Bucket=part["Bucket"], Key=old, CopySource=part)
    world.s3.delete_object(**part)
    assert reverse(world, done)["outcomes"] == {"REVERSED": 1}
    assert world.available() == 100


def test_a_reversal_ends_though_the_answers_it_needs_are_deleted(world):
    world.load([{"id": "r", "assignedCredit": 100}])
    done = world.upload("redemptions/a.csv", sheet([row(60)]))
    reversal = order(world, done)
    world.s3.delete_object(**counted_part(world, done["id"]))
    (body,) = world.take("redeem")
    with pytest.raises(FileNotFoundError):
        world.deliver("redeem", body)
    world.dead_letters.handle(world.failed_often(body), quick())
    (order_to_finish,) = world.take("finish")
    world.dead_letters.handle(order_to_finish, quick())
    ended = world.record(reversal["id"])
    assert (ended["status"], ended["error"]["code"]) == ("COMPLETED", "RESULTS_FAILED")
    assert world.available() == 40


def test_a_reversal_that_could_not_read_the_answers_is_followed_by_one_that_can(world):
    world.load([{"id": "r", "assignedCredit": 100}])
    done = world.upload("redemptions/a.csv", sheet([row(60)]))
    part = counted_part(world, done["id"])
    results = world.s3.get_object(**part)["Body"].read()
    world.s3.delete_object(**part)
    order(world, done)
    (body,) = world.take("redeem")
    world.dead_letters.handle(world.failed_often(body), quick())
    (order_to_finish,) = world.take("finish")
    world.dead_letters.handle(order_to_finish, quick())
    world.s3.put_object(**part, Body=results)
    assert reverse(world, world.record(done["id"]))["outcomes"] == {"REVERSED": 1}
    assert world.available() == 100


def test_a_balance_that_could_not_hold_what_comes_back_rejects_only_its_own_rows(world, monkeypatch):
    world.load([{"id": f"r{n}", "assignedCredit": 1} for n in range(3)])
    world.load([{"id": "bob", "user.id": "bob", "assignedCredit": 3}])
    done = world.upload("redemptions/a.csv", sheet([row(3), row(3, user="bob")]))
    world.load([{"id": f"new{n}", "assignedCredit": 1} for n in range(3)])
    monkeypatch.setattr(load_rewards, "MAX_OPEN_REWARDS", 5)
    reversal = reverse(world, done)
    assert reversal["outcomes"] == {"BALANCE_FULL": 1, "REVERSED": 1}
    assert (world.available(), world.available("acme", "bob", "POINT")) == (3, 3)
    monkeypatch.undo()
    assert reverse(world, done)["outcomes"] == {"REVERSED": 1, "ALREADY_REVERSED": 1}
    assert world.available() == 6


def test_two_reversals_of_one_balance_do_not_disturb_each_other(world, monkeypatch):
    """The second one reads the balance; then the first one takes a reward out of its history."""
    world.load([{"id": f"r{n:03}", "assignedCredit": 10} for n in range(40)])
    done = [world.upload("redemptions/a.csv", sheet([row(95)]), **AGAIN) for _ in range(4)]
    order(world, done[0])
    (first,) = world.take("redeem")
    real = world.accounts.pages

    def late(*asked):
        monkeypatch.setattr(world.accounts, "pages", real)
        world.deliver("redeem", first)
        return real(*asked)

    monkeypatch.setattr(world.accounts, "pages", late)
    assert reverse(world, done[1])["outcomes"] == {"REVERSED": 1}
    assert world.available() == 400 - 2 * 95


def test_rows_that_could_not_be_processed_are_reversed_by_the_next_reversal(world, monkeypatch):
    world.load([{"id": "r", "assignedCredit": 100}])
    done = world.upload("redemptions/a.csv", sheet([row(60)]))
    first = order(world, done)
    (body,) = world.take("redeem")
    world.dead_letters.handle(world.failed_often(body), quick())
    world.run()
    assert world.record(first["id"])["outcomes"] == {Outcome.NOT_PROCESSED: 1}
    assert world.available() == 40
    second = reverse(world, done)
    assert second["id"] != first["id"]
    assert second["outcomes"] == {"REVERSED": 1}
    assert world.available() == 100
