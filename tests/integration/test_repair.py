"""Files with damaged or mis-sorted ids, against reports that are kept, gone or of another stack."""

import unicodedata

import pytest

from rewards.domain import ids
from rewards.domain.row_ids import RowIdKeys
from tests.builders.files import filled, row, sheet
from tests.builders.moments import DAY
from tests.builders.row_ids import make_row_id

SWAPPED = ["7", "007", "12", "0012", "123456789012345678", "123456789012345000", "true", "TRUE"]
COLUMNS = [*row(1), "rowId"]


def load(world, users, account="acme", unit="POINT"):
    rows = [
        {"id": f"{account}/{user}", "user.accountId": account, "user.id": user, "unit": unit}
        for user in users
    ]
    world.load([{**each, "assignedCredit": 1000} for each in rows])


def outcome_of(world, record):
    return [(r["outcome"], r["message"]) for r in world.results(record)]


@pytest.mark.parametrize("written", ["{}", '="{}"', "'{}", "{}\u200b"])
def test_a_column_that_was_sorted_alone_is_never_repaired(world, written):
    load(world, SWAPPED)
    rows = {r["userId"]: r for r in world.report()}
    pairs = zip(SWAPPED[::2], SWAPPED[1::2], strict=True)
    body = sheet(
        [
            {**rows[true], "valueToRedeem": "5", "userId": written.format(shown)}
            for one, other in pairs
            for true, shown in ((one, other), (other, one))
        ]
    )
    record = world.upload("redemptions/a.csv", body)
    assert record["outcomes"] == {"ROW_CHANGED": len(SWAPPED)}
    assert {world.available("acme", user, "POINT") for user in SWAPPED} == {1000}


def test_a_row_is_not_repaired_when_a_row_of_another_report_has_what_it_shows(world):
    load(world, ["007"])
    (first,) = world.report()
    load(world, ["7"], unit="POINT")
    whole = next(r for r in world.report() if r["userId"] == "7")
    rows = [{**first, "userId": "7", "valueToRedeem": "1"}, {**whole, "valueToRedeem": "0"}]
    record = world.upload("redemptions/a.csv", sheet(rows))
    assert record["outcomes"] == {"ROW_CHANGED": 1, "UNCHANGED": 1}
    assert "another row of the file" in world.results(record)[0]["message"]
    alone = world.upload("redemptions/b.csv", sheet(rows[:1]))
    assert alone["outcomes"] == {"REDEEMED": 1}


@pytest.mark.parametrize(
    ("true", "shown"),
    [("007", "007\u200b"), ("007", '="007"'), ("007", "'007"), ("12345", "12345.0"),
     ("12345678901234567890", "12345678901234567000"), (".5", "0.5"), ("1.", "1"),
     ("2026-03-04", "04.03.26"), ("Zo\u00eb", "Zoe\u0308")],
)  # fmt: skip
def test_what_a_program_did_to_an_id_is_repaired_and_explained(world, true, shown):
    load(world, [true])
    record = world.upload("redemptions/a.csv", sheet(filled(world, **{true: shown})))
    ((outcome, message),) = outcome_of(world, record)
    assert outcome == "REDEEMED"
    assert message.startswith("Repaired by rowId: userId is ")
    assert world.available("acme", true, "POINT") == 999


def test_an_invisible_character_is_shown_by_its_code(world):
    load(world, ["007"])
    record = world.upload("redemptions/a.csv", sheet(filled(world, **{"007": "007\u200b"})))
    assert "userId is '007<U+200B>' but '007' in the report" in world.results(record)[0]["message"]


def test_a_row_id_in_quotes_or_with_invisible_characters_is_read(world):
    load(world, ["007", "008"])
    marks = iter(['="{}"', "\u200b{}\ufeff"])
    rows = [{**r, "rowId": next(marks).format(r["rowId"])} for r in filled(world)]
    assert world.upload("redemptions/a.csv", sheet(rows))["outcomes"] == {"REDEEMED": 2}


@pytest.mark.parametrize(("account", "user"), [("0042\u200b", "007\u200b"), ("0042", "007\u200b")])
def test_without_a_row_id_a_message_shows_the_invisible_character(world, account, user):
    load(world, ["007"], account="0042")
    record = world.upload("redemptions/a.csv", sheet([row("1", account=account, user=user)]))
    ((outcome, message),) = outcome_of(world, record)
    assert outcome == "NO_BALANCE"
    assert "'007<U+200B>'" in message
    assert "invisible" in message


