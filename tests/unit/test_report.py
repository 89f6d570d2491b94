"""What the rows of the reports show of pages that were read while the table changed."""

import csv
import io
import json
from decimal import Decimal

import pytest

from rewards.adapters import balance_item
from rewards.adapters.scanner import Page, decode_accounts, decode_rewards
from rewards.domain import balance as balances
from rewards.domain.balance import Balance, Redemption, Totals
from rewards.domain.dates import iso, to_the_minute
from rewards.domain.filters import FilterError, Filters, described
from rewards.domain.packed import pack, unpack
from rewards.domain.redemption import Reward
from rewards.domain.report import BALANCES, REDEEMABLE, REPORT_DEFINITIONS, REWARDS
from rewards.flows.report_builders import report_builder
from rewards.flows.report_records import TornScanError
from rewards.tabular.csv_writer import csv_pieces
from rewards.tabular.external_sort import ExternalSort
from tests.builders.moments import NOW, last_month, next_month, tomorrow, yesterday
from tests.builders.rewards import balance, reward
from tests.builders.row_ids import keys

EXPORT = "06gzzygm7a5nffgf"


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


def body(*items):
    return json.dumps({"Items": items}).encode()


def read(kind, row):
    """The cells of a row by column, its numbers as numbers."""
    definition = REPORT_DEFINITIONS[kind]
    return {
        name: Decimal(cell) if cell and name in definition.numbers else cell
        for name, cell in zip(definition.columns, unpack(row), strict=True)
    }


@pytest.fixture
def rows(tmp_path):
    def make(kind, *items, program=None, asked=NOW, answered=NOW, registry=(), **params):
        filters = Filters.read(kind, {"programId": program, **params})
        found, spool = report_builder(kind, EXPORT, filters, keys), ExternalSort(tmp_path)
        for each in items:
            found.collect(Page(decode_accounts(body(each)).items, asked, answered), spool)
        if registry:
            found.collect_registry(Page(decode_rewards(body(*registry)).items, asked, answered), spool)
        return [read(kind, row) for row in found.show(spool.sorted())]

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
        registry=[{name: {"S": text} for name, text in known.items()}],
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


def test_neutralises_texts_that_a_spreadsheet_would_run_in_the_report_that_people_fill_in(rows):
    there = balance(reward("=r", program_id="=p"), user="=u", unit="=t")
    (shown,) = rows(REDEEMABLE, item(there), person("=u", firstName="=f", segments="=s"), program="=p")
    assert not [cell for cell in shown.values() if isinstance(cell, str) and cell.startswith("=")]


@pytest.mark.parametrize("kind", [BALANCES, REWARDS])
@pytest.mark.parametrize("text", ["=1", "+49", "-x", "@me", "'=1"])
def test_leaves_texts_as_they_are_in_reports_for_programs(rows, kind, text):
    there = balance(reward(text, program_id=text), user=text, unit=text)
    facts = {"email": text, "firstName": text, "lastName": text}
    (shown,) = rows(kind, item(there), person(text, **facts), program=text)
    names = ["userId", "unit", "email", "firstName", "lastName"]
    if kind == REWARDS:
        names = ["id", "unit", "programId", *(f"user.{name}" for name in ("id", *facts))]
    assert {shown[name] for name in names} == {text}


LAST_WRITE = NOW - 5_000


def written(each, moment=LAST_WRITE):
    return {**item(each), "updated": {"N": str(moment)}}


@pytest.mark.parametrize(
    ("params", "fits"),
    [
        ({"createdSince": last_month}, True),
        ({"createdSince": last_month + 1}, False),
        ({"createdBefore": last_month + 1}, True),
        ({"createdBefore": last_month}, False),
        ({"updatedSince": LAST_WRITE}, True),
        ({"updatedSince": LAST_WRITE + 1}, False),
        ({"updatedBefore": LAST_WRITE + 1}, True),
        ({"updatedBefore": LAST_WRITE}, False),
        ({"createdOrUpdatedSince": LAST_WRITE}, True),
        ({"createdOrUpdatedSince": LAST_WRITE + 1}, False),
        ({"createdOrUpdatedBefore": last_month + 1}, True),
        ({"createdOrUpdatedBefore": last_month}, False),
        ({"createdSince": last_month, "updatedSince": LAST_WRITE + 1}, False),
    ],
)
@pytest.mark.parametrize("kind", [BALANCES, REWARDS])
def test_limits_a_report_to_what_was_created_or_updated_in_a_period(rows, kind, params, fits):
    assert len(rows(kind, written(balance(reward("a"))), **params)) == fits


def test_a_balance_was_created_when_its_first_reward_was_given_also_one_in_history(rows):
    there = balance(reward("b"), version=3, archived=1)
    first = Reward(0, "a", 100, 0, last_month - 50)
    shown = rows(BALANCES, written(there), history(3, first), createdBefore=last_month)
    assert [(row["totalAssignedCredit"], row["totalRedeemedCredit"]) for row in shown] == [(200, 100)]
    assert rows(BALANCES, written(there), history(3, first), createdSince=last_month) == []


