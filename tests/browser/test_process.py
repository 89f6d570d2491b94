"""What operators do with the page, from signing in to reversing, on the deployed stack."""

import base64
import hashlib
import hmac
import re
import struct
import time

import pandas as pd
import pytest
from playwright.sync_api import expect

from infra.local.users import PASSWORD

HEADER = "id,type,unit,assignedCredit,user.id,user.accountId,dateExpires,user.firstName,name\n"
REWARDS = """\
{name}-1,CREDIT,CASH/USD,1000,ann,{name},4102444800000,Ann,Welcome
{name}-2,CREDIT,CASH/USD,555,ann,{name},4070908800000,Ann,Referral
{name}-3,CREDIT,CASH/USD,100,ann,{name},,Ann,Birthday
{name}-4,CREDIT,POINT,30,007,{name},,Bob,Points
{name}-5,CREDIT,POINT,70,cid,{name},,Cid,Points
"""


@pytest.fixture(scope="module", autouse=True)
def rewards(service):
    """Each test has an account of its own."""
    accounts = ("cycle", "twice", "lost", "damaged", "run")
    many = "".join(f"many-{n:03d},CREDIT,POINT,1,ann,many,,Ann,Many\n" for n in range(103))
    own = "".join(REWARDS.format(name=each) for each in accounts)
    service.upload("rewards/rewards.csv", HEADER + own + many)


def one_time_code(secret):
    """What an authenticator app shows now (RFC 6238)."""
    counter = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.digest(base64.b32decode(secret + "=" * (-len(secret) % 8)), counter, "sha1")
    place = digest[-1] & 15
    return f"{(int.from_bytes(digest[place : place + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}"


def filled(path, values):
    """A report whose valueToRedeem an operator filled in, by (account, user)."""
    sheet = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    for place, row in sheet.iterrows():
        sheet.loc[place, "valueToRedeem"] = values.get((row["accountId"], row["userId"]), "")
    out = path.with_name("filled in.csv")
    sheet.to_csv(out, index=False)
    return out


def order_report(page):
    page.get_by_role("link", name="Reports", exact=True).click()
    page.get_by_role("radio", name="CSV").check()
    page.get_by_label("Name").fill("November payout")
    page.get_by_role("button", name="Create report").click()
    return page.get_by_role("row", name=re.compile("November payout.* Completed")).first


def choose(page, path):
    page.get_by_role("link", name="Imports", exact=True).first.click()
    page.get_by_role("link", name="Import file").click()
    page.get_by_label("Choose file").set_input_files(path)


def preview(page, path):
    choose(page, path)
    expect(page.get_by_role("heading", name="What would happen")).to_be_visible()


def confirm(page, button):
    page.get_by_role("dialog").get_by_role("button", name=button).click()


def order_import(service, name):
    """An import whose file has not come."""
    order = {"type": "REDEEMABLE_REWARD_BALANCE", "fileName": name}
    return service.call("POST", "/import", order).json["id"]


def figures(page):
    terms = page.locator("dl.figures > div")
    return {each.locator("dt").inner_text(): each.locator("dd").inner_text() for each in terms.all()}


