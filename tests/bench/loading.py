"""Loading rewards: a file of new rewards, two for each new participant, to COMPLETED.

    .venv/bin/python -m tests.bench.loading [rows ...]

Loaded and counted as in `tests/bench/imports.py`; measured on an emulated AWS and on one that waits.
"""

import json
import sys

from infra.local.ministack import MiniStack
from tests.bench import waits
from tests.bench.counted import Counted
from tests.bench.imports import CPU_SHARE, LOGGED, UNIT, Measured, Timer, process
from tests.bench.prices import Work
from tests.integration.conftest import new_world

_AGE = 60_000  # of each reward, in milliseconds


def file_of(rows: int, now: int) -> bytes:
    """A file of rewards with ids as long as the original system's; half of them name their participant."""
    lines = []
    for number in range(rows):
        participant = number // 2
        user_id = f"user-{participant:08d}@example.com"
        user = {"id": user_id, "accountId": f"acct-{participant:08d}"}
        if number % 2 == 0:
            user |= {"firstName": "Ann", "lastName": "Archer", "email": user_id}
        row = {
            "id": f"{number:024x}",
            "type": "CREDIT",
            "unit": UNIT,
            "assignedCredit": 1_000,
            "programId": f"program-{number % 2}",
            "dateGiven": now - _AGE,
            "user": user,
        }
        lines.append(json.dumps(row, separators=(",", ":")))
    return "\n".join(lines).encode()


def loading(aws: MiniStack, rows: int) -> Measured:
    """Check the file, load its rewards, write the results: the product's own flows."""
    world = new_world(aws)
    upload = world.put("rewards/a.jsonl", file_of(rows, world.now()))
    counted = Counted(world.clients("dynamodb"), world.clients("s3"), world.clients("sqs"))
    timer = Timer()
    record = process(world, upload, rows, timer, "load", "LOADED")
    messages = record["chunks"] + 1
    polled = {"sqs ReceiveMessage", "sqs DeleteMessage"}  # here by the harness, there by Lambda's poller
    requests = {name: n for name, n in counted.requests.items() if name not in polled}
    requests |= dict.fromkeys(polled, messages)
    work = Work(
        rows=rows,
        write_units=counted.written,
        read_units=counted.read,
        sqs=4 * messages,
        s3_puts=sum(n for name, n in requests.items() if name.startswith("s3 Put")),
        s3_gets=sum(n for name, n in requests.items() if name.startswith(("s3 Get", "s3 Head"))),
        invocations=messages + 1,
        lambda_seconds=sum(phase.cpu for phase in timer.phases.values()) / CPU_SHARE
        + sum(requests.values()) * waits.DYNAMODB,
        memory=1.0,
        log_bytes=(messages + 1) * LOGGED,
        emails=1,
    )
    return Measured("loading rewards", rows, timer.phases, requests, work)


def main() -> None:
    for rows in [int(each) for each in sys.argv[1:]] or [1_000]:
        for start in (MiniStack.start, waits.start):
            aws = start()
            try:
                found = loading(aws, rows)
                print(found, f"{1 / found.phases['load'].row_seconds:.0f} rows a second")
            finally:
                aws.stop()


if __name__ == "__main__":
    main()
