"""The commands of the Makefile: logs, variables, measurements, chunks that are requeued."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from infra import pins
from infra.audit import __main__ as audit
from infra.local.__main__ import in_order, variables
from infra.requeue_chunks import requeue
from rewards.adapters import queue_messages
from rewards.domain.messages import FinishImport, LoadChunk, RedeemChunk, ReverseChunks
from rewards.domain.result_groups import GROUP_ROWS
from tests.bench import __main__ as measuring
from tests.bench import validate
from tests.bench.budgets import Budget, Million
from tests.bench.imports import CPU_SHARE, Measured, Phase, file_of
from tests.bench.prices import Work

ROOT = Path(__file__).parents[2]


def test_log_lines_of_one_millisecond_keep_their_order():
    written = [
        (2, "api", "START"),
        (2, "api", "hello"),
        (2, "api", "END"),
        (2, "api", "REPORT"),
        (1, "x", "y"),
    ]
    assert in_order(written) == [written[-1], *written[:-1]]


def test_the_local_stack_sets_every_variable_that_the_documents_use():
    outputs = dict.fromkeys(re.findall(r"^  (\w+):$", (ROOT / "infra/template.yaml").read_text(), re.M), "x")
    local = SimpleNamespace(
        api="x",
        api_key="x",
        upload_bucket="x",
        files_bucket="x",
        outputs=outputs,
        aws=SimpleNamespace(endpoint="x"),
    )
    deployment = ROOT / "docs/guides/deployment.md"
    used = set()
    for page in (ROOT / "README.md", *deployment.parent.glob("*.md")):
        text = page.read_text()
        set_there = {} if page == deployment else re.findall(r"^ *([A-Z][A-Z_]+)=", text, re.M)
        used |= set(re.findall(r"\$\{?([A-Z][A-Z_]+)", text)) - {"STACK", "IMPORT_ID", *set_there}
    assert {"API", "KEY", "POOL", "DEAD_LETTER_QUEUE"} <= used
    assert used <= set(variables(local))
    # The same variables for a stack on AWS.
    set_for_aws = set(re.findall(r"^    ([A-Z][A-Z_]+)=", deployment.read_text(), re.M))
    assert {name for name in variables(local) if not name.startswith("AWS_")} <= set_for_aws


class Queue:
    """A dead-letter queue in the place of SQS; a received message is hidden."""

    def __init__(self, *bodies):
        self.visible = [{"Body": body, "ReceiptHandle": str(place)} for place, body in enumerate(bodies)]
        self.calls = []

    def receive_message(self, *, MaxNumberOfMessages, **_):  # noqa: N803 - arguments of boto3
        received, self.visible = self.visible[:MaxNumberOfMessages], self.visible[MaxNumberOfMessages:]
        return {"Messages": received} if received else {}

    def send_message(self, **arguments):
        self.calls.append(("send", arguments["QueueUrl"], arguments["MessageBody"]))

    def delete_message(self, **arguments):
        self.calls.append(("delete", arguments["QueueUrl"], arguments["ReceiptHandle"]))


def test_moves_chunks_only_and_sends_each_before_it_deletes_it():
    chunks = [
        queue_messages.encode(message)
        for message in (RedeemChunk("i", 1, False, ()), LoadChunk("i", 1, ()), ReverseChunks("i", "j", 1, 2))
    ]
    others = [queue_messages.encode(FinishImport("i")), json.dumps({"requestPayload": {}}), "{}"]
    queue = Queue(others[0], *chunks, *others[1:])
    assert requeue(queue, "dead", "redeem") == (3, 3)
    expected = [
        call
        for place, chunk in enumerate(chunks, start=1)
        for call in (("send", "redeem", chunk), ("delete", "dead", str(place)))
    ]
    assert queue.calls == expected


@pytest.mark.parametrize("published", [False, True])
def test_measurements_change_the_page_only_when_they_are_published(published, monkeypatch, tmp_path, capsys):
    page = tmp_path / "performance.md"
    page.write_text("Before.\n<!-- speed -->\nold\n<!-- end -->\nAfter.\n")
    monkeypatch.setattr(measuring, "PAGE", page)
    work = Work(1_000, 1_010, 1_004, 6, 3, 2, 4, 1.0, 1.0, 900, 1)
    phases = {name: Phase(1.0, 0.1, 0.001, 0.0001) for name in ("validate", "send", "redeem", "finish")}
    run = Measured("this service", 1_000, phases, {"dynamodb GetItem": 4}, work)
    for name in ("machine", "throttled", "idle", "speed", "budgets"):
        monkeypatch.setattr(measuring, name, lambda *_, name=name: f"new {name}")
    for name in ("ours", "sample_app", "transactions", "after_redemptions", "loading"):
        monkeypatch.setattr(measuring, name, named(name, lambda *_: run))
    monkeypatch.setattr(measuring, "_report", lambda *_: {})
    for module in (measuring.MiniStack, measuring.waits):
        monkeypatch.setattr(module, "start", lambda: SimpleNamespace(stop=lambda: None))
    monkeypatch.setattr(sys, "argv", ["bench", *["--publish"][: int(published)]])
    measuring.main()
    said = capsys.readouterr()
    assert "new speed" in said.out
    assert "ours, 10,000 rows" in said.err
    table = "\nnew speed\n\n" if published else "old\n"
    assert page.read_text() == f"Before.\n<!-- speed -->\n{table}<!-- end -->\nAfter.\n"


def named(name, function):
    function.__name__ = name
    return function


def test_a_budget_says_whether_it_is_met():
    def row(figures, least=False):
        return Budget("requests", "1", (2, 3), figures, least=least).row()

    assert row((2, 3)) == ("requests", "1", "≤ 2 / ≤ 3", "2 / 3", "met")
    assert row((2, 4))[-1] == "**missed**"
    assert row((2, 4), least=True)[2:] == ("≥ 2 / ≥ 3", "2 / 4", "met")
    assert row((1, 4), least=True)[-1] == "**missed**"


def run_of(rows, **seconds):
    phases = {name: Phase(each, each / 2, each / rows, each / rows / 2) for name, each in seconds.items()}
    return Measured("this service", rows, phases, {}, Work(rows, rows, rows, 0, 0, 0, 0, 0, 0, 0, 0))


def test_the_model_adds_to_a_large_import_what_rows_take_beyond_what_each_import_takes():
    small, large = run_of(1_000, validate=2, finish=1), run_of(11_000, validate=3, finish=1.5, redeem=11)
    model = Million(small, large, write_units=1.0)
    assert model.part("validate", 1_011_000) == pytest.approx(3 + 100)
    assert model.part("finish", 1_011_000) == pytest.approx(1.5 + 50)
    # 40 groups, of which 20 are joined at once.
    ended = 1.5 + 40 / 16 * 0.42
    assert model.finish(40 * GROUP_ROWS) == pytest.approx(2 * model.part("finish", GROUP_ROWS) + ended)
    assert model.redeem(1_000_000, units=1_000) == 1_000  # bound by the table
    # A row takes a worker half a millisecond of waiting, and half of CPU at its share of a core.
    assert model.redeem(1_000_000, units=10**9) == pytest.approx((0.5 + 0.5 / CPU_SHARE) / 20 * 1_000)


@pytest.mark.parametrize(("path", "text"), list(pins.all_pins()), ids=lambda given: str(given)[-40:])
def test_every_dependency_is_pinned_at_the_installed_version(path, text):
    assert path.read_text() == text, "run `make pins` after a change of a requirements file"
    requirements = path.with_name(path.name.replace("constraints", "requirements"))
    assert f"--constraint {path.name}" in requirements.read_text()


def build(function, folder, *settings):
    """Build a function's code as `sam build` does."""
    source = ROOT / "functions" / function
    target = f"build-{function.title()}Function"
    command = ["make", "-f", source / "Makefile", target, f"ARTIFACTS_DIR={folder}", *settings]
    return subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)


