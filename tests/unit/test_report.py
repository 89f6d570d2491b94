"""What the rows of the reports show of pages that were read while the table changed."""

import csv
import io
from decimal import Decimal

import pytest

from rewards.adapters import balance_item
from rewards.adapters.scanner import Page
from rewards.flows.report import csv_pieces
from rewards.flows.spool import Spool
from rewards.flows.statements import TornScanError, statement
from rewards.rules import balance as balances
from rewards.rules.balance import Balance, Totals
from rewards.rules.redemption import Reward
from rewards.rules.report import (
    BALANCE_COLUMNS,
    BALANCES,
    COLUMNS,
    REDEEMABLE,
    REWARD_COLUMNS,
    REWARDS,
    Table,
)
from tests.row_ids import keys
from tests.unit.days import NOW, last_month, next_month, tomorrow, yesterday

EXPORT = "06gzzygm7a5nffgf"
COLUMNS_OF = {REDEEMABLE: COLUMNS, BALANCES: BALANCE_COLUMNS, REWARDS: REWARD_COLUMNS}


def reward(identifier, assigned=100, left=None, **more):
    return Reward(0, identifier, assigned, assigned if left is None else left, last_month, **more)


def balance(*rewards, user="ann", unit="POINT", version=1, archived=0):
    return Balance("acme", user, unit, version, list(rewards), archived=Totals(archived, archived * 100))


def item(each):
    key = {"pk": {"S": each.account_id}, "sk": {"S": balance_item.balance_key(each.user_id, each.unit)}}
    return {**key, "version": {"N": str(each.version)}, **balance_item.encode(each)}


def history(version, *rewards, user="ann", unit="POINT"):
    """The page that was written together with a balance of this version."""
    before = Balance("acme", user, unit, version - 1)
    page = balance_item.encode_page(balances.Page(rewards, ()))
    return {"pk": {"S": "acme"}, "sk": {"S": balance_item.history_key(before)}, **page}


def person(user="ann", **facts):
    return {
        "pk": {"S": "acme"},
        "sk": {"S": balance_item.participant_key(user)},
        **{n: {"S": f} for n, f in facts.items()},
    }


@pytest.fixture
def rows(tmp_path):
    def make(kind, *items, unit=None, program=None, asked=NOW, answered=NOW, catalogue=()):
        found, spool = statement(kind, EXPORT, unit, program, keys), Spool(tmp_path)
        for each in items:
            found.collect(Page([each], asked, answered), spool)
        if catalogue:
            found.collect_catalogue(Page(list(catalogue), asked, answered), spool)
        return [dict(zip(COLUMNS_OF[kind], row, strict=True)) for row in found.show(spool.sorted())]

    return make


def test_what_expires_while_its_page_is_read_is_not_available(rows):
    there = balance(reward("a", 7, date_expires=NOW + 5), reward("b", 20))
    assert rows(REDEEMABLE, item(there), asked=NOW, answered=NOW + 4)[0]["availableValue"] == 27
    assert rows(REDEEMABLE, item(there), asked=NOW, answered=NOW + 5)[0]["availableValue"] == 20


def test_what_begins_while_its_page_is_read_is_not_available(rows):
    there = balance(reward("a", 7, date_scheduled_for=NOW + 5), reward("b", 20))
    assert rows(REDEEMABLE, item(there), asked=NOW + 5, answered=NOW + 9)[0]["availableValue"] == 27
    assert rows(REDEEMABLE, item(there), asked=NOW + 4, answered=NOW + 9)[0]["availableValue"] == 20


def test_a_balance_with_nothing_available_is_in_reward_balances_only(rows):
    there = item(balance(reward("a", left=0)))
    assert rows(REDEEMABLE, there) == []
    assert [row["amount"] for row in rows(BALANCES, there)] == [0]


def test_rows_are_sorted_by_account_user_and_unit_whatever_order_they_are_read_in(rows):
    items = [
        item(balance(reward("r"), user=user, unit=unit))
        for user in ("b", "a\u00e9", "a", "B")
        for unit in ("POINT", "CENTS")
    ]
    shown = [(row["userId"], row["unit"]) for row in rows(REDEEMABLE, *items)]
    assert shown == sorted(shown)
    assert len(shown) == 8


def test_a_participant_is_shown_beside_each_of_its_balances_and_beside_no_others(rows):
    shown = rows(
        REDEEMABLE,
        item(balance(reward("r"), unit="POINT")),
        item(balance(reward("r"), unit="CENTS")),
        item(balance(reward("r"), user="ann2")),
        person(firstName="Ann", email="a@x.com"),
        person("an", firstName="Other"),
    )
    assert [(r["userId"], r["firstName"], r["email"]) for r in shown] == [
        ("ann", "Ann", "a@x.com"),
        ("ann", "Ann", "a@x.com"),
        ("ann2", "", ""),
    ]


@pytest.mark.parametrize("kind", [REDEEMABLE, BALANCES, REWARDS])
def test_a_unit_is_chosen_by_its_whole_name(rows, kind):
    items = [item(balance(reward("r"), unit=unit)) for unit in ("b", "a#b", "B")]
    assert [row["unit"] for row in rows(kind, *items, unit="b")] == ["b"]
    assert [row["unit"] for row in rows(kind, *items, unit="a#b")] == ["a#b"]


