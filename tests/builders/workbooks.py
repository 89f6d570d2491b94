"""Workbooks for tests: made by openpyxl, and by hand what openpyxl would not write."""

import io
from collections import deque

import pytest
from openpyxl import Workbook

from rewards.domain.outcomes import FileRejectedError
from rewards.domain.spreadsheet import inert
from rewards.tabular.xlsx_reader import read_workbook
from tests.builders.files import zipped

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


def saved(book):
    file = io.BytesIO()
    book.save(file)
    return file


def read(file):
    return list(read_workbook(file, NEEDED, inert).rows)


def made(rows="", **changed):
    """The rows below the header of a workbook made by hand."""
    header, *others = read(zipped(parts_of(rows, **changed)))
    assert header == (1, HEADER)
    return others


def rejection(file):
    with pytest.raises(FileRejectedError) as rejected:
        deque(read_workbook(file, NEEDED, inert).rows, maxlen=0)
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
