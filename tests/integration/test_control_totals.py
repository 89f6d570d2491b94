"""Control totals: a file that differs from what is expected changes nothing, however it comes."""

import json

import pytest

from rewards.adapters import queue_messages
from rewards.domain.control_totals import ExpectedTotals
from rewards.domain.import_job import ImportType
from tests.builders.files import row, sheet
from tests.integration.test_import_orders import arrive, order

# Its control totals: eight rows, 25.55 USD and 108 POINT, of which some fail.
ROWS = [
    row("10.559", unit="CASH/USD"),
    row("15", unit="CASH/USD", user="nobody"),
    row("100"),
    row("1"),  # a duplicate row
    row("7", user=""),
    row("0.5", user="bob"),  # below the smallest unit
    row("x", user="eve"),
    row("-3", user="finn"),
    row("", user="eve"),
    row("0", user="eve"),
]
RIGHT = "rows=8;CASH/USD=25.55;POINT=108"


@pytest.fixture
def world(world):
    """Ann has 100 POINT and 20.00 USD."""
    rewards = [{"id": "r1", "assignedCredit": 100}, {"id": "r2", "assignedCredit": 2000, "unit": "CASH/USD"}]
    world.load(rewards)
    return world


def is_untouched(world):
    return (world.available("acme", "ann", "POINT"), world.available("acme", "ann", "CASH/USD")) == (
        100,
        2000,
    )


def is_rejected(world, record):
    """Whether an import ended with TOTALS_MISMATCH, redeemed nothing, and left no file of its validation."""
    assert (record["status"], record["error"]["code"]) == ("ABORTED", "TOTALS_MISMATCH")
    assert (record["rows"], record["outcomes"], record["redeemed"], record["seal"]) == (0, {}, {}, None)
    return not world.keys(f"evidence/{record['id']}/")


@pytest.mark.parametrize("folder", ["redemptions", "preview"])
@pytest.mark.parametrize("expected", [
    RIGHT, "rows=8", "POINT=108;CASH/USD=25.55", "=?UTF-8?Q?rows=3D8;CASH/USD=3D25.55;POINT=3D108?=",
])  # fmt: skip
def test_a_file_with_the_expected_totals_is_imported(world, folder, expected):
    record = world.upload(f"{folder}/a.csv", sheet(ROWS), expected=expected)
    assert record["outcomes"] == {
        "REDEEMED": 2, "NO_BALANCE": 1, "DUPLICATE_ROW": 1, "MISSING_FIELD": 1, "TRUNCATES_TO_ZERO": 1,
        "INVALID_VALUE": 1, "NOT_POSITIVE": 1, "UNCHANGED": 2,
    }  # fmt: skip
    assert record["requested"] == {"CASH/USD": 2555, "POINT": 108}
    assert is_untouched(world) is (folder == "preview")


@pytest.mark.parametrize("folder", ["redemptions", "preview"])
@pytest.mark.parametrize(("expected", "named"), [
    ("rows=9", "Rows with a value: 9 expected, 8 in the file."),
    ("rows=10;CASH/USD=25.55;POINT=108", "Rows with a value: 10 expected, 8 in the file."),
    ("CASH/USD=25.56;POINT=108", "CASH/USD: 25.56 expected, 25.55 in the file."),
    ("rows=8;CASH/USD=25.55", "POINT: none expected, 108 in the file."),
    ("rows=8;CASH/USD=25.55;POINT=108;JPY=0", "JPY: 0 expected, none in the file."),
])  # fmt: skip
def test_a_file_with_other_totals_is_rejected_and_changes_nothing(world, folder, expected, named):
    record = world.upload(f"{folder}/a.csv", sheet(ROWS), expected=expected, email="ann@example.com")
    assert is_rejected(world, record)
    assert named in record["error"]["message"]
    assert is_untouched(world)
    to, email = world.mailer.sent[-1]
    assert to == "ann@example.com"
    assert "its totals are not as expected (TOTALS_MISMATCH)" in email.subject


def test_the_email_shows_the_difference_as_a_table(world):
    world.upload("redemptions/a.csv", sheet(ROWS), expected="rows=1234;CASH/USD=1025.5;JPY=5;POINT=108")
    _, email = world.mailer.sent[-1]
    for line in (
        "8 Rows with a value: Expected: 1,234.",
        "25.55 CASH/USD: Expected: 1,025.50.",
        "none JPY: Expected: 5.",
    ):
        assert line in email.text
    assert "POINT" not in email.text


