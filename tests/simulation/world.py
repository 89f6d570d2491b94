"""The product's handlers in a simulated AWS: what the template says, in memory.

`World(seed)` is one history. Entering it puts the simulated clock, randomness, waiting and clients
in the place of the real ones; leaving it puts them back.
"""

import json
import random
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, ClassVar
from unittest import mock
from urllib.parse import quote_plus

import rewards.adapters.clients
import rewards.clock
from rewards.adapters import (
    accounts,
    batch_get,
    files,
    metrics,
    parallel,
    queue_messages,
    queues,
    retry,
    scanner,
    sealing,
)
from rewards.domain import result_groups
from rewards.flows import check_rows, join_results
from rewards.tabular import csv_blocks, csv_reader
from tests.builders.row_ids import KEY
from tests.simulation.dynamodb import DynamoDB, Table
from tests.simulation.faults import FaultInjector, FaultProfile, Gateway
from tests.simulation.kernel import HOUR, MINUTE, SECOND, Kernel
from tests.simulation.lambdas import ACCOUNT, ROOT, EventSource, Function, Lambda, LambdaClient
from tests.simulation.pool import Pool
from tests.simulation.s3 import S3, Bucket, Version
from tests.simulation.ses import SES
from tests.simulation.sqs import SQS, Queue

UPLOADS, FILES = "upload-bucket", "files-bucket"
RETENTION_DAYS = 30

RULES = ("never", "always", "CASH/USD>5;POINT>100;CREDIT/KWD>2")
RULE_WEIGHTS = (6, 1, 2)

SETTINGS = {
    "ACCOUNTS_TABLE": "accounts",
    "REWARDS_TABLE": "rewards",
    "JOBS_TABLE": "jobs",
    "FILES_BUCKET": FILES,
    "UPLOAD_BUCKET": UPLOADS,
    "REDEMPTION_QUEUE_URL": "redemption-queue",
    "FINISH_QUEUE_URL": "finish-queue",
    "FINISH_QUEUE_ARN": ACCOUNT + "finish-queue",
    "DEAD_LETTER_QUEUE_ARN": ACCOUNT + "dead-letter-queue",
    "EXPORT_DEAD_LETTER_QUEUE_ARN": ACCOUNT + "export-dead-letter-queue",
    "EXPORT_QUEUE_URL": "export-queue",
    "SENDER_EMAIL": "rewards@example.com",
    "EMAIL_CONFIGURATION_SET": "emails",
    "NOTIFICATION_EMAIL": "ops@example.com",
    "ALLOWED_RECIPIENT_DOMAINS": "example.com",
    "RETENTION_DAYS": str(RETENTION_DAYS),
    "EVIDENCE_DAYS": "400",
    "STACK_NAME": "rewards-simulated",
    "PUBLIC_URL": "https://example.com",
    "ROW_ID_KEY_SECRET": "row-id-key",
    "TENANT_ALIAS": "default",
    "VALIDATE_FUNCTION": "validate",
    "APPROVAL_RULE": "never",
    "APPROVERS_EMAIL": "approvers@example.com",
    "USER_POOL_ID": "us-east-1_pool",
    "ALARM_TOPIC_ARN": "arn:aws:sns:us-east-1:111122223333:alarms",
    "AUDIT_LOG_GROUP": "audit-log",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    "POWERTOOLS_SERVICE_NAME": "simulation",
}


