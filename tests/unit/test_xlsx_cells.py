"""The texts of a workbook's cells."""

from datetime import date, datetime, time

import pytest
from openpyxl import Workbook
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont

from rewards.tabular.xlsx_reader import NOT_COMPUTED
from tests.builders.workbooks import HEADER, MAIN, cell, made, parts_of, read, saved, styles


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("10.1", "10.1"),
        ("10.55", "10.55"),
        ("5.0", "5"),
        ("5", "5"),
        ("0", "0"),
        ("-0", "0"),
        ("0.30000000000000004", "0.3"),
        ("30.299999999999997", "30.3"),
        ("434.99999999999994", "435"),
        ("1.1000000000000001", "1.1"),
        ("4.3499999999999996", "4.35"),
        ("123456789012", "123456789012"),
        ("999999999999999", "999999999999999"),
        ("9999999999999.99", "9999999999999.99"),
        ("0.0000001", "0.0000001"),
        ("1E-7", "0.0000001"),
        ("1.0000000000000001E-5", "0.00001"),
        ("1e21", "1000000000000000000000"),
        ("1.2345678901234567E+17", "123456789012346000"),
        ("1.23E+2", "123"),
        ("-12.50", "-12.5"),
        (" 12 ", "12"),
        (".5", "0.5"),
        ("007", "7"),
        ("1E308", "1" + "0" * 308),
        # A script's long id: its digits are in the file, though Excel would show 15 of them.
        ("1234567890123456789", "1234567890123456789"),
        ("9007199254740993", "9007199254740993"),
        # A text that is not a number does not become one.
        ("1E309", "1E309"),
        ("1E999999999", "1E999999999"),
        ("NaN", "NaN"),
        ("INF", "INF"),
        ("1,5", "1,5"),
        ("1_000", "1_000"),
        ("\u0661\u0662", "\u0661\u0662"),
        ("12 34", "12 34"),
    ],
)
def test_numbers_are_what_a_spreadsheet_shows_in_full(stored, text):
    assert cell(stored) == text


@pytest.mark.parametrize(
    "value", [10.1, 0.1 + 0.2, 30.299999999999997, 1e21, 1e-7, 4.35, 1 / 3, 2.675, 123456.78]
)
def test_numbers_as_python_writes_them(value):
    book = Workbook()
    book.active.append(HEADER)
    book.active.append([value])
    ((_, (text,)),) = read(saved(book))[1:]
    assert float(text) == float(f"{value:.15g}")
    assert "e" not in text.lower()


@pytest.mark.parametrize("code", [9, 10, "0%", "0.00 %", '0"x"%', "[Red]0%;-0%"])
def test_percentages_are_no_numbers(code):
    assert cell("0.5", 1, styles=styles(code)) == "50%"
    assert cell("0.28999999999999998", 1, styles=styles(code)) == "29%"


@pytest.mark.parametrize(
    "code",
    [
        14,
        22,
        27,
        45,
        47,
        58,
        "yyyy-mm-dd",
        "d/m/yyyy;@",
        "[$-409]mmmm d\\, yyyy",
        "[h]:mm",
        "dd.mm.yy",
        "[$-F800]dddd",
    ],
)
def test_dates_are_no_numbers(code):
    assert cell("46053", 1, styles=styles(code)) == "2026-01-31"


@pytest.mark.parametrize(
    "code",
    [
        0, 1, 4, 11, 37, 44, 49, "0.00", "General", '0 "days"', "#,##0.00\\ \\d", "[$USD] 0.00", "[Red]0",
        "0_d", "0*s", "[>=100]0", "0.00E+00", "@", "GENERAL", "#,##0.00\\ [$\u20ac-407]",
    ],
)  # fmt: skip
def test_other_formats_are_numbers(code):
    assert cell("46053.5", 1, styles=styles(code)) == "46053.5"


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("0", "00:00:00"),
        ("0.5", "12:00:00"),
        ("1", "1900-01-01"),
        ("59", "1900-02-28"),
        ("60", "1900-02-29"),
        ("61", "1900-03-01"),
        ("46053.5", "2026-01-31T12:00:00"),
        ("46053.430902777778", "2026-01-31T10:20:30"),
        ("46053.430902783565", "2026-01-31T10:20:30.001"),
        ("46053.999999999999", "2026-02-01"),
        ("2958465", "9999-12-31"),
        ("2958466", "########"),
        ("2958465.9999999999", "########"),
        ("-1", "########"),
        ("123456789012", "########"),
        ("1E300", "########"),
        ("x", "x"),
    ],
)
def test_dates_are_iso(stored, text):
    assert cell(stored, 1, styles=styles(14)) == text


@pytest.mark.parametrize(
    ("stored", "text"), [("0", "1904-01-01"), ("44591", "2026-01-31"), ("0.5", "1904-01-01T12:00:00")]
)
def test_dates_of_the_1904_system(stored, text):
    workbook = parts_of()["xl/workbook.xml"].replace("<workbookPr/>", '<workbookPr date1904="1"/>')
    assert cell(stored, 1, styles=styles(14), workbook=workbook) == text


