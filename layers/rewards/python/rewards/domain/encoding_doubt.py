"""Rows whose ids may be wrong because the encoding of their file was only detected."""

from collections.abc import Iterable, Mapping


def first_beyond_ascii(cells: Mapping[str, str], names: Iterable[str]) -> str | None:
    """The first of these columns whose cell is not plain ASCII, or None."""
    return next((name for name in names if not cells.get(name, "").isascii()), None)


def encoding_doubt(column: str, encoding: str) -> str:
    """Why a row cannot count whose ids were decoded by a detected encoding."""
    return (
        f"{column} contains letters beyond ASCII, and the encoding {encoding} was only detected. A wrong "
        "letter would make it another id, so the row was not processed. In a preview, set the encoding and "
        "preview the file again. After an import, check the letters in failed.csv, which is UTF-8, and "
        "upload failed.csv. Do not upload the whole file again."
    )
