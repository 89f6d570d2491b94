"""What a report costs: wall, CPU, peak memory, read units, bytes.

    .venv/bin/python -m tests.bench.report [balances] [--type REWARD] [--format CSV|XLSX|both]

The real Reporter runs in a process of its own, with real botocore clients. Only the wire is made up: each
Scan is answered with a page of raw JSON that was written to disk before, each part of an upload is read and
dropped. There are as many participants as balances, two rewards a balance on average, and every tenth balance
has a page of history.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse

from rewards.adapters import balance_item
from rewards.adapters.jobs_table import EXPORT
from rewards.bootstrap import Flows, Settings
from rewards.domain.balance import Balance, Page, Redemption, Totals
from rewards.domain.redemption import Reward, redemption_order
from rewards.flows.create_report import Reporter
from rewards.settings import load
from tests.builders.row_ids import keys

NOW = 1_795_300_000_000
DAY = 86_400_000
PAGE = 1 << 20  # a Scan reads one mebibyte of items at a time
UNIT = 4096  # ... and costs a unit for every 4 KB of it, half a one if eventually consistent
REPORT_DEFINITIONS = ("REDEEMABLE_REWARD_BALANCE", "REWARD_BALANCE", "REWARD")

_UNITS = ("CASH/USD", "POINT", "CREDIT/KWD", "freemonth")


def items(balances: int) -> Iterator[tuple[str, Any]]:
    """(table, item) in the order of a scan: accounts by hash, an account's items by their sort key."""
    random_ = random.Random(7)
    numbers = list(range(balances))
    random_.shuffle(numbers)
    for number in numbers:
        account, user = f"acct-{number:08d}", f"user-{number:08d}@example.com"
        balance = Balance(account, user, _UNITS[number % 4], version=3)
        if number % 10 == 0:
            gone = tuple(_reward(random_, n, left=0) for n in (1, 2))
            balance.archived = Totals(2, 2000, 2000, 0, 0)
            balance.archived_until = NOW - 50 * DAY
        first = balance.archived.count + 1
        balance.rewards = sorted(
            (_reward(random_, first + n) for n in range(1 + number % 3)), key=redemption_order
        )
        balance.redemptions = [Redemption(NOW - DAY, 5, "06gzzx7rv0b59snh", 2, f"R{number:031d}", ((1, 5),))]
        key = {"pk": {"S": account}, "sk": {"S": balance_item.balance_key(user, balance.unit)}}
        yield "Accounts", {**key, "version": {"N": "3"}, **balance_item.encode(balance)}
        if number % 10 == 0:
            at = f"{balance_item.history_prefix(user, balance.unit)}{balance.archived_until:013d}#{3:010d}"
            page = balance_item.encode_page(Page(gone, tuple(balance.redemptions)))
            yield "Accounts", {"pk": {"S": account}, "sk": {"S": at}, **page}
            yield from (("Rewards", _claim(balance, reward)) for reward in gone)
        yield from (("Rewards", _claim(balance, reward)) for reward in balance.rewards)
        facts = {"firstName": f"Ann{number % 97}", "lastName": f"O'Neil{number % 89}", "email": user}
        facts |= {"segments": "vip,eu"} if number % 3 == 0 else {}
        person = {name: {"S": fact} for name, fact in facts.items()}
        yield "Accounts", {"pk": {"S": account}, "sk": {"S": balance_item.participant_key(user)}, **person}


def _reward(random_: random.Random, ordinal: int, left: int | None = None) -> Reward:
    assigned = random_.choice((500, 1000, 2550, 5000))
    given = NOW - random_.randrange(400) * DAY
    expires = random_.choice((None, given + 730 * DAY))
    remains = assigned - 5 if left is None else left
    program = random_.choice((None, "refer-a-friend", "vip-2026"))
    return Reward(
        ordinal, f"{random_.getrandbits(96):024x}", assigned, remains, given, expires, None, None, program
    )