class World:
    """Services, functions and queues as in infra/template.yaml."""

    current: ClassVar["World"]

    def __init__(self, seed: int, profile: FaultProfile | None = None) -> None:
        self.kernel = Kernel(seed)
        self.faults = (
            FaultInjector.of(self.kernel) if profile is None else FaultInjector.profile(self.kernel, profile)
        )
        gateway = Gateway(self.kernel, self.faults)
        jobs = Table(("pk", "sk"), {"ByKind": ("kind", "pk")})
        tables = {"accounts": Table(("pk", "sk")), "rewards": Table(("id",)), "jobs": jobs}
        self.dynamodb = DynamoDB(gateway, tables, page_items=self.kernel.random.choice([2, 5, 1000]))
        self.s3 = S3(gateway, {UPLOADS: Bucket(notify=self._uploaded), FILES: Bucket()})
        self.sqs = SQS(gateway, self._queues())
        self.ses = SES(gateway, frozenset({SETTINGS["SENDER_EMAIL"]}), SETTINGS["EMAIL_CONFIGURATION_SET"])
        self.lambdas = Lambda(self.kernel, self.faults)
        self.lambda_client = LambdaClient(gateway, self._invoked)
        self.functions = {each.name: each for each in self._functions()}
        for url, name, batch, most in (
            ("redemption-queue", "redeem", self.kernel.random.choice([1, 1, 3]), 5),
            ("finish-queue", "finish", 1, 5),
            ("dead-letter-queue", "finish", 1, 2),
            ("export-queue", "report", 1, 2),
            ("export-dead-letter-queue", "finish", 1, 2),
        ):
            workers = self.kernel.random.choice([2, most])
            EventSource(self.lambdas, self.sqs, url, self.functions[name], batch, workers)
        self._stack = ExitStack()
        # Not drawn from the kernel, so that a seed without a rule is the history that it always was.
        rules = random.Random(f"rule {seed}").choices(RULES, RULE_WEIGHTS)
        self.rule = rules[0]

    @staticmethod
    def _functions() -> tuple[Function, ...]:
        return (
            Function("validate", 15 * MINUTE),
            Function("redeem", 2 * MINUTE, may_loop=True),
            Function("finish", 15 * MINUTE, may_loop=True),
            Function("report", 15 * MINUTE),
            Function("sweep", MINUTE),
            Function("api", 29 * SECOND),
        )

    @staticmethod
    def _queues() -> dict[str, Queue]:
        dead, export_dead = "dead-letter-queue", "export-dead-letter-queue"
        return {
            "redemption-queue": Queue(720 * SECOND, dead, 5),
            "finish-queue": Queue(1020 * SECOND, dead, 5),
            "export-queue": Queue(1020 * SECOND, export_dead, 3),
            dead: Queue(1020 * SECOND),
            export_dead: Queue(1020 * SECOND),
        }

    # --- The product meets this world instead of the real one ---

    def __enter__(self) -> "World":
        put = self._stack.enter_context
        put(mock.patch.object(World, "current", self, create=True))
        put(mock.patch.dict("os.environ", {**SETTINGS, "APPROVAL_RULE": self.rule}))
        put(mock.patch.object(rewards.adapters.clients, "client", _client))
        put(mock.patch.object(rewards.clock, "now", _now))
        put(mock.patch.object(metrics, "record", _no_metric))
        # Every token and id of the product comes from here, through `secrets`.
        put(mock.patch.object(random, "_urandom", self.kernel.random.randbytes))
        put(mock.patch.object(retry, "random", self.kernel.random))
        put(mock.patch.object(retry, "time", SimpleNamespace(monotonic=lambda: self.kernel.now / 1000)))
        put(mock.patch.object(retry.Backoff.__init__, "__defaults__", (0.02, 3.0, self._sleep)))
        put(mock.patch.object(time, "sleep", self._sleep))
        memory = Path("/dev/shm")  # noqa: S108 - tempfile makes the names
        put(mock.patch.object(tempfile, "tempdir", str(memory) if memory.is_dir() else None))
        for module in (files, queues, scanner):
            put(mock.patch.object(module, "ThreadPoolExecutor", partial(Pool, self.kernel)))
        threads = self.kernel.random.choice([1, 2, 5])
        put(mock.patch.object(parallel, "_POOL", Pool(self.kernel, threads)))
        put(mock.patch.object(parallel, "_READERS", Pool(self.kernel, threads)))
        put(mock.patch.object(parallel, "_AHEAD", self.kernel.random.choice([0, 1, 24])))
        # The same limits, small, so that a file of ten rows meets them all.
        choice = self.kernel.random.choice
        put(mock.patch.object(queue_messages, "MAX_ROWS", choice([1, 2, 4])))
        put(mock.patch.object(queue_messages, "MAX_UNITS", choice([1, 2, 50])))
        put(mock.patch.object(sealing, "_PART_ROWS", choice([1, 3, 5000])))
        put(mock.patch.object(sealing, "_FILE_BYTES", choice([1, 200, 4 << 20])))
        first = choice([1, 1, 1000])
        for module in (check_rows, join_results):
            put(mock.patch.object(module, "FIRST_ROWS", first))
        put(mock.patch.object(csv_reader, "HEAD_LINES", 1))
        put(mock.patch.object(csv_blocks, "BLOCK", choice([50, 300, 1 << 15])))
        put(mock.patch.object(result_groups, "GROUP_ROWS", choice([1, 3, 160_000])))
        put(mock.patch.object(accounts, "_STATEMENTS", choice([1, 2, 25])))
        put(mock.patch.object(batch_get, "_KEYS", choice([1, 2, 100])))
        put(mock.patch.object(queues, "_MESSAGES", choice([1, 3, 10])))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kernel.kill_all()
        for function in self.functions.values():
            function.forget()
        self._stack.close()

    def _sleep(self, seconds: float) -> None:
        self.kernel.sleep(int(seconds * 1000) + 1)

    # --- What AWS does by itself ---

    def _uploaded(self, key: str, version: Version) -> None:
        if not key.startswith(("redemptions/", "preview/", "rewards/")):
            return
        event = {
            "Records": [
                {
                    "eventVersion": "2.1",
                    "eventSource": "aws:s3",
                    "awsRegion": "us-east-1",
                    "eventTime": "2026-11-21T00:00:00.000Z",
                    "eventName": "ObjectCreated:Put",
                    "userIdentity": {"principalId": f"AWS:AROAOPERATOR:{version.id}"},
                    "s3": {
                        "s3SchemaVersion": "1.0",
                        "bucket": {"name": UPLOADS, "arn": f"arn:aws:s3:::{UPLOADS}"},
                        "object": {
                            "key": quote_plus(key, safe="/"),
                            "size": len(version.body),
                            "versionId": version.id,
                        },
                    },
                }
            ]
        }
        self._invoked("validate", event)

    def _invoked(self, name: str, event: Any) -> None:
        """Call the function `validate` asynchronously, the only one that has a destination for failures."""
        assert name == "validate", name

        def failed(body: str) -> None:
            self.kernel.count["failed events"] += 1
            self.sqs.put("dead-letter-queue", body)

        self.lambdas.invoke_later(self.functions[name], event, failed)

    def sweep(self, is_spared: bool = False) -> None:
        """The schedule calls the sweep, whose failure has no destination. A spared one must not fail."""
        event = json.loads((ROOT / "events" / "sweep.json").read_text())

        def failed(body: str) -> None:
            self.kernel.count["failed sweeps"] += 1
            if is_spared:
                error = json.loads(body)["responsePayload"]["errorMessage"]
                self.kernel.wrong(f"the sweep failed without a fault: {error}")

        self.lambdas.invoke_later(self.functions["sweep"], event, failed)

    def sweep_until(self, is_over: Callable[[], bool]) -> None:
        """Let the sweep run again and again; every 15 minutes would take most of the steps."""

        def run() -> None:
            if not is_over():
                self.sweep()
                self.kernel.after(self.kernel.random.randint(HOUR, 6 * HOUR), run)

        self.kernel.after(self.kernel.random.randint(1, HOUR), run)

    # --- What people do ---

    def upload(self, key: str, body: bytes, **metadata: str) -> Version:
        """Put a file into the upload bucket; its event is on its way when this returns."""
        lines = body.count(b"\n")
        self.kernel.tell("operator", f"uploads {key}, {lines} lines")
        return self.s3.store(UPLOADS, key, body, metadata)


