"""The three reports on an emulated AWS: loaded again, cut short, delivered twice, raced."""

import csv
import errno
import io
import threading

import pytest
from openpyxl import load_workbook

from rewards.adapters.errors import LeaseTakenError
from rewards.adapters.jobs_table import EXPORT
from rewards.domain.balance import RedemptionRequest, grant, redeem
from rewards.domain.object_keys import report_key
from rewards.domain.redemption import Reward
from rewards.domain.report import (
    BALANCE_COLUMNS,
    BALANCES,
    REDEEMABLE,
    REPORT_DEFINITIONS,
    REWARD_COLUMNS,
    REWARDS,
)
from rewards.domain.reward_rows import PARTICIPANT_FACTS
from rewards.flows import create_report, leases
from rewards.tabular import xlsx_writer
from rewards.tabular.external_sort import ExternalSort
from tests.builders.files import row, sheet
from tests.builders.moments import DAY
from tests.integration.world import AGAIN

AWKWARD = [
    "=cmd",
    "'=cmd",
    "'",
    "-1",
    "+49",
    "@x",
    "007",
    "line\nbreak",
    '"quoted", \\',
    "a#b%23",
    "emoji \U0001f600",
]


def rewards_of_all_kinds(now):
    dates = {"dateGiven": now - 9 * DAY, "dateExpires": now + DAY}
    return [
        {"id": "r1", "assignedCredit": 100, "redeemedCredit": 40, "programId": "P", "name": "Gift", **dates},
        {"id": "r2", "assignedCredit": 7, "dateScheduledFor": now + DAY, "rewardSource": "MANUAL"},
        {"id": "r3", "assignedCredit": 9, "dateCancelled": now - DAY, "dateExpires": now + 9 * DAY},
        {"id": "r4", "assignedCredit": 5, "dateExpires": now - DAY, "unit": "CASH/USD"},
        *(
            {
                "id": key, "assignedCredit": 3, "user.id": key, "user.accountId": key, "unit": f"U{key}",
                "programId": key, "name": text, "rewardSource": text,
                "user": dict.fromkeys(PARTICIPANT_FACTS, text),
            }
            for text in AWKWARD
            for key in [text.replace("\n", " ")]  # an id cannot have a line break
        ),
    ]  # fmt: skip


def test_the_reward_report_loaded_into_another_stack_gives_the_same_report(world, another_world):
    world.load(rewards_of_all_kinds(world.now()))
    first = world.export(REWARDS, "CSV")
    file = world.bytes(report_key(first["id"], "CSV", REWARDS))
    loaded = another_world.upload("rewards/reward-details.csv", file)
    assert loaded["outcomes"] == {"LOADED": 4 + len(AWKWARD)}
    second = another_world.export(REWARDS, "CSV")
    assert another_world.bytes(report_key(second["id"], "CSV", REWARDS)) == file
    assert first["totals"] == second["totals"]
    assert world.balance("=cmd", "=cmd", "U=cmd").rewards[0].program_id == "=cmd"


def test_the_reward_report_loaded_into_the_same_stack_changes_nothing(world):
    world.load(rewards_of_all_kinds(world.now()))
    export = world.export(REWARDS, "CSV")
    file = world.bytes(report_key(export["id"], "CSV", REWARDS))
    assert not file.startswith(b"\xef\xbb\xbf")
    assert world.upload("rewards/a.csv", file)["outcomes"] == {"UNCHANGED": 4 + len(AWKWARD)}


def test_every_reward_is_in_the_report_once_also_when_it_went_to_history(world):
    ids = [f"reward-with-a-long-name-{number:03d}" for number in range(90)]
    world.load([{"id": each, "assignedCredit": 10, "programId": "P", "name": f"N {each}"} for each in ids])
    for number in range(6):
        world.upload(f"redemptions/{number}.csv", sheet([row("100")]), **AGAIN)
    balance = world.balance()
    assert balance.archived.count > 30, "otherwise this test shows nothing"
    shown = world.report(REWARDS)
    assert list(shown[0]) == list(REWARD_COLUMNS)
    assert [each["id"] for each in shown] == ids
    assert {each["name"] for each in shown} == {f"N {each}" for each in ids}
    assert sum(int(each["redeemedCredit"]) for each in shown) == 600
    (whole,), (of_program,) = world.report(BALANCES), world.report(BALANCES, programId="P")
    assert whole == of_program
    assert (whole["amount"], whole["totalAssignedCredit"], whole["totalRedeemedCredit"]) == (
        "300",
        "900",
        "600",
    )
    assert world.report(BALANCES, programId="Q") == []


