"""What adapters make of answers that services seldom give."""

import threading
from unittest import mock
from urllib.parse import quote

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from rewards.adapters import clients
from rewards.adapters.accounts import Accounts
from rewards.adapters.batch_get import batch_get
from rewards.adapters.chunk_records import ChunkRecords
from rewards.adapters.errors import (
    ConditionFailedError,
    ThrottledError,
    UnknownOutcomeError,
    WriteRejectedError,
    translated,
)
from rewards.adapters.files import Files
from rewards.adapters.jobs_table import JobsTable
from rewards.adapters.queues import Queues
from rewards.adapters.retry import Backoff, OutOfTimeError
from rewards.domain.balance import Balance
from rewards.domain.redemption import Reward
from tests.builders.moments import NOW


def patient():
    return Backoff(lambda: 60.0, sleep=lambda _: None)


def failing(code, reasons=()):
    response = {"Error": {"Code": code}, "CancellationReasons": [{"Code": reason} for reason in reasons]}
    return ClientError(response, "Operation")


class Scripted:
    """A client whose every call gives the next answer, or raises it."""

    def __init__(self, *responses):
        self.responses = list(responses)
        self.requests = []

    def __getattr__(self, name):
        def call(**request):
            self.requests.append(request)
            response = self.responses.pop(0)
            if isinstance(response, Exception):
                raise response
            return response

        return call


def test_keys_that_dynamodb_left_out_are_asked_for_again():
    def item(name):
        return {"id": {"S": name}}

    client = Scripted(
        {"Responses": {"t": [item("a")]}, "UnprocessedKeys": {"t": {"Keys": [item("b")]}}},
        failing("ThrottlingException"),
        {"Responses": {"t": [item("b")]}, "UnprocessedKeys": {}},
    )
    assert list(batch_get(client, "t", [item("a"), item("b")], patient())) == [item("a"), item("b")]
    assert [request["RequestItems"]["t"]["Keys"] for request in client.requests[1:]] == [[item("b")]] * 2


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        (["None", "ConditionalCheckFailed"], ConditionFailedError),
        (["ThrottlingError", "ConditionalCheckFailed"], ConditionFailedError),
        (["TransactionConflict", "None"], ThrottledError),
        (["ProvisionedThroughputExceeded"], ThrottledError),
        (["ValidationError", "None"], ClientError),
    ],
)
def test_a_cancelled_transaction_says_why(reasons, expected):
    with pytest.raises(expected), translated():
        raise failing("TransactionCanceledException", reasons)


def test_of_a_request_without_an_answer_nothing_is_known():
    with pytest.raises(UnknownOutcomeError), translated():
        raise ReadTimeoutError(endpoint_url="https://dynamodb")


def test_each_statement_of_a_batch_has_its_own_fate():
    codes = [None, "ConditionalCheckFailed", "ThrottlingError", "TransactionConflict"]
    client = Scripted({"Responses": [{} if code is None else {"Error": {"Code": code}} for code in codes]})
    balances = [Balance("acme", f"u{n}", "POINT", 1, [Reward(1, "r", 1, 1, NOW)]) for n in range(4)]
    assert Accounts(client, "t").write(balances, NOW) == [True, False, False, False]


def test_a_write_that_dynamodb_will_never_take_is_an_error():
    class Rejecting:
        def __init__(self):
            self.written = []

        def batch_execute_statement(self, Statements):  # noqa: N803 - an argument of boto3
            users = [each["Parameters"][-2]["S"] for each in Statements]
            self.written += users
            error = {"Error": {"Code": "ValidationError", "Message": "too large"}}
            return {"Responses": [error if user == "B#u0#POINT" else {} for user in users]}

    client = Rejecting()
    balances = [Balance("acme", f"u{n}", "POINT", 1) for n in range(30)]
    with pytest.raises(WriteRejectedError, match=r"^ValidationError: too large$"):
        Accounts(client, "t").write(balances, NOW)
    assert len(client.written) == 30, "the others are written first"


def test_a_batch_that_was_not_sent_is_not_written():
    class Full:
        def __init__(self):
            self.requests = 0

        def batch_execute_statement(self, Statements):  # noqa: N803 - an argument of boto3
            self.requests += 1
            return {"Responses": [{"Error": {"Code": "ThrottlingError"}}] * len(Statements)}

    client = Full()
    balances = [Balance("acme", f"u{n}", "POINT", 1) for n in range(500)]
    assert Accounts(client, "t").write(balances, NOW) == [False] * 500
    assert client.requests <= 5, "no more than were under way"


def test_a_record_that_is_busy_is_updated_a_moment_later():
    client = Scripted(failing("TransactionConflictException"), {})
    assert JobsTable(client, "t").update("IMPORT", "id", {"sent": True})
    assert len(client.requests) == 2


@pytest.mark.parametrize("problem", [failing("ThrottlingException"), ReadTimeoutError(endpoint_url="")])
def test_a_lease_that_cannot_be_released_hides_no_other_problem_and_costs_no_time(problem):
    client = Scripted(problem)
    ChunkRecords(JobsTable(client, "t")).end_chunk_lease("id", 1, "me")
    assert len(client.requests) == 1


def test_messages_that_the_queue_did_not_take_are_sent_again():
    failed = {"Id": "1", "SenderFault": False, "Code": "InternalError"}
    client = Scripted({"Successful": [{"Id": "0"}], "Failed": [failed]}, {"Successful": [{"Id": "0"}]})
    Queues(client).send_all("url", ["a", "b"], patient())
    assert [e["MessageBody"] for e in client.requests[1]["Entries"]] == ["b"]


