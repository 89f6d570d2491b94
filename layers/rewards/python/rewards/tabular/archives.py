"""Compressed files under the name of another format: what they are, and what is inside."""

import re

_ZIP = b"PK\x03\x04"
_KINDS = {
    _ZIP: "a ZIP archive",
    b"PK\x05\x06": "an empty ZIP archive",
    b"PK\x07\x08": "a part of a ZIP archive",
    b"\x1f\x8b": "compressed with gzip",
    b"\x1f\x9d": "compressed with compress",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ\x00": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard",
    b"\x04\x22\x4d\x18": "compressed with LZ4",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!\x1a\x07": "a RAR archive",
}

# Signature, 14 bytes of versions, times and method, checksum, two sizes, then the lengths of two texts.
_ENTRY = re.compile(rb"PK\x03\x04(?s:.){22}(..)..", re.DOTALL)
_MAX_NAMES = 5
_MAX_NAME = 80


def compressed(start: bytes, ending: str) -> str | None:
    """Why a file that is named with `ending` (`.csv`) cannot be read, if it is compressed; else None.

    `start` is the beginning of the file; for a ZIP archive it contains the names of its first entries.
    """
    kind = next((kind for mark, kind in _KINDS.items() if start.startswith(mark)), None)
    if kind is None or (start.startswith(b"BZh") and start[4:10] != b"1AY&SY"):
        return None
    names = _entries(start) if start.startswith(_ZIP) else []
    lower = [name.lower() for name in names]
    if any(name.startswith("xl/") or name == "[content_types].xml" for name in lower):
        return (
            f"The file is named {ending} but is an Excel workbook. Give it a name that ends in .xlsx, or "
            "save it as “CSV UTF-8”."
        )
    if lower[:1] == ["mimetype"] or "content.xml" in lower:
        return (
            f"The file is named {ending} but is an OpenDocument file. Open it in a spreadsheet program and "
            "save it as .xlsx or as “CSV UTF-8”."
        )
    inside = f" It contains: {', '.join(names)}." if names else ""
    return (
        f"The file is named {ending} but is {kind}.{inside} Unpack it, and upload the file that it contains."
    )


def _entries(start: bytes) -> list[str]:
    """The names of a ZIP archive's first entries, as far as `start` reaches; folders are left out."""
    names: list[str] = []
    for match in _ENTRY.finditer(start):
        size = int.from_bytes(match[1], "little")
        name = start[match.end() : match.end() + size].decode("utf-8", "replace")
        name = "".join(letter if letter.isprintable() else "?" for letter in name)
        if not name or name.endswith("/") or len(name) < size // 4:
            continue
        if len(names) == _MAX_NAMES:
            return [*names, "…"]
        names.append(name if len(name) <= _MAX_NAME else name[: _MAX_NAME - 1] + "…")
    return names