def test_the_code_of_a_function_is_compiled(tmp_path):
    built = build("redeem", tmp_path, "LAYER_TARGET=host", f"PYTHON={sys.executable}")
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "app.py").exists()
    assert [path.name for path in (tmp_path / "__pycache__").iterdir()] == [
        f"app.{sys.implementation.cache_tag}.pyc"
    ]
    assert not (tmp_path / "Makefile").exists()


@pytest.mark.parametrize("compiler", ["no-such-python", "false"])
def test_a_build_for_aws_fails_without_the_functions_version_of_python(tmp_path, compiler):
    built = build("redeem", tmp_path, f"COMPILER={compiler}")
    assert built.returncode != 0
    assert f"{compiler} is not Python 3.13" in built.stderr


def test_the_measurement_of_validation_runs_the_real_flow(tmp_path):
    body = tmp_path / "a.csv"
    body.write_bytes(file_of(1_001, validate.NOW))
    assert validate.validate(body) > 0


SAFE = {"name": "orjson", "version": "3.13.0", "vulns": []}
UNKNOWN = {"name": "msgspec", "skip_reason": "not found"}
UNSAFE = {"name": "pydantic", "version": "2.13.5", "vulns": [{"id": "CVE-1", "fix_versions": ["2.13.6"]}]}


class TestAudit:
    def test_passes_only_if_every_package_was_checked(self):
        assert audit.report([SAFE]) == (0, "1 of 1 packages were checked.")
        code, text = audit.report([SAFE, UNKNOWN])
        assert code == 2
        assert "Not checked" in text
        assert "msgspec" in text

    def test_names_a_vulnerability_and_its_fix(self):
        code, text = audit.report([UNSAFE, UNKNOWN])
        assert code == 1
        assert "pydantic 2.13.5: CVE-1, fixed in 2.13.6" in text

    def test_covers_every_layer(self):
        assert [path.parent.name for path in audit.pinned()] == ["rewards", "sheets", "tokens"]


def test_workflows_use_the_commands_that_exist():
    folder = ROOT / ".github/workflows"
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    environments = tomllib.loads((ROOT / "samconfig.toml").read_text())
    for path in folder.glob("*.yml"):
        text = path.read_text()
        yaml.safe_load(text)
        for names in re.findall(r"run: make (.+)", text):
            assert set(names.split()) <= targets, path
        for name in re.findall(r"environment: (\w+) }", text):
            assert environments[name]["deploy"]["parameters"]["stack_name"] == f"rewards-{name}"
