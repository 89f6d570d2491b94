"""Workbooks are made here: by openpyxl, and by hand what openpyxl would not write."""

import io
import struct
import tracemalloc
import zipfile
from collections import deque
from contextlib import suppress
from datetime import date, datetime, time
from itertools import islice
from unittest.mock import patch

import pytest
from openpyxl import Workbook
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont

from rewards.domain.outcomes import FileProblem, FileRejectedError
from rewards.tabular import xlsx_reader as module
from rewards.tabular.xlsx_reader import NOT_COMPUTED, read_workbook

NEEDED = ("accountId", "userId", "unit", "valueToRedeem")
HEADER = list(NEEDED)

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT_MAIN = "http://purl.oclc.org/ooxml/spreadsheetml/main"
STRICT_OFFICE = "http://purl.oclc.org/ooxml/officeDocument/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"

HEADER_XML = (
    '<row r="1">' + "".join(f'<c t="inlineStr"><is><t>{name}</t></is></c>' for name in NEEDED) + "</row>"
)


def relation(number, kind, target, office=OFFICE, more=""):
    return f'<Relationship Id="rId{number}" Type="{office}/{kind}" Target="{target}"{more}/>'


def relations(*each):
    return f'<Relationships xmlns="{PACKAGE}">{"".join(each)}</Relationships>'


def sheet_xml(rows, main=MAIN):
    return f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'


