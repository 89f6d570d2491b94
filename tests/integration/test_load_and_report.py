"""Rewards in, report out."""

import io
from decimal import Decimal

import pytest
from openpyxl import load_workbook

from rewards.domain import ids, row_ids
from rewards.domain.object_keys import report_key
from rewards.domain.report import COLUMNS
from tests.builders.files import row, sheet
from tests.builders.moments import DAY

HEADER = "id,type,unit,assignedCredit,user.id,user.accountId,dateExpires,junk\n"


def test_loading_the_same_reward_again_changes_nothing(world):
    rows = [{"id": "r1", "assignedCredit": 100}]
    assert world.load(rows)["outcomes"] == {"LOADED": 1}
    world.upload("redemptions/a.csv", sheet([row("100")]))
    assert world.load(rows)["outcomes"] == {"UNCHANGED": 1}
    assert world.available() == 0


def test_a_row_that_is_not_loaded_changes_nothing_of_its_participant(world):
    world.load([{"id": "r1", "assignedCredit": 100, "user": {"email": "old@x.com"}}])
    world.load([{"id": "r1", "assignedCredit": 100, "user": {"email": "new@x.com"}}])
    assert world.report()[0]["email"] == "old@x.com"


def test_json_values_that_a_spreadsheet_would_run_are_neutralised_in_the_results(world):
    record = world.load([{"id": "r1", "assignedCredit": 1, "user": {"firstName": '=HYPERLINK("x")'}}])
    assert world.results(record)[0]["user.firstName"] == '\'=HYPERLINK("x")'


@pytest.mark.parametrize("user", [{"a": 1}, [1], None, ""])
def test_a_json_value_that_is_no_id_is_missing(world, user):
    assert world.load([{"id": "r", "assignedCredit": 9, "user.id": user}])["outcomes"] == {"MISSING_FIELD": 1}


def test_a_reward_id_belongs_to_one_participant(world):
    record = world.load(
        [{"id": "r1", "assignedCredit": 100}, {"id": "r1", "assignedCredit": 9, "user.id": "bob"}]
    )
    assert record["outcomes"] == {"LOADED": 1, "ID_IN_USE": 1}
    assert "'ann'" in world.results(record)[1]["message"]


def test_a_chunk_delivered_twice_says_loaded_both_times(world):
    import_id = world.validate(world.put("rewards/a.csv", HEADER + "r1,CREDIT,POINT,5,ann,acme,,\n"))
    (body,) = world.take("redeem")
    real, world.files.put_part = world.files.put_part, lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        world.deliver("redeem", body)
    world.files.put_part = real
    world.deliver("redeem", body)
    assert world.record(import_id)["outcomes"] == {"LOADED": 1}


def test_one_bad_reward_never_stops_the_others(world):
    lines = [
        "r1,CREDIT,POINT,5,ann,acme,,",
        "r2,PCT_DISCOUNT,POINT,5,ann,acme,,",
        "r3,CREDIT,POINT,5.5,ann,acme,,",
        "r4,CREDIT,POINT,0,ann,acme,,",
        "r5,CREDIT,,5,ann,acme,,",
        "r6,CREDIT,POINT,5,ann,acme,tomorrow,",
        "r7,CREDIT,POINT,5,ann,acme,2099-12-31T23:59:59+01:00,",
    ]
    record = world.upload("rewards/a.csv", HEADER + "\n".join(lines))
    expected = ["LOADED", "UNSUPPORTED_TYPE", "INVALID_VALUE", "NOT_POSITIVE", "MISSING_FIELD"]
    expected += ["INVALID_VALUE", "LOADED"]
    assert [r["outcome"] for r in world.results(record)] == expected
    assert world.balance().rewards[0].date_expires == 4_102_441_199_000


