"""Real-life files and what must become of each row: `files/`, made by make.py, and expected.json."""

import csv
import io
import json
import os
import re
from decimal import Decimal
from pathlib import Path

import pytest

from rewards.domain.export_job import ExportJob, ExportStatus
from rewards.domain.result_columns import RESULT_COLUMNS
from tests.corpus import make

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text("utf-8"))


# The size of a full sheet; CI reads a smaller one.
FULL = 1_048_576
ROWS = FULL - 1 if os.environ.get("CORPUS_FULL_SIZE") else 20_000


_kept = []
_imports = {}


@pytest.fixture
def loaded(request):
    """One world for all files: each was made from a report of its own, and balances have plenty."""
    if not _kept:
        world = request.getfixturevalue("world")
        rows = [
            {"id": f"r{n}", "user.accountId": a, "user.id": u, "unit": unit, "assignedCredit": make.PLENTY}
            for n, (a, u, unit) in enumerate(make.WORLD)
        ]
        assert world.load(rows)["outcomes"] == {"LOADED": len(rows)}
        for name in EXPECTED:  # their records stay, their files are no longer kept
            gone = ExportJob(
                id=make.export_id(name), type="REDEEMABLE_REWARD_BALANCE", format="CSV", name=name,
                requester="test", params={}, mailto_email=None, status=ExportStatus.COMPLETED,
                date_created=make.JANUARY_2025, date_expires=make.JANUARY_2025,
            )  # fmt: skip
            assert world.export_jobs.create(gone)
        _kept.append(world)
    return _kept[0]


@pytest.fixture
def imports(loaded):
    """The import that was made of each file, or what went wrong; all at once, which is faster."""
    if not _imports:
        for name in EXPECTED:
            uploaded = loaded.put(f"redemptions/{name}", (make.FILES / name).read_bytes())
            try:
                _imports[name] = loaded.validate(uploaded)
            except Exception as error:  # noqa: BLE001  (the file's own test raises it)
                _imports[name] = error
        loaded.run()
    return _imports


def differences(world, name, record):
    """What came of a file otherwise than expected, a text each."""
    expected = EXPECTED[name]
    error = record["error"] or {}
    if record["status"] != expected["status"] or error.get("code") != expected.get("error"):
        got = f"{record['status']} {error.get('code', '')} {error.get('message', record['outcomes'])}"
        return [f"{name}: expected {expected['status']} {expected.get('error', '')}, got {got}"]
    if record["status"] == "ABORTED":
        if expected["says"] in error["message"] and len(error["message"]) > 20:
            return []
        return [f"{name}: expected {expected['says']!r} in the message, got {error['message']!r}"]
    found = {result["line"]: result for result in results(world, record)}
    problems = [
        f"{name} row {line}: expected an answer, got none" for line in set(expected["rows"]) - set(found)
    ]
    for line, result in found.items():
        outcome, value, word = expected["rows"].get(line, ("UNCHANGED", "0", ""))
        got = result["outcome"], result["redeemedValue"]
        if (outcome, Decimal(value)) != (got[0], Decimal(got[1])) or word not in result["message"]:
            said = f"{' '.join(got)}: {result['message']!r}"
            problems.append(f"{name} row {line}: expected {outcome} {value} {word!r}, got {said}")
    return problems


def results(world, record):
    """The columns that the import adds to results.csv, a dict a row."""
    text = world.bytes(f"imports/{record['id']}/results.csv").decode("utf-8-sig")
    separator = re.search(r"line([,;\t])importId", text)[1]
    header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    place = header.index("line")
    return [
        dict(zip(RESULT_COLUMNS, cells[place : place + len(RESULT_COLUMNS)], strict=True)) for cells in rows
    ]


def test_the_row_ids_in_the_files_are_those_that_this_version_makes():
    made = make.row_id("utf-8.csv", *make.WORLD[1])
    text = (make.FILES / "utf-8.csv").read_text("utf-8")
    assert made in text, "rowIds have another form now: run tests/corpus/make.py"


def test_every_file_has_its_expectation_and_none_is_large():
    files = {path.name: path.stat().st_size for path in make.FILES.iterdir()}
    assert set(files) == set(EXPECTED)
    assert max(files.values()) < 50_000


@pytest.mark.parametrize("name", EXPECTED)
def test_a_real_life_file_gets_its_expected_answers(loaded, imports, name):
    if isinstance(imports[name], Exception):
        raise imports[name]
    problems = differences(loaded, name, loaded.record(imports[name]))
    assert not problems, "\n" + "\n".join(problems)


def full_sheet(world, body, name):
    """Upload a sheet of ROWS rows of which three want something."""
    # Both files have the same rows, without rowId.
    record = world.upload(f"redemptions/{name}", body, **{"allow-duplicate": "true"})
    assert record["status"] == "COMPLETED", record["error"]
    assert record["outcomes"] == {"REDEEMED": 3, "UNCHANGED": ROWS - 3}
    assert len(results(world, record)) == ROWS


def test_a_full_sheet_as_csv_is_read_to_its_last_row(loaded):
    full_sheet(loaded, b"".join(make.million_csv(ROWS)), "full.csv")


def test_a_full_sheet_as_workbook_is_read_to_its_last_row(loaded, tmp_path):
    make.million_xlsx(tmp_path / "full.xlsx", ROWS)
    full_sheet(loaded, (tmp_path / "full.xlsx").read_bytes(), "full.xlsx")
