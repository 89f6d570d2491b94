"""Uploads as people's programs make them: encodings, headers, compressed and misplaced files."""

# ruff: noqa: RUF001  Names are written in their own letters.
import bz2
import gzip
import io
import lzma

import openpyxl
import pytest
from botocore.exceptions import ClientError

from rewards.adapters import queue_messages
from rewards.adapters.files import decoded
from rewards.adapters.retry import Backoff
from rewards.domain.import_job import ImportType
from rewards.domain.messages import ReportMisplaced
from rewards.flows import validate_import
from rewards.flows.uploaded_imports import Uploaded, uploads_in
from tests.builders.files import zipped
from tests.integration.world import quick

HEADER = "firstName;accountId;userId;unit;valueToRedeem\r\n"
PLAIN = "accountId,userId,unit,valueToRedeem\r\nacme,ann,POINT,1\r\n"


@pytest.fixture
def loaded(world):
    world.load(
        [{"id": "r1", "assignedCredit": 1000}, {"id": "r2", "user.id": "Иван", "assignedCredit": 1000}]
    )
    return world


def outcomes(world, record, separator=","):
    key = f"imports/{record['id']}/results.csv"
    return [row["outcome"] for row in world.csv_of(key, separator)]


@pytest.mark.parametrize(
    ("encoding", "name", "shown"),
    [
        ("cp1251", "Анна", "Windows-1251"),
        ("cp1250", "Tomáš Bařť", "Windows-1250"),
        ("cp932", "佐藤", "Shift_JIS"),
        ("cp1252", "Jürgen Groß", "Windows-1252"),
    ],
)
def test_detects_the_encoding_and_keeps_names(loaded, encoding, name, shown):
    body = f"{HEADER}{name};acme;ann;POINT;1\r\n{name};acme;ann;POINT;;\r\n".encode(encoding)
    record = loaded.upload("redemptions/a.csv", body)
    assert (record["status"], record["encoding"], record["encodingDetected"]) == ("COMPLETED", shown, True)
    assert record["separator"] == ";"
    rows = loaded.csv_of(f"imports/{record['id']}/results.csv", ";")
    assert [row["firstName"] for row in rows] == [name, name]
    assert name in record["encodingLine"]


def test_rejects_ids_beyond_ascii_in_a_detected_encoding_and_takes_them_if_it_is_set(loaded):
    body = f"{HEADER}Иван;acme;Иван;POINT;2\r\nАнна;acme;ann;POINT;1\r\n".encode("cp1251")
    record = loaded.upload("redemptions/a.csv", body)
    assert record["outcomes"] == {"INVALID_VALUE": 1, "REDEEMED": 1}
    (failed, _) = loaded.csv_of(f"imports/{record['id']}/results.csv", ";")
    assert "the encoding Windows-1251 was only detected" in failed["message"]
    again = loaded.upload("redemptions/b.csv", body + b"\r\n", encoding="windows-1251", separator="semicolon")
    assert (again["encodingDetected"], again["separator"]) == (False, ";")
    assert again["outcomes"] == {"REDEEMED": 2}


def test_rejects_a_reward_whose_id_is_in_doubt(loaded):
    header = "id;type;unit;assignedCredit;user.id;user.accountId;user.firstName"
    body = f"{header}\r\nr9;CREDIT;POINT;5;Ольга;acme;Ольга\r\n"
    record = loaded.upload("rewards/a.csv", body.encode("cp1251"))
    assert record["outcomes"] == {"INVALID_VALUE": 1}


def test_names_an_encoding_setting_that_is_unknown(loaded):
    record = loaded.upload("redemptions/a.csv", PLAIN, encoding="klingon")
    assert (record["status"], record["error"]["code"]) == ("ABORTED", "UNREADABLE_FILE")
    assert "'klingon'" in record["error"]["message"]


