"""For any balances and any files the import obeys the naive reference beside this file.

REFERENCE_EXAMPLES=5000 tries more, and others every time; without it the examples are always the same ones.
"""

import copy
import csv
import io
import itertools
import json
import os
import zlib
from dataclasses import replace
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rewards.adapters import queue_messages
from rewards.adapters.jobs_table import Lease
from rewards.bootstrap import Flows, Settings
from rewards.domain import ids, units
from rewards.domain.balance import Balance, RedemptionRequest, archive, grant, leaving
from rewards.domain.control_totals import ExpectedTotals, TotalsMismatchError, check_totals
from rewards.domain.import_job import ImportStatus, ImportType, new_import
from rewards.domain.import_rows import NEEDED
from rewards.domain.redemption import Reward
from rewards.domain.repair import NO_REPORTS
from rewards.domain.spreadsheet import neutralise
from rewards.domain.unit_totals import RequestedTotals
from rewards.flows.check_rows import Reading, check_rows
from rewards.flows.validate_import import _Found, _rows_to_send
from rewards.settings import load
from rewards.tabular.csv_reader import read_csv
from rewards.tabular.sheet import Sheet
from tests.builders.row_ids import keys, make_row_id
from tests.integration.conftest import aws, world
from tests.integration.world import quick
from tests.property import reference

__all__ = ["aws", "world"]

DAY = 86_400_000
START = 1_790_000_000_000
MORE = int(os.environ.get("REFERENCE_EXAMPLES", "0"))


