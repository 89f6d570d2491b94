"""Text that spreadsheets open: no cell of ours may run as a formula.

A cell that starts with `=`, `+`, `-`, `@`, tab or carriage return gets an apostrophe in
front (OWASP, CSV injection), and so does one that already looks neutralised. A redemption import
takes one apostrophe off again, so that every text survives the round trip. Rewards files are read as
they are: the reports that they come from are not neutralised.
"""

from collections.abc import Sequence

_STARTERS = ("=", "+", "-", "@", "\t", "\r")
_SUSPECTS = frozenset(("'", *_STARTERS))  # a glance at the first character settles nearly every cell


def neutralise(text: str) -> str:
    """A text as a cell that no spreadsheet runs."""
    if text[:1] in _SUSPECTS and text.lstrip("'").startswith(_STARTERS):
        return "'" + text
    return text


def neutralised(texts: Sequence[str]) -> Sequence[str]:
    """Texts as cells that no spreadsheet runs; a glance settles nearly every row."""
    for text in texts:
        if text[:1] in _SUSPECTS:
            return [neutralise(each) for each in texts]
    return texts


def restore(cell: str) -> str:
    """The text that `neutralise` made this cell of; any other cell unchanged."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_STARTERS) else cell


def inert(text: str) -> str:
    """Return a cell of a CSV file that no spreadsheet runs, and from which the import reads the same text.

    A text that is already neutralised stays as it is.
    """
    return neutralise(restore(text)) if text[:1] in _SUSPECTS else text
