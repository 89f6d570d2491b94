"""Pages of the console that the whole process does not show: errors, paging, confirmation, second factor."""

import csv
import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, ZOOMED
from tests.browser.test_process import (
    HEADER,
    changed,
    confirm,
    figures,
    one_time_code,
    order_import,
    preview,
)

UNITS = 40


@pytest.fixture(scope="module", autouse=True)
def rewards(service):
    units = "".join(f"unit-{n},CREDIT,UNIT{n:02d},100,ann,units,,Ann,Many\n" for n in range(UNITS))
    people = "".join(f"crowd-{n:03d},CREDIT,POINT,{n + 1},user-{n:03d},crowd,,Ann,Many\n" for n in range(500))
    others = "stale-1,CREDIT,GIFT,10,ann,stale,,Ann,Stale\n"
    others += "slow-1,CREDIT,POINT,10,ann,slow,,Ann,Slow\n"
    others += "sums-1,CREDIT,CASH/USD,200000,ann,sums,,Ann,Sums\n"
    others += "sums-2,CREDIT,POINT,100,ann,sums,,Ann,Sums\n"
    service.upload("rewards/rewards.csv", HEADER + units + people + others)


def sideways(page, size):
    page.set_viewport_size(size)
    return page.evaluate("document.documentElement.scrollWidth") > size["width"]


def test_an_unknown_address_shows_page_not_found_with_a_link_home(harness):
    page = harness.open(path="#/no-such-page")
    expect(page.get_by_role("heading", level=1)).to_have_text("Page not found")
    expect(page.get_by_role("heading", name="Available balances")).to_have_count(0)
    page.get_by_role("link", name="Go to Home").click()
    expect(page.get_by_role("heading", name="Available balances")).to_be_visible()


def test_an_unknown_import_says_so_with_the_request_id(harness):
    page = harness.open(path="#/import/06h0000000000000")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("No import has this id")
    expect(alert).to_contain_text(re.compile("Request id: [0-9a-f-]{8,}"))


def test_a_server_error_shows_its_message_and_request_id_and_is_retried_on_request(harness):
    page = harness.open()
    failing = re.compile("/import/history/list")
    answer = {"statusCode": 500, "message": "Something broke in the test.", "apiErrorCode": "INTERNAL_ERROR"}
    page.route(
        failing,
        lambda route: route.fulfill(status=500, json=answer, headers={"X-Request-Id": "request-1234"}),
    )
    page.get_by_role("link", name="Imports", exact=True).click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Something broke in the test.")
    expect(alert).to_contain_text("Request id: request-1234")
    expect(page.get_by_text("Connection lost")).to_have_count(0)
    page.unroute(failing)
    alert.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("table", name="Imports, newest first")).to_be_visible()


def test_a_network_failure_says_connection_lost_and_recovers(harness):
    page = harness.open()
    failing = re.compile("/import/history/list")
    page.route(failing, lambda route: route.abort("connectionreset"))
    page.get_by_role("link", name="Imports", exact=True).click()
    expect(page.get_by_text("Connection lost")).to_be_visible()
    page.unroute(failing)
    page.get_by_role("button", name="Try again now").click()
    expect(page.get_by_role("table", name="Imports, newest first")).to_be_visible()
    expect(page.get_by_text("Connection lost")).to_have_count(0)


def test_an_account_of_500_participants_is_paged(harness):
    page = harness.open(path="#/account/crowd")
    rows = page.get_by_role("table", name="Participants of the account").get_by_role("row")
    expect(rows).to_have_count(51)
    pages = page.get_by_role("navigation", name="Pages of the list")
    expect(pages).to_contain_text("Page 1 of 10 · 500 participants")
    assert page.evaluate("document.documentElement.scrollHeight") < 6_000
    pages.get_by_role("link", name="Next").click()
    expect(page.get_by_role("row", name="user-050 51 POINT 1")).to_be_visible()
    assert page.url.endswith("#/account/crowd?page=2")
    page.get_by_role("link", name="user-050").click()
    expect(
        page.get_by_role("table", name="Balances by unit").get_by_role("row", name=re.compile("POINT 51"))
    ).to_be_visible()
    assert page.faults == []


