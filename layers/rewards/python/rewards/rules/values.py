"""Reading `valueToRedeem`: one grammar, no guesses, no binary floating point (CONTRACT section 3).

    value    = [sign] [money] number | number [money]     (spaces allowed between)
    money    = the unit's own currency code or symbol
    number   = whole [mark [digits]] | mark digits
    whole    = digits | 1 to 3 digits, then groups of exactly 3, all parted by the same separator

The decimal mark is the point and thousands are parted by commas, spaces or apostrophes; in
semicolon- and tab-separated files mark and comma may change places. A cell that reads
differently with comma and point changed, as `1,234` does, is refused with both readings,
unless a cell with both marks, such as `1,234.56`, shows how the file writes numbers.
"""

import re
from dataclasses import dataclass

from rewards.rules.outcomes import Outcome
from rewards.rules.units import decimals, format_value, symbols

MAX_DIGITS = 30

# Most cells; the grammar below says the same of them, and takes longer.
_USUAL = re.compile(r"[0-9]{1,30}(?:\.[0-9]{0,30})?")

_SPACES = " \t\u00a0\u202f\u2009"
_THOUSANDS = ("'", "\u2019", *_SPACES)


@dataclass(frozen=True, slots=True)
class BadValue:
    """Why a cell is no value to redeem."""

    outcome: Outcome
    message: str


class TruncatedValue(int):
    """The credits of a value whose digits beyond the unit's decimals were cut off."""


@dataclass(frozen=True, slots=True)
class Marks:
    """How a file may write numbers: whether with a decimal comma, and the mark that it was seen to use."""

    comma_allowed: bool = False
    seen: str | None = None


def shown_mark(cell: str) -> str | None:
    """The decimal mark that a cell with both marks shows beyond doubt: `.` of `1,234.56`."""
    text = cell.strip(_SPACES)
    if "," not in text or "." not in text:
        return None
    marks = [mark for mark, other in ((".", ","), (",", ".")) if _reading(text, mark, other)]
    return marks[0] if len(marks) == 1 else None


DEFAULT_MARKS = Marks()


def read_value(cell: str, unit: str, marks: Marks = DEFAULT_MARKS) -> int | BadValue:
    """Read a cell of `valueToRedeem`; 0 means that the row is skipped.

    Digits beyond the unit's decimals are cut off, never rounded.
    """
    if _USUAL.fullmatch(cell) and not marks.comma_allowed:
        whole, _, fraction = cell.partition(".")
        return _credits(cell, whole, fraction, unit)
    text = cell.strip(_SPACES)
    if not text:
        return 0
    negative, unsigned = _take_sign(text)
    bare = _without_money(unsigned, unit)
    if unsigned == text and bare != text:  # `$-5`: the sign may stand behind the money, but once
        negative, bare = _take_sign(bare)
    readings = _readings(bare, marks)
    if not readings:
        return BadValue(
            Outcome.INVALID_VALUE,
            f"{_shown(cell)} is not a number: write digits and, for cents, a decimal point.",
        )
    if len(readings) > 1:
        one, other = sorted(readings)
        return BadValue(
            Outcome.INVALID_VALUE,
            f"{_shown(cell)} can be read as {one} or as {other}: write it without thousands separators.",
        )
    whole, _, fraction = readings.pop().lstrip("0").partition(".")
    if len(whole) > MAX_DIGITS:
        return BadValue(Outcome.INVALID_VALUE, f"{_shown(cell)} is too long to be an amount.")
    if negative and (whole or fraction.strip("0")):
        return BadValue(
            Outcome.NOT_POSITIVE, f"{_shown(cell)} is negative: only positive values are redeemed."
        )
    return _credits(cell, whole, fraction, unit)


def _credits(cell: str, whole: str, fraction: str, unit: str) -> int | BadValue:
    places = decimals(unit)
    kept = fraction if len(fraction) == places else fraction[:places].ljust(places, "0")
    credits = int("0" + whole + kept)
    if credits == 0 and fraction.strip("0"):
        return BadValue(
            Outcome.TRUNCATES_TO_ZERO,
            f"{_shown(cell)} is below the smallest step of {unit}, {format_value(1, unit)}.",
        )
    return TruncatedValue(credits) if fraction[places:].strip("0") else credits


def _readings(text: str, marks: Marks) -> set[str]:
    """The ways to read the text as a number, each as digits with at most one point."""
    with_point = _reading(text, ".", ",")
    with_comma = _reading(text, ",", ".")
    if not marks.comma_allowed and (with_point is None or "," not in text):
        with_comma = None
    if marks.seen == "." and with_point is not None:
        with_comma = None
    if marks.seen == "," and with_comma is not None:
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
    """The digits of a whole number parted in thousands, or nothing where it is not one."""
    for separator in separators:
        first, *groups = whole.split(separator)
        if (
            groups
            and len(first) <= 3
            and not first.startswith("0")
            and all(_is_digits(group) for group in (first, *groups))
            and all(len(group) == 3 for group in groups)
        ):
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
    for symbol in symbols(unit):
        if text.startswith(symbol):
            return text[len(symbol) :].strip(_SPACES)
        if text.endswith(symbol):
            return text[: -len(symbol)].strip(_SPACES)
    return text


def _shown(cell: str) -> str:
    """A cell's text for a message, cut where it is long."""
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")