def test_one_participant_may_have_more_rewards_than_fit_a_transaction(world):
    record = world.load([{"id": f"r{n}", "assignedCredit": 1} for n in range(450)])
    assert record["outcomes"] == {"LOADED": 450}
    assert world.available() == 450


def test_two_thousand_open_rewards_fit_and_can_all_be_redeemed_at_once(world):
    record = world.load(
        [
            {
                "id": f"{n:064d}",
                "assignedCredit": 1,
                "programId": f"{n % 2:0128d}",
                "dateExpires": world.now() + DAY,
            }
            for n in range(2_001)
        ]
    )
    assert record["outcomes"] == {"LOADED": 2_000, "BALANCE_FULL": 1}
    assert world.upload("redemptions/a.csv", sheet([row("2000")]))["outcomes"] == {"REDEEMED": 1}
    assert world.available() == 0
    assert world.load([{"id": "new", "assignedCredit": 1}])["outcomes"] == {"LOADED": 1}


def test_rewards_with_the_longest_ids_stop_at_what_an_item_holds_and_stop_no_other_row(world):
    longest = {"assignedCredit": 10**15 - 1, "dateExpires": world.now() + DAY}
    rows = [{"id": f"{n:064d}", "programId": f"{n:0128d}", **longest} for n in range(1_200)]
    record = world.load([*rows, {"id": "other", "assignedCredit": 1, "user.id": "bob"}])
    assert set(record["outcomes"]) == {"LOADED", "BALANCE_FULL"}
    assert record["outcomes"]["LOADED"] > 800
    assert world.available("acme", "bob") == 1
    whole = world.available()
    assert world.upload("redemptions/a.csv", sheet([row(str(whole))]))["outcomes"] == {"REDEEMED": 1}


def test_a_second_row_of_a_rejected_reward_is_rejected_as_well(world):
    world.load([{"id": f"r{n}", "assignedCredit": 1} for n in range(2_000)])
    assert world.load([{"id": "x", "assignedCredit": 1}] * 2)["outcomes"] == {"BALANCE_FULL": 2}


def test_a_file_of_many_units_is_counted_in_chunks_of_few(world):
    units = [f"unit-of-a-long-name-to-fill-the-expression-{n:03d}" for n in range(120)]
    assert world.load([{"id": unit, "assignedCredit": 9, "unit": unit} for unit in units])["chunks"] == 3
    record = world.upload("redemptions/a.csv", sheet([row("2", unit=unit) for unit in units]))
    assert record["redeemed"] == dict.fromkeys(units, 2)


@pytest.mark.parametrize("user", ["a#b%23", "\uffff", "emoji \U0001f600", '"quoted", \\', "001"])
def test_every_id_survives_from_loading_to_redeeming(world, user):
    world.load([{"id": "r", "assignedCredit": 9, "user.id": user}])
    (shown,) = world.report()
    assert shown["userId"] == user
    assert world.upload("redemptions/a.csv", sheet([{**shown, "valueToRedeem": "9"}]))["outcomes"] == {
        "REDEEMED": 1
    }


@pytest.mark.parametrize("date", ["20261231", "1798675199", "2026-13-01", "99999999999999999"])
def test_a_date_that_would_mean_1970_is_rejected(world, date):
    assert world.load([{"id": "r", "assignedCredit": 9, "dateExpires": date}])["outcomes"] == {
        "INVALID_VALUE": 1
    }


@pytest.mark.parametrize("body", ["[1]", "{", '{"id": ' + "[" * 100_000, "x" * (1 << 21)])
def test_a_line_that_is_no_json_object_rejects_the_file(world, body):
    record = world.upload("rewards/a.jsonl", body)
    assert record["error"]["code"] == "UNREADABLE_FILE"


def test_what_is_known_of_a_participant_is_kept_and_renewed(world):
    world.load([{"id": "r1", "assignedCredit": 1, "user": {"firstName": "Ann", "email": "a@x.com"}}])
    world.load([{"id": "r2", "assignedCredit": 1, "user": {"email": "new@x.com"}}])
    (shown,) = world.report()
    assert (shown["firstName"], shown["email"]) == ("Ann", "new@x.com")


