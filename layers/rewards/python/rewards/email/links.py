"""Texts that mail programs must not turn into links.

Somebody who may do no more than put a file into the upload bucket chooses its name, its columns and its
cells, and emails in the company's name show them. Mail programs make links of addresses in any text,
so a space breaks each address where it could be recognised: `https: / /www .evil .example`,
`ann @ evil .example`.
"""

import re

# Each with the characters that IDNA, or a program that normalises Unicode, takes for it.
_DOT = "[.\u2024\u3002\ufe52\uff0e\uff61]"
_COLON = "[:\ufe13\ufe55\uff1a]"
_SLASH = r"[/\\\u2044\u2215\uff0f\uff3c]"
_AT = "[@\ufe6b\uff20]"
# What a file name may end with; none of them is a top-level domain.
_FILE_ENDING = r"(?:csv|tsv|txt|xlsx?|ods|jsonl?|ndjson)(?![\w-])"

_BREAKS = re.compile(
    rf"(?<={_SLASH})(?={_SLASH})"  # https://, and the names of Windows networks
    rf"|(?<=[^\W\d_]{_COLON})(?=\S)"  # mailto:, javascript:
    rf"|(?<=\S)(?={_AT})|(?<={_AT})(?=\S)"
    rf"|(?<=\S)(?={_DOT}(?!{_FILE_ENDING})(?:[A-Za-z_-]|[^\x00-\x7f]))"  # a domain; no number like 1.5
    rf"|(?<=www)(?={_DOT})|(?<=ftp)(?={_DOT})"
    r"|(?<=\d)(?=(?:\.\d{1,3}){3}(?!\d))",  # an IPv4 address
    re.IGNORECASE,
)


def unlinked(text: str) -> str:
    """The text without anything that a mail program turns into a link. Repeated, it changes nothing."""
    return _BREAKS.sub(" ", text)