def test_rejects_a_file_that_is_utf_8_but_for_one_line(loaded):
    body = (
        HEADER.encode()
        + "Zoë;acme;ann;POINT;1\r\nAnaïs;acme;ann;POINT;1\r\n".encode()
        + b"J\xfcrgen;a;b;c;1\r\n"
    )
    record = loaded.upload("redemptions/a.csv", body)
    assert record["error"]["code"] == "UNREADABLE_FILE"
    assert "UTF-8 in most places" in record["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        "\ufeff\ufeff" + PLAIN,
        PLAIN.replace("accountId", "account\u200bId\u200e"),
        PLAIN.replace("accountId", "“account_Id”"),
        '"accountId", "userId", "unit", "valueToRedeem"\r\n"acme", "ann", "POINT", "1"\r\n',
        PLAIN + "\x1a",
        PLAIN.rstrip() + "\x1a",
        PLAIN + "\x1a\r\n",
    ],
)
def test_reads_a_file_in_spite_of_what_nobody_sees(loaded, body):
    record = loaded.upload("redemptions/a.csv", body)
    assert record["outcomes"] == {"REDEEMED": 1}, record["error"]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("Account ID,User-ID,unit,valueToRedeem", "“User-ID” is not userId because it has the character “-”"),
        ("accountId,userId,unit,valueToRedeem (USD)", "“valueToRedeem (USD)” is not valueToRedeem"),
        ("\u0430ccountId,userId,unit,valueToRedeem", "CYRILLIC SMALL LETTER A"),
        ('"accountId,userId,unit,valueToRedeem"', "whole line is in quotes"),
    ],
)
def test_missing_columns_says_why_a_similar_header_does_not_match(loaded, header, said):
    record = loaded.upload("redemptions/a.csv", f"{header}\r\nacme,ann,POINT,1\r\n")
    assert record["error"]["code"] == "MISSING_COLUMNS"
    assert said in record["error"]["message"]


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.txt"])
def test_says_that_a_file_is_a_zip_archive_and_what_is_inside(loaded, name):
    record = loaded.upload(f"redemptions/{name}", zipped({"payout.csv": PLAIN}).getvalue())
    assert record["error"]["code"] == "UNREADABLE_FILE"
    assert "ZIP archive. It contains: payout.csv." in record["error"]["message"]
    assert "orkbook" not in record["error"]["message"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (gzip.compress(PLAIN.encode(), mtime=0), "gzip"),
        (bz2.compress(PLAIN.encode()), "bzip2"),
        (lzma.compress(PLAIN.encode()), "xz"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(40), "7-Zip"),
        (b"Rar!\x1a\x07\x01\x00" + bytes(40), "RAR"),
        (b"\x28\xb5\x2f\xfd" + bytes(40), "Zstandard"),
        (PLAIN.encode("utf-32"), "UTF-32"),
        (PLAIN.encode("utf-32-le"), "UTF-32"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_names_what_a_file_is_that_cannot_be_read(loaded, body, said, name):
    if said == "UTF-32" and name == "a.xlsx":
        said = "not an Excel workbook"
    record = loaded.upload(f"redemptions/{name}", body)
    assert record["error"]["code"] == "UNREADABLE_FILE"
    assert said in record["error"]["message"]


def preview_workbook(world, values):
    """The messages of a preview of a workbook; no reward has its programs, so they name what was read."""
    book = openpyxl.Workbook()
    book.active.append(["accountId", "userId", "unit", "valueToRedeem", "programId"])
    for place, value in enumerate(values):
        book.active.append(["acme", "ann", "CASH/KWD", value, f"p{place}"])
    out = io.BytesIO()
    book.save(out)
    record = world.upload("preview/a.xlsx", out.getvalue())
    return [row["message"] for row in world.csv(f"imports/{record['id']}/results.csv")]


def test_reads_a_decimal_comma_in_text_cells_of_a_workbook_only(world):
    world.load([{"id": "r1", "unit": "CASH/KWD", "assignedCredit": 100_000_000}])
    messages = preview_workbook(world, ["10,55", "1.234,00", 1.234, "1.234"])
    # The second cell shows how the text cells write numbers; a number's point is a decimal mark.
    for message, value in zip(messages, ["10.550 ", "1234.000 ", "1.234 ", "1234.000 "], strict=True):
        assert f"The amount {value}" in message
    (number, text) = preview_workbook(world, [1.234, "1.234"])
    assert "The amount 1.234 " in number
    assert "ambiguous" in text


@pytest.mark.parametrize("name", ["a.txt", "a.tsv", "A.TSV"])
def test_accepts_text_files_by_their_other_endings(loaded, name):
    assert loaded.upload(f"redemptions/{name}", PLAIN.replace(",", "\t"))["outcomes"] == {"REDEEMED": 1}


@pytest.mark.parametrize(
    "name", [".DS_Store", "~$payout.xlsx", "payout.csv.filepart", "Thumbs.db", "x/._payout.csv"]
)
@pytest.mark.parametrize("folder", ["redemptions/", ""])
def test_ignores_files_that_programs_leave_behind(world, name, folder):
    assert world.validate(world.put(folder + name, PLAIN)) is None
    assert world.take("finish") == []
    assert world.jobs_table.history("IMPORT", 10, 0)[1] == 0


def test_reports_an_upload_beside_the_folders_once_an_hour(world):
    reports = world.misplaced_uploads

    def upload(key):
        assert world.validate(world.put(key, PLAIN)) is None
        return [reports.report(queue_messages.decode(body)) for body in world.take("finish")]

    assert upload("Redemptions/a.csv") == [True]
    assert upload("b.csv") == [False]
    world.now.ahead += 3_600_001
    assert upload("c.csv") == [True]
    assert [to for to, _ in world.mailer.sent] == ["ops@example.com"] * 2
    assert "Redemptions/a.csv" in world.mailer.sent[0][1].text


def test_a_report_of_a_misplaced_upload_that_comes_twice_is_one_email(world):
    reports = world.misplaced_uploads
    message = ReportMisplaced("b", "a.csv", "1")
    assert [reports.report(message), reports.report(message)] == [True, False]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("=?UTF-8?B?R2ltYW5hYmUgw6k=?=", "Gimanabe é"),
        ("=?utf-8?Q?n=C3=B6v?= =?utf-8?Q?ember?=", "növember"),
        ("=?nonsense?B?x?=", "=?nonsense?B?x?="),
        ("a plain = text?", "a plain = text?"),
        ("=?utf-8?Q?a=0D=0AB?=", "aB"),
    ],
)
def test_decodes_metadata_as_s3_returns_it(text, plain):
    assert decoded(text) == plain


