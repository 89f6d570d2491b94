"""Makes the files of this corpus again: `python tests/corpus/make.py` in the repository's folder.

Most are written byte by byte or with openpyxl, because there the exact bytes are the point. What only a
spreadsheet makes is made by one: LibreOffice (7.4 made those in the repository) without a window, once
speaking English and once German, opens a report and saves it the way an operator would. Those files start
with `libreoffice-`; without LibreOffice on the path they stay as they are.

The tests use the files as they lie in `files/`; nothing here runs in a test but WORLD, `row_id` and the
writers of large files. What is expected of each file stands in expected.json.
"""

import csv
import datetime
import io
import re
import shutil
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "layers/rewards/python")]

from openpyxl import Workbook  # noqa: E402  (the path above comes first)
from openpyxl.styles import Font  # noqa: E402

from rewards.domain.ids import make_id  # noqa: E402
from tests.builders.row_ids import make_row_id  # noqa: E402
from tests.libreoffice import COMMA, SEMICOLON, XLSX, LibreOffice  # noqa: E402

FILES = Path(__file__).parent / "files"
JANUARY_2025 = 1_735_689_600_000  # all reports of the corpus were made then

# Who has rewards, in which units; plenty of each, so that no file finds an empty balance.
PLENTY = 10**14
WORLD = [
    ("acme", "ann", "POINT"),
    ("acme", "ann", "CASH/USD"),
    ("acme", "bob", "POINT"),
    ("acme", "bob", "CASH/JPY"),
    ("acme", "bob", "CASH/KWD"),
    ("société", "müller", "CASH/EUR"),
    ("0042", "007", "POINT"),
    ("0042", "7", "POINT"),
    ("acme", "123456789012345678", "POINT"),
    ("acme", "3-4", "POINT"),
    ("acme", "true", "POINT"),
    ("acme", "12E5", "POINT"),
    ("acme", "+1@x", "POINT"),
]

REPORT = [
    "firstName",
    "lastName",
    "email",
    "dateBlocked",
    "unitName",
    "currency",
    "availableValue",
    "valueToRedeem",
    "totalRedeemedValue",
    "userId",
    "accountId",
    "unit",
    "segments",
    "programId",
    "nextExpiry",
    "rowId",
]
SHORT = ["firstName", "userId", "accountId", "unit", "valueToRedeem", "rowId"]

# The rows of most files: (account, user, unit, value). They redeem 10.55, 7 and 1234.50; the last nothing.
USUAL = [
    ("acme", "ann", "CASH/USD", "10.55"),
    ("acme", "bob", "POINT", "7"),
    ("société", "müller", "CASH/EUR", "1234.5"),
    ("acme", "bob", "CASH/JPY", "0"),
]
TYPES = {"CASH/USD": 2, "CASH/EUR": 2, "CASH/KWD": 3}


def row_id(file: str, account: str, user: str, unit: str) -> str:
    """The rowId of a balance in the report that this file was made from."""
    return make_row_id(export_id(file), account, user, unit, None)


def export_id(file: str) -> str:
    """The report that this file was made from."""
    return make_id(JANUARY_2025, zlib.crc32(file.encode()))


def table(file, rows=USUAL, header=SHORT, ids=True):
    """Header and rows of a report with these values filled in."""
    made = []
    for account, user, unit, value in rows:
        name, _, currency = unit.partition("/")
        cells = {
            "firstName": user.title(),
            "unitName": name,
            "currency": currency,
            "availableValue": "1000000.00" if TYPES.get(unit) == 2 else "1000000",
            "totalRedeemedValue": "0",
            "accountId": account,
            "userId": "'" + user if user.startswith("+") else user,
            "unit": unit,
            "valueToRedeem": value,
            "rowId": row_id(file, account, user, unit) if ids else "",
        }
        made.append([cells.get(column, "") for column in header])
    return [list(header), *made]


def text(rows, separator=",", end="\r\n"):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, lineterminator=end).writerows(rows)
    return out.getvalue()


