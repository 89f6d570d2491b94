"""Rules import the standard library, codecs and each other; adapters import rules; flows both."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "layers/rewards/python/rewards"
ALLOWED = {
    "rules": ("rewards.rules", "orjson", "chardet"),
    "adapters": ("rewards.rules", "rewards.adapters", "boto3", "botocore", "mypy_boto3_", "jwt", "orjson"),
    "flows": ("rewards.rules", "rewards.adapters", "rewards.flows", "xlsxwriter"),
}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("group", ALLOWED)
def test_imports_go_one_way(group):
    for path in (PACKAGE / group).glob("*.py"):
        for name in imports(path):
            assert name.split(".")[0] in sys.stdlib_module_names or name.startswith(ALLOWED[group]), (
                path,
                name,
            )