def parts_of(rows="", **changed):
    """The parts of a workbook with one sheet, `rows` below its header; a part that is None is left out."""
    parts = {
        "_rels/.rels": relations(relation(1, "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><workbookPr/>'
        '<sheets><sheet name="Balances" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(
            relation(3, "sharedStrings", "sharedStrings.xml"),
            relation(2, "styles", "styles.xml"),
            relation(1, "worksheet", "worksheets/sheet1.xml"),
        ),
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><cellXfs><xf numFmtId="0"/></cellXfs></styleSheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"/>',
        "xl/worksheets/sheet1.xml": sheet_xml(HEADER_XML + rows),
    }
    names = {name.rpartition("/")[2].partition(".")[0]: name for name in parts if name.endswith(".xml")}
    for key, content in changed.items():
        parts[names.get(key, key)] = content
    return {name: content for name, content in parts.items() if content is not None}


def zipped(parts):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file


def saved(book):
    file = io.BytesIO()
    book.save(file)
    return file


def read(file):
    return list(read_workbook(file, NEEDED).rows)


def made(rows="", **changed):
    """The rows below the header of a workbook made by hand."""
    header, *others = read(zipped(parts_of(rows, **changed)))
    assert header == (1, HEADER)
    return others


def rejection(file):
    with pytest.raises(FileRejectedError) as rejected:
        deque(read_workbook(file, NEEDED).rows, maxlen=0)
    return rejected.value


def cell(value, style=0, cell_type="n", **changed):
    """The text of one cell whose stored value is this."""
    ((_, (text,)),) = made(
        f'<row r="2"><c r="A2" s="{style}" t="{cell_type}"><v>{value}</v></c></row>', **changed
    )
    return text


def styles(*formats):
    """A style sheet whose cell styles have these number formats: ids, or codes of their own."""
    own = [code for code in formats if isinstance(code, str)]
    ids = [200 + own.index(code) if isinstance(code, str) else code for code in formats]
    return (
        f'<styleSheet xmlns="{MAIN}"><numFmts>'
        + "".join(f"<numFmt numFmtId='{200 + n}' formatCode='{code}'/>" for n, code in enumerate(own))
        + '</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/>'
        + "".join(f'<xf numFmtId="{n}" applyNumberFormat="1"/>' for n in ids)
        + "</cellXfs></styleSheet>"
    )


# Texts and numbers


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
        # What is no number is not made one.
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


# Rows and sheets


def test_empty_rows_are_skipped_but_counted_and_rows_end_with_their_last_text():
    rows = (
        '<row r="3"><c r="B3"><v>1</v></c><c r="C3" s="0"/><c r="F3" t="str"><v></v></c></row>'
        '<row r="4"/><row r="5"><c r="A5"/></row><row r="7" hidden="1"><c r="A7"><v>2</v></c></row>'
    )
    assert made(rows) == [(3, ["", "1"]), (7, ["2"])]


def test_rows_and_cells_without_references_follow_the_one_before():
    rows = '<row><c><v>1</v></c><c r="D2"><v>2</v></c><c><v>3</v></c></row>'
    rows += '<row r="9"/><row><c><v>4</v></c></row>'
    assert made(rows) == [(2, ["1", "", "", "2", "3"]), (10, ["4"])]


def test_the_header_may_stand_below_a_merged_title_and_be_written_differently():
    book = Workbook()
    sheet = book.active
    sheet["B2"] = "Balances of January"
    sheet.merge_cells("B2:E3")
    for place, name in enumerate(("VALUE TO REDEEM", "account_id", "User Id", "Unit", "x"), start=2):
        sheet.cell(5, place, name)
    sheet.cell(6, 2, 7)
    rows = read(saved(book))
    assert rows == [(5, ["", "VALUE TO REDEEM", "account_id", "User Id", "Unit", "x"]), (6, ["", "7"])]


def test_the_header_is_looked_for_in_twenty_rows_that_are_not_empty():
    for titles, found in ((19, True), (20, False)):
        book = Workbook()
        for number in range(titles):
            book.active.cell(2 * number + 1, 1, "title")
        book.active.append(HEADER)
        file = saved(book)
        assert (
            (read(file) == [(2 * titles, HEADER)]) if found else (rejection(file).code == "MISSING_COLUMNS")
        )


def book_of(*sheets):
    """A workbook of sheets (title, rows, state)."""
    book = Workbook()
    book.remove(book.active)
    for title, rows, state in sheets:
        sheet = book.create_sheet(title)
        sheet.sheet_state = state
        for row in rows:
            sheet.append(row)
    return saved(book)


def test_the_first_visible_sheet_with_the_columns_counts_then_hidden_ones():
    mine, other = [HEADER, ["mine"]], [HEADER, ["other"]]
    notes = [["some"], ["notes"]]
    visible, hidden, deep = "visible", "hidden", "veryHidden"
    for sheets in (
        [("Notes", notes, visible), ("Bl\u00e4tt \u2603", mine, visible), ("Next", other, visible)],
        [("Hidden", other, hidden), ("Notes", notes, visible), ("Mine", mine, visible)],
        [("Deep", other, deep), ("Notes", notes, visible), ("Mine", mine, hidden)],
        [("Empty", [], visible), ("Mine", mine, visible)],
    ):
        assert read(book_of(*sheets)) == [(1, HEADER), (2, ["mine"])]


def test_missing_columns_are_named_with_what_is_there_instead():
    problem = rejection(
        book_of(("A", [["x"], ["y"]], "visible"), ("Bl\u00e4tt", [[], ["userId", "unit"]], "visible"))
    )
    assert problem.code == FileProblem.MISSING_COLUMNS
    assert problem.message == (
        "Row 2 of sheet “Bl\u00e4tt” lacks accountId and valueToRedeem. It has: userId, unit. "
        "Name these columns exactly as they are named in the report."
    )


def test_a_workbook_without_any_cell_is_empty():
    assert rejection(book_of(("A", [], "visible"), ("B", [[None]], "visible"))).code == FileProblem.EMPTY_FILE
    assert rejection(io.BytesIO()).code == FileProblem.EMPTY_FILE


def test_protected_sheets_can_be_read():
    book = Workbook()
    book.active.append(HEADER)
    book.active.protection.set_password("secret")
    book.security.lockStructure = True
    assert read(saved(book)) == [(1, HEADER)]


def test_chartsheets_are_passed_over():
    book = Workbook()
    book.create_chartsheet("Chart", 0)
    book.active = 1
    book.worksheets[0].append(HEADER)
    assert read(saved(book)) == [(1, HEADER)]


def test_strict_workbooks():
    parts = parts_of()
    for name, content in parts.items():
        parts[name] = content.replace(MAIN, STRICT_MAIN).replace(OFFICE, STRICT_OFFICE)
    assert read(zipped(parts)) == [(1, HEADER)]


def test_prefixed_namespaces():
    sheet = f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData><x:row><x:c t="s"><x:v>0</x:v></x:c>'
    sheet += (
        '<x:c><x:v>1</x:v></x:c><y:c xmlns:y="urn:y"><y:v>2</y:v></y:c></x:row></x:sheetData></x:worksheet>'
    )
    shared = f'<x:sst xmlns:x="{MAIN}"><x:si><x:t>accountId</x:t></x:si></x:sst>'
    rows = list(read_workbook(zipped(parts_of(sheet1=sheet, sharedStrings=shared)), ["accountId"]).rows)
    assert rows == [(1, ["accountId", "1"])]


@pytest.mark.parametrize(
    "target",
    [
        "/xl/worksheets/sheet1.xml",
        "./worksheets/sheet1.xml",
        "../xl/Worksheets/Sheet1.XML",
        "worksheets\\sheet1.xml",
    ],
)
def test_targets_may_be_absolute_or_relative(target):
    parts = parts_of(**{"xl/_rels/workbook.xml.rels": relations(relation(1, "worksheet", target))})
    assert read(zipped(parts)) == [(1, HEADER)]


def test_parts_may_have_other_names():
    parts = parts_of(**{"_rels/.rels": relations(relation(7, "officeDocument", "/Office/Book.xml"))})
    parts["office/book.xml"] = parts.pop("xl/workbook.xml")
    parts["office/_rels/book.xml.rels"] = relations(relation(1, "worksheet", "../xl/worksheets/sheet1.xml"))
    del parts["xl/_rels/workbook.xml.rels"]
    assert read(zipped(parts)) == [(1, HEADER)]


def test_styles_and_shared_texts_may_be_missing_if_no_cell_needs_them():
    assert made('<row><c s="5"><v>1</v></c></row>', **{"xl/_rels/workbook.xml.rels": relations(
        relation(1, "worksheet", "worksheets/sheet1.xml"))}) == [(2, ["1"])]  # fmt: skip


def test_other_encodings_of_xml():
    text = sheet_xml(HEADER_XML + '<row><c t="str"><v>\u00e9</v></c></row>')
    for encoding in ("UTF-16", "ISO-8859-1"):
        part = (f'<?xml version="1.0" encoding="{encoding}"?>' + text).encode(encoding)
        assert made(sheet1=part) == [(2, ["\u00e9"])]


# Files that are rejected


@pytest.mark.parametrize("start", ["d0cf11e0a1b11ae1", "d0cf11e0"])
def test_old_and_encrypted_workbooks_are_named(start):
    problem = rejection(io.BytesIO(bytes.fromhex(start) + bytes(1000)))
    assert problem.code == FileProblem.UNREADABLE_FILE
    assert "old format or is protected by a password: save it as .xlsx without a password" in problem.message


@pytest.mark.parametrize(
    "content",
    [
        b"<html><table><tr><td>accountId</td></tr></table></html>",
        b"accountId,userId\n",
        b"\0" * 100,
        b"PK",
        b"PK\3\4xxx",
    ],
)
def test_other_files_are_rejected(content):
    assert rejection(io.BytesIO(content)).code == FileProblem.UNREADABLE_FILE


BROKEN = {
    "no workbook": {"workbook": None},
    "no sheet": {"sheet1": None},
    "no relations": {"xl/_rels/workbook.xml.rels": None},
    "no shared texts": {"sharedStrings": None},
    "no styles": {"styles": None},
    "binary workbook": {
        "_rels/.rels": relations(relation(1, "officeDocument", "xl/workbook.bin")), "xl/workbook.bin": "",
    },
    "broken XML": {"sheet1": sheet_xml(HEADER_XML + "<row>")},
    "cut XML": {"sheet1": f'<worksheet xmlns="{MAIN}"><sheetData>{HEADER_XML}<row r="2"><c r="A2"><v>10'},
    "no XML": {"sheet1": "hello"},
    "empty part": {"sheet1": ""},
    "unknown encoding": {"sheet1": '<?xml version="1.0" encoding="klingon"?>' + sheet_xml(HEADER_XML)},
    "another root": {"sheet1": "<html><body/></html>"},
    "no shared text of this number": {"sheet1": sheet_xml('<row><c t="s"><v>0</v></c></row>')},
    "negative shared text": {"sheet1": sheet_xml('<row><c t="s"><v>-1</v></c></row>')},
    "unknown cell type": {"sheet1": sheet_xml('<row><c t="q"><v>1</v></c></row>')},
    "the same row twice": {"sheet1": sheet_xml(HEADER_XML + '<row r="2"/><row r="2"/>')},
    "rows in wrong order": {"sheet1": sheet_xml(HEADER_XML + '<row r="3"/><row r="2"/>')},
    "row zero": {"sheet1": sheet_xml('<row r="0"/>')},
    "no row number": {"sheet1": sheet_xml('<row r="x"/>')},
    "the same cell twice": {"sheet1": sheet_xml(HEADER_XML + '<row r="2"><c r="A2"/><c r="A2"/></row>')},
    "a cell of another row": {"sheet1": sheet_xml(HEADER_XML + '<row r="2"><c r="A3"/></row>')},
    "two values in a cell": {"sheet1": sheet_xml(HEADER_XML + "<row><c><v>1</v><v>2</v></c></row>")},
    "a cell in a cell": {"sheet1": sheet_xml(HEADER_XML + "<row><c><c/></c></row>")},
    "a cell outside": {"sheet1": sheet_xml(HEADER_XML + "<c/>")},
    "a row in a row": {"sheet1": sheet_xml(HEADER_XML + "<row><row/></row>")},
    "entities": {"sheet1": '<!DOCTYPE x [<!ENTITY a "a">]>' + sheet_xml(HEADER_XML)},
    "an external entity": {"sheet1": '<!DOCTYPE x SYSTEM "file:///etc/passwd">' + sheet_xml(HEADER_XML)},
    "a namespace without end": {"sheet1": f'<worksheet xmlns="{MAIN}" xmlns:x="{"x" * 999}"/>'},
    "a tag without end": {"sheet1": sheet_xml(f'<row r="{" " * (3 << 20)}"/>')},
    "a comment without end": {"sheet1": sheet_xml(f"<!-- {'x' * (3 << 20)} -->")},
    "blanks without end": {"sheet1": sheet_xml(" " * (3 << 20))},
    "nesting without end": {"sheet1": sheet_xml("<x>" * 100_000)},
    "nesting in styles": {"styles": "<x>" * 100_000},
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_damaged_workbooks_are_rejected_with_words(case):
    problem = rejection(zipped(parts_of(**BROKEN[case])))
    assert problem.code == FileProblem.UNREADABLE_FILE
    assert "save it as .xlsx" in problem.message or "save it again as .xlsx" in problem.message


def test_damage_is_found_where_it_is():
    problem = rejection(zipped(parts_of(sheet1=sheet_xml(HEADER_XML + '<row r="7"/><row r="7"/>'))))
    assert "Sheet “Balances” is damaged (at or after row 7: row 7 stands twice" in problem.message


def test_a_changed_digit_is_found_by_the_checksum():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts_of('<row><c r="A2"><v>1055</v></c></row>').items():
            archive.writestr(name, content)
    content = file.getvalue()
    assert content.count(b"1055") == 1
    problem = rejection(io.BytesIO(content.replace(b"1055", b"9055")))
    assert problem.code == FileProblem.UNREADABLE_FILE
    assert "CRC" in problem.message


def test_any_truncation_or_flipped_byte_is_rejected_or_harmless():
    content = zipped(parts_of('<row><c r="A2"><v>1055</v></c></row>')).getvalue()
    whole = read(io.BytesIO(content))
    for place in range(0, len(content), 3):
        flipped = bytearray(content)
        flipped[place] ^= 0x55
        for damaged in (bytes(flipped), content[:place]):
            with suppress(FileRejectedError):
                assert read(io.BytesIO(damaged)) == whole


def test_a_part_that_occurs_twice_is_rejected():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts_of().items():
            archive.writestr(name, content)
        archive.writestr("xl/worksheets/SHEET1.xml", sheet_xml(""))
    assert "ambiguous" in rejection(file).message


def patched(content, name, position, form, value):
    """A zip with one field of a part's entry in the directory changed."""
    at = content.rindex(name.encode()) - 46 + position
    return content[:at] + struct.pack(form, value) + content[at + struct.calcsize(form) :]


def test_encrypted_and_oddly_packed_parts_are_rejected():
    content = zipped(parts_of()).getvalue()
    for position, value in ((8, 1), (10, 14), (10, 99)):
        changed = patched(content, "xl/worksheets/sheet1.xml", position, "<H", value)
        assert rejection(io.BytesIO(changed)).code == FileProblem.UNREADABLE_FILE


# Files that are too large, or only look small


def test_a_zip_that_says_it_unpacks_beyond_the_bound_is_rejected_unread():
    content = patched(zipped(parts_of()).getvalue(), "xl/worksheets/sheet1.xml", 24, "<L", (2 << 30) + 1)
    assert rejection(io.BytesIO(content)).code == FileProblem.FILE_TOO_LARGE


def test_a_zip_that_lies_about_sizes_is_read_no_further_than_it_says():
    bomb = sheet_xml(HEADER_XML + '<row r="2"><c><v>1</v></c></row>' + " " * (4 << 20))
    content = patched(zipped(parts_of(sheet1=bomb)).getvalue(), "xl/worksheets/sheet1.xml", 24, "<L", 1000)
    assert rejection(io.BytesIO(content)).code == FileProblem.UNREADABLE_FILE


def test_entities_are_not_unfolded():
    entities = '<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
    )
    bomb = f"<!DOCTYPE x [{entities}]>" + sheet_xml('<row><c t="str"><v>&j;</v></c></row>')
    assert rejection(zipped(parts_of(sheet1=bomb))).code == FileProblem.UNREADABLE_FILE


def test_shared_texts_beyond_the_bound_are_rejected():
    file = zipped(parts_of(sharedStrings=f'<sst xmlns="{MAIN}">{"<si><t>text</t></si>" * 10_000}</sst>'))
    for name, bound in (("_MAX_TEXTS_PART", 10_000), ("MAX_TEXTS", 9_000), ("MAX_TEXT_BYTES", 35_000)):
        with patch.object(module, name, bound):
            assert rejection(file).code == FileProblem.FILE_TOO_LARGE
    assert read(file)


TOO_LARGE = {
    "row number": '<row r="999999999"/>',
    "row after the last": '<row r="1048576"/><row/>',
    "column": '<row r="2"><c r="XFE2"/></row>',
    "column without reference": '<row r="2"><c r="XFD2"/><c/></row>',
    "text in a cell": f'<row r="2"><c t="str"><v>{"x" * 32_768}</v></c></row>',
    "text in a piece": f'<row r="2"><c t="str"><v>{"x" * 1_000_000}</v></c></row>',
    "text in a row": '<row r="2">' + f'<c t="str"><v>{"x" * 32_767}</v></c>' * 33 + "</row>",
}


@pytest.mark.parametrize("case", TOO_LARGE)
def test_sheets_beyond_a_bound_are_rejected(case):
    problem = rejection(zipped(parts_of(TOO_LARGE[case])))
    assert problem.code == FileProblem.FILE_TOO_LARGE
    assert "divide them" in problem.message


def test_the_last_row_and_column_can_be_read():
    ((number, row),) = made('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    assert (number, len(row), row[-1]) == (1_048_576, 16_384, "1")


def test_gaps_count_as_cells():
    rows = "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(2, 3000))
    assert "33,554,432 cells" in rejection(zipped(parts_of(rows))).message


def test_shared_texts_cannot_multiply_without_end():
    shared = f'<sst xmlns="{MAIN}"><si><t>{"x" * 32_000}</t></si></sst>'
    rows = ("<row>" + '<c t="s"><v>0</v></c>' * 32 + "</row>") * 3000
    with patch.object(module, "MAX_BYTES", 64 << 20):
        assert "2 GiB of text" in rejection(zipped(parts_of(rows, sharedStrings=shared))).message


def test_a_directory_without_end_is_not_taken_in():
    file = zipped({f"{'x' * 1000}{number}": "" for number in range(2100)})
    assert rejection(file).code == FileProblem.FILE_TOO_LARGE


def sheets(**contents):
    """A workbook with these sheets, each a list of rows."""
    book = Workbook()
    book.remove(book.active)
    for name, rows in contents.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    return book


def test_names_the_visible_sheets_with_content_that_are_not_read():
    table = [HEADER, ["acme", "ann", "POINT", 5]]
    book = sheets(
        before=[["title"]], table=table, empty=[], blank=[["  "], [None]], hidden=[["x"]], more=table
    )
    book["hidden"].sheet_state = "hidden"
    found = read_workbook(saved(book), NEEDED)
    assert (found.sheet, found.ignored) == ("table", ["before", "more"])
    assert [row for _, row in found.rows] == [HEADER, ["acme", "ann", "POINT", "5"]]


def test_no_sheet_is_ignored_in_a_workbook_with_one():
    assert read_workbook(saved(sheets(table=[HEADER])), NEEDED).ignored == []


def test_visible_sheets_are_ignored_if_the_table_is_on_a_hidden_one():
    book = sheets(notes=[["x"]], table=[HEADER])
    book["table"].sheet_state = "veryHidden"
    found = read_workbook(saved(book), NEEDED)
    assert (found.sheet, found.ignored) == ("table", ["notes"])


def test_a_damaged_sheet_that_is_not_read_counts_as_ignored():
    file = saved(sheets(table=[HEADER, ["acme", "ann", "POINT", 5]], damaged=[["x"]]))
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    parts["xl/worksheets/sheet2.xml"] = "<worksheet"
    found = read_workbook(zipped(parts), NEEDED)
    assert (len(list(found.rows)), found.ignored) == (2, ["damaged"])


def test_memory_does_not_grow_with_the_rows():
    one = '<row><c t="str"><v>account</v></c><c><v>10.55</v></c><c/></row>'
    file = zipped(parts_of(one * 20_000))
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_workbook(file, NEEDED).rows) == 20_001
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 << 20


def test_rows_are_read_as_a_stream():
    """The damage is at the end of 50,000 rows: the first come before it is found."""
    file = zipped(parts_of("<row><c><v>1</v></c></row>" * 50_000 + "<broken>"))
    rows = read_workbook(file, NEEDED).rows
    assert len(list(islice(rows, 40_000))) == 40_000
    with pytest.raises(FileRejectedError):
        list(rows)
