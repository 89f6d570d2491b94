"""An import of many rows by this service, on an emulated AWS or on one that waits.

    .venv/bin/python -m tests.bench.imports [rows ...]

One process does the work of all functions, one message after another; the emulator is a process of its own.
So rows a second are those of one worker and an emulator on one machine, and only their ratios carry over.
What Lambda's pollers do, receiving and deleting messages, is in no phase.
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
from rewards.domain.dates import iso
from rewards.domain.packed import unpack
from rewards.domain.redemption import Reward
from rewards.domain.units import format_value
from tests.bench import waits
from tests.bench.counted import Counted
from tests.bench.prices import Work
from tests.builders.row_ids import KEYS, make_row_id
from tests.integration.conftest import new_world

UNIT = "CASH/USD"
DAY, HOUR = 86_400_000, 3_600_000
CREDITS = 1_000  # of each reward
CPU_SHARE = 1024 / 1769  # of a whole CPU that a worker of 1 GB has
LOGGED = 1_200  # bytes an invocation: our line and Lambda's own


@dataclass(slots=True)
class Phase:
    """What a part of the work took: seconds, and seconds of our CPU; and a row of its fastest message.

    Machines are shared, so the fastest message says most about the work.
    """

    seconds: float = 0.0
    cpu: float = 0.0
    row_seconds: float = float("inf")
    row_cpu: float = float("inf")


@dataclass(slots=True)
class Timer:
    """Measures messages, each of a phase; what happens between two of them does not count."""

    phases: dict[str, Phase] = field(default_factory=dict)
    _within: list[float] = field(default_factory=lambda: [0.0, 0.0])

    @contextmanager
    def message(self, name: str, rows: int) -> Iterator[None]:
        """Measure a message of a phase, and with it what so many rows take.

        What is measured within it is a phase of its own, and does not count in this one.
        """
        around, self._within = self._within, [0.0, 0.0]
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        within, self._within = self._within, [around[0] + wall, around[1] + cpu]
        wall, cpu = wall - within[0], cpu - within[1]
        phase = self.phases.setdefault(name, Phase())
        phase.seconds += wall
        phase.cpu += cpu
        phase.row_seconds = min(phase.row_seconds, wall / rows)
        phase.row_cpu = min(phase.row_cpu, cpu / rows)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a design took for some rows; `redeem` is the phase that all designs have."""

    name: str
    rows: int
    phases: dict[str, Phase]
    requests: dict[str, int]
    work: Work

    @property
    def seconds(self) -> float:
        return sum(phase.seconds for phase in self.phases.values())

    @property
    def cpu(self) -> float:
        return sum(phase.cpu for phase in self.phases.values())

    @property
    def redeemed_a_second(self) -> float:
        """The rows that one worker redeems in a second."""
        return 1 / self.phases["redeem"].row_seconds


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
        participant = report.redeemable_participant(("Ann", "Archer", balance.user_id, "", ""))
        whose = balance.key
        shown = (format_value(value, UNIT), "0", iso(expiry or 0), row_ids.make(*whose, None))
        cells = unpack(report.redeemable_row(participant, *whose, "", shown))
        cells[place] = f"{wanted(balance) / 100:.2f}"
        writer.writerow(cells)
    return text.getvalue().encode()


def fill(client: Any, table: str, items: Iterator[Any]) -> None:
    batch: list[Any] = []
    for item in items:
        batch.append({"PutRequest": {"Item": item}})
        if len(batch) == 25:
            client.batch_write_item(RequestItems={table: batch})
            batch = []
    if batch:
        client.batch_write_item(RequestItems={table: batch})


def process(world: Any, upload: Any, rows: int, timer: Timer, phase: str, outcome: str) -> dict[str, Any]:
    """Take an upload through the product's own flows, each message timed; its record.

    `phase` names the work on chunks. All rows must end with `outcome`.
    """
    send = world.chunk_sender.run

    def timed_send(*arguments: Any) -> None:
        with timer.message("send", rows):
            send(*arguments)

    world.chunk_sender.run = timed_send
    with timer.message("validate", rows):
        import_id = world.validate(upload)
    for body in world.take("redeem"):
        with timer.message(phase, len(json.loads(body)["rows"])):
            world.deliver("redeem", body)
    for body in world.take("finish"):
        with timer.message("finish", rows):
            world.deliver("finish", body)
    record: dict[str, Any] = world.record(import_id)
    assert record["outcomes"] == {outcome: rows}, record
    return record


def ours(aws: MiniStack, rows: int) -> Measured:
    """Validate, redeem, finish: the product's own flows, to COMPLETED and its email."""
    world = new_world(aws)
    dynamodb, now = world.clients("dynamodb"), world.now()
    fill(dynamodb, world.names["accounts"], map(_item, balances(rows, now)))
    upload = world.put("redemptions/a.csv", file_of(rows, now))
    counted = Counted(dynamodb, world.clients("s3"), world.clients("sqs"))
    timer = Timer()
    record = process(world, upload, rows, timer, "redeem", "REDEEMED")
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
        lambda_seconds=sum(phase.cpu for phase in timer.phases.values()) / CPU_SHARE + total * waits.DYNAMODB,
        memory=1.0,
        log_bytes=(messages + 1) * LOGGED,
        emails=1,
    )
    return Measured("this service", rows, timer.phases, requests, work)


def after_redemptions(
    aws: MiniStack, by_reference: bool, earlier: int = 50, rows: int = 400, imports: int = 10
) -> Measured:
    """Redeem from balances that were redeemed from before, each time by another import, an hour later.

    The rows have rowIds of a new report, or references and no rowIds. Within five minutes of the youngest
    redemption in history, each row would read history, because clocks may differ.
    """
    world = new_world(aws)
    found = list(balances(rows, world.now() + (earlier + imports) * HOUR))
    fill(world.clients("dynamodb"), world.names["accounts"], map(_item, found))
    counted, timer = Counted(world.clients("dynamodb")), Timer()
    before = (0.0, 0.0)
    for number in range(earlier + imports):
        world.now.ahead += HOUR
        export_id = ids.new_id(world.now())
        lines = ["accountId,userId,unit,valueToRedeem,rowId,reference"]
        for balance in found:
            key = (balance.account_id, balance.user_id, UNIT)
            named = f",payment {number}" if by_reference else f"{make_row_id(export_id, *key)},"
            lines.append(",".join((*key, "0.10", named)))
        if number == earlier:
            before = counted.written, counted.read
        with timer.message("redeem", rows):
            record = world.upload(f"redemptions/{number}.csv", "\n".join(lines))
        assert record["outcomes"] == {"REDEEMED": rows}, record
    written, read = counted.written - before[0], counted.read - before[1]
    work = Work(rows * imports, written, read, 0, 0, 0, 0, 0, 0, 0, 0)
    return Measured("after redemptions", rows * imports, timer.phases, dict(counted.requests), work)


def _item(balance: Balance) -> dict[str, Any]:
    key = balance_item.key_of(balance.key)
    return {**key, "version": {"N": "1"}, **balance_item.encode(balance)}


def main() -> None:
    for rows in [int(each) for each in sys.argv[1:]] or [1_000]:
        for start in (MiniStack.start, waits.start):
            aws = start()
            try:
                print(ours(aws, rows))
            finally:
                aws.stop()


if __name__ == "__main__":
    main()
