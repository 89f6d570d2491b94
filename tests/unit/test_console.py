"""The function that serves the operators' page: what a browser gets, and under which rules."""

import base64
import gzip
import html
import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "functions" / "console" / "page"
SETTINGS = {
    "TENANT_ALIAS": "default",
    "USER_POOL_ID": "eu-central-1_AbC",
    "USER_POOL_CLIENT_ID": "client",
    "REQUIRE_MFA": "false",
    "COGNITO_URL": "https://cognito-idp.eu-central-1.amazonaws.com",
    "UPLOAD_URL": "https://uploads.s3.eu-central-1.amazonaws.com",
}


@pytest.fixture
def app(monkeypatch):
    """The function's module, new, as on AWS."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("console_app", ROOT / "functions" / "console" / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def get(app):
    def ask(path="/", method="GET", **headers):
        event = json.loads((ROOT / "events" / "console-get.json").read_text())
        event["rawPath"] = path
        event["requestContext"]["http"]["method"] = method
        event["headers"] = {name.replace("_", "-"): value for name, value in headers.items()}
        return app.handler(event, None)

    return ask


def content(response):
    assert response["isBase64Encoded"]
    body = base64.b64decode(response["body"])
    return gzip.decompress(body) if response["headers"].get("Content-Encoding") == "gzip" else body


def named(app, name):
    return f"/v/{app.version()}/{name}"


def test_the_page_tells_its_script_which_stack_it_belongs_to(get):
    page = content(get()).decode()
    stack = json.loads(html.unescape(re.search(r'name="stack" content="([^"]*)"', page)[1]))
    assert stack == {
        "tenant": "default",
        "cognito": SETTINGS["COGNITO_URL"],
        "pool": SETTINGS["USER_POOL_ID"],
        "client": "client",
        "requiresMfa": False,
    }


def test_every_address_in_the_page_is_relative_and_answered(app, get):
    page = content(get()).decode()
    addresses = re.findall(r'(?:href|src)="([^"#]+)"', page)
    assert len(addresses) > 10
    for address in addresses:
        assert not address.startswith(("/", "http"))
        assert get(f"/{address}")["statusCode"] == 200


def test_the_browser_learns_of_every_module_at_once(app, get):
    page = content(get()).decode()
    for module in PAGE.glob("*.js"):
        assert f"/{module.name}" in page, "it would be found only when another one is read"


def test_modules_import_what_exists(get):
    for module in PAGE.glob("*.js"):
        for name in re.findall(r'from "\./([^"]+)"', module.read_text()):
            assert (PAGE / name).exists(), (module.name, name)


def test_the_policy_lets_the_page_reach_the_api_the_pool_and_the_uploads_only(get):
    policy = dict(part.split(" ", 1) for part in get()["headers"]["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"] == f"'self' {SETTINGS['COGNITO_URL']} {SETTINGS['UPLOAD_URL']}"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"


@pytest.mark.parametrize("path", ["/", "/nowhere", "/v/old/main.js", "/v/../app.py"])
def test_every_answer_carries_the_same_protection(get, path):
    headers = get(path)["headers"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "max-age" in headers["Strict-Transport-Security"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_nothing_of_the_page_needs_an_inline_script_or_style():
    for path in PAGE.iterdir():
        text = path.read_text()
        assert "innerHTML" not in text
        assert not re.search(r"<style|style=|\son\w+=|javascript:|https?://(?!www\.w3\.org)", text), path.name


def test_a_file_is_kept_for_good_under_a_name_that_changes_with_it(app, get, tmp_path, monkeypatch):
    assert "immutable" in get(named(app, "main.js"))["headers"]["Cache-Control"]
    assert get()["headers"]["Cache-Control"] == "no-cache"
    before = app.version()
    (tmp_path / "main.js").write_text("other")
    monkeypatch.setattr(app, "PAGE", tmp_path)
    app.version.cache_clear()
    assert app.version() != before


def test_what_has_not_changed_is_not_sent_again(get):
    tag = get()["headers"]["ETag"]
    again = get(if_none_match=tag)
    assert (again["statusCode"], again.get("body")) == (304, None)


def test_a_browser_that_unpacks_gets_it_packed(app, get):
    plain, packed = get(named(app, "style.css")), get(named(app, "style.css"), accept_encoding="gzip, br")
    assert len(packed["body"]) < len(plain["body"]) / 2
    assert content(packed) == content(plain)
    assert packed["headers"]["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("path", ["/nowhere", "/main.js", "/v/old/main.js", "/app.py", "/page/index.html"])
def test_there_is_nothing_else(get, path):
    assert get(path)["statusCode"] == 404


def test_a_name_out_of_the_folder_is_no_file(app, get):
    assert get(named(app, "../app.py"))["statusCode"] == 404
    assert get(named(app, "%2e%2e/app.py"))["statusCode"] == 404


def test_it_is_read_only(get):
    assert get(method="POST")["statusCode"] == 405


def test_on_the_local_stack_all_of_aws_is_at_one_address(app, get, monkeypatch):
    monkeypatch.setenv("COGNITO_URL", "https://127.0.0.1:4566")
    monkeypatch.setenv("UPLOAD_URL", "https://127.0.0.1:4566")
    response = get()
    assert "connect-src 'self' https://127.0.0.1:4566;" in response["headers"]["Content-Security-Policy"]
    assert "https://127.0.0.1:4566" in content(response).decode()
