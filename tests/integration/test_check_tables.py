"""Tables that were restored to different moments: what was lost is repaired, or applied again."""

from collections import Counter

import pytest

from infra.check_tables.api_keys import valid_api_keys
from infra.check_tables.evidence import Evidence
from infra.check_tables.findings import State
from infra.check_tables.ledger import RESTORED, Ledger
from rewards.adapters import queue_messages
from rewards.domain import ids
from rewards.domain.access import Scope
from rewards.domain.api_key import ApiKey, new_key
from tests.builders.files import row, sheet
from tests.builders.moments import DAY
from tests.integration.world import AGAIN, quick

TABLES = ("accounts", "rewards", "jobs")
USERS = ("ann", "bob", "eve")


@pytest.fixture
def world(world, monkeypatch):
    """Ann, Bob and Eve have 100 POINT each; two rows are a chunk."""
    monkeypatch.setattr(queue_messages, "MAX_ROWS", 2)
    load(world, "r")
    return world


def load(world, name):
    return world.load([{"id": f"{name}-{user}", "user.id": user, "assignedCredit": 100} for user in USERS])


def redeem(world, value, file="a.csv", folder="redemptions/"):
    """Redeem a value from everybody by a report's rows."""
    rows = [{**each, "valueToRedeem": value} for each in world.report()]
    return sheet(rows), world.upload(f"{folder}{file}", sheet(rows))


def items(world, table):
    pages = world.clients("dynamodb").get_paginator("scan").paginate(TableName=world.names[table])
    return [item for page in pages for item in page["Items"]]


def saved(world, *tables):
    return {table: items(world, table) for table in tables or TABLES}


def restore(world, copies):
    """Bring tables back to what they had."""
    dynamodb = world.clients("dynamodb")
    for table, copy in copies.items():
        name = world.names[table]
        keys = ("id",) if table == "rewards" else ("pk", "sk")
        for item in items(world, table):
            dynamodb.delete_item(TableName=name, Key={key: item[key] for key in keys})
        for item in copy:
            dynamodb.put_item(TableName=name, Item=item)


def check(world, repair=False, reapply=False):
    """The findings, by state, as texts."""
    ledger = Ledger(world.flows, repair or reapply, reapply)
    found: dict[State, list[str]] = {}
    for finding in ledger.check():
        found.setdefault(finding.state, []).append(str(finding))
    return found, ledger.applied


def ledger(world):
    """What each reward has left, and every redemption, without the times and versions of writes."""
    found = {}
    for user in USERS:
        for balance, pages in world.accounts.balances_with_history("acme", user):
            parts = (balance, *pages)
            rewards = {each.id: each.left for part in parts for each in part.rewards}
            made = {
                (each.import_id, each.line): (each.value, each.row_id, each.parts, each.reversed_by)
                for part in parts
                for each in part.redemptions
            }
            found[user, balance.unit] = rewards, made
    return found


def test_tables_of_one_moment_have_no_findings(world):
    redeem(world, "10")
    redeem(world, "20", folder="preview/")
    world.reverse(redeem(world, "30", "b.csv")[1])
    assert check(world) == ({}, {})


@pytest.mark.parametrize("lost", [("accounts",), ("accounts", "rewards"), TABLES], ids="+".join)
def test_what_was_loaded_and_redeemed_after_the_moment_is_applied_again_once(world, lost):
    redeem(world, "10")
    before = saved(world, *lost)
    load(world, "s")
    file, _ = redeem(world, "150", "b.csv")
    redeem(world, "5", "c.csv", folder="preview/")
    expected = ledger(world)
    restore(world, before)

    after = ledger(world)
    found, applied = check(world)
    assert found
    assert not applied
    assert ledger(world) == after != expected

    found, applied = check(world, reapply=True)
    assert len(found[State.REPAIRED]) == 6
    assert applied == {"POINT": 450}
    assert ledger(world) == expected

    found, applied = check(world, reapply=True)
    assert not found.keys() - {State.NOTE}
    assert not applied
    again = world.upload("redemptions/b.csv", file)
    assert again["outcomes"] == {"ALREADY_REDEEMED": 3}
    assert ledger(world) == expected


