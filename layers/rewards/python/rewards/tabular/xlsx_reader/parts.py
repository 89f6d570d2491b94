"""Readers of a part's XML: lists of attributes, and texts."""

from array import array
from collections.abc import Mapping

from rewards.domain.outcomes import FileRejectedError
from rewards.tabular.xlsx_reader.cell_text import unescaped
from rewards.tabular.xlsx_reader.errors import too_large, unreadable
from rewards.tabular.xlsx_reader.limits import (
    MAX_CELL,
    MAX_CELLS,
    MAX_DEPTH,
    MAX_LISTED,
    MAX_NAMESPACE,
    MAX_TEXT_BYTES,
    MAX_TEXTS,
)

_NAMESPACES = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",  # “Strict Open XML”
)


def tags(name: str) -> frozenset[str]:
    """An element's name as expat gives it, in each namespace of workbooks."""
    return frozenset(f"{namespace} {name}" for namespace in _NAMESPACES)


_T, _RPH, _SI = (tags(name) for name in ("t", "rPh", "si"))


class PartReader:
    """Takes in the XML of one part, and rejects what no spreadsheet writes."""

    done = False  # with what is wanted of the part

    def __init__(self, what: str) -> None:
        self.what = what
        self._depth = self._elements = 0

    def start(self, _tag: str, _attributes: Mapping[str, str]) -> None:
        self._depth += 1
        self._elements += 1

    def end(self, _tag: str) -> None:
        self._depth -= 1

    def text(self, text: str) -> None:
        """Characters between tags, in pieces."""

    def namespace(self, _prefix: str, uri: str) -> None:
        if uri and len(uri) > MAX_NAMESPACE:
            raise self.damaged("a namespace with a name without end")

    def doctype(self, *_: object) -> None:
        raise self.damaged("it defines entities, which no spreadsheet does")

    def tags(self) -> int:
        """How many tags have been opened."""
        return self._elements

    def check(self) -> None:
        """Called after every chunk."""
        if self._depth > MAX_DEPTH:
            raise self.damaged("elements within elements without end")
        if self._elements > MAX_CELLS:
            raise too_large(f"{self.what} has more than {MAX_CELLS:,} XML elements besides cells.")

    def damaged(self, how: str) -> FileRejectedError:
        return unreadable(f"{self.what} is damaged ({how}).")


class ListReader(PartReader):
    """Collects the attributes of some elements, named by "parent/name"."""

    def __init__(self, what: str, *paths: str) -> None:
        super().__init__(what)
        self._open = [""]
        self.found: dict[str, list[dict[str, str]]] = {path: [] for path in paths}

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        super().start(tag, attributes)
        name = tag.rpartition(" ")[2]
        found = self.found.get(f"{self._open[-1]}/{name}")
        self._open.append(name)
        if found is not None:
            found.append({key.rpartition(" ")[2]: value for key, value in attributes.items()})
            if len(found) > MAX_LISTED:
                raise too_large(f"{self.what} has more than {MAX_LISTED:,} entries.")

    def end(self, tag: str) -> None:
        super().end(tag)
        self._open.pop()


class TextReader(PartReader):
    """Gathers text, but not the phonetic readings beside it."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self._wanted = self._phonetic = False
        self._pieces: list[str] = []
        self._length = 0

    def start(self, tag: str, _attributes: Mapping[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if tag in _T:
            self._wanted = not self._phonetic
        elif tag in _RPH:
            self._phonetic = True

    def end(self, tag: str) -> None:
        self._depth -= 1
        if tag in _T:
            self._wanted = False
        elif tag in _RPH:
            self._phonetic = False

    def text(self, text: str) -> None:
        if self._wanted:
            self._length += len(text)
            if self._length > MAX_CELL * len("_x0000_"):
                raise self.too_long()
            self._pieces.append(text)

    def take(self) -> str:
        """The text gathered since the last time."""
        pieces = self._pieces
        text = pieces[0] if len(pieces) == 1 else "".join(pieces)
        pieces.clear()
        self._length = 0
        return text

    def too_long(self) -> FileRejectedError:
        return too_large(f"{self.what} has a text of more than {MAX_CELL:,} characters.")


class SharedTexts(TextReader):
    """The workbook's shared texts, packed: one run of UTF-8 and where each text ends."""

    def __init__(self) -> None:
        super().__init__("The list of shared texts")
        self._packed = bytearray()
        self._ends = array("I", [0])

    def end(self, tag: str) -> None:
        if tag not in _SI:
            super().end(tag)
        else:
            self._depth -= 1
            text = unescaped(self.take())
            if len(text) > MAX_CELL:
                raise self.too_long()
            self._packed += text.encode()
            self._ends.append(len(self._packed))

    def check(self) -> None:
        super().check()
        if len(self._ends) > MAX_TEXTS or len(self._packed) > MAX_TEXT_BYTES:
            raise too_large("The workbook has more different texts than fit into memory.")

    def __getitem__(self, index: str) -> str:
        """The text that a cell refers to; LookupError if there is none."""
        place = int(index) if index.isascii() and index.isdigit() and len(index) < 10 else -1
        if not 0 <= place < len(self._ends) - 1:
            raise LookupError(index)
        return self._packed[self._ends[place] : self._ends[place + 1]].decode()