def test_the_report_shows_what_is_available_now_and_nothing_else(world):
    now = world.now()
    soon, late = now + DAY, now + 9 * DAY
    world.load(
        [
            {"id": "a", "assignedCredit": 1055, "unit": "CASH/USD", "dateExpires": late, "programId": "P"},
            {"id": "b", "assignedCredit": 100, "unit": "CASH/USD", "dateExpires": soon, "redeemedCredit": 40},
            {"id": "c", "assignedCredit": 7, "unit": "CASH/USD", "dateScheduledFor": late},
            {"id": "d", "assignedCredit": 7, "unit": "CASH/USD", "dateCancelled": now - DAY},
            {"id": "e", "assignedCredit": 7, "unit": "POINT", "dateExpires": now - DAY},
            {
                "id": "f",
                "assignedCredit": 3,
                "user.id": "=cmd",
                "user": {"firstName": "@x", "segments": "a,b"},
            },
        ]
    )
    formula, money = world.report()
    assert list(money) == list(COLUMNS)
    export = world.exports.history(1, 0)[0][0]
    assert row_ids.export_of(money.pop("rowId")) == export.id
    assert money.pop("nextExpiry").startswith("20")
    assert money == {
        "firstName": "", "lastName": "", "email": "", "dateBlocked": "", "segments": "", "programId": "",
        "unitName": "CASH", "currency": "USD", "unit": "CASH/USD", "userId": "ann", "accountId": "acme",
        "availableValue": "11.15", "valueToRedeem": "0", "totalRedeemedValue": "0.40",
    }  # fmt: skip
    assert (formula["userId"], formula["firstName"], formula["segments"]) == ("'=cmd", "'@x", "a,b")
    assert (export.record_count, export.totals) == (2, {"CASH/USD": 1115, "POINT": 3})


def test_a_report_for_one_program_shows_and_redeems_only_its_rewards(world):
    world.load([{"id": "a", "assignedCredit": 5, "programId": "P"}, {"id": "b", "assignedCredit": 9}])
    (shown,) = world.report(programId="P")
    assert (shown["availableValue"], shown["programId"]) == ("5", "P")
    record = world.upload("redemptions/a.csv", sheet([{**shown, "valueToRedeem": "6"}]))
    assert record["outcomes"] == {"INSUFFICIENT_BALANCE": 1}


def test_the_report_is_sorted_and_can_be_limited_to_a_unit(world):
    people = [("b", "1"), ("a", "2"), ("a", "1")]
    world.load(
        [
            {
                "id": f"{account}{user}{unit}",
                "assignedCredit": 5,
                "user.accountId": account,
                "user.id": user,
                "unit": unit,
            }
            for account, user in people
            for unit in ("POINT", "CENTS")
        ]
    )
    shown = [(r["accountId"], r["userId"], r["unit"]) for r in world.report()]
    assert shown == sorted(shown)
    assert len(shown) == 6
    assert {r["unit"] for r in world.report(unit="CENTS")} == {"CENTS"}


def test_a_report_row_filled_in_and_uploaded_redeems_ids_that_spreadsheets_would_run(world):
    world.load([{"id": "f", "assignedCredit": 3, "user.id": "=cmd", "user.accountId": "+49"}])
    (shown,) = world.report()
    record = world.upload("redemptions/a.csv", sheet([{**shown, "valueToRedeem": "3"}]))
    assert record["outcomes"] == {"REDEEMED": 1}