def test_the_whole_process_by_clicks(harness, service):
    page = harness.open()
    row = order_report(page)
    expect(row).to_contain_text("operator@example.com")
    report = harness.saved(page, row.get_by_role("button", name="Download"))
    paid = filled(report, {("cycle", "ann"): "12.559", ("cycle", "007"): "31", ("cycle", "cid"): "70"})

    preview(page, paid)
    found = figures(page)
    assert (found["to redeem"], found["with errors"]) == ("2", "1")
    totals = page.get_by_role("table", name="Amounts by unit")
    expect(totals.get_by_role("row", name="CASH/USD 12.55 12.55 0.00")).to_be_visible()
    expect(totals.get_by_role("row", name="POINT 101 70 31")).to_be_visible()
    group = page.locator("details", has_text="Amount exceeds the available balance")
    expect(group).to_contain_text("Lower the value to the available balance")
    expect(group.get_by_role("row", name=re.compile("cycle 007 POINT 31"))).to_be_visible()

    page.get_by_role("button", name="Start import").click()
    dialog = page.get_by_role("dialog", name="Start import?")
    expect(dialog).to_contain_text("File: filled in.csv")
    expect(dialog).to_contain_text("This redeems 2 rows.")
    expect(dialog.get_by_role("row", name="POINT 101 70 31")).to_be_visible()
    expect(dialog).to_contain_text("1 row with errors will not be redeemed.")
    confirm(page, "Start import")
    expect(page.get_by_role("heading", name="Completed with errors")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    found = figures(page)
    assert (found["redeemed"], found["with errors"]) == ("2", "1")
    results = pd.read_csv(harness.saved(page, page.get_by_role("button", name="Download results.csv")))
    assert set(results["outcome"]) == {"REDEEMED", "INSUFFICIENT_BALANCE", "UNCHANGED"}
    failed = pd.read_csv(harness.saved(page, page.get_by_role("button", name="Download failed.csv")))
    assert list(failed["outcome"]) == ["INSUFFICIENT_BALANCE"]
    receipt = harness.saved(page, page.get_by_role("button", name="Download receipt"))
    digest = hashlib.sha256(receipt.read_bytes()).hexdigest()
    expect(page.get_by_text(re.compile(f"Receipt No. [0-9,]+, SHA-256 {digest}"))).to_be_visible()
    done = page.url

    # The participant's page shows what remains, in redemption order.
    page.get_by_role("link", name="Participants", exact=True).click()
    page.get_by_label("Account id").fill("cycle")
    page.get_by_label("User id").fill("ann")
    page.get_by_role("button", name="Find").click()
    spent = page.get_by_role("table", name="Rewards in redemption order")
    expect(spent.get_by_role("row")).to_have_count(3)
    expect(spent.get_by_role("row", name=re.compile("^1 Welcome cycle-1 .* 3.00"))).to_be_visible()
    expect(spent.get_by_role("row", name=re.compile("^2 Birthday cycle-3 .* never .* 1.00"))).to_be_visible()

    # The same file again is recognised, and there is nothing to start.
    preview(page, paid)
    expect(page.get_by_text("This file was imported before")).to_be_visible()
    expect(page.get_by_role("button", name="Start import")).to_have_count(0)

    page.goto(done)
    page.get_by_role("button", name="Reverse import").click()
    expect(page.get_by_role("dialog")).to_contain_text("Payments made outside this system are not recalled")
    confirm(page, "Reverse import")
    expect(page.get_by_role("heading", name="Reversal of")).to_be_visible()
    expect(page.get_by_role("heading", name="Completed", exact=True)).to_be_visible()
    assert figures(page)["reversed"] == "2"
    balances = service.call("GET", "/reward/balance?accountId=cycle&userId=ann").json
    assert balances[0]["totalRedeemedCredit"] == 0

    page.get_by_role("link", name="Imports", exact=True).first.click()
    listed = page.get_by_role("table", name="Imports, newest first")
    first = listed.get_by_role("row").nth(1)
    expect(first).to_contain_text("Reversal")
    expect(first).to_contain_text("operator@example.com")
    expect(first.locator("time").first).to_have_attribute("title", re.compile(r"^\d{4}-\d\d-\d\d .* UTC$"))
    assert page.faults == []


def test_shows_the_decimals_of_a_unit_that_appears_while_the_page_is_open(harness, service):
    page = harness.open()
    expect(page.get_by_role("heading", name="Available balances")).to_be_visible()
    service.upload("rewards/chf.csv", HEADER + "chf-1,CREDIT,CASH/CHF,123456,ann,chf,,Ann,Swiss\n")
    preview(page, harness.file("chf.csv", "accountId,userId,unit,valueToRedeem\nchf,ann,CASH/CHF,1234.56\n"))
    totals = page.get_by_role("table", name="Amounts by unit")
    expect(totals.get_by_role("row", name="CASH/CHF 1,234.56 1,234.56 0.00")).to_be_visible()
    page.get_by_role("button", name="Start import").click()
    expect(page.get_by_role("dialog")).to_contain_text("1,234.56")
    confirm(page, "Start import")
    expect(page.get_by_role("heading", name="Completed", exact=True)).to_be_visible()
    expect(page.get_by_role("table", name="Amounts by unit")).to_contain_text("1,234.56")
    page.goto(f"{harness.address}#/participant/chf/ann")
    expect(page.get_by_text("1 reward not available now")).to_be_visible()
    page.get_by_text("1 reward not available now").click()
    expect(page.get_by_role("table", name="Rewards not available now")).to_contain_text("1,234.56")
    assert page.faults == []


def changed(page, address, change):
    """Let the page see the answers from this address (a pattern) with a change."""

    def answer(route):
        response = route.fetch()
        found = response.json()
        change(found)
        route.fulfill(response=response, json=found)

    page.route(re.compile(address), answer)


def test_shows_an_error_instead_of_an_amount_whose_decimals_are_missing(harness):
    page = harness.open(path="#/imports")
    changed(page, r"/reward\?accountId=run", lambda found: [each.pop("decimals") for each in found])
    page.goto(f"{harness.address}#/account/run")
    expect(page.get_by_role("alert")).to_contain_text("an amount without its decimals")
    changed(page, r"/import/[0-9a-z]{16}$", lambda found: found["stats"].pop("decimals"))
    choose(page, harness.file("run.csv", "accountId,userId,unit,valueToRedeem\nrun,ann,CASH/USD,1.00\n"))
    expect(page.get_by_role("alert")).to_contain_text("an amount without its decimals")
    expect(page.get_by_role("button", name="Start import")).to_have_count(0)


def test_shows_warnings_in_preview_confirmation_and_result(harness):
    page = harness.open()
    worded = {
        "warning": "NO_ROW_ID",
        "rows": 2,
        "title": "No rowId",
        "meaning": "These rows have no rowId.",
        "remedy": "Start from a report.",
        "examples": [{"line": 2, "cells": ["run", "007", "POINT", "1"], "message": "No rowId."}],
    }
    other = {
        **worded,
        "warning": "REPEATED_VALUE",
        "rows": 1,
        "title": "Same amount as a recent redemption",
        "examples": [],
    }
    changed(page, r"/import/[0-9a-z]{16}/outcomes$", lambda found: found.update(warnings=[worded, other]))
    rows = "accountId,userId,unit,valueToRedeem\nrun,007,POINT,1\nrun,cid,POINT,1\n"
    preview(page, harness.file("warned.csv", rows))

    def expect_warnings():
        groups = page.get_by_role("region", name="Warnings").locator("details")
        expect(groups).to_have_count(2)
        expect(groups.nth(0)).to_contain_text("No rowId2 rowsNO_ROW_ID")
        groups.nth(0).locator("summary").click()
        expect(groups.nth(0)).to_contain_text("These rows have no rowId.")
        expect(groups.nth(0)).to_contain_text("How to fix it: Start from a report.")
        expect(groups.nth(0).get_by_role("row", name=re.compile("2 run 007 POINT 1"))).to_be_visible()
        expect(groups.nth(1)).to_contain_text("Same amount as a recent redemption1 row")

    expect_warnings()
    page.get_by_role("button", name="Start import").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("No rowId: 2 rows. These rows have no rowId.")
    expect(dialog).to_contain_text("Same amount as a recent redemption: 1 row.")
    confirm(page, "Start import")
    expect(page.get_by_role("heading", name="Completed", exact=True)).to_be_visible()
    expect_warnings()
    assert page.faults == []


def test_a_duplicate_file_is_imported_on_request_only(harness):
    page = harness.open()
    text = "accountId,userId,unit,valueToRedeem\nrun,ann,CASH/USD,0.50\n"
    file = harness.file("monthly.csv", text)
    preview(page, file)
    page.get_by_role("button", name="Start import").click()
    confirm(page, "Start import")
    expect(page.get_by_role("heading", name="Completed", exact=True)).to_be_visible()
    asked = []

    def reject(route):
        asked.append(route.request.post_data_json)
        route.fulfill(status=400, json={"message": "Stopped by the test.", "apiErrorCode": "X"})

    page.goto(f"{harness.address}#/import")
    page.get_by_label("Choose file").set_input_files(file)
    expect(page.get_by_text("import the file with “Import even if the same rows were")).to_be_visible()
    page.get_by_role("link", name="Choose another file").click()
    page.route(re.compile("/import$"), reject)
    box = page.get_by_role("checkbox", name="Import even if the same rows were imported before")
    expect(box).not_to_be_checked()
    expect(page.get_by_text("are redeemed again")).to_be_visible()
    box.check()
    page.get_by_label("Choose file").set_input_files(file)
    expect(page.get_by_text("Stopped by the test.")).to_be_visible()
    page.get_by_role("button", name="Choose another file").click()
    page.get_by_label("Choose file").set_input_files(file)
    expect(page.get_by_text("Stopped by the test.")).to_be_visible()
    assert [each.get("allowDuplicate") for each in asked] == [True, None]


def test_a_bad_file_is_refused_with_words_that_help(harness):
    page = harness.open()
    choose(page, harness.file("old.xls", "x"))
    expect(page.get_by_role("alert")).to_contain_text("has an unsupported format")
    expect(page.get_by_label("Choose file")).to_have_value("")  # so the same name can be chosen once more
    choose(page, harness.file("bad.csv", "accountId,userId\nacme,ann\n"))
    expect(page.get_by_text("The file was rejected: columns are missing")).to_be_visible()
    expect(page.get_by_role("paragraph").filter(has_text="lacks unit and valueToRedeem")).to_be_visible()
    expect(page.get_by_text("Start from a new report")).to_be_visible()
    page.get_by_role("link", name="Choose another file").click()
    expect(page.get_by_text("Drop the filled-in report here")).to_be_visible()


def test_a_file_in_which_nothing_was_filled_in_says_so(harness):
    page = harness.open()
    preview(page, harness.file("blank.csv", "accountId,userId,unit,valueToRedeem\nrun,cid,POINT,0\n"))
    expect(page.get_by_text("valueToRedeem is blank or 0 in every row")).to_be_visible()
    expect(page.get_by_role("button", name="Start import")).to_have_count(0)


def test_ids_that_a_spreadsheet_damaged_are_shown_as_repaired(harness):
    page = harness.open()
    report = harness.saved(page, order_report(page).get_by_role("button", name="Download"))
    paid = filled(report, {("damaged", "007"): "5"})
    paid.write_text(paid.read_text().replace("007,damaged", "7,damaged"))
    preview(page, paid)
    group = page.locator("details", has_text="Repaired")
    group.locator("summary").click()
    expect(group.get_by_role("row", name=re.compile("damaged 7 POINT 5"))).to_contain_text(
        "but '007' in the report"
    )


def test_start_import_clicked_twice_starts_one_import(harness, service):
    page = harness.open()
    preview(page, harness.file("twice.csv", "accountId,userId,unit,valueToRedeem\ntwice,cid,POINT,7\n"))
    page.get_by_role("button", name="Start import").click()
    page.get_by_role("dialog").get_by_role("button", name="Start import").dblclick()
    expect(page.get_by_role("heading", name="Completed", exact=True)).to_be_visible()
    page.go_back()  # and once more from the preview that lies open elsewhere
    expect(page.get_by_text("This preview was started")).to_be_visible()
    started = [each for each in service.imports() if each["fileName"] == "twice.csv" and not each["dryRun"]]
    assert [each["stats"]["redeemed"] for each in started] == [{"POINT": 7}]


def test_a_running_import_says_how_far_it_is_and_is_cancelled(harness, chunks):
    page = harness.open()
    others = "".join(f"run,cid,UNIT{n},1\n" for n in range(120))  # 50 units of a balance are a chunk
    paid = f"accountId,userId,unit,valueToRedeem\nrun,cid,POINT,7\n{others}"
    preview(page, harness.file("running.csv", paid))
    chunks.hold()
    page.get_by_role("button", name="Start import").click()
    confirm(page, "Start import")
    progress = page.locator(".progress")
    expect(progress).to_contain_text("0 of 121 rows")
    chunks.take(3)
    chunks.let_go("POINT")
    expect(progress).to_contain_text(
        re.compile(r"50 of 121 rows · \d+ per second · (a few|about \d+) seconds left")
    )
    bar = page.get_by_role("progressbar", name="Redeeming…")
    assert bar.evaluate("bar => Math.round(100 * bar.position)") == 41
    expect(page.locator("#announcer")).to_have_text("Redeeming: 40 percent")

    page.get_by_role("button", name="Cancel import").click()
    expect(page.get_by_role("dialog")).to_contain_text("Rows that are already redeemed stay redeemed")
    confirm(page, "Cancel import")
    expect(progress).to_contain_text("Cancelling…")
    expect(page.get_by_role("button", name="Cancel import")).to_have_count(0)
    chunks.let_go()
    expect(page.get_by_role("heading", name="Cancelled", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    assert figures(page) == {"redeemed": "1", "with errors": "120"}
    expect(page.locator("details", has_text="Cancelled before processing")).to_be_visible()
    expect(page.get_by_role("button", name="Reverse import")).to_be_visible()


def test_what_a_cancelled_reversal_left_can_be_reversed_after_all(harness, service, chunks):
    original = service.upload(
        "redemptions/rest.csv", "accountId,userId,unit,valueToRedeem\nrun,cid,POINT,1\n"
    )
    chunks.hold()
    reversal = service.call("POST", f"/import/{original['id']}/reverse").json["id"]
    chunks.take(1)
    assert service.call("POST", f"/import/{reversal}/cancel").status == 200
    chunks.let_go()
    service.wait(lambda: service.call("GET", f"/import/{reversal}").json["dateCompleted"])
    page = harness.open(path=f"#/import/{original['id']}")
    expect(page.get_by_text("A reversal returned a part of what this import redeemed")).to_be_visible()
    page.get_by_role("button", name="Reverse remaining rows").click()
    confirm(page, "Reverse import")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Reversal of")
    expect(page.get_by_role("heading", name="Completed", exact=True)).to_be_visible()
    assert figures(page) == {"reversed": "1"}


def test_the_second_click_of_a_double_click_answers_no_question(harness, service):
    page = harness.open(path=f"#/import/{order_import(service, 'double.csv')}")
    expect(page.get_by_text("Waiting for the file")).to_be_visible()
    page.get_by_role("button", name="Cancel import").click()
    answer = page.get_by_role("dialog").get_by_role("button", name="Cancel import")
    answer.hover()
    page.mouse.down(click_count=2)
    page.mouse.up(click_count=2)
    expect(answer).to_be_visible()
    answer.click()
    expect(page.get_by_text("Nothing was redeemed")).to_be_visible()


def test_a_connection_lost_during_upload_is_tried_again_without_choosing_the_file_anew(harness, service):
    page = harness.open()
    page.goto(f"{harness.address}#/import")
    upload = re.compile(f"/{service.local.upload_bucket}$")
    page.route(upload, lambda route: route.abort("connectionreset"))
    path = harness.file("lost.csv", "accountId,userId,unit,valueToRedeem\nlost,cid,POINT,7\n")
    page.get_by_label("Choose file").set_input_files(path)
    expect(page.get_by_role("alert")).to_contain_text("“lost.csv” was not uploaded")
    page.unroute(upload)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="What would happen")).to_be_visible()
    assert figures(page)["to redeem"] == "1"
    assert len([each for each in service.imports() if each["fileName"] == "lost.csv"]) == 1


def test_an_expired_session_asks_to_sign_in_again_and_loses_nothing(harness, service):
    page = harness.open(apart=True)
    page.get_by_role("link", name="Reports", exact=True).click()
    page.get_by_label("Name").fill("Kept while away")
    cognito = service.local.aws.client("cognito-idp")
    pool = service.local.outputs["UserPoolId"]
    cognito.admin_user_global_sign_out(UserPoolId=pool, Username="operator@example.com")
    page.clock.install()
    page.clock.fast_forward("01:10:00")
    page.get_by_role("button", name="Create report").click()
    again = page.get_by_role("dialog", name="Sign in again")
    expect(again).to_contain_text("Your session has ended")
    expect(again.get_by_label("Email")).to_have_value("operator@example.com")
    again.get_by_label("Password").fill(PASSWORD)
    again.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("row", name=re.compile("Kept while away"))).to_be_visible()
    expect(again).to_have_count(0)


