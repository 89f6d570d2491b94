"""The workbook that people fill in: as openpyxl sees it, as the import reads it, and its XML."""

import re
import zipfile

import pytest
from openpyxl import load_workbook

from rewards.domain.cells import Table
from rewards.domain.packed import pack
from rewards.domain.report import COLUMNS, REDEEMABLE, REPORT_DEFINITIONS
from rewards.domain.spreadsheet import inert
from rewards.domain.units import MAX_DECIMALS
from rewards.tabular import xlsx_rows
from rewards.tabular import xlsx_writer as module
from rewards.tabular.xlsx_reader import read_workbook
from rewards.tabular.xlsx_writer import write_workbook

NUMBERS = REPORT_DEFINITIONS[REDEEMABLE].numbers
NEEDED = ["accountId", "userId", "unit", "valueToRedeem"]
# The children of a worksheet in the order of ECMA-376, part 1, 18.3.1.99, as far as they occur.
SCHEMA_ORDER = ["sheetPr", "dimension", "sheetViews", "sheetFormatPr", "cols", "sheetData", "sheetProtection",
                "autoFilter", "mergeCells", "conditionalFormatting", "dataValidations", "hyperlinks",
                "printOptions", "pageMargins", "pageSetup", "headerFooter", "ignoredErrors", "drawing",
                "legacyDrawing", "tableParts", "extLst"]  # fmt: skip


@pytest.fixture
def written(tmp_path):
    def write(rows, columns=COLUMNS, title="Balances", numbers=NUMBERS):
        path = tmp_path / "report.xlsx"
        write_workbook(path, Table(columns, numbers, map(pack, rows), title))
        return path

    return write


def row(user="ann", places=2, **more):
    value = "1234" + ("." + "5".ljust(places, "0") if places else "")
    cells = {
        "userId": user,
        "accountId": "acme",
        "unit": "CASH/USD",
        "availableValue": value,
        "valueToRedeem": "0",
        "totalRedeemedValue": value,
        **more,
    }
    return [cells.get(column, "") for column in COLUMNS]


def cell(sheet, column, number=2):
    return sheet.cell(number, COLUMNS.index(column) + 1)


def users(path):
    with path.open("rb") as file:
        (_, header), *rows = read_workbook(file, NEEDED, inert).rows
        return [cells[header.index("userId")] for _, cells in rows]


def sheet_xml(path, number=1):
    with zipfile.ZipFile(path) as book:
        return book.read(f"xl/worksheets/sheet{number}.xml").decode()


# What is written is read


TEXTS = ["007", "1E5", "2024-01-02", "12345678901234567890", "'=1+1", "a & b", "<b>", "]]>", '"quoted"',
         "TRUE", "two\nlines", "tab\tbed", "a\r\nb", "\r", " spaces ", "   ", "🎉 Zoë", "_x0041_", "_x000D_",
         "_x005F_x0041_", "_x0041_x0042_", "_xyz_", "__x0041__", "_x00e9_", "&amp;",
         "x" * 32_767, "|"]  # fmt: skip


def test_every_text_is_read_as_it_was_written(written):
    assert users(written(row(text) for text in TEXTS)) == [inert(text) for text in TEXTS]


@pytest.mark.parametrize("text", ["\x00", "a\x1fb", "\ud800", "\uffff"])
def test_what_xml_cannot_carry_is_replaced(written, text):
    assert users(written([row(text)])) == [re.sub("[\x00\x1f\ud800\uffff]", "\ufffd", text)]


def test_a_text_longer_than_a_cell_is_cut_at_a_whole_character(written):
    assert users(written([row("🎉" * 20_000)])) == ["🎉" * 16_383]


def test_an_escape_is_written_as_excel_writes_it(written):
    assert ">_x005F_x0041_</t>" in sheet_xml(written([row("_x0041_")]))


@pytest.mark.parametrize("value", ["0.00", "10.10", "123456789012.34", "0.001", "-5.0"])
def test_a_number_stands_in_the_file_as_it_is(written, value):
    assert f"<v>{value}</v>" in sheet_xml(written([row(totalRedeemedValue=value)]))


@pytest.mark.parametrize(("places", "zero"), [(2, "0.00"), (3, "0.000"), (4, "0.0000")])
def test_a_zero_has_the_decimals_of_its_row(written, places, zero):
    assert f"<v>{zero}</v>" in sheet_xml(written([row(places=places)]))


def test_a_table_with_more_shapes_of_rows_than_are_remembered_is_written_whole(written, monkeypatch):
    monkeypatch.setattr(xlsx_rows, "_MOST_TEMPLATES", 2)
    rows = [row(f"u{n}", email="x" * (n % 2), segments="y" * (n % 3)) for n in range(12)]
    assert users(written(rows)) == [f"u{n}" for n in range(12)]


