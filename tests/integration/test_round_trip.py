"""Export, LibreOffice opens and fills in and saves, import: not one id, value or rowId differs.

Needs LibreOffice; without it these tests are skipped, or fail if REQUIRE_LIBREOFFICE is set.
"""

import csv
import io
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal

import pytest
from openpyxl import load_workbook

from tests.integration.conftest import new_world
from tests.libreoffice import COMMA, SEMICOLON, XLSX, LibreOffice, Work

IDS = [
    "007", "1E5", "2024-01-02", "3-4", "1/2", "MAR1", "12:30", "12345678901234567890", "1234567890123456",
    "=1+1", "+49151234567", "@x", "-5", "'quoted", "'=1", 'so "called"', "semi;colon",
    "a,b", "🎉 party", "Zoë Müller", "TRUE", "false", "_x0041_", "1,234",
    "1.50", "50%", "$5", "#N/A", "NaN", "0x1F", "<b>&amp;", "%s{}", "a\\b", "١٢٣",
]  # fmt: skip
NAMES = [" Ann ", "  ", "-", "=HYPERLINK()", "Anne\nMarie", 'O"Neil; Zoë, 🎉', "01", "_x000D_"]
# Unit -> what the operator types, in English.
PAID = {
    "POINT": "1234",
    "CASH/USD": "1234.5",
    "CASH/EUR": "10.55",
    "CASH/JPY": "12000",
    "CASH/KWD": "1.234",
    "freemonth": "1",
}
CREDITS = {"POINT": 1234, "CASH/USD": 123450, "CASH/EUR": 1055, "CASH/JPY": 12000, "CASH/KWD": 1234,
           "freemonth": 1}  # fmt: skip
NUMBERS = {"availableValue", "valueToRedeem", "totalRedeemedValue"}

# What goes out, who opens it, what comes back.
FORMATS = [
    ("xlsx to comma", "XLSX", "en-US", COMMA),
    ("xlsx to semicolon", "XLSX", "de-DE", SEMICOLON),
    ("xlsx to xlsx", "XLSX", "en-US", XLSX),
    ("xlsx to German xlsx", "XLSX", "de-DE", XLSX),
    ("csv as text to comma", "CSV", "en-US", COMMA),
]


@dataclass
class Trip:
    """What went out, what LibreOffice saved, and what the import made of it."""

    report: list[dict[str, str]]  # as the CSV file says
    saved: list[dict[str, str]]
    results: list[dict[str, str]]
    record: dict
    edited: set[str]  # rowIds


@pytest.fixture(scope="module")
def trips(aws, tmp_path_factory):
    if not shutil.which("soffice"):
        missing = "LibreOffice is not installed (no soffice on the path)"
        (pytest.fail if os.environ.get("REQUIRE_LIBREOFFICE") else pytest.skip)(missing)
    world = new_world(aws)
    loaded = [
        {
            "id": f"r{n}",
            "user.id": user,
            "user.accountId": IDS[-1 - n],
            "unit": list(PAID)[n % len(PAID)],
            "assignedCredit": 5_000_000,
            "user.firstName": NAMES[n % len(NAMES)],
            "user.email": f"someone+{n}@example.com",
        }
        for n, user in enumerate(IDS)
    ]
    assert world.load(loaded)["outcomes"] == {"LOADED": len(IDS)}
    folder = tmp_path_factory.mktemp("libreoffice")
    english, german = LibreOffice(folder, "en-US"), LibreOffice(folder, "de-DE")
    exports, works = {}, {}
    for name, kind, language, save_as in FORMATS:
        order = world.exports.create("REDEEMABLE_REWARD_BALANCE", kind, "", "test", {})
        world.run()
        key = f"exports/{order.id}/available-reward-balances-by-user"
        report = world.csv(f"{key}.csv")
        source = folder / f"{name.replace(' ', '-')}.{kind.lower()}"
        source.write_bytes(world.bytes(f"{key}.{kind.lower()}"))
        columns = list(report[0])
        place = columns.index("valueToRedeem")
        typed = {number: PAID[row["unit"]] for number, row in enumerate(report, start=1) if number % 3}
        if language == "de-DE":
            typed = {number: text.replace(".", ",") for number, text in typed.items()}
        works[name] = Work(
            source, folder / f"{source.stem}-saved.{save_as.partition(':')[0]}", save_as,
            [(place, number, text) for number, text in typed.items()],
            text_columns=len(columns) if kind == "CSV" else 0,
        )  # fmt: skip
        exports[name] = report, {report[number - 1]["rowId"] for number in typed}
    with ThreadPoolExecutor() as two:
        runs = [
            two.submit(program.work, *(works[name] for name, _, spoken, _ in FORMATS if spoken == language))
            for program, language in ((english, "en-US"), (german, "de-DE"))
        ]
    for run in runs:
        run.result()
    return {name: come_back(world, name, works[name], *exports[name]) for name, *_ in FORMATS}


