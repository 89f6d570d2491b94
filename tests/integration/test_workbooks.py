"""Workbooks that are uploaded: cells that look like formulas, and sheets that are not read."""

import io

import openpyxl
import pytest

from rewards.domain.object_keys import report_key
from rewards.domain.outcomes import WarningCode
from rewards.domain.report import REDEEMABLE
from rewards.flows import create_report
from rewards.flows.open_upload import open_sheet
from rewards.tabular import xlsx_writer

HEADER = ["accountId", "userId", "unit", "valueToRedeem"]


def saved(**sheets):
    """The bytes of a workbook with these sheets, each a list of rows; its texts are cells of text."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        for cell in (cell for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)):
            cell.data_type = "s"
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


LIVE = ["=HYPERLINK(1)", "+1", "-1+cmd", "@x", "\tx"]


def test_neutralises_text_cells_of_a_workbook_in_both_result_files(world):
    rows = [[*HEADER, "=header"], *(["acme", "ann", "POINT", "5", text] for text in LIVE)]
    record = world.upload("redemptions/a.xlsx", saved(Sheet=rows))
    for name in ("results.csv", "failed.csv"):
        shown = world.results(record, name)
        assert [row["'=header"] for row in shown] == ["'" + text for text in LIVE]


def test_leaves_cells_of_a_csv_file_as_they_were(world):
    body = "accountId,userId,unit,valueToRedeem,note\r\nacme,ann,POINT,5,=1+1\r\nacme,bob,POINT,5,'=1+1\r\n"
    record = world.upload("redemptions/a.csv", body)
    assert [row["note"] for row in world.results(record)] == ["=1+1", "'=1+1"]


def test_leaves_a_negative_number_of_a_workbook_as_it_is(world):
    rows = [[*HEADER, "change"], ["acme", "ann", "POINT", -5, -12.5]]
    record = world.upload("redemptions/a.xlsx", saved(Sheet=rows))
    assert record["outcomes"] == {"NOT_POSITIVE": 1}
    (row,) = world.results(record)
    assert (row["valueToRedeem"], row["change"]) == ("-5", "-12.5")


def test_reads_a_negative_value_in_a_text_cell_as_a_negative_number(world):
    record = world.upload("redemptions/a.xlsx", saved(Sheet=[HEADER, ["acme", "ann", "POINT", "-5"]]))
    assert record["outcomes"] == {"NOT_POSITIVE": 1}


@pytest.mark.parametrize("shown", ["=cmd", "'=cmd"])
def test_a_failed_file_of_a_workbook_finds_the_same_participants(world, shown):
    """An id that looks like a formula, as the person typed it and as the report neutralised it."""
    world.load([{"id": "r", "user.id": "=cmd", "assignedCredit": 5}])
    record = world.upload("redemptions/a.xlsx", saved(Sheet=[HEADER, ["acme", shown, "POINT", "+9"]]))
    assert record["outcomes"] == {"INSUFFICIENT_BALANCE": 1}
    (failed,) = world.results(record, "failed.csv")
    assert (failed["userId"], failed["valueToRedeem"]) == ("'=cmd", "'+9")
    text = world.bytes(f"imports/{record['id']}/failed.csv").decode()
    again = world.upload("redemptions/failed.csv", text.replace("'+9", "'+5"))
    assert again["outcomes"] == {"REDEEMED": 1}
    assert world.available("acme", "=cmd", "POINT") == 0


def test_a_failed_file_of_a_filled_in_report_fits_its_row_ids(world):
    world.load([{"id": "r", "user.id": "=cmd", "assignedCredit": 5}])
    export = world.export(REDEEMABLE, "XLSX")
    book = openpyxl.load_workbook(io.BytesIO(world.bytes(report_key(export["id"], "XLSX", REDEEMABLE))))
    columns = {cell.value: cell.column for cell in book.active[1]}
    book.active.cell(2, columns["valueToRedeem"]).value = 9
    file = io.BytesIO()
    book.save(file)
    record = world.upload("redemptions/a.xlsx", file.getvalue())
    assert record["outcomes"] == {"INSUFFICIENT_BALANCE": 1}
    text = world.bytes(f"imports/{record['id']}/failed.csv").decode("utf-8-sig")
    again = world.upload("redemptions/failed.csv", text.replace(",9,", ",5,"))
    assert again["outcomes"] == {"REDEEMED": 1}
    assert "Repaired" not in world.results(again)[0]["message"]


# Sheets that are not read


def warnings_of(world, content):
    """The warnings about a workbook as a whole."""
    record = world.upload("redemptions/a.xlsx", content)
    with open_sheet(world.files, world.import_jobs.get(record["id"])) as sheet:
        return sheet.warnings


def test_warns_of_other_sheets_with_content_and_names_them(world):
    table = [HEADER, ["acme", "ann", "POINT", 5]]
    found = warnings_of(world, saved(May=table, June=table, Empty=[], Notes=[["paid"]]))
    assert list(found) == [WarningCode.OTHER_SHEETS_IGNORED]
    said = found[WarningCode.OTHER_SHEETS_IGNORED]
    assert "Only the sheet “May” was imported" in said
    assert "“June”, “Notes”." in said
    assert "Empty" not in said


def test_the_warning_of_other_sheets_does_not_grow_with_the_workbook(world):
    others = {f"Sheet {number:025d}": [["x"]] for number in range(60)}
    said = warnings_of(world, saved(May=[HEADER, ["acme", "ann", "POINT", 5]], **others))
    (text,) = said.values()
    assert "and 55 more" in text
    assert len(text) < 500


def test_a_workbook_with_one_sheet_has_no_warning(world):
    assert not warnings_of(world, saved(May=[HEADER, ["acme", "ann", "POINT", 5]]))


def test_a_report_to_fill_in_never_has_a_second_sheet(world, monkeypatch):
    """An import reads one sheet, so the rows of a second one would be left out."""
    monkeypatch.setattr(xlsx_writer, "PART_BYTES", 1)
    monkeypatch.setattr(xlsx_writer, "_BATCH", 1)
    monkeypatch.setattr(create_report, "_AT_A_TIME", 1)
    world.load([{"id": "a", "assignedCredit": 5}, {"id": "b", "assignedCredit": 5, "unit": "CENTS"}])
    record = world.export(REDEEMABLE, "XLSX")
    assert record["error"]["code"] == "REPORT_TOO_LARGE"
    assert "one sheet" in record["error"]["message"]
    assert "as CSV" in record["error"]["message"]