def test_the_workbook_keeps_ids_as_text_and_values_as_numbers(world):
    world.load(
        [
            {
                "id": "a",
                "assignedCredit": 1055,
                "unit": "CASH/USD",
                "user.accountId": "007",
                "user.id": "1E5",
            },
            {"id": "b", "assignedCredit": 5, "user": {"firstName": "bad\u0001name"}},
        ]
    )
    world.exports.create("REDEEMABLE_REWARD_BALANCE", "XLSX", "", "test", {})
    world.run()
    export = world.exports.history(1, 0)[0][0]
    book = load_workbook(
        io.BytesIO(world.bytes(f"exports/{export.id}/available-reward-balances-by-user.xlsx"))
    )
    cells = {c.value: book.active.cell(2, place) for place, c in enumerate(book.active[1], start=1)}
    assert tuple(cells) == COLUMNS
    assert (cells["accountId"].value, cells["accountId"].data_type) == ("007", "s")
    assert (cells["userId"].value, cells["userId"].data_type) == ("1E5", "s")
    assert Decimal(str(cells["availableValue"].value)) == Decimal("10.55")
    assert cells["valueToRedeem"].number_format == "0.00", "a narrower format would save 10.55 as 11"
    assert book.active.freeze_panes == "A2"


def test_reports_expire_after_the_retention_time(world):
    world.load([{"id": "a", "assignedCredit": 5}])
    world.report()
    export = world.exports.history(1, 0)[0][0]
    assert export.status == "COMPLETED"
    world.now.ahead = 31 * DAY
    assert world.exports.get(export.id).status == "EXPIRED"
    assert world.exports.get(ids.new_id(0)) is None


def test_a_report_that_fails_for_good_says_so_and_tells_the_person(world):
    job = world.exports.create("REDEEMABLE_REWARD_BALANCE", "CSV", "Mine", "test", {})
    (body,) = world.take("export")
    world.dead_letters.handle(body, None)
    assert world.exports.get(job.id).status == "ABORTED"
    assert world.mailer.sent[-1][1].subject == "Report failed: Mine"


@pytest.mark.parametrize("text", ["=1", "+49", "-x", "@me", "'=1", "''+1"])
def test_loads_a_report_of_rewards_again_with_its_ids_as_they_are(world, another_world, text):
    ids = {"id": text, "user.id": text, "user.accountId": text, "unit": text, "programId": text}
    world.load([{**ids, "assignedCredit": 5}])
    export = world.export("REWARD", "CSV")
    (shown,) = world.csv(report_key(export["id"], "CSV", "REWARD"))
    assert {name: shown[name] for name in ids} == ids
    report = world.bytes(report_key(export["id"], "CSV", "REWARD"))
    assert world.upload("rewards/again.csv", report)["outcomes"] == {"UNCHANGED": 1}
    assert another_world.upload("rewards/new.csv", report)["outcomes"] == {"LOADED": 1}
    assert another_world.available(text, text, text) == 5


def test_ids_of_a_json_file_stay_as_they_are_in_its_results_which_may_be_loaded_again(world):
    rows = [{"id": "=1", "user.id": "+49", "assignedCredit": 5}, {"id": "-2", "user.id": "+49"}]
    record = world.load(rows)
    assert record["outcomes"] == {"LOADED": 1, "MISSING_FIELD": 1}
    assert [each["id"] for each in world.results(record)] == ["=1", "-2"]
    assert [each["user.id"] for each in world.results(record, "failed.csv")] == ["+49"]


def test_limits_a_report_by_the_last_write_of_a_balance(world):
    given = {"assignedCredit": 100, "dateGiven": 1_600_000_000_000}
    world.load([{"id": "r1", **given}, {"id": "r2", "user.id": "bob", **given}])
    world.now.ahead = DAY
    since = world.now()
    world.upload("redemptions/a.csv", sheet([row("1", user="bob")]))
    for kind in ("REWARD_BALANCE", "REWARD"):
        shown = world.report(kind, updatedSince=since)
        assert [each.get("userId", each.get("user.id")) for each in shown] == ["bob"], kind
        assert len(world.report(kind, createdOrUpdatedBefore=since)) == 2