def examples(number, here=1.0):
    return settings(
        max_examples=int(MORE * here) or number,
        derandomize=not MORE,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


# --- Any balances, any files ---

ACCOUNTS, USERS = ("acme", "société"), ("ann", "bob", "=cmd", "007")
UNITS = ("POINT", "CASH/USD", "CASH/JPY", "CREDIT/KWD", "USD")
PROGRAMS = ("", "P", "Q")
HEADER = ["accountId", "userId", "unit", "valueToRedeem", "rowId", "programId"]

days = st.integers(-3, 3).map(lambda n: START + n * DAY)
rewards = st.builds(
    reference.Reward,
    id=st.just(""),
    account=st.sampled_from(ACCOUNTS),
    user=st.sampled_from(USERS),
    unit=st.sampled_from(UNITS),
    left=st.one_of(st.integers(1, 30), st.integers(1, 5_000)),
    given=days,
    expires=st.sampled_from([None, None, None, *(START + n * DAY for n in (-1, 0, 1, 1, 2, 3, 3))]),
    scheduled=st.sampled_from([None, None, None, None, None, START - DAY, START, START + DAY]),
    cancelled=st.sampled_from([None, None, None, None, None, None, START - DAY]),
    program=st.sampled_from([None, "P", "Q"]),
).filter(lambda reward: None in (reward.scheduled, reward.expires) or reward.scheduled < reward.expires)
ODD_VALUES = (
    "0", "", " ", "0.00", "-0", "ten", "-5", "+5", " 7 ", "0.001", "0.009", "7.9", "1e3", "NaN", "1,234",
    "1.234", "1,234.56", "1.234,56", "1,234,567", "10,55", "$5", "5 USD",
    "¥3", "€1", "--1", "0x1", ".5", "5.",
    "1.2.3", "9" * 20, "-$2", "12,34", "0,5", "0,000", "1.000",
)  # fmt: skip


@st.composite
def values(draw, left, unit):
    """A cell of valueToRedeem: often near what is left."""
    if draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(ODD_VALUES))
    credits = draw(st.one_of(st.integers(1, max(1, left)), st.integers(1, max(1, left // 3)),
                             st.sampled_from([left, left + 1, left // 2])))  # fmt: skip
    text = reference.shown(credits, unit)
    more = draw(st.sampled_from(["", "", "", "9", "0"]))
    return text + more if "." in text else text + ("." + more if more else "")


@st.composite
def stories(draw):
    """Rewards, the rowIds of some reports, and files at some moments: (now, separator, rows)."""
    held = draw(st.lists(rewards, min_size=1, max_size=9))
    for number, reward in enumerate(held):
        reward.id = f"r{draw(st.integers(0, 9))}{number}"
    row_ids = {}
    keys = sorted({(r.account, r.user, r.unit) for r in held})
    for number, program in enumerate(draw(st.lists(st.sampled_from(PROGRAMS), max_size=2))):
        export = ids.make_id(START - 5 * DAY, number)
        row_ids |= {make_row_id(export, *key, program or None): (*key, program) for key in keys}
    if draw(st.integers(0, 4)) == 0:
        too_early = make_row_id(ids.make_id(START + 99 * DAY, 1), *keys[0], None)
        row_ids[too_early] = ("a report", "of the", "future", "")
    left = {key: sum(r.left for r in held if (r.account, r.user, r.unit) == key) for key in keys}
    files = []
    now = START
    for _ in range(draw(st.integers(1, 3))):
        if files and draw(st.integers(0, 3)) == 0:
            rows = files[-1][2]
        else:
            rows = draw(st.lists(any_row(keys, left, row_ids), min_size=1, max_size=7))
        files.append((now, draw(st.sampled_from(",;\t")), rows, draw(st.integers(0, 5)) == 0))
        now += draw(st.sampled_from([0, 1, DAY]))
    return held, row_ids, files


@st.composite
def any_row(draw, keys, left, row_ids):
    key = draw(st.sampled_from(keys))
    account, user, unit = key
    reported = [whose[3] for whose in row_ids.values() if whose[:3] == key]
    program = draw(st.sampled_from(["", "", "", *reported * 2, "P", "Q", "Z"]))
    change = draw(st.integers(0, 11))
    if change == 0:
        account = draw(st.sampled_from(["", "nobody", *ACCOUNTS]))
    elif change == 1:
        user = draw(st.sampled_from(["", "nobody", *USERS]))
    elif change == 2:
        unit = draw(st.sampled_from(["", "TICKET", *UNITS]))
    fitting = [row_id for row_id, whose in row_ids.items() if whose == (*key, program)]
    strange = [*list(row_ids)[:3], "R" + "X" * 31, "x"]
    row_id = draw(
        st.sampled_from(draw(st.sampled_from([[""], [""], fitting, fitting, fitting, strange])) or [""])
    )
    return reference.Row(account, user, unit, draw(values(left[key], key[2])), row_id, program)


def file_of(rows, separator, number=0):
    """The bytes of a file with these rows; ids as the report writes them, now and then with spaces around."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator)
    writer.writerow(HEADER)
    for place, row in enumerate(rows):
        texts = [neutralise(cell) for cell in (row.account, row.user, row.unit)]
        if (place + number) % 5 == 4:
            texts[1] = texts[1] + " " if texts[1].startswith("'") else f" {texts[1]} "
        writer.writerow([*texts, row.value, row.row_id, row.program])
    return text.getvalue().encode()


def compare(said, outcome, redeemed, left, message):
    """Whether an answer is what the reference says; a text where it is not."""
    problems = []
    if (outcome, redeemed) != (said.outcome, said.redeemed):
        problems.append(f"expected {said.outcome} {said.redeemed}, got {outcome} {redeemed} {message!r}")
    elif said.left is not None and left != said.left:
        problems.append(f"{outcome}: {said.left} are left, told were {left}")
    elif any(name not in message for name in said.names):
        problems.append(f"{outcome}: {said.names} should stand in {message!r}")
    elif not message and outcome != "UNCHANGED":
        problems.append(f"{outcome} without a message")
    return problems


# --- The rules and the worker, with everything stored in memory ---


class Shelf:
    """In place of Accounts, ImportJobs, ChunkRecords and Files; history is used as eagerly as can be."""

    def __init__(self, held):
        self.balances, self.pages, self.results = {}, {}, []
        for reward in held:
            key = (reward.account, reward.user, reward.unit)
            balance = self.balances.setdefault(key, Balance(*key))
            dates = (reward.given, reward.expires, reward.scheduled, reward.cancelled)
            grant(balance, [Reward(0, reward.id, reward.left, reward.left, *dates, reward.program)])

    def read(self, keys, backoff):
        return self.read_now(keys)[0]

    def read_now(self, keys):
        return {key: copy.deepcopy(self.balances[key]) for key in keys if key in self.balances}, set()

    def write(self, changed, now):
        for balance in changed:
            key = (balance.account_id, balance.user_id, balance.unit)
            page = leaving(balance, now)
            archive(balance, page)
            self.pages.setdefault(key, []).append(page)
            self.balances[key] = balance
        return [True] * len(changed)

    def history(self, balance, since, backoff):
        pages = self.pages.get((balance.account_id, balance.user_id, balance.unit), [])
        return [redemption for page in pages for redemption in page.redemptions]

    def units_of(self, account, user, backoff):
        return sorted(unit for a, u, unit in self.balances if (a, u) == (account, user))

    def get(self, import_id):
        return replace(self.job, id=import_id, status=ImportStatus.PROCESSING)

    def lease_chunk(self, *_):
        return Lease.FIRST

    def count_chunk(self, import_id, number, owner, results, *_):
        self.results += results

    def put_part(self, *_):
        pass

    def left(self):
        everything = [(r.id, r.left) for balance in self.balances.values() for r in balance.rewards]
        gone = [(r.id, r.left) for pages in self.pages.values() for page in pages for r in page.rewards]
        return dict(everything + gone)


def imported(shelf, import_id, body, now, preview):
    """The answers to the rows of a file, by line, as validation and worker give them."""
    shelf.results = []
    found = read_csv(io.BufferedReader(io.BytesIO(body)), NEEDED)
    sheet = Sheet(found.header, found.rows, found.separator)
    shelf.job = new_import(import_id, ImportType.REDEMPTIONS, preview, "", "a.csv", now)
    checked = list(check_rows(shelf.job, sheet, keys, NO_REPORTS, {}, {}, RequestedTotals(), Reading()))
    flows = Flows(load(Settings, {"FINISH_QUEUE_URL": "finish"}, only=("finish_queue_url",)), now=lambda: now)
    flows.accounts = flows.import_jobs = flows.chunk_records = flows.files = shelf
    flows.queues = flows.loader = flows.reverser = None
    worker = flows.chunk_processor
    requests = [row for row in checked if isinstance(row, RedemptionRequest)]
    for chunk in queue_messages.chunk_bodies(import_id, preview, requests):
        worker.run(queue_messages.decode_chunks(chunk), quick())
        if not preview:
            results = list(shelf.results)
            # Delivered twice: the same answers, nothing more.
            worker.run(queue_messages.decode_chunks(chunk), quick())
            again, shelf.results = shelf.results[len(results) :], results
            assert [(a.line, a.outcome, a.redeemed) for a in again] == [
                (a.line, a.outcome, a.redeemed) for a in results[-len(again) :]
            ]
    return sorted(
        [row for row in checked if not isinstance(row, RedemptionRequest)] + shelf.results,
        key=lambda a: a.line,
    )


@examples(250)
@given(stories())
def test_outcomes_values_and_what_is_left_obey_the_reference(story):
    held, row_ids, files = story
    shelf, ledger_model = Shelf(held), reference.LedgerModel(copy.deepcopy(held), row_ids)
    paid = {}
    for number, (now, separator, rows, preview) in enumerate(files):
        import_id = ids.make_id(now, number)
        expected = ledger_model.upload(import_id, rows, now, separator, preview)
        results = imported(shelf, import_id, file_of(rows, separator, number), now, preview)
        assert [a.line for a in results] == list(range(2, len(rows) + 2))
        problems = [
            f"file {number} line {a.line} {row}: {problem}"
            for row, said, a in zip(rows, expected, results, strict=True)
            for problem in compare(said, a.outcome, a.redeemed, a.available, a.message)
        ]
        assert not problems, "\n".join(problems)
        assert shelf.left() == {reward.id: reward.left for reward in ledger_model.rewards}
        for result in results:
            if result.redeemed and not preview:
                paid[result.unit] = paid.get(result.unit, 0) + result.redeemed
    assert paid == ledger_model.paid
    assert sum(paid.values()) == sum(r.left for r in held) - sum(shelf.left().values())


@examples(300)
@given(st.text("0123456789.,+- $¥eE'x", max_size=9), st.sampled_from(UNITS), st.sampled_from(",;"))
def test_any_text_in_a_value_is_read_as_the_reference_reads_it(text, unit, separator):
    if "'" in text or " " in text.strip("+- $¥"):
        return  # apostrophes and spaces between thousands: the reference keeps out of it
    held = [reference.Reward("r1", "acme", "ann", unit, 10**15, START)]
    shelf, ledger_model = Shelf(held), reference.LedgerModel(copy.deepcopy(held), {})
    row = reference.Row("acme", "ann", unit, text)
    (said,) = ledger_model.upload(ids.make_id(START, 1), [row], START, separator)
    (result,) = imported(shelf, ids.make_id(START, 1), file_of([row], separator), START, preview=False)
    assert not compare(said, result.outcome, result.redeemed, result.available, result.message)


@examples(200)
@given(stories())
def test_control_totals_equal_a_naive_count(story):
    held, _, files = story
    for now, separator, rows, preview in files:
        shelf = Shelf(held)
        mark = reference.file_mark([row.value for row in rows])
        values = [reference.read(row.value, row.unit, separator, mark) for row in rows]
        right = {}
        for row, value in zip(rows, values, strict=True):
            if row.unit and value is not None and value > 0:
                credits = int(value * 10 ** reference.DECIMALS.get(row.unit, 0))
                right[row.unit] = right.get(row.unit, 0) + credits
        source = read_csv(io.BufferedReader(io.BytesIO(file_of(rows, separator))), NEEDED)
        sheet = Sheet(source.header, source.rows, source.separator)
        shelf.job = new_import("i", ImportType.REDEMPTIONS, preview, "", "a.csv", now)
        found = _Found(mock.Mock(), RequestedTotals(frozenset(right)))
        checked = check_rows(shelf.job, sheet, keys, NO_REPORTS, {}, {}, found.totals, Reading())
        list(_rows_to_send(checked, found, Reading()))
        expected = ExpectedTotals(sum(value != 0 for value in values), right)
        check_totals(expected, found.rows_with_value, found.totals)
        with pytest.raises(TotalsMismatchError):
            check_totals(ExpectedTotals(expected.rows + 1), found.rows_with_value, found.totals)


# --- The same through emulated AWS ---

_worlds = []
_numbers = itertools.count()


def stored(held, prefix, now):
    """The rewards as rows to load; every example has accounts of its own in the one world."""
    return [
        {
            "id": prefix + r.id,
            "user.accountId": prefix + r.account,
            "user.id": r.user,
            "unit": r.unit,
            "assignedCredit": r.left,
            "programId": r.program or "",
            **{
                name: date + now - START
                for name, date in (("dateGiven", r.given), ("dateExpires", r.expires),
                                   ("dateScheduledFor", r.scheduled), ("dateCancelled", r.cancelled))
                if date is not None
            },
        }
        for r in held
    ]  # fmt: skip


@examples(8, here=0.02)
@given(stories())
def test_the_same_through_every_table_queue_and_file(request, story):
    if not _worlds:
        _worlds.append(request.getfixturevalue("world"))
    world = _worlds[0]
    held, row_ids, files = copy.deepcopy(story)
    prefix = f"{next(_numbers)}-"
    world.now.ahead = 0
    start = world.now() + DAY // 2  # half a day off every date, so that seconds make no difference
    assert set(world.load(stored(held, prefix, start - DAY // 2))["outcomes"]) == {"LOADED"}
    for reward in held:
        reward.account = prefix + reward.account
    renamed = {}
    for number, (row_id, (account, *rest)) in enumerate(row_ids.items()):
        export = ids.make_id(START - 30 * DAY, zlib.crc32(f"{prefix}{number}".encode()))
        renamed[row_id] = make_row_id(export, prefix + account, *rest[:2], rest[2] or None)
    ledger_model = reference.LedgerModel(
        held, {renamed[row_id]: (prefix + account, *rest) for row_id, (account, *rest) in row_ids.items()}
    )
    for number, (now, separator, rows, preview) in enumerate(files):
        for row in [] if any(row.account.startswith(prefix) for row in rows) else rows:
            row.account, row.row_id = (
                row.account and prefix + row.account,
                renamed.get(row.row_id, row.row_id),
            )
        world.now.ahead = now - START + DAY // 2
        body = file_of(rows, separator)
        where = "preview" if preview else "redemptions"
        record = world.upload(f"{where}/{prefix}{number}.csv", body)
        earlier = ledger_model.duplicate_of(rows, now + DAY // 2, separator)
        if earlier is not None:
            assert record["error"]["code"] == "DUPLICATE_FILE", "the same rows came again without rowIds"
            assert earlier in record["error"]["message"]
            continue
        expected = ledger_model.upload(record["id"], rows, now + DAY // 2, separator, preview)
        assert record["status"] == "COMPLETED", record["error"]
        check_record(world, record, rows, expected, separator)
        for key in {(r.account, r.user, r.unit) for r in held}:
            mine = [r for r in held if (r.account, r.user, r.unit) == key]
            left = sum(r.left for r in mine if r.is_available(now + DAY // 2))
            assert world.available(*key) == left, key


def check_record(world, record, rows, expected, separator):
    """The results, the counts and the totals of an import."""
    text = world.bytes(f"imports/{record['id']}/results.csv").decode("utf-8-sig")
    results = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator))
    problems = []
    for row, said, found in zip(rows, expected, results, strict=True):
        left = None if said.left is None else reference.shown(said.left, row.unit)
        told = found["remainingValue"] if left is None else left
        redeemed = reference.shown(said.redeemed or 0, row.unit)
        if (found["outcome"], found["redeemedValue"], found["remainingValue"]) != (
            said.outcome,
            redeemed,
            told,
        ):
            problems.append(f"{row}: expected {said}, got {found}")
    assert not problems, "\n".join(problems)
    counts, totals = {}, {}
    for row, said in zip(rows, expected, strict=True):
        counts[said.outcome] = counts.get(said.outcome, 0) + 1
        if said.redeemed:
            totals[row.unit] = totals.get(row.unit, 0) + said.redeemed
    assert json.loads(json.dumps(record["outcomes"], default=int)) == counts
    assert {unit: credits for unit, credits in record["redeemed"].items() if credits} == totals
    assert record["rows"] == record["processed"] == len(rows)


@pytest.mark.parametrize("unit", UNITS)
def test_the_reference_knows_the_decimals_of_its_units(unit):
    assert units.decimals(unit) == reference.DECIMALS[unit]
