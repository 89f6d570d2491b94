"""Imports of the deployed stack whose workers are killed, whose messages come twice, whose dead are redriven.

One story, then an audit of what is left. The audit knows the contract and shares no code with the product.
"""

import csv
import io
import json
import os
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from rewards.domain.result_columns import RESULT_COLUMNS
from tests.e2e.conftest import links
from tests.e2e.workers import FUNCTIONS, Killer, kernel_tells

pytestmark = pytest.mark.skipif(
    not kernel_tells(), reason="this kernel does not tell what a process waits for"
)

SEEDS = [int(os.environ.get("SEED", "1"))]
BALANCES = 400
DECIMALS = {"POINT": 0, "CASH/USD": 2}
VISIBILITY_SECONDS = (
    4  # a chunk takes one; until its message is back, the lease of a dead worker has been ended
)

Balance = tuple[str, str, str]


@dataclass(frozen=True)
class Reward:
    id: str
    balance: Balance
    assigned: int
    expires: int | None

    @property
    def row(self) -> list[Any]:
        account, user, unit = self.balance
        return [self.id, "CREDIT", unit, self.assigned, user, account, self.expires]


@dataclass(frozen=True)
class Row:
    """A row of results.csv, as the audit reads it."""

    file: str
    line: int
    balance: Balance
    asked: int
    row_id: str | None
    outcome: str
    redeemed: int
    remaining: str
    message: str


@dataclass
class Story:
    """What was uploaded, what was done to it, and what came out."""

    rewards: list[Reward]
    uploads: dict[str, list[list[str]]]
    kills: Mapping[str, int] = field(default_factory=dict)
    leases_of_the_dead: int = 0
    copies: int = 0
    moved_back: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    records: dict[str, Any] = field(default_factory=dict)
    results: dict[str, list[list[str]]] = field(default_factory=dict)
    redeemed: dict[str, int] = field(default_factory=dict)  # of each reward
    after_copies: Any = None

    def rows(self) -> Iterable[Row]:
        for name, (header, *rows) in self.results.items():
            if name != "more.csv":
                for row in rows:
                    cells = dict(zip(header[:-6], row, strict=False))
                    line, _, outcome, redeemed, remaining, message = row[-6:]
                    unit = cells["unit"]
                    yield Row(
                        name,
                        int(line),
                        (cells["accountId"], cells["userId"], unit),
                        steps(cells["valueToRedeem"], unit),
                        cells.get("rowId"),
                        outcome,
                        steps(redeemed, unit),
                        remaining,
                        message,
                    )


def steps(value: str, unit: str) -> int:
    shifted = Decimal(value).scaleb(DECIMALS[unit])
    assert shifted == int(shifted), value
    return int(shifted)


def shown(credits: int, unit: str) -> str:
    return str(Decimal(credits).scaleb(-DECIMALS[unit]))