def test_the_confirmation_of_40_units_is_a_table_and_says_what_will_not_happen(harness):
    page = harness.open()
    rows = "".join(f"units,ann,UNIT{n:02d},{60 + n % 60}\n" for n in range(UNITS))
    bad = "units,ann,UNIT00,5\nunits,ann,UNITXX,7\n"
    preview(page, harness.file("units.csv", f"accountId,userId,unit,valueToRedeem\n{rows}{bad}"))
    page.get_by_role("button", name="Start import").click()
    dialog = page.get_by_role("dialog", name="Start import?")
    expect(dialog).to_contain_text("File: units.csv")
    table = dialog.get_by_role("table", name="Amounts")
    expect(table.get_by_role("row")).to_have_count(UNITS + 2)
    expect(table.get_by_role("columnheader")).to_have_text(["Unit", "Requested", "To redeem", "Rejected"])
    expect(table.get_by_role("row", name="UNIT00 65 60 5")).to_be_visible()
    expect(table.get_by_role("row", name="UNITXX 7 0 7")).to_be_attached()
    expect(dialog).to_contain_text("2 rows with errors will not be redeemed.")
    expect(dialog).to_contain_text("No participant is paid")
    for size in (NARROW, ZOOMED):
        assert not sideways(page, size)
        button = dialog.get_by_role("button", name="Start import")
        button.scroll_into_view_if_needed()
        expect(button).to_be_in_viewport()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)


SUMS = "accountId,userId,unit,valueToRedeem\nsums,ann,CASH/USD,{}\nsums,ann,POINT,{}\nsums,bob,POINT,0\n"


def test_a_preview_whose_control_totals_differ_cannot_be_started(harness):
    page = harness.open()
    preview(page, harness.file("sums.csv", SUMS.format("1012.50", "7")))
    start = page.get_by_role("button", name="Start import")
    expect(start).not_to_have_attribute("aria-disabled", "true")
    page.get_by_text("Control totals", exact=True).click()
    table = page.get_by_role("table", name="Comparison with the file")
    expect(table.get_by_role("row", name=re.compile("^CASH.USD 1,012.50 .*Not compared"))).to_be_visible()
    expect(table.get_by_role("row", name=re.compile("^Rows with a value 2 .*Not compared"))).to_be_visible()
    dollars = page.get_by_label("Paid in CASH/USD")
    dollars.fill("1,012")
    expect(table.get_by_text("0.50 more in the file")).to_be_visible()
    expect(dollars).to_be_focused()
    expect(start).to_have_attribute("aria-disabled", "true")
    reason = "The control totals do not match the file. CASH/USD: 0.50 more in the file."
    expect(start).to_have_accessible_description(reason)
    expect(page.get_by_text(reason)).to_be_visible()
    start.click(force=True)
    expect(page.get_by_role("dialog")).to_have_count(0)
    dollars.fill("1012.505")
    expect(table.get_by_text("At most 2 decimals are possible")).to_be_visible()
    expect(start).to_have_attribute("aria-disabled", "true")
    dollars.fill("1,012.50")
    page.get_by_label("Paid in POINT").fill("7")
    page.get_by_label("Expected rows").fill("3")
    expect(table.get_by_text("Matches")).to_have_count(2)
    expect(table.get_by_text("1 less in the file")).to_be_visible()
    expect(start).to_have_attribute("aria-disabled", "true")
    for size in (NARROW, ZOOMED):
        assert not sideways(page, size)
    page.get_by_label("Expected rows").fill("2")
    expect(table.get_by_text("Matches")).to_have_count(3)
    start.click()
    confirm(page, "Start import")
    expect(page.get_by_role("heading", name="Completed", exact=True)).to_be_visible()
    assert page.faults == []


