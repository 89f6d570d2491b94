"""The main job on the deployed template, as people and programs meet it."""

import io
import json
import re
from datetime import UTC, datetime

import pytest
from openpyxl import load_workbook

from infra.local import stack
from infra.local.ministack import ROOT
from tests.e2e.conftest import links

REWARDS = """\
id,type,unit,assignedCredit,user.id,user.accountId,dateExpires,user.firstName
r1,CREDIT,CASH/USD,1000,ann@example.com,0007,4102444800000,Ann
r2,CREDIT,CASH/USD,500,ann@example.com,0007,4070908800000,Ann
r3,CREDIT,POINT,30,=bob,0007,,Bob
r4,PCT_DISCOUNT,POINT,30,bob,0007,,Bob
"""


@pytest.fixture(scope="module")
def loaded(service):
    record = service.upload("rewards/rewards.csv", REWARDS)
    assert record["stats"]["outcomes"] == {"LOADED": 3, "UNSUPPORTED_TYPE": 1}
    return service


@pytest.fixture(scope="module")
def report(loaded):
    order = loaded.call("POST", "/export", {"type": "REDEEMABLE_REWARD_BALANCE", "name": "For payroll"})
    assert order.status == 201
    mail = loaded.mail_about("For payroll")
    assert mail.subject == "Report ready: For payroll, 2 rows"
    return order.json["id"], mail


def test_the_report_comes_by_email_and_its_link_opens_without_a_password(loaded, report):
    export_id, mail = report
    sheet = loaded.csv_behind(links(mail)[0])
    assert list(sheet["userId"]) == ["'=bob", "ann@example.com"]
    assert list(sheet["availableValue"]) == ["30", "15.00"]
    assert links(mail)[0] in mail.html
    assert "15.00" in mail.text
    record = loaded.call("GET", f"/export/{export_id}").json
    assert (record["status"], record["recordCount"], record["format"]) == ("COMPLETED", 2, "CSV")
    assert record["mailtoEmail"] == "operators@example.com"


def test_metrics_and_lines_about_the_export_are_in_the_logs(loaded, report):
    def lines(group, having):
        logs, name = loaded.local.aws.client("logs"), loaded.local.resources[group]
        found = (each["message"] for each in logs.filter_log_events(logGroupName=name)["events"])
        said = [json.loads(each) for each in found if each.startswith("{")]
        return [each for each in said if having.items() <= each.items()]

    rows = {"Stack": stack.NAME, "Outcome": "LOADED", "Rows": [3]}
    (counted,) = loaded.wait(lambda: lines("RedeemLogGroup", rows))
    assert counted["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Stack", "Outcome"]]
    assert loaded.wait(lambda: lines("ReportLogGroup", {"message": "email sent", "export_id": report[0]}))


def test_the_filled_in_report_is_redeemed_oldest_expiry_first_and_only_once(loaded, report):
    sheet = loaded.csv_behind(links(report[1])[0])
    sheet["valueToRedeem"] = ["31", "6.009"]
    body = sheet.to_csv(index=False)
    record = loaded.upload("redemptions/Zahlung März+1.csv", body, email="olivia@example.com")
    assert record["status"] == "COMPLETED"
    assert record["fileName"] == "Zahlung März+1.csv"
    assert record["stats"] == {
        "rows": 2,
        "processed": 2,
        "outcomes": {"REDEEMED": 1, "INSUFFICIENT_BALANCE": 1},
        "requested": {"CASH/USD": 600, "POINT": 31},
        "redeemed": {"CASH/USD": 600},
        "rejected": {"POINT": 31},
        "decimals": {"CASH/USD": 2, "POINT": 0},
        "warnings": {"DIGITS_TRUNCATED": 1},
        "summary": [
            {"group": "DONE", "label": "redeemed", "rows": 1},
            {"group": "FAILED", "label": "with errors", "rows": 1},
        ],
    }
    mail = loaded.mail_about(record["id"])
    assert mail.to == ["olivia@example.com"]
    results, failed = (loaded.csv_behind(link) for link in links(mail))
    assert list(results["outcome"]) == ["INSUFFICIENT_BALANCE", "REDEEMED"]
    cut = "6.009 has more decimals than CASH/USD. The value used is 6.00."
    assert results["message"][1] == f"{cut} 5.00 from r2; 1.00 from r1"
    assert list(results["remainingValue"]) == ["30", "9.00"]
    assert list(failed["outcome"]) == ["INSUFFICIENT_BALANCE"]
    assert list(results.columns[: len(sheet.columns)]) == list(sheet.columns)

    again = loaded.upload("redemptions/again.csv", body)
    assert again["stats"]["outcomes"] == {"ALREADY_REDEEMED": 1, "INSUFFICIENT_BALANCE": 1}
    assert again["stats"]["redeemed"] == {}


