"""Files of rows for imports."""

import csv
import io
import zipfile
from typing import Any


def sheet(rows: list[dict[str, Any]], columns: list[str] | None = None) -> str:
    """Rows as a CSV file."""
    columns = columns or list(rows[0])
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def row(
    value: Any, account: str = "acme", user: str = "ann", unit: str = "POINT", **more: str
) -> dict[str, Any]:
    return {"accountId": account, "userId": user, "unit": unit, "valueToRedeem": value, **more}


def filled(world: Any, **shown: str) -> list[dict[str, Any]]:
    """The rows of a world's report with 1 to redeem in each, and some users' ids as a program shows them."""
    return [
        {**each, "valueToRedeem": "1", "userId": shown.get(each["userId"], each["userId"])}
        for each in world.report()
    ]


def zipped(parts: dict[str, Any]) -> io.BytesIO:
    """A zip archive of these files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file
