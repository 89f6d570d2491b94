"""Imports of many rows, ours and two alternatives, on the same data and the same emulated AWS.

    .venv/bin/python -m tests.bench.imports [rows ...]

One process does the work of all functions, one message after another; the emulator is a process of its own.
So rows a second are those of one worker and an emulator on one machine, and only their ratios carry over.
"""

import csv
import io
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from infra.local.ministack import MiniStack
from rewards.adapters import balance_item
from rewards.domain import ids, report
from rewards.domain.balance import Balance
from rewards.domain.redemption import Reward
from tests.bench.counted import Counted
from tests.bench.prices import Work
from tests.integration.conftest import new_world
from tests.row_ids import KEYS

UNIT = "CASH/USD"
DAY = 86_400_000
CREDITS = 1_000  # of each reward
_LATENCY = 0.008  # seconds that a request to AWS takes, assumed
_CPU_SHARE = 1024 / 1769  # of a whole CPU that a worker of 1 GB has
_LOGGED = 1_200  # bytes an invocation: our line and Lambda's own


@dataclass(frozen=True, slots=True)
class Measured:
    """What a design took for some rows."""

    name: str
    rows: int
    seconds: float
    cpu: float
    requests: dict[str, int]
    work: Work
    phases: dict[str, float] = field(default_factory=dict)  # CPU seconds of each function's part

    @property
    def per_second(self) -> float:
        return self.rows / self.seconds


def balances(rows: int, now: int) -> Iterator[Balance]:
    """Balances of one to eight open rewards, with ids and programs as long as the original system's."""
    for number in range(rows):
        balance = Balance(f"acct-{number // 3:08d}", f"user-{number:08d}@example.com", UNIT, version=1)
        balance.rewards = [
            Reward(
                n,
                f"{number * 8 + n:024x}",
                CREDITS,
                CREDITS,
                now - 1000,
                now + n * DAY,
                None,
                None,
                f"program-{n % 2}",
            )
            for n in range(1, 2 + number % 8)
        ]
        yield balance


def wanted(balance: Balance) -> int:
    """What a row asks: half of what there is."""
    return len(balance.rewards) * CREDITS // 2


def file_of(rows: int, now: int) -> bytes:
    """The report of these balances, filled in."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    text.write("\ufeff")
    writer.writerow(report.COLUMNS)
    row_ids = KEYS.of(ids.make_id(now - 60_000, 7))
    place = report.COLUMNS.index("valueToRedeem")
    for balance in balances(rows, now):
        value, expiry = len(balance.rewards) * CREDITS, balance.rewards[0].date_expires
        facts = ("Ann", "Archer", balance.user_id, "", "")
        cells = report.redeemable_row(
            balance.account_id, balance.user_id, UNIT, value, 0, expiry, facts, row_ids, None
        )
        cells[place] = f"{wanted(balance) / 100:.2f}"
        writer.writerow(cells)
    return text.getvalue().encode()


def _fill(client: Any, table: str, items: Iterator[Any]) -> None:
    batch: list[Any] = []
    for item in items:
        batch.append({"PutRequest": {"Item": item}})
        if len(batch) == 25:
            client.batch_write_item(RequestItems={table: batch})
            batch = []
    if batch:
        client.batch_write_item(RequestItems={table: batch})


@contextmanager
def _measured() -> Iterator[list[float]]:
    figures: list[float] = []
    wall, cpu = time.perf_counter(), time.process_time()
    yield figures
    figures += [time.perf_counter() - wall, time.process_time() - cpu]


def ours(aws: MiniStack, rows: int) -> Measured:
    """Validate, redeem, finish: the product's own flows, to COMPLETED and its email."""
    world = new_world(aws)
    dynamodb, now = world.clients("dynamodb"), world.now()
    _fill(
        dynamodb,
        world.names["accounts"],
        (
            {
                **balance_item.key_of(b.account_id, b.user_id, b.unit),
                "version": {"N": "1"},
                **balance_item.encode(b),
            }
            for b in balances(rows, now)
        ),
    )
    upload = world.put("redemptions/a.csv", file_of(rows, now))
    counted = Counted(dynamodb, world.clients("s3"), world.clients("sqs"))
    with _measured() as figures:
        begun = time.process_time()
        import_id = world.validate(upload)
        validated = time.process_time()
        for body in world.take("redeem"):
            world.deliver("redeem", body)
        redeemed = time.process_time()
        world.run()
        ended = time.process_time()
    record = world.record(import_id)
    assert record["outcomes"] == {"REDEEMED": rows}, record
    # What Lambda's poller would ask for; here the harness did.
    messages = record["chunks"] + 1
    requests = {
        name: n
        for name, n in counted.requests.items()
        if name not in ("sqs ReceiveMessage", "sqs DeleteMessage")
    }
    requests["sqs ReceiveMessage"] = requests["sqs DeleteMessage"] = messages
    sent = counted.requests["sqs SendMessageBatch"] + counted.requests["sqs SendMessage"]
    billed = counted.sqs - (
        counted.requests.total()
        - sum(n for name, n in counted.requests.items() if not name.startswith("sqs"))
        - sent
    )
    # A received message is billed by its size, as the sent one is; each is deleted by one request.
    total = sum(requests.values())
    work = Work(
        rows=rows,
        write_units=counted.written,
        read_units=counted.read,
        sqs=2 * billed + messages,
        s3_puts=sum(
            n
            for name, n in requests.items()
            if name.startswith(("s3 Put", "s3 Create", "s3 Upload", "s3 Complete"))
        ),
        s3_gets=sum(n for name, n in requests.items() if name.startswith(("s3 Get", "s3 Head"))),
        invocations=messages + 1,
        lambda_seconds=figures[1] / _CPU_SHARE + total * _LATENCY,
        memory=1.0,
        log_bytes=(messages + 1) * _LOGGED,
        emails=1,
    )
    phases = {"validate": validated - begun, "redeem": redeemed - validated, "finish": ended - redeemed}
    return Measured("this service", rows, *figures, requests, work, phases)