def test_without_a_row_id_an_id_in_quotes_is_never_a_number(world):
    load(world, ["007", "7"], account="0042")
    record = world.upload("redemptions/a.csv", sheet([row("1", account='="0042"', user='="007"')]))
    ((outcome, message),) = outcome_of(world, record)
    assert outcome == "NO_BALANCE"
    assert '="007"' in message


def test_another_unicode_form_fits_also_when_the_report_is_no_longer_kept(world):
    load(world, ["Zo\u00eb", "007"])
    rows = filled(world, **{"Zo\u00eb": unicodedata.normalize("NFD", "Zo\u00eb"), "007": "7"})
    world.now.ahead = 31 * DAY
    record = world.upload("redemptions/a.csv", sheet(rows))
    assert record["outcomes"] == {"REDEEMED": 1, "ROW_CHANGED": 1}
    assert world.available("acme", "Zo\u00eb", "POINT") == 999


def test_two_ids_that_differ_only_by_their_unicode_form_are_not_mixed_up(world):
    composed, apart = "Zo\u00eb", "Zoe\u0308"
    load(world, [composed, apart])
    rows = {r["userId"]: {**r, "valueToRedeem": "1"} for r in world.report()}
    if len(rows) == 1:
        pytest.skip("the loader stores both under one id")
    swapped = [{**rows[composed], "userId": apart}, {**rows[apart], "userId": composed}]
    record = world.upload("redemptions/a.csv", sheet(swapped))
    assert record["outcomes"] == {"ROW_CHANGED": 2}


def test_a_report_of_another_stack_redeems_nothing(world):
    load(world, ["ann", "bob"])
    theirs = RowIdKeys.parse("the key of a test system, which is another one")
    report = theirs.of(ids.new_id(world.now()))
    rows = [{**r, "rowId": report.make("acme", r["userId"], "POINT", None)} for r in filled(world)]
    record = world.upload("redemptions/a.csv", sheet(rows))
    assert record["outcomes"] == {"UNKNOWN_REPORT": 2}
    assert rows[0]["rowId"] in world.results(record)[0]["message"]
    assert world.available("acme", "ann", "POINT") == 1000


def test_a_changed_digest_of_a_report_of_ours_is_a_changed_row(world):
    load(world, ["ann"])
    (shown,) = filled(world)
    end = "0" if shown["rowId"][-1] != "0" else "1"
    record = world.upload("redemptions/a.csv", sheet([{**shown, "rowId": shown["rowId"][:-1] + end}]))
    assert record["outcomes"] == {"ROW_CHANGED": 1}


def test_a_row_id_of_a_version_before_0_2_is_of_an_unknown_report(world):
    load(world, ["ann"])
    (shown,) = filled(world)
    record = world.upload("redemptions/a.csv", sheet([{**shown, "rowId": shown["rowId"] + "AB"}]))
    assert record["outcomes"] == {"UNKNOWN_REPORT": 1}
    assert "before 0.2" in world.results(record)[0]["message"]


def test_each_report_is_looked_up_once_however_many_rows_name_it(world, monkeypatch):
    exports = [ids.make_id(world.now() - 1000, number) for number in range(3)]
    rows = [
        row("1", user=f"u{n}", rowId=make_row_id(exports[n % 3], "acme", "somebody else", "POINT"))
        for n in range(60)
    ]
    looked_up, get = [], world.jobs_table.get
    monkeypatch.setattr(world.jobs_table, "get", lambda kind, key: (looked_up.append(key), get(kind, key))[1])
    record = world.upload("redemptions/a.csv", sheet(rows, COLUMNS))
    assert record["outcomes"] == {"UNKNOWN_REPORT": 60}
    assert sorted(key for key in looked_up if key in exports) == exports


def test_after_a_rotation_reports_made_before_it_are_still_redeemed(world):
    load(world, ["ann"])
    old = filled(world)
    begun = world.now() + DAY
    rotated = RowIdKeys([(0, "a key of tests that nobody has to keep secret"), (begun, "n" * 48)])
    world.validation._row_id_keys = world.reporter._row_id_keys = lambda: rotated
    world.now.ahead = 2 * DAY
    new = filled(world)
    assert world.upload("redemptions/a.csv", sheet(new))["outcomes"] == {"REDEEMED": 1}
    assert world.upload("redemptions/b.csv", sheet(old))["outcomes"] == {"REDEEMED": 1}
    world.validation._row_id_keys = lambda: RowIdKeys([(0, "n" * 48)])
    assert world.upload("redemptions/c.csv", sheet([{**old[0], "note": "x"}]))["outcomes"] == {
        "ROW_CHANGED": 1
    }