def test_control_totals_entered_before_the_upload_are_checked_by_the_service(harness, service):
    page = harness.open(path="#/import")
    page.get_by_text("Control totals", exact=True).click()
    page.get_by_label("Rows with a value").fill("2")
    page.get_by_label("Unit").select_option("CASH/USD")
    total = page.get_by_label("Total paid")
    file = harness.file("totals.csv", SUMS.format("20.25", "5"))
    total.fill("x")
    page.get_by_label("Choose file").set_input_files(file)
    expect(page.get_by_role("alert")).to_contain_text("Control totals, CASH/USD: Enter a number in digits.")
    total.fill("20.50")
    page.get_by_label("Choose file").set_input_files(file)
    expect(page.get_by_text("The file was rejected: its totals are not as expected")).to_be_visible()
    table = page.get_by_role("table", name="Differences")
    expect(table.get_by_role("row")).to_have_text(
        ["TotalExpectedIn the file", "CASH/USD20.5020.25", "POINTnone5"]
    )
    expect(page.get_by_role("button", name="Start import")).to_have_count(0)

    page.get_by_role("link", name="Choose another file").click()
    page.get_by_text("Control totals", exact=True).click()
    page.get_by_label("Unit").select_option("CASH/USD")
    page.get_by_label("Total paid").fill("20.25")
    page.get_by_role("button", name="Add unit").click()
    page.get_by_label("Unit").nth(1).select_option("POINT")
    page.get_by_label("Total paid").nth(1).fill("5")
    page.get_by_label("Choose file").set_input_files(file)
    expect(page.get_by_label("Paid in CASH/USD")).to_have_value("20.25")
    expect(page.get_by_role("table", name="Comparison with the file").get_by_text("Matches")).to_have_count(2)
    page.get_by_role("button", name="Start import").click()
    confirm(page, "Start import")
    expect(page.get_by_text("checked against control totals: 20.25 CASH/USD, 5 POINT.")).to_be_visible()
    done = [each for each in service.imports() if each["fileName"] == "totals.csv" and not each["dryRun"]]
    assert [each["expected"]["requested"] for each in done] == [{"CASH/USD": 2025, "POINT": 5}]
    assert page.faults == []


def test_the_amounts_of_a_load_are_not_shown_as_redeemed(harness, service):
    (load,) = [each for each in service.imports() if each["type"] == "REWARD"]
    page = harness.open(path=f"#/import/{load['id']}")
    table = page.get_by_role("table", name="Amounts by unit")
    expect(table.get_by_role("columnheader")).to_have_text(["Unit", "Assigned in the file", "Rejected"])
    expect(table.get_by_role("row", name="CASH/USD 2,000.00 0.00")).to_be_visible()


def test_a_preview_in_progress_can_be_left_and_cancelled(harness, service, chunks):
    page = harness.open()
    chunks.hold()
    page.goto(f"{harness.address}#/import")
    page.get_by_label("Choose file").set_input_files(
        harness.file("slow.csv", "accountId,userId,unit,valueToRedeem\nslow,ann,POINT,7\n")
    )
    expect(page.get_by_text("You can leave this page; find the preview under Imports.")).to_be_visible()
    expect(page.get_by_text("0 of 1 row")).to_be_visible()
    page.get_by_role("button", name="Cancel preview").click()
    expect(page.get_by_text("Cancelling…")).to_be_visible()
    chunks.let_go()
    expect(page.get_by_text("The preview was cancelled. Nothing was redeemed.")).to_be_visible()
    expect(page.get_by_role("button", name="Start import")).to_have_count(0)
    (record,) = [each for each in service.imports() if each["fileName"] == "slow.csv"]
    assert (record["dryRun"], record["status"]) == (True, "CANCELLED")


def test_a_running_import_says_that_one_can_leave_and_that_an_email_follows(harness, service):
    page = harness.open(path=f"#/import/{order_import(service, 'leave.csv')}")
    expect(page.get_by_text("You can leave this page; we'll email you when it's done.")).to_be_visible()


def test_a_preview_made_in_the_console_sends_no_email(harness, service):
    before = len(service.local.aws.outbox())
    page = harness.open()
    preview(page, harness.file("quiet.csv", "accountId,userId,unit,valueToRedeem\nslow,ann,POINT,1\n"))
    assert figures(page)["to redeem"] == "1"
    (record,) = [each for each in service.imports() if each["fileName"] == "quiet.csv"]
    assert (record["dryRun"], record["status"]) == (True, "COMPLETED")
    assert len(service.local.aws.outbox()) == before


