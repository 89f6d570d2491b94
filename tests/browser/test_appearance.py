"""Every page in light and dark, wide and narrow: axe finds nothing, nothing scrolls sideways.

The pictures in docs/images are taken on the way, when `make pictures` asks for them.
"""

import io
import os
import random
import time
from pathlib import Path

import pandas as pd
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect

from infra.local.users import PASSWORD
from tests.browser.conftest import NARROW, WIDE, ZOOMED

DAY = 86_400_000
IMAGES = Path(__file__).parents[2] / "docs" / "images"
# Those that the documents show.
PICTURES = {
    "console-approval-dark",
    "console-approval-light",
    "console-approval-light-narrow",
    "console-audit-dark",
    "console-audit-light",
    "console-audit-light-narrow",
    "console-home-light",
    "console-home-light-narrow",
    "console-confirm-light",
    "console-imports-light",
    "console-preview-dark",
    "console-preview-light",
    "console-preview-light-narrow",
    "console-preview-totals-dark",
    "console-preview-totals-light",
    "console-reports-dark",
    "console-result-light",
    "console-sign-in-dark-narrow",
}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast"]
SIZES = ["target-size", "scrollable-region-focusable", "label-content-name-mismatch"]


def rewards():
    """Some hundred rewards as a referral program gives them, the same at every run but for today's date."""
    chance, now = random.Random(8), time.time_ns() // 1_000_000
    yield "id,type,unit,assignedCredit,user.id,user.accountId,dateGiven,dateExpires,name,programId"
    for number in range(180):
        unit = chance.choice(["CASH/USD", "CASH/USD", "CASH/EUR", "POINT", "freemonth"])
        for nth in range(1 + number % 3):
            credits = chance.randint(1, 6) if unit == "freemonth" else chance.randint(5, 90) * 125
            given = now - chance.randint(3, 200) * DAY
            expires = chance.choice(
                ["", now + chance.randint(2, 29) * DAY, now + chance.randint(60, 300) * DAY]
            )
            name = chance.choice(["Friend referred", "Birthday", "Welcome", "Loyalty bonus"])
            yield (
                f"rw-{number:03d}{nth},CREDIT,{unit},{credits},customer-{number:03d},acme-{number % 20:02d},"
                f"{given},{expires},{name},refer-a-friend"
            )


class Eye:
    """Looks at a page in all its looks."""

    def __init__(self, page):
        self.page = page
        self.found = []

    def look(self, name, narrow=True):
        """Check what is shown now; `narrow` also on a telephone."""
        page = self.page
        expect(page.locator(".loading")).to_have_count(0)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            # Of the structure, dark and narrow say the same as light and wide.
            self.axe(f"{name} {scheme}", RULES if scheme == "light" else COLOURS)
            self.picture(f"console-{name}-{scheme}")
            if narrow:
                for size in (ZOOMED, NARROW):
                    page.set_viewport_size(size)
                    self.fits(f"{name} {size['width']}")
                if scheme == "light":
                    self.axe(f"{name} narrow", SIZES)
                self.picture(f"console-{name}-{scheme}-narrow")
                page.set_viewport_size(WIDE)

    def fits(self, place):
        """Nothing scrolls sideways, neither the page nor anything in it, and no text is cut."""
        script = """() => [document.documentElement, ...document.querySelectorAll("main *, dialog, dialog *")]
            .filter(each => each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 1
                && (each === document.documentElement || getComputedStyle(each).overflowX !== "visible"))
            .filter(each => !each.matches("input, select, .unseen, caption"))
            .map(each => each.outerHTML.slice(0, 120))"""
        wide = self.page.evaluate(script)
        assert wide == [], f"{place} scrolls sideways: {wide}"

    def axe(self, place, rules):
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(Axe().axe_script)
        options = {"runOnly": rules, "resultTypes": ["violations"]}
        response = self.page.evaluate("options => axe.run(document, options)", options)
        for each in response["violations"]:
            nodes = [node["html"][:160] for node in each["nodes"][:3]]
            self.found.append((place, each["id"], each["help"], nodes))

    def picture(self, name):
        folder = os.environ.get("PICTURES")
        if not folder or name not in PICTURES:
            return
        shot = self.page.screenshot(full_page=not self.page.locator("dialog").count())
        with Image.open(io.BytesIO(shot)) as shown:
            few = shown.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(Path(folder, f"{name}.png"), optimize=True)