def _table(aws: MiniStack, name: str) -> Any:
    client = aws.client("dynamodb")
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": k, "AttributeType": "S"} for k in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    return client


def _send_rows(sqs: Any, url: str, rows: int, now: int) -> None:
    waiting: list[Any] = []
    for number, balance in enumerate(balances(rows, now)):
        body = json.dumps([number, balance.account_id, balance.user_id, UNIT, wanted(balance)])
        waiting.append({"Id": str(number % 10), "MessageBody": body})
        if len(waiting) == 10:
            sqs.send_message_batch(QueueUrl=url, Entries=waiting)
            waiting = []
    if waiting:
        sqs.send_message_batch(QueueUrl=url, Entries=waiting)


def _batches(sqs: Any, url: str) -> Iterator[list[Any]]:
    """Messages, ten at a time, as an event source hands them to a function; then they are deleted."""
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        yield [json.loads(message["Body"]) for message in messages]
        entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
        sqs.delete_message_batch(QueueUrl=url, Entries=entries)


def _other(aws: MiniStack, name: str, rows: int, fill: Any, redeem: Any) -> Measured:
    now = time.time_ns() // 1_000_000
    table = f"{name.replace(' ', '-')}-{time.time_ns()}"
    dynamodb, sqs = _table(aws, table), aws.client("sqs")
    url = sqs.create_queue(QueueName=table)["QueueUrl"]
    _fill(dynamodb, table, fill(balances(rows, now)))
    counted = Counted(dynamodb, sqs)
    done = invocations = 0
    with _measured() as figures:
        _send_rows(sqs, url, rows, now)
        for batch in _batches(sqs, url):
            invocations += 1
            for row in batch:
                redeem(dynamodb, table, *row)
                done += 1
    assert done == rows
    requests = dict(counted.requests)
    work = Work(
        rows=rows,
        write_units=counted.written,
        read_units=counted.read,
        sqs=counted.sqs,
        s3_puts=0,
        s3_gets=1,
        invocations=invocations,
        lambda_seconds=figures[1] / _CPU_SHARE + sum(requests.values()) * _LATENCY,
        memory=1.0,
        log_bytes=invocations * _LOGGED,
        emails=1,
    )
    return Measured(name, rows, *figures, requests, work)


