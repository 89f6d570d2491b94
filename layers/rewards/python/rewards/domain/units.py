"""Units and their decimals (CONTRACT section 1).

`CASH/XXX` and `CREDIT/XXX` with an ISO 4217 code, and a bare ISO 4217 code, have that
currency's decimals; every other unit has none. Units are case-sensitive. Credits are
integers in the unit's smallest unit.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from unicodedata import normalize

from rewards.domain.invisible import visible
from rewards.domain.texts import folded

# No currency has more.
MAX_DECIMALS = 4

# ISO 4217 withdrew these codes, but balances may still be kept in them.
_WITHDRAWN = {"ANG": 2, "BGN": 2, "CUC": 2, "HRK": 2, "SLL": 2, "ZWL": 2}

_MONEY = ("CASH/", "CREDIT/")

_readers: list[Callable[[], Mapping[str, int]]] = []


def use_currencies(read: Callable[[], Mapping[str, int]]) -> None:
    """Say where the decimals of ISO 4217's currencies come from; they are read when first needed."""
    _readers[:] = [read]


@cache
def currency_decimals() -> Mapping[str, int]:
    """The decimals of each currency, by its code."""
    if not _readers:
        raise LookupError("the list of currencies was not given: see rewards/__init__.py")
    found = {**_WITHDRAWN, **_readers[0]()}
    if not found.keys() >= {"USD", "JPY"} or max(found.values()) > MAX_DECIMALS:
        raise ValueError("the list of currencies is incomplete, or a currency has too many decimals")
    return found


# Symbols a spreadsheet shows for a currency; a value may carry its own unit's symbol.
CURRENCY_SYMBOLS: dict[str, tuple[str, ...]] = {
    "USD": ("$", "US$"),
    "CAD": ("$", "CA$", "C$"),
    "AUD": ("$", "A$", "AU$"),
    "NZD": ("$", "NZ$"),
    "MXN": ("$", "MX$"),
    "SGD": ("$", "S$"),
    "HKD": ("$", "HK$"),
    "BRL": ("R$",),
    "EUR": ("€",),
    "GBP": ("£",),
    "JPY": ("¥", "￥"),
    "CNY": ("¥", "￥"),
    "INR": ("₹",),
    "KRW": ("₩",),
    "ILS": ("₪",),
    "PHP": ("₱",),
    "VND": ("₫",),
    "UAH": ("₴",),
    "NGN": ("₦",),
    "TRY": ("₺",),
    "PLN": ("zł",),
    "CZK": ("Kč",),
    "SEK": ("kr",),
    "NOK": ("kr",),
    "DKK": ("kr", "kr."),
    "CHF": ("Fr.", "SFr."),
    "ZAR": ("R",),
}


def currency(unit: str) -> str | None:
    """The ISO 4217 code in a unit, or None for a unit that is not money."""
    code = unit[unit.index("/") + 1 :] if unit.startswith(_MONEY) else unit
    return code if code in currency_decimals() else None


@lru_cache(maxsize=1024)
def decimals(unit: str) -> int:
    """How many decimals a value in this unit shows."""
    code = currency(unit)
    return currency_decimals()[code] if code else 0


def claim_key(unit: str) -> str:
    """What two units share that look alike: upper and lower case, invisible characters and widths aside."""
    return folded(normalize("NFKC", visible(unit)))


def problem_of_new_unit(unit: str, in_use: Iterable[str]) -> str | None:
    """Why no reward may be the first of this unit, given the units in use; None if one may."""
    key = claim_key(unit)
    same = next((each for each in sorted(in_use) if claim_key(each) == key and each != unit), None)
    form = _currency_form(unit)
    if same is None and form == unit:
        return None
    right = same or form
    if right is not None:
        known = "is in use" if same else "is a currency"
        return f"Unit {unit!r} differs only in its spelling from {right!r}, which {known}. Use {right!r}."
    if "".join(key.split()).startswith(tuple(map(folded, _MONEY))):
        return (
            f"Unit {unit!r} does not end with a currency code. Use an ISO 4217 code in capital letters, for "
            "example CASH/USD."
        )
    return None


def _currency_form(unit: str) -> str | None:
    """The currency form that a unit is, or differs from only in case or spaces."""
    kind, slash, code = "".join(claim_key(unit).split()).upper().rpartition("/")
    form = kind + slash + code
    return form if currency(form) is not None else None


def unit_name(unit: str) -> str:
    """The unit without its currency: `CASH` for `CASH/USD`, else the unit itself."""
    return unit.partition("/")[0] if currency(unit) else unit


def format_value(credits: int, unit: str) -> str:
    """Credits as the decimal people see: 1055 in `CASH/USD` is `10.55`, in `CENTS` `1055`."""
    places = decimals(unit)
    if not places:
        return str(credits)
    sign, digits = ("-", -credits) if credits < 0 else ("", credits)
    text = str(digits)
    if len(text) <= places:
        text = text.zfill(places + 1)
    return f"{sign}{text[:-places]}.{text[-places:]}"


@lru_cache(maxsize=1024)
def symbols(unit: str) -> tuple[str, ...]:
    """The currency code and symbols that a value in this unit may carry, longest first."""
    code = currency(unit)
    known = (code, *CURRENCY_SYMBOLS.get(code, ())) if code else ()
    return tuple(sorted(known, key=len, reverse=True))
