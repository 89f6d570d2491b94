"""A table that admits only so many units a second, and what an import then needs to end."""

import csv
import io
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest import mock

from rewards.adapters import (
    accounts,
    balance_item,
    batch_get,
    jobs_table,
    parallel,
    queue_messages,
    queues,
    sealing,
)
from rewards.domain.balance import Balance
from rewards.domain.redemption import Reward
from tests.simulation.dynamodb import DynamoDB
from tests.simulation.faults import FaultProfile, client_error
from tests.simulation.kernel import START, Kernel
from tests.simulation.pool import Pool
from tests.simulation.world import World

MAX_STEPS = 300_000
LATENCY = 3  # milliseconds, there and back


class Bucket:
    """Units that come at a rate (a second), and a second's worth of them; without a rate there is no end."""

    def __init__(self, kernel: Kernel, rate: float | None) -> None:
        self._kernel = kernel
        self._rate = rate
        self._units = rate or 0.0
        self._filled = kernel.now

    def take(self, units: float) -> bool:
        if self._rate is None:
            return True
        passed, self._filled = (self._kernel.now - self._filled) / 1000, self._kernel.now
        self._units = min(max(self._rate, 1.0), self._units + passed * self._rate)
        if self._units < units:
            return False
        self._units -= units
        return True


class Limited(DynamoDB):
    """DynamoDB whose table of accounts admits so many writes and reads a second; every item is a unit.

    Requests are rejected whole, statements of a batch one by one, and of a batch that is read what does not
    fit stays unprocessed, as DynamoDB does it.
    """

    def __init__(self, real: DynamoDB, kernel: Kernel, writes: float | None, reads: float | None) -> None:
        vars(self).update(vars(real))
        self._writes, self._reads = Bucket(kernel, writes), Bucket(kernel, reads)
        self._kernel = kernel
        self.written: list[int] = []  # when
        self.throttled = {"statements": 0, "requests": 0, "keys": 0}

    def _run_statement(self, table: str, *rest: Any) -> Any:
        if not self._writes.take(1):
            self.throttled["statements"] += 1
            return {"Code": "ThrottlingError", "Message": "Slow down."}
        self.written.append(self._kernel.now)
        return super()._run_statement(table, *rest)

    def batch_get_item(self, *, RequestItems: Any) -> Any:
        ((table, asked),) = RequestItems.items()
        if table != "accounts":
            return super().batch_get_item(RequestItems=RequestItems)
        served = sum(self._reads.take(1) for _ in asked["Keys"])
        rest = asked["Keys"][served:]
        if not served:
            self.throttled["requests"] += 1
            raise client_error("ProvisionedThroughputExceededException", "Slow down.", "BatchGetItem")
        self.throttled["keys"] += len(rest)
        response = super().batch_get_item(RequestItems={table: {**asked, "Keys": asked["Keys"][:served]}})
        return {**response, "UnprocessedKeys": {table: {**asked, "Keys": rest}} if rest else {}}


@dataclass(frozen=True, slots=True)
class Run:
    """What an import did; `seconds` are simulated."""

    record: dict[str, Any]
    seconds: float
    per_second: float
    count: dict[str, int]
    throttled: dict[str, int]


SAME = -1.0


def run_import(rows: int, rate: float | None, reads: float | None = SAME) -> Run:
    """Redeem `rows` balances of a table that admits `rate` units a second (None: any), and no other fault.

    As many are read as written, unless `reads` says otherwise.
    """
    world = World(7, FaultProfile({}))
    kernel = world.kernel
    # As quick as AWS, so that the demand is that of a real worker.
    world.dynamodb._gateway._latency = lambda: LATENCY
    limited = world.dynamodb = Limited(world.dynamodb, kernel, rate, rate if reads == SAME else reads)
    with world, ExitStack() as stack:
        for module, name, real in (
            (queue_messages, "MAX_ROWS", 500),
            (queue_messages, "MAX_UNITS", 50),
            (sealing, "_PART_ROWS", 5_000),
            (sealing, "_FILE_BYTES", 4 << 20),
            (accounts, "_STATEMENTS", 25),
            (batch_get, "_KEYS", 100),
            (queues, "_MESSAGES", 10),
            (parallel, "_POOL", Pool(kernel, 5)),
            (parallel, "_READERS", Pool(kernel, 16)),
        ):
            stack.enter_context(mock.patch.object(module, name, real))
        stack.enter_context(mock.patch.object(world.sqs, "put", partial(_put, world, world.sqs.put)))
        table = limited.tables["accounts"]
        for number in range(rows):
            item = _item(number)
            table.items[table.key_of(item)] = item
        world.upload("redemptions/a.csv", _file(rows))
        kernel.run(until=lambda: False, limit=MAX_STEPS)
        (item,) = (
            item
            for item in limited.tables["jobs"].items.values()
            if item["pk"]["S"].startswith("IMPORT#") and item["sk"]["S"] == "META"
        )
        record = jobs_table.read_item(item)
    took = max(limited.written) - min(limited.written)
    return Run(
        record,
        (record["dateCompleted"] - START) / 1000,
        rows / (took / 1000),
        dict(kernel.count),
        limited.throttled,
    )


def _put(world: World, real: Any, url: str, body: str, delay: int = 0) -> str:
    """Accept a message, and count the chunks that were requeued."""
    world.kernel.count["requeued"] += url == "redemption-queue" and delay > 0
    return real(url, body, delay)


def _item(number: int) -> Any:
    balance = Balance(f"acct-{number:05d}", "ann", "POINT", version=1)
    balance.rewards = [Reward(1, f"r{number}", 100, 100, START - 1000)]
    key = balance_item.balance_key(balance.user_id, balance.unit)
    head = {"pk": {"S": balance.account_id}, "sk": {"S": key}, "version": {"N": "1"}}
    return {**head, **balance_item.encode(balance)}


def _file(rows: int) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["accountId", "userId", "unit", "valueToRedeem"])
    writer.writerows([f"acct-{number:05d}", "ann", "POINT", "60"] for number in range(rows))
    return text.getvalue().encode()
