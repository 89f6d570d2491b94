"""Finding the header: the row that has the needed columns, perhaps below some title rows."""

from collections.abc import Sequence

from rewards.rules.outcomes import FileProblem, FileRefusedError

# So many rows from the top are looked at.
HEADER_ROWS = 20


def normalise(name: str) -> str:
    """A header name as it is compared: without regard to case, spaces and underscores."""
    return "".join(name.split()).replace("_", "").lower()


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
    """Where each known column stands. Refuses a header that lacks a needed one or has one twice."""
    missing = missing_columns(header, needed)
    if missing:
        seen = ", ".join(name for name in header if name.strip())[:200]
        raise FileRefusedError(
            FileProblem.MISSING_COLUMNS,
            f"The header row lacks {listed(missing)}. It has: {seen or 'nothing'}. "
            "Keep the header row as it is in the report.",
        )
    places: dict[str, list[int]] = {}
    for place, name in enumerate(header):
        places.setdefault(normalise(name), []).append(place)
    known = [name for name in (*needed, *used) if normalise(name) in places]
    twice = [name for name in known if len(places[normalise(name)]) > 1]
    if twice:
        raise FileRefusedError(
            FileProblem.UNREADABLE_FILE,
            f"The header row has {listed(twice)} more than once, so it is not clear which one counts. "
            "Remove or rename the other column.",
        )
    return {name: places[normalise(name)][0] for name in known}


def listed(names: Sequence[str]) -> str:
    """Names in words: `a`, `a and b`, `a, b and c`."""
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