def test_a_workbook_filled_in_by_a_spreadsheet_is_redeemed(loaded):
    order = {
        "type": "REDEEMABLE_REWARD_BALANCE",
        "format": "XLSX",
        "name": "As a workbook",
        "params": {"unit": "POINT"},
    }
    loaded.call("POST", "/export", order)
    content = loaded.open_link(links(loaded.mail_about("As a workbook"))[0])
    book = load_workbook(io.BytesIO(content))
    places = {cell.value: cell.column for cell in book.active[1]}
    book.active.cell(2, places["valueToRedeem"]).value = 2.9
    book.active.cell(2, places["accountId"]).value = 7  # typed again, without its zeros
    saved = io.BytesIO()
    book.save(saved)
    record = loaded.upload("redemptions/filled.xlsx", saved.getvalue())
    assert record["stats"]["redeemed"] == {"POINT": 2}
    (answer,) = loaded.csv_behind(links(loaded.mail_about(record["id"]))[0])["message"]
    repaired = "Repaired by rowId: accountId is '7' but '0007' in the report."
    assert answer == f"{repaired} 2.9 has more decimals than POINT. The value used is 2. 2 from r3"


def test_a_preview_changes_nothing(loaded):
    body = "accountId,userId,unit,valueToRedeem\n0007,'=bob,POINT,20\n"
    for _ in range(2):
        record = loaded.upload("preview/a.csv", body)
        assert (record["dryRun"], record["stats"]["outcomes"]) == (True, {"REDEEMED": 1})


def test_a_rejected_file_says_why_and_how_to_fix_it(loaded):
    record = loaded.upload("redemptions/bad.csv", "accountId,userId\n0007,ann@example.com\n")
    assert (record["status"], record["error"]["code"]) == ("ABORTED", "MISSING_COLUMNS")
    mail = loaded.mail_about(record["id"])
    assert "unit and valueToRedeem" in mail.text
    assert "new report" in mail.text


def test_an_email_that_bounces_is_recorded_on_its_import(loaded):
    """The local SES reports nothing, and nobody may send events in its name: the deployed rule is asked."""
    record = loaded.upload("redemptions/bounced.csv", "accountId,userId,unit,valueToRedeem\nacme,x,POINT,1\n")
    assert record["emailProblem"] is None
    aws, resources = loaded.local.aws, loaded.local.resources
    events = aws.client("events")
    rule = events.describe_rule(Name=resources["SweepFunctionEmailProblems"])["EventPattern"]
    event = json.loads((ROOT / "events/email-bounced.json").read_text())
    tags = event["detail"]["mail"]["tags"] | {"import_id": [record["id"]]}
    for configuration_set, matches in (("another", False), (resources["EmailConfigurationSet"], True)):
        event["detail"]["mail"]["tags"] = {**tags, "ses:configuration-set": [configuration_set]}
        assert events.test_event_pattern(EventPattern=rule, Event=json.dumps(event))["Result"] is matches
    aws.client("lambda").invoke(FunctionName=resources["SweepFunction"], Payload=json.dumps(event))
    shown = loaded.call("GET", f"/import/{record['id']}").json["emailProblem"]
    assert (shown["kind"], shown["date"]) == ("BOUNCED", 1_795_716_902_000)


