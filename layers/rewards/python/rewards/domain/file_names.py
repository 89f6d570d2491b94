"""Names of uploaded files: their format, and how names from outside are cleaned."""

import unicodedata

MAX_LENGTH = 200

_TEXT = {"csv": "csv", "txt": "csv", "tsv": "csv"}
_REDEMPTIONS = {**_TEXT, "xlsx": "xlsx"}
_REWARDS = {**_REDEMPTIONS, "jsonl": "jsonl", "ndjson": "jsonl"}

# Of macOS and Windows, lower case.
_LEFT_BEHIND = (".ds_store", "thumbs.db", "desktop.ini")


def format_of(file_name: str, loads_rewards: bool) -> str:
    """`csv`, `xlsx` or `jsonl`, by the name's ending. Raises ValueError with what is accepted."""
    known = _REWARDS if loads_rewards else _REDEMPTIONS
    found = known.get(file_name.rpartition(".")[2].lower()) if "." in file_name else None
    if found is None:
        *formats, last = (f".{each}" for each in known)
        raise ValueError(
            f"{file_name!r} is not in an accepted format. Its name must end in {', '.join(formats)} or "
            f"{last}."
        )
    return found


def is_left_behind(file_name: str) -> bool:
    """Whether a file is one that programs leave behind, and nobody means to upload."""
    name = file_name.lower()
    return name in _LEFT_BEHIND or name.startswith(("~$", "._", ".~lock.")) or name.endswith(".filepart")


def clean(file_name: str) -> str:
    """The name without folders and invisible characters; cut to 200 characters, its ending kept.

    Raises ValueError if nothing is left.
    """
    last = file_name.replace("\\", "/").rpartition("/")[2]
    # Control and format characters, lone surrogates: they hide in a name, or cannot be stored.
    visible = "".join(each for each in last if unicodedata.category(each) not in ("Cc", "Cf", "Cs"))
    visible = visible.strip()
    if len(visible) > MAX_LENGTH:
        stem, dot, suffix = visible.rpartition(".")
        ending = (dot + suffix)[-20:] if stem else ""
        visible = visible[: MAX_LENGTH - len(ending)] + ending
    if not visible.strip("."):
        raise ValueError("must be a file name, for example payout.csv")
    return visible
