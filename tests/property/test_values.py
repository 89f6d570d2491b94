"""No text is ever read as a wrong value: compared with a slow reading that shares no code with the rules.

The slow reading has one regular expression for each way to write a number. It collects the value of
every way that fits; a text with exactly one value may be read as it, any other text must be rejected.
"""

import re
from decimal import ROUND_DOWN, Decimal
from functools import cache

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rewards.domain.outcomes import Outcome
from rewards.domain.values import BadValue, NumberFormat, read_value

UNITS = {"CASH/USD": 2, "CASH/INR": 2, "CASH/KWD": 3, "CASH/JPY": 0, "POINT": 0}
MONEY = {
    "CASH/USD": ("USD", r"US\$|\$"),
    "CASH/INR": ("INR", "₹"),
    "CASH/KWD": ("KWD", "(?!)"),
    "CASH/JPY": ("JPY", "¥|￥"),
    "POINT": ("(?!)", "(?!)"),
}
S = "[ \t\u00a0\u202f\u2009]"

# How a whole number can be written, by the decimal mark that goes with it.
WHOLE = {
    ".": [r"\d+", r"(?!0)\d{1,3}(?:,\d{3})+", r"(?!0)\d{1,2}(?:,\d{2})*,\d{3}"],
    ",": [r"\d+", r"(?!0)\d{1,3}(?:\.\d{3})+"],
}
for forms in WHOLE.values():
    forms += [rf"(?!0)\d{{1,3}}(?:{mark}\d{{3}})+" for mark in ("'", "\u2019", *S[1:-1])]


@cache
def patterns(unit: str, mark: str) -> list[re.Pattern[str]]:
    """One expression for each way to place the currency and the digits."""
    code, symbol = MONEY[unit]
    both = f"(?:{code}{S}*(?:{symbol})|(?:{symbol}){S}*{code})"
    symbol = f"(?:{symbol})"
    places = [("", ""), (code, ""), (symbol, ""), (both, ""), ("", code), ("", symbol), ("", both)]
    places += [(code, symbol), (symbol, code)]
    numbers = [
        rf"(?P<whole>{'|'.join(WHOLE[mark])})(?:{re.escape(mark)}(?P<fraction>\d*))?",
        rf"(?P<whole>){re.escape(mark)}(?P<fraction>\d+)",
    ]
    sign = "[-+\u2212]?"
    return [
        re.compile(
            rf"{S}*(?:(?P<before>{sign}){S}*{front}|{front}{S}*(?P<after>{sign})){S}*{number}{S}*{back}{S}*",
            re.ASCII,
        )
        for front, back in places
        for number in numbers
    ]


def readings(text: str, unit: str, marks: str) -> set[Decimal]:
    """Every value that the text may have; `marks` are the decimal marks to try."""
    found = set()
    for pattern in (pattern for mark in marks for pattern in patterns(unit, mark)):
        match = pattern.fullmatch(text)
        if match:
            digits = re.sub(r"\D", "", match["whole"]) or "0"
            number = Decimal(f"{digits}.{match['fraction'] or '0'}")
            found.add(-number if (match["before"] or match["after"]) in ("-", "\u2212") else number)
    return found


def is_excel_zero(text: str, unit: str) -> bool:
    code, symbol = MONEY[unit]
    one = f"(?:{code}|{symbol}|{code}{S}*(?:{symbol})|(?:{symbol}){S}*{code})"
    pad = "[ \u00a0]"
    return any(
        re.fullmatch(pattern, text)
        for pattern in (f"{S}*{one}{S}*-{S}*", f"{S}*-{pad}{S}*{one}{S}*", f"{pad}{S}*-{S}*{pad}")
    )


PIECES = [
    *"0123456789.,'- +$₹¥",
    "\u2212",
    "\u00a0",
    "USD",
    "US$",
    "INR",
    "12",
    "345",
    "000",
    ",",
    ".",
    "(",
    "e",
]
FORMS = st.lists(st.sampled_from(PIECES), max_size=9).map("".join)
GROUPS = st.tuples(
    st.sampled_from(["", " ", "$", "USD ", "-", "₹", "INR ₹ "]),
    st.lists(st.integers(0, 9999).map(str), min_size=1, max_size=4),
    st.sampled_from([",", ".", " ", "'"]),
    st.sampled_from(["", ".5", ",5", ".50", ",506", ".", ".125", " USD", "-"]),
).map(lambda parts: parts[0] + parts[2].join(parts[1]) + parts[3])


@settings(max_examples=500, derandomize=True, database=None)
@given(st.one_of(FORMS, GROUPS), st.sampled_from(sorted(UNITS)), st.booleans())
@example("1,23,456.50", "CASH/INR", False)
@example(" $-   ", "CASH/USD", False)
@example("US$ 1'234.5 USD", "CASH/USD", True)
@example("1.234", "CASH/KWD", True)
def test_a_text_has_the_value_of_the_slow_reading_or_is_rejected(text, unit, comma_allowed):
    found = read_value(text, unit, NumberFormat(comma_allowed=comma_allowed))
    if not text.strip(" \t\u00a0\u202f\u2009") or is_excel_zero(text, unit):
        assert found == 0
        return
    # `1,234` in a comma-separated file is ambiguous too, although only the point is its decimal mark.
    values = readings(
        text, unit, ".," if comma_allowed or (readings(text, unit, ".") and "," in text) else "."
    )
    if len(values) != 1:
        assert isinstance(found, BadValue)
        assert found.outcome is Outcome.INVALID_VALUE
        return
    (value,) = values
    cut = value.quantize(Decimal(1).scaleb(-UNITS[unit]), rounding=ROUND_DOWN)
    if value < 0:
        assert isinstance(found, BadValue)
        assert found.outcome is Outcome.NOT_POSITIVE
    elif cut == 0 and value:
        assert isinstance(found, BadValue)
        assert found.outcome is Outcome.TRUNCATES_TO_ZERO
    else:
        assert found == int(cut.scaleb(UNITS[unit]))