def test_a_reward_that_expired_since_gives_what_it_gave(world):
    soon = world.now() + 3_000
    world.load([{"id": "soon", "assignedCredit": 50, "dateExpires": soon}])
    before = saved(world)
    world.upload("redemptions/a.csv", sheet([row("50")]))
    expected = ledger(world)
    restore(world, before)
    world.now.ahead = DAY
    found, _ = check(world, reapply=True)
    assert len(found[State.REPAIRED]) == 1
    assert ledger(world) == expected


def test_what_a_balance_cannot_cover_is_reported_and_not_redeemed(world):
    before = saved(world)
    world.upload("redemptions/a.csv", sheet([row("80")]))
    restore(world, before)
    world.upload("redemptions/other.csv", sheet([row("30")]))
    found, applied = check(world, reapply=True)
    (decide,) = found[State.DECIDE]
    assert "line 2, account 'acme', user 'ann'" in decide
    assert "exceeds the available balance: 70 is available" in decide
    assert not applied
    assert world.available() == 70


def test_a_row_that_was_uploaded_again_since_is_not_redeemed_again(world):
    before = saved(world)
    file, _ = redeem(world, "10")
    restore(world, before)
    again = world.upload("redemptions/again.csv", file)
    assert again["outcomes"] == {"REDEEMED": 3}
    found, applied = check(world, reapply=True)
    assert not found.keys() - {State.NOTE}
    assert not applied


def test_a_claim_without_its_reward_is_granted_as_the_file_said(world):
    before = saved(world, "accounts")
    load(world, "s")
    expected = ledger(world)
    restore(world, before)
    found, _ = check(world)
    assert len(found.pop(State.REPAIR)) == 3
    assert not found
    found, _ = check(world, repair=True)
    assert len(found[State.REPAIRED]) == 3
    assert ledger(world) == expected
    assert check(world, repair=True) == ({}, {})


def test_a_claim_of_the_api_without_its_reward_is_reported(world):
    item = {"id": "x", "accountId": "acme", "userId": "ann", "unit": "POINT", "importId": "API"}
    world.clients("dynamodb").put_item(
        TableName=world.names["rewards"],
        Item={**{name: {"S": text} for name, text in item.items()}, "line": {"N": "0"}},
    )
    found, _ = check(world, repair=True)
    (decide,) = found[State.DECIDE]
    assert "reward x of account 'acme', user 'ann', unit 'POINT': its id is claimed by API" in decide


def test_a_reward_without_its_claim_is_claimed_and_not_granted_twice(world):
    before = saved(world, "rewards")
    load(world, "s")
    world.archive("acme", "ann", "POINT")
    expected = ledger(world)
    restore(world, before)
    found, _ = check(world)
    assert len(found.pop(State.REPAIR)) == 3
    assert not found
    found, _ = check(world, reapply=True)
    assert len(found[State.REPAIRED]) == 3
    assert world.registry.read(["s-ann"], quick())["s-ann"].import_id == RESTORED
    assert check(world, reapply=True) == ({}, {})
    assert load(world, "s")["outcomes"] == {"UNCHANGED": 3}
    assert ledger(world) == expected


def test_a_reward_that_is_claimed_for_somebody_else_is_reported(world):
    world.clients("dynamodb").update_item(
        TableName=world.names["rewards"],
        Key={"id": {"S": "r-ann"}},
        UpdateExpression="SET userId = :bob",
        ExpressionAttributeValues={":bob": {"S": "bob"}},
    )
    found, _ = check(world, repair=True)
    assert any("claimed for account 'acme', user 'bob'" in each for each in found[State.DECIDE])


def test_an_import_that_lost_its_end_is_resumed(world):
    import_id = world.validate(world.put("redemptions/a.csv", sheet([row("10", user=u) for u in USERS])))
    before = saved(world, "jobs")
    world.run()
    restore(world, before)
    found, _ = check(world)
    (repair,) = found[State.REPAIR]
    assert f"import {import_id}: 3 of its rows are redeemed, but it has not ended" in repair
    check(world, repair=True)
    world.run()
    assert world.record(import_id)["outcomes"] == {"REDEEMED": 3}
    assert check(world) == ({}, {})
    assert world.available() == 90