# Containers outlive a world, so they ask which one it is.


def _client(service: str, purpose: str = "") -> Any:
    world = World.current
    if purpose == "scan":
        return ScanClient(world.dynamodb)
    clients = {
        "dynamodb": world.dynamodb,
        "s3": world.s3,
        "sqs": world.sqs,
        "sesv2": world.ses,
        "lambda": world.lambda_client,
    }
    others = {
        "secretsmanager": SecretsClient,
        "sns": TopicClient,
        "logs": LogsClient,
        "cognito-idp": PoolClient,
    }
    return others[service]() if service in others else clients[service]


def _now() -> int:
    return World.current.kernel.now


def _no_metric(*_: Any, **__: Any) -> None:
    """Metrics are lines of the output."""


class LogsClient:
    """A client that takes all entries of the audit log, and keeps none."""

    def create_log_stream(self, **_: str) -> None:
        pass

    def put_log_events(self, **_: Any) -> dict[str, Any]:
        return {}


class TopicClient:
    """A client that knows a topic with a confirmed subscription."""

    def get_paginator(self, operation: str) -> "TopicClient":
        assert operation == "list_subscriptions_by_topic", operation
        return self

    def paginate(self, *, TopicArn: str) -> Any:
        return [{"Subscriptions": [{"SubscriptionArn": f"{TopicArn}:1"}]}]


class PoolClient:
    """A client that knows the users of the pool."""

    def get_paginator(self, operation: str) -> "PoolClient":
        assert operation == "list_users", operation
        return self

    def paginate(self, *, UserPoolId: str, Filter: str) -> Any:
        assert UserPoolId == SETTINGS["USER_POOL_ID"], UserPoolId
        address = Filter.removeprefix('email = "').removesuffix('"')
        known = {"Enabled": True, "Attributes": [{"Name": "email", "Value": address}]}
        return [{"Users": [known] if address == "operator@example.com" else []}]


class SecretsClient:
    """A client that knows the one secret of rowIds."""

    def get_secret_value(self, *, SecretId: str) -> Any:
        assert SecretId == SETTINGS["ROW_ID_KEY_SECRET"], SecretId
        return {"SecretString": KEY}


class ScanClient:
    """A client whose scans go through botocore's hook before the parser, as the product's scanner wants."""

    def __init__(self, dynamodb: DynamoDB) -> None:
        self._dynamodb = dynamodb
        self._hook: Any = None
        self.meta = SimpleNamespace(events=SimpleNamespace(register=self._register))

    def _register(self, event: str, hook: Any, unique_id: str) -> None:
        assert event == "before-parse.dynamodb.Scan", event
        self._hook = hook

    def scan(self, **arguments: Any) -> Any:
        response = {"status_code": 200, "body": json.dumps(self._dynamodb.scan(**arguments)).encode()}
        more: dict[str, Any] = {}
        self._hook(response_dict=response, customized_response_dict=more)
        return {**json.loads(response["body"]), **more}
