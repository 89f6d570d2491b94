"""Which responses of DynamoDB count as throttled, and how an invocation reports them."""

import io
import json

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from infra.local.ministack import CREDENTIALS, REGION
from rewards.adapters import clients, throttling
from rewards.adapters.throttling import reported


def error(code, **more):
    return 400, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "no", **more}


def reasons(*codes):
    return error("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


def statements(*codes):
    return 200, {"Responses": [{"Error": {"Code": code}} if code else {} for code in codes]}


GOOD = 200, {}
KEY = {"k": {"S": "1"}}
GET = "get_item", {"TableName": "t", "Key": KEY}
BATCH_GET = "batch_get_item", {"RequestItems": {"t": {"Keys": [KEY]}}}
EXECUTE = "batch_execute_statement", {"Statements": [{"Statement": "…"}]}
TRANSACT = "transact_write_items", {"TransactItems": [{"Delete": {"TableName": "t", "Key": KEY}}]}


class Raw(io.BytesIO):
    def stream(self):
        yield self.read()


@pytest.fixture
def client(monkeypatch):
    """Gives a client whose requests get the given responses instead of being sent."""
    for name, value in {**CREDENTIALS, "AWS_DEFAULT_REGION": REGION}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)

    def respond_with(*responses):
        waiting = iter(responses)

        def respond(request, **_):
            status, body = next(waiting)
            return AWSResponse(request.url, status, {}, Raw(json.dumps(body).encode()))

        made = clients.build("dynamodb")
        made.meta.events.register("before-send.dynamodb", respond)
        return made

    return respond_with


@pytest.fixture
def measured(monkeypatch, capsys):
    """Gives a function that does some work as a handler; the requests that it reports as throttled."""
    monkeypatch.setenv("STACK_NAME", "ours")

    def throttled(work):
        reported(lambda _event, _context: work())({}, None)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert len(lines) <= 1
        return [int(line["ThrottledRequests"][0]) for line in lines]

    return throttled


@pytest.mark.parametrize(
    ("request_of", "responses", "expected"),
    [
        (GET, [GOOD], []),
        (GET, [error("ProvisionedThroughputExceededException"), GOOD], [1]),
        (GET, [*[error("ThrottlingException")] * 3, GOOD], [3]),
        (GET, [(500, {"__type": "InternalServerError"}), GOOD], []),
        (BATCH_GET, [(200, {"Responses": {"t": [KEY]}, "UnprocessedKeys": {}})], []),
        (BATCH_GET, [(200, {"Responses": {"t": []}, "UnprocessedKeys": {"t": {"Keys": [KEY]}}})], [1]),
        (EXECUTE, [statements(None, "ConditionalCheckFailed", "TransactionConflict")], []),
        (EXECUTE, [statements("ThrottlingError", "ThrottlingError", None)], [1]),
        (EXECUTE, [statements("ProvisionedThroughputExceeded")], [1]),
    ],
)
def test_counts_each_request_that_was_throttled_also_those_that_botocore_repeats(
    client, measured, request_of, responses, expected
):
    operation, request = request_of
    assert measured(lambda: getattr(client(*responses), operation)(**request)) == expected


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (reasons("None", "ThrottlingError"), [1]),
        (reasons("ConditionalCheckFailed", "ProvisionedThroughputExceeded"), [1]),
        (reasons("ConditionalCheckFailed", "TransactionConflict"), []),
        (error("ConditionalCheckFailedException"), []),
    ],
)
def test_counts_a_transaction_of_which_an_action_was_throttled(client, measured, response, expected):
    operation, request = TRANSACT

    def work():
        with pytest.raises(ClientError):
            getattr(client(response), operation)(**request)

    assert measured(work) == expected


def test_reports_a_failed_invocation_and_begins_each_one_at_zero(client, measured, capsys, monkeypatch):
    warnings = []
    monkeypatch.setattr(throttling.logger, "warning", lambda *said, **beside: warnings.append((said, beside)))
    operation, request = GET

    def work():
        getattr(client(error("ThrottlingException"), GOOD), operation)(**request)
        raise KeyError

    with pytest.raises(KeyError):
        measured(work)
    assert json.loads(capsys.readouterr().out)["ThrottledRequests"] == [1]
    assert warnings == [(("throttled",), {"extra": {"requests": 1}})]
    assert measured(lambda: None) == []
