"""The grammar of `valueToRedeem`: no guesses, no binary floating point (CONTRACT section 3).

    value    = [sign] [money] number [money] | [money] [sign] number [money]   (spaces allowed between)
    money    = the unit's own currency code, its symbol, or both; each at most once in a value
    number   = whole [mark [digits]] | mark digits
    whole    = digits | 1 to 3 digits, then groups of exactly 3, all separated by the same character
             | 1 or 2 digits, then groups of 2 and a last group of 3, separated by commas (Indian)
    zero     = money [spaces] "-" | "-" spaces money | space "-" space

The decimal mark is the point, and thousands are separated by commas, spaces or apostrophes. In
semicolon- and tab-separated files and in text cells of workbooks, comma and point may have each other's
meaning. A cell that is a different number then, such as `1,234`, is rejected with both readings, unless a
cell with both marks, such as `1,234.56`, shows how the file writes numbers.

`zero` is what Excel's Accounting and Comma styles show for 0, with their spaces. A dash without spaces or a
currency may mean "nothing" or "unknown", so it is rejected.
"""

import re
from dataclasses import dataclass

from rewards.domain.cells import NumberCell
from rewards.domain.outcomes import Outcome
from rewards.domain.units import currency, decimals, format_value, symbols

MAX_DIGITS = 30

# Matches most cells. The grammar below has the same result for them, but takes longer.
_USUAL = re.compile(r"[0-9]{1,30}(?:\.[0-9]{0,30})?")

_SPACES = " \t\u00a0\u202f\u2009"
# The spaces that Excel's number formats write around a dash.
_PADDING = (" ", "\u00a0")
_THOUSANDS = ("'", "\u2019", *_SPACES)


@dataclass(frozen=True, slots=True)
class BadValue:
    """Why a cell is not a value to redeem."""

    outcome: Outcome
    message: str