def payout(path):
    """The report with everything paid, but for what goes wrong in every payout."""
    sheet = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    sheet["valueToRedeem"] = sheet["availableValue"]
    sheet.loc[3:9, "valueToRedeem"] = "0"
    sheet.loc[12, "valueToRedeem"] = "12.5O"
    sheet.loc[20, "valueToRedeem"] = "-5"
    sheet.loc[31, "valueToRedeem"] = sheet.loc[31, "availableValue"] + "0000"
    sheet.loc[40, "userId"] = "customer-999"
    out = path.with_name("november-payout.csv")
    sheet.to_csv(out, index=False)
    return out


def test_every_page_is_accessible_and_fits_in_light_and_dark_wide_and_narrow(harness, service):
    service.upload("rewards/rewards.csv", "\n".join(rewards()))
    page = harness.arrive()
    eye = Eye(page)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    eye.look("sign-in")
    harness.sign_in(page, service.local.users.somebody("operator"))

    expect(page.get_by_text("No totals yet")).to_be_visible()
    page.get_by_role("button", name="Calculate totals").click()
    expect(page.get_by_text("As of")).to_be_visible()
    expect(page.get_by_role("heading", name="Last reports")).to_be_visible()
    eye.look("home")
    page.get_by_role("link", name="Participants", exact=True).click()
    eye.look("participants")
    page.get_by_label("Account id").fill("acme-14")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("table", name="Participants of the account")).to_be_visible()
    eye.look("account")
    page.get_by_role("link", name="customer-014").click()
    expect(page.get_by_role("heading", name="Redemptions")).to_be_visible()
    eye.look("participant")

    page.get_by_role("link", name="Reports", exact=True).click()
    for kind in ("CSV", "Excel workbook"):
        page.get_by_role("radio", name=kind).check()
        page.get_by_label("Name").fill("November payout")
        page.get_by_role("button", name="Create report").click()
        expect(page.get_by_label("Name")).to_have_value("")
    expect(page.get_by_role("button", name="Download")).to_have_count(2)
    report = harness.saved(page, page.get_by_role("button", name="Download").last)
    page.get_by_text("More filters").click()
    eye.look("reports")
    page.get_by_role("link", name="November payout").first.click()
    expect(page.get_by_role("heading", name="File")).to_be_visible()
    eye.look("report")

    page.get_by_role("link", name="Imports", exact=True).click()
    page.get_by_role("link", name="Import file").click()
    expect(page.get_by_text("rewards.csv")).to_be_visible()
    page.get_by_text("Control totals", exact=True).click()
    expect(page.get_by_label("Total paid")).to_be_visible()
    eye.look("import")
    page.get_by_label("Choose file").set_input_files(payout(report))
    expect(page.get_by_role("heading", name="What would happen")).to_be_visible()
    eye.look("preview")
    page.get_by_text("Control totals", exact=True).click()
    page.get_by_label("Expected rows").fill("1")
    expect(page.get_by_text("The control totals do not match the file.")).to_be_visible()
    eye.look("preview-totals")
    page.get_by_label("Expected rows").fill("")
    page.get_by_role("button", name="Start import").click()
    eye.look("confirm")
    page.get_by_role("dialog").get_by_role("button", name="Start import").click()
    expect(page.get_by_role("heading", name="Completed with errors")).to_be_visible()
    eye.look("result")
    page.get_by_role("link", name="Imports", exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Imports")  # the result had two tables
    expect(page.get_by_role("table")).to_be_visible()
    eye.look("imports")
    page.goto(f"{harness.address}#/imports?type=REWARD")
    expect(page.get_by_label("Type")).to_have_value("REWARD")
    eye.look("imports-filtered")
    page.goto(f"{harness.address}#/nothing-here")
    expect(page.get_by_role("heading", level=1)).to_have_text("Page not found")
    eye.look("unknown")
    page.goto(f"{harness.address}#/security")
    page.get_by_role("button", name="Set up authenticator app").click()
    expect(page.get_by_label("Code")).to_be_visible()
    eye.look("security")
    assert eye.found == []
    assert page.faults == []


def test_settings_are_accessible_and_fit(harness):
    page = harness.open("administrator", path="#/settings")
    eye = Eye(page)
    expect(page.get_by_role("link", name="API keys", exact=True)).to_be_visible()
    eye.look("settings")
    assert eye.found == []


def test_what_a_viewer_sees_is_accessible_too(harness):
    page = harness.open("viewer")
    eye = Eye(page)
    for name in ("Reports", "Imports", "Participants", "Home"):
        page.get_by_role("navigation", name="Pages").get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        eye.look(f"viewer-{name}", narrow=False)
    assert eye.found == []


def test_the_keyboard_alone_is_enough(harness):
    page = harness.arrive()
    email = harness.service.local.users.somebody("operator")
    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type(email)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Home", level=1)).to_be_focused()
    page.reload()
    expect(page.get_by_role("heading", name="Available balances")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Imports", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Imports", level=1)).to_be_focused()
