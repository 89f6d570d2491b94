"""A redemption import, from the uploaded file to the answers."""

import pytest

from rewards.adapters.jobs_table import IMPORT
from rewards.domain import ids
from rewards.domain.outcomes import Outcome
from rewards.domain.row_ids import RowIdKeys
from tests.builders.files import row, sheet
from tests.builders.moments import DAY
from tests.integration.world import BOM, quick


@pytest.fixture
def world(world):
    """Ann has 100 POINT of program P and 50 of no program, and 10.00 USD; Bob has 5 POINT."""
    now = world.now()
    world.load(
        [
            {"id": "r1", "assignedCredit": 100, "programId": "P", "dateExpires": now + 9 * DAY},
            {"id": "r2", "assignedCredit": 50, "dateExpires": now + 3 * DAY},
            {"id": "r3", "assignedCredit": 1000, "unit": "CASH/USD"},
            {"id": "r4", "assignedCredit": 5, "user.id": "bob"},
        ]
    )
    return world


def outcomes(record):
    return record["outcomes"]


def test_every_outcome_that_a_file_can_bring(world):
    id_of_ann, *_ = (r["rowId"] for r in world.report(unit="POINT"))
    of_another_stack = (
        RowIdKeys.parse("x" * 48).of(ids.new_id(world.now())).make("acme", "bob", "POINT", None)
    )
    rows = [
        (row("60", rowId=id_of_ann), "REDEEMED", "60", "90"),
        (row("0", user="bob"), "UNCHANGED", "0", ""),
        (row("ten", user="u1"), "INVALID_VALUE", "0", ""),
        (row("-1", user="u2"), "NOT_POSITIVE", "0", ""),
        (row("0.009", unit="CASH/USD"), "TRUNCATES_TO_ZERO", "0.00", ""),
        (row("1", user=""), "MISSING_FIELD", "0", ""),
        (row("1", user="bob", rowId=id_of_ann), "ROW_CHANGED", "0", ""),
        (row("1", user="bob", rowId=of_another_stack), "UNKNOWN_REPORT", "0", ""),
        (row("1"), "DUPLICATE_ROW", "0", ""),
        (row("1", user="nobody"), "NO_BALANCE", "0", ""),
        (row("1", unit="TICKET"), "UNIT_MISMATCH", "0", ""),
        (row("6", user="bob"), "INSUFFICIENT_BALANCE", "0", "5"),
    ]
    record = world.upload("redemptions/a.csv", sheet([r for r, *_ in rows], [*row(1), "rowId"]))
    results = world.results(record)
    found = [(r["outcome"], r["redeemedValue"], r["remainingValue"]) for r in results]
    assert found == [tuple(expected) for _, *expected in rows]
    assert [r["line"] for r in results] == [str(line) for line in range(2, 14)]
    assert all(r["message"] for r in results if r["outcome"] not in ("UNCHANGED", "REDEEMED"))
    assert "POINT" in results[10]["message"]
    assert "CASH/USD" in results[10]["message"]
    assert record["status"] == "COMPLETED"
    assert record["rows"] == record["processed"] == 12
    assert outcomes(record) == {outcome: 1 for _, outcome, *_ in rows}
    assert record["redeemed"] == {"POINT": 60}
    assert world.available() == 90


def test_the_row_id_makes_a_second_upload_harmless_and_names_the_first_import(world):
    row_id = world.report()[1]["rowId"]
    first = world.upload("redemptions/a.csv", sheet([row("60", rowId=row_id)]))
    second = world.upload("redemptions/b.csv", sheet([row("70", rowId=row_id)]))
    assert outcomes(first) == {"REDEEMED": 1}
    assert outcomes(second) == {"ALREADY_REDEEMED": 1}
    message = world.results(second)[0]["message"]
    assert first["id"] in message
    assert "60 POINT" in message
    assert world.available() == 90


def test_a_file_without_row_ids_is_not_imported_twice(world):
    body = sheet([row("60")])
    first = world.upload("redemptions/a.csv", body)
    second = world.upload("redemptions/other-name.csv", body)
    assert (second["status"], second["error"]["code"]) == ("ABORTED", "DUPLICATE_FILE")
    assert first["id"] in second["error"]["message"]
    assert world.available() == 90


def test_a_preview_does_not_count_as_the_first_import_and_changes_nothing(world):
    body = sheet([row("60")])
    preview = world.upload("preview/a.csv", body)
    assert (preview["dryRun"], outcomes(preview)) == (True, {"REDEEMED": 1})
    assert world.results(preview)[0]["message"] == "The row has no rowId. 50 from r2; 10 from r1"
    assert world.available() == 150
    assert outcomes(world.upload("redemptions/a.csv", body)) == {"REDEEMED": 1}


def test_a_preview_says_that_the_file_was_imported_before(world):
    body = sheet([row("60")])
    world.upload("redemptions/a.csv", body)
    assert world.upload("preview/a.csv", body)["error"]["code"] == "DUPLICATE_FILE"


def test_a_cell_of_many_thousand_digits_is_one_bad_row(world):
    body = sheet([row("0" * 5_000 + "60"), row("1" * 5_000, user="bob"), row("." + "1" * 5_000, user="x")])
    expected = {"REDEEMED": 1, "INVALID_VALUE": 1, "TRUNCATES_TO_ZERO": 1}
    assert outcomes(world.upload("redemptions/a.csv", body)) == expected


def test_a_long_cell_in_a_column_that_nobody_reads_is_no_fault(world):
    assert outcomes(world.upload("redemptions/a.csv", sheet([row("60", note="x" * 500_000)]))) == {
        "REDEEMED": 1
    }


