"""Requests and responses by orjson are those of botocore, and stored texts are those of json."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rewards.adapters import balance_item, clients
from rewards.domain.balance import Redemption
from rewards.domain.redemption import Reward
from tests.builders.wire import ADDRESS, Wire

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.integers(-(2**63), 2**63 - 1)
values = st.builds(lambda text: {"S": text}, texts) | st.builds(lambda number: {"N": str(number)}, numbers)
items = st.dictionaries(texts.filter(bool), values, min_size=1, max_size=4)
errors = st.fixed_dictionaries({"Code": texts, "Message": texts})


@pytest.fixture(scope="module")
def wires():
    """The product's client, and botocore's own."""
    return Wire(client=clients.build("dynamodb", **ADDRESS)), Wire(client=boto3.client("dynamodb", **ADDRESS))


def assert_same(wires, operation, request, response):
    """Send a request by both clients; both send and return the same."""
    returned = []
    for wire in wires:
        wire.responses, wire.requests = [(200, response)], []
        found = getattr(wire.client, operation)(**request)
        found["ResponseMetadata"].pop("HTTPHeaders", None)
        returned.append(found)
    assert wires[0].requests == wires[1].requests == [request]
    assert returned[0] == returned[1]


given_wires = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@given_wires
@given(keys=st.lists(items, min_size=1, max_size=5), found=st.lists(items, max_size=5), unread=st.booleans())
def test_batch_get_item_is_the_same(wires, keys, found, unread):
    request = {"RequestItems": {"Accounts": {"Keys": keys, "ConsistentRead": True}}}
    response = {
        "Responses": {"Accounts": found},
        "UnprocessedKeys": request["RequestItems"] if unread else {},
    }
    assert_same(wires, "batch_get_item", request, response)


@given_wires
@given(
    statements=st.lists(st.tuples(texts.filter(bool), st.lists(values, min_size=1)), min_size=1, max_size=4),
    fates=st.lists(st.none() | errors, max_size=4),
)
def test_batch_execute_statement_is_the_same(wires, statements, fates):
    request = {"Statements": [{"Statement": text, "Parameters": given} for text, given in statements]}
    responses = [{"TableName": "Accounts", **({"Error": fate} if fate else {})} for fate in fates]
    assert_same(wires, "batch_execute_statement", request, {"Responses": responses})


def test_other_operations_are_botocores(wires):
    request = {"TableName": "Jobs", "Key": {"pk": {"S": "a"}}, "ConsistentRead": True}
    assert_same(wires, "get_item", request, {"Item": {"pk": {"S": "a"}}})


@pytest.mark.parametrize("operation", ["batch_get_item", "batch_execute_statement"])
def test_an_error_is_botocores(wires, operation):
    request = {
        "batch_get_item": {"RequestItems": {"Accounts": {"Keys": [{"pk": {"S": "a"}}]}}},
        "batch_execute_statement": {"Statements": [{"Statement": "x", "Parameters": [{"S": "a"}]}]},
    }[operation]
    error = {"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "none"}
    raised = []
    for wire in wires:
        wire.responses = [(400, error)]
        with pytest.raises(ClientError) as caught:
            getattr(wire.client, operation)(**request)
        raised.append(caught.value.response["Error"])
    assert raised[0] == raised[1] == {"Code": "ResourceNotFoundException", "Message": "none"}


credits = st.integers(0, 10**15 - 1)
dates = st.none() | st.integers(0, 2**44)
rewards = st.builds(
    lambda ordinal, identifier, assigned, left, given, expires, scheduled, cancelled, program: Reward(
        ordinal, identifier, assigned, left, given, expires, scheduled, cancelled, program
    ),
    st.integers(1, 10_000), texts, credits, credits, st.integers(0, 2**44), dates, dates, dates,
    st.none() | texts,
)  # fmt: skip
redemptions = st.builds(
    Redemption, st.integers(0, 2**44), st.integers(0, 2_000 * 10**15), texts, st.integers(0, 10**7),
    st.none() | texts, st.lists(st.tuples(st.integers(1, 10_000), credits)).map(tuple), texts,
)  # fmt: skip


def by_json(text):
    """The same value as json writes it without spaces."""
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)


@given(st.lists(rewards, max_size=5))
def test_stored_rewards_are_the_text_that_json_writes_and_read_back_the_same(found):
    text = balance_item.encode_rewards(found)
    assert text == by_json(text)
    assert balance_item.decode_rewards(text) == found


@given(st.lists(redemptions, max_size=5))
def test_stored_redemptions_are_the_text_that_json_writes_and_read_back_the_same(found):
    text = balance_item.encode_redemptions(found)
    assert text == by_json(text)
    assert balance_item.decode_redemptions(text) == found


@given(st.dictionaries(st.sampled_from(["pk", "sk", "version", "rewards"]), values))
def test_the_size_of_an_item_counts_utf_8_bytes(item):
    texts = sum(len(value["S"].encode()) for value in item.values() if "S" in value)
    numbers = sum((len(v["N"].strip("-0")) + 1) // 2 + 1 for v in item.values() if "N" in v)
    assert balance_item.item_bytes(item) == sum(map(len, item)) + texts + numbers