def test_a_token_is_renewed_without_a_word_before_it_expires(harness):
    page = harness.open(apart=True)
    expect(page.get_by_role("heading", name="Available balances")).to_be_visible()
    before = page.evaluate("JSON.parse(sessionStorage.session).id")
    page.clock.install()
    page.clock.fast_forward("00:56:00")
    page.get_by_role("link", name="Imports", exact=True).first.click()
    expect(page.get_by_role("table", name="Imports, newest first")).to_be_visible()
    assert page.evaluate("JSON.parse(sessionStorage.session).id") != before
    assert page.get_by_role("dialog").count() == 0


def test_signing_out_revokes_what_was_in_the_tab(harness, service):
    page = harness.open()
    expect(page.get_by_role("heading", name="Available balances")).to_be_visible()
    refresh = page.evaluate("JSON.parse(sessionStorage.session).refresh")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    cognito = service.local.aws.client("cognito-idp")
    with pytest.raises(cognito.exceptions.NotAuthorizedException):
        cognito.initiate_auth(
            ClientId=service.local.outputs["UserPoolClientId"],
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={"REFRESH_TOKEN": refresh},
        )


def test_signing_out_counts_in_every_tab(harness):
    page, other = harness.open(), harness.open("viewer")
    expect(other.get_by_text("Read-only", exact=True)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    other.wait_for_function("sessionStorage.length === 0")


def test_a_wrong_password_is_told_and_never_travels(harness, service):
    page = harness.arrive()
    sent = []
    page.on("request", lambda request: sent.append(request.post_data or ""))
    harness.sign_in(page, service.local.users.somebody("operator"), "Wrong-password-1")
    expect(page.get_by_role("alert")).to_have_text("Email or password is wrong.")
    harness.sign_in(page, service.local.users.somebody("operator"))
    expect(page.get_by_role("heading", name="Available balances")).to_be_visible()
    assert len(sent) > 2
    assert not any(PASSWORD in body or "Wrong-password-1" in body for body in sent)


def test_an_invited_user_chooses_a_password_at_the_first_sign_in(harness, service):
    cognito, pool = service.local.aws.client("cognito-idp"), service.local.outputs["UserPoolId"]
    who = {"UserPoolId": pool, "Username": "ida@example.com"}
    attributes = [{"Name": "email", "Value": "ida@example.com"}, {"Name": "email_verified", "Value": "true"}]
    invitation = {"TemporaryPassword": "Invited-12345", "MessageAction": "SUPPRESS"}
    cognito.admin_create_user(**who, UserAttributes=attributes, **invitation)
    page = harness.arrive()
    harness.sign_in(page, "ida@example.com", "Invited-12345")
    page.get_by_label("New password").fill("My-own-choice-1")
    page.get_by_role("button", name="Save password").click()
    expect(page.get_by_text("in none of the groups")).to_be_visible()


def test_a_forgotten_password_is_replaced_with_a_code_from_an_email(harness, service):
    service.local.users.add("noa@example.com", "viewers")
    page = harness.arrive()
    page.get_by_label("Email").fill("noa@example.com")
    page.get_by_role("button", name="Forgot your password?").click()
    expect(page.get_by_label("Email")).to_have_value("noa@example.com")
    page.get_by_role("button", name="Send code").click()
    page.get_by_label("Code from the email").fill("000000")
    page.get_by_label("New password").fill("My-own-choice-1")
    page.get_by_role("button", name="Save password").click()
    expect(page.get_by_role("alert")).to_have_text("The code is wrong. Enter the code from the newest email.")
    expect(page.get_by_label("Code from the email")).to_be_focused()

    mail = service.wait(lambda: [each for each in service.local.aws.outbox() if "noa@example.com" in each.to])
    page.get_by_label("Code from the email").fill(re.search(r"\d{6}", mail[-1].text)[0])
    page.get_by_label("New password").fill("short")
    page.get_by_role("button", name="Save password").click()
    expect(page.get_by_role("alert")).to_contain_text("assword")
    expect(page.get_by_label("New password")).to_be_focused()
    page.get_by_label("New password").fill("My-own-choice-1")
    page.get_by_role("button", name="Save password").click()
    expect(page.get_by_text("The new password is saved")).to_be_visible()
    harness.sign_in(page, "noa@example.com", "My-own-choice-1")
    expect(page.get_by_text("Read-only", exact=True)).to_be_visible()


def test_a_code_for_nobody_is_promised_as_for_anybody(harness):
    """Who does not know whether there is such a user does not learn it here."""
    page = harness.arrive()
    page.get_by_role("button", name="Forgot your password?").click()
    page.get_by_label("Email").fill("nobody@example.com")
    page.get_by_role("button", name="Send code").click()
    expect(page.get_by_text("If the user exists")).to_be_visible()


def test_a_user_with_an_authenticator_app_is_asked_for_its_code(harness, service):
    users, cognito = service.local.users, service.local.aws.client("cognito-idp")
    users.add("mia@example.com", "viewers")
    token = users.sign_in("mia@example.com").access
    secret = cognito.associate_software_token(AccessToken=token)["SecretCode"]
    cognito.verify_software_token(AccessToken=token, UserCode=one_time_code(secret))
    cognito.set_user_mfa_preference(
        AccessToken=token, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True}
    )
    page = harness.arrive()
    harness.sign_in(page, "mia@example.com")
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("code is wrong")
    page.get_by_label("Code").fill(one_time_code(secret))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Read-only", exact=True)).to_be_visible()


