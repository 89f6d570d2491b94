"""Imports go one way: domain, tabular and email, adapters, flows, bootstrap, functions."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers/rewards/python/rewards"

# What a folder may import besides the standard library.
ALLOWED = {
    "domain": ("rewards.domain",),
    "tabular": (
        # What tables and rejections are made of, and how columns are found; no rule of rewards.
        *(
            "rewards.domain.cells",
            "rewards.domain.errors",
            "rewards.domain.header",
            "rewards.domain.outcomes",
            "rewards.domain.packed",
        ),
        *("rewards.tabular", "chardet", "isal", "xlsxwriter"),
    ),
    "email": ("rewards.domain", "rewards.email"),
    "adapters": (
        *("rewards.domain", "rewards.tabular", "rewards.email", "rewards.adapters"),
        *("aws_lambda_powertools.metrics", "boto3", "botocore", "isal", "mypy_boto3_", "jwt"),
        *("msgspec", "orjson"),
    ),
    "flows": ("rewards.domain", "rewards.tabular", "rewards.email", "rewards.adapters", "rewards.flows"),
}
# Modules of the standard library that reach beyond the process.
OUTSIDE = {"http", "os", "pathlib", "socket", "subprocess", "tempfile", "time", "urllib.request"}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            if node.module in ("rewards", *(f"rewards.{folder}" for folder in ALLOWED)):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize("folder", ALLOWED)
def test_imports_go_one_way(folder):
    paths = list((PACKAGE / folder).rglob("*.py"))
    assert len(paths) > 1
    for path in paths:
        for name in imports(path):
            is_standard = name.split(".")[0] in sys.stdlib_module_names
            assert is_standard or name.startswith(ALLOWED[folder]), (path, name)


def test_the_domain_does_not_reach_beyond_the_process():
    for path in (PACKAGE / "domain").rglob("*.py"):
        assert not OUTSIDE.intersection(imports(path)), path


def test_every_module_belongs_to_a_layer():
    outside = {path.name for path in PACKAGE.glob("*.py")}
    assert outside <= {"__init__.py", "bootstrap.py", "clock.py", "settings.py"}
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {"__pycache__"} == set(ALLOWED)