def test_reward_balances_show_every_balance(world):
    world.load([{"id": "a", "assignedCredit": 5, "user": {"email": "ann@x.com"}}])
    world.load([{"id": "b", "assignedCredit": 1055, "unit": "CASH/USD", "dateExpires": world.now() - DAY}])
    export = world.export(BALANCES, "CSV")
    file = world.bytes(report_key(export["id"], "CSV", BALANCES)).decode()
    assert file.splitlines() == [
        ",".join(BALANCE_COLUMNS),
        "ann,acme,CREDIT,CASH/USD,0,1055,0,1055,ann@x.com,,",
        "ann,acme,CREDIT,POINT,5,5,0,0,ann@x.com,,",
    ]
    assert (export["recordCount"], export["totals"]) == (2, {"CASH/USD": 0, "POINT": 5})


@pytest.mark.parametrize("kind", [BALANCES, REWARDS])
def test_a_workbook_says_the_same_as_the_csv_file(world, kind):
    world.load(rewards_of_all_kinds(world.now()))
    export = world.export(kind, "XLSX")
    book = load_workbook(io.BytesIO(world.bytes(report_key(export["id"], "XLSX", kind))))
    header, *rows = [["" if c is None else str(c) for c in line] for line in book.active.values]
    assert header == list(REPORT_DEFINITIONS[kind].columns)
    assert rows == [list(line.values()) for line in world.report(kind)]


def test_an_order_has_the_name_of_its_report(world):
    orders = [world.exports.create(kind, "CSV", "", "test", {}) for kind in REPORT_DEFINITIONS]
    assert [order.name for order in orders] == [
        "Available reward balances by user",
        "Reward balances by user",
        "Reward details",
    ]


def files_of(world, export):
    listed = world.s3.list_objects_v2(Bucket=world.names["files"], Prefix=f"exports/{export.id}/")
    return [found["Key"].rpartition("/")[2] for found in listed.get("Contents", [])]


def test_a_report_that_cannot_be_made_in_time_says_so_once_and_is_not_tried_again(world):
    world.load([{"id": "a", "assignedCredit": 5}])
    order = world.exports.create(REDEEMABLE, "XLSX", "", "test", {})
    (body,) = world.take("export")
    world.reporter.run(order.id, lambda: 15.0)
    record = world.jobs_table.get(EXPORT, order.id)
    assert (record["status"], record["error"]["code"]) == ("ABORTED", "REPORT_TOO_LARGE")
    for word in ("time", "as CSV", "one unit or one program"):
        assert word in record["error"]["message"]
    world.deliver("export", body)
    assert world.jobs_table.get(EXPORT, order.id) == record
    assert files_of(world, order) == []
    ((_, email),) = [sent for sent in world.mailer.sent if sent[1].subject.startswith("Report")]
    assert record["error"]["message"] in email.text


def test_time_that_runs_out_while_rows_are_written_leaves_no_file(world, monkeypatch):
    world.load([{"id": f"r{n}", "assignedCredit": 5, "user.id": f"u{n}"} for n in range(6)])
    monkeypatch.setattr(create_report, "_AT_A_TIME", 2)
    order = world.exports.create(REDEEMABLE, "CSV", "", "test", {})
    looks = iter([60.0] * 6)  # four pages, two times two rows
    world.reporter.run(order.id, lambda: next(looks, 1.0))
    record = world.jobs_table.get(EXPORT, order.id)
    assert record["error"]["code"] == "REPORT_TOO_LARGE"
    assert files_of(world, order) == []
    assert not world.s3.list_multipart_uploads(Bucket=world.names["files"]).get("Uploads")