def test_balances_are_read_again_after_an_import_into_which_its_preview_is_folded(harness):
    page = harness.open()
    button = page.get_by_role("button", name=re.compile("Refresh|Calculate totals"))
    button.click()
    row = page.get_by_role("table", name="Available balances by unit").get_by_role(
        "row", name=re.compile("^GIFT")
    )
    expect(row).to_contain_text("10")
    preview(page, harness.file("stale.csv", "accountId,userId,unit,valueToRedeem\nstale,ann,GIFT,4\n"))
    page.get_by_role("button", name="Start import").click()
    confirm(page, "Start import")
    expect(page.get_by_role("heading", name="Completed", exact=True)).to_be_visible()
    page.get_by_role("link", name="Home", exact=True).click()
    expect(row).to_contain_text("6")

    page.get_by_role("link", name="Imports", exact=True).click()
    expect(page.get_by_role("link", name="stale.csv", exact=True)).to_have_count(1)
    page.get_by_role("link", name="Preview of stale.csv").click()
    expect(page.get_by_text("This preview was started")).to_be_visible()
    page.get_by_role("link", name="Show the import").click()
    expect(page.get_by_role("heading", name="Completed", exact=True)).to_be_visible()


def test_an_email_link_opens_the_page_of_its_report(harness, service):
    order = {"type": "REDEEMABLE_REWARD_BALANCE", "name": "Linked report"}
    made = service.call("POST", "/export", order).json["id"]
    mail = service.mail_about("Linked report")
    (link,) = re.findall(rf"\S+#/reports/{made}", mail.text)
    page = harness.open(path=link.removeprefix(harness.address))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Linked report")
    expect(page.get_by_role("table", name="Available by unit")).to_be_visible()
    expect(page.get_by_role("button", name="Download")).to_be_visible()


def test_a_user_sets_up_and_turns_off_a_second_factor(harness, service):
    service.local.users.add("tom@example.com", "viewers")
    page = harness.arrive()
    harness.sign_in(page, "tom@example.com")
    page.get_by_role("link", name="Sign-in security of tom@example.com").click()
    page.get_by_role("button", name="Set up authenticator app").click()
    secret = page.locator(".secret code").inner_text().replace(" ", "")
    link = page.get_by_role("link", name="Open in an authenticator app")
    expect(link).to_have_attribute(
        "href", f"otpauth://totp/Reward%20balances%3Atom%40example.com?secret={secret}&issuer=Reward+balances"
    )
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_text("The code is wrong.")).to_be_visible()
    page.get_by_label("Code").fill(one_time_code(secret))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_text("The second factor is on.")).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    harness.sign_in(page, "tom@example.com")
    page.get_by_label("Code").fill(one_time_code(secret))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Sign-in security of tom@example.com").click()
    page.get_by_role("button", name="Turn off").click()
    confirm(page, "Turn off")
    expect(page.get_by_text("The second factor is off.")).to_be_visible()


def test_a_user_who_must_have_a_second_factor_sets_it_up_at_the_sign_in(harness, service):
    """The emulator never asks for it, so the response to the password is the one that AWS documents."""
    service.local.users.add("uma@example.com", "viewers")
    page = harness.arrive()
    asked = []

    def answer(route):
        action = route.request.headers["x-amz-target"].rpartition(".")[2]
        body = json.loads(route.request.post_data)
        asked.append(action)
        if body.get("ChallengeName") != "PASSWORD_VERIFIER":
            return route.continue_()
        challenge = {
            "ChallengeName": "MFA_SETUP",
            "Session": "session-of-the-password",
            "ChallengeParameters": {
                "MFAS_CAN_SETUP": '["SOFTWARE_TOKEN_MFA"]',
                "USER_ID_FOR_SRP": body["ChallengeResponses"]["USERNAME"],
            },
        }
        return route.fulfill(json=challenge, headers={"Access-Control-Allow-Origin": "*"})

    page.route(f"{service.local.aws.endpoint}/", answer)
    harness.sign_in(page, "uma@example.com")
    expect(page.get_by_role("heading", name="Set up authenticator app")).to_be_visible()
    secret = page.locator(".secret code").inner_text().replace(" ", "")
    expect(page.get_by_role("link", name="Open in an authenticator app")).to_have_attribute(
        "href", f"otpauth://totp/Reward%20balances%3Auma%40example.com?secret={secret}&issuer=Reward+balances"
    )
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("code is wrong")
    page.get_by_label("Code").fill(one_time_code(secret))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Read-only", exact=True)).to_be_visible()
    assert asked == [
        *("InitiateAuth", "RespondToAuthChallenge", "AssociateSoftwareToken"),
        *("VerifySoftwareToken", "VerifySoftwareToken", "RespondToAuthChallenge"),
    ]