def sample_app(aws: MiniStack, rows: int) -> Measured:
    """The usual sample application: a message a row, get_item, update_item, put a ledger entry.

    Its balance is one number: no expiry, no order of rewards, and a crash between update and ledger loses
    the trace, so a redelivery redeems twice.
    """

    def fill(found: Iterator[Balance]) -> Iterator[Any]:
        for balance in found:
            credits = str(len(balance.rewards) * CREDITS)
            yield {
                **balance_item.key_of(balance.account_id, balance.user_id, UNIT),
                "available": {"N": credits},
            }

    def redeem(client: Any, table: str, number: int, account: str, user: str, unit: str, value: int) -> None:
        key = balance_item.key_of(account, user, unit)
        item = client.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
        if int(item["available"]["N"]) < value:
            return
        client.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET available = available - :v",
            ConditionExpression="available >= :v",
            ExpressionAttributeValues={":v": {"N": str(value)}},
        )
        entry = {
            "pk": key["pk"],
            "sk": {"S": f"L#{number:010d}"},
            "user": {"S": user},
            "value": {"N": str(value)},
        }
        client.put_item(TableName=table, Item=entry)

    return _other(aws, "sample app", rows, fill, redeem)


def transactions(aws: MiniStack, rows: int) -> Measured:
    """A reward an item, and a transaction over the rewards that give, the balance, and a ledger entry.

    As careful as ours: at most once by the ledger's key, in the contract's order.
    """

    def fill(found: Iterator[Balance]) -> Iterator[Any]:
        for balance in found:
            key = balance_item.key_of(balance.account_id, balance.user_id, UNIT)
            yield {**key, "available": {"N": str(len(balance.rewards) * CREDITS)}}
            for reward in balance.rewards:
                yield {
                    "pk": key["pk"],
                    "sk": {"S": f"R#{balance.user_id}#{UNIT}#{reward.date_expires:013d}#{reward.id}"},
                    "left": {"N": str(reward.left)},
                    "program": {"S": reward.program_id or ""},
                }

    def redeem(client: Any, table: str, number: int, account: str, user: str, unit: str, value: int) -> None:
        rewards = client.query(
            TableName=table,
            KeyConditionExpression="pk = :a AND begins_with(sk, :r)",
            ConsistentRead=True,
            ExpressionAttributeValues={":a": {"S": account}, ":r": {"S": f"R#{user}#{unit}#"}},
        )["Items"]
        actions, still = [], value
        for reward in rewards:
            left = int(reward["left"]["N"])
            part = min(left, still)
            if not part:
                continue
            still -= part
            actions.append(_update(table, {"pk": reward["pk"], "sk": reward["sk"]}, "#left", left, part))
        key = balance_item.key_of(account, user, unit)
        actions.append(
            {
                "Update": {
                    "TableName": table,
                    "Key": key,
                    "UpdateExpression": "SET available = available - :v",
                    "ConditionExpression": "available >= :v",
                    "ExpressionAttributeValues": {":v": {"N": str(value)}},
                }
            }
        )
        entry = {
            "pk": key["pk"],
            "sk": {"S": f"L#{number:010d}"},
            "user": {"S": user},
            "value": {"N": str(value)},
        }
        actions.append(
            {"Put": {"TableName": table, "Item": entry, "ConditionExpression": "attribute_not_exists(pk)"}}
        )
        client.transact_write_items(TransactItems=actions)

    return _other(aws, "transactions", rows, fill, redeem)


def _update(table: str, key: Any, name: str, seen: int, part: int) -> Any:
    return {
        "Update": {
            "TableName": table,
            "Key": key,
            "UpdateExpression": f"SET {name} = :new",
            "ConditionExpression": f"{name} = :seen",
            "ExpressionAttributeNames": {name: name.strip("#")},
            "ExpressionAttributeValues": {":new": {"N": str(seen - part)}, ":seen": {"N": str(seen)}},
        }
    }


def main() -> None:
    sizes = [int(each) for each in sys.argv[1:]] or [1_000]
    aws = MiniStack.start()
    try:
        for rows in sizes:
            for design in (ours, sample_app, transactions):
                found = design(aws, rows)
                print(found.name, rows, round(found.per_second), "rows/s", found.requests, found.work)
    finally:
        aws.stop()


if __name__ == "__main__":
    main()
