"""The texts of cells: decoded escapes, numbers, percentages and dates as spreadsheets show them."""

import re
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from itertools import chain

from rewards.domain.cells import NumberCell, RoundedNumber

_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
_EXACT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE = re.compile(r"-?[1-9][0-9]*")
SHOWN_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?%?")
_FIFTEEN_DIGITS = Context(prec=15, rounding=ROUND_HALF_UP)
_LARGEST_EXPONENT = 308  # of a number that a spreadsheet can hold

_MS_A_DAY = 86_400_000
_DAYS_1904 = 1_462  # from the first day of the 1900 system to that of the 1904 system
_LAST_DAY = 2_958_465  # 9999-12-31

# Formats that need no code in the file; those that only Asian editions know show dates.
BUILT_IN_FORMATS = {"9": "percentage", "10": "percentage"} | {
    str(number): "date" for number in chain(range(14, 23), range(27, 37), range(45, 48), range(50, 59))
}
# What stands in a format without being part of it; elapsed time like [h] is.
_LITERAL = re.compile(r'"[^"]*"|[\\_*].|\[(?!(?:h+|m+|s+)\])[^\]]*\]|general', re.IGNORECASE | re.DOTALL)


def unescaped(text: str) -> str:
    """A text with its escapes like `_x000D_` decoded."""
    if "_x" not in text:
        return text
    decoded = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text)
    # Two escapes may make one character; half of one is none.
    return decoded.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decimal(raw: str) -> Decimal | None:
    """The number with 15 significant digits; None where it is none that a spreadsheet can hold."""
    if not _DECIMAL.fullmatch(raw):
        return None
    number = _FIFTEEN_DIGITS.create_decimal(raw)
    return number if not number or abs(number.adjusted()) <= _LARGEST_EXPONENT else None


def _plain(number: Decimal) -> str:
    return format(number.normalize(_FIFTEEN_DIGITS), "f") if number else "0"


def number_cell(raw: str) -> str:
    """The text of a number: a RoundedNumber if digits were lost, a NumberCell unless it is a whole number."""
    number = _number(raw)
    if len(number) > _FIFTEEN_DIGITS.prec and number.isdigit() and not _WHOLE.fullmatch(raw):
        return RoundedNumber(number)
    return number if number.isdigit() else NumberCell(number)


def _number(raw: str) -> str:
    if len(raw) <= 15 and _EXACT.fullmatch(raw) and raw != "-0":
        return raw
    raw = raw.strip(" \t\r\n")
    if _WHOLE.fullmatch(raw):
        return raw
    number = _decimal(raw)
    return raw if number is None else _plain(number)


def percentage_text(raw: str) -> str:
    """A number that is shown as a percentage: "50%" for 0.5."""
    number = _decimal(raw.strip(" \t\r\n"))
    return (raw if number is None else _plain(number * 100)) + "%"


def date_text(raw: str, from_1904: bool) -> str:
    """A date as ISO 8601, exact to the millisecond, as spreadsheets are."""
    number = _decimal(raw.strip(" \t\r\n"))
    if number is None:
        return raw
    if abs(number) > _LAST_DAY:
        return "########"
    days, ms = divmod(int((number * _MS_A_DAY).to_integral_value(ROUND_HALF_UP)), _MS_A_DAY)
    if from_1904:
        days += _DAYS_1904
    seconds, ms = divmod(ms, 1000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}" + (f".{ms:03}" if ms else "")
    if days == 0:
        return clock
    if not 0 < days <= _LAST_DAY:
        return "########"
    # Day 60 never was, but Lotus 1-2-3 thought so.
    day = "1900-02-29" if days == 60 else str(date(1899, 12, 30) + timedelta(days + (days < 60)))
    return f"{day}T{clock}" if seconds or ms else day


def format_kind(code: str) -> str:
    """What a number format shows: a "date", a "percentage", or "" for a plain number."""
    bare = _LITERAL.sub("", code)
    if "%" in bare:
        return "percentage"
    return "date" if re.search("[dmyhs]", bare, re.IGNORECASE) else ""