def test_an_administrator_creates_a_key_that_is_shown_once_and_revokes_it(harness, service):
    page = harness.open("administrator")
    page.get_by_role("link", name="Settings", exact=True).click()
    page.get_by_role("link", name="API keys", exact=True).click()
    expect(page.get_by_role("link", name="Settings", exact=True).first).to_have_attribute(
        "aria-current", "page"
    )
    page.get_by_label("Name").fill("payroll")
    page.get_by_role("checkbox", name="Write").check()
    page.get_by_role("button", name="Create key").click()
    key = page.locator(".secret code").inner_text()
    assert service.call("GET", "/units", key=key).status == 200
    row = page.get_by_role("row", name=re.compile("payroll"))
    expect(row).to_contain_text("read, write")
    expect(row).to_contain_text("administrator@example.com")
    page.reload()
    expect(row).to_be_visible()
    expect(page.get_by_text(key)).to_have_count(0)
    row.get_by_role("button", name="Revoke").click()
    confirm(page, "Revoke key")
    expect(row).to_contain_text("Revoked")
    assert service.call("GET", "/units", key=key).status == 401
    assert page.faults == []


def test_a_name_that_is_not_possible_is_rejected_with_words(harness):
    page = harness.open("administrator", path="#/keys")
    page.get_by_label("Name").fill("ann@example.com")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_role("dialog")).to_contain_text("must match the pattern")


def test_an_administrator_searches_the_audit_log_and_downloads_what_was_found(harness, service):
    made = service.call("POST", "/export", {"type": "REWARD", "name": "Audited"}).json
    page = harness.open("administrator", path="#/settings")
    page.get_by_role("link", name="Audit log", exact=True).click()
    table = page.get_by_role("table", name="Entries of the audit log, newest first")
    expect(table).to_be_visible()
    page.get_by_label("Object").fill(f"export/{made['id']}")
    page.get_by_label("Action").select_option(label="Report requested")
    page.get_by_role("button", name="Apply filters").click()
    expect(table.get_by_role("row")).to_have_count(2)
    expect(table.get_by_role("row").nth(1)).to_contain_text("Report requested")
    assert f"object=export%2F{made['id']}" in page.url
    page.reload()
    expect(page.get_by_label("Object")).to_have_value(f"export/{made['id']}")
    with page.expect_download() as found:
        page.get_by_role("button", name="Download as CSV").click()
    lines = found.value.path().read_text("utf-8-sig").splitlines()
    assert lines[0] == '"date","actor","action","object","details","id"'
    assert [line.split('","')[1:4] for line in lines[1:]] == [
        ["API", "EXPORT_REQUESTED", f"export/{made['id']}"]
    ]
    for size in (NARROW, ZOOMED):
        assert not sideways(page, size)
    page.get_by_label("Who").fill("nobody@example.com")
    page.get_by_role("button", name="Apply filters").click()
    expect(page.get_by_text("Nothing matches these filters.")).to_be_visible()
    assert page.faults == []


def test_a_report_has_a_timeline_for_everybody(harness, service):
    made = service.call("POST", "/export", {"type": "REWARD", "name": "With a timeline"}).json
    service.wait(lambda: service.call("GET", f"/export/{made['id']}").json["status"] == "COMPLETED")
    for user, word in (("operator", "Completed"), ("administrator", "Report created")):
        page = harness.open(user, path=f"#/reports/{made['id']}")
        timeline = page.get_by_role("region", name="Timeline")
        expect(timeline).to_contain_text(word)
        expect(timeline.get_by_role("listitem")).to_have_count(2)


def test_only_administrators_find_settings(harness):
    page = harness.open("operator", path="#/keys")
    for path in ("#/keys", "#/audit", "#/settings"):
        page.goto(f"{harness.address}{path}")
        expect(page.get_by_text("Only users in the group “administrators”")).to_be_visible()
    expect(page.get_by_role("link", name="Settings")).to_have_count(0)
    expect(page.get_by_role("link", name="API keys")).to_have_count(0)


