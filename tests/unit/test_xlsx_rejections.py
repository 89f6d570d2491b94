"""Workbooks that are rejected: damaged ones, and those that are too large or only look small."""

import io
import struct
import zipfile
from contextlib import suppress
from unittest.mock import patch

import pytest

from rewards.domain.outcomes import FileProblem, FileRejectedError
from rewards.tabular.xlsx_reader import parts, sheet_reader, workbook
from tests.builders.files import zipped
from tests.builders.workbooks import (
    HEADER_XML,
    MAIN,
    made,
    parts_of,
    read,
    rejection,
    relation,
    relations,
    sheet_xml,
)


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
    assert "Sheet “Balances” is damaged (at or after row 7: row 7 occurs twice" in problem.message


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
    bounds = (
        (workbook, "MAX_TEXTS_PART", 10_000),
        (parts, "MAX_TEXTS", 9_000),
        (parts, "MAX_TEXT_BYTES", 35_000),
    )
    for module, name, bound in bounds:
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
    assert "split them" in problem.message


def test_the_last_row_and_column_can_be_read():
    ((number, row),) = made('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    assert (number, len(row), row[-1]) == (1_048_576, 16_384, "1")


def test_gaps_count_as_cells():
    rows = "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(2, 3000))
    assert "33,554,432 cells" in rejection(zipped(parts_of(rows))).message


def test_shared_texts_cannot_multiply_without_end():
    shared = f'<sst xmlns="{MAIN}"><si><t>{"x" * 32_000}</t></si></sst>'
    rows = ("<row>" + '<c t="s"><v>0</v></c>' * 32 + "</row>") * 3000
    with patch.object(sheet_reader, "MAX_BYTES", 64 << 20):
        assert "2 GiB of text" in rejection(zipped(parts_of(rows, sharedStrings=shared))).message


def test_a_directory_without_end_is_not_taken_in():
    file = zipped({f"{'x' * 1000}{number}": "" for number in range(2100)})
    assert rejection(file).code == FileProblem.FILE_TOO_LARGE
