"""One emulated AWS a test process; tables, buckets and queues of its own for every test."""

import itertools
from functools import cache

import pytest
from botocore.validate import ParamValidator

from infra.local.ministack import MiniStack
from rewards.adapters import clients as clients_of_product
from tests.integration.world import World

_numbers = itertools.count()


def pytest_collection_modifyitems(items):
    for item in items:
        if "/integration/" in str(item.path):
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def aws():
    instance = MiniStack.start()
    yield instance
    instance.stop()


@pytest.fixture
def world(aws):
    return new_world(aws, check_requests)


@pytest.fixture
def another_world(aws):
    return new_world(aws, check_requests)


def check_requests(client):
    """Let DynamoDB's client check its requests against the service's model, which the product leaves out."""
    if client.meta.service_model.service_name != "dynamodb":
        return  # the others check them themselves

    def check(params, model, **_):
        found = ParamValidator().validate(params, model.input_shape)
        assert not found.has_errors(), found.generate_report()

    client.meta.events.register("provide-client-params.dynamodb", check)


def new_world(aws, prepare=lambda client: None):
    """Tables, buckets and queues that are empty; `prepare` gets each client of the world."""

    def build(service):
        client = clients_of_product.build(service, **aws.address)
        prepare(client)
        return client

    clients = cache(build)
    number = next(_numbers)
    kinds = ("accounts", "rewards", "jobs", "upload", "files", "audit")
    names = {name: f"{name}-{number}" for name in kinds}
    dynamodb = clients("dynamodb")
    text = {"AttributeType": "S"}
    for table, keys in (("accounts", ["pk", "sk"]), ("rewards", ["id"])):
        dynamodb.create_table(
            TableName=names[table],
            KeySchema=[
                {"AttributeName": k, "KeyType": t} for k, t in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            AttributeDefinitions=[{"AttributeName": k, **text} for k in keys],
            BillingMode="PAY_PER_REQUEST",
        )
    dynamodb.create_table(
        TableName=names["jobs"],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": k, **text} for k in ("pk", "sk", "kind")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "ByKind",
                "KeySchema": [
                    {"AttributeName": "kind", "KeyType": "HASH"},
                    {"AttributeName": "pk", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    for bucket in (names["upload"], names["files"]):
        clients("s3").create_bucket(Bucket=bucket)
    clients("s3").put_bucket_versioning(Bucket=names["upload"], VersioningConfiguration={"Status": "Enabled"})
    urls = {
        queue: clients("sqs").create_queue(QueueName=f"{queue}-{number}")["QueueUrl"]
        for queue in ("redeem", "finish", "export")
    }
    return World(clients, names, urls)