def commas(rows):
    """Numbers as a German spreadsheet shows them."""
    return [[re.sub(r"^(\d+)\.(\d+)$", r"\1,\2", cell) for cell in row] for row in rows]


def replaced(rows, *changes):
    """Rows with cells changed: (row counted from 1 after the header, column, new text)."""
    rows = [list(row) for row in rows]
    for number, column, cell in changes:
        rows[number][rows[0].index(column)] = cell
    return rows


# --- Text files, byte by byte ---


def text_files():
    """Name -> bytes."""
    found = {}

    def add(name, rows, separator=",", end="\r\n", encoding="utf-8", before=""):
        rows = rows if isinstance(rows, str) else text(rows, separator, end)
        found[name] = (before + rows).encode(encoding)

    add("utf-8.csv", table("utf-8.csv"), end="\n")
    add("utf-8-bom.csv", table("utf-8-bom.csv"), encoding="utf-8-sig")
    add("excel-unicode-text.csv", commas(table("excel-unicode-text.csv")), "\t", encoding="utf-16-le",
        before="\ufeff")  # fmt: skip
    add("utf-16-be-tab.csv", table("utf-16-be-tab.csv"), "\t", encoding="utf-16-be", before="\ufeff")
    add("utf-16-le-comma.csv", table("utf-16-le-comma.csv"), encoding="utf-16-le", before="\ufeff")
    add("utf-16-without-bom.csv", table("utf-16-without-bom.csv"), encoding="utf-16-le")
    found["utf-16-cut-in-half.csv"] = (
        "\ufeff" + text(table("utf-16-cut-in-half.csv"), "\t")
    ).encode("utf-16-le")[:-1]  # fmt: skip
    name = "semicolon-decimal-comma.csv"
    add(name, commas(table(name)), ";", encoding="utf-8-sig")
    name = "semicolon-thousands.csv"
    add(name, replaced(commas(table(name)), (1, "valueToRedeem", "1.234,56"), (2, "valueToRedeem", "1.234"),
        (3, "valueToRedeem", "1 234,5"), (4, "valueToRedeem", "1.234.567")), ";")  # fmt: skip
    name = "comma-decimal-comma.csv"
    add(name, replaced(table(name), (1, "valueToRedeem", "10,55"), (2, "valueToRedeem", "1,234"),
        (3, "valueToRedeem", "1,234.56"), (4, "valueToRedeem", "1,234,567")))  # fmt: skip
    name = "ambiguous.csv"
    add(name, replaced(table(name), (1, "valueToRedeem", "1.234"), (2, "valueToRedeem", "1,234"),
        (3, "valueToRedeem", "10,55")), ";")  # fmt: skip
    name = "marks-disagree.csv"  # two people filled it in
    add(name, replaced(table(name), (1, "valueToRedeem", "1.234,56"), (2, "valueToRedeem", "1.234"),
        (3, "valueToRedeem", "1,234.56")), ";")  # fmt: skip
    add("windows-1252-semicolon.csv", commas(table("windows-1252-semicolon.csv")), ";", encoding="cp1252")
    add("windows-1252-comma.csv", table("windows-1252-comma.csv"), encoding="cp1252")
    name = "windows-1252-late.csv"  # the first byte that is not ASCII comes after 1,000 rows
    rows = [["Nobody", f"u{n}", "acme", "POINT", "0", ""] for n in range(1000)]
    made = table(name)
    add(name, [made[0], *rows, *made[1:]], encoding="cp1252")
    found["not-windows-1252.csv"] = text(table("not-windows-1252.csv")).encode("cp1252") + b"\x81\x8d\r\n"
    add("mac-roman.csv", commas(table("mac-roman.csv")), ";", "\r", encoding="mac-roman")
    add("cr-only.csv", table("cr-only.csv"), end="\r")
    name = "quoted-newlines.csv"
    add(name, replaced(table(name), (1, "firstName", 'Ann\r\nthe "first"'), (2, "firstName", "Bob\n\nBob"),
        (3, "firstName", "a\rb")))  # fmt: skip
    add(
        "quotes-everywhere.csv",
        "\r\n".join(",".join(f'"{c}"' for c in r) for r in table("quotes-everywhere.csv")),
    )
    add(
        "sep-semicolon.csv", commas(table("sep-semicolon.csv")), ";", encoding="utf-8-sig", before="sep=;\r\n"
    )
    add("sep-comma.csv", table("sep-comma.csv"), before="sep=,\r\n")
    add("sep-tab.csv", table("sep-tab.csv"), "\t", before="SEP=\t\r\n")
    name = "sep-quoted.csv"
    add(name, table(name), before='"sep=,",,,,,\r\n')
    name = "sep-pipe.csv"
    add(name, table(name), "|", before="sep=|\r\n")
    name = "title-rows.csv"
    title = [["Payout run, March"] + [""] * 5, [""] * 6, ["approved by", "Carol"] + [""] * 4]
    add(name, [*title, *table(name)])
    name = "title-rows-semicolon.csv"  # what Apple's Numbers exports: the table's name above it
    add(name, [["Table 1, all units"] + [""] * 5, *commas(table(name))], ";", "\n")
    name = "title-ragged.csv"
    add(name, 'Payout run\r\n\r\n"Bank; file"\r\n' + text(table(name)))
    name = "header-in-row-20.csv"
    add(name, [["note"]] * 19 + table(name))
    name = "header-in-row-21.csv"
    add(name, [["note"]] * 20 + table(name))
    name = "columns-moved.csv"
    header = ["rowId", "note", "valueToRedeem", "UNIT", "account_id", "User ID", "valueRedeemed", "paid on"]
    moved = [[r[5], "x", r[4], r[3], r[2], r[1], "99", "2026-11-21"] for r in table(name)[1:]]
    add(name, [header, *moved])
    name = "header-variants.csv"
    header = ["FIRSTNAME", "user_id", " Account Id ", "Unit", "VALUE TO REDEEM", "Row_ID"]
    add(name, [header, *table(name)[1:]])
    name = "header-twice.csv"
    add(name, [[*row, row[1]] for row in table(name)])
    name = "header-repeated-below.csv"  # a page break printed the header again
    made = table(name)
    add(name, [*made[:3], made[0], *made[3:]])
    name = "trailing-blanks.csv"
    add(name, [[*row, "", "", ""] for row in table(name)] + [[""] * 9] * 30)
    name = "blank-rows-between.csv"
    made = table(name)
    add(name, [made[0], made[1], [""] * 6, [" "] * 6, made[2], [], *made[3:]])
    name = "totals-row.csv"
    add(name, [*table(name), ["", "", "", "", "1252.05", ""], ["Total", "", "", "", "1252.05", ""]])
    name = "totals-in-user-column.csv"
    add(name, [*table(name), ["", "Total", "", "", "1252.05", ""]])
    name = "shifted-column.csv"  # only the column userId was sorted
    made = table(name)
    users = sorted(row[1] for row in made[1:])
    add(name, [made[0], *([r[0], user, *r[2:]] for r, user in zip(made[1:], users, strict=True))])
    name = "shifted-down.csv"  # a cell was deleted and those below moved up
    made = table(name)
    accounts = [*(row[2] for row in made[2:]), ""]
    add(name, [made[0], *([*r[:2], a, *r[3:]] for r, a in zip(made[1:], accounts, strict=True))])
    name = "unquoted-comma.csv"
    add(name, text(table(name)).replace("Ann,", "Archer, Ann,"))
    # fmt: off
    damaged = [("0042", "007", "POINT", "1"), ("acme", "123456789012345678", "POINT", "2"),
               ("acme", "3-4", "POINT", "3"), ("acme", "true", "POINT", "4"), ("acme", "12E5", "POINT", "5")]
    # fmt: on
    seen = [
        (1, "userId", "7"),
        (1, "accountId", "42"),
        (2, "userId", "123456789012345000"),
        (3, "userId", "03-Apr"),
        (4, "userId", "TRUE"),
        (5, "userId", "1200000"),
    ]  # fmt: skip
    add("damaged-ids.csv", replaced(table("damaged-ids.csv", damaged), *seen))
    add("damaged-ids-no-row-id.csv", replaced(table("damaged-ids-no-row-id.csv", damaged, ids=False), *seen))
    name = "damaged-ids-scientific.csv"
    add(name, replaced(table(name, damaged), (1, "userId", "7"), (2, "userId", "1.23457E+17"),
        (3, "userId", "4.3.26"), (4, "userId", "WAHR"), (5, "userId", "1,20E+06")), ";")  # fmt: skip
    name = "damaged-row-id.csv"
    made = table(name)
    add(
        name,
        replaced(
            made, (1, "rowId", made[1][5].lower()), (2, "rowId", made[2][5][:-1]), (3, "rowId", "#NAME?")
        ),
    )
    name = "neutralised.csv"
    add(name, table(name, [("acme", "+1@x", "POINT", "1"), ("acme", "ann", "POINT", "2")]))
    name = "neutralised-undone.csv"  # a spreadsheet took the apostrophe for its own
    add(name, replaced(table(name, [("acme", "+1@x", "POINT", "1")]), (1, "userId", "+1@x")))
    name = "formula-error.csv"
    add(name, replaced(table(name), (1, "valueToRedeem", "#REF!"), (2, "valueToRedeem", "#DIV/0!"),
        (3, "valueToRedeem", "=A1+1"), (4, "valueToRedeem", "########")))  # fmt: skip
    name = "values.csv"
    cells = {"$1,234.56": "acme/ann/CASH/USD", "7.9": "acme/ann/POINT", "0.9": "acme/bob/POINT",
             "-5": "0042/007/POINT", "1000.7": "acme/bob/CASH/JPY", "1.2345": "acme/bob/CASH/KWD",
             "€5": "société/müller/CASH/EUR", "1E+3": "0042/7/POINT", "50%": "acme/3-4/POINT",
             "NaN": "acme/true/POINT", "(5)": "acme/12E5/POINT", "\uff15": "acme/+1@x/POINT",
             "1" * 40: "acme/123456789012345678/POINT"}  # fmt: skip
    add(name, table(name, [(*where.split("/", 2), cell) for cell, where in cells.items()]))
    name = "repeated-rows.csv"
    made = table(name)
    add(name, [*made, made[1], [*made[2][:4], "8", ""]])
    name = "unknown.csv"
    add(
        name,
        replaced(
            table(name, ids=False), (1, "userId", "nobody"), (2, "unit", "TICKET"), (3, "accountId", "acme")
        ),
    )
    add("only-header.csv", table("only-header.csv")[:1])
    add("only-blank-rows.csv", "\r\n,,,\r\n\r\n")
    found["empty.csv"] = b""
    found["only-bom.csv"] = b"\xef\xbb\xbf"
    found["zeros.csv"] = bytes(4000)
    add(
        "broken-quotes.csv",
        text(table("broken-quotes.csv")) + 'Dan,"dan,acme,POINT,5,\r\nEve,eve,acme,POINT,6,\r\n',
    )
    add("missing-columns.csv", [row[:3] for row in table("missing-columns.csv")])
    name = "pipes.csv"
    add(name, table(name), "|")
    page = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in r) + "</tr>\r\n" for r in table("html.csv"))
    html = f"<html>\r\n<head><meta charset=utf-8></head>\r\n<body><table>\r\n{page}</table></body></html>\r\n"
    found["html.csv"] = found["html.xlsx"] = found["html.xls"] = html.encode()
    found["csv.xlsx"] = text(table("csv.xlsx")).encode("utf-8-sig")
    found["json.csv"] = b'[{"accountId": "acme", "userId": "ann", "unit": "POINT", "valueToRedeem": 5}]'
    found["pdf.pdf"] = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog>>endobj\n"
    return found