def test_a_workbook_beyond_the_limit_of_rows_says_so_and_csv_works(world, monkeypatch):
    monkeypatch.setattr(create_report, "MAX_WORKBOOK_ROWS", 1)
    world.load([{"id": "a", "assignedCredit": 5}, {"id": "b", "assignedCredit": 5, "unit": "CENTS"}])
    record = world.export(REDEEMABLE, "XLSX")
    assert record["error"]["code"] == "REPORT_TOO_LARGE"
    assert "2 rows" in record["error"]["message"]
    assert "as CSV" in record["error"]["message"]
    assert world.export(REDEEMABLE, "CSV")["recordCount"] == 2
    assert world.export(REDEEMABLE, "XLSX", unit="CENTS")["recordCount"] == 1


def test_a_workbook_for_some_participants_is_limited_by_the_rows_that_it_has(world, monkeypatch):
    monkeypatch.setattr(create_report, "MAX_WORKBOOK_ROWS", 1)
    vip = {"user": {"segments": "vip"}}
    world.load([{"id": "a", "assignedCredit": 5, **vip}, {"id": "b", "assignedCredit": 5, "user.id": "bob"}])
    assert world.export(REDEEMABLE, "XLSX", segments=["vip"])["recordCount"] == 1
    record = world.export(REDEEMABLE, "XLSX", blocked="EXCLUDE")
    assert record["error"]["code"] == "REPORT_TOO_LARGE"
    assert "more than 1 rows" in record["error"]["message"]


@pytest.mark.parametrize("file_format", ["CSV", "XLSX"])
def test_a_prefilled_report_redeems_what_does_not_expire_before_the_moment(world, file_format):
    """Uploaded as it is, each row redeems its whole available value, with the unit's decimals."""
    soon, later = {"dateExpires": world.now() + DAY}, {"dateExpires": world.now() + 9 * DAY}
    units = {"CASH/USD": 123_450, "CREDIT/KWD": 1_234_567, "JPY": 1_234, "POINT": 1_234}
    world.load(
        [{"id": f"a-{unit}", "unit": unit, "assignedCredit": 7, **soon} for unit in units]
        + [
            {"id": f"b-{unit}", "unit": unit, "assignedCredit": credits, **later}
            for unit, credits in units.items()
        ]
    )
    until = world.now() + 2 * DAY
    export = world.export(REDEEMABLE, file_format, prefill="AVAILABLE", availableUntil=until)
    assert export["totals"] == units
    file = world.bytes(report_key(export["id"], file_format, REDEEMABLE))
    done = world.upload(f"redemptions/paid.{file_format.lower()}", file)
    assert done["outcomes"] == {"REDEEMED": len(units)}
    assert done["redeemed"] == units
    assert {world.available("acme", "ann", unit) for unit in units} == {7}


def test_the_sheet_of_a_report_accepts_no_more_than_what_it_shows(world):
    soon = {"dateExpires": world.now() + DAY}
    world.load([{"id": "a", "unit": "CREDIT/KWD", "assignedCredit": 1_234}])
    world.load([{"id": "b", "unit": "CREDIT/KWD", "assignedCredit": 5, **soon}])
    until = world.now() + 2 * DAY
    export = world.export(REDEEMABLE, "XLSX", prefill="AVAILABLE", availableUntil=until)
    sheet = load_workbook(io.BytesIO(world.bytes(report_key(export["id"], "XLSX", REDEEMABLE)))).active
    header = [cell.value for cell in sheet[1]]
    cells = {name: sheet.cell(2, header.index(name) + 1) for name in ("availableValue", "valueToRedeem")}
    assert [cell.value for cell in cells.values()] == [1.234, 1.234]
    (rule,) = sheet.data_validations.dataValidation
    assert (rule.sqref, rule.formula1, rule.formula2) == (
        cells["valueToRedeem"].coordinate,
        "0",
        cells["availableValue"].coordinate,
    )