def test_every_cell_has_its_reference(written):
    xml = sheet_xml(written(row(f"u{n}", nextExpiry="" if n else " spaced ") for n in range(30)))
    letters = [chr(ord("A") + place) for place in range(len(COLUMNS))]
    assert re.findall(r"<c (?:r=\"(\w+)\")?", xml) == [
        f"{letter}{number}" for number in range(1, 32) for letter in letters
    ]


def test_only_rows_with_spaces_to_keep_say_so(written):
    xml = sheet_xml(written([row("ann"), row(" bob"), row("cy ")]))
    assert [line.count('xml:space="preserve"') > 0 for line in xml.split("<row ")[2:]] == [False, True, True]


# How it looks


@pytest.mark.parametrize(
    ("places", "to_fill", "to_read"),
    [
        (0, "0", r"[>=1000000]#\ ###\ ##0;[>=1000]#\ ##0;0"),
        (2, "0.00", r"[>=1000000]#\ ###\ ##0.00;[>=1000]#\ ##0.00;0.00"),
        (3, "0.0000", r"[>=1000000]#\ ###\ ##0.000;[>=1000]#\ ##0.000;0.000"),
        (4, "0.0000", r"[>=1000000]#\ ###\ ##0.0000;[>=1000]#\ ##0.0000;0.0000"),
    ],
)
def test_numbers_are_shown_with_their_decimals(written, places, to_fill, to_read):
    sheet = load_workbook(written([row(places=places)])).active
    assert cell(sheet, "valueToRedeem").number_format == to_fill
    assert cell(sheet, "availableValue").number_format == to_read
    assert cell(sheet, "availableValue").alignment.horizontal == "right"


def test_no_number_is_shown_so_that_the_import_would_have_to_guess(written):
    """1,234 and 1.234 are read in two ways; who saves as CSV saves what is shown."""
    for places in range(5):
        sheet = load_workbook(written([row(places=places)])).active
        assert "," not in cell(sheet, "availableValue").number_format
        assert len(cell(sheet, "valueToRedeem").number_format.partition(".")[2]) != 3


def test_ids_are_cells_of_text(written):
    sheet = load_workbook(written([row("007")])).active
    for column in ("userId", "accountId", "unit", "rowId", "programId"):
        assert cell(sheet, column).number_format == "@"
    assert cell(sheet, "userId").data_type == "s"


def test_the_column_to_fill_in_has_a_colour_of_its_own(written):
    sheet = load_workbook(written([row()])).active
    colours = {column: cell(sheet, column).fill.fgColor.rgb for column in COLUMNS}
    assert colours.pop("valueToRedeem") not in colours.values()
    assert len(set(colours.values())) == 1, "all others are for reading, blank ones too"


def test_text_stands_out_from_its_background(written):
    sheet = load_workbook(written([row()])).active
    pairs = {(c.font.color.rgb, c.fill.fgColor.rgb) for line in sheet.iter_rows() for c in line}
    assert len(pairs) == 4
    assert all(contrast(*pair) >= 4.5 for pair in pairs), pairs


