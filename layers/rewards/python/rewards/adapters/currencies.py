"""The currencies of ISO 4217, from the table that the package `iso4217` carries."""

from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree


def read_currencies() -> dict[str, int]:
    """The decimals of each currency in use, by code; codes without a minor unit (XAU, XXX ...) are left out.

    The package's module is not imported: building its classes takes three times as long as reading its table,
    and every cold start pays for it.
    """
    package = find_spec("iso4217")
    if package is None or package.origin is None:
        raise LookupError("the package iso4217 is not installed, so the decimals of money are not known")
    table = Path(package.origin).with_name("table.xml").read_bytes()
    found = {}
    for entry in ElementTree.fromstring(table).iter("CcyNtry"):  # noqa: S314 a pinned package's own file
        code, decimals = entry.findtext("Ccy", "").strip(), entry.findtext("CcyMnrUnts", "").strip()
        if code and decimals.isdigit():
            found[code] = int(decimals)
    return found
