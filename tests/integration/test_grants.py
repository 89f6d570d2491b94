"""What creates rewards: units are claimed, blocked participants stay marked, ids have one spelling."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from openpyxl import Workbook

from rewards.adapters.parallel import in_parallel
from rewards.domain import ids
from rewards.domain.balance import Balance, grant
from rewards.domain.balance_key import BalanceKey
from rewards.domain.outcomes import Outcome, StopReason
from rewards.domain.redemption import Reward
from rewards.domain.reward_rows import Grant
from rewards.flows import load_rewards
from rewards.flows.ledger_commands import Request
from rewards.flows.load_rewards import Loader
from rewards.flows.rejections import RequestRejectedError
from tests.builders.files import row, sheet
from tests.builders.moments import DAY
from tests.integration.world import quick

NFC, NFD = "Zo\u00eb", "Zoe\u0308"


def new_grant(world, unit="POINT", user="ann", line=0, **more):
    reward = Reward(0, ids.new_id(world.now()), assigned_credit=100, left=100, date_given=world.now())
    return Grant(line, "acme", user, unit, reward, **more)


def create(world, unit="POINT", user="ann"):
    return world.ledger_commands.create(new_grant(world, unit, user), Request("digest"), quick())


def loader(world):
    """The one of another container."""
    return Loader(world.accounts, world.registry, world.units_in_use, world.audited, world.now)


def store(world, user="ann", unit="POINT", reward_id="old", program=None):
    """A reward as version 0.1 stored it."""
    balance = world.accounts.read([key := BalanceKey("acme", user, unit)], quick()).get(key)
    balance = balance or Balance("acme", user, unit)
    reward = Reward(0, reward_id, 100, 100, world.now(), program_id=program)
    grant(balance, [reward])
    claim = world.registry.claim(Grant(1, "acme", user, unit, reward), "06gzzx7rv0b59snh")
    assert world.accounts.write_together([balance], [claim], world.now())
    item = {"pk": {"S": "UNITS"}, "sk": {"S": unit}}
    world.jobs_table.client.put_item(TableName=world.names["jobs"], Item=item)


# --- Units ---


@pytest.mark.parametrize(
    ("unit", "right"),
    [("cash/usd", "CASH/USD"), ("CASH/XXX", "ISO 4217"), ("Point", "'POINT'"), ("eur", "EUR")],
)
def test_rejects_another_spelling_of_a_unit_from_a_file_and_names_the_right_one(world, unit, right):
    world.load([{"id": "a", "assignedCredit": 1}])
    record = world.load([{"id": f"r{n}", "assignedCredit": 1, "unit": unit} for n in range(2)])
    assert record["outcomes"] == {"INVALID_UNIT": 2}
    assert right in world.results(record)[0]["message"]
    assert world.units_in_use.all() == ["POINT"]
    assert world.load([{"id": "r0", "assignedCredit": 1}])["outcomes"] == {"LOADED": 1}


def test_rejects_another_spelling_of_a_unit_from_the_api(world):
    create(world)
    with pytest.raises(RequestRejectedError, match="Use 'POINT'") as error:
        create(world, "point")
    assert error.value.code == "INVALID_UNIT"
    assert world.units_in_use.all() == ["POINT"]


def test_the_second_spelling_in_one_file_is_rejected(world, monkeypatch):
    """Also if a later transaction is faster."""

    def last_first(send, batches, stops):
        return [*reversed(in_parallel(send, batches[::-1], stops))]

    monkeypatch.setattr(load_rewards, "in_parallel", last_first)
    record = world.load(
        [{"id": unit, "assignedCredit": 1, "unit": unit, "user.id": unit} for unit in ("Ticket", "TICKET")]
    )
    assert record["outcomes"] == {"LOADED": 1, "INVALID_UNIT": 1}
    assert world.units_in_use.all() == ["Ticket"]


def test_of_two_first_grants_at_once_one_spelling_wins(world):
    loaders = [loader(world) for _ in range(4)]
    units = ["Point", "POINT", "point", "poInt"]

    def load(number):
        return loaders[number].load(
            "06gzzx7rv0b59snh", [new_grant(world, units[number], line=number)], quick()
        )

    with ThreadPoolExecutor(4) as pool:
        results = [result for found in pool.map(load, range(4)) for result in found]
    assert sorted(result.outcome for result in results) == ["INVALID_UNIT"] * 3 + ["LOADED"]
    (winner,) = [result.unit for result in results if result.outcome == "LOADED"]
    assert world.units_in_use.all() == [winner]


def test_a_first_grant_that_lost_the_race_is_decided_again_and_leaves_nothing(world, monkeypatch):
    other = loader(world)
    real = world.accounts.write_together

    def after_somebody_else(*args):
        monkeypatch.setattr(world.accounts, "write_together", real)
        other.load("06gzzx7rv0b59snh", [new_grant(world, "POINT", "bob", line=1)], quick())
        return real(*args)

    monkeypatch.setattr(world.accounts, "write_together", after_somebody_else)
    (result,) = loader(world).load("06gzzx7rv0b59snh", [new_grant(world, "Point", line=2)], quick())
    assert result.outcome == "INVALID_UNIT"
    assert world.accounts.balances("acme", "ann", None) == []


def test_units_in_use_before_the_claims_stay_valid_as_they_are_spelt(world):
    for number, unit in enumerate(("cash/usd", "Point", "POINT")):
        store(world, unit=unit, reward_id=f"old{number}")
    record = world.load(
        [
            {"id": f"r{n}", "assignedCredit": 1, "unit": unit, "user.id": f"u{n}"}
            for n, unit in enumerate(("cash/usd", "Point", "POINT", "point"))
        ]
    )
    assert record["outcomes"] == {"LOADED": 3, "INVALID_UNIT": 1}
    assert world.units_in_use.all() == ["POINT", "Point", "cash/usd"]


def test_a_grant_that_fails_claims_no_unit(world):
    world.load([{"id": "a", "assignedCredit": 1}])
    assert world.load([{"id": "a", "assignedCredit": 1, "unit": "TICKET"}])["outcomes"] == {"ID_IN_USE": 1}
    assert world.units_in_use.all() == ["POINT"]


# --- Blocked participants ---


def blocked(world, user="ann"):
    return {balance.unit: balance.blocked for balance in world.accounts.balances("acme", user, None)}


def test_a_file_that_blocks_a_participant_marks_all_of_the_participants_balances(world):
    world.load([{"id": "a", "assignedCredit": 1}, {"id": "b", "assignedCredit": 1, "unit": "CASH/USD"}])
    world.load([{"id": "c", "assignedCredit": 1, "user.dateBlocked": "2026-11-01"}])
    assert blocked(world) == {"POINT": True, "CASH/USD": True}


def test_a_new_balance_of_a_blocked_participant_is_marked_from_file_and_api(world):
    world.load([{"id": "a", "assignedCredit": 1, "user.dateBlocked": "2026-11-01"}])
    world.load([{"id": "b", "assignedCredit": 1, "unit": "TICKET"}])
    create(world, "CASH/USD")
    create(world, "CASH/USD", "bob")
    assert blocked(world) == {"POINT": True, "TICKET": True, "CASH/USD": True}
    assert blocked(world, "bob") == {"CASH/USD": False}


def test_the_mark_outlives_redemptions_grants_and_history(world):
    soon = world.now() + 60_000
    rewards = [{"id": f"r{n}" * 10, "assignedCredit": 10, "dateExpires": soon} for n in range(30)]
    world.load([{**each, "user.dateBlocked": "2026-11-01"} for each in rewards])
    world.upload("redemptions/a.csv", sheet([row("5")]))
    assert blocked(world) == {"POINT": True}
    world.now.ahead = 120_000
    world.load([{"id": "last", "assignedCredit": 10}])
    assert world.balance().archived.count == 30
    assert blocked(world) == {"POINT": True}


def test_a_participant_who_is_blocked_while_a_balance_is_created_is_seen(world, monkeypatch):
    real = world.accounts.write_together

    def after_blocking(*args):
        monkeypatch.setattr(world.accounts, "write_together", real)
        world.accounts.write_participant("acme", "ann", {"dateBlocked": "2026-11-01"})
        return real(*args)

    monkeypatch.setattr(world.accounts, "write_together", after_blocking)
    create(world)
    assert blocked(world) == {"POINT": True}


def test_a_load_that_died_before_it_marked_the_balances_marks_them_when_it_runs_again(world, monkeypatch):
    world.load([{"id": "old", "assignedCredit": 1, "unit": "CASH/USD"}])
    facts = {"participant": {"dateBlocked": "2026-11-01"}}
    grants = [new_grant(world, line=1, **facts)]
    monkeypatch.setattr(world.accounts, "block", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        loader(world).load("06gzzx7rv0b59snh", grants, quick())
    assert blocked(world)["CASH/USD"] is False
    monkeypatch.undo()
    (result,) = loader(world).load("06gzzx7rv0b59snh", grants, quick())
    assert result.outcome == "LOADED"
    assert blocked(world) == {"POINT": True, "CASH/USD": True}
    before = world.accounts.balances("acme", "ann", None)
    loader(world).load("06gzzx7rv0b59snh", grants, quick())
    assert world.accounts.balances("acme", "ann", None) == before


def test_a_balance_that_changes_while_it_is_marked_is_marked_and_keeps_the_change(world, monkeypatch):
    world.load([{"id": "old", "assignedCredit": 100}])
    real = world.accounts.block

    def after_a_redemption(*args):
        monkeypatch.setattr(world.accounts, "block", real)
        world.ledger_commands.redeem("acme", "ann", "POINT", 30, Request("digest"), quick())
        return real(*args)

    monkeypatch.setattr(world.accounts, "block", after_a_redemption)
    world.load([{"id": "new", "assignedCredit": 1, "user.dateBlocked": "2026-11-01"}])
    assert world.available() == 71
    assert blocked(world) == {"POINT": True}


# --- Spelling of ids ---


def test_ids_are_stored_in_nfc_whatever_form_they_come_in(world):
    world.load([{"id": NFD, "assignedCredit": 1, "user.id": NFD, "unit": NFD, "programId": NFD}])
    assert world.load([{"id": NFC, "assignedCredit": 1, "user.id": NFC, "unit": NFC}])["outcomes"] == {
        "UNCHANGED": 1
    }
    (balance,) = world.accounts.balances("acme", NFC, None)
    assert (balance.unit, balance.rewards[0].id, balance.rewards[0].program_id) == (NFC, NFC, NFC)
    assert world.accounts.balances("acme", NFD, None) == []


def test_a_file_redeems_from_a_balance_whichever_form_its_ids_have(world):
    world.load([{"id": "a", "assignedCredit": 9, "user.id": NFC}])
    record = world.upload("redemptions/a.csv", sheet([row("4", user=NFD)]))
    assert record["outcomes"] == {"REDEEMED": 1}
    assert world.available("acme", NFC) == 5


def test_what_is_stored_under_the_given_form_is_still_found(world):
    store(world, NFD, NFD, NFD, program=NFD)
    more = {"assignedCredit": 1, "user.id": NFD, "unit": NFD}
    assert world.load([{"id": NFD, **more}])["outcomes"] == {"UNCHANGED": 1}
    assert world.load([{"id": "new", **more}])["outcomes"] == {"LOADED": 1}
    assert world.load([{"id": "other", **more, "unit": "POINT"}])["outcomes"] == {"LOADED": 1}
    record = world.upload("redemptions/a.csv", sheet([row("30", user=NFD, unit=NFD, programId=NFD)]))
    assert record["outcomes"] == {"REDEEMED": 1}
    done = world.ledger_commands.redeem("acme", NFD, NFD, 20, Request("digest"), quick())
    assert done["creditAvailable"] == 51
    assert world.ledger_commands.redeem_reward(NFD, NFD, 10, Request("d"), quick())["creditAvailable"] == 41
    assert [each["id"] for each in world.reward_queries.rewards("acme", NFD, quick())] == [
        NFD,
        "new",
        "other",
    ]
    assert world.reward_queries.reward(NFD, quick())["redeemedCredit"] == 60
    assert world.accounts.balances("acme", NFC, None) == []


def test_a_row_that_redeemed_from_the_given_form_is_not_redeemed_again_from_the_nfc_form(world, monkeypatch):
    store(world, NFD)
    import_id = world.validate(world.put("redemptions/a.csv", sheet([row("30", user=NFD)])))
    (body,) = world.take("redeem")
    with monkeypatch.context() as patch:
        patch.setattr(world.files, "put_part", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            world.deliver("redeem", body)
    world.load([{"id": "new", "assignedCredit": 100, "user.id": NFC}])
    world.deliver("redeem", body)
    assert world.record(import_id)["outcomes"] == {"REDEEMED": 1}
    assert [world.available("acme", user) for user in (NFD, NFC)] == [70, 100]


def test_a_load_that_failed_permanently_reads_no_more_than_the_reward_ids(world, monkeypatch):
    monkeypatch.setattr(world.units_in_use, "all", lambda: 1 / 0)
    stop_reason = StopReason(Outcome.NOT_PROCESSED, "given up")
    grants = [new_grant(world, NFD, NFD, line=1)]
    (result,) = loader(world).load("06gzzx7rv0b59snh", grants, quick(), stop_reason)
    assert result.outcome == "NOT_PROCESSED"


# --- Rewards files ---


def test_half_surrogates_in_json_lines_are_rejected_and_shown_in_the_results(world):
    base = (
        '"type": "CREDIT", "unit": "POINT", "assignedCredit": 5, "user.id": "ann", "user.accountId": "acme"'
    )
    body = "".join(f'{{"id": "r{half}", {base}}}\n' for half in ("\\ud800", "\\udbff"))
    record = world.upload("rewards/a.jsonl", body)
    assert record["outcomes"] == {"INVALID_VALUE": 2}
    assert [each["id"] for each in world.results(record)] == ["r\\ud800", "r\\udbff"]


def test_a_workbook_of_rewards_is_loaded_as_it_is_meant(world):
    book = Workbook()
    cells = book.active
    cells.append(["id", "type", "unit", "assignedCredit", "user.id", "user.accountId", "dateExpires", "note"])
    cells.append(["007", "CREDIT", "POINT", 500, "0042", 12, date(2099, 12, 31), "x"])
    cells.append(["r2", "CREDIT", "POINT", 7, "0042", 12, 4_102_444_800_000, None])
    cells.append(["r3", "FUELTANK", None, None, None, None, None, None])
    file = io.BytesIO()
    book.save(file)
    record = world.upload("rewards/a.xlsx", file.getvalue())
    assert record["outcomes"] == {"LOADED": 2, "UNSUPPORTED_TYPE": 1}
    rewards = world.balance("12", "0042").rewards
    assert [each.id for each in rewards] == ["007", "r2"]
    assert {each.date_expires for each in rewards} == {4_102_444_800_000}


# --- What it costs ---


def test_only_a_new_balance_costs_a_check_and_only_a_new_unit_a_claim(world, monkeypatch):
    kinds, reads = [], []
    client = world.accounts._client
    real_write, real_query = client.transact_write_items, world.units_in_use.all

    def write(**request):
        kinds.append(sorted(next(iter(each)) for each in request["TransactItems"]))
        return real_write(**request)

    monkeypatch.setattr(client, "transact_write_items", write)
    monkeypatch.setattr(world.units_in_use, "all", lambda: reads.append(1) or real_query())
    for number, expected in enumerate((3, 2, 2)):
        kinds.clear()
        loader(world).load("06gzzx7rv0b59snh", [new_grant(world, line=1, user=f"u{number % 2}")], quick())
        (found,) = kinds
        assert found.count("Put") == expected
        assert found.count("ConditionCheck") == (number < 2)
    many = [new_grant(world, line=n, user=f"v{n}") for n in range(10)]
    reads.clear()
    loader(world).load("06gzzx7rv0b59snh", many, quick())
    assert len(reads) == 1


@pytest.mark.parametrize("name", ["DateExpires", "date_expires", "dateExpires ", "dateExpires\u200b"])
def test_reads_names_of_json_lines_as_headers_are_read(world, name):
    expires = world.now() + DAY
    assert world.load([{"id": "r1", "assignedCredit": 5, name: expires}])["outcomes"] == {"LOADED": 1}
    assert world.balance().rewards[0].date_expires == expires


@pytest.mark.parametrize(
    "line", ['{"id": "a", "id": "b"}', '{"user.id": "ann", "user": {"id": "bob"}, "id": "a"}']
)
def test_rejects_json_lines_in_which_a_name_has_two_values(world, line):
    record = world.upload("rewards/r.jsonl", line)
    assert record["error"]["code"] == "UNREADABLE_FILE"