def contrast(one, other):
    """WCAG 2.2, of colours like FF1A3E9C."""

    def luminance(colour):
        parts = [int(colour[start : start + 2], 16) / 255 for start in (2, 4, 6)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_columns_are_as_wide_as_their_texts(written):
    path = written([row(email="someone.with.a.name@example.com"), row(segments="x" * 500)])
    found = re.findall(r'<col min="(\d+)" max="(\d+)" width="([\d.]+)"', sheet_xml(path))
    widths = dict(
        zip(
            COLUMNS, (float(w) for low, high, w in found for _ in range(int(low), int(high) + 1)), strict=True
        )
    )
    assert 31 < widths["email"] < 40
    assert widths["segments"] < 50, "one long text takes no screen"
    assert all(widths[name] > len(name) + 3 for name in COLUMNS), "the filter's button has room"


# What works


def test_header_filter_and_check_reach_over_all_rows(written):
    sheet = load_workbook(written(row(f"u{n}") for n in range(700))).active
    assert [c.value for c in sheet[1]] == list(COLUMNS)
    assert all(c.font.bold for c in sheet[1])
    assert (sheet.freeze_panes, sheet.auto_filter.ref, sheet.max_row) == ("A2", "A1:P701", 701)
    (check,) = sheet.data_validations.dataValidation
    assert str(check.sqref) == "H2:H701"


def test_the_value_to_redeem_is_checked_against_what_is_available_in_its_row(written):
    (check,) = load_workbook(written([row()])).active.data_validations.dataValidation
    assert (check.type, check.operator or "between", check.formula1, check.formula2) == (
        "decimal",
        "between",
        "0",
        "G2",
    )
    assert check.allow_blank
    assert check.showErrorMessage
    assert (check.errorStyle or "stop") == "stop"
    assert "availableValue" in check.error
    assert "10.55 for CASH/USD" in check.prompt


def test_ids_that_look_like_numbers_are_not_marked_as_errors(written):
    assert '<ignoredError sqref="A2:P2" numberStoredAsText="1"/>' in sheet_xml(written([row()]))


@pytest.mark.parametrize("limit", [("ROWS_PER_SHEET", 3), ("PART_BYTES", 3000)])
def test_further_sheets_have_everything_too(written, monkeypatch, limit):
    monkeypatch.setattr(module, *limit)
    monkeypatch.setattr(module, "_BATCH", 3)
    book = load_workbook(written(row(f"u{n}") for n in range(8)))
    assert book.sheetnames == ["Balances", "Balances 2", "Balances 3"]
    for sheet, rows in zip(book, (3, 3, 2), strict=True):
        assert [c.value for c in sheet[1]] == list(COLUMNS)
        assert sheet.auto_filter.ref == f"A1:P{rows + 1}"
        assert str(sheet.data_validations.dataValidation[0].sqref) in (f"H2:H{rows + 1}", "H2")
        assert sheet.freeze_panes == "A2"
        assert cell(sheet, "userId").number_format == "@"
    assert [cell(book.worksheets[1], "userId", n).value for n in (2, 3, 4)] == ["u3", "u4", "u5"]


def test_a_full_sheet_is_not_followed_by_an_empty_one(written, monkeypatch):
    monkeypatch.setattr(module, "ROWS_PER_SHEET", 3)
    assert load_workbook(written(row(f"u{n}") for n in range(6))).sheetnames == ["Balances", "Balances 2"]


def test_a_table_without_rows_is_a_header(written):
    sheet = load_workbook(written([])).active
    assert [c.value for c in sheet[1]] == list(COLUMNS)
    assert (sheet.max_row, sheet.auto_filter.ref, sheet.data_validations.dataValidation) == (1, "A1:P1", [])


def test_the_parts_of_a_sheet_stand_in_the_order_of_the_standard(written):
    before, _, after = sheet_xml(written([row()])).partition("<sheetData>")
    after = after.partition("</sheetData>")[2]
    places = [
        SCHEMA_ORDER.index(name)
        for name in re.findall(r"<(\w+)[ />]", before + after)
        if name in SCHEMA_ORDER
    ]
    assert places == sorted(places)
    assert {"autoFilter", "dataValidations", "ignoredErrors"} <= {SCHEMA_ORDER[place] for place in places}


def test_the_workbook_says_what_it_is_and_since_when(written):
    properties = load_workbook(written([row()])).properties
    assert properties.title == "Balances"
    assert properties.created.year >= 2026


def test_the_workbook_prints_on_whole_pages_with_its_header_on_each(written):
    sheet = load_workbook(written([row()])).active
    assert (sheet.page_setup.orientation, sheet.print_title_rows) == ("landscape", "$1:$1")
    assert (sheet.sheet_properties.pageSetUpPr.fitToPage, sheet.page_setup.fitToHeight) == (True, 0)


def test_no_part_is_written_twice(written):
    with zipfile.ZipFile(written([row()])) as book:
        names = book.namelist()
        assert len(names) == len(set(names))
        assert book.testzip() is None


# Other tables


def test_a_table_with_nothing_to_fill_in_has_no_tint_and_no_check(written):
    columns = ("userId", "unit", "amount", "dateGiven", "email")
    path = written(
        [["007", "POINT", "1234567", "1795000000000", ""], ["8", "POINT", "0", "", "a@b.c"]],
        columns,
        "Rewards",
        {"amount", "dateGiven"},
    )
    sheet = load_workbook(path).active
    assert (sheet["A2"].value, sheet["C2"].value, sheet["D2"].value, sheet["D3"].value) == (
        "007", 1234567, 1_795_000_000_000, None,
    )  # fmt: skip
    assert (sheet["C2"].number_format[-11:], sheet["D2"].number_format) == (r";[>=1000]#\ ##0;0"[-11:], "0")
    assert sheet["A2"].fill.fill_type is None
    assert not sheet.data_validations.dataValidation
    assert (sheet.freeze_panes, sheet.auto_filter.ref, sheet["A1"].font.bold) == ("A2", "A1:E3", True)


def test_shows_all_decimals_that_a_unit_may_have(written):
    smallest = "0." + "1".zfill(MAX_DECIMALS)
    shown = cell(load_workbook(written([row(availableValue=smallest)])).active, "availableValue")
    assert shown.value == pytest.approx(float(smallest))
    assert shown.number_format.endswith("0." + "0" * MAX_DECIMALS)