def _claim(balance: Balance, reward: Reward) -> Any:
    texts = {
        "id": reward.id,
        "accountId": balance.account_id,
        "userId": balance.user_id,
        "unit": balance.unit,
        "importId": "06gzzx7rv0b59snh",
        "name": "Referral reward",
        "rewardSource": "AUTOMATED",
    }
    return {**{name: {"S": text} for name, text in texts.items()}, "line": {"N": "17"}}


def write_pages(folder: Path, balances: int) -> None:
    """Write the tables as the bodies of their scans, and what those scans cost.

    Accounts twice: whole, and as the scan that leaves out history. Redemptions are never projected.
    """
    whole, open_, rewards = (_Pages(folder, name) for name in ("Accounts", "Accounts-open", "Rewards"))
    for table, item in items(balances):
        size = balance_item.item_bytes(item)
        if table == "Rewards":
            rewards.add(size, {name: item[name] for name in item if name not in ("importId", "line")})
            continue
        shown = {name: value for name, value in item.items() if name != "redemptions"}
        whole.add(size, shown)
        open_.add(size, shown if not item["sk"]["S"].startswith("H#") else None)
    sizes = {pages.name: pages.close() for pages in (whole, open_, rewards)}
    (folder / "sizes.json").write_text(json.dumps(sizes))


class _Pages:
    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._folder = folder
        self._shown: list[str] = []
        self._size = 0
        self._scanned = 0
        self._sizes: list[int] = []

    def add(self, size: int, shown: Any) -> None:
        if self._size + size > PAGE:
            self._flush()
        self._size += size
        self._scanned += 1
        if shown is not None:
            self._shown.append(json.dumps(shown, separators=(",", ":"), ensure_ascii=False))

    def close(self) -> list[int]:
        self._flush()
        return self._sizes

    def _flush(self) -> None:
        body = (
            f'{{"Count":{len(self._shown)},"Items":[{",".join(self._shown)}],"ScannedCount":{self._scanned}}}'
        )
        (self._folder / f"{self.name}-{len(self._sizes):06d}.json").write_text(body)
        self._sizes.append(self._size)
        self._shown, self._size, self._scanned = [], 0, 0


class Wire:
    """Answers requests in the place of AWS, and counts what they would cost."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sizes = json.loads((folder / "sizes.json").read_text())
        self.counts = {"scans": 0, "read units": 0.0, "bytes down": 0, "parts": 0, "bytes up": 0}

    def client(self, service: str) -> Any:
        made = boto3.client(
            service, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        made.meta.events.register_first(f"before-send.{service}", getattr(self, service))
        return made

    def dynamodb(self, request: Any, **_: Any) -> AWSResponse:
        asked = json.loads(request.body)
        table = asked["TableName"]
        if table == "Accounts" and "H#" in str(asked.get("ExpressionAttributeValues")):
            table = "Accounts-open"
        start = asked.get("ExclusiveStartKey")
        page = int(start["pk"]["S"]) if start else asked["Segment"]
        if page >= len(self._sizes[table]):  # fewer pages than segments
            return _answer(request, b'{"Items":[]}', {})
        body = (self._folder / f"{table}-{page:06d}.json").read_bytes()
        following = page + asked["TotalSegments"]
        if following < len(self._sizes[table]):
            body = body[:-1] + b',"LastEvaluatedKey":{"pk":{"S":"%d"},"sk":{"S":"B#x"}}}' % following
        units = -(-self._sizes[table][page] // UNIT)
        self.counts["scans"] += 1
        self.counts["read units"] += units if asked.get("ConsistentRead") else units / 2
        self.counts["bytes down"] += len(body)
        return _answer(request, body, {"Content-Type": "application/x-amz-json-1.0"})

    def s3(self, request: Any, **_: Any) -> AWSResponse:
        if request.method == "PUT":
            self.counts["parts"] += 1
            self.counts["bytes up"] += _drain(request.body)
            return _answer(request, b"", {"ETag": '"e"'})
        started = b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
        ended = b"<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"
        return _answer(request, ended if "uploadId=" in request.url else started, {})


def _drain(body: Any) -> int:
    if isinstance(body, bytes | bytearray):
        return len(body)
    return sum(len(piece) for piece in iter(lambda: body.read(1 << 16), b""))


def _answer(request: Any, body: bytes, headers: dict[str, str]) -> AWSResponse:
    response = AWSResponse(request.url, 200, headers, None)
    response._content = body
    return response


class OneRecord:
    """The export's record, in memory."""

    def __init__(self, kind: str, file_format: str, params: dict[str, str]) -> None:
        self.record: dict[str, Any] = {
            "type": kind, "format": file_format, "name": "Bench", "params": params, "status": "PENDING",
            "mailtoEmail": None, "dateCreated": NOW, "error": None, "requester": "bench",
        }  # fmt: skip

    def get(self, kind: str, _id: str) -> dict[str, Any] | None:
        return dict(self.record) if kind == EXPORT else None

    def create(self, _kind: str, _id: str, _record: dict[str, Any]) -> bool:
        return True

    def lease(self, *_: Any) -> bool:
        return True

    def update(self, _kind: str, _id: str, changes: dict[str, Any], **_expected: Any) -> bool:
        self.record.update(changes)
        return True


