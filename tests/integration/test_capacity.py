"""What a redemption costs in DynamoDB's units, by AWS's documented rules for item sizes.

The emulator's own figures are right for UpdateItem, so the rules are held against those; for
PartiQL and for reads they are wrong, so there the rules count.
"""

import itertools

import pytest

from rewards.adapters import balance_item
from rewards.adapters.balance_item import item_bytes
from rewards.domain import ids
from tests.builders.files import row, sheet
from tests.builders.moments import DAY
from tests.builders.row_ids import make_row_id

USERS = 8


def write_units(size):
    return max(1, -(-size // 1024))


def read_units(size):
    return max(1, -(-size // 4096))


class Meter:
    """Counts the units of the writes and reads of balances that pass a client."""

    def __init__(self, world, monkeypatch):
        self.written = self.read = 0
        real = world.accounts._client

        def batch_execute(**request):
            self.written += sum(self.size_after(each["Parameters"]) for each in request["Statements"])
            return real.batch_execute_statement(**request)

        def transact(**request):
            puts = [action["Put"] for action in request["TransactItems"]]
            self.written += sum(2 * write_units(item_bytes(put["Item"])) for put in puts)
            return real.transact_write_items(**request)

        def batch_get(**request):
            response = real.batch_get_item(**request)
            (items,) = response["Responses"].values()
            self.read += sum(read_units(item_bytes(item)) for item in items)
            return response

        class Client:
            batch_execute_statement = staticmethod(batch_execute)
            transact_write_items = staticmethod(transact)
            batch_get_item = staticmethod(batch_get)

            def __getattr__(self, name):
                return getattr(real, name)

        monkeypatch.setattr(world.accounts, "_client", Client())

    @staticmethod
    def size_after(parameters):
        names = ("rewards", "redemptions", "version", "updated", "pk", "sk")
        return write_units(item_bytes(dict(zip(names, parameters[:-1], strict=True))))


@pytest.fixture
def stocked(world):
    """Users with one to eight open rewards each, ids and programs of the original system's length."""
    numbers = itertools.count()
    world.load(
        [
            {
                "id": f"{next(numbers):024x}",
                "user.id": f"user{user:04d}@example.com",
                "unit": "CASH/USD",
                "assignedCredit": 100_000,
                "programId": f"program-{n % 2}",
                "dateExpires": world.now() + n * DAY,
            }
            for user in range(USERS)
            for n in range(1, 2 + user % 8)
        ]
    )
    return world


def redeem_all(world, name, reference=""):
    export = ids.new_id(world.now())
    rows = []
    for user in range(USERS):
        key = ("acme", f"user{user:04d}@example.com", "CASH/USD")
        named = {"reference": reference} if reference else {"rowId": make_row_id(export, *key, None)}
        rows.append(row("1.25", *key, **named))
    record = world.upload(f"redemptions/{name}.csv", sheet(rows))
    assert record["outcomes"] == {"REDEEMED": USERS}


def test_a_redeemed_row_costs_about_one_write_and_one_read_unit(stocked, monkeypatch):
    meter = Meter(stocked, monkeypatch)
    redeem_all(stocked, "first")
    assert meter.written / USERS <= 1.2
    assert meter.read / USERS <= 1.2


def test_it_still_does_after_fifty_earlier_redemptions(stocked, monkeypatch):
    for number in range(50):
        redeem_all(stocked, f"n{number}")
    meter = Meter(stocked, monkeypatch)
    for number in range(10):
        redeem_all(stocked, f"m{number}")
    assert meter.written / USERS / 10 <= 2.5
    assert meter.read / USERS / 10 <= 1.2


def test_references_in_history_are_not_read_by_rows_with_other_references(stocked, monkeypatch):
    for number in range(50):
        redeem_all(stocked, f"n{number}", f"november-payment-{number}")
    queries = []
    real = stocked.accounts._query
    monkeypatch.setattr(
        stocked.accounts, "_query", lambda *given, **more: queries.append(given) or real(*given, **more)
    )
    meter = Meter(stocked, monkeypatch)
    for number in range(10):
        stocked.now.ahead += 3_600_000  # an import looks for its own redemptions for some minutes
        redeem_all(stocked, f"m{number}", f"december-payment-{number}")
    assert not queries
    # What PartiQL writes is the whole item, of which the meter sees the rewards and redemptions.
    kept = stocked.accounts._client.get_item(
        TableName=stocked.names["accounts"],
        Key={"pk": {"S": "acme"}, "sk": {"S": "B#user0000@example.com#CASH/USD"}},
    )["Item"]
    assert item_bytes({name: kept[name] for name in ("references", "archived")}) < 600
    assert meter.written / USERS / 10 + 0.6 <= 3.0
    assert meter.read / USERS / 10 <= 1.5


@pytest.mark.parametrize("length", [10, 900, 1000, 5000])
def test_item_sizes_follow_the_rules_that_dynamodb_bills_by(world, length):
    item = {
        "pk": {"S": "acmé"},
        "sk": {"S": balance_item.balance_key("ann", "POINT")},
        "version": {"N": "12300"},
        "rewards": {"S": "x" * length},
    }
    response = world.accounts._client.update_item(
        TableName=world.names["accounts"],
        Key={name: item[name] for name in ("pk", "sk")},
        UpdateExpression="SET version = :v, rewards = :r",
        ExpressionAttributeValues={":v": item["version"], ":r": item["rewards"]},
        ReturnConsumedCapacity="TOTAL",
    )
    assert response["ConsumedCapacity"]["CapacityUnits"] == write_units(item_bytes(item))
