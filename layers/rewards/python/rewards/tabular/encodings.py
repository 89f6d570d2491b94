"""The encodings of text files: their names, and which one a file that is not Unicode has.

A library detects the encoding (docs/decisions has the figures). It gets only the cells that are not
ASCII: ids and amounts do not help it. Of its guesses, those count in which
the fewest words look as a wrong encoding makes them look.
"""

import codecs
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

UTF_8 = "UTF-8"

# The names that people see, and Python's codecs. Where two encodings share a name on the web, it is the
# larger one, as browsers read it.
_CODECS = {
    UTF_8: "utf-8",
    "UTF-16": "utf-16",
    "UTF-16LE": "utf-16-le",
    "UTF-16BE": "utf-16-be",
    "Windows-1250": "cp1250",
    "Windows-1251": "cp1251",
    "Windows-1252": "cp1252",
    "Windows-1253": "cp1253",
    "Windows-1254": "cp1254",
    "Windows-1255": "cp1255",
    "Windows-1256": "cp1256",
    "Windows-1257": "cp1257",
    "Windows-1258": "cp1258",
    "Windows-874": "cp874",
    "ISO-8859-2": "iso8859-2",
    "ISO-8859-3": "iso8859-3",
    "ISO-8859-4": "iso8859-4",
    "ISO-8859-5": "iso8859-5",
    "ISO-8859-6": "iso8859-6",
    "ISO-8859-7": "iso8859-7",
    "ISO-8859-8": "iso8859-8",
    "ISO-8859-10": "iso8859-10",
    "ISO-8859-13": "iso8859-13",
    "ISO-8859-14": "iso8859-14",
    "ISO-8859-15": "iso8859-15",
    "ISO-8859-16": "iso8859-16",
    "KOI8-R": "koi8-r",
    "KOI8-U": "koi8-u",
    "IBM437": "cp437",
    "IBM850": "cp850",
    "IBM852": "cp852",
    "IBM866": "cp866",
    "Mac Roman": "mac-roman",
    "Shift_JIS": "cp932",
    "EUC-JP": "euc_jp",
    "EUC-KR": "cp949",
    "GB18030": "gb18030",
    "Big5": "cp950",
}
_ALIASES = {
    "iso-8859-1": "Windows-1252",
    "latin1": "Windows-1252",
    "latin-1": "Windows-1252",
    "ascii": "Windows-1252",
    "us-ascii": "Windows-1252",
    "iso-8859-9": "Windows-1254",
    "latin2": "ISO-8859-2",
    "latin5": "Windows-1254",
    "latin-9": "ISO-8859-15",
    "utf8": UTF_8,
    "utf-8-sig": UTF_8,
    "utf16": "UTF-16",
    "unicode": "UTF-16",
    "macintosh": "Mac Roman",
    "macroman": "Mac Roman",
    "x-mac-roman": "Mac Roman",
    "sjis": "Shift_JIS",
    "x-sjis": "Shift_JIS",
    "ms932": "Shift_JIS",
    "windows-31j": "Shift_JIS",
    "cp932": "Shift_JIS",
    "windows-949": "EUC-KR",
    "uhc": "EUC-KR",
    "cp949": "EUC-KR",
    "gbk": "GB18030",
    "gb2312": "GB18030",
    "cp936": "GB18030",
    "windows-936": "GB18030",
    "big5-hkscs": "Big5",
    "cp950": "Big5",
    "windows-950": "Big5",
    "dos-874": "Windows-874",
    "tis-620": "Windows-874",
    **{f"cp{page}": f"IBM{page}" for page in (437, 850, 852, 866)},
    **{f"cp{page}": f"Windows-{page}" for page in (874, *range(1250, 1259))},
}
_NAMES = {name.lower(): name for name in _CODECS} | _ALIASES

# What is looked for: the encodings in which spreadsheets save, the largest of each family.
_DETECTED = (
    "Windows-1252",
    "Windows-1250",
    "Windows-1251",
    "Windows-1253",
    "Windows-1254",
    "ISO-8859-2",
    "ISO-8859-5",
    "KOI8-R",
    "Mac Roman",
    "Shift_JIS",
    "EUC-KR",
    "GB18030",
    "Big5",
)
# A guess nearly as good as the best one is Windows-1252 rather than another: far more files have it.
_NEARLY = 0.9

_SAMPLE_BYTES = 1 << 16
_LINE_SHOWN = 200
# No character of the encodings above has one of these bytes behind its first.
_CELL_ENDS = re.compile(rb'[,;\t"\r\n]+')
_LINE_ENDS = re.compile(rb"[\r\n]")
_WORD_ENDS = re.compile(r"[\s\-.'\u2019`/&()]+")
_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "HALFWIDTH", "CJK", "HANGUL", "HIRAGANA", "KATAKANA")


def encoding_name(label: str) -> str:
    """The plain name of an encoding that was set. Raises ValueError if it is not known."""
    found = _NAMES.get(label.strip().lower()) or _NAMES.get(label.strip().lower().replace("_", "-"))
    if found is None:
        examples = "UTF-8, Windows-1252, Windows-1251, Shift_JIS or GB18030"
        raise ValueError(f"{label[:40]!r} is not a supported encoding. Use for example {examples}.")
    return found


