"""What programs do to ids, and what they do not: the difference between damage and an edit.

A row whose visible ids differ from those of its rowId is repaired only if each difference is one of these;
anything else was edited or mis-sorted, and the row is rejected.

    invisible    `007` -> `007` and a zero-width space, a soft hyphen, a direction mark ...
    quoting      `007` -> `="007"`, `'007`: what exporters and people write to keep the zeros
    spelling     `Zoë` -> the same letters, composed otherwise (Unicode NFC and NFD)
    numbers      `007` -> `7`, `1.50` -> `1.5`, `.5` -> `0.5`, `12345` -> `12345.0`: the same number
    precision    `1234567890123456789` -> `1234567890123450000`: 15 digits kept, cut or rounded
    binary       `12345678901234567890` -> `12345678901234567000`: a double, as JavaScript writes it
    scientific   `123456789012` -> `1.23457E+11` (or `1,23457E+11`): rounded to the digits shown
    dates        `3-1`, `1/2/2026`, `MAR1` -> a date with these numbers, in any order and spelling
    booleans     `true` -> `TRUE`, `WAHR`, `VRAI` ...
    characters   `Zoë` -> `Zo?`: letters that the file's encoding does not have

Each has one direction: a spreadsheet loses zeros and signs but adds none, and changes upper and lower case
only of a boolean.
"""

import re
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from itertools import permutations
from unicodedata import normalize

from rewards.domain.invisible import visible

_NUMBER = re.compile(r"[+-]?([0-9]{1,60}([.,][0-9]{0,60})?|[.,][0-9]{1,60})([eE][+-]?[0-9]{1,3})?")
_ZEROS = re.compile(r"[+-]?(0*)(?=[0-9])")
_QUOTED = re.compile(r'="(.*)"', re.DOTALL)
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
_LONGEST_DATE = 64  # characters, in any language; the repair is reported, and has to fit into a message
_BOOLEANS = (
    {"true", "wahr", "vrai", "verdadero", "vero", "verdadeiro", "waar"},
    {"false", "falsch", "faux", "falso", "onwaar"},
)


def is_damage(shown: str, true: str) -> bool:
    """Whether a program may have made `shown` of the id `true`."""
    if shown == true:
        return True
    true = normalize("NFC", visible(true))
    shown = unquoted(normalize("NFC", visible(shown)), true)
    if shown.casefold() == true.casefold():
        return shown == true or _same_boolean(shown, true)
    return (
        _same_boolean(shown, true)
        or _same_number(shown, true)
        or _same_date(shown, true)
        or _lost_characters(shown, true)
        or _lost_characters(shown, normalize("NFD", true))
    )


def unquoted(shown: str, true: str = "") -> str:
    """A cell without the `="..."` or the apostrophe that keeps a spreadsheet from reading it as a number,
    unless these are part of the id `true`."""
    quoted = _QUOTED.fullmatch(shown)
    if quoted and not _QUOTED.fullmatch(true):
        return quoted[1].replace('""', '"')
    return shown[1:] if shown.startswith("'") and not true.startswith("'") else shown


def _same_boolean(shown: str, true: str) -> bool:
    """A boolean, which spreadsheets show in capitals, whatever the language."""
    return shown.isupper() and any(true.lower() in words and shown.lower() in words for words in _BOOLEANS)


def _same_number(shown: str, true: str) -> bool:
    if not (_NUMBER.fullmatch(shown) and _NUMBER.fullmatch(true)):
        return False
    if _leading_zeros(shown) > _leading_zeros(true) or (shown[0] in "+-" and shown[0] != true[0]):
        return False  # no spreadsheet adds zeros or a sign
    one, other = (Decimal(text.replace(",", ".")) for text in (shown, true))
    if one == other:
        return True
    mantissa, scientific, _ = shown.lower().partition("e")
    digits = sum(character.isdigit() for character in mantissa) if scientific else _EXCEL_DIGITS
    if scientific and digits < 2:
        return False  # `1E+11` has lost so much that it stands for too many ids
    double = float(other)
    if scientific and digits > _EXCEL_DIGITS:
        return float(one) == double
    # A double is written with as many digits as distinguish it from the next one, or exactly.
    if one in (Decimal(repr(double)), Decimal(double)):
        return True
    return any(one == Context(prec=digits, rounding=mode).plus(other) for mode in (ROUND_DOWN, ROUND_HALF_UP))


def _leading_zeros(text: str) -> int:
    """How many zeros stand before the first digit that counts: 2 in `007`, 0 in `0.5`."""
    found = _ZEROS.match(text)
    return len(found[1]) if found else 0


def _same_date(shown: str, true: str) -> bool:
    """Every number of the id, its months by name or number, appears in what is shown, which is a date.

    A date has three numbers, or two with a month's name. What it has beyond the id is the first day of a
    month or the year.
    """
    if len(shown) > _LONGEST_DATE or not _DATE_LIKE.fullmatch(true):
        return False
    wanted, seen = _date_numbers(true), _date_numbers(shown)
    is_date = len(seen) == 3 or (len(seen) == 2 and any(character.isalpha() for character in shown))
    if not is_date or not 2 <= len(wanted) <= len(seen):
        return False
    return any(
        all(map(_same_part, order, wanted)) and all(map(_may_be_added, order[len(wanted) :]))
        for order in permutations(seen)
    )


def _same_part(seen: int, wanted: int) -> bool:
    """The same day or month, or the same year with two digits or four."""
    return seen == wanted or abs(seen - wanted) in (1900, 2000)


def _may_be_added(number: int) -> bool:
    """The first day of a month, or a year with two digits or four."""
    return number == 1 or 20 <= number < 100 or number >= 1900


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