def test_a_link_answers_a_scanner_then_the_person_then_in_words_once_the_file_is_deleted(loaded):
    body = "accountId,userId,unit,valueToRedeem\nnobody,n,POINT,1\n"
    record = loaded.upload("redemptions/scanned.csv", body)
    results, failed = links(loaded.mail_about(record["id"]))
    scanned = loaded.call("HEAD", results, key="")
    assert (scanned.status, scanned.body) == (303, b"")
    assert loaded.call("HEAD", scanned.headers["Location"], key="").status == 200
    assert list(loaded.csv_behind(results)["outcome"]) == ["NO_BALANCE"]
    loaded.s3.delete_object(Bucket=loaded.local.files_bucket, Key=f"imports/{record['id']}/failed.csv")
    gone = loaded.call("GET", failed, key="")
    assert gone.status == 410
    assert "File no longer available" in gone.body.decode()
    assert loaded.call("HEAD", failed, key="").status == 410
    unknown = loaded.call("GET", re.sub(r"[^/]+$", "x" * 32, failed), key="")
    assert (unknown.status, unknown.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_a_workbook_is_served_under_the_name_and_the_date_of_its_report(loaded):
    params = {"unit": "POINT"}
    order = {
        "type": "REDEEMABLE_REWARD_BALANCE",
        "format": "XLSX",
        "name": "Payout Zoë",
        "params": params,
    }
    made = loaded.call("POST", "/export", order).json
    export_id, day = made["id"], datetime.fromtimestamp(made["dateCreated"] / 1000, UTC).date()
    loaded.wait(lambda: loaded.ended(f"/export/{export_id}"))
    answer = loaded.call("GET", f"/export/{export_id}/download")
    assert answer.status == 303
    file = loaded.call("GET", answer.headers["Location"], key="")
    assert file.body[:2] == b"PK"
    assert file.headers["Content-Disposition"] == (
        f"attachment; filename=\"payout-zoe-{day}.xlsx\"; filename*=UTF-8''payout-zo%C3%AB-{day}.xlsx"
    )


def test_the_histories_list_newest_first_and_page(loaded, report):
    listed = loaded.call("GET", "/export/history/list?limit=1&offset=0").json
    assert listed["count"] == 1
    assert listed["totalCount"] >= 1
    ids = [each["id"] for each in loaded.imports()]
    assert ids == sorted(ids, reverse=True)


@pytest.mark.parametrize(
    ("key", "headers"),
    [("", {}), ("wrong", {}), ("", {"Authorization": "Bearer x"}), ("", {"Authorization": "Basic %%%"})],
)
@pytest.mark.parametrize("path", ["/export/history/list", "/nowhere", "/import/1/results"])
def test_nothing_is_revealed_without_the_key(service, path, key, headers):
    answer = service.call("GET", path, key=key, **headers)
    assert (answer.status, answer.json["apiErrorCode"]) == (401, "UNAUTHORIZED")
    assert service.local.api_key.encode() not in answer.body


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/export/none", None, 404, "EXPORT_NOT_FOUND"),
        ("GET", "/import/none", None, 404, "IMPORT_NOT_FOUND"),
        ("GET", "/nowhere", None, 404, "NOT_FOUND"),
        ("GET", "/export/history/list?limit=0", None, 400, "VALIDATION_ERROR"),
        ("GET", "/export/history/list?offset=x", None, 400, "VALIDATION_ERROR"),
        ("POST", "/export", {"type": "NONSENSE"}, 400, "VALIDATION_ERROR"),
        ("POST", "/export", {"type": ["a"]}, 400, "VALIDATION_ERROR"),
        ("POST", "/export", {"type": "USER_REWARD_BALANCE", "params": 1}, 400, "VALIDATION_ERROR"),
        ("POST", "/export", b"{", 400, "VALIDATION_ERROR"),
        ("POST", "/export", b"[]", 400, "VALIDATION_ERROR"),
        ("POST", "/export", None, 400, "VALIDATION_ERROR"),
    ],
)
def test_a_request_that_cannot_be_done_is_answered_in_the_contracts_words(
    service, method, path, body, status, code
):
    answer = service.call(method, path, body)
    assert (answer.status, answer.json["statusCode"], answer.json["apiErrorCode"]) == (status, status, code)
    assert answer.json["message"]
    assert "rsCode" in answer.json


def test_another_tenant_is_not_found(service):
    base = service.local.outputs["ApiUrl"] + "/api/v1/other"
    answer = service.call("GET", "/export/history/list", base=base)
    assert (answer.status, answer.json["apiErrorCode"]) == (404, "TENANT_NOT_FOUND")


def test_a_link_that_nobody_sent_opens_nothing_and_says_so_in_words(service):
    answer = service.call("GET", "/download/" + "A" * 32, key="", base=service.local.outputs["ApiUrl"])
    assert answer.status == 404
    assert b"<h1>Link not found</h1>" in answer.body


def test_the_stack_tells_what_the_contract_names(service):
    outputs = {
        "ApiUrl",
        "UploadBucket",
        "FilesBucket",
        "ApiKeySecret",
        "RedemptionQueueUrl",
        "DeadLetterQueueUrl",
        "RowIdKeySecret",
        "DashboardUrl",
    }
    assert outputs <= set(service.local.outputs)
    parameters = {"TenantAlias", "SenderEmail", "NotificationEmail", "RetentionDays", "MaxConcurrency"}
    assert parameters <= set(service.local.parameters)