def test_reward_balances_sum_open_and_archived_rewards(rows):
    there = balance(
        reward("a", 100, 60),
        reward("b", 50, 50, date_expires=yesterday),
        reward("c", 30, 30, date_scheduled_for=tomorrow),
        reward("d", 20, 20, date_cancelled=yesterday, date_expires=yesterday),
    )
    there.archived = Totals(count=3, assigned=1000, redeemed=700, expired=200, cancelled=100)
    (shown,) = rows(BALANCES, item(there), person(firstName="Ann"))
    assert shown == {
        "userId": "ann", "accountId": "acme", "type": "CREDIT", "unit": "POINT", "amount": 60,
        "totalAssignedCredit": 1200, "totalRedeemedCredit": 740, "totalExpiredCredit": 250,
        "email": "", "firstName": "Ann", "lastName": "",
    }  # fmt: skip


def test_reward_balances_of_one_program_count_its_rewards_in_history_too(rows):
    there = balance(reward("a", 100, program_id="P"), reward("b", 7), version=5, archived=3)
    pages = [
        history(2, reward("c", 10, 0, program_id="P"), reward("d", 5, 0)),
        history(4, reward("e", 20, 0, program_id="P")),
    ]
    other = balance(reward("f", 7), user="bob")
    (shown,) = rows(BALANCES, *pages, item(there), item(other), program="P")
    assert (shown["amount"], shown["totalAssignedCredit"], shown["totalRedeemedCredit"]) == (100, 130, 30)


def test_rewards_of_balance_and_history_stand_in_one_list_with_what_the_catalogue_knows(rows):
    there = balance(reward("b", 100, 60, program_id="P", date_expires=next_month), version=3, archived=1)
    known = {"id": "a", "accountId": "acme", "userId": "ann", "unit": "POINT", "name": "Gift"}
    shown = rows(
        REWARDS,
        item(there),
        history(3, reward("a", 9, 0)),
        person(email="a@x.com"),
        catalogue=[{name: {"S": text} for name, text in known.items()}],
    )
    assert [(r["id"], r["name"], r["assignedCredit"], r["redeemedCredit"]) for r in shown] == [
        ("a", "Gift", 9, 9),
        ("b", "", 100, 40),
    ]
    assert (shown[1]["programId"], shown[1]["dateExpires"], shown[1]["user.email"]) == (
        "P", next_month, "a@x.com",
    )  # fmt: skip


@pytest.mark.parametrize("kind", [BALANCES, REWARDS])
def test_a_reward_that_moved_to_history_after_its_balance_was_read_counts_once(rows, kind):
    before = balance(reward("a", 9, 4, program_id="P"), version=3)
    shown = rows(kind, item(before), history(4, reward("a", 9, 0, program_id="P")), program="P")
    assert len(shown) == 1
    redeemed = shown[0].get("redeemedCredit", shown[0].get("totalRedeemedCredit"))
    assert redeemed == 5, "as of when the balance was read"


@pytest.mark.parametrize("kind", [BALANCES, REWARDS])
def test_a_history_page_that_was_passed_before_its_reward_came_there_is_found_out(rows, kind):
    after = balance(reward("b", 5, program_id="P"), version=4, archived=2)
    with pytest.raises(TornScanError):
        rows(kind, item(after), history(3, reward("z", 9, 0, program_id="P")), program="P")
    with pytest.raises(TornScanError):
        rows(kind, item(balance(version=4, archived=2)), program="P")


@pytest.mark.parametrize("kind", [BALANCES, REWARDS])
def test_history_of_a_balance_that_began_behind_our_back_is_not_shown(rows, kind):
    assert rows(kind, history(3, reward("a", 9, 0, program_id="P")), program="P") == []


@pytest.mark.parametrize("kind", [REDEEMABLE, BALANCES, REWARDS])
def test_texts_that_a_spreadsheet_would_run_are_neutralised_in_every_report(rows, kind):
    there = balance(reward("=r", program_id="=p"), user="=u", unit="=t")
    (shown,) = rows(kind, item(there), person("=u", firstName="=f", segments="=s"), program="=p")
    assert not [cell for cell in shown.values() if isinstance(cell, str) and cell.startswith("=")]


def test_a_csv_file_ends_its_lines_and_quotes_its_cells_as_rfc_4180_says():
    table = Table(("a", "b,c"), [["x\ny", Decimal("0.50")], ['"', Decimal("0.00")], ["", 0]], "t")
    text = b"".join(csv_pieces(table, mark=True)).decode()
    assert text == '\ufeffa,"b,c"\r\n"x\ny",0.50\r\n"""",0\r\n,0\r\n'


def test_a_csv_file_of_many_rows_comes_in_pieces_and_loses_none():
    pieces = list(csv_pieces(Table(("n",), ([n] for n in range(10_000)), "t"), mark=False))
    assert len(pieces) > 3
    found = csv.reader(io.StringIO(b"".join(pieces).decode(), newline=""))
    assert [row[0] for row in found] == ["n", *map(str, range(10_000))]