def test_the_page_works_at_the_top_of_an_origin_as_it_does_on_aws(harness, service):
    """There it has no path before it, and the user pool is of another origin."""
    page = harness.arrive()
    top, real = "https://rewards.example.test/", service.local.outputs["ConsoleUrl"]

    def serve(route):
        route.fulfill(response=route.fetch(url=route.request.url.replace(top, real)))

    page.route(f"{top}**", serve)
    # Chromium lets no site of the internet talk to this machine, so that goes through here as well.
    page.route(f"{service.local.aws.endpoint}/**", lambda route: route.fulfill(response=route.fetch()))
    page.goto(f"{top}#/imports")
    harness.sign_in(page, service.local.users.somebody("operator"))
    expect(page.get_by_role("table", name="Imports, newest first")).to_be_visible()
    assert page.url.startswith(top)
    assert page.faults == []


def test_a_read_only_user_sees_each_control_with_the_reason_beside_it(harness):
    page = harness.open("viewer")

    def expect_reason(name):
        button = page.get_by_role("button", name=name)
        expect(button).to_have_attribute("aria-disabled", "true")
        expect(button).to_have_accessible_description(re.compile("Read-only: .*group “operators”"))
        expect(page.get_by_text("Read-only: ").first).to_be_visible()
        button.focus()
        expect(button).to_be_focused()
        assert button.get_attribute("title") is None
        button.click(force=True)
        assert page.get_by_role("dialog").count() == 0

    expect_reason(re.compile("Refresh|Calculate totals"))
    page.get_by_role("link", name="Reports", exact=True).click()
    expect_reason("Create report")
    page.get_by_role("link", name="Imports", exact=True).click()
    expect_reason("Import file")
    page.goto(f"{harness.address}#/import")
    expect_reason("Choose file")
    expect(page.locator("input[type=file]")).to_have_count(0)


