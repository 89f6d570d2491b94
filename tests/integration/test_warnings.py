"""Warnings: what a person should know of a row that counts all the same."""

import io

import openpyxl
import pytest

from rewards.domain.object_keys import EXAMPLES, import_key
from rewards.flows.outcome_summary import summarise_outcomes
from tests.builders.files import row, sheet
from tests.builders.moments import DAY
from tests.integration.world import quick


@pytest.fixture
def world(world):
    """Ann has 100 POINT, 50 of them for three days only, and 10.00 USD; Bob is blocked and has 40 POINT."""
    now = world.now()
    world.load(
        [
            {"id": "r1", "assignedCredit": 50, "dateExpires": now + 3 * DAY},
            {"id": "r2", "assignedCredit": 50},
            {"id": "r3", "assignedCredit": 1000, "unit": "CASH/USD"},
            {"id": "r4", "assignedCredit": 40, "user.id": "bob", "user.dateBlocked": "2026-01-02"},
        ]
    )
    return world


def filled(world, value, user="ann", unit="POINT"):
    """The report's row of a balance, with a value filled in."""
    (found,) = [r for r in world.report(unit=unit) if r["userId"] == user]
    return {**found, "valueToRedeem": value}


def only(world, record):
    (found,) = world.results(record)
    return found


@pytest.mark.parametrize("folder", ["redemptions", "preview"])
def test_says_that_digits_were_cut_off(world, folder):
    record = world.upload(f"{folder}/a.csv", sheet([filled(world, "5.559", unit="CASH/USD")]))
    assert record["outcomes"] == {"REDEEMED": 1}
    assert record["warnings"] == {"DIGITS_TRUNCATED": 1}
    assert "5.559 has more decimals than CASH/USD. The value used is 5.55." in only(world, record)["message"]
    _, email = world.mailer.sent[-1]
    assert "DIGITS_TRUNCATED" in email.text
    assert "whole value" not in email.text


def test_does_not_warn_about_zeros_that_were_cut_off(world):
    assert world.upload("redemptions/a.csv", sheet([filled(world, "5.0")]))["warnings"] == {}


def test_names_a_blocked_participant(world):
    record = world.upload("redemptions/a.csv", sheet([filled(world, "5", user="bob")]))
    assert (record["outcomes"], record["warnings"]) == ({"REDEEMED": 1}, {"PARTICIPANT_BLOCKED": 1})
    assert "The participant is blocked." in only(world, record)["message"]


def test_counts_rows_without_row_id(world):
    record = world.upload("redemptions/a.csv", sheet([row("5"), row("1", user="nobody"), row("x", user="u")]))
    assert record["warnings"] == {"NO_ROW_ID": 3}


def test_counts_failed_rows_without_row_id_but_no_skipped_ones(world):
    rows = [
        row("5", user=""),
        row("6", account=""),
        row("-1", user="u"),
        row("", user="v"),
        row("0", user="w"),
    ]
    record = world.upload("redemptions/a.csv", sheet(rows))
    assert record["outcomes"] == {"MISSING_FIELD": 2, "NOT_POSITIVE": 1, "UNCHANGED": 2}
    assert record["warnings"] == {"NO_ROW_ID": 3}
    messages = [each["message"] for each in world.results(record)]
    assert messages[0] == "userId is blank: copy it from the report. The row has no rowId."
    assert messages[3:] == ["", ""]


class TestOutdatedReport:
    def test_names_a_redemption_by_another_import(self, world):
        mine, colleague = filled(world, "20"), filled(world, "30")
        first = world.upload("redemptions/a.csv", sheet([mine]))
        second = world.upload("redemptions/b.csv", sheet([colleague]))
        assert first["warnings"] == {}
        assert second["warnings"] == {"REPORT_OUTDATED": 1}
        assert "20 POINT redeemed on" in only(world, second)["message"]
        assert first["id"] in only(world, second)["message"]

    def test_names_credits_that_expired(self, world):
        line = filled(world, "20")
        world.now.ahead += 4 * DAY
        record = world.upload("redemptions/a.csv", sheet([line]))
        assert record["warnings"] == {"REPORT_OUTDATED": 1}
        assert "50 POINT expired on" in only(world, record)["message"]

    def test_names_a_cancelled_reward(self, world):
        line = filled(world, "20")
        world.ledger_commands.cancel("r1", quick())
        record = world.upload("redemptions/a.csv", sheet([line]))
        assert record["warnings"] == {"REPORT_OUTDATED": 1}
        assert "50 POINT was cancelled on" in only(world, record)["message"]

    def test_knows_what_went_to_history(self, world):
        line = filled(world, "1")
        world.ledger_commands.cancel("r1", quick())
        world.archive("acme", "ann", "POINT")
        balance = world.balance()
        assert [reward.id for reward in balance.rewards] == ["r2"]
        record = world.upload("redemptions/a.csv", sheet([line]))
        assert "a reward was cancelled on" in only(world, record)["message"]

    def test_a_redemption_before_the_report_does_not_count(self, world):
        world.upload("redemptions/a.csv", sheet([filled(world, "20")]))
        world.now.ahead += 1000
        assert world.upload("redemptions/b.csv", sheet([filled(world, "20")]))["warnings"] == {}

    def test_other_rows_of_the_same_import_do_not_count(self, world):
        rows = [filled(world, "5"), row("6", programId="none")]
        record = world.upload("redemptions/a.csv", sheet(rows, [*rows[0]]))
        assert "REPORT_OUTDATED" not in record["warnings"]


