"""Texts as they are stored and compared: in Unicode's form NFC, without damaged characters (CONTRACT 1)."""

import re
import unicodedata

# Unicode's control characters (category Cc), halves of surrogate pairs, U+FFFD, which stands for a
# character that was lost, and the two noncharacters beside it, which no workbook can hold.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd-\uffff]")


def normalised(text: str) -> str:
    """The text in NFC: `e` with a combining diaeresis becomes `ë`."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


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
        what = f"{code}, which stands for a character that was lost"
    elif "\ud800" <= character <= "\udfff":
        what = f"{code}, which is half of a surrogate pair"
    elif character > "\ufffd":
        what = f"{code}, which is not a character"
    else:
        what = f"the control character {code}"
    place = f"at position {found.start() + 1}"
    return f"contains {what}, {place}: remove it, or take the text from its source again."