def test_a_long_list_of_imports_is_paged(harness, service):
    for number in range(51):
        order_import(service, f"page-{number}.csv")
    page = harness.open(path="#/imports")
    pages = page.get_by_role("navigation", name="Pages of the list")
    expect(pages).to_contain_text("Page 1 of 2")
    expect(pages.get_by_role("link", name="Previous")).to_have_attribute("aria-disabled", "true")
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(51)
    expect(page.get_by_role("link", name="page-50.csv")).to_be_visible()
    pages.get_by_role("link", name="Next").click()
    expect(pages).to_contain_text("Page 2 of 2")
    assert page.url.endswith("#/imports?page=2")
    expect(page.get_by_role("link", name="page-0.csv")).to_be_visible()
    expect(pages.get_by_role("link", name="Next")).to_have_attribute("aria-disabled", "true")
    page.go_back()
    expect(pages).to_contain_text("Page 1 of 2")


def test_resumes_an_import_whose_chunk_is_lost(harness, service, chunks):
    chunks.hold()
    body = b"accountId,userId,unit,valueToRedeem\nrun,cid,POINT,2\n"
    service.s3.put_object(Bucket=service.local.upload_bucket, Key="redemptions/stopped.csv", Body=body)
    chunks.take(1)
    chunks.lose()
    chunks.let_go()
    (record,) = [each for each in service.imports() if each["fileName"] == "stopped.csv"]
    stalled = {"since": record["dateCreated"], "reason": "1 of 1 rows have no result yet."}
    page, resumed = harness.open(path="#/imports"), []
    changed(
        page,
        f"/import/{record['id']}$",
        lambda found: found.update(stalled=None if resumed else stalled),  # as after 20 minutes
    )
    page.on("request", lambda request: resumed.append(request) if request.url.endswith("/resume") else None)
    page.goto(f"{harness.address}#/import/{record['id']}")
    expect(page.get_by_text("This import has stopped")).to_be_visible()
    expect(page.get_by_text("1 of 1 rows have no result yet.")).to_be_visible()
    page.get_by_role("button", name="Resume import").click()
    expect(page.get_by_role("heading", name="Completed", exact=True)).to_be_visible()
    assert [request.method for request in resumed] == ["POST"]
    assert figures(page) == {"redeemed": "1"}
    assert page.faults == []


