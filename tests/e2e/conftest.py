"""The built template, deployed once a test process on a local stack of its own."""

import base64
import io
import json
import re
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

import pandas as pd
import pytest

from infra.local import stack

WAIT_SECONDS = 60.0


def pytest_collection_modifyitems(items):
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker(pytest.mark.e2e)


@dataclass(frozen=True)
class RowResult:
    """What the API answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Service:
    """The service as its users reach it: a bucket, an address, a mailbox."""

    def __init__(self, local: stack.Stack) -> None:
        self.local = local
        self.s3 = local.aws.client("s3")
        self.context = ssl.create_default_context(cafile=local.aws.certificate)

    def call(self, method, path, body=None, key=None, base=None, **headers):
        """A request to the API, with the API key unless another one is given ("" for none)."""
        key = self.local.api_key if key is None else key
        if key:
            headers["Authorization"] = "Basic " + base64.b64encode(f"any:{key}".encode()).decode()
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        url = path if path.startswith("http") else (base or self.local.api) + path
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            https = urllib.request.HTTPSHandler(context=self.context)
            with urllib.request.build_opener(_NoRedirect, https).open(request, timeout=30) as response:
                return RowResult(response.status, dict(response.headers), response.read())
        except urllib.error.HTTPError as error:
            return RowResult(error.code, dict(error.headers), error.read())

    def upload(self, key, body, **metadata):
        """Drop a file into the upload bucket; the finished import's record."""
        known = {each["id"] for each in self.imports()}
        body = body.encode() if isinstance(body, str) else body
        self.s3.put_object(Bucket=self.local.upload_bucket, Key=key, Body=body, Metadata=metadata)
        (new,) = self.wait(lambda: [each["id"] for each in self.imports() if each["id"] not in known])
        return self.wait(lambda: self.ended(f"/import/{new}"))

    def imports(self):
        return self.call("GET", "/import/history/list?limit=100").json["data"]

    def ended(self, path):
        record = self.call("GET", path).json
        return record if record["status"] not in ("PENDING", "VALIDATING", "PROCESSING") else None

    def mail_about(self, text):
        """The email that says this, once it has come."""
        return self.wait(lambda: next((mail for mail in self.local.aws.outbox() if text in mail.text), None))

    def wait(self, condition, seconds=WAIT_SECONDS):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = condition()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"not in {seconds} s; the log ends:\n{self.local.aws.log()[-3000:]}")

    def open_link(self, url):
        """Follow a link from an email, as a browser without any password does."""
        with urllib.request.urlopen(url, timeout=30, context=self.context) as response:
            return response.read()

    def csv_behind(self, url):
        content = io.BytesIO(self.open_link(url))
        return pd.read_csv(content, dtype=str, keep_default_na=False, encoding="utf-8-sig")


class Chunks:
    """The chunks of what runs now, kept from their workers until they are let go."""

    def __init__(self, service):
        self.service = service
        self._lambda, self._sqs = service.local.aws.client("lambda"), service.local.aws.client("sqs")
        self._queue = service.local.resources["RedemptionQueue"]
        function = service.local.resources["RedeemFunction"]
        (found,) = self._lambda.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
        self._workers = found["UUID"]
        self._held = []

    def hold(self):
        self._lambda.update_event_source_mapping(UUID=self._workers, Enabled=False)

    def take(self, number):
        """Wait until so many are there."""

        def taken():
            given = {"QueueUrl": self._queue, "MaxNumberOfMessages": 10, "VisibilityTimeout": 600}
            self._held += self._sqs.receive_message(**given).get("Messages", [])
            return len(self._held) == number

        self.service.wait(taken)

    def lose(self):
        """Delete those that were taken."""
        for each in self._held:
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=each["ReceiptHandle"])
        self._held.clear()

    def let_go(self, text=""):
        """Give the workers those chunks in which this stands."""
        for each in [each for each in self._held if text in each["Body"]]:
            self._held.remove(each)
            handle = each["ReceiptHandle"]
            self._sqs.change_message_visibility(
                QueueUrl=self._queue, ReceiptHandle=handle, VisibilityTimeout=0
            )
        self._lambda.update_event_source_mapping(UUID=self._workers, Enabled=True)


def links(mail):
    return re.findall(r"https?://\S+/download/\S+", mail.text)


@pytest.fixture(scope="module")
def service():
    """Every function may do what its role in the template says, and nothing more."""
    with stack.start(enforce_iam=True) as local:
        yield Service(local)


@pytest.fixture
def chunks(service):
    found = Chunks(service)
    yield found
    found.let_go()