def codec_of(name: str) -> str:
    """Python's codec for a plain name."""
    return _CODECS[name]


@dataclass(frozen=True, slots=True)
class Detected:
    """An encoding that was detected, and the first line beyond ASCII as it reads in it."""

    encoding: str
    line: str


class Sample:
    """The part of a file that shows its encoding: the non-ASCII cells, and the line with the first."""

    def __init__(self) -> None:
        self._cells: dict[bytes, None] = {}
        self._size = 0
        self._rest = b""
        self._line: bytes | None = None

    @property
    def full(self) -> bool:
        """Whether more of the file would change nothing."""
        return self._size >= _SAMPLE_BYTES

    def read(self, chunks: Iterable[bytes]) -> "Sample":
        """Take in a file, chunk by chunk, as far as it is needed."""
        for chunk in chunks:
            self.add(chunk)
            if self.full:
                break
        else:
            self.add(b"\n")
        return self

    def add(self, chunk: bytes) -> None:
        """Take in the next bytes of the file."""
        text = self._rest + chunk
        cut = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
        if not cut and len(text) < _SAMPLE_BYTES * 16:  # a line may be longer than a chunk
            self._rest = text
            return
        whole, self._rest = (text[:cut], text[cut:]) if cut else (text, b"")
        if whole.isascii():
            return
        if self._line is None:
            self._line = next(line for line in _LINE_ENDS.split(whole) if not line.isascii())
        for cell in _CELL_ENDS.split(whole):
            if not cell.isascii() and cell not in self._cells and not self.full:
                self._cells[cell] = None
                self._size += len(cell)

    def detect(self) -> Detected | None:
        """The encoding of the file, or None if every encoding has bytes without a meaning."""
        if self._line is None:
            return None
        name = _detect(list(self._cells))
        if name is None:
            return None
        return Detected(name, self._line.decode(codec_of(name), "replace").strip()[:_LINE_SHOWN])

    def shown(self) -> str:
        """The first line beyond ASCII, with its other bytes as escapes."""
        return (self._line or b"")[:_LINE_SHOWN].decode("utf-8", "backslashreplace").strip()

    def mostly_utf_8(self) -> bool:
        """Whether more cells are UTF-8 than are not: then the file is damaged, or made of two files."""
        valid = sum(map(_is_utf_8, self._cells))
        return valid * 2 > len(self._cells)


def _detect(cells: list[bytes]) -> str | None:
    import chardet  # a quarter of a second, and only for files that are not UTF-8

    sample = b"\n".join(cells)
    guesses = chardet.detect_all(
        sample, ignore_threshold=True, include_encodings=[_CODECS[name] for name in _DETECTED]
    )
    readings: list[tuple[str, float, int]] = []
    for guess in guesses:
        name = _NAMES.get((guess["encoding"] or "").lower())
        wrong = None if name is None else _wrong_words(sample, name)
        if name is not None and wrong is not None:
            readings.append((name, guess["confidence"], wrong))
    if not readings:
        return None
    few = min(wrong for _, _, wrong in readings) + len(cells) // 10
    likely = {name: confidence for name, confidence, wrong in reversed(readings) if wrong <= few}
    best = max(likely, key=lambda name: likely[name])
    return "Windows-1252" if likely.get("Windows-1252", 0.0) >= likely[best] * _NEARLY else best


def _wrong_words(sample: bytes, name: str) -> int | None:
    """How many words have what a wrong encoding makes of letters; None if bytes have no meaning in it."""
    try:
        text = sample.decode(codec_of(name))
    except UnicodeDecodeError:
        return None
    return sum(not (word.isascii() or _is_word(word)) for word in _WORD_ENDS.split(text))


def _is_word(word: str) -> bool:
    """No control characters, one script, no symbols among letters, no capital after a small letter."""
    beyond = [letter for letter in word if not letter.isascii()]
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cn", "Co", "Cs") for letter in beyond):
        return False
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in word}.intersection(_SCRIPTS)
    if "LATIN" in scripts and len(scripts) > 1:
        return False
    if any(one.islower() and other.isupper() and not other.isascii() for one, other in pairwise(word)):
        return False
    symbols = any(
        unicodedata.category(letter)[0] in "SP" or unicodedata.category(letter) in ("Lm", "No")
        for letter in beyond
    )
    return not (symbols and any(map(str.isalpha, word)))


def _is_utf_8(cell: bytes) -> bool:
    try:
        cell.decode()
    except UnicodeDecodeError:
        return False
    return True


def unreadable_unicode(start: bytes) -> str | None:
    """The name of a Unicode encoding that is not read, by a file's first bytes, or None."""
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "UTF-32"
    head = start[:64]
    if len(head) >= 8 and len(head) % 4 == 0:
        zeros = [place % 4 for place, byte in enumerate(head) if byte == 0]
        if len(zeros) == 3 * len(head) // 4 and len(set(zeros)) == 3:
            return "UTF-32"
    return None