def test_a_reversal_with_a_record_is_applied_again(world):
    _, done = redeem(world, "10")
    before = saved(world, "accounts")
    world.reverse(done)
    expected = ledger(world)
    restore(world, before)
    found, applied = check(world, reapply=True)
    assert len(found[State.REPAIRED]) == 3
    assert applied == {"POINT": -30}
    assert ledger(world) == expected
    assert check(world, reapply=True) == ({}, {})


def test_an_import_that_an_unknown_reversal_may_have_reversed_is_not_applied_again(world):
    before = saved(world)
    world.reverse(redeem(world, "10")[1])
    _, other = redeem(world, "20", "b.csv")
    restore(world, before)
    found, applied = check(world, reapply=True)
    assert Counter(each.rpartition("may have reversed")[1] != "" for each in found[State.DECIDE]) == {True: 4}
    assert applied == {"POINT": 60}
    assert all(other["id"] in each for each in found[State.REPAIRED])


def test_whether_a_reversal_may_be_of_an_import_is_found_out_once(world, monkeypatch):
    monkeypatch.setattr(queue_messages, "MAX_ROWS", 1)
    before = saved(world)
    _, reversed_import = redeem(world, "10")
    world.reverse(reversed_import)
    redeem(world, "20", "later.csv")
    restore(world, before)
    real, calls = Evidence.parts_of, Counter()

    def parts_of(evidence, import_id):
        calls[import_id] += 1
        return real(evidence, import_id)

    monkeypatch.setattr(Evidence, "parts_of", parts_of)
    check(world)
    assert calls == {reversed_import["id"]: 1}, "a later import is not read at all"


def test_valid_api_keys_are_listed_as_notes(world):
    for n, name in enumerate(("payroll", "old")):
        key = ApiKey(
            id=ids.make_id(1_795_716_902_000, n),
            name=name,
            scopes=(Scope.READ, Scope.WRITE),
            created_by="ann@example.com",
            date_created=1_795_716_902_000,
        )
        world.api_keys.create(key, new_key(key.id))
    world.api_keys.revoke(key.id, world.now(), "ann@example.com")
    (found,) = valid_api_keys(world.api_keys)
    assert found.state is State.NOTE
    assert found.subject == f"API key {ids.make_id(1_795_716_902_000, 0)}"
    assert "'payroll' is valid (scopes read, write; created 2026-11-26T18:15:02+00:00)" in found.text


@pytest.mark.parametrize("folder", ["redemptions/", "preview/"])
def test_rows_whose_record_and_chunk_are_missing_may_be_of_a_preview(world, folder):
    before = saved(world)
    _, done = redeem(world, "10", folder=folder)
    delete_chunks(world, done)
    restore(world, before)
    found, applied = check(world, reapply=True)
    assert len(found[State.DECIDE]) == 2  # one for each chunk
    assert all("It may have been a preview" in each for each in found[State.DECIDE])
    assert not any("import it again" in each for each in found[State.DECIDE])
    assert not applied


def test_rows_of_an_import_whose_chunk_is_missing_are_reported(world):
    before = saved(world, "accounts")
    _, done = redeem(world, "10")
    _, preview = redeem(world, "5", folder="preview/")
    delete_chunks(world, done)
    delete_chunks(world, preview)
    restore(world, before)
    found, applied = check(world, reapply=True)
    assert len(found[State.DECIDE]) == 2
    assert all(done["id"] in each and "import it again" in each for each in found[State.DECIDE])
    assert not applied


def delete_chunks(world, record):
    for key in world.keys(f"evidence/{record['id']}/sealed/"):
        world.s3.delete_object(Bucket=world.names["files"], Key=key)


def test_a_write_in_between_is_noticed(world, monkeypatch):
    before = saved(world)
    world.upload("redemptions/a.csv", sheet([row("80")]))
    restore(world, before)
    write = world.accounts.write

    def slow(balances, now):
        monkeypatch.setattr(world.accounts, "write", write)
        world.upload("redemptions/b.csv", sheet([row("10")]), **AGAIN)
        return write(balances, now)

    monkeypatch.setattr(world.accounts, "write", slow)
    check(world, reapply=True)
    assert world.available() == 10