def test_the_email_shows_a_unit_that_is_not_expected(world):
    world.upload("redemptions/a.csv", sheet(ROWS), expected="POINT=108")
    assert "25.55 CASH/USD: Expected: none." in world.mailer.sent[-1][1].text


def test_a_file_that_lost_its_last_row_is_rejected(world):
    record = world.upload("redemptions/a.csv", sheet(ROWS[:3]), expected="rows=4")
    assert is_rejected(world, record)
    assert is_untouched(world)
    again = world.upload("redemptions/a.csv", sheet(ROWS[:3]), expected="rows=3")
    assert again["outcomes"] == {"REDEEMED": 2, "NO_BALANCE": 1}, "a rejected file is no duplicate"


@pytest.mark.parametrize("folder", ["redemptions", "preview", "rewards"])
@pytest.mark.parametrize(
    "expected", ["", "120", "rows=8;CASH/USD=25.555", "POINT=1;POINT=1", "=?nonsense?B?x?="]
)
def test_metadata_that_cannot_be_read_is_rejected_never_ignored(world, folder, expected):
    world.mailer.sent.clear()
    uploaded = world.put(f"{folder}/a.csv", sheet(ROWS), expected=expected)
    import_id = world.validate(uploaded)
    assert world.validate(uploaded) == import_id, "its event may come twice"
    world.run()
    record = world.record(import_id)
    assert is_rejected(world, record)
    assert record["error"]["message"].startswith(
        "The control totals in the metadata “expected” cannot be read"
    )
    assert is_untouched(world)
    assert "cannot be read" in world.mailer.sent[-1][1].text
    assert len(world.mailer.sent) == 1


def test_a_failed_validation_of_unreadable_totals_still_ends_as_mismatch(world):
    uploaded = world.put("redemptions/a.csv", sheet(ROWS), expected="x")
    world.uploaded_imports.fail(uploaded, None)
    world.run()
    assert is_rejected(world, world.record(world.validate(uploaded)))


def test_a_dry_run_hands_its_totals_on_to_the_import_that_it_starts(world):
    expected = ExpectedTotals(8, {"CASH/USD": 2555, "POINT": 108})
    preview = order(world, dry_run=True, expected=expected)
    arrive(world, preview, sheet(ROWS))
    world.run()
    assert world.record(preview["id"])["status"] == "COMPLETED"
    started = world.start(preview)
    assert started["outcomes"]["REDEEMED"] == 2
    assert started["expected"] == {"rows": 8, "requested": {"CASH/USD": 2555, "POINT": 108}}


def test_an_import_that_a_dry_run_starts_is_checked_again(world):
    """Only a change of the rules between the two can make a difference."""
    preview = order(world, dry_run=True)
    arrive(world, preview, sheet(ROWS))
    world.run()
    wrong = {"expected": {"rows": 7, "requested": None}}
    world.jobs_table.update("IMPORT", preview["id"], wrong)
    assert is_rejected(world, world.start(preview))
    assert is_untouched(world)


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_import_of_the_api_checks_its_totals(world, dry_run):
    record = order(world, dry_run=dry_run, expected=ExpectedTotals(None, {"POINT": 109}))
    arrive(world, record, sheet(ROWS))
    world.run()
    record = world.record(record["id"])
    assert is_rejected(world, record)
    assert record["error"]["differences"] == [
        {"counted": "UNIT", "unit": "CASH/USD", "expected": None, "found": 2555},
        {"counted": "UNIT", "unit": "POINT", "expected": 109, "found": 108},
    ]
    assert is_untouched(world)


def test_the_rows_of_a_report_count_in_blocks_and_those_of_its_results_again(world):
    """Of an uploaded results.csv, redeemed rows count as well: they have a value."""
    crowd = [{"id": f"c{n}", "assignedCredit": n + 1, "user.id": f"u{n:04d}"} for n in range(2_100)]
    world.load(crowd)
    report = world.report(unit="POINT")
    rows = [{**each, "valueToRedeem": "0" if n % 10 == 3 else "1"} for n, each in enumerate(report)]
    text = sheet(rows)
    wanted = sum(each["valueToRedeem"] == "1" for each in rows)
    assert is_rejected(world, world.upload("redemptions/a.csv", text, expected=f"POINT={wanted + 1}"))
    record = world.upload("redemptions/a.csv", text, expected=f"rows={wanted};POINT={wanted}")
    assert (record["status"], record["outcomes"]["REDEEMED"]) == ("COMPLETED", wanted)
    results = world.bytes(f"imports/{record['id']}/results.csv")
    again = world.upload("redemptions/results.csv", results, expected=f"rows={wanted};POINT={wanted}")
    assert again["outcomes"] == {"ALREADY_REDEEMED": wanted, "UNCHANGED": len(rows) - wanted}
    assert again["requested"] == {"POINT": wanted}