# --- Workbooks ---


def sheet_of(book, rows, title="Balances", at=None):
    """A sheet as the report has it: ids are text, values numbers with their unit's decimals."""
    sheet = book.create_sheet(title, at)
    for number, cells in enumerate(rows):
        numeric = {"availableValue", "valueToRedeem", "totalRedeemedValue"} if number else set()
        sheet.append(
            [as_number(cell) if name in numeric else cell for name, cell in zip(rows[0], cells, strict=False)]
        )
        for cell, name in zip(sheet[sheet.max_row], rows[0], strict=False):
            if name in numeric and isinstance(cell.value, float):
                cell.number_format = "0.00"
            elif number and name not in numeric:
                cell.number_format = "@"
                cell.data_type = "s"
    return sheet


def as_number(cell):
    return (float(cell) if "." in cell else int(cell)) if re.fullmatch(r"-?\d+(\.\d+)?", cell) else cell


def new_book(rows=None):
    book = Workbook()
    book.remove(book.active)
    return (book, sheet_of(book, rows)) if rows else book


def saved(book):
    out = io.BytesIO()
    book.save(out)
    return settled(out.getvalue())


def settled(content, change=lambda name, data: data):
    """A workbook without the time it was made, so that making it again makes the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            data = re.sub(
                rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", b"2026-01-01T00:00:00Z", old.read(entry)
            )
            new.writestr(zipfile.ZipInfo(entry.filename, (2026, 1, 1, 0, 0, 0)), change(entry.filename, data),
                         zipfile.ZIP_DEFLATED)  # fmt: skip
    return out.getvalue()


def workbooks():
    """Name -> bytes."""
    found = {}

    def book_of(name, rows=USUAL, header=SHORT, **more):
        return new_book(table(name, rows, header, **more))

    found["workbook.xlsx"] = saved(book_of("workbook.xlsx", header=REPORT)[0])
    found["xlsx.csv"] = saved(book_of("xlsx.csv")[0])
    found["workbook.xlsm"] = found["xlsx.csv"]

    book, sheet = book_of("hidden-sheet-first.xlsx")
    hidden = book.create_sheet("Lists", 0)
    hidden.append(["EUR", "USD"])
    hidden.sheet_state = "hidden"
    book.active = 1
    found["hidden-sheet-first.xlsx"] = saved(book)

    book, sheet = book_of("two-sheets.xlsx")
    sheet_of(book, table("two-sheets.xlsx", [("acme", "ann", "POINT", "99")]), "Old")
    found["two-sheets.xlsx"] = saved(book)

    book, sheet = book_of("hidden-sheet-with-the-columns.xlsx")  # last month's, put away
    old = sheet_of(
        book, table("hidden-sheet-with-the-columns.xlsx", [("acme", "ann", "POINT", "99")]), "Old", 0
    )
    old.sheet_state = "veryHidden"
    book.active = 1
    found["hidden-sheet-with-the-columns.xlsx"] = saved(book)

    book, sheet = book_of("protected-sheet.xlsx")
    sheet.protection.enable()
    sheet.protection.password = "secret"
    book.security.lockStructure = True
    found["protected-sheet.xlsx"] = saved(book)

    book, sheet = book_of("title-rows.xlsx")
    sheet.insert_rows(1, 3)
    sheet["A1"] = "Payout run, March"
    sheet.merge_cells("A1:F2")
    sheet["A1"].font = Font(bold=True)
    found["title-rows.xlsx"] = saved(book)

    book, sheet = book_of("blank-rows-and-columns.xlsx")
    sheet.insert_rows(3, 2)
    sheet.insert_cols(1, 2)
    for number in range(20, 200):
        sheet.cell(number, 30).number_format = "0.00"
    found["blank-rows-and-columns.xlsx"] = saved(book)

    book, sheet = book_of("filtered-rows.xlsx")
    sheet.auto_filter.ref = "A1:F5"
    sheet.row_dimensions[3].hidden = True
    found["filtered-rows.xlsx"] = saved(book)

    book, sheet = book_of("totals-row.xlsx")
    sheet.append(["Total", None, None, None, 1252.05])
    found["totals-row.xlsx"] = saved(book)

    book = new_book()
    book.create_sheet("Sheet1")
    found["empty-sheet.xlsx"] = saved(book)
    found["only-header.xlsx"] = saved(new_book(table("only-header.xlsx")[:1])[0])
    found["missing-columns.xlsx"] = saved(new_book([row[:3] for row in table("missing-columns.xlsx")])[0])

    users = [("acme", "ann", "CASH/USD"), ("acme", "bob", "POINT"), ("société", "müller", "CASH/EUR"),
             ("acme", "bob", "CASH/JPY"), ("acme", "bob", "CASH/KWD"), ("acme", "ann", "POINT"),
             ("0042", "7", "POINT"), ("acme", "3-4", "POINT"), ("acme", "true", "POINT")]  # fmt: skip

    def cells(name, *values):
        """A workbook with these cells in valueToRedeem: (value, number format)."""
        book, sheet = book_of(name, [(*who, "0") for who in users[: len(values)]])
        for number, (value, shown) in enumerate(values, start=2):
            sheet.cell(number, 5).value = value
            sheet.cell(number, 5).number_format = shown
        found[name] = saved(book)

    cells(
        "floats.xlsx",
        (10.1, "0.00"),
        (7.0, "General"),
        (0.1 + 0.2, "General"),
        (1e3, "0.00E+00"),
        (1.005, "0.000"),
        (2.9999999999999996, "0"),
        (0.1 * 3, "0"),
        (1e15, "0"),
        (434.99999999999994, "0"),
    )
    cells("shown-rounded.xlsx", (10.556, "0.00"), (7.9, "0"), (99999.999, "0.0"), (0.4, "0"))
    cells("numbers-as-text.xlsx", ("10.55", "@"), (" 7 ", "@"), ("1,234.56", "@"), ("1\u00a0000", "@"),
          ("1,234", "@"), ("seven", "@"), ("", "@"), ("'5", "@"), ("1E+3", "@"))  # fmt: skip
    cells(
        "formats.xlsx",
        (10.55, '"$"#,##0.00'),
        (7, "#,##0"),
        (1234.5, "#,##0.00\\ [$€-407]"),
        (0, "0"),
        (-5, "0.00"),
    )
    cells("percent.xlsx", (0.5, "0%"), (0.5, "0.00%"))
    noon = datetime.datetime(2026, 3, 4, 12)  # noqa: DTZ001  (spreadsheets know no time zone)
    cells("dates.xlsx", (datetime.date(2026, 3, 4), "yyyy-mm-dd"), (noon, "dd.mm.yyyy hh:mm"),
          (datetime.time(12, 30), "hh:mm"))  # fmt: skip
    cells(
        "booleans-and-errors.xlsx",
        (True, "General"),
        ("#N/A", "General"),
        ("#DIV/0!", "General"),
        (False, "General"),
    )
    cells("formulas-never-computed.xlsx", ("=5+5", "0"), ('=IF(1,"7","")', "0"), (10.1, "0"))

    # fmt: off
    damaged = [("0042", "007", "POINT", "1"), ("acme", "123456789012345678", "POINT", "2"),
               ("acme", "3-4", "POINT", "3"), ("acme", "true", "POINT", "4"), ("acme", "12E5", "POINT", "5")]
    # fmt: on
    numbers = [7, 123456789012345678.0, datetime.date(2026, 4, 3), True, 1200000.0]
    for name, ids in (("damaged-ids.xlsx", True), ("damaged-ids-no-row-id.xlsx", False)):
        book, sheet = book_of(name, damaged, ids=ids)
        for number, value in enumerate(numbers, start=2):
            sheet.cell(number, 2).number_format = "d-mmm" if number == 4 else "General"
            sheet.cell(number, 2).value = value
        sheet["C2"].value, sheet["C2"].number_format = 42, "0000"
        found[name] = saved(book)

    book, sheet = book_of("neutralised.xlsx", [("acme", "+1@x", "POINT", "1")])
    found["neutralised.xlsx"] = saved(book)

    plain = found["workbook.xlsx"]
    found["cut-in-half.xlsx"] = plain[: len(plain) // 2]
    found["sheet-cut-in-half.xlsx"] = settled(
        plain, lambda name, data: data[: len(data) // 2] if name.endswith("sheet1.xml") else data
    )
    found["not-xml.xlsx"] = settled(
        plain, lambda name, data: b"\0\1\2" if name.endswith("sheet1.xml") else data
    )
    found["zip-of-a-photo.xlsx"] = zipped({"photo.jpg": b"\xff\xd8\xff\xe0" + bytes(100)})
    found["dimension-lies.xlsx"] = settled(
        saved(book_of("dimension-lies.xlsx")[0]),
        lambda _, data: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:XFD1048576"', data),
    )
    # "Strict Open XML Spreadsheet" of Excel: the same under other names.
    found["strict.xlsx"] = settled(saved(book_of("strict.xlsx")[0]), strict)
    found["encrypted.xlsx"] = encrypted()
    entity = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    found["entities.xlsx"] = settled(
        plain,
        lambda name, data: (
            re.sub(rb"(<\?xml[^>]*\?>)?", lambda m: m[0] + entity, data, count=1).replace(b"Ann", b"&b;")
            if name.endswith(("sharedStrings.xml", "sheet1.xml"))
            else data
        ),
    )
    return found


def strict(_, data):
    for loose, name in (
        (b"http://schemas.openxmlformats.org/spreadsheetml/2006/main", b"spreadsheetml/main"),
        (
            b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
            b"officeDocument/relationships",
        ),
    ):
        data = data.replace(loose, b"http://purl.oclc.org/ooxml/" + name)
    return data


def zipped(entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in entries.items():
            file.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)
    return out.getvalue()


def encrypted():
    """What Excel writes for a workbook with a password: an OLE container with two streams' names in it."""
    sector = 512
    head = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + bytes.fromhex("3e000300feff09000600") + bytes(10)
    head += (1).to_bytes(4, "little") + (1).to_bytes(4, "little") + bytes(4) + (4096).to_bytes(4, "little")
    head += (
        b"\xfe\xff\xff\xff" + bytes(4) + b"\xfe\xff\xff\xff" + bytes(4) + bytes(4) + b"\xff" * (sector - 80)
    )
    names = ("Root Entry", "EncryptedPackage", "EncryptionInfo")
    folder = b"".join(
        (name.encode("utf-16-le").ljust(64, b"\0") + (2 * len(name) + 2).to_bytes(2, "little")).ljust(
            128, b"\0"
        )
        for name in names
    )
    table = bytes.fromhex("fdfffffffeffffff") + b"\xff" * (sector - 8)
    noise = b"".join(zlib.crc32(bytes([n % 256, n // 256])).to_bytes(4, "little") for n in range(1024))
    return head[:sector] + table + folder.ljust(sector, b"\0") + noise


# --- LibreOffice ---

SEMICOLON_1252 = "csv:Text - txt - csv (StarCalc):59,34,1,1,,0,false,true,true,false"
TAB_UTF16 = "csv:Text - txt - csv (StarCalc):9,34,65535,1,,0,false,true,true,false"
AS_CSV = "--infilter=Text - txt - csv (StarCalc):44,34,76,1,,0,false,true"


def libreoffice_files():
    """Name -> bytes. The operator filled in the values beforehand (the text says which program saved it)."""
    found = {}
    ids = [*USUAL, ("0042", "007", "POINT", "1"), ("acme", "123456789012345678", "POINT", "2"),
           ("acme", "3-4", "POINT", "3"), ("acme", "true", "POINT", "4"), ("acme", "12E5", "POINT", "5"),
           ("acme", "+1@x", "POINT", "6")]  # fmt: skip

    def workbook(name):
        return saved(new_book(table(name, ids, REPORT))[0])

    def report(name):
        return text(table(name, ids, REPORT)).encode("utf-8-sig")

    with tempfile.TemporaryDirectory() as folder:
        english, german = LibreOffice(folder, "en-US"), LibreOffice(folder, "de-DE")
        for name, program, as_what in (
            ("libreoffice-xlsx-to-comma.csv", english, COMMA),
            ("libreoffice-xlsx-to-semicolon-german.csv", german, SEMICOLON),
            ("libreoffice-xlsx-to-1252-german.csv", german, SEMICOLON_1252),
            ("libreoffice-xlsx-to-utf-16-tab-german.csv", german, TAB_UTF16),
            ("libreoffice-xlsx-to-xlsx.xlsx", english, XLSX),
            ("libreoffice-xlsx-to-xlsx-german.xlsx", german, XLSX),
        ):
            found[name] = program.save("report.xlsx", workbook(name), as_what)
        for name, program, as_what in (
            ("libreoffice-csv-to-comma.csv", english, COMMA),
            ("libreoffice-csv-to-semicolon-german.csv", german, SEMICOLON),
            ("libreoffice-csv-to-xlsx.xlsx", english, XLSX),
        ):
            found[name] = program.save("report.csv", report(name), as_what, AS_CSV)
        found["libreoffice-97.xlsx"] = found["libreoffice-97.xls"] = english.save(
            "report.xlsx", workbook("libreoffice-97.xlsx"), "xls:MS Excel 97"
        )
        found["libreoffice.ods"] = settled(
            english.save("report.xlsx", workbook("libreoffice.ods"), "ods:calc8")
        )
        found["libreoffice-html.xlsx"] = re.sub(
            rb'<meta name="(created|changed)"[^>]*>', b"",
            english.save("report.xlsx", workbook("libreoffice-html.xlsx"), "html:HTML (StarCalc)"),
        )  # fmt: skip
        for name, program, as_what in (
            ("libreoffice-formulas.xlsx", english, XLSX),
            ("libreoffice-formulas-german.csv", german, SEMICOLON),
        ):
            book, sheet = new_book(table(name, ids[:6], REPORT))
            place = REPORT.index("valueToRedeem") + 1
            for number, formula in enumerate(["=1.1*3", "=SUM(3,4)", '="1234.5"', "=G5*0", "=1/0"], 2):
                sheet.cell(number, place).value = formula
            sheet.cell(7, REPORT.index("userId") + 1).value = '=CONCATENATE("123456789","012345678")'
            found[name] = program.save("report.xlsx", saved(book), as_what)
    return {name: settled(data) if name.endswith(".xlsx") and data[:2] == b"PK" else data
            for name, data in found.items()}  # fmt: skip


# --- Large files, made when a test wants them ---


def million_csv(rows):
    """A sheet that is full: only the first, the middle and the last row want something."""
    wanting = {1: "ann,acme,POINT", rows // 2: "bob,acme,POINT", rows: "7,0042,POINT"}
    yield b"userId,accountId,unit,valueToRedeem\r\n"
    for start in range(1, rows + 1, 1000):
        numbers = range(start, min(start + 1000, rows + 1))
        rows_now = (f"{wanting[n]},1\r\n" if n in wanting else f"user{n},acme,POINT,0\r\n" for n in numbers)
        yield "".join(rows_now).encode()


def million_xlsx(path, rows):
    """The same as a workbook, its texts in the cells (openpyxl would take minutes)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        small, _ = new_book([["userId", "accountId", "unit", "valueToRedeem"]])
        with zipfile.ZipFile(io.BytesIO(saved(small))) as book:
            for entry in book.namelist():
                if not entry.endswith("sheet1.xml"):
                    file.writestr(entry, book.read(entry))
        with file.open("xl/worksheets/sheet1.xml", "w") as sheet:
            name = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
            sheet.write(f'<worksheet xmlns="{name}"><sheetData>'.encode())
            for number, line in enumerate(b"".join(million_csv(rows)).splitlines(), start=1):
                cells = "".join(
                    f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in line.decode().split(",")
                )
                sheet.write(f'<row r="{number}">{cells}</row>'.encode())
            sheet.write(b"</sheetData></worksheet>")


def main():
    FILES.mkdir(exist_ok=True)
    made = {**text_files(), **workbooks()}
    if shutil.which("soffice"):
        made |= libreoffice_files()
    for name, content in made.items():
        (FILES / name).write_bytes(content)


if __name__ == "__main__":
    main()