def test_the_links_of_an_email_are_revoked_on_the_page_of_the_report(harness, service):
    order = {"type": "REDEEMABLE_REWARD_BALANCE", "name": "Leaked report"}
    made = service.call("POST", "/export", order).json["id"]
    (link,) = re.findall(r"\S+/download/\S+", service.mail_about("Leaked report").text)
    assert service.call("GET", link, key="").status == 303
    page = harness.open(path=f"#/reports/{made}")
    page.get_by_role("button", name="Revoke links").click()
    confirm(page, "Revoke links")
    expect(page.get_by_role("dialog")).to_have_count(0)
    service.wait(lambda: service.call("GET", link, key="").status == 410)
    expect(page.get_by_role("button", name="Download")).to_be_visible()


def test_shares_have_one_format(harness):
    page = harness.open()
    changed(
        page,
        "/balance/overview$",
        lambda found: found.update(
            status="READY",
            asOf=4102444800000,
            units=[
                {"unit": unit, "decimals": 0, "participants": 1, "available": 1000, "expiring": expiring}
                for unit, expiring in (("A", 0), ("B", 5), ("C", 123), ("D", 1000))
            ],
        ),
    )
    page.goto("about:blank")
    page.goto(harness.address)
    expect(page.locator(".percent")).to_have_text(["0.0%", "0.5%", "12.3%", "100.0%"])


def test_a_report_with_filters_is_created_filled_in_and_says_its_filters(harness, service):
    people = (
        "id,type,unit,assignedCredit,user.id,user.accountId,dateExpires,user.segments,user.dateBlocked\n"
        'seg-1,CREDIT,CASH/CHF,2500,ann,seg,2099-01-01,"vip, eu",\n'
        "seg-2,CREDIT,CASH/CHF,2499,bob,seg,2099-01-01,vip,\n"
        "seg-3,CREDIT,CASH/CHF,9900,cid,seg,2099-01-01,other,\n"
        "seg-4,CREDIT,CASH/CHF,9900,dee,seg,2099-01-01,vip,2026-01-01\n"
        "seg-5,CREDIT,CASH/CHF,700,ann,seg,2030-01-01,,\n"
    )
    service.upload("rewards/segments.csv", people)
    page = harness.open(path="#/reports")
    page.get_by_role("radio", name="CSV").check()
    page.get_by_text("More filters").click()
    expect(page.get_by_label("Minimum value")).to_be_disabled()
    page.get_by_label("Unit", exact=True).select_option("CASH/CHF")
    expect(page.get_by_label("Minimum value")).to_have_accessible_description("In CASH/CHF.")
    page.get_by_label("Minimum value").fill("25.00")
    page.get_by_label("Available until").fill("2031-01-01")
    page.get_by_label("Segments").fill("vip, staff")
    page.get_by_label("Leave out blocked participants").check()
    page.get_by_label("Fill in valueToRedeem").check()
    page.get_by_label("Name").fill("Filtered")
    page.get_by_role("button", name="Create report").click()
    row = page.get_by_role("row", name=re.compile("Filtered.* Completed"))
    expect(row).to_contain_text("CASH/CHF · at least 25.00 CASH/CHF · without what expires before 1 Jan 2031")
    expect(row).to_contain_text(
        "without blocked participants · segments vip, staff · valueToRedeem filled in"
    )
    file = harness.saved(page, row.get_by_role("button", name="Download"))
    (found,) = csv.DictReader(file.open(encoding="utf-8-sig"))
    assert (found["userId"], found["availableValue"], found["valueToRedeem"]) == ("ann", "25.00", "25.00")
    page.get_by_role("link", name="Filtered").click()
    expect(page.get_by_text("at least 25.00 CASH/CHF")).to_be_visible()
    assert page.faults == []


def test_only_the_report_that_people_fill_in_has_their_filters(harness):
    page = harness.open(path="#/reports")
    fill_in = page.get_by_label("Fill in valueToRedeem")
    fill_in.check()
    page.get_by_role("radio", name="Reward details").check()
    expect(fill_in).to_be_hidden()
    page.get_by_label("Name").fill("Details without filters")
    page.get_by_role("button", name="Create report").click()
    expect(page.get_by_role("row", name=re.compile("Details without filters.* Completed"))).to_be_visible()


