"""Makes report.png: a report in LibreOffice, some of it filled in. Needs soffice and pdftoppm.

    .venv/bin/python docs/images/make_report_picture.py

The people are invented; the workbook is written by the service's own code. Shown are the columns up to
`unit`: with all sixteen nothing could be read.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "layers/rewards/python")]

from rewards.domain.cells import Table  # noqa: E402
from rewards.domain.ids import make_id  # noqa: E402
from rewards.domain.packed import pack  # noqa: E402
from rewards.domain.report import COLUMNS, REDEEMABLE, REPORT_DEFINITIONS  # noqa: E402
from rewards.domain.units import currency, format_value, unit_name  # noqa: E402
from rewards.tabular.xlsx_writer import write_workbook  # noqa: E402  (the path above comes first)
from tests.builders.row_ids import make_row_id  # noqa: E402
from tests.libreoffice import LibreOffice  # noqa: E402

SHOWN = COLUMNS.index("unit") + 1
NOVEMBER_2026 = 1_795_000_000_000
# first name, last name, unit, available, paid, redeemed before, account, segments, next expiry
PEOPLE = [
    ("Ines", "Müller", "CASH/EUR", 250, 0, 0, "00417", "Newcomer", "2026-12-24"),
    ("Ines", "Müller", "POINT", 850, 0, 0, "00417", "Newcomer", ""),
    ("Amélie", "Laurent", "CASH/EUR", 128450, 128450, 45000, "atelier-laurent", "Gold", "2027-03-31"),
    ("Amélie", "Laurent", "POINT", 12400, 0, 3100, "atelier-laurent", "Gold", "2027-01-15"),
    ("Ben", "Okafor", "CASH/USD", 7500, 7500, 0, "brightside", "Newcomer", ""),
    ("Chiara", "Rossi", "CASH/EUR", 4999, 4999, 120000, "caffe-rossi", "Silver", "2026-12-31"),
    ("Daniel", "Kim", "CASH/USD", 1084250, 1000000, 260000, "daylight-media", "Gold, VIP", "2027-06-30"),
    ("Daniel", "Kim", "freemonth", 2, 0, 4, "daylight-media", "Gold, VIP", "2027-02-28"),
    ("Fatima", "Al-Sabah", "CASH/KWD", 312750, 312750, 88125, "gulf-partners", "Silver", "2027-09-01"),
    ("Haruto", "Tanaka", "CASH/JPY", 48000, 48000, 12000, "hoshi-works", "Gold", "2027-04-30"),
    ("Liam", "O'Connor", "CASH/GBP", 61500, 61500, 30500, "oconnor-sons", "Silver", "2027-05-17"),
    ("Priya", "Sharma", "CASH/USD", 33320, 33320, 91680, "sunrise-yoga", "Gold", "2027-08-08"),
]


def main():
    with tempfile.TemporaryDirectory() as folder:
        book = Path(folder, "report.xlsx")
        rows = [pack(row(*each)[:SHOWN]) for each in PEOPLE]
        numbers = REPORT_DEFINITIONS[REDEEMABLE].numbers
        write_workbook(book, Table(COLUMNS[:SHOWN], numbers, rows, "Balances"))
        page = Path(folder, "report.pdf")
        page.write_bytes(LibreOffice(folder, "en-US").save(book.name, book.read_bytes(), "pdf"))
        picture(page)


def row(first, last, unit, available, paid, redeemed, account, segments, expiry):
    user = f"{first}.{last}".lower().translate(str.maketrans("éü", "eu", "'-"))
    values = (format_value(credits, unit) for credits in (available, paid, redeemed))
    texts = (user, account, unit, segments, "", f"{expiry}T23:59:59Z" if expiry else "")
    row_id = make_row_id(make_id(NOVEMBER_2026, 7), account, user, unit, None)
    money = unit_name(unit), currency(unit) or ""
    return [first, last, f"{user}@example.com", "", *money, *values, *texts, row_id]


def picture(page):
    """The page without what is white around its table."""
    draw = shutil.which("pdftoppm"), "-r", "170", "-singlefile"
    drawn = subprocess.run([*draw, str(page)], check=True, capture_output=True).stdout
    _, size, _, pixels = drawn.split(b"\n", 3)
    width, height = map(int, size.split())
    lines = [pixels[y * width * 3 : (y + 1) * width * 3] for y in range(height)]
    white = b"\xff" * (width * 3)
    top = next(y for y, line in enumerate(lines) if line != white)
    bottom = next(y for y in range(top, height) if lines[y] == white)
    inked = [x for x in range(width) if lines[(top + bottom) // 2][3 * x : 3 * x + 3] != b"\xff\xff\xff"]
    cut = {"-x": inked[0] - 4, "-y": top - 4, "-W": inked[-1] - inked[0] + 9, "-H": bottom - top + 8}
    options = [str(part) for option in cut.items() for part in option]
    target = HERE / "report"
    subprocess.run([*draw, "-png", *options, str(page), str(target)], check=True)


if __name__ == "__main__":
    main()