def test_shows_that_the_email_about_an_import_or_a_report_bounced(harness, service):
    body = b"accountId,userId,unit,valueToRedeem\nrun,nobody,POINT,2\n"
    ended = service.upload("redemptions/bounced.csv", body)
    report = service.call("POST", "/export", {"type": "REWARD", "name": "Bounced"}).json
    service.wait(lambda: service.ended(f"/export/{report['id']}"))
    problem = {"kind": "BOUNCED", "date": 1795292040000, "message": "The email was not delivered."}
    page = harness.open(path="#/imports")
    for kind, record in (("import", ended), ("export", report)):
        shown = {"emailProblem": problem, "mailtoEmail": "ann@example.com"}
        changed(page, f"/{kind}/{record['id']}$", lambda found, shown=shown: found.update(shown))
        page.goto(f"{harness.address}#/{kind.replace('export', 'report')}/{record['id']}")
        notice = page.locator(".notice", has_text="Problem with the email")
        expect(notice).to_contain_text("The email was not delivered.")
        expect(notice).to_contain_text("ann@example.com")
    assert page.faults == []


def test_a_viewer_sees_that_an_import_has_stopped_and_cannot_resume_it(harness, service):
    import_id = order_import(service, "stopped-too.csv")
    page = harness.open("viewer", path="#/imports")
    stalled = {"since": 1795292040000, "reason": "The check of the file has not ended."}
    changed(page, f"/import/{import_id}$", lambda record: record.update(status="VALIDATING", stalled=stalled))
    page.goto(f"{harness.address}#/import/{import_id}")
    expect(page.get_by_text("The check of the file has not ended.")).to_be_visible()
    button = page.get_by_role("button", name="Resume import")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_accessible_description(re.compile("Read-only"))