def denied(code, status):
    error = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}

    def fail(**_):
        raise ClientError(error, "HeadObject")

    return fail


@pytest.mark.parametrize(
    ("method", "code", "status", "problem"),
    [
        ("head_object", "403", 403, "UPLOAD_UNREADABLE"),
        ("get_object", "AccessDenied", 403, "UPLOAD_UNREADABLE"),
        ("get_object", "InvalidRequest", 400, "UPLOAD_UNREADABLE"),
        ("head_object", "404", 404, "UPLOAD_GONE"),
        ("get_object", "NoSuchVersion", 404, "UPLOAD_GONE"),
    ],
)
def test_an_upload_that_cannot_be_had_ends_its_import_and_is_reported(
    world, monkeypatch, method, code, status, problem
):
    upload = world.put("redemptions/a.csv", PLAIN)
    monkeypatch.setattr(world.s3, method, denied(code, status))
    import_id = world.validate(upload)
    world.run()
    record = world.record(import_id)
    assert (record["status"], record["error"]["code"]) == ("ABORTED", problem)
    assert ("deleted" in record["error"]["message"]) == (problem == "UPLOAD_GONE")
    (mail,) = world.mailer.sent
    assert problem in mail[1].subject


def test_a_denied_upload_by_a_form_is_reported_to_who_ordered_the_import(world, monkeypatch):
    ordered, _ = world.imports.create(ImportType.REDEMPTIONS, "a.csv", "", False, "ann", "ann@example.com")
    upload = world.put(ordered.key, PLAIN)
    monkeypatch.setattr(world.s3, "head_object", denied("403", 403))
    assert world.validate(upload) == ordered.id
    world.run()
    assert world.record(ordered.id)["error"]["code"] == "UPLOAD_UNREADABLE"
    assert [to for to, _ in world.mailer.sent] == ["ann@example.com"]