def test_limits_rewards_to_those_given_in_a_period(rows):
    there = balance(reward("a"), Reward(0, "b", 9, 9, yesterday))
    assert [row["id"] for row in rows(REWARDS, item(there), createdSince=yesterday)] == ["b"]


def test_a_balance_of_an_earlier_version_counts_as_updated_at_its_youngest_date(rows):
    there = balance(reward("a"))
    there.redemptions.append(Redemption(yesterday, 1, "i", 2, None, ()))
    assert len(rows(BALANCES, item(there), updatedSince=yesterday)) == 1
    assert rows(BALANCES, item(there), updatedSince=yesterday + 1) == []


@pytest.mark.parametrize(
    ("chosen", "units"),
    [
        ({"unit_eq": "CASH/USD"}, ["CASH/USD"]),
        ({"unit_in": ["POINT", "USD"]}, ["POINT", "USD"]),
        ({"unit_in": ["POINT", "USD"], "unit_eq": "USD"}, ["USD"]),
        ({"unitType_eq": "CASH"}, ["CASH/EUR", "CASH/USD"]),
        ({"currency_eq": "USD"}, ["CASH/USD", "USD"]),
        ({"currency_eq": "USD", "unitType_eq": "CASH"}, ["CASH/USD"]),
        ({"type_eq": "CREDIT"}, ["CASH/EUR", "CASH/USD", "POINT", "USD"]),
        ({"type_eq": "PCT_DISCOUNT"}, []),
        ({"unit_eq": None}, ["CASH/EUR", "CASH/USD", "POINT", "USD"]),
        ({"unit_eq": "cash/usd"}, []),
    ],
)
@pytest.mark.parametrize("kind", [REDEEMABLE, REWARDS])
def test_limits_a_report_to_the_units_of_the_originals_filter(rows, kind, chosen, units):
    items = [item(balance(reward(unit), unit=unit)) for unit in ("POINT", "USD", "CASH/USD", "CASH/EUR")]
    assert [row["unit"] for row in rows(kind, *items, filter=chosen)] == units


def test_counts_only_what_does_not_expire_before_a_moment(rows):
    there = balance(
        reward("a", 7, date_expires=tomorrow),
        reward("b", 20, date_expires=next_month),
        reward("c", 100),
        unit="CASH/USD",
    )

    def shown(**params):
        (row,) = rows(REDEEMABLE, item(there), **params)
        return [str(row[name]) for name in ("availableValue", "valueToRedeem", "nextExpiry")]

    assert shown(availableUntil=tomorrow, prefill="AVAILABLE") == ["1.27", "1.27", iso(tomorrow)]
    assert shown(availableUntil=tomorrow + 1, prefill="AVAILABLE") == ["1.20", "1.20", iso(next_month)]
    assert shown(availableUntil=next_month + 1) == ["1.00", "0", ""]
    assert shown(availableUntil=yesterday) == ["1.27", "0", iso(tomorrow)]


def test_leaves_out_a_balance_of_which_everything_expires_before_the_moment(rows):
    there = item(balance(reward("a", date_expires=tomorrow)))
    assert rows(REDEEMABLE, there, availableUntil=tomorrow + 1) == []


@pytest.mark.parametrize(
    ("params", "users"),
    [
        ({"minimumValue": 0}, ["a", "b"]),
        ({"minimumValue": 100}, ["a", "b"]),
        ({"minimumValue": 101}, ["b"]),
        ({"minimumValue": 151}, []),
        ({"minimumValue": 101, "availableUntil": tomorrow + 1}, []),
        ({"minimumValue": 150, "programId": "P"}, []),
    ],
)
def test_leaves_out_balances_with_less_than_the_minimum_of_what_counts(rows, params, users):
    little = balance(reward("r1", 100), user="a")
    more = balance(reward("r2", 100, program_id="P"), reward("r3", 50, date_expires=tomorrow), user="b")
    params = {"program": params.pop("programId", None), **params}
    assert [
        row["userId"] for row in rows(REDEEMABLE, item(little), item(more), unit="POINT", **params)
    ] == users


@pytest.mark.parametrize(
    ("params", "users"),
    [
        ({"blocked": "INCLUDE"}, ["ann", "bob", "cid", "dee"]),
        ({"blocked": "EXCLUDE"}, ["ann", "cid", "dee"]),
        ({"segments": ["vip"]}, ["ann", "bob"]),
        ({"segments": ["vip", "eu staff"]}, ["ann", "bob", "cid"]),
        ({"segments": ["eu staff"], "blocked": "EXCLUDE"}, ["ann", "cid"]),
        ({"segments": ["VIP"]}, []),
        ({"segments": ["vip,eu staff"]}, []),
    ],
)
def test_limits_a_report_to_participants(rows, params, users):
    balances_of_all = [item(balance(reward(f"r-{user}"), user=user)) for user in ("ann", "bob", "cid", "dee")]
    people = [
        person("ann", segments="vip, eu staff"),
        person("bob", segments='["vip"]', dateBlocked="2026-11-01"),
        person("cid", segments="eu staff"),
    ]
    assert [row["userId"] for row in rows(REDEEMABLE, *balances_of_all, *people, **params)] == users