def come_back(world, name, work, report, edited):
    content = work.target.read_bytes()
    record = world.upload(f"redemptions/{work.target.name}", content)
    separator = ";" if work.save_as == SEMICOLON else ","
    text = world.bytes(f"imports/{record['id']}/results.csv").decode("utf-8-sig")
    header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    # The answer's own columns stand behind the upload's; availableValue is one of both.
    own = header.index("line")
    results = [
        dict(zip(header[own:], row[own:], strict=True)) | dict(zip(header[:own], row, strict=False))
        for row in rows
    ]
    return Trip(report, table_of(work, content, separator), results, record, edited)


def table_of(work, content, separator):
    """The rows as another program reads them."""
    if work.save_as == XLSX:
        sheet = load_workbook(io.BytesIO(content)).worksheets[0]
        header, *rows = ([cell.value for cell in row] for row in sheet.iter_rows())
        return [dict(zip(header, ("" if v is None else v for v in row), strict=True)) for row in rows]
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=separator))


def differences(name, before, after):
    """(rowId, column, before, after) for all cells that do not say the same, valueToRedeem aside."""
    return [
        (old["rowId"], column, old[column], new[column])
        for old, new in zip(before, after, strict=True)
        for column in old
        if column != "valueToRedeem" and not same(column, old[column], new[column], "semicolon" in name)
    ]


def same(column, old, new, decimal_comma):
    if column not in NUMBERS:
        return old == new
    text = str(new).replace(" ", "")
    return Decimal(old) == Decimal(text.replace(",", ".") if decimal_comma else text)


@pytest.mark.parametrize("name", [name for name, *_ in FORMATS])
class TestRoundTrip:
    def test_no_cell_differs_but_those_that_were_filled_in(self, trips, name):
        assert differences(name, trips[name].report, trips[name].saved) == []

    def test_the_answers_name_the_same_ids(self, trips, name):
        assert differences(name, trips[name].report, trips[name].results) == []

    def test_every_row_filled_in_is_redeemed_and_no_other(self, trips, name):
        trip = trips[name]
        found = {row["rowId"]: row["outcome"] for row in trip.results}
        expected = {
            row["rowId"]: "REDEEMED" if row["rowId"] in trip.edited else "UNCHANGED" for row in trip.report
        }
        assert found == expected, [row["message"] for row in trip.results if "Repaired" in row["message"]]

    def test_no_row_had_to_be_repaired(self, trips, name):
        assert [row["message"] for row in trips[name].results if "Repaired" in row["message"]] == []

    def test_the_totals_are_what_was_typed(self, trips, name):
        trip = trips[name]
        expected = dict.fromkeys(PAID, 0)
        for row in trip.report:
            expected[row["unit"]] += CREDITS[row["unit"]] * (row["rowId"] in trip.edited)
        assert trip.record["redeemed"] == {unit: credits for unit, credits in expected.items() if credits}