def test_an_insufficient_balance_says_what_became_of_it_since_the_report(world):
    line = filled(world, "90")
    other = world.upload("redemptions/a.csv", sheet([row("30")]))
    world.now.ahead += 4 * DAY
    record = world.upload("redemptions/b.csv", sheet([line]))
    assert record["outcomes"] == {"INSUFFICIENT_BALANCE": 1}
    message = only(world, record)["message"]
    assert "50 is available" in message
    assert "20 POINT expired on" in message
    assert "30 POINT redeemed on" in message
    assert other["id"] in message


def test_a_repeated_value_is_found_in_history(world):
    world.upload("redemptions/a.csv", sheet([row("7")]))
    world.upload("redemptions/b.csv", sheet([row("8")]))
    world.archive("acme", "ann", "POINT")
    assert [each.value for each in world.balance().redemptions] == [8]
    assert world.balance().archived_until > 0
    record = world.upload("redemptions/z.csv", sheet([row("7"), row("1", user="nobody")]))
    assert record["warnings"]["REPEATED_VALUE"] == 1


def test_a_warning_is_explained_with_its_first_rows(world):
    record = world.upload("redemptions/a.csv", sheet([filled(world, "5", user="bob")]))
    kept = world.files.record(import_key(record["id"], EXAMPLES))
    (found,) = summarise_outcomes(world.import_jobs.get(record["id"]), kept).warnings
    assert found.warning == "PARTICIPANT_BLOCKED"
    assert found.rows == 1
    assert [example.line for example in found.examples] == [2]
    assert found.meaning
    assert found.remedy


REWARD_NAMES = ["id", "type", "unit", "assignedCredit", "user.id", "user.accountId", "dateExpire"]


def workbook(*sheets):
    """A workbook with one sheet per list of rows."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for rows in sheets:
        page = book.create_sheet()
        for cells in rows:
            page.append(cells)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("key", "body", "warning", "said"),
    [
        (
            "rewards/a.csv",
            f"{','.join(REWARD_NAMES)}\r\nr8,CREDIT,POINT,5,ann,acme,2099-01-01\r\n",
            "UNKNOWN_COLUMN",
            "dateExpires",
        ),
        (
            "rewards/a.xlsx",
            workbook([REWARD_NAMES, ["r9", "CREDIT", "POINT", 5, "ann", "acme"]]),
            "UNKNOWN_COLUMN",
            "dateExpires",
        ),
        (
            "redemptions/a.xlsx",
            workbook([[*row("1")], [*row("1").values()]], [["June"]]),
            "OTHER_SHEETS_IGNORED",
            "“Sheet1”",
        ),
        (
            "redemptions/b.csv",
            "firstName;accountId;userId;unit;valueToRedeem\r\nАнна;acme;ann;POINT;1\r\n".encode("cp1251"),  # noqa: RUF001
            "ENCODING_DETECTED",
            "Windows-1251",
        ),
    ],
    ids=["column", "column of a workbook", "sheets", "encoding"],
)
def test_a_warning_about_the_whole_file_is_in_record_email_and_api(world, key, body, warning, said):
    record = world.upload(key, body)
    assert record["warnings"][warning] == 1
    assert said in record["fileWarnings"][warning]
    text = world.mailer.sent[-1][1].text
    assert warning in text
    assert said in text
    kept = world.files.record(import_key(record["id"], EXAMPLES))
    found = summarise_outcomes(world.import_jobs.get(record["id"]), kept).warnings
    assert [said in each.meaning for each in found if each.warning == warning] == [True]
