"""Chromium on the deployed stack: what operators see and do.

Debian's Chromium is driven by Playwright for Python. Without it these tests are skipped, unless
REQUIRE_CHROMIUM is set, as it is where everything is to be tested.
"""

import os
import shutil

import pytest

from infra.local import stack
from infra.local.users import PASSWORD
from tests.e2e.conftest import Service

try:
    from playwright.sync_api import expect, sync_playwright
except ImportError:  # the fixture below says so
    sync_playwright = None

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
WIDE, NARROW = {"width": 1180, "height": 900}, {"width": 360, "height": 740}
WAIT = 60_000  # as patient as the tests of the stack


def pytest_collection_modifyitems(items):
    for item in items:
        if "/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium():
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    missing = "Playwright" if sync_playwright is None else None if program else "Chromium"
    if missing:
        reason = f"{missing} is not installed: make setup, and apt-get install chromium"
        if os.environ.get("REQUIRE_CHROMIUM"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        # Without a sandbox, for root may have none; it shows this stack only.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        expect.set_options(timeout=WAIT)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def service(chromium):
    """One stack for all tests here, with rewards of two accounts on it."""
    with stack.start(enforce_iam=True) as local:
        yield Service(local)


class Desk:
    """An operator's browser: pages of it, and what is looked at besides."""

    def __init__(self, chromium, service, tmp_path):
        self.service = service
        self.folder = tmp_path
        self._chromium = chromium
        self._contexts = []

    def open(self, role="operator", path="", sign_in=True, **options):
        """A new browser at the page, signed in as somebody of this role."""
        context = self._chromium.new_context(
            ignore_https_errors=True,  # the local stack signs for itself
            viewport=options.pop("viewport", WIDE),
            locale="en-GB",
            timezone_id="Europe/Berlin",
            accept_downloads=True,
            **options,
        )
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda said: page.faults.append(said.text) if said.type == "error" else None)
        page.goto(self.service.local.outputs["ConsoleUrl"] + path)
        if sign_in:
            self.sign_in(page, self.service.local.users.somebody(role))
        return page

    @staticmethod
    def sign_in(page, email, password=PASSWORD):
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def saved(self, page, button):
        """The file that a button downloads."""
        with page.expect_download() as found:
            button.click()
        path = self.folder / found.value.suggested_filename
        found.value.save_as(path)
        return path

    def close(self):
        for context in self._contexts:
            context.close()


@pytest.fixture
def desk(chromium, service, tmp_path):
    found = Desk(chromium, service, tmp_path)
    yield found
    found.close()
