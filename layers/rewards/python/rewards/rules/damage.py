"""What spreadsheets do to ids, and what they do not: the difference between damage and an edit.

A row with a rowId whose visible ids differ from the report's is repaired only if each
difference is one of these; anything else was somebody's hand, and the row is refused.

    numbers      `007` -> `7`, `1.50` -> `1.5`, `+49` -> `49`: the same number, written otherwise
    precision    `1234567890123456789` -> `1234567890123450000`: 15 digits kept, cut or rounded
    scientific   `123456789012` -> `1.23457E+11` (or `1,23457E+11`): rounded to the digits shown
    dates        `3-1`, `1/2/2026`, `MAR1` -> a date with these numbers, in any order and spelling
    booleans     `true` -> `TRUE`, `WAHR`, `VRAI` ...
    characters   `Zoë` -> `Zo?`: letters that the file's encoding does not have
"""

import re
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal

_NUMBER = re.compile(r"[+-]?[0-9]{1,60}([.,][0-9]{1,60})?([eE][+-]?[0-9]{1,3})?")
_EXCEL_DIGITS = 15
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# The same three letters in German, French, Spanish, Italian, Portuguese and Dutch, where they differ.
_MONTHS_ELSEWHERE = {
    "mär": 3, "mrz": 3, "mai": 5, "okt": 10, "dez": 12, "fév": 2, "avr": 4, "aoû": 8, "déc": 12, "ene": 1,
    "abr": 4, "ago": 8, "dic": 12, "gen": 1, "mag": 5, "giu": 6, "lug": 7, "set": 9, "ott": 10, "fev": 2,
    "out": 10, "mrt": 3, "mei": 5,
}  # fmt: skip
_MONTH_NUMBERS = {name: number for number, name in enumerate(_MONTHS, start=1)} | _MONTHS_ELSEWHERE
_DATE_LIKE = re.compile(r"([0-9]{1,4}|[^\W\d_]{3,9})([-/. ]?)([0-9]{1,2}|[^\W\d_]{3,9})(\2[0-9]{1,4})?\2?")
_LONGEST_DATE = 64  # characters, in any language; what is repaired is told, and has to fit a message
_BOOLEANS = (
    {"true", "wahr", "vrai", "verdadero", "vero", "verdadeiro", "waar"},
    {"false", "falsch", "faux", "falso", "onwaar"},
)


def is_damage(shown: str, true: str) -> bool:
    """Whether a spreadsheet may have made `shown` of `true`."""
    return (
        shown == true
        or _same_number(shown, true)
        or _same_date(shown, true)
        or any(true.lower() in words and shown.lower() in words for words in _BOOLEANS)
        or _lost_characters(shown, true)
    )


def _same_number(shown: str, true: str) -> bool:
    if not (_NUMBER.fullmatch(shown) and _NUMBER.fullmatch(true)):
        return False
    one, other = (Decimal(text.replace(",", ".")) for text in (shown, true))
    if one == other:
        return True
    mantissa, scientific, _ = shown.lower().partition("e")
    digits = sum(character.isdigit() for character in mantissa) if scientific else _EXCEL_DIGITS
    if scientific and digits < 2:
        return False  # `1E+11` has lost so much that it stands for too many ids
    if scientific and digits > _EXCEL_DIGITS:
        return float(one) == float(other)  # a program's binary number, written out in full
    return any(one == Context(prec=digits, rounding=mode).plus(other) for mode in (ROUND_DOWN, ROUND_HALF_UP))


def _same_date(shown: str, true: str) -> bool:
    """Every number of the id, its months by name or number, appears in what is shown, which is a date."""
    if len(shown) > _LONGEST_DATE or not _DATE_LIKE.fullmatch(true):
        return False
    wanted, seen = _date_numbers(true), _date_numbers(shown)
    is_date = len(seen) == 3 or (len(seen) == 2 and any(character.isalpha() for character in shown))
    return (
        is_date
        and 2 <= len(wanted) <= len(seen)
        and all(number in seen or number + 2000 in seen or number + 1900 in seen for number in wanted)
    )


def _date_numbers(text: str) -> list[int]:
    """The numbers in a date, month names as numbers; a time of day is left out."""
    day = re.split(r"[T ][0-9]{1,2}:", text, maxsplit=1)[0]
    numbers = []
    for word in re.findall(r"[0-9]{1,4}|[^\W\d_]+", day):
        if word.isdigit():
            numbers.append(int(word))
        else:
            number = _MONTH_NUMBERS.get(word[:3].lower())
            if number is None:
                return []
            numbers.append(number)
    return numbers


def _lost_characters(shown: str, true: str) -> bool:
    return (
        len(shown) == len(true)
        and shown != true
        and all(a == b or (a == "?" and not b.isascii()) for a, b in zip(shown, true, strict=True))
    )
