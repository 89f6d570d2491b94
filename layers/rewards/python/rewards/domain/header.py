"""Finding the header: the row that has the needed columns, perhaps below some title rows."""

import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches

from rewards.domain.outcomes import FileProblem, FileRejectedError

# So many rows from the top are looked at.
HEADER_ROWS = 20

# So many unknown names are listed; a file may have a new one in each of its lines.
MAX_NAMES = 20

# Characters beside letters that a name may have without being another name.
_QUOTES = "\"'`\u00b4\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb"
# Invisible although Unicode counts them as marks or letters.
_FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0" + "".join(map(chr, range(0xFE00, 0xFE10)))
_IGNORED = frozenset("_" + _QUOTES + _FILLERS)
_INVISIBLE = ("Cc", "Cf", "Zs", "Zl", "Zp")


def normalise(name: str) -> str:
    """A header name as it is compared: without case, spaces, underscores, quotes and invisible characters."""
    return "".join(
        letter for letter in name if letter not in _IGNORED and unicodedata.category(letter) not in _INVISIBLE
    ).lower()


def is_header(row: Sequence[str], needed: Sequence[str]) -> bool:
    """Whether a row has all needed column names."""
    return not missing_columns(row, needed)


def missing_columns(row: Sequence[str], needed: Sequence[str]) -> list[str]:
    """The needed names that a row does not have."""
    names = {normalise(cell) for cell in row}
    return [name for name in needed if normalise(name) not in names]


def best_header(rows: Sequence[list[str]], needed: Sequence[str]) -> list[str]:
    """The row that lacks the fewest needed names, the first of equals."""
    return min(rows, key=lambda row: len(missing_columns(row, needed)))


def find_columns(header: Sequence[str], needed: Sequence[str], used: Sequence[str]) -> dict[str, int]:
    """Where each known column stands. Rejects a header that lacks a needed one or has one twice."""
    missing = missing_columns(header, needed)
    if missing:
        raise FileRejectedError(FileProblem.MISSING_COLUMNS, missing_message(header, missing))
    places: dict[str, list[int]] = {}
    for place, name in enumerate(header):
        places.setdefault(normalise(name), []).append(place)
    known = [name for name in (*needed, *used) if normalise(name) in places]
    twice = [name for name in known if len(places[normalise(name)]) > 1]
    if twice:
        raise FileRejectedError(
            FileProblem.UNREADABLE_FILE,
            f"The header row has {listed(twice)} more than once, so it is not clear which column is meant. "
            "Remove or rename the other column.",
        )
    return {name: places[normalise(name)][0] for name in known}


def missing_message(header: Sequence[str], missing: Sequence[str], place: str = "The header row") -> str:
    """Why a header is rejected: what is missing, what there is, and why similar names do not match."""
    names = [name for name in header if name.strip()]
    lacks = f"{place} lacks {listed(missing)}."
    if len(names) == 1 and len(missing) > 1:
        whole = normalise(names[0])
        if all(normalise(name) in whole for name in missing):
            return (
                f"{lacks} It has only one cell, “{_cut(names[0])}”: each line of the file is a single cell, "
                "for example because the whole line is in quotes. Divide the lines into columns (in Excel: "
                "Data, Text to Columns), or write the lines without the quotes around them, with a comma, a "
                "semicolon or a tab between the columns."
            )
    reasons = [reason for name in missing if (reason := _why_not(name, names))]
    has = f"It has: {_cut(', '.join(names), 200) or 'nothing'}."
    return " ".join([lacks, has, *reasons, "Name these columns exactly as they are named in the report."])


def _why_not(wanted: str, names: Sequence[str]) -> str:
    """Why the name that is most like a wanted one is another name; nothing if none is like it."""
    like = {_letters(name): name for name in reversed(names)}
    goal = normalise(wanted)
    close = [letters for letters in like if letters and (goal in letters or letters == goal)]
    close = close or get_close_matches(goal, like, n=1, cutoff=0.75)
    if not close:
        return ""
    name = like[min(close, key=len)]
    foreign = [letter for letter in normalise(name) if not letter.isascii()]
    if foreign:
        letter = foreign[0]
        what = f"has the character “{letter}” ({unicodedata.name(letter, 'no name')}, U+{ord(letter):04X})"
    elif extra := [letter for letter in normalise(name) if not letter.isalnum() and letter not in goal]:
        what = f"has the character “{extra[0]}”"
    else:
        what = "is spelled differently"
    return f"“{_cut(name)}” is not {wanted} because it {what}."


def _letters(name: str) -> str:
    """The letters and digits of a name; letters that only look like ASCII stay as they are."""
    return "".join(filter(str.isalnum, normalise(name)))


def _cut(text: str, length: int = 80) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def listed(names: Sequence[str]) -> str:
    """Names in words: `a`, `a and b`, `a, b and c`."""
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
