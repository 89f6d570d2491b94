"""Which sheet and which rows of a workbook are read."""

import io
import tracemalloc
import zipfile
from itertools import islice

import pytest
from openpyxl import Workbook

from rewards.domain.outcomes import FileProblem, FileRejectedError
from rewards.domain.spreadsheet import inert
from rewards.tabular.xlsx_reader import read_workbook
from tests.builders.files import zipped
from tests.builders.workbooks import (
    HEADER,
    HEADER_XML,
    MAIN,
    NEEDED,
    OFFICE,
    STRICT_MAIN,
    STRICT_OFFICE,
    book_of,
    made,
    parts_of,
    read,
    rejection,
    relation,
    relations,
    saved,
    sheet_xml,
)


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
    rows = list(
        read_workbook(zipped(parts_of(sheet1=sheet, sharedStrings=shared)), ["accountId"], inert).rows
    )
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
    found = read_workbook(saved(book), NEEDED, inert)
    assert (found.sheet, found.ignored) == ("table", ["before", "more"])
    assert [row for _, row in found.rows] == [HEADER, ["acme", "ann", "POINT", "5"]]


def test_no_sheet_is_ignored_in_a_workbook_with_one():
    assert read_workbook(saved(sheets(table=[HEADER])), NEEDED, inert).ignored == []


def test_visible_sheets_are_ignored_if_the_table_is_on_a_hidden_one():
    book = sheets(notes=[["x"]], table=[HEADER])
    book["table"].sheet_state = "veryHidden"
    found = read_workbook(saved(book), NEEDED, inert)
    assert (found.sheet, found.ignored) == ("table", ["notes"])


def test_a_damaged_sheet_that_is_not_read_counts_as_ignored():
    file = saved(sheets(table=[HEADER, ["acme", "ann", "POINT", 5]], damaged=[["x"]]))
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    parts["xl/worksheets/sheet2.xml"] = "<worksheet"
    found = read_workbook(zipped(parts), NEEDED, inert)
    assert (len(list(found.rows)), found.ignored) == (2, ["damaged"])


def test_memory_does_not_grow_with_the_rows():
    one = '<row><c t="str"><v>account</v></c><c><v>10.55</v></c><c/></row>'
    file = zipped(parts_of(one * 20_000))
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_workbook(file, NEEDED, inert).rows) == 20_001
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 << 20


def test_rows_are_read_as_a_stream():
    """The damage is at the end of 50,000 rows: the first come before it is found."""
    file = zipped(parts_of("<row><c><v>1</v></c></row>" * 50_000 + "<broken>"))
    rows = read_workbook(file, NEEDED, inert).rows
    assert len(list(islice(rows, 40_000))) == 40_000
    with pytest.raises(FileRejectedError):
        list(rows)