def test_a_program_redeems_only_its_own_rewards(world):
    record = world.upload("redemptions/a.csv", sheet([row("101", programId="P")]))
    assert outcomes(record) == {"INSUFFICIENT_BALANCE": 1}
    record = world.upload("redemptions/b.csv", sheet([row("100", programId="P"), row("50", programId="")]))
    assert outcomes(record) == {"REDEEMED": 2}
    assert world.available() == 0


def test_failed_rows_corrected_and_uploaded_again_work_as_they_are(world):
    ann, bob = (r["rowId"] for r in world.report(unit="POINT"))
    rows = [row("60", rowId=ann, note="a,b"), row("6", user="bob", rowId=bob, note='say "x"')]
    first = world.upload("redemptions/a.csv", sheet(rows))
    failed = world.results(first, "failed.csv")
    assert [(r["note"], r["outcome"]) for r in failed] == [('say "x"', "INSUFFICIENT_BALANCE")]
    text = world.bytes(f"imports/{first['id']}/failed.csv").decode().replace(",6,", ",5,")
    assert outcomes(world.upload("redemptions/failed.csv", text)) == {"REDEEMED": 1}
    assert world.available("acme", "bob", "POINT") == 0


def test_there_is_no_failed_file_without_a_failed_row(world):
    record = world.upload("redemptions/a.csv", sheet([row("60"), row("0", user="bob")]))
    listed = world.s3.list_objects_v2(Bucket=world.names["files"], Prefix=f"imports/{record['id']}/failed")
    assert listed["KeyCount"] == 0


def test_the_uploads_own_columns_come_back_unchanged(world):
    header = "Note,USER ID,accountId,unit,value_to_redeem\r\n"
    cells = '"a\nb",ann,acme,POINT,60\r\n\'=x,"bob, jr",acme,POINT,1,,spilt\r\n'
    record = world.upload("redemptions/a.csv", BOM + header + cells)
    text = world.bytes(f"imports/{record['id']}/results.csv").decode()
    assert text.startswith(BOM + "Note,USER ID,accountId,unit,value_to_redeem,line,importId,outcome,")
    assert f'"a\nb",ann,acme,POINT,60,2,{record["id"]},REDEEMED,60,90,' in text
    assert f'\'=x,"bob, jr",acme,POINT,1,3,{record["id"]},ROW_CHANGED' in text
    assert text.rstrip().endswith("spilt"), "nothing of the upload is lost"


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("a.pdf", b"%PDF", "UNSUPPORTED_FORMAT"),
        ("a.csv", b"", "EMPTY_FILE"),
        ("a.csv", b"accountId,userId,unit,valueToRedeem\r\n", "EMPTY_FILE"),
        ("a.csv", b"accountId,userId,unit\r\nacme,ann,POINT\r\n", "MISSING_COLUMNS"),
        ("a.csv", sheet([row("60")]).encode() + b'acme,"ann,POINT,1\r\n', "UNREADABLE_FILE"),
        ("a.csv", sheet([row("60")]).encode() + b"x" * (1 << 21), "UNREADABLE_FILE"),
        ("a.csv", sheet([row("60")]).encode() + b'"' + b"x\n" * (1 << 20) + b'"', "UNREADABLE_FILE"),
    ],
)
def test_a_rejected_file_redeems_nothing_however_late_the_fault_stands(world, name, body, code):
    record = world.upload(f"redemptions/{name}", body)
    assert (record["status"], record["error"]["code"]) == ("ABORTED", code)
    assert world.available() == 150
    assert code in world.mailer.sent[-1][1].subject


def test_an_aborted_import_does_not_keep_its_file_from_being_uploaded_again(world, monkeypatch):
    body = sheet([row("60")])
    event = world.put("redemptions/a.csv", body)
    claim = world.row_claims.read

    def claim_and_die(digest):
        claim(digest)
        raise RuntimeError("died after the claim")

    monkeypatch.setattr(world.row_claims, "read", claim_and_die)
    with pytest.raises(RuntimeError):
        world.validate(event)
    monkeypatch.undo()
    world.uploaded_imports.fail(event, quick())
    assert outcomes(world.upload("redemptions/again.csv", body)) == {"REDEEMED": 1}


def test_a_folder_made_in_the_console_is_no_upload(world):
    assert world.validate(world.put("redemptions/", b"")) is None


def test_a_cancelled_import_redeems_no_more_and_keeps_what_it_redeemed(world):
    import_id = world.validate(world.put("redemptions/a.csv", sheet([row("60")])))
    world.jobs_table.update(IMPORT, import_id, {"status": "CANCELLED"}, status="PROCESSING")
    world.run()
    record = world.record(import_id)
    assert (record["status"], outcomes(record)) == ("CANCELLED", {"CANCELLED": 1})
    assert world.results(record)[0]["outcome"] == Outcome.CANCELLED
    assert world.available() == 150


def test_the_emails_go_to_who_asked_and_name_totals_and_failures(world):
    world.upload("redemptions/a.csv", sheet([row("60"), row("6", user="bob")]), email="me@example.com")
    to, email = world.mailer.sent[-1]
    assert to == "me@example.com"
    assert "1 redeemed, 1 with errors" in email.subject
    for part in (email.text, email.html):
        assert "INSUFFICIENT_BALANCE" in part
        assert "POINT" in part
    assert email.text.count("https://example.com/download/") == 2


def test_an_address_that_is_none_falls_back_to_the_stacks_own(world):
    world.upload("redemptions/a.csv", sheet([row("60")]), email="me@example.com, thief@example.com")
    assert world.mailer.sent[-1][0] == "ops@example.com"
