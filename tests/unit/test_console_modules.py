"""Modules of the console that need no browser, run by Node.js."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "tests" / "console"


@pytest.fixture
def check(tmp_path):
    node = shutil.which("node")
    if node is None or not (TOOLS / "node_modules" / "amazon-cognito-identity-js").exists():
        pytest.skip("Node.js or an npm package is not installed: make lint-console")

    def run(script, module):
        copy = tmp_path / f"{module}.mjs"  # Node takes a .js file without package.json for CommonJS
        copy.write_bytes((ROOT / "functions" / "console" / "page" / f"{module}.js").read_bytes())
        done = subprocess.run([node, TOOLS / script, copy], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return run


def test_srp_agrees_with_an_independent_client_and_rejects_degenerate_values(check):
    check("srp_check.mjs", "srp")


def test_typed_amounts_are_read_exactly_or_rejected(check):
    check("amounts_check.mjs", "amounts")


def test_no_cell_of_a_csv_file_is_a_formula(check):
    check("csv_check.mjs", "csv")


def test_each_address_shows_its_page(check):
    check("router_check.mjs", "router")
