"""The template and the code agree."""

import ast
from pathlib import Path

import pytest
import yaml

from rewards.bootstrap import Flows, Settings
from rewards.flows import create_report, finish_import, process_chunk
from rewards.settings import load

ROOT = Path(__file__).parents[2]


class Loader(yaml.SafeLoader):
    """Reads the intrinsic functions of CloudFormation as their arguments."""


Loader.add_multi_constructor("!", lambda loader, _, node: loader.construct_object(as_plain(node), deep=True))


def as_plain(node):
    tag = {"scalar": "str", "sequence": "seq", "mapping": "map"}[node.id]
    return type(node)(f"tag:yaml.org,2002:{tag}", node.value)


def template():
    return yaml.load((ROOT / "infra/template.yaml").read_text(), Loader)  # noqa: S506 - a subclass of SafeLoader


def function(name):
    return template()["Resources"][f"{name.title()}Function"]["Properties"]


def needed(name):
    """The settings that a function's source names."""
    path = ROOT / "functions" / name / ("wiring.py" if name == "api" else "app.py")
    (found,) = (
        node.value
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "NEEDED"
    )
    return eval(compile(ast.Expression(found), str(path), "eval"), {})  # noqa: S307 - a tuple of texts


USED = {
    "validate": ("validation",),
    "redeem": ("chunk_processor",),
    "finish": ("finisher", "chunk_sender", "dead_letters", "misplaced_uploads"),
    "report": ("reporter", "scanner", "overviews"),
    "api": ("exports", "imports", "reversals", "overviews", "reward_queries", "ledger_commands", "files"),
}


@pytest.mark.parametrize("name", USED)
def test_a_function_has_the_settings_that_it_needs(name):
    variables = function(name)["Environment"]["Variables"]
    assert {each.upper() for each in needed(name)} <= variables.keys()


@pytest.mark.parametrize("name", USED)
def test_a_function_needs_every_setting_that_its_flows_read(name):
    environment = {each.upper(): "1" for each in needed(name)}
    flows = Flows(load(Settings, environment, only=needed(name)), client=lambda *_: Client())
    for flow in USED[name]:
        assert getattr(flows, flow) is getattr(flows, flow)


@pytest.mark.parametrize(
    ("lease", "name"), [(process_chunk.LEASE, "redeem"), (process_chunk.DEAD_LETTER_LEASE, "finish")]
)
def test_the_lease_of_a_chunk_outlives_its_function_by_a_minute(lease, name):
    """Clocks may differ, and a request of a function that timed out may still be on its way."""
    assert lease >= (function(name)["Timeout"] + 60) * 1000


@pytest.mark.parametrize(
    ("lease", "name", "queue"),
    [
        (process_chunk.LEASE, "redeem", "RedemptionQueue"),
        (finish_import.LEASE, "finish", "FinishQueue"),
        (create_report.LEASE, "report", "ExportQueue"),
    ],
)
def test_a_lease_ends_after_its_function_and_before_its_message_comes_again(lease, name, queue):
    visibility = template()["Resources"][queue]["Properties"]["VisibilityTimeout"]
    assert function(name)["Timeout"] * 1000 <= lease < visibility * 1000


class Client:
    """A client that may be told of hooks, and is asked nothing."""

    class meta:  # noqa: N801 - as boto3 has it
        class events:  # noqa: N801
            @staticmethod
            def register(*_, **__):
                pass