def test_a_workbook_that_does_not_come_back_may_have_several_sheets(world, monkeypatch):
    monkeypatch.setattr(create_report, "MAX_WORKBOOK_ROWS", 1)
    monkeypatch.setattr(xlsx_writer, "ROWS_PER_SHEET", 1)
    world.load([{"id": "a", "assignedCredit": 5}, {"id": "b", "assignedCredit": 5, "unit": "CENTS"}])
    record = world.export(BALANCES, "XLSX")
    file = world.bytes(report_key(record["id"], "XLSX", BALANCES))
    assert [sheet.max_row for sheet in load_workbook(io.BytesIO(file))] == [2, 2]


def test_a_report_that_fills_the_temporary_storage_says_so(world, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    world.load([{"id": "a", "assignedCredit": 5}])
    monkeypatch.setattr(ExternalSort, "add", full)
    record = world.export(REDEEMABLE, "CSV")
    assert record["error"]["code"] == "REPORT_TOO_LARGE"
    assert "temporary storage" in record["error"]["message"]


def test_an_order_delivered_twice_makes_one_report_and_sends_one_email(world):
    world.load([{"id": "a", "assignedCredit": 5}])
    order = world.exports.create(REDEEMABLE, "CSV", "", "test", {})
    (body,) = world.take("export")
    world.deliver("export", body)
    record = world.jobs_table.get(EXPORT, order.id)
    world.deliver("export", body)
    assert world.jobs_table.get(EXPORT, order.id) == record
    assert len([sent for sent in world.mailer.sent if sent[1].subject.startswith("Report")]) == 1


def test_while_one_copy_of_an_order_is_processed_no_other_writes_over_its_file(world, monkeypatch):
    world.load([{"id": "r1", "assignedCredit": 10}])
    export = world.exports.create("REDEEMABLE_REWARD_BALANCE", "CSV", "", "test", {})
    (body,) = world.take("export")
    complete = world.reporter._ending.complete

    def complete_while_a_copy_arrives(*args):
        monkeypatch.undo()
        world.load([{"id": "r2", "user.id": "bob", "assignedCredit": 10}])
        with pytest.raises(LeaseTakenError):
            world.deliver("export", body)
        complete(*args)

    monkeypatch.setattr(world.reporter._ending, "complete", complete_while_a_copy_arrives)
    world.deliver("export", body)
    world.deliver("export", body)
    job = world.exports.get(export.id)
    rows = world.csv(f"exports/{export.id}/available-reward-balances-by-user.csv")
    assert len(rows) == job.record_count == 1


def test_a_failed_attempt_keeps_its_lease_until_its_late_requests_have_arrived(world, monkeypatch):
    world.load([{"id": "a", "assignedCredit": 5}])
    order = world.exports.create(REDEEMABLE, "CSV", "", "test", {})
    (body,) = world.take("export")
    stream, late = world.files.stream, []

    def stream_late(pieces, *where):
        late.append((b"".join(pieces), *where))
        raise ConnectionError

    monkeypatch.setattr(world.files, "stream", stream_late)
    with pytest.raises(ConnectionError):
        world.deliver("export", body)
    monkeypatch.setattr(world.files, "stream", stream)
    world.load([{"id": "b", "user.id": "bob", "assignedCredit": 5}])
    with pytest.raises(LeaseTakenError):
        world.deliver("export", body)
    ((content, *where),) = late
    stream(iter([content]), *where)
    world.now.ahead = leases.EXPORT + 1
    world.deliver("export", body)
    job = world.exports.get(order.id)
    rows = world.csv(report_key(order.id, "CSV"))
    assert len(rows) == job.record_count == 2


def test_an_email_that_failed_is_sent_by_the_next_delivery_and_the_report_is_not_made_again(world):
    world.load([{"id": "a", "assignedCredit": 5}])
    order = world.exports.create(REDEEMABLE, "CSV", "", "test", {})
    (body,) = world.take("export")
    world.mailer.rejects = True
    with pytest.raises(Exception, match="the email was not sent"):
        world.deliver("export", body)
    made = world.jobs_table.get(EXPORT, order.id)
    world.mailer.rejects = False
    world.deliver("export", body)
    sent = world.jobs_table.get(EXPORT, order.id)
    assert sent["dateMailed"]
    assert sent["dateCompleted"] == made["dateCompleted"] == sent["dateCompleted"]


def test_no_row_shows_more_than_there_was_while_rewards_are_granted_and_redeemed(world):
    """Two people change balances as fast as they can while reports are made. Each keeps a diary of what
    a balance held, and between which moments that may have changed."""
    users = [f"u{number}" for number in range(6)]
    world.load([{"id": f"r{u}", "assignedCredit": 100_000, "user.id": u} for u in users])
    diary = {user: [(0, 100_000)] for user in users}  # (no sooner than, what was there)
    until = {user: [] for user in users}  # (no later than), of each entry but the last
    stop = threading.Event()

    def change(mine, step):
        number = 0
        while not stop.is_set():
            number += 1
            user = mine[number % len(mine)]
            balance = world.balance("acme", user, "POINT")
            if step < 0:
                redeem(
                    balance, RedemptionRequest(number, "acme", user, "POINT", -step), f"i{user}", world.now()
                )
            else:
                grant(balance, [Reward(0, f"{user}-{number}", step, step, world.now())])
            before = world.now()
            assert world.accounts.write([balance], world.now()) == [True]
            diary[user].append((before, diary[user][-1][1] + step))
            until[user].append(world.now())

    people = [
        threading.Thread(target=change, args=(users[:3], -1)),
        threading.Thread(target=change, args=(users[3:], 1)),
    ]
    for person in people:
        person.start()
    made = []

    def held(user, export):
        """What a balance may have held while a report was read, as far as it is in the diary."""
        entries = zip([*until[user], float("inf")], diary[user], strict=False)
        return {
            value
            for last, (since, value) in entries
            if since <= export["readUntil"] and last >= export["asOf"]
        }

    raced = set()
    try:
        # Until every balance has changed while a report was read, however fast this machine is.
        while len(made) < 5 or (raced != {*users} and len(made) < 500):
            export = world.export(REDEEMABLE, "CSV")
            made.append((export, world.csv(report_key(export["id"], "CSV"))))
            raced |= {user for user in users if len(held(user, export)) > 1}
    finally:
        stop.set()
        for person in people:
            person.join()
    for export, shown in made:
        assert [each["userId"] for each in shown] == users
        for each in shown:
            assert int(each["availableValue"]) in held(each["userId"], export)
    assert raced == {*users}, "otherwise nothing was raced"


@pytest.mark.parametrize("file_format", ["CSV", "XLSX"])
def test_amounts_have_the_decimals_of_their_unit_also_zero(world, file_format):
    rewards = [{"id": "d", "unit": "CASH/USD", "assignedCredit": 5201}, {"id": "p", "assignedCredit": 7}]
    world.load(rewards)
    made = world.export(REDEEMABLE, file_format)
    text = world.bytes(report_key(made["id"], "CSV")).decode("utf-8-sig")
    rows = {each["unit"]: each for each in csv.DictReader(io.StringIO(text))}
    names = ("availableValue", "valueToRedeem", "totalRedeemedValue")
    assert [rows["CASH/USD"][name] for name in names] == ["52.01", "0", "0.00"]
    assert [rows["POINT"][name] for name in names] == ["7", "0", "0"]


def test_results_have_the_decimals_of_their_unit_also_zero(world):
    world.load([{"id": "d", "unit": "CASH/USD", "assignedCredit": 5201}])
    usd = {"unit": "CASH/USD"}
    rows = [
        row("52.01", **usd),
        row("", user="bob", **usd),
        row("x", user="cid", **usd),
        row("1", user="dan", **usd),
    ]
    results = world.results(world.upload("redemptions/a.csv", sheet(rows)))
    assert [each["redeemedValue"] for each in results] == ["52.01", "0.00", "0.00", "0.00"]
    assert results[0]["remainingValue"] == "0.00"
