"""Units and their decimals (CONTRACT section 1).

`CASH/XXX` and `CREDIT/XXX` with an ISO 4217 code, and a bare ISO 4217 code, have that
currency's decimals; every other unit has none. Units are case-sensitive. Credits are
integers in the unit's smallest step.
"""

from functools import lru_cache

# ISO 4217 currencies by the digits after their decimal separator. Codes withdrawn lately
# (HRK, BGN, ANG ...) stay: balances may still be kept in them. Metals, funds codes without
# a minor unit and test codes (XAU, XDR, XXX ...) are not listed: they count in whole units.
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_TWO_DECIMALS = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN
BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP
GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT
LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO
NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS
SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD
XCG YER ZAR ZMW ZWG ZWL
"""
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DECIMALS = "CLF UYW"

CURRENCY_DECIMALS: dict[str, int] = {
    code: decimals
    for decimals, codes in ((0, _NO_DECIMALS), (2, _TWO_DECIMALS), (3, _THREE_DECIMALS), (4, _FOUR_DECIMALS))
    for code in codes.split()
}

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
    code = unit[unit.index("/") + 1 :] if unit.startswith(("CASH/", "CREDIT/")) else unit
    return code if code in CURRENCY_DECIMALS else None


@lru_cache(maxsize=1024)
def decimals(unit: str) -> int:
    """How many decimals a value in this unit shows."""
    code = currency(unit)
    return CURRENCY_DECIMALS[code] if code else 0


def unit_name(unit: str) -> str:
    """The unit without its currency: `CASH` for `CASH/USD`, else the unit itself."""
    return unit.partition("/")[0] if currency(unit) else unit


def format_value(credits: int, unit: str) -> str:
    """Credits as the decimal people see: 1055 in `CASH/USD` is `10.55`, in `CENTS` `1055`."""
    places = decimals(unit)
    if not places:
        return str(credits)
    sign, digits = ("-", -credits) if credits < 0 else ("", credits)
    whole, fraction = divmod(digits, 10**places)
    return f"{sign}{whole}.{fraction:0{places}d}"


@lru_cache(maxsize=1024)
def symbols(unit: str) -> tuple[str, ...]:
    """The currency code and symbols that a value in this unit may carry, longest first."""
    code = currency(unit)
    known = (code, *CURRENCY_SYMBOLS.get(code, ())) if code else ()
    return tuple(sorted(known, key=len, reverse=True))
