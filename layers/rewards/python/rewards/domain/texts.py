"""Texts as they are stored and compared: in Unicode's form NFC, without damaged characters (CONTRACT 1)."""

import re
import unicodedata

_HALF = "\ud800-\udfff"
_HALF_SURROGATE = re.compile(f"[{_HALF}]")
# Unicode's control characters (category Cc), halves of surrogate pairs, and U+FFFD.
_UNFIT = re.compile(f"[\x00-\x1f\x7f-\x9f{_HALF}\ufffd]")
# What Python calls white space, but for the control characters that no editor writes around a text.
_SPACES = (
    " \t\n\r\x0b\x0c\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def normalised(text: str) -> str:
    """The text in NFC: `e` with a combining diaeresis becomes `ë`."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def trimmed(text: str) -> str:
    """The text without the white space around it."""
    return text.strip(_SPACES)


def has_half_surrogate(text: str) -> bool:
    """Whether the text has half of a surrogate pair, which JSON can spell, but no file or table can hold."""
    return not text.isascii() and _HALF_SURROGATE.search(text) is not None


def writable(text: str) -> str:
    """The text with halves of surrogate pairs as JSON spells them, such as `\\ud800`."""
    return text.encode("utf-8", "backslashreplace").decode() if has_half_surrogate(text) else text


def folded(text: str) -> str:
    """The text without regard to upper and lower case, to compare it."""
    return normalised(normalised(text).casefold())


def problem_of_id(text: str) -> str | None:
    """Why the text cannot be an id, a unit or a program, in words that follow its name; else None."""
    found = _UNFIT.search(text)
    if found is None:
        return None
    character = found.group()
    code = f"U+{ord(character):04X}"
    if character == "\ufffd":
        what = f"{code}, which replaces a lost character"
    elif "\ud800" <= character <= "\udfff":
        what = f"{code}, which is half of a surrogate pair"
    else:
        what = f"the control character {code}"
    place = f"at position {found.start() + 1}"
    return f"contains {what} {place}. Remove it, or copy the text from its source again."