def test_the_list_of_imports_updates_by_itself(harness, service):
    order = order_import(service, "followed.csv")
    page = harness.open(path="#/imports")
    row = page.get_by_role("row", name=re.compile("followed.csv"))
    expect(row).to_contain_text("Waiting for upload")
    service.call("POST", f"/import/{order}/cancel")
    expect(row).to_contain_text("Cancelled")


def test_of_many_rewards_fifty_are_shown_and_the_rest_on_request(harness):
    page = harness.open(path="#/participant/many/ann")
    rows = page.get_by_role("table", name="Rewards in redemption order").get_by_role("row")
    expect(rows).to_have_count(51)
    page.get_by_role("button", name="Show 50 more of 103").click()
    expect(rows).to_have_count(101)
    expect(rows.nth(51).get_by_role("rowheader")).to_be_focused()
    page.get_by_role("button", name="Show 3 more of 103").click()
    expect(rows).to_have_count(104)


def test_the_next_visit_asks_for_one_small_document(harness):
    page = harness.arrive(harness.tab(apart=True))
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    first = loaded(page)
    page.goto("about:blank")
    page.goto(harness.address)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    again = loaded(page)
    assert sum(first.values()) < 100_000  # some forty modules, each with its security headers
    assert {name for name, size in again.items() if size} == {harness.address}
    assert again[harness.address] < 1_000


def loaded(page):
    """What the page is made of, with the bytes that travelled for it."""
    kinds = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
    return dict(page.evaluate(f"{kinds}.map(each => [each.name, each.transferSize])"))