def test_a_message_that_the_queue_will_never_take_is_an_error():
    client = Scripted({"Failed": [{"Id": "0", "SenderFault": True, "Code": "InvalidMessageContents"}]})
    with pytest.raises(RuntimeError, match="InvalidMessageContents"):
        Queues(client).send_all("url", ["a"], patient())


def test_messages_go_ten_or_as_many_as_fit_a_request():
    client = Scripted(*({"Successful": [{"Id": str(n)} for n in range(10)]} for _ in range(2)))
    client.send_message_batch = lambda **request: (
        client.requests.append(request) or {"Successful": [{"Id": e["Id"]} for e in request["Entries"]]}
    )
    Queues(client).send_all("url", ["x" * 100_000] * 3 + ["y"] * 12, patient())
    assert sorted(len(request["Entries"]) for request in client.requests) == [2, 3, 10]


def test_requests_to_a_queue_are_sent_at_once():
    together = threading.Barrier(8, timeout=30)

    class Client:
        def send_message_batch(self, **request):
            together.wait()
            return {"Successful": [{"Id": each["Id"]} for each in request["Entries"]]}

    Queues(Client()).send_all("url", map(str, range(80)), patient())


def test_a_throttled_request_is_sent_again_with_the_others_that_wait():
    throttled = failing("ThrottlingException")
    client = Scripted(throttled, {"Successful": [{"Id": str(n)} for n in range(3)]})
    Queues(client).send_all("url", ["a", "b", "c"], patient())
    assert [e["MessageBody"] for e in client.requests[1]["Entries"]] == ["a", "b", "c"]


class Pieces:
    """An S3 body of which each read takes a piece, or breaks off; `asked` is set by each."""

    def __init__(self, *pieces):
        self.pieces, self.asked, self.closed = list(pieces), [threading.Event() for _ in pieces], False

    def read(self, _amount):
        self.asked[len(self.asked) - len(self.pieces)].set()
        piece = self.pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        return piece

    def close(self):
        self.closed = True


def upload_of(body):
    client = mock.Mock(get_object=lambda **_: {"Body": body})
    return Files(client, "bucket").open_upload("uploads", "key", "v1")


def test_the_next_piece_of_an_upload_is_read_while_one_is_worked_on():
    body = Pieces(b"one", b"two", b"")
    with upload_of(body) as stream:
        assert stream.read(3) == b"one"
        assert body.asked[1].wait(30)
        assert stream.read() == b"two"
    assert body.closed


def test_an_upload_that_breaks_off_raises_where_it_is_read():
    stream = upload_of(Pieces(b"one", ValueError("broken off")))
    assert stream.read(3) == b"one"
    with pytest.raises(ValueError, match="broken off"):
        stream.read(1)
    stream.close()


def test_an_upload_that_is_not_read_is_closed():
    body = Pieces()
    upload_of(body).close()
    assert body.closed


def test_waiting_ends_while_there_is_time_to_end_the_work():
    with pytest.raises(OutOfTimeError):
        Backoff(lambda: 1.0).wait()


def test_a_signed_url_names_the_buckets_own_region(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    s3 = boto3.session.Session().client("s3", config=clients._S3_CONFIG)
    url = Files(s3, "bucket").signed_url("exports/1/report.csv", 300, "Zoë.csv")
    assert url.startswith("https://bucket.s3.eu-central-1.amazonaws.com/exports/1/report.csv?")
    assert "X-Amz-Expires=300" in url
    disposition = "attachment; filename=\"Zoe.csv\"; filename*=UTF-8''Zo%C3%AB.csv"
    assert f"response-content-disposition={quote(disposition, safe='')}" in url
    assert "response-cache-control=no-store" in url


@pytest.mark.parametrize(("status", "there"), [(403, False), (404, False)])
def test_a_file_that_s3_denies_or_does_not_know_counts_as_deleted(status, there):
    error = {"Error": {"Code": str(status)}, "ResponseMetadata": {"HTTPStatusCode": status}}
    assert Files(Scripted(ClientError(error, "HeadObject")), "bucket").exists("key") is there
    assert Files(Scripted({}), "bucket").exists("key")


def test_a_file_does_not_count_as_deleted_while_s3_fails():
    error = {"Error": {"Code": "503"}, "ResponseMetadata": {"HTTPStatusCode": 503}}
    with pytest.raises(ClientError):
        Files(Scripted(ClientError(error, "HeadObject")), "bucket").exists("key")


def key(number):
    return {"pk": {"S": f"EXPORT#{number}"}, "sk": {"S": "META"}, "kind": {"S": "EXPORT"}}


def test_a_history_is_counted_over_pages_and_only_the_page_asked_for_travels():
    client = Scripted(
        {"Count": 30_000, "LastEvaluatedKey": key(3)},  # a megabyte of keys
        {"Count": 10_000, "LastEvaluatedKey": key(2)},
        {"Items": [key(1)], "LastEvaluatedKey": key(1)},
        {"Count": 5},
        {"Responses": {"t": [key(1)]}, "UnprocessedKeys": {}},
    )
    records, total = JobsTable(client, "t").history("EXPORT", 1, 40_000)
    assert ([record["pk"] for record in records], total) == (["EXPORT#1"], 40_006)
    asked = [(r.get("Select"), r.get("Limit"), r.get("ExclusiveStartKey")) for r in client.requests[:4]]
    assert asked == [
        ("COUNT", 40_000, None),
        ("COUNT", 10_000, key(3)),
        (None, 1, key(2)),
        ("COUNT", None, key(1)),
    ]


def test_a_short_history_is_one_query():
    client = Scripted({"Items": [key(1)]}, {"Responses": {"t": [key(1)]}, "UnprocessedKeys": {}})
    assert JobsTable(client, "t").history("EXPORT", 10, 0)[1] == 1
