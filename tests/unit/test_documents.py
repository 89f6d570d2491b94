"""The documents: links, paths, commands, and the sections of the contract that files refer to."""

import re

import pytest

from infra.documents import CONTRACT, ROOT, Project, anchors
from rewards.domain import export_job, import_job

CONTRACT_TEXT = "# Contract\n\n## 1. Units\n\n## 3. Import\n\nSee section 1.\n\n### 3.1 Outcomes\n"


@pytest.fixture
def project(tmp_path):
    def write(**files):
        given = {CONTRACT: CONTRACT_TEXT, "Makefile": "VENV := x\ntest: lint\n\ttrue\n", **files}
        for name, text in given.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return Project(tmp_path)

    return write


def test_the_documents_have_no_broken_reference():
    assert Project(ROOT).problems() == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[a](b.md)", "link b.md: no such file"),
        ("[a](docs/contract.md#3-export)", "link docs/contract.md#3-export: no such heading"),
        ("[a](#here)", "link #here: no such heading"),
        ("[a](../x.md)", "link ../x.md: outside the project"),
        ('<img src="images/x.png" alt="">', "link images/x.png: no such file"),
        ("[a]: b.md", "link b.md: no such file"),
        ("Run `make demo`.", "make demo: no such target"),
        ("    make -s SIZE=1 demo", "make demo: no such target"),
        ("See `tests/old.py`.", "tests/old.py: no such file"),
    ],
)
def test_reports_a_broken_reference_of_a_document(project, text, problem):
    assert project(**{"page.md": f"# Page\n\n{text}\n"}).problems() == [f"page.md:3: {problem}"]


@pytest.mark.parametrize(
    "text",
    [
        "[a](docs/contract.md), [b](docs/contract.md#31-outcomes), [c](#page), [d](https://example.com/x)",
        "`[a](b.md)` is code",
        "```\n[a](b.md)\n```",
        "    make -s test SIZE=1",
        "We make demos.",
        "The key `imports/{id}/results.csv`.",
        "A `code\nspan` over two lines does not make `others` code.",
    ],
)
def test_accepts_what_exists_and_what_is_no_reference(project, text):
    assert project(**{"page.md": f"# Page\n\n{text}\n"}).problems() == []


@pytest.mark.parametrize(
    ("reference", "missing"),
    [
        ("# contract, section {}", ["9"]),
        ("# CONTRACT {}", ["9"]),
        ("# Contract sections 1, {} and {}", ["3.2", "9"]),
        ("# the contract,\n# section {}", ["9"]),
    ],
)
def test_reports_a_section_that_the_contract_does_not_have(project, reference, missing):
    problems = project(**{"tests/some.py": reference.format(*missing)}).problems()
    assert problems == sorted(f"tests/some.py:1: the contract has no section {number}" for number in missing)


@pytest.mark.parametrize(
    "reference", ["contract, section {}", "CONTRACT {} and 3", "contract sections 3, {}"]
)
def test_accepts_a_section_of_the_contract(project, reference):
    assert project(**{"tests/some.py": reference.format("3.1")}).problems() == []


def test_reports_a_missing_section_that_the_contract_itself_names(project):
    text = CONTRACT_TEXT + "\nSections 3 and 8 say more.\n"
    assert project(**{CONTRACT: text}).problems() == [f"{CONTRACT}:11: the contract has no section 8"]


def test_forms_anchors_as_github_does():
    text = "# A: `b` and c_d\n\n## [Linked](x.md) part\n\n## Twice\n\n## Twice\n\n```\n# no heading\n```\n"
    assert anchors(text) == {"a-b-and-c_d", "linked-part", "twice", "twice-1"}


def test_the_runbook_describes_every_alarm_of_the_template():
    template = (ROOT / "infra/template.yaml").read_text()
    alarms = re.findall(r"^  (\w+):\n    Type: AWS::CloudWatch::Alarm$", template, re.MULTILINE)
    runbook = (ROOT / "docs/guides/operations.md").read_text()
    assert alarms
    assert re.findall(r"^\| `(\w+Alarm)` \|", runbook, re.MULTILINE) == alarms


