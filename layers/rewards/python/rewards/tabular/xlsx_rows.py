"""Rows of a sheet as XML.

Every cell has a reference: the standard does not need it, many programs do. What looks like an escape
(`_x0041_`) is escaped itself, and so is a carriage return, as Excel does it. XML has no place for most
control characters: U+FFFD stands for each. A cell holds 32,767 characters at most.
"""

import re
from collections.abc import Iterable, Sequence

from xlsxwriter.utility import xl_col_to_name

from rewards.domain.packed import PackedRow, unpack

MAX_CELL = 32_767  # characters, as UTF-16 counts them

_NUMBER = "\0"  # stands for the row's number in a template; no text in XML has it
_MOST_TEMPLATES = 10_000

# Whether its texts need care, the decimals of its numbers, and which cells are not blank.
_Shape = tuple[object, ...]


class XlsxRows:
    """Writes rows as XML, by a template for each shape of a row: which cells are blank, and what decimals
    there are.

    `styles` has a style for each column's texts, then one for its numbers of 0 decimals, of 1 and so on;
    `numbers` says which columns have numbers.
    """

    def __init__(self, styles: Sequence[str], numbers: Sequence[bool]) -> None:
        width = len(numbers)
        self._texts, *self._by_decimals = [
            styles[start : start + width] for start in range(0, len(styles), width)
        ]
        self._numbers = numbers
        self._places = [place for place, is_number in enumerate(numbers) if is_number]
        self._templates: dict[_Shape, list[str]] = {}

    def xml(self, rows: Iterable[PackedRow], number: int) -> str:
        """Return the rows, the first of which has this row number."""
        places, templates = self._places, self._templates
        written = []
        for place, row in enumerate(rows, start=number):
            careful = _needs_care(row)
            cells = [_escaped(cell) for cell in unpack(row)] if careful else row.split("\0")
            decimals = [len(cells[each].partition(".")[2]) for each in places]
            shape = (careful, *decimals, *map(bool, cells))
            parts = (templates.get(shape) or self._template(shape, careful, decimals, cells)).copy()
            parts[1::2] = cells
            written.append("".join(parts).replace(_NUMBER, str(place)))
        return "".join(written)

    def _template(
        self, shape: _Shape, careful: bool, decimals: Sequence[int], cells: Sequence[str]
    ) -> list[str]:
        """Return what stands around the cells of such a row, and remember it."""
        space = ' xml:space="preserve"' if careful else ""
        most = max(decimals, default=0)
        own = dict(zip(self._places, decimals, strict=True))
        around = [f'<row r="{_NUMBER}">']
        for place, cell in enumerate(cells):
            around[-1] += f'<c r="{xl_col_to_name(place)}{_NUMBER}" s="'
            if not cell:
                around[-1] += f'{self._texts[place]}"/>'
                after = ""
            elif place not in own:
                around[-1] += f'{self._texts[place]}" t="inlineStr"><is><t{space}>'
                after = "</t></is></c>"
            else:
                # A zero may have no decimals, but is shown as the other numbers of its row are.
                shown = own[place] or most
                style = self._by_decimals[min(shown, len(self._by_decimals) - 1)][place]
                around[-1] += f'{style}"><v>'
                after = "." + "0" * shown if shown > own[place] else ""
                after += "</v></c>"
            around += ["", after]  # the cell's place, and what follows it
        around[-1] += "</row>"
        if len(self._templates) >= _MOST_TEMPLATES:
            self._templates.clear()
        self._templates[shape] = around
        return around


_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Of ASCII: what XML gives a meaning, and what cannot be printed.
_SPECIAL = b"&<>\x7f" + bytes(range(32))
_LIKE_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")


def _needs_care(row: PackedRow) -> bool:
    """Whether any text must be escaped, or has spaces that a program may drop."""
    together = f"|{row}|".replace("\0", "|")
    if together.isascii():
        text = together.encode()
        if len(text.translate(None, _SPECIAL)) < len(text):
            return True
    elif not together.isprintable() or "&" in together or "<" in together or ">" in together:
        return True
    # Looking for one character is much quicker than looking for two.
    return (
        (" " in together and (" |" in together or "| " in together))
        or ("_" in together and "_x" in together)
        or len(together) > MAX_CELL // 2
    )


def _escaped(text: str) -> str:
    """A text as it stands in the XML."""
    text = _NOT_XML.sub("\ufffd", text)
    if len(text) > MAX_CELL // 2:
        text = text.encode("utf-16-le")[: 2 * MAX_CELL].decode("utf-16-le", "ignore")
    text = _LIKE_ESCAPE.sub("_x005F_", text).replace("\r", "_x000D_")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
