"""The in-memory services behave as AWS documents: the same cases on them and on MiniStack.

Where MiniStack is known to differ from AWS, the case says so and MiniStack is not asked.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError

from infra.local.ministack import MiniStack
from tests.simulation.dynamodb import DynamoDB, Table
from tests.simulation.expressions import UnsupportedError
from tests.simulation.faults import Direct
from tests.simulation.kernel import ProblemError
from tests.simulation.s3 import S3, Bucket
from tests.simulation.ses import SES
from tests.simulation.sqs import SQS, Queue

_numbers = itertools.count()
SENDER = "rewards@example.com"


@dataclass
class Services:
    """Clients, and the names of what a test may use."""

    kind: str
    dynamodb: Any
    s3: Any
    sqs: Any
    sesv2: Any
    table: str
    listed: str
    bucket: str
    queue: str
    dead: str


@pytest.fixture(scope="module")
def ministack() -> Iterator[Callable[[str], Any]]:
    """Gives clients of a MiniStack; to make one takes longer than most tests."""
    instance = MiniStack.start()
    client: Callable[[str], Any] = cache(instance.client)
    client("sesv2").create_email_identity(EmailIdentity=SENDER)
    yield client
    instance.stop()


@pytest.fixture(params=["memory", pytest.param("ministack", marks=pytest.mark.integration)])
def aws(request: pytest.FixtureRequest) -> Services:
    if request.param == "memory":
        return _in_memory()
    return _on_ministack(request.getfixturevalue("ministack"), next(_numbers))


def _in_memory() -> Services:
    gateway = Direct()
    tables = {"table": Table(("pk", "sk")), "listed": Table(("pk", "sk"), {"ByKind": ("kind", "pk")})}
    queues = {"queue": Queue(dead="dead", max_receives=2), "dead": Queue()}
    dynamodb, s3 = DynamoDB(gateway, tables), S3(gateway, {"bucket": Bucket()})
    ses = SES(gateway, frozenset({SENDER}), "emails")
    names = ("table", "listed", "bucket", "queue", "dead")
    return Services("memory", dynamodb, s3, SQS(gateway, queues), ses, *names)


def _on_ministack(client: Callable[[str], Any], number: int) -> Services:
    dynamodb, s3, sqs = (client(name) for name in ("dynamodb", "s3", "sqs"))
    text = {"AttributeType": "S"}
    key = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    by_kind = {
        "IndexName": "ByKind",
        "KeySchema": [
            {"AttributeName": "kind", "KeyType": "HASH"},
            {"AttributeName": "pk", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    for name, more in ((f"table-{number}", {}), (f"listed-{number}", {"GlobalSecondaryIndexes": [by_kind]})):
        attributes = ("pk", "sk", "kind") if more else ("pk", "sk")
        dynamodb.create_table(
            TableName=name,
            KeySchema=key,
            AttributeDefinitions=[{"AttributeName": each, **text} for each in attributes],
            BillingMode="PAY_PER_REQUEST",
            **more,
        )
    bucket = f"bucket-{number}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    dead = sqs.create_queue(QueueName=f"dead-{number}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": 2}}'
    queue = sqs.create_queue(QueueName=f"queue-{number}", Attributes={"RedrivePolicy": policy})["QueueUrl"]
    ses = client("sesv2")
    names = (f"table-{number}", f"listed-{number}", bucket, queue, dead)
    return Services("ministack", dynamodb, s3, sqs, ses, *names)


def code_of(call: Any, **arguments: Any) -> str:
    """The error code with which a call is rejected."""
    with pytest.raises(ClientError) as rejected:
        call(**arguments)
    code: str = rejected.value.response["Error"]["Code"]
    return code


def key(pk: str = "a", sk: str = "1") -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def put(aws: Services, pk: str = "a", sk: str = "1", table: str | None = None, **more: Any) -> None:
    aws.dynamodb.put_item(TableName=table or aws.table, Item={**key(pk, sk), **more})


def get(aws: Services, pk: str = "a", sk: str = "1") -> Any:
    return aws.dynamodb.get_item(TableName=aws.table, Key=key(pk, sk), ConsistentRead=True).get("Item")


def number(value: int) -> dict[str, str]:
    return {"N": str(value)}


# --- DynamoDB: single items ---


def test_a_put_on_condition_that_nothing_is_there_fails_the_second_time(aws):
    asked = {"TableName": aws.table, "Item": key(), "ConditionExpression": "attribute_not_exists(pk)"}
    aws.dynamodb.put_item(**asked)
    assert code_of(aws.dynamodb.put_item, **asked) == "ConditionalCheckFailedException"


def test_what_is_not_there_is_no_item(aws):
    assert get(aws) is None


def test_an_update_makes_the_item_that_is_missing(aws):
    aws.dynamodb.update_item(
        TableName=aws.table,
        Key=key(),
        UpdateExpression="SET #0 = :0",
        ExpressionAttributeNames={"#0": "email"},
        ExpressionAttributeValues={":0": {"S": "x"}},
    )
    assert get(aws) == {**key(), "email": {"S": "x"}}


def test_an_update_whose_condition_fails_changes_nothing(aws):
    put(aws, version=number(2))
    asked = {
        "TableName": aws.table,
        "Key": key(),
        "UpdateExpression": "SET version = :new",
        "ConditionExpression": "version = :old",
        "ExpressionAttributeValues": {":new": number(3), ":old": number(1)},
    }
    assert code_of(aws.dynamodb.update_item, **asked) == "ConditionalCheckFailedException"
    assert get(aws)["version"] == number(2)


@pytest.mark.parametrize(
    ("stored", "met"),
    [
        ({}, True),
        ({"leasedUntil": {"N": "5"}}, True),
        ({"leasedUntil": {"N": "50"}}, False),
        ({"counted": {"BOOL": True}}, False),
    ],
)
def test_the_conditions_of_a_lease(aws, stored, met):
    put(aws, **stored)
    asked = {
        "TableName": aws.table,
        "Key": key(),
        "UpdateExpression": "SET leasedUntil = :later, me = :me",
        "ConditionExpression": "attribute_not_exists(counted) AND "
        "(attribute_not_exists(leasedUntil) OR leasedUntil < :now OR me = :me)",
        "ExpressionAttributeValues": {":later": number(99), ":now": number(10), ":me": {"S": "me"}},
    }
    if met:
        aws.dynamodb.update_item(**asked)
        assert get(aws)["leasedUntil"] == number(99)
    else:
        assert code_of(aws.dynamodb.update_item, **asked) == "ConditionalCheckFailedException"


def test_numbers_are_compared_as_numbers_and_another_type_is_never_equal(aws):
    put(aws, count=number(9))
    asked = {"TableName": aws.table, "Key": key(), "UpdateExpression": "SET seen = :new"}
    for condition, value, met in (("#c < :v", number(10), True), ("#c = :v", {"S": "9"}, False)):
        more = {
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#c": "count"},
            "ExpressionAttributeValues": {":v": value, ":new": number(1)},
        }
        if met:
            aws.dynamodb.update_item(**asked, **more)
        else:
            assert code_of(aws.dynamodb.update_item, **asked, **more) == "ConditionalCheckFailedException"


def test_add_counts_inside_a_map_and_from_nothing(aws):
    put(aws, outcomes={"M": {"DONE": number(2)}})
    aws.dynamodb.update_item(
        TableName=aws.table,
        Key=key(),
        UpdateExpression="ADD #n :one, #o.#a :two, #o.#b :two",
        ExpressionAttributeNames={"#n": "chunks", "#o": "outcomes", "#a": "DONE", "#b": "NEW"},
        ExpressionAttributeValues={":one": number(1), ":two": number(2)},
    )
    item = get(aws)
    assert (item["chunks"], item["outcomes"]) == (number(1), {"M": {"DONE": number(4), "NEW": number(2)}})


def invalid(aws: Services, **more: Any) -> str:
    asked = {"TableName": aws.table, "Key": key(), "UpdateExpression": "SET a = :a", **more}
    return code_of(aws.dynamodb.update_item, **asked)


def test_a_path_into_a_map_that_is_missing_is_invalid(aws):
    if aws.kind == "ministack":
        pytest.skip("MiniStack makes the map; AWS: 'The document path provided ... is invalid for update'")
    put(aws)
    names = {"#o": "outcomes"}
    more = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": {":a": number(1)}}
    assert invalid(aws, UpdateExpression="ADD #o.done :a", **more) == "ValidationException"


def test_placeholders_must_be_defined_and_used(aws):
    assert invalid(aws, ExpressionAttributeValues={":b": number(1)}) == "ValidationException"
    values = {":a": number(1), ":b": number(1)}
    assert invalid(aws, ExpressionAttributeValues=values) == "ValidationException"
    names = {"#unused": "a"}
    more = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": {":a": number(1)}}
    assert invalid(aws, **more) == "ValidationException"


def test_a_reserved_word_needs_a_placeholder(aws):
    more = {"UpdateExpression": "SET status = :a", "ExpressionAttributeValues": {":a": number(1)}}
    assert invalid(aws, **more) == "ValidationException"


def test_an_item_above_400_kb_is_rejected(aws):
    with pytest.raises(ClientError, match=r"[Ii]tem size"):
        put(aws, text={"S": "x" * 410_000})
    assert get(aws) is None


# --- DynamoDB: many items ---


def test_a_batch_of_keys_gives_the_items_that_exist(aws):
    for sk in "123":
        put(aws, sk=sk)
    asked = {aws.table: {"Keys": [key(sk=sk) for sk in "1239"], "ConsistentRead": True}}
    response = aws.dynamodb.batch_get_item(RequestItems=asked)
    assert sorted(item["sk"]["S"] for item in response["Responses"][aws.table]) == ["1", "2", "3"]
    assert response["UnprocessedKeys"] == {}


def test_a_batch_of_keys_is_at_most_a_hundred_and_distinct(aws):
    for keys in ([key(sk=str(n)) for n in range(101)], [key(), key()]):
        asked = {aws.table: {"Keys": keys, "ConsistentRead": True}}
        assert code_of(aws.dynamodb.batch_get_item, RequestItems=asked) == "ValidationException"


def puts(aws: Services, *sort_keys: str, **more: Any) -> list[Any]:
    new = {"TableName": aws.table, "ConditionExpression": "attribute_not_exists(pk)", **more}
    return [{"Put": {**new, "Item": key(sk=sk)}} for sk in sort_keys]


def test_a_transaction_is_all_or_nothing_and_tells_each_reason_in_order(aws):
    put(aws, sk="2")
    with pytest.raises(ClientError) as rejected:
        aws.dynamodb.transact_write_items(TransactItems=puts(aws, "1", "2", "3"))
    assert rejected.value.response["Error"]["Code"] == "TransactionCanceledException"
    reasons = [reason["Code"] for reason in rejected.value.response["CancellationReasons"]]
    assert reasons == ["None", "ConditionalCheckFailed", "None"]
    assert get(aws, sk="1") is None


def test_a_transaction_puts_and_updates_together(aws):
    put(aws, sk="2", count=number(1))
    change = {
        "TableName": aws.table,
        "Key": key(sk="2"),
        "UpdateExpression": "ADD #c :one",
        "ConditionExpression": "attribute_exists(pk)",
        "ExpressionAttributeNames": {"#c": "count"},
        "ExpressionAttributeValues": {":one": number(1)},
    }
    aws.dynamodb.transact_write_items(TransactItems=[*puts(aws, "1"), {"Update": change}])
    assert get(aws, sk="1")
    assert get(aws, sk="2")["count"] == number(2)


def test_a_transaction_that_is_sent_twice_with_its_token_is_done_once(aws):
    for _ in range(2):
        aws.dynamodb.transact_write_items(TransactItems=puts(aws, "1"), ClientRequestToken="token")


def test_a_transaction_names_an_item_once(aws):
    rejected = code_of(aws.dynamodb.transact_write_items, TransactItems=puts(aws, "1", "1"))
    assert rejected == "ValidationException"


def report_builder(aws: Services, sk: str, old: int, new: int) -> Any:
    return {
        "Statement": f'UPDATE "{aws.table}" SET "version"=? SET "text"=? '
        'WHERE "pk"=? AND "sk"=? AND "version"=?',
        "Parameters": [number(new), {"S": "t"}, {"S": "a"}, {"S": sk}, number(old)],
    }


def test_each_statement_of_a_batch_has_its_own_answer(aws):
    put(aws, sk="1", version=number(1))
    put(aws, sk="2", version=number(7))
    statements = [
        report_builder(aws, "1", 1, 2),
        report_builder(aws, "2", 1, 2),
        report_builder(aws, "3", 1, 2),
    ]
    responses = aws.dynamodb.batch_execute_statement(Statements=statements)["Responses"]
    assert [response.get("Error", {}).get("Code") for response in responses] == [
        None,
        "ConditionalCheckFailed",
        "ConditionalCheckFailed",
    ]
    assert (get(aws, sk="1")["version"], get(aws, sk="2")["version"]) == (number(2), number(7))
    assert get(aws, sk="3") is None


def test_a_batch_of_statements_is_at_most_25_and_each_of_another_item(aws):
    if aws.kind == "ministack":
        pytest.skip("MiniStack counts no statements; AWS rejects both")
    for sort_keys in ([str(n) for n in range(26)], ["1", "1"]):
        statements = [report_builder(aws, sk, 1, 2) for sk in sort_keys]
        assert code_of(aws.dynamodb.batch_execute_statement, Statements=statements) == "ValidationException"


def queried(aws: Services, condition: str, **values: str) -> list[str]:
    pages = aws.dynamodb.get_paginator("query").paginate(
        TableName=aws.table,
        KeyConditionExpression=f"pk = :pk AND {condition}",
        ExpressionAttributeValues={":pk": {"S": "a"}, **{f":{n}": {"S": v} for n, v in values.items()}},
        ConsistentRead=True,
        ProjectionExpression="sk",
    )
    items = [item for page in pages for item in page["Items"]]
    assert all(item.keys() == {"sk"} for item in items)
    return [item["sk"]["S"] for item in items]


def test_a_query_finds_a_prefix_or_a_range_in_the_order_of_bytes(aws):
    for sk in ("H#b", "B#z", "B#a", "B#ä", "P#a"):
        put(aws, sk=sk)
    put(aws, pk="b", sk="B#a")
    assert queried(aws, "begins_with(sk, :first)", first="B#") == ["B#a", "B#z", "B#ä"]
    assert queried(aws, "sk BETWEEN :low AND :high", low="B#b", high="H#b") == ["B#z", "B#ä", "H#b"]


def test_an_index_holds_only_items_with_its_keys_and_only_their_keys(aws):
    for pk in ("2", "1", "3"):
        put(aws, pk, "META", aws.listed, kind={"S": "IMPORT"}, rows=number(1))
    put(aws, "4", "META", aws.listed)
    pages = aws.dynamodb.get_paginator("query").paginate(
        TableName=aws.listed,
        IndexName="ByKind",
        KeyConditionExpression="kind = :kind",
        ExpressionAttributeValues={":kind": {"S": "IMPORT"}},
        ScanIndexForward=False,
    )
    items = [item for page in pages for item in page["Items"]]
    assert [item["pk"]["S"] for item in items] == ["3", "2", "1"]
    assert all(item.keys() == {"pk", "sk", "kind"} for item in items)


def test_an_index_is_read_from_a_key_on_up_to_a_limit(aws):
    for pk in ("2", "1", "3", "4"):
        put(aws, pk, "META", aws.listed, kind={"S": "IMPORT"})
    asked = {
        "TableName": aws.listed,
        "IndexName": "ByKind",
        "KeyConditionExpression": "kind = :kind AND pk >= :since",
        "ExpressionAttributeValues": {":kind": {"S": "IMPORT"}, ":since": {"S": "2"}},
        "ScanIndexForward": False,
    }
    first = aws.dynamodb.query(**asked, Limit=2)
    assert [item["pk"]["S"] for item in first["Items"]] == ["4", "3"]
    rest = aws.dynamodb.query(**asked, Limit=2, ExclusiveStartKey=first["LastEvaluatedKey"])
    assert [item["pk"]["S"] for item in rest["Items"]] == ["2"]


def test_the_segments_of_a_scan_part_the_table(aws):
    for n in range(20):
        put(aws, pk=f"p{n}", sk="H#" if n % 4 == 0 else "B#", name={"S": "x"})
    found = []
    for segment in range(3):
        page = aws.dynamodb.scan(
            TableName=aws.table,
            Segment=segment,
            TotalSegments=3,
            ConsistentRead=True,
            FilterExpression="NOT begins_with(sk, :history)",
            ProjectionExpression="#pk, #name",
            ExpressionAttributeNames={"#pk": "pk", "#name": "name"},
            ExpressionAttributeValues={":history": {"S": "H#"}},
        )
        assert "LastEvaluatedKey" not in page
        found += [item["pk"]["S"] for item in page["Items"]]
        assert all(item.keys() == {"pk", "name"} for item in page["Items"])
    assert sorted(found) == sorted(f"p{n}" for n in range(20) if n % 4)


# --- S3 ---


def test_a_version_stays_readable_when_the_key_is_overwritten(aws):
    first = aws.s3.put_object(Bucket=aws.bucket, Key="k ü", Body=b"one", Metadata={"email": "x"})["VersionId"]
    aws.s3.put_object(Bucket=aws.bucket, Key="k ü", Body=b"three")
    head = aws.s3.head_object(Bucket=aws.bucket, Key="k ü", VersionId=first)
    assert (head["ContentLength"], head["Metadata"], head["VersionId"]) == (3, {"email": "x"}, first)
    assert head["LastModified"].microsecond == 0
    assert aws.s3.get_object(Bucket=aws.bucket, Key="k ü", VersionId=first)["Body"].read() == b"one"
    assert aws.s3.get_object(Bucket=aws.bucket, Key="k ü")["Body"].read() == b"three"


def test_a_body_is_read_in_pieces(aws):
    aws.s3.put_object(Bucket=aws.bucket, Key="k", Body=b"abcdef")
    body = aws.s3.get_object(Bucket=aws.bucket, Key="k")["Body"]
    assert [body.read(4), body.read(4), body.read(4)] == [b"abcd", b"ef", b""]


def test_an_object_that_is_missing(aws):
    assert code_of(aws.s3.get_object, Bucket=aws.bucket, Key="no") == "NoSuchKey"
    assert code_of(aws.s3.head_object, Bucket=aws.bucket, Key="no") == "404"


def test_a_deleted_version_is_not_found(aws):
    version = aws.s3.put_object(Bucket=aws.bucket, Key="k", Body=b"one")["VersionId"]
    aws.s3.delete_object(Bucket=aws.bucket, Key="k", VersionId=version)
    assert code_of(aws.s3.get_object, Bucket=aws.bucket, Key="k", VersionId=version) == "NoSuchVersion"


def test_a_local_file_is_uploaded(aws, tmp_path: Path):
    (tmp_path / "f").write_bytes(b"x" * 70_000)
    aws.s3.upload_file(str(tmp_path / "f"), aws.bucket, "k", ExtraArgs={"ContentType": "text/csv"})
    assert aws.s3.get_object(Bucket=aws.bucket, Key="k")["Body"].read() == b"x" * 70_000
    with pytest.raises(S3UploadFailedError):
        aws.s3.upload_file(str(tmp_path / "f"), "no-such-bucket", "k", ExtraArgs={"ContentType": "text/csv"})


# --- SQS ---


def received(aws: Services, queue: str, most: int = 10) -> list[Any]:
    found: list[Any] = aws.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=most).get("Messages", [])
    return found


def test_a_received_message_is_hidden_until_its_time_is_up_or_it_is_deleted(aws):
    sent = aws.sqs.send_message(QueueUrl=aws.queue, MessageBody="hello")["MessageId"]
    (message,) = received(aws, aws.queue)
    assert (message["Body"], message["MessageId"]) == ("hello", sent)
    assert received(aws, aws.queue) == []
    aws.sqs.change_message_visibility(
        QueueUrl=aws.queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
    )
    (again,) = received(aws, aws.queue)
    assert again["MessageId"] == sent
    aws.sqs.delete_message(QueueUrl=aws.queue, ReceiptHandle=again["ReceiptHandle"])
    if aws.kind == "memory":  # MiniStack rejects a receipt that is used up; on AWS this succeeds
        aws.sqs.delete_message(QueueUrl=aws.queue, ReceiptHandle=again["ReceiptHandle"])
    assert received(aws, aws.queue) == []


def test_a_message_that_was_received_too_often_goes_to_the_dead_letter_queue(aws):
    aws.sqs.send_message(QueueUrl=aws.queue, MessageBody="hello")
    for _ in range(2):
        (message,) = received(aws, aws.queue)
        aws.sqs.change_message_visibility(
            QueueUrl=aws.queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    assert received(aws, aws.queue) == []
    assert [message["Body"] for message in received(aws, aws.dead)] == ["hello"]


def test_a_batch_says_which_messages_it_took(aws):
    entries = [{"Id": str(n), "MessageBody": f"m{n}"} for n in range(10)]
    response = aws.sqs.send_message_batch(QueueUrl=aws.queue, Entries=entries)
    assert sorted(sent["Id"] for sent in response["Successful"]) == [str(n) for n in range(10)]
    assert not response.get("Failed")
    bodies = []
    while messages := received(aws, aws.queue):
        bodies += [message["Body"] for message in messages]
    assert sorted(bodies) == [f"m{n}" for n in range(10)]


def test_a_batch_of_messages_is_at_most_ten_and_their_ids_differ(aws):
    for ids, code in (
        (range(11), "TooManyEntriesInBatchRequest"),
        ([1, 1], "BatchEntryIdsNotDistinct"),
    ):
        entries = [{"Id": str(each), "MessageBody": "m"} for each in ids]
        rejected = code_of(aws.sqs.send_message_batch, QueueUrl=aws.queue, Entries=entries)
        assert rejected.rpartition(".")[2] == code


def test_a_message_has_a_text_of_allowed_characters(aws):
    rejected = code_of(aws.sqs.send_message, QueueUrl=aws.queue, MessageBody="a\x00b")
    assert rejected == "InvalidMessageContents"


# --- SES ---


def mail(aws: Services, sender: str) -> Any:
    text = {"Data": "é", "Charset": "UTF-8"}
    return {
        "FromEmailAddress": sender,
        "Destination": {"ToAddresses": ["a@example.com"]},
        "Content": {"Simple": {"Subject": text, "Body": {"Text": text, "Html": text}}},
        "ConfigurationSetName": "emails",
        "EmailTags": [],
    }


def test_an_email_has_an_id(aws):
    assert aws.sesv2.send_email(**mail(aws, SENDER))["MessageId"]


def test_a_sender_that_is_not_verified_is_rejected(aws):
    assert code_of(aws.sesv2.send_email, **mail(aws, "stranger@example.com")) == "MessageRejected"


# --- What the imitation does not know, it rejects ---


def test_an_eventually_consistent_read_is_rejected_by_the_imitation():
    with pytest.raises(ProblemError, match="eventually consistent"):
        _in_memory().dynamodb.get_item(TableName="table", Key=key())


@pytest.mark.parametrize("condition", ["size(pk) > :a", "pk <> :a", "contains(pk, :a)", "a[0] = :a"])
def test_an_expression_that_the_imitation_does_not_know_is_rejected(condition):
    aws = _in_memory()
    asked = {"ConditionExpression": condition, "ExpressionAttributeValues": {":a": {"S": "a"}}}
    with pytest.raises((ProblemError, ClientError)):
        aws.dynamodb.put_item(TableName="table", Item=key(), **asked)


def test_the_imitation_knows_its_own_errors():
    assert issubclass(UnsupportedError, ProblemError)
    assert not issubclass(ProblemError, Exception), "the product's `except Exception` must not swallow it"
