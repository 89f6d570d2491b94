"""The report is opened, filled in and saved by Gnumeric and ExcelJS; every row comes back as it went out.

A program that is missing skips its tests, or fails them if REQUIRE_GNUMERIC or REQUIRE_EXCELJS is set.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from rewards.domain.object_keys import report_key
from rewards.domain.report import COLUMNS, REDEEMABLE
from tests.integration.conftest import new_world
from tests.integration.test_round_trip import CREDITS, IDS, NAMES, PAID

EXCELJS = Path(__file__).parents[1] / "exceljs"
UNITS = list(PAID)
FILLED_IN = "H"  # the column valueToRedeem


def gnumeric(source, target, values):
    if not shutil.which("ssconvert"):
        leave_out("REQUIRE_GNUMERIC", "Gnumeric is not installed (no ssconvert on the path): make gnumeric")
    changes = [text for cell, value in values.items() for text in ("--set", f"{cell}={value}")]
    run(["ssconvert", "--export-type=Gnumeric_Excel:xlsx2", *changes, source, target])


def exceljs(source, target, values):
    if not shutil.which("node") or not (EXCELJS / "node_modules/exceljs").exists():
        leave_out("REQUIRE_EXCELJS", "Node or ExcelJS is not installed: make exceljs")
    numbers = {cell: float(value) for cell, value in values.items()}
    run(["node", EXCELJS / "fill_in.js", source, target, json.dumps(numbers)])


def leave_out(required, reason):
    (pytest.fail if os.environ.get(required) else pytest.skip)(reason)


def run(command):
    subprocess.run(command, check=True, capture_output=True, timeout=180)


@pytest.fixture(scope="module")
def reported(aws, tmp_path_factory):
    """A world with a participant for every awkward id, the report's workbook, and its rows."""
    world = new_world(aws)
    rewards = [
        {
            "id": f"r{n}",
            "user.id": user,
            "user.accountId": IDS[-1 - n],
            "unit": UNITS[n % len(UNITS)],
            "assignedCredit": 5_000_000,
            "user.firstName": NAMES[n % len(NAMES)],
        }
        for n, user in enumerate(IDS)
    ]
    assert world.load(rewards)["outcomes"] == {"LOADED": len(IDS)}
    export = world.export(REDEEMABLE, "XLSX")
    source = tmp_path_factory.mktemp("programs") / "report.xlsx"
    source.write_bytes(world.bytes(report_key(export["id"], "XLSX", REDEEMABLE)))
    # The file of the same rows beside the workbook.
    return world, source, world.csv(report_key(export["id"], "CSV", REDEEMABLE))


@pytest.mark.parametrize("program", [gnumeric, exceljs])
def test_reads_every_row_of_a_report_that_another_program_filled_in_and_saved(reported, program, tmp_path):
    world, source, report = reported
    assert COLUMNS[ord(FILLED_IN) - ord("A")] == "valueToRedeem"
    # Each program fills in other rows, because a row redeems once.
    first = 0 if program is gnumeric else 1
    filled_in = {place: PAID[report[place]["unit"]] for place in range(first, len(report), 2)}
    target = tmp_path / "saved.xlsx"
    program(source, target, {f"{FILLED_IN}{place + 2}": value for place, value in filled_in.items()})
    record = world.upload(f"redemptions/{program.__name__}.xlsx", target.read_bytes())
    assert record["status"] == "COMPLETED", record["error"]
    results = world.results(record)
    assert [row["rowId"] for row in results] == [row["rowId"] for row in report]
    outcomes = ["REDEEMED" if place in filled_in else "UNCHANGED" for place in range(len(report))]
    assert [row["outcome"] for row in results] == outcomes
    for place, row in enumerate(results):
        assert not row["message"].startswith("Repaired"), row["message"]
        for column in ("accountId", "userId", "unit"):
            assert row[column] == report[place][column]
    expected = dict.fromkeys(UNITS, 0)
    for place in filled_in:
        expected[report[place]["unit"]] += CREDITS[report[place]["unit"]]
    assert record["redeemed"] == {unit: credits for unit, credits in expected.items() if credits}
