"""Invisible characters: what programs add to ids, and how a message shows them.

The characters are those with the Unicode property Default_Ignorable_Code_Point: soft hyphen, zero-width
characters, byte-order mark, direction marks, variation selectors, fillers, tags.
"""

import re

from rewards.domain.header import listed

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """A text without its invisible characters."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def shown(text: str) -> str:
    """A text in which an invisible character stands as its code, such as `<U+200B>`."""
    return text if text.isascii() else _INVISIBLE.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)


def hint(**cells: str) -> str:
    """What to say of cells with invisible characters, by column name; nothing where there are none."""
    found = [name for name, text in cells.items() if shown(text) != text]
    if not found:
        return ""
    verb = "contains" if len(found) == 1 else "contain"
    return f" {listed(found)} {verb} invisible characters, shown here by their codes: remove them."