def test_the_list_of_imports_is_filtered_and_the_address_keeps_the_filters(harness, service):
    for name in ("Sought one.csv", "sought two.csv", "other.csv"):
        order_import(service, name)
    cancelled = order_import(service, "sought three.csv")
    service.call("POST", f"/import/{cancelled}/cancel")
    page = harness.open(path="#/imports")
    files = (
        page.get_by_role("table", name="Imports, newest first").get_by_role("rowheader").get_by_role("link")
    )
    page.get_by_label("Search").fill("SOUGHT")
    page.get_by_label("Status").select_option("Waiting for upload")
    page.get_by_role("button", name="Apply filters").click()
    expect(files).to_have_text(["sought two.csv", "Sought one.csv"])
    assert page.url.endswith("#/imports?query=SOUGHT&status=PENDING")
    page.reload()
    expect(files).to_have_text(["sought two.csv", "Sought one.csv"])
    expect(page.get_by_label("Search")).to_have_value("SOUGHT")

    page.get_by_text("More filters").click()
    page.get_by_label("To", exact=True).fill("2020-01-31")
    page.get_by_role("button", name="Apply filters").click()
    expect(page.get_by_text("No import matches")).to_be_visible()
    expect(page.get_by_label("To", exact=True)).to_be_visible()
    page.get_by_role("link", name="Clear filters").first.click()
    expect(page.get_by_role("link", name="other.csv")).to_be_visible()
    assert page.url.endswith("#/imports")
    page.go_back()
    expect(page.get_by_text("No import matches")).to_be_visible()
    assert page.faults == []


def test_a_search_that_did_not_read_all_imports_says_so(harness):
    page = harness.open(path="#/participants")
    changed(page, r"/import/history/list\?.*query=", lambda found: found.update(searchedSince=1795292040000))
    page.goto(f"{harness.address}#/imports?query=csv")
    expect(page.get_by_text("Older imports were not searched")).to_be_visible()


def test_home_shows_what_needs_attention_and_what_was_last(harness, service):
    page = harness.open(path="#/participants")
    attention = page.get_by_role("region", name="Needs attention")
    body = b"accountId,userId,unit,valueToRedeem\nslow,ann,POINT,9999\n"
    failed = service.upload("redemptions/too much.csv", body)
    stalled = {"since": failed["dateCreated"], "reason": "1 of 1 rows have no result yet."}
    waiting = {
        **failed,
        "id": "06h0000000000000",
        "fileName": "approve me.csv",
        "status": "AWAITING_APPROVAL",
    }

    def stall(found):
        for each in found["data"]:
            if each["id"] != failed["id"]:
                each["stalled"] = stalled if each["fileName"] == "rewards.csv" else None

    changed(page, r"/import/history/list\?limit=50", stall)
    changed(
        page,
        "status=AWAITING_APPROVAL",
        lambda found: found.update(data=[waiting], count=1, totalCount=3),
    )
    page.goto(f"{harness.address}#/")
    expect(attention).to_contain_text("3 imports waiting for approval")
    expect(attention.get_by_role("link", name="approve me.csv")).to_be_visible()
    expect(attention.get_by_role("listitem").filter(has_text="too much.csv")).to_contain_text(
        re.compile("Completed with errors.* · 1 row with errors")
    )
    expect(attention.get_by_role("listitem").filter(has_text="rewards.csv").first).to_contain_text("Stopped")
    lists = page.get_by_role("region", name=re.compile("Last (imports|reports)")).get_by_role("table")
    expect(lists).to_have_count(2)
    expect(page.get_by_role("link", name="Create report", exact=True)).to_be_visible()
    for size in (NARROW, ZOOMED):
        assert not sideways(page, size)
    attention.get_by_role("link", name="2 more").click()
    expect(page.get_by_label("Status")).to_have_value("AWAITING_APPROVAL")
    assert page.faults == []


def test_home_says_that_nothing_needs_attention(harness):
    page = harness.open(path="#/participants")
    changed(page, r"/import/history/list\?limit=50", lambda found: found.update(data=[]))
    page.goto(f"{harness.address}#/")
    expect(page.get_by_text("Nothing needs your attention.")).to_be_visible()
    expect(page.get_by_text("No imports yet.")).to_be_visible()
