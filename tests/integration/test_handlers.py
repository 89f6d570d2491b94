"""The handlers, each with a real event of its own from `events/`."""

import contextlib
import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from infra.local.ministack import CREDENTIALS, REGION
from rewards import clock
from rewards.adapters import queue_messages
from rewards.adapters.clients import client
from rewards.domain.messages import SendChunks
from tests.builders.files import row, sheet
from tests.builders.row_ids import KEY

ROOT = Path(__file__).parents[2]
CONTEXT = SimpleNamespace(
    function_name="f",
    memory_limit_in_mb=128,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:f",
    aws_request_id="id",
    get_remaining_time_in_millis=lambda: 900_000,
)


def event(name):
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


@pytest.fixture
def handler(world, aws, monkeypatch):
    """Gives a function's handler, which finds the test's own tables, buckets and queues."""
    with handlers(world, aws, monkeypatch) as load:
        yield load


@contextlib.contextmanager
def handlers(world, aws, monkeypatch):
    with contextlib.suppress(aws.client("logs").exceptions.ResourceAlreadyExistsException):
        aws.client("logs").create_log_group(logGroupName=world.names["audit"])
    with contextlib.suppress(aws.client("secretsmanager").exceptions.ResourceExistsException):
        aws.client("secretsmanager").create_secret(Name="row-id-key", SecretString=KEY)
    variables = {
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "ACCOUNTS_TABLE": world.names["accounts"],
        "REWARDS_TABLE": world.names["rewards"],
        "JOBS_TABLE": world.names["jobs"],
        "FILES_BUCKET": world.names["files"],
        "REDEMPTION_QUEUE_URL": world.urls["redeem"],
        "FINISH_QUEUE_URL": world.urls["finish"],
        "FINISH_QUEUE_ARN": event("finish")["Records"][0]["eventSourceARN"],
        "DEAD_LETTER_QUEUE_ARN": event("dead-letter-chunk")["Records"][0]["eventSourceARN"],
        "EXPORT_DEAD_LETTER_QUEUE_ARN": "arn:aws:sqs:us-east-1:000000000000:rewards-ExportDeadLetterQueue",
        "EXPORT_QUEUE_URL": world.urls["export"],
        "UPLOAD_BUCKET": world.names["upload"],
        "SENDER_EMAIL": "rewards@example.com",
        "EMAIL_CONFIGURATION_SET": "emails",
        "NOTIFICATION_EMAIL": "ops@example.com",
        "ALLOWED_RECIPIENT_DOMAINS": "example.com",
        "RETENTION_DAYS": "30",
        "EVIDENCE_DAYS": "400",
        "STACK_NAME": "rewards-test",
        "PUBLIC_URL": "https://example.com",
        "ROW_ID_KEY_SECRET": "row-id-key",
        "TENANT_ALIAS": "default",
        "VALIDATE_FUNCTION": "validate",
        "APPROVAL_RULE": "never",
        "APPROVERS_EMAIL": "ops@example.com",
        "USER_POOL_ID": "us-east-1_pool",
        "ALARM_TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:no-such-topic",
        "AUDIT_LOG_GROUP": world.names["audit"],
        "TOKEN_ISSUER": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_pool",
        "JWKS_URL": f"{aws.endpoint}/us-east-1_pool/.well-known/jwks.json",
        "USER_POOL_CLIENT_ID": "client",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with contextlib.suppress(aws.client("sesv2").exceptions.AlreadyExistsException):
        aws.client("sesv2").create_email_identity(EmailIdentity="rewards@example.com")
    client.cache_clear()
    before = set(sys.modules)

    def load(function):
        monkeypatch.syspath_prepend(ROOT / "functions" / function)
        return importlib.import_module("app").handler

    yield load
    client.cache_clear()
    for name in set(sys.modules) - before:
        if str(ROOT / "functions") in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def with_body(name, body):
    """An SQS event whose message is about something that exists here."""
    changed = event(name)
    changed["Records"][0]["body"] = body if isinstance(body, str) else json.dumps(body)
    return changed


def uploaded(world, body):
    """The S3 event, about an object that exists here."""
    changed = event("validate-s3-put")
    place = changed["Records"][0]["s3"]
    upload = world.put("redemptions/2026-11 payout (final).csv", body)
    place["bucket"]["name"] = world.names["upload"]
    place["object"]["versionId"] = upload.version_id
    return changed


def started(world):
    """An import whose one chunk is on the queue; its id and the chunk's message."""
    world.load([{"id": "r1", "assignedCredit": 100}])
    import_id = world.validate(world.put("redemptions/a.csv", sheet([row("60")])))
    (body,) = world.take("redeem")
    return import_id, body


def test_validate_takes_an_s3_event_whose_key_is_url_encoded(world, handler):
    handler("validate")(uploaded(world, sheet([row("60")])), CONTEXT)
    (body,) = world.take("redeem")
    assert queue_messages.decode_chunks(body).requests[0].value == 60
    assert world.jobs_table.history("IMPORT", 1, 0)[0][0]["fileName"] == "2026-11 payout (final).csv"


def test_redeem_takes_a_chunk(world, handler):
    import_id, body = started(world)
    assert handler("redeem")(with_body("redeem-chunk", body), CONTEXT) == {"batchItemFailures": []}
    assert world.record(import_id)["outcomes"] == {"REDEEMED": 1}


def test_the_recorded_chunk_is_one_that_redeem_understands():
    chunk = queue_messages.decode_chunks(event("redeem-chunk")["Records"][0]["body"])
    assert [requests.value for requests in chunk.requests] == [1055, 7]


def test_finish_takes_the_order_to_finish(world, handler):
    import_id, body = started(world)
    world.deliver("redeem", body)
    order = {"kind": "finish", "importId": import_id}
    handler("finish")(with_body("finish", order), CONTEXT)
    assert world.record(import_id)["status"] == "COMPLETED"
    assert world.record(import_id)["dateMailed"]


def test_finish_ends_a_dead_chunk(world, handler):
    import_id, body = started(world)
    handler("finish")(with_body("dead-letter-chunk", world.failed_often(body)), CONTEXT)
    assert world.record(import_id)["outcomes"] == {"NOT_PROCESSED": 1}
    assert world.available() == 100


@pytest.mark.parametrize("name", ["finish", "dead-letter-chunk"])
def test_finish_rejects_a_message_from_a_queue_that_it_does_not_know(world, handler, monkeypatch, name):
    import_id, body = started(world)
    world.deliver("redeem", body)
    message = with_body(name, {"version": 2, "kind": "finish", "importId": import_id})
    message["Records"][0]["eventSourceARN"] += "-of-another-stack"
    before = world.record(import_id)
    with pytest.raises(Exception, match=r"rewards-.*-of-another-stack is none of the queues"):
        handler("finish")(message, CONTEXT)
    assert world.record(import_id) == before
    handler("finish")(with_body("finish", {"kind": "finish", "importId": import_id}), CONTEXT)
    assert world.record(import_id)["results"]


def test_finish_handles_dead_letters_of_reports(world, handler):
    export_id = world.exports.create("REDEEMABLE_REWARD_BALANCE", "CSV", "", "test", {}).id
    (body,) = world.take("export")
    dead = with_body("report-order", body)
    dead["Records"][0]["eventSourceARN"] = "arn:aws:sqs:us-east-1:000000000000:rewards-ExportDeadLetterQueue"
    handler("finish")(dead, CONTEXT)
    assert world.exports.get(export_id).status == "ABORTED"


def test_finish_ends_a_dead_validation(world, handler):
    dead = event("dead-letter-validate")
    body = json.loads(dead["Records"][0]["body"])
    body["requestPayload"] = uploaded(world, sheet([row("60")]))
    handler("finish")(with_body("dead-letter-validate", body), CONTEXT)
    assert world.jobs_table.history("IMPORT", 1, 0)[0][0]["error"]["code"] == "VALIDATION_FAILED"


def test_report_takes_an_order(world, handler):
    job = world.exports.create("REDEEMABLE_REWARD_BALANCE", "CSV", "", "test", {})
    (body,) = world.take("export")
    handler("report")(with_body("report-order", body), CONTEXT)
    assert world.exports.get(job.id).status == "COMPLETED"


def test_sweep_resumes_an_import_that_has_stopped(world, handler, monkeypatch):
    import_id, _ = started(world)
    monkeypatch.setattr(clock, "now", world.now)
    sweep = handler("sweep")
    sweep(event("sweep"), CONTEXT)
    assert world.take("finish") == []
    world.now.ahead = 3_600_000
    sweep(event("sweep"), CONTEXT)
    assert [queue_messages.decode(body) for body in world.take("finish")] == [SendChunks(import_id)]


def test_sweep_records_that_an_email_bounced(world, handler):
    import_id, _ = started(world)
    bounced = event("email-bounced")
    bounced["detail"]["mail"]["tags"]["import_id"] = [import_id]
    before = world.record(import_id)
    for _ in range(2):  # SES may report it twice
        handler("sweep")(bounced, CONTEXT)
    problem = {"kind": "BOUNCED", "date": 1_795_716_902_000}
    assert world.record(import_id) == {**before, "emailProblem": problem}


def test_the_api_takes_an_order_and_passes_it_on(world, handler):
    answer = handler("api")(event("api-export"), CONTEXT)
    assert answer["statusCode"] == 201
    (body,) = world.take("export")
    assert json.loads(body)["exportId"] == json.loads(answer["body"])["id"]


def test_the_api_rejects_everybody_for_whom_the_authorizer_said_nothing(world, handler):
    stranger = event("api-export")
    for granted in ({"lambda": {}}, {"lambda": None}, {"lambda": {"user": "somebody"}}, {}, None):
        stranger["requestContext"]["authorizer"] = granted
        assert handler("api")(stranger, CONTEXT)["statusCode"] == 401
    del stranger["requestContext"]["authorizer"]
    assert handler("api")(stranger, CONTEXT)["statusCode"] == 401


@pytest.mark.parametrize(("secret", "scopes"), [("the-api-key", "admin read write"), ("another", None)])
def test_the_authorizer_knows_the_key(aws, handler, monkeypatch, secret, scopes):
    made = aws.client("secretsmanager").create_secret(Name=f"key-{secret}", SecretString=secret)
    monkeypatch.setenv("API_KEY_SECRET", made["ARN"])
    answer = handler("authorizer")(event("authorizer"), CONTEXT)
    assert answer["context"].get("scopes") == scopes


def test_a_function_without_its_settings_says_all_that_is_missing(handler, monkeypatch):
    for name in ("JOBS_TABLE", "FILES_BUCKET"):
        monkeypatch.delenv(name)
    with pytest.raises(Exception, match="JOBS_TABLE is not set; FILES_BUCKET is not set"):
        handler("validate")(event("validate-s3-put"), CONTEXT)