def run(folder: Path, kind: str, file_format: str, params: dict[str, str]) -> None:
    """Make one report and print its figures; in a process of its own."""
    reporter, jobs, wire = reporter_on(folder, kind, file_format, params)
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    cpu, wall = time.process_time(), time.perf_counter()
    reporter.run("06gzzygm7a5nffgf", lambda: 900.0)
    figures = {
        "type": kind,
        "format": file_format,
        "status": jobs.record["status"],
        "rows": jobs.record.get("recordCount"),
        "wall s": round(time.perf_counter() - wall, 1),
        "cpu s": round(time.process_time() - cpu, 1),
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "MB before": rss,
        **wire.counts,
        **({"error": jobs.record["error"]} if jobs.record["error"] else {}),
    }
    print(json.dumps(figures))


def reporter_on(
    folder: Path, kind: str, file_format: str, params: dict[str, str]
) -> tuple[Reporter, OneRecord, Wire]:
    wire, jobs = Wire(folder), OneRecord(kind, file_format, params)
    variables = {
        "ACCOUNTS_TABLE": "Accounts",
        "REWARDS_TABLE": "Rewards",
        "FILES_BUCKET": "files",
        "PUBLIC_URL": "https://example.com",
        "NOTIFICATION_EMAIL": "ops@example.com",
        "ALLOWED_RECIPIENT_DOMAINS": "example.com",
        "RETENTION_DAYS": "30",
    }
    settings = load(Settings, variables, only={name.lower() for name in variables})
    flows: Any = Flows(settings, client=lambda service, *_: wire.client(service), now=now)
    flows.jobs_table, flows.row_id_keys = jobs, keys
    flows.mailer = SimpleNamespace(send=lambda *_: "id")
    flows.audit_log = SimpleNamespace(add=lambda *_: None)
    return flows.reporter, jobs, wire


def now() -> int:
    return NOW


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.report")
    parser.add_argument("balances", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--type", choices=REPORT_DEFINITIONS, default=REPORT_DEFINITIONS[0])
    parser.add_argument("--format", choices=("CSV", "XLSX", "both"), default="both")
    parser.add_argument("--program", help="only this program's rewards, such as vip-2026")
    parser.add_argument("--pages", type=Path, help="where pages are, or are to be kept")
    parser.add_argument("--here", action="store_true", help="in this process, from the pages there")
    chosen = parser.parse_args(arguments)
    params = {"programId": chosen.program} if chosen.program else {}
    if chosen.here:
        run(chosen.pages, chosen.type, chosen.format, params)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.pages or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "sizes.json").exists():
            write_pages(folder, chosen.balances)
        program = ["--program", chosen.program] if chosen.program else []
        for file_format in ("CSV", "XLSX") if chosen.format == "both" else (chosen.format,):
            here = ["--here", "--pages", folder, "--type", chosen.type, "--format", file_format, *program]
            subprocess.run([sys.executable, "-m", "tests.bench.report", *here], check=True)


if __name__ == "__main__":
    main()