def test_dates_and_styles_as_openpyxl_writes_them():
    book = Workbook()
    book.active.append(HEADER)
    book.active.append([date(2026, 1, 31), datetime(2026, 1, 31, 8, 30), time(8, 30), 10.5])  # noqa: DTZ001
    book.active["D2"].number_format = "0.00%"
    assert read(saved(book))[1:] == [(2, ["2026-01-31", "2026-01-31T08:30:00", "08:30:00", "1050%"])]


def test_booleans_errors_and_formulas():
    row = (
        '<row r="2"><c t="b"><v>1</v></c><c t="b"><v>0</v></c><c t="e"><v>#N/A</v></c>'
        '<c><f>1+1</f><v>2</v></c><c t="str"><f>"a"</f><v>a_x0041_</v></c><c><f>A1</f></c>'
        '<c t="e"><f>1/0</f><v>#DIV/0!</v></c><c t="d"><v>2026-01-31</v></c></row>'
    )
    assert made(row) == [(2, ["TRUE", "FALSE", "#N/A", "2", "aA", NOT_COMPUTED, "#DIV/0!", "2026-01-31"])]


def test_a_formula_that_was_never_computed_is_not_taken_for_a_blank_cell():
    book = Workbook()
    book.active.append(HEADER)
    book.active.append(["a", "u", "CASH/USD", "=1+1"])
    assert read(saved(book))[1:] == [(2, ["a", "u", "CASH/USD", NOT_COMPUTED])]


def test_a_formula_whose_result_is_no_text_is_blank():
    row = '<row r="2"><c t="str"><f>""</f><v></v></c><c><v>1</v></c></row>'
    assert made(row) == [(2, ["", "1"])]


@pytest.mark.parametrize(
    "stored", ["0012", "1E5", " 10.55 ", "\u00e9\U0001f600", "a\nb", "'x", "5.0", "'=1+1", "''=1+1"]
)
def test_texts_are_as_they_are(stored):
    book = Workbook()
    book.active.append(HEADER)
    book.active.append([stored])
    book.active["A2"].data_type = "s"
    assert read(saved(book))[1:] == [(2, [stored])]


FORMULAS = ["=1+1", "+49", "-5", "@x", "=HYPERLINK(1)", "-1+cmd"]


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("cell_type", ["s", "str", "inlineStr", "e", "d"])
def test_neutralises_every_kind_of_cell_but_a_number(text, cell_type):
    stored = "0" if cell_type == "s" else text
    shared = f'<sst xmlns="{MAIN}"><si><t>{text}</t></si></sst>'
    assert cell(stored, cell_type=cell_type, sharedStrings=shared) == "'" + text


def test_neutralises_an_escaped_carriage_return():
    assert cell("_x000D_x", cell_type="inlineStr") == "'\rx"


@pytest.mark.parametrize("text", ["=1+1", "-1+cmd", "@x", "--1"])
@pytest.mark.parametrize("style", [0, 1, 2])
def test_neutralises_what_stands_in_the_place_of_a_number(text, style):
    shown = cell(text, style, styles=styles("0%", "yyyy-mm-dd"))
    assert shown.startswith("'" + text)


@pytest.mark.parametrize(
    ("value", "style", "shown"), [("-5", 0, "-5"), ("-12.50", 0, "-12.5"), ("-0.5", 1, "-50%")]
)
def test_a_negative_number_is_not_neutralised(value, style, shown):
    assert cell(value, style, styles=styles("0%")) == shown


def test_neutralises_a_header_cell():
    book = Workbook()
    book.active.append([*HEADER, "note"])
    book.active["E1"] = "=HYPERLINK(1)"
    book.active["E1"].data_type = "s"
    assert read(saved(book)) == [(1, [*HEADER, "'=HYPERLINK(1)"])]


SHARED = {
    "<t>plain</t>": "plain",
    '<t xml:space="preserve"> a  b </t>': " a  b ",
    "<r><rPr><b/></rPr><t>bo</t></r><r><t>ld</t></r>": "bold",
    '<t>reading</t><rPh sb="0" eb="1"><t>kana</t></rPh><phoneticPr fontId="1"/>': "reading",
    "<t>a_x000D_b</t>": "a\rb",
    "<t>_x005F_x000D_</t>": "_x000D_",
    "<t>_x000G_ _x12_</t>": "_x000G_ _x12_",
    "<t>_xD83D__xDE00_</t>": "\U0001f600",
    "<t>_xD83D_</t>": "\ufffd",
    "<t>&lt;&amp;&#233;</t>": "<&\u00e9",
    "<t><![CDATA[<x>]]></t>": "<x>",
    "": "",
}


@pytest.mark.parametrize("inside", SHARED)
def test_shared_and_inline_texts(inside):
    shared = f'<sst xmlns="{MAIN}"><si><t>other</t></si><si>{inside}</si><si><t>last</t></si></sst>'
    rows = '<row r="2"><c t="s"><v>1</v></c><c t="s"><v>2</v></c></row>'
    rows += f'<row r="3"><c t="inlineStr"><is>{inside}</is></c><c><v>9</v></c></row>'
    assert made(rows, sharedStrings=shared) == [(2, [SHARED[inside], "last"]), (3, [SHARED[inside], "9"])]


def test_rich_text_as_openpyxl_writes_it():
    book = Workbook()
    book.active.append(HEADER)
    book.active.append([CellRichText("a ", TextBlock(InlineFont(b=True), "b"), " c")])
    assert read(saved(book))[1:] == [(2, ["a b c"])]