def table(header: list[str], rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue()


class Teller:
    """Makes the story happen on a deployed stack."""

    def __init__(self, service: Any, seed: int) -> None:
        self.service = service
        self.local = service.local
        self.chance = random.Random(seed)
        self.sqs = self.local.aws.client("sqs")
        self.queue = self.local.resources["RedemptionQueue"]
        self.dead = self.local.resources["DeadLetterQueue"]
        self.killer = Killer(self.local, self.chance)
        self.bodies: set[str] = set()
        self.copies = 0
        self.next_wave = 0.0

    def run(self) -> Story:
        rewards = self.some_rewards()
        header = ["id", "type", "unit", "assignedCredit", "user.id", "user.accountId", "dateExpires"]
        first = [reward for reward in rewards if reward.expires]
        loaded = self.service.upload("rewards/rewards.csv", table(header, (each.row for each in first)))
        assert loaded["stats"]["outcomes"] == {"LOADED": len(first)}
        story = Story(rewards, self.filled_in(first))
        story.uploads["more.csv"] = [header] + [
            [str(cell or "") for cell in reward.row] for reward in rewards if not reward.expires
        ]
        self.local.hasten_redelivery(VISIBILITY_SECONDS)
        self.deliver_at_most(2)
        self.listen_to_dead_letters(False)

        for name in self.chance.sample(sorted(story.uploads), len(story.uploads)):
            self.upload(story, name)
        # Validation is tried three times, finishing five: so many may die without a dead letter.
        self.killer.wanted.update(ValidateFunction=2, FinishFunction=2)
        self.killer.until(lambda: self.enough_have_died(story))
        self.killer.wanted["RedeemFunction"] = 0
        self.killer.until(lambda: self.all_validated(story) and self.is_empty(self.queue))

        self.deliver_at_most(5)  # as deployed
        self.killer.wanted["RedeemFunction"] = 1
        self.move_dead_letters(story)
        self.killer.until(lambda: self.is_empty(self.queue))
        self.listen_to_dead_letters(True)
        self.killer.until(lambda: self.mails(story).keys() == story.uploads.keys() and self.is_quiet())

        story.kills, story.leases_of_the_dead = self.killer.kills, self.killer.leases_of_the_dead
        story.copies = self.copies
        self.collect(story)
        self.killer.end_all_leases()
        for body in sorted(self.bodies):
            self.sqs.send_message(QueueUrl=self.queue, MessageBody=body)
        self.killer.wanted.clear()
        self.killer.until(self.is_quiet)
        story.after_copies = (self.records(story), self.redeemed())
        return story

    def some_rewards(self) -> list[Reward]:
        """Of each balance one to three that expire, in no order; of some, one more to be granted meanwhile.

        That one never expires, so it is redeemed last: the redemption order does not
        hang on when it comes.
        """
        rewards = []
        for n in range(BALANCES):
            # Letters like these fill a message soon, so that there are more of them.
            balance = (
                f"Söhne & Müller, Beteiligungsgesellschaft {n % 40}",
                f"zoë.{n}@example.com",
                "POINT" if n % 3 else "CASH/USD",
            )
            for each in range(self.chance.randint(1, 3)):
                expires = 4_000_000_000_000 + self.chance.randrange(10**9)
                rewards.append(Reward(f"r{n}-{each}", balance, self.chance.randint(10, 60), expires))
            if n % 4 == 0:
                rewards.append(Reward(f"r{n}-more", balance, self.chance.randint(10, 60), None))
        return rewards

    def filled_in(self, rewards: list[Reward]) -> dict[str, list[list[str]]]:
        """Several rows a balance in separate files; altogether some balances do not have as much."""
        uploads = {}
        for name in ("first.csv", "second.csv"):
            header, *rows = self.report("REDEEMABLE_REWARD_BALANCE")
            unit, value = header.index("unit"), header.index("valueToRedeem")
            for row in rows:
                row[value] = shown(self.chance.choice((0, *range(1, 50))), row[unit])
            assert len(rows) == BALANCES
            uploads[name] = [header, *rows]
        header, *rows = uploads["first.csv"]
        uploads["first again.csv"] = [header, *self.chance.sample(rows, len(rows))]
        uploads["without rowId.csv"] = self.without_row_ids(rewards)
        return uploads

    def without_row_ids(self, rewards: list[Reward]) -> list[list[str]]:
        balances = dict.fromkeys(reward.balance for reward in rewards)
        rows = [[*each, shown(self.chance.randint(1, 60), each[2])] for each in balances]
        return [["accountId", "userId", "unit", "valueToRedeem"], *rows]

    def report(self, kind: str) -> list[list[str]]:
        export_id = self.service.call("POST", "/export", {"type": kind}).json["id"]
        self.service.wait(lambda: self.service.ended(f"/export/{export_id}"))
        link = self.service.call("GET", f"/export/{export_id}/download").headers["Location"]
        return read(self.service.open_link(link))

    def deliver_at_most(self, times: int) -> None:
        """After so many deliveries a chunk is a dead letter."""
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["RedrivePolicy"])
        policy = {**json.loads(found["Attributes"]["RedrivePolicy"]), "maxReceiveCount": times}
        self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"RedrivePolicy": json.dumps(policy)})

    def listen_to_dead_letters(self, listen: bool) -> None:
        client = self.local.aws.client("lambda")
        (source,) = [
            each["UUID"]
            for each in client.list_event_source_mappings()["EventSourceMappings"]
            if each["EventSourceArn"].endswith(self.dead.rpartition("/")[2])
        ]
        client.update_event_source_mapping(UUID=source, Enabled=listen)

    def upload(self, story: Story, name: str) -> None:
        prefix = "rewards" if name == "more.csv" else "redemptions"
        body = table(story.uploads[name][0], story.uploads[name][1:]).encode()
        self.service.s3.put_object(Bucket=self.local.upload_bucket, Key=f"{prefix}/{name}", Body=body)

    def enough_have_died(self, story: Story) -> bool:
        """Whether chunks are dead, for which the messages of workers that died have to meet death again.

        So workers die in waves, as far apart as it takes a message to come back. When all work is done
        before enough have died, there is another file.
        """
        self.send_copies()
        if self.is_empty(self.queue) and self.all_validated(story):
            name = f"without rowId {len(story.uploads)}.csv"
            story.uploads[name] = self.without_row_ids(story.rewards)
            self.upload(story, name)
        if self.killer.wanted["RedeemFunction"] == 0 and time.monotonic() > self.next_wave:
            self.killer.wanted["RedeemFunction"] = 4
            self.next_wave = time.monotonic() + VISIBILITY_SECONDS
        has_died = self.killer.kills["RedeemFunction"] > 4 and self.killer.leases_of_the_dead > 0
        return has_died and self.copies > 0 and self.waiting(self.dead)[0] >= 2

    def send_copies(self) -> None:
        """Take what waits, and send it again, in another order: once, or twice until there are some."""
        if self.copies < 5:
            found = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
            for message in self.chance.sample(found, len(found)):
                self.bodies.add(message["Body"])
                more = self.chance.randint(0, 1)
                self.copies += more
                for _ in range(1 + more):
                    self.sqs.send_message(QueueUrl=self.queue, MessageBody=message["Body"])
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])

    def move_dead_letters(self, story: Story) -> None:
        """Some go back to be redeemed, what start-message-move-task does on AWS; the others are left."""
        letters: dict[str, Any] = {}

        def all_received() -> bool:
            found = self.sqs.receive_message(QueueUrl=self.dead, MaxNumberOfMessages=10, VisibilityTimeout=60)
            letters.update((each["MessageId"], each) for each in found.get("Messages", []))
            return self.waiting(self.dead)[0] == 0

        self.service.wait(all_received)
        for place, letter in enumerate(self.chance.sample(sorted(letters.values(), key=str), len(letters))):
            self.bodies.add(letter["Body"])
            if place % 2:
                story.moved_back.append(letter["Body"])
                self.sqs.send_message(QueueUrl=self.queue, MessageBody=letter["Body"])
                self.sqs.delete_message(QueueUrl=self.dead, ReceiptHandle=letter["ReceiptHandle"])
            else:
                story.failed.append(letter["Body"])
                self.sqs.change_message_visibility(
                    QueueUrl=self.dead, ReceiptHandle=letter["ReceiptHandle"], VisibilityTimeout=0
                )

    def waiting(self, queue: str) -> tuple[int, int]:
        """How many messages can be received, and how many are with somebody."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])

    def is_empty(self, queue: str) -> bool:
        return self.waiting(queue) == (0, 0)

    def is_quiet(self) -> bool:
        """Whether nothing is under way, but for copies that were requeued for a minute."""
        finish = self.local.resources["FinishQueue"]
        return all(self.is_empty(queue) for queue in (self.queue, finish, self.dead))

    def records(self, story: Story) -> dict[str, Any]:
        return {
            each["fileName"]: each for each in self.service.imports() if each["fileName"] in story.uploads
        }

    def all_validated(self, story: Story) -> bool:
        records = self.records(story)
        return len(records) == len(story.uploads) and all(
            each["status"] != "VALIDATING" for each in records.values()
        )

    def mails(self, story: Story) -> dict[str, Any]:
        records, outbox = self.records(story), self.local.aws.outbox()
        return {
            name: mail for name, record in records.items() for mail in outbox if record["id"] in mail.text
        }

    def redeemed(self) -> dict[str, int]:
        header, *rows = self.report("REWARD")
        place = header.index("redeemedCredit")
        return {row[0]: int(row[place]) for row in rows}

    def collect(self, story: Story) -> None:
        story.records = self.records(story)
        for name, mail in self.mails(story).items():
            story.results[name] = read(self.service.open_link(links(mail)[0]))
        story.redeemed = self.redeemed()


def granted(story: Story) -> list[Reward]:
    """All but those whose row was not processed."""
    _, *rows = story.results["more.csv"]
    rejected = {row[0] for row in rows if row[-4] != "LOADED"}
    return [reward for reward in story.rewards if reward.id not in rejected]


def file_of(story: Story, import_id: str) -> str:
    return next(name for name, record in story.records.items() if record["id"] == import_id)


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


@pytest.fixture(scope="module", params=SEEDS, ids=lambda seed: f"SEED={seed}")
def story(request, service):
    return Teller(service, request.param).run()


def test_workers_of_every_function_died_at_work(story):
    assert all(story.kills[function] > 0 for function in FUNCTIONS), story.kills
    assert story.leases_of_the_dead > 0


def test_messages_came_twice_and_dead_letters_went_both_ways(story):
    assert story.copies > 0
    assert story.moved_back
    assert story.failed


def test_every_import_ended_with_an_email(story):
    assert story.records.keys() == story.results.keys() == story.uploads.keys()
    assert {record["status"] for record in story.records.values()} == {"COMPLETED"}


def test_every_row_has_one_answer_in_the_files_order(story):
    for name, (header, *rows) in story.uploads.items():
        found, *results = story.results[name]
        assert found == [*header, *RESULT_COLUMNS]
        assert [row[:-6] for row in results] == rows
        # A row that was redeemed earlier names that redemption.
        lines = [int(row[-6]) for row in results if row[-4] != "ALREADY_REDEEMED"]
        assert lines == sorted(set(lines))
        assert all(row[-4] for row in results)


def test_the_counts_are_those_of_the_rows(story):
    outcomes, redeemed = defaultdict(Counter), defaultdict(Counter)
    for row in story.rows():
        outcomes[row.file][row.outcome] += 1
        redeemed[row.file][row.balance[2]] += row.redeemed
    outcomes["more.csv"] = Counter(row[-4] for row in story.results["more.csv"][1:])
    for name, record in story.records.items():
        rows = len(story.uploads[name]) - 1
        stats = dict(record["stats"])
        decimals, warnings = stats.pop("decimals"), stats.pop("warnings")
        assert sum(group["rows"] for group in stats.pop("summary")) == rows
        assert warnings.keys() <= {"NO_ROW_ID", "REPEATED_VALUE", "REPORT_OUTDATED"}
        requested, rejected = stats.pop("requested"), stats.pop("rejected")
        assert set(decimals) == set(stats["redeemed"]) | set(requested)
        for unit, credits in requested.items() if record["type"] != "REWARD" else ():
            rest = credits - rejected.get(unit, 0) - stats["redeemed"].get(unit, 0)
            # The rest was redeemed by an earlier import.
            assert rest == 0 or (rest > 0 and stats["outcomes"].get("ALREADY_REDEEMED"))
        assert stats == {
            "rows": rows,
            "processed": rows,
            "outcomes": dict(outcomes[name]),
            "redeemed": {unit: credits for unit, credits in redeemed[name].items() if credits},
        }


def test_no_row_id_is_redeemed_twice(story):
    times = Counter(row.row_id for row in story.rows() if row.row_id and row.outcome == "REDEEMED")
    assert times
    assert set(times.values()) == {1}


def test_each_balance_lost_what_its_rows_say_reward_by_reward_soonest_expiry_first(story):
    taken = Counter()
    for row in story.rows():
        assert row.redeemed == (row.asked if row.outcome == "REDEEMED" else 0), row
        taken[row.balance] += row.redeemed
    left = taken.copy()
    for reward in sorted(granted(story), key=lambda each: (each.expires or float("inf"), each.id)):
        spent = min(left[reward.balance], reward.assigned)
        assert story.redeemed[reward.id] == spent, (reward, taken[reward.balance])
        left[reward.balance] -= spent
    assert not any(left.values())
    assert len(story.redeemed) == len(granted(story))


def test_each_reward_gave_what_the_rows_messages_say(story):
    said = Counter()
    for row in story.rows():
        parts = re.findall(r"([\d.]+) from (\S+?)(?=;|$)", row.message)
        if row.outcome == "REDEEMED":
            credits = {reward: steps(value, row.balance[2]) for value, reward in parts}
            assert sum(credits.values()) == row.redeemed, row
            said.update(credits)
    assert said == {reward: credits for reward, credits in story.redeemed.items() if credits}


def test_a_row_was_rejected_for_a_reason_only(story):
    rows = list(story.rows())
    redeemed = {(row.row_id, row.file) for row in rows if row.outcome == "REDEEMED"}
    dead = {
        (file_of(story, letter["importId"]), cells[0])
        for letter in map(json.loads, story.moved_back + story.failed)
        if letter["kind"] == "redeem"
        for cells in letter["rows"]
    }
    left = Counter()
    for reward in granted(story):
        if reward.expires:
            left[reward.balance] += reward.assigned - story.redeemed[reward.id]
    copies = {"first.csv": "first again.csv", "first again.csv": "first.csv"}
    for row in rows:
        match row.outcome:
            case "UNCHANGED":
                assert row.asked == 0, row
            case "REDEEMED":
                assert row.asked > 0, row
            case "ALREADY_REDEEMED":
                assert (row.row_id, copies.get(row.file)) in redeemed, row
            case "INSUFFICIENT_BALANCE":  # what was there to begin with can only have grown less
                assert steps(row.remaining, row.balance[2]) < row.asked, row
                assert left[row.balance] < row.asked, row
            case "NOT_PROCESSED":
                assert (row.file, row.line) in dead, row
            case _:
                raise AssertionError(row)


def test_what_the_api_shows_is_what_the_report_says(story, service):
    for reward in story.rewards[:30:6]:
        account, user, _ = reward.balance
        asked = urlencode({"accountId": account, "userId": user})
        (balance,) = service.call("GET", f"/reward/balance?{asked}").json
        mine = [each for each in granted(story) if each.balance == reward.balance]
        assert balance["totalAssignedCredit"] == sum(each.assigned for each in mine)
        assert balance["totalRedeemedCredit"] == sum(story.redeemed[each.id] for each in mine)


def test_copies_that_come_after_the_end_change_nothing(story):
    records, redeemed = story.after_copies
    assert redeemed == story.redeemed
    assert {name: record["status"] for name, record in records.items()} == dict.fromkeys(records, "COMPLETED")
    assert [record["stats"] for record in records.values()] == [
        story.records[name]["stats"] for name in records
    ]