def test_the_deployment_guide_lists_every_parameter_with_its_default():
    template = (ROOT / "infra/template.yaml").read_text()
    parameters = template.partition("\nParameters:\n")[2].partition("\nConditions:\n")[0]
    expected = {
        name: (re.search(r'^    Default: "?(.*?)"?$', body, re.MULTILINE) or [None, ""])[1]
        for name, body in re.findall(r"^  (\w+):\n((?:    .*\n|\n)+)", parameters + "\n", re.MULTILINE)
    }
    guide = (ROOT / "docs/guides/deployment.md").read_text()
    table = guide.partition("\n## Parameters\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \| `?([^|`]*?)`? ?\|", table, re.MULTILINE)
    assert {name: default.strip() for name, default in listed} == expected


def test_the_deployment_guide_lists_every_output():
    outputs = (ROOT / "infra/template.yaml").read_text().partition("\nOutputs:\n")[2]
    guide = (ROOT / "docs/guides/deployment.md").read_text()
    table = guide.partition("| output | meaning |")[2].partition("\n\n")[0]
    listed = [
        name
        for row in table.splitlines()
        for name in re.findall(r"`(\w+)`", row.split("|")[1] if row else "")
    ]
    assert sorted(listed) == sorted(re.findall(r"^  (\w+):$", outputs, re.MULTILINE))


def diagram_of(heading):
    """The steps of a state diagram in the architecture; `[*]` is the start and the end."""
    page = (ROOT / "docs/architecture.md").read_text()
    diagram = page.partition(f"\n## {heading}\n")[2].partition("\n```\n")[0]
    return set(re.findall(r"^  ([A-Z_]+|\[\*\]) --> ([A-Z_]+|\[\*\])", diagram, re.MULTILINE))


def steps_of(first, transitions):
    """The steps that the code allows, as a diagram has them."""
    steps = {(before.value, after.value) for before, found in transitions.items() for after in found}
    starts = {("[*]", status.value) for status in first}
    return steps | starts | {(status.value, "[*]") for status, found in transitions.items() if not found}


def test_the_diagram_shows_the_states_of_an_import():
    steps = steps_of(import_job.FIRST_STATUSES, import_job.TRANSITIONS)
    assert diagram_of("States of an import") == steps


def test_the_diagram_shows_the_states_of_an_export():
    steps = steps_of([export_job.ExportStatus.PENDING], export_job.TRANSITIONS)
    assert diagram_of("States of an export") == steps


def test_the_reference_has_the_states_of_an_import():
    reference = (ROOT / "docs/reference/api.md").read_text()
    table = reference.partition("The `status` of an import:")[2].partition("\n\n- ")[0]
    rows = re.findall(r"^\| `([A-Z_]+)` \| [^|]+ \| ([^|]*)\|$", table, re.MULTILINE)
    listed = {status: set(re.findall(r"`([A-Z_]+)`", cell)) for status, cell in rows}
    assert listed == import_job.TRANSITIONS


def test_the_architecture_states_the_time_outs_of_the_template():
    template = (ROOT / "infra/template.yaml").read_text()
    resources = re.split(r"^  (?=\w+:)", template, flags=re.MULTILINE)
    of_template = {}
    for resource in resources:
        name = resource.partition(":")[0]
        for value in re.findall(r"^      (?:Timeout|VisibilityTimeout): (\d+)", resource, re.MULTILINE):
            of_template[name] = int(value)
    page = (ROOT / "docs/architecture.md").read_text()
    stated = {}
    for what, value in re.findall(r"^\| (?:visibility )?time-out of (.+?) \| (\d+) s", page, re.MULTILINE):
        names = re.findall(r"`(\w+)`", what)
        names += ["DeadLetterQueue", "ExportDeadLetterQueue"] if "both dead-letter queues" in what else []
        stated |= dict.fromkeys(names, int(value))
    assert stated == of_template
