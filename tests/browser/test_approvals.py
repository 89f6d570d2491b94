"""Approving and declining imports in the console, on a stack with a rule."""

import pytest
from playwright.sync_api import expect

from infra.local import stack
from tests.browser.test_appearance import Eye
from tests.browser.test_process import figures
from tests.e2e.conftest import Service

FILE = "accountId,userId,unit,valueToRedeem\nacme,ann,POINT,{}\nacme,,POINT,1\n"


@pytest.fixture(scope="module")
def service(launch):
    with stack.start(parameters={"ApprovalRule": "CASH/USD>1000;POINT>100"}, enforce_iam=True) as local:
        found = Service(local)
        local.users.somebody("operator")
        new = {"unit": "POINT", "assignedCredit": 100_000}
        assert found.call("POST", "/rewards/account/acme/user/ann", new).status == 201
        yield found


def waiting(service, name, value):
    """An import that awaits approval, asked for by the operator."""
    body = FILE.format(value)
    record = service.upload(f"redemptions/{name}.csv", body, email="operator@example.com")
    assert record["status"] == "AWAITING_APPROVAL", record
    return record


def test_an_approver_checks_and_approves_an_import(harness, service):
    record = waiting(service, "approved", 1234)
    assert "Approval requested" in service.mail_about(record["id"]).subject
    page = harness.open("approver")
    queue = page.get_by_role("table", name="Imports waiting for approval")
    expect(queue.get_by_role("link", name="approved.csv")).to_be_visible()
    cells = queue.get_by_role("row").filter(has_text="approved.csv").get_by_role("cell")
    assert [text.split() for text in cells.all_inner_texts()][1:] == [["1,235", "POINT"], ["2"], ["2"]]
    queue.get_by_role("link", name="approved.csv").click()
    expect(page.get_by_role("heading", name="Awaiting approval")).to_be_visible()
    amounts = page.get_by_role("table", name="Amounts by unit")
    expect(amounts.get_by_role("row", name="POINT 1,235")).to_be_visible()
    expect(page.get_by_text("POINT>100")).to_be_visible()
    expect(page.get_by_text("Rows with errors")).to_be_visible()
    saved = harness.saved(page, page.get_by_role("button", name="Download uploaded file"))
    assert saved.read_text() == FILE.format(1234)
    page.get_by_role("button", name="Approve", exact=True).click()
    dialog = page.get_by_role("dialog", name="Approve import?")
    expect(dialog).to_contain_text("1,235")
    dialog.get_by_label("Comment").fill("Agreed with payroll")
    dialog.get_by_role("button", name="Approve import").click()
    expect(page.get_by_role("heading", name="Completed with errors")).to_be_visible()
    expect(page.get_by_text("Approved by approver@example.com")).to_be_visible()
    expect(page.get_by_text("Agreed with payroll", exact=True)).to_be_visible()
    assert figures(page) == {"redeemed": "1", "with errors": "1"}
    assert page.faults == []


def test_an_approver_declines_an_import_with_a_reason(harness, service):
    record = waiting(service, "declined", 500)
    page = harness.open("approver", path=f"#/import/{record['id']}")
    page.get_by_role("button", name="Decline", exact=True).click()
    dialog = page.get_by_role("dialog", name="Decline import?")
    dialog.get_by_role("button", name="Decline import").click()
    expect(dialog.get_by_text("Enter a reason")).to_be_visible()
    dialog.get_by_label("Reason").fill("These are the amounts of October")
    dialog.get_by_role("button", name="Decline import").click()
    expect(page.get_by_text("Declined by approver@example.com")).to_be_visible()
    expect(page.get_by_text("These are the amounts of October", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Download results.csv")).to_have_count(0)
    assert page.faults == []


def test_others_see_why_they_cannot_decide_and_operators_cancel(harness, service):
    record = waiting(service, "cancelled", 600)
    page = harness.open("operator", path="#/imports")
    page.get_by_role("link", name="cancelled.csv").click()
    button = page.get_by_role("button", name="Approve", exact=True)
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(page.get_by_text("Only users in the group “approvers” can approve")).to_be_visible()
    page.get_by_role("button", name="Cancel import").click()
    dialog = page.get_by_role("dialog", name="Cancel import?")
    expect(dialog).to_contain_text("Nothing has been changed yet")
    dialog.get_by_role("button", name="Cancel import").click()
    expect(page.get_by_text("cancelled before it was approved")).to_be_visible()
    assert service.call("GET", f"/import/{record['id']}").json["status"] == "CANCELLED"
    assert page.faults == []


def test_approval_and_audit_log_are_accessible_and_fit(harness, service):
    rows = ["accountId,userId,unit,valueToRedeem", "acme-01,,CASH/USD,12.50"]
    for number in range(14):
        new = {"unit": "CASH/USD", "assignedCredit": 9_000 + 325 * number}
        path = f"/rewards/account/acme-{number % 5:02d}/user/customer-{number:03d}"
        assert service.call("POST", path, new).status == 201
        rows.append(f"acme-{number % 5:02d},customer-{number:03d},CASH/USD,{new['assignedCredit'] / 100:.2f}")
    page = harness.open("operator", path="#/import")
    file = harness.file("november-payout.csv", "\n".join(rows) + "\n")
    page.get_by_label("Choose file").set_input_files(file)
    page.get_by_role("button", name="Start import").click()
    page.get_by_role("dialog").get_by_role("button", name="Start import").click()
    expect(page.get_by_text("Awaiting approval").first).to_be_visible()

    page = harness.open("approver")
    eye = Eye(page)
    expect(page.get_by_role("link", name="november-payout.csv").first).to_be_visible()
    eye.look("home-approvals")
    page.get_by_role("link", name="november-payout.csv").first.click()
    expect(page.get_by_role("heading", name="Awaiting approval")).to_be_visible()
    record = page.url.split("/")[-1]
    eye.look("approval")
    page.get_by_role("button", name="Approve", exact=True).click()
    eye.look("approve")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert eye.found == []
    assert page.faults == []

    page = harness.open("administrator", path=f"#/audit?object=import/{record}")
    eye = Eye(page)
    expect(page.get_by_role("table").get_by_text("Rows checked")).to_be_visible()
    expect(page.get_by_text("1,568.25 CASH/USD")).to_be_visible()
    eye.look("audit")
    assert eye.found == []
    assert page.faults == []