class TruncatedValue(int):
    """The credits of a value whose digits beyond the unit's decimals were cut off."""


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How a file writes numbers: whether a decimal comma is allowed, and the decimal mark seen in it."""

    comma_allowed: bool = False
    seen: str | None = None


def shown_mark(cell: str) -> str | None:
    """The decimal mark of an unambiguous cell: `.` of `1,234.56` or `1,234,567`; else None."""
    text = cell.strip(_SPACES)
    if not ("," in text and "." in text) and max(text.count(","), text.count(".")) < 2:
        return None
    number_format = [mark for mark, other in ((".", ","), (",", ".")) if _reading(text, mark, other)]
    return number_format[0] if len(number_format) == 1 else None


DEFAULT_NUMBER_FORMAT = NumberFormat()


def read_value(cell: str, unit: str, number_format: NumberFormat = DEFAULT_NUMBER_FORMAT) -> int | BadValue:
    """Read a cell of `valueToRedeem`; 0 means that the row is skipped.

    Digits beyond the unit's decimals are cut off, never rounded.
    """
    if _USUAL.fullmatch(cell) and not number_format.comma_allowed:
        whole, _, fraction = cell.partition(".")
        return _credits(cell, whole, fraction, unit)
    if isinstance(cell, NumberCell):
        number_format = DEFAULT_NUMBER_FORMAT
    text = cell.strip(_SPACES)
    if not text or _is_zero_dash(cell, text, unit):
        return 0
    negative, unsigned = _take_sign(text)
    bare = _without_money(unsigned, unit)
    if unsigned == text and bare != text:  # `$-5`: the sign may follow the currency, but only once
        negative, bare = _take_sign(bare)
    readings = _readings(bare, number_format)
    if not readings:
        return BadValue(
            Outcome.INVALID_VALUE,
            f"{_shown(cell)} is not a number. Enter digits with a decimal point, for example 10.55. To skip "
            "the row, enter 0 or leave the cell blank.",
        )
    if len(readings) > 1:
        one, other = sorted(readings)
        return BadValue(
            Outcome.INVALID_VALUE,
            f"{_shown(cell)} is ambiguous: it means {one} or {other}. Enter it without thousands separators.",
        )
    whole, _, fraction = readings.pop().lstrip("0").partition(".")
    if len(whole) > MAX_DIGITS:
        return BadValue(Outcome.INVALID_VALUE, f"{_shown(cell)} has too many digits for an amount.")
    if negative and (whole or fraction.strip("0")):
        return BadValue(
            Outcome.NOT_POSITIVE, f"{_shown(cell)} is negative. Only positive values can be redeemed."
        )
    return _credits(cell, whole, fraction, unit)


def _credits(cell: str, whole: str, fraction: str, unit: str) -> int | BadValue:
    places = decimals(unit)
    kept = fraction if len(fraction) == places else fraction[:places].ljust(places, "0")
    credits = int("0" + whole + kept)
    if credits == 0 and fraction.strip("0"):
        return BadValue(
            Outcome.TRUNCATES_TO_ZERO,
            f"{_shown(cell)} is below the smallest unit of {unit}, which is {format_value(1, unit)}.",
        )
    return TruncatedValue(credits) if fraction[places:].strip("0") else credits


def _readings(text: str, number_format: NumberFormat) -> set[str]:
    """The ways to read the text as a number, each as digits with at most one point."""
    with_point = _reading(text, ".", ",")
    with_comma = _reading(text, ",", ".")
    if not number_format.comma_allowed and (with_point is None or "," not in text):
        with_comma = None
    if number_format.seen == "." and with_point is not None:
        with_comma = None
    if number_format.seen == "," and with_comma is not None:
        with_point = None
    return {reading for reading in (with_point, with_comma) if reading is not None}


def _reading(text: str, mark: str, separator: str) -> str | None:
    whole, _, fraction = text.partition(mark)
    if fraction and not _is_digits(fraction):
        return None
    if not whole:
        return "0." + fraction if fraction else None
    if not _is_digits(whole):
        whole = _ungrouped(whole, (separator, *_THOUSANDS))
    return (whole + "." + fraction).rstrip(".") if whole else None


def _ungrouped(whole: str, separators: tuple[str, ...]) -> str:
    """The digits of a whole number with separators between its groups, or nothing if the groups are wrong."""
    for separator in separators:
        first, *groups = whole.split(separator)
        if groups and not first.startswith("0") and all(_is_digits(group) for group in (first, *groups)):
            sizes = [len(group) for group in groups]
            thousands = len(first) <= 3 and set(sizes) == {3}
            indian = separator == "," and len(first) <= 2 and sizes[-1] == 3 and set(sizes[:-1]) == {2}
            if thousands or indian:
                return first + "".join(groups)
    return ""


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _take_sign(text: str) -> tuple[bool, str]:
    if text[:1] in ("-", "\u2212"):
        return True, text[1:].strip(_SPACES)
    if text[:1] == "+":
        return False, text[1:].strip(_SPACES)
    return False, text


def _without_money(text: str, unit: str) -> str:
    """The text without the unit's currency code and symbol; each is taken off once, from either end."""
    known = list(symbols(unit))
    while known:
        found = next(
            ((each, front) for each in known for front in (True, False) if _at_end(text, each, front)), None
        )
        if found is None:
            break
        each, front = found
        text = (text[len(each) :] if front else text[: -len(each)]).strip(_SPACES)
        # The code once and one symbol once: `US$` and `$` are both symbols.
        known = [other for other in known if (other == currency(unit)) != (each == currency(unit))]
    return text


def _at_end(text: str, money: str, front: bool) -> bool:
    return text.startswith(money) if front else text.endswith(money)


def _is_zero_dash(cell: str, text: str, unit: str) -> bool:
    """Whether a cell is the zero of Excel's Accounting and Comma styles: ` $-   `, ` -   € `, ` -   `."""
    if "-" not in (text[0], text[-1]):
        return False
    if text == "-":
        return cell.startswith(_PADDING) and cell.endswith(_PADDING)
    if text[-1] == "-":
        return _without_money(text[:-1].strip(_SPACES), unit) == ""
    return text[1] in _PADDING and _without_money(text[1:].strip(_SPACES), unit) == ""


def _shown(cell: str) -> str:
    """A cell's text for a message, cut where it is long."""
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")
