"""The same redemptions in two other ways, on the same data: what they take beside this service."""

import json
import time
from collections.abc import Iterator
from typing import Any

from infra.local.ministack import MiniStack
from rewards.adapters import balance_item
from rewards.domain.balance import Balance
from rewards.domain.balance_key import BalanceKey
from tests.bench import waits
from tests.bench.counted import Counted
from tests.bench.imports import CPU_SHARE, CREDITS, LOGGED, UNIT, Measured, Timer, balances, fill, wanted
from tests.bench.prices import Work


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


def _other(aws: MiniStack, name: str, rows: int, items: Any, redeem: Any) -> Measured:
    now = time.time_ns() // 1_000_000
    table = f"{name.replace(' ', '-')}-{time.time_ns()}"
    dynamodb, sqs = _table(aws, table), aws.client("sqs")
    url = sqs.create_queue(QueueName=table)["QueueUrl"]
    fill(dynamodb, table, items(balances(rows, now)))
    counted, timer = Counted(dynamodb, sqs), Timer()
    with timer.message("send", rows):
        _send_rows(sqs, url, rows, now)
    batches = list(_batches(sqs, url))
    for batch in batches:
        with timer.message("redeem", len(batch)):
            for row in batch:
                redeem(dynamodb, table, *row)
    assert sum(map(len, batches)) == rows
    invocations = len(batches)
    requests = dict(counted.requests)
    work = Work(
        rows=rows,
        write_units=counted.written,
        read_units=counted.read,
        sqs=counted.sqs,
        s3_puts=0,
        s3_gets=1,
        invocations=invocations,
        lambda_seconds=sum(phase.cpu for phase in timer.phases.values()) / CPU_SHARE
        + sum(requests.values()) * waits.DYNAMODB,
        memory=1.0,
        log_bytes=invocations * LOGGED,
        emails=1,
    )
    return Measured(name, rows, timer.phases, requests, work)


def sample_app(aws: MiniStack, rows: int) -> Measured:
    """The usual sample application: a message a row, get_item, update_item, put a ledger entry.

    Its balance is one number: no expiry, no order of rewards, and a crash between update and ledger loses
    the trace, so a redelivery redeems twice.
    """

    def items(found: Iterator[Balance]) -> Iterator[Any]:
        for balance in found:
            credits = str(len(balance.rewards) * CREDITS)
            yield {
                **balance_item.key_of(balance.key),
                "available": {"N": credits},
            }

    def redeem(client: Any, table: str, number: int, account: str, user: str, unit: str, value: int) -> None:
        key = balance_item.key_of(BalanceKey(account, user, unit))
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

    return _other(aws, "sample app", rows, items, redeem)


def transactions(aws: MiniStack, rows: int) -> Measured:
    """A reward an item, and a transaction over the rewards that give, the balance, and a ledger entry.

    As careful as ours: at most once by the ledger's key, in the contract's order.
    """

    def items(found: Iterator[Balance]) -> Iterator[Any]:
        for balance in found:
            key = balance_item.key_of(balance.key)
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
        key = balance_item.key_of(BalanceKey(account, user, unit))
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

    return _other(aws, "transactions", rows, items, redeem)


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