def test_a_report_for_some_participants_sums_only_theirs(tmp_path):
    found = report_builder(REDEEMABLE, EXPORT, Filters.read(REDEEMABLE, {"blocked": "EXCLUDE"}), keys)
    spool = ExternalSort(tmp_path)
    for each in (
        item(balance(reward("a", 1055), user="ann", unit="CASH/USD")),
        item(balance(reward("b", 9), user="bob", unit="CASH/USD")),
        person("bob", dateBlocked="2026-11-01"),
    ):
        found.collect(Page(decode_accounts(body(each)).items, NOW, NOW), spool)
    assert found.rows == 2, "at most"
    assert len(list(found.show(spool.sorted()))) == 1
    assert found.totals == {"CASH/USD": 1055}


def test_names_the_filters_in_words():
    params = {
        "unit": "CASH/USD",
        "filter": {"unit_in": ["CASH/USD", "USD"]},
        "minimumValue": 2500,
        "availableUntil": NOW,
        "blocked": "EXCLUDE",
        "segments": ["vip", "staff"],
        "prefill": "AVAILABLE",
        "createdSince": NOW,
    }
    assert dict(described(params)) == {
        "Only unit": "CASH/USD",
        "Only filter.unit_in": "CASH/USD, USD",
        "Minimum value": "25.00 CASH/USD",
        "Only what does not expire before": to_the_minute(NOW),
        "Blocked participants": "left out",
        "Only segments": "vip, staff",
        "valueToRedeem": "filled in with the available value",
        "Only createdSince": to_the_minute(NOW),
    }


def test_a_unit_outside_the_filter_leaves_an_empty_report(rows):
    assert rows(REDEEMABLE, item(balance(reward("a"))), unit="POINT", filter={"unit_eq": "USD"}) == []


@pytest.mark.parametrize(
    ("kind", "params", "name"),
    [
        (REDEEMABLE, {"createdSince": 0}, "createdSince"),
        (REDEEMABLE, {"updatedBefore": 0}, "updatedBefore"),
        (BALANCES, {"filter": {}}, "filter"),
        (REWARDS, {"at": 0}, "at"),
        *(
            (kind, {name: value, "unit": "POINT"}, name)
            for kind in (BALANCES, REWARDS)
            for name, value in (
                ("minimumValue", 0),
                ("availableUntil", NOW),
                ("blocked", "INCLUDE"),
                ("segments", ["vip"]),
                ("prefill", "AVAILABLE"),
            )
        ),
        (REDEEMABLE, {"minimumValue": 0}, "minimumValue"),
        (REDEEMABLE, {"minimumValue": 5, "filter": {"unit_eq": "POINT"}}, "minimumValue"),
    ],
)
def test_rejects_a_filter_that_a_type_of_report_does_not_have(kind, params, name):
    with pytest.raises(FilterError) as raised:
        Filters.read(kind, params)
    assert raised.value.name == name


def test_a_csv_file_ends_its_lines_and_quotes_its_cells_as_rfc_4180_says():
    rows = [["x\ny", "0.50"], ['"', "0"], ["", "0"]]
    text = b"".join(csv_pieces(pack(["a", "b,c"]), [[pack(row) for row in rows]], mark=True)).decode()
    assert text == '\ufeffa,"b,c"\r\n"x\ny",0.50\r\n"""",0\r\n,0\r\n'


def test_a_csv_file_of_many_rows_comes_in_pieces_and_loses_none():
    batches = ([pack([str(number), "x"])] * 2 for number in range(10))
    pieces = list(csv_pieces(pack(["n", "m"]), batches, mark=False))
    assert len(pieces) == 11
    found = csv.reader(io.StringIO(b"".join(pieces).decode(), newline=""))
    assert [row[0] for row in found] == ["n", *(str(number) for number in range(10) for _ in range(2))]


def test_amounts_have_the_decimals_of_their_unit_except_value_to_redeem(rows):
    there = balance(reward("a", 1000, 995), unit="CREDIT/KWD")
    fresh = balance(reward("b", 5), unit="CASH/USD")
    shown = rows(REDEEMABLE, item(there), item(fresh))
    names = ("availableValue", "valueToRedeem", "totalRedeemedValue")
    assert [[str(row[name]) for name in names] for row in shown] == [
        ["0.05", "0", "0.00"],
        ["0.995", "0", "0.005"],
    ]


def test_a_text_with_the_characters_that_part_records_is_shown_as_it_is(rows):
    odd = "a\0b\nc\x01d\x0b"
    (shown,) = rows(REDEEMABLE, item(balance(reward("r"))), person(firstName=odd, segments=odd))
    assert (shown["firstName"], shown["segments"]) == (odd, odd)