def test_a_dash_with_the_currency_of_the_repaired_unit_is_skipped(world):
    (report,) = world.report(unit="CASH/USD")
    damaged = {**report, "unit": "CASH/USD\u200b", "valueToRedeem": " $-   "}
    record = world.upload("redemptions/a.csv", sheet([damaged]), expected="rows=0")
    assert record["outcomes"] == {"UNCHANGED": 1}


# --- Rewards files ---

REWARDS = [
    {"id": "n1", "assignedCredit": "500"},
    {"id": "n2", "assignedCredit": "700.0", "unit": "CASH/USD"},
    {"id": "n2", "assignedCredit": "700", "unit": "CASH/USD", "user.id": "bob"},  # the id is in use
    {"id": "r1", "assignedCredit": "100"},  # loaded before
    {"id": "n3", "assignedCredit": "30", "unit": "cash/usd"},  # misspelt
    {"id": "n4", "assignedCredit": "40", "dateExpires": "soon"},
    {"id": "n5", "assignedCredit": "50", "type": "FUELTANK"},
    {"id": "n6", "assignedCredit": "0"},
    {"id": "n7", "assignedCredit": "1,5"},
    {"id": "n8", "assignedCredit": "60", "unit": ""},
    {"id": "", "assignedCredit": "5"},
]
OF_REWARDS = {"POINT": 645, "CASH/USD": 1400, "cash/usd": 30}


def rewards_file():
    base = {"type": "CREDIT", "user.accountId": "acme", "user.id": "ann", "unit": "POINT", "dateExpires": ""}
    columns = ["id", "type", "unit", "assignedCredit", "user.id", "user.accountId", "dateExpires"]
    return sheet([{**base, **each} for each in REWARDS], columns)


def test_a_rewards_file_with_the_expected_totals_is_loaded(world):
    expected = "rows=11;POINT=645;CASH/USD=14.00;cash/usd=30"
    record = world.upload("rewards/b.csv", rewards_file(), expected=expected)
    assert record["outcomes"] == {
        "LOADED": 2, "ID_IN_USE": 1, "UNCHANGED": 1, "INVALID_UNIT": 1, "INVALID_VALUE": 2,
        "UNSUPPORTED_TYPE": 1, "NOT_POSITIVE": 1, "MISSING_FIELD": 2,
    }  # fmt: skip
    assert record["requested"] == OF_REWARDS
    assert record["rejected"] == {"POINT": 45, "CASH/USD": 700, "cash/usd": 30}
    assert record["redeemed"] == {}
    assert world.available("acme", "ann", "POINT") == 600


@pytest.mark.parametrize(
    "expected", ["rows=10", "POINT=645;CASH/USD=14.00", "POINT=646;CASH/USD=14;cash/usd=30"]
)
def test_a_rewards_file_with_other_totals_loads_nothing(world, expected):
    assert is_rejected(world, world.upload("rewards/b.csv", rewards_file(), expected=expected))
    assert is_untouched(world)


def test_a_rewards_import_of_the_api_checks_its_totals(world):
    what = {"import_type": ImportType.REWARDS, "file_name": "b.csv"}
    record = order(world, **what, expected=ExpectedTotals(11, {**OF_REWARDS, "POINT": 1}))
    arrive(world, record, rewards_file())
    world.run()
    assert is_rejected(world, world.record(record["id"]))
    assert is_untouched(world)


def test_a_rewards_import_that_an_earlier_version_sealed_counts_no_rejected_credits(world, monkeypatch):
    monkeypatch.setattr(queue_messages, "MAX_ROWS", 1)
    import_id = world.validate(world.put("rewards/b.csv", rewards_file()))
    world.jobs_table.update("IMPORT", import_id, {"requested": {}, "rejected": {}})
    world.run()
    record = world.record(import_id)
    assert (record["outcomes"]["ID_IN_USE"], record["requested"], record["rejected"]) == (1, {}, {})


def test_the_totals_of_jsonl_rewards_are_checked(world):
    base = {"type": "CREDIT", "unit": "POINT", "user": {"id": "ann", "accountId": "acme"}}
    lines = "\n".join(json.dumps({**base, "id": f"j{n}", "assignedCredit": n}) for n in (5, 6))
    assert is_rejected(world, world.upload("rewards/c.jsonl", lines, expected="POINT=12"))
    assert world.upload("rewards/c.jsonl", lines, expected="rows=2;POINT=11")["outcomes"] == {"LOADED": 2}
