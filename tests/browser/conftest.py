"""Chromium on the deployed stack: what operators see and do.

Debian's Chromium is driven by Playwright for Python. Without it these tests are skipped, unless
REQUIRE_CHROMIUM is set, as it is where everything is to be tested.
"""

import base64
import hashlib
import json
import os
import shutil
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infra.local import stack
from infra.local.users import PASSWORD
from tests.e2e.conftest import Service, chunks

__all__ = ["chunks"]  # a fixture

try:
    from playwright.sync_api import expect, sync_playwright
except ImportError:  # the fixture below says so
    sync_playwright = None

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
ZOOMED = {"width": 320, "height": 640}  # 1280 pixels at 400 %
WAIT = 60_000  # as patient as the tests of the stack


def pytest_collection_modifyitems(items):
    for item in items:
        if "/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def launch():
    """Starts a Chromium that trusts the stack of this certificate."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    missing = "Playwright" if sync_playwright is None else None if program else "Chromium"
    if missing:
        reason = f"{missing} is not installed: make setup, and apt-get install chromium"
        if os.environ.get("REQUIRE_CHROMIUM"):
            pytest.fail(reason)
        pytest.skip(reason)

    def launched(certificate):
        # Without a sandbox, for root may have none; it shows this stack only.
        trust = f"--ignore-certificate-errors-spki-list={fingerprint(certificate)}"
        return playwright.chromium.launch(executable_path=program, args=["--no-sandbox", trust])

    with sync_playwright() as playwright:
        expect.set_options(timeout=WAIT)
        yield launched


def fingerprint(certificate):
    """What Chromium knows a certificate's key by. Of a site that it does not trust it keeps no file."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    told = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(told).digest()).decode()


@pytest.fixture(scope="module")
def service(launch):
    """A stack for each file of tests: what is ordered or loaded in one, another one would see."""
    with stack.start(enforce_iam=True) as local:
        yield Service(local)


@pytest.fixture(scope="module")
def chromium(launch, service):
    browser = launch(service.local.aws.certificate)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def window(chromium):
    """A window whose tabs share what the browser keeps; who is signed in, each tab knows for itself."""
    context = new_window(chromium)
    yield context
    context.close()


def new_window(chromium):
    return chromium.new_context(
        ignore_https_errors=True,  # for what a test fetches itself
        viewport=WIDE,
        locale="en-GB",
        timezone_id="Europe/Berlin",
        accept_downloads=True,
    )


class Harness:
    """An operator's browser: pages of it, and what is looked at besides."""

    def __init__(self, chromium, window, service, tmp_path):
        self.service = service
        self.folder = tmp_path
        self._chromium = chromium
        self._window = window
        self._opened = []

    @property
    def address(self):
        return self.service.local.outputs["ConsoleUrl"]

    def open(self, role="operator", path="", **where):
        """A new tab at the page, of somebody of this role who signed in a moment ago."""
        page = self.tab(**where)
        page.goto(f"{self.address}nothing")  # of the same origin, whose storage is filled
        page.evaluate("session => sessionStorage.setItem('session', session)", self.session(role))
        return self.arrive(page, path)

    def session(self, role):
        """What the page keeps of somebody who is signed in."""
        local, now = self.service.local, time.time_ns() // 1_000_000
        found = local.users.sign_in(local.users.somebody(role))
        return json.dumps({"id": found.id, "refresh": found.refresh, "made": now, "expires": now + 3_600_000})

    def arrive(self, page=None, path=""):
        """A tab at the page, a new one unless told, where nobody signed in."""
        page = page or self.tab()
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda said: page.faults.append(said.text) if said.type == "error" else None)
        page.goto(self.address + path)
        return page

    def tab(self, apart=False):
        """A new tab; `apart` in a window of its own, whose clock may be turned."""
        window = new_window(self._chromium) if apart else self._window
        page = window.new_page()
        page.set_default_timeout(WAIT)
        self._opened.append(window if apart else page)
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
        for each in self._opened:
            each.close()


@pytest.fixture
def harness(chromium, window, service, tmp_path):
    found = Harness(chromium, window, service, tmp_path)
    yield found
    found.close()