def test_a_late_event_of_an_upload_that_was_imported_and_deleted_changes_nothing(loaded):
    upload = loaded.put("redemptions/a.csv", PLAIN)
    import_id = loaded.validate(upload)
    loaded.run()
    mails = len(loaded.mailer.sent)
    loaded.s3.delete_object(Bucket=upload.bucket, Key=upload.key, VersionId=upload.version_id)
    assert loaded.validate(upload) == import_id
    loaded.run()
    assert loaded.record(import_id)["status"] == "COMPLETED"
    assert len(loaded.mailer.sent) == mails
    assert loaded.imports.history(10, 0).total == 2  # the rewards, and this one


def test_the_dead_letter_of_a_deleted_upload_ends_with_an_import(world):
    upload = world.put("redemptions/a.csv", PLAIN)
    world.s3.delete_object(Bucket=upload.bucket, Key=upload.key, VersionId=upload.version_id)
    world.uploaded_imports.fail(upload, quick())
    world.run()
    (record,), _ = world.jobs_table.history("IMPORT", 10, 0)
    assert record["error"]["code"] == "UPLOAD_GONE"


def test_reads_what_an_event_says_of_an_upload():
    s3 = {"bucket": {"name": "b"}, "object": {"key": "a+b.csv", "versionId": "v", "size": 5, "eTag": "e"}}
    (found,) = uploads_in({"Records": [{"eventTime": "2026-11-21T00:00:00.500Z", "s3": s3}]})
    assert found == Uploaded("b", "a b.csv", "v", 1_795_219_200_500, 5, "e")


def test_rejects_an_id_of_a_workbook_that_was_rounded(world):
    """openpyxl writes a long integer as 1.234567890123457e+17; Excel keeps 15 digits, too."""
    world.load([{"id": "r1", "user.id": "123456789012346000", "assignedCredit": 100}])
    book = openpyxl.Workbook()
    book.active.append(["accountId", "userId", "unit", "valueToRedeem"])
    book.active.append(["acme", 123456789012345678, "POINT", 2])
    out = io.BytesIO()
    book.save(out)
    record = world.upload("redemptions/a.xlsx", out.getvalue())
    assert record["outcomes"] == {"INVALID_VALUE": 1}
    assert "userId is a number with more than 15 digits" in world.results(record)[0]["message"]
    rewards = openpyxl.Workbook()
    rewards.active.append(["id", "type", "unit", "assignedCredit", "user.id", "user.accountId"])
    rewards.active.append([123456789012345678, "CREDIT", "POINT", 2, "ann", "acme"])
    out = io.BytesIO()
    rewards.save(out)
    assert world.upload("rewards/a.xlsx", out.getvalue())["outcomes"] == {"INVALID_VALUE": 1}


class TestALargeFile:
    """One that may have more rows than a function can check in its time."""

    @pytest.fixture(autouse=True)
    def large(self, monkeypatch):
        monkeypatch.setattr(validate_import, "_ALWAYS_FITS", 10)

    def test_is_imported_if_it_is_checked_in_time(self, loaded):
        record = loaded.upload("redemptions/a.csv", PLAIN)
        assert (record["status"], record["outcomes"]) == ("COMPLETED", {"REDEEMED": 1})

    def test_is_rejected_if_it_is_not_and_leaves_nothing(self, loaded):
        import_id = loaded.validation.run(loaded.put("redemptions/a.csv", PLAIN), Backoff(lambda: 0))
        record = loaded.record(import_id)
        assert record["status"] == "ABORTED"
        assert record["error"]["code"] == "FILE_TOO_LARGE"
        assert "15 minutes" in record["error"]["message"]
        assert loaded.keys(f"evidence/{import_id}/") == []
        assert loaded.available() == 1000


def test_a_file_with_too_many_rows_is_rejected_as_a_whole(loaded, monkeypatch):
    monkeypatch.setattr(validate_import, "MAX_ROWS_UNCUT", 1)
    assert loaded.upload("redemptions/a.csv", PLAIN)["status"] == "COMPLETED"
    record = loaded.upload("redemptions/b.csv", f"{PLAIN}acme,bob,POINT,1\r\n")
    assert (record["status"], record["error"]["code"]) == ("ABORTED", "FILE_TOO_LARGE")
    assert loaded.keys(f"evidence/{record['id']}/") == []
