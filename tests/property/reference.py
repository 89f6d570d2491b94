"""What an import must do, said again as simply as possible: slow, and sharing no code with `rewards`.

Written from CONTRACT sections 1 and 3. Amounts are integers in the unit's smallest unit; a value in a file is
a Fraction until it is cut off. Where the contract leaves open which of two faults a row is told, this is the
order: nothing wanted, missing field, changed row, duplicate row, bad value, then what the balance says.
"""

import re
from dataclasses import dataclass, field
from fractions import Fraction

DECIMALS = {"CASH/USD": 2, "CASH/JPY": 0, "CREDIT/KWD": 3, "USD": 2, "POINT": 0, "CENTS": 0}
WINDOW = 35 * 86_400_000  # so long the same rows are a repetition (milliseconds)
MONEY = {
    "CASH/USD": ["US$", "USD", "$"],
    "USD": ["US$", "USD", "$"],
    "CASH/JPY": ["JPY", "¥"],
    "CREDIT/KWD": ["KWD"],
}


@dataclass
class Reward:
    """A reward; dates are Unix milliseconds or None."""

    id: str
    account: str
    user: str
    unit: str
    left: int
    given: int
    expires: int | None = None
    scheduled: int | None = None
    cancelled: int | None = None
    program: str | None = None

    def is_available(self, now):
        if self.cancelled is not None:
            return False
        if self.expires is not None and self.expires <= now:
            return False
        if self.scheduled is not None and self.scheduled > now:
            return False
        return self.left > 0


@dataclass
class Row:
    """A row of a file, as a person would read it: ids without spaces and apostrophes."""

    account: str
    user: str
    unit: str
    value: str
    row_id: str = ""
    program: str = ""


@dataclass
class Said:
    """The answer to a row: what the message must name, and credits (`left` is None where nobody can know)."""

    outcome: str
    redeemed: int = 0
    left: int | None = None
    names: tuple = ()


@dataclass
class LedgerModel:
    """All rewards, and which rowIds were redeemed. `row_ids` tells for whom each rowId was made."""

    rewards: list
    row_ids: dict
    redeemed_rows: dict = field(default_factory=dict)
    imported: list = field(default_factory=list)  # (rows to redeem, import, time) of what redeemed a row
    paid: dict = field(default_factory=dict)

    def duplicate_of(self, rows, now, separator=","):
        """Return the import that makes these rows a DUPLICATE_FILE, or None (CONTRACT 3.2)."""
        wanted = self.rows_to_redeem(rows, separator)
        if all(row_id for (row_id, *_), _ in wanted):
            return None
        same = [name for earlier, name, time in self.imported if earlier == wanted and now - time <= WINDOW]
        return same[-1] if same else None

    def rows_to_redeem(self, rows, separator):
        mark, seen, wanted = file_mark([row.value for row in rows]), {}, []
        for line, row in enumerate(rows, start=2):
            credits = self.credits_of(line, row, separator, mark, seen)
            if isinstance(credits, int):
                identity = (row.account, row.user, row.unit, row.program)
                wanted.append(((row.row_id, *identity), credits))
        return sorted(wanted)

    def upload(self, name, rows, now, separator=",", preview=False):
        """The answers to the rows of a file, the first of which stands on line 2."""
        mark = file_mark([row.value for row in rows])
        seen = {}
        results = []
        before = [reward.left for reward in self.rewards]
        redeemed_before = dict(self.redeemed_rows)
        for line, row in enumerate(rows, start=2):
            results.append(self.result(name, line, row, now, separator, mark, seen))
        if preview:
            # A preview looks at every row by itself; rows that share a balance are told as if in turn.
            for reward, left in zip(self.rewards, before, strict=True):
                reward.left = left
            self.redeemed_rows = redeemed_before
        else:
            for row, said in zip(rows, results, strict=True):
                if said.redeemed:
                    self.paid[row.unit] = self.paid.get(row.unit, 0) + said.redeemed
            if any(said.redeemed for said in results):
                self.imported.append((self.rows_to_redeem(rows, separator), name, now))
        return results

    def result(self, name, line, row, now, separator, mark, seen):
        found = self.credits_of(line, row, separator, mark, seen)
        return self.redeem(name, line, row, found, now) if isinstance(found, int) else found

    def credits_of(self, line, row, separator, mark, seen):
        """Return the credits that a row wants to redeem, or its outcome if it is none to redeem."""
        value = read(row.value, row.unit, separator, mark)
        if value == 0:
            return Said("UNCHANGED")
        missing = [
            n for n, c in (("accountId", row.account), ("userId", row.user), ("unit", row.unit)) if not c
        ]
        if missing:
            return Said("MISSING_FIELD", names=tuple(missing))
        whose = (row.account, row.user, row.unit, row.program)
        if row.row_id and self.row_ids.get(row.row_id) != whose:
            return Said("UNKNOWN_REPORT")  # no report is kept here
        if whose in seen:
            return Said("DUPLICATE_ROW", names=(f"Line {seen[whose]}",))
        seen[whose] = line
        if value is None:
            return Said("INVALID_VALUE")
        if value < 0:
            return Said("NOT_POSITIVE")
        credits = int(value * 10 ** DECIMALS.get(row.unit, 0))
        if credits == 0:
            return Said("TRUNCATES_TO_ZERO")
        return credits

    def redeem(self, name, line, row, credits, now):
        theirs = [r for r in self.rewards if (r.account, r.user) == (row.account, row.user)]
        if not theirs:
            return Said("NO_BALANCE")
        if row.unit not in [r.unit for r in theirs]:
            return Said("UNIT_MISMATCH", names=tuple(r.unit for r in theirs))
        usable = [r for r in theirs if r.unit == row.unit and row.program in ("", r.program)]
        usable = [r for r in usable if r.is_available(now)]
        available = sum(r.left for r in usable)
        if row.row_id and row.row_id in self.redeemed_rows:
            return Said("ALREADY_REDEEMED", left=available, names=(self.redeemed_rows[row.row_id],))
        if credits > available:
            return Said("INSUFFICIENT_BALANCE", left=available)
        while credits_left := credits - (available - sum(r.left for r in usable)):
            first = min((r for r in usable if r.left > 0), key=first_spent)
            first.left -= min(first.left, credits_left)
        if row.row_id:
            self.redeemed_rows[row.row_id] = name
        return Said("REDEEMED", redeemed=credits, left=available - credits)


def first_spent(reward):
    never = reward.expires is None
    return (never, 0 if never else reward.expires, reward.given, reward.id)


def number(text, mark, thousands):
    """The number a text spells with this decimal mark and this separator of thousands, or None."""
    text = text.replace(mark, "m").replace(thousands, "t")
    if not re.fullmatch(r"([0-9]+|[1-9][0-9]{0,2}(t[0-9]{3})+)(m[0-9]*)?|m[0-9]+", text):
        return None
    whole, _, fraction = text.replace("t", "").partition("m")
    return Fraction(int((whole or "0") + fraction), 10 ** len(fraction))


def file_mark(texts):
    """Return the decimal mark that cells agree on which have both marks, or one of them twice."""
    marks = set()
    for text in texts:
        if ("," in text and "." in text) or max(text.count(","), text.count(".")) > 1:
            point, comma = number(text.strip(), ".", ","), number(text.strip(), ",", ".")
            if (point is None) != (comma is None):
                marks.add("." if comma is None else ",")
    return marks.pop() if len(marks) == 1 else None


def read(text, unit, separator, mark):
    """The value of a cell as a Fraction, 0 for a row that wants nothing, None for what is no number."""
    cell, text = text, text.strip()
    if not text or is_zero_dash(cell, text, unit):
        return Fraction(0)
    signed = text
    sign, text = take_sign(text)
    bare = without_money(text, unit)
    if text == signed and bare != text:
        sign, bare = take_sign(bare)  # $-5
    text = bare
    point, comma = number(text, ".", ","), number(text, ",", ".")
    if separator == "," and (point is None or "," not in text):
        comma = None
    if "," not in text and "." not in text:
        comma = None
    if mark == "." and point is not None:
        comma = None
    if mark == "," and comma is not None:
        point = None
    if point is not None and comma is not None and point != comma:
        return None
    found = comma if point is None else point
    return None if found is None else sign * found


def is_zero_dash(cell, text, unit):
    """The zero of Excel's accounting and comma styles: `$-`, `- €`, or a dash between spaces."""
    if text == "-":
        return cell[0] == cell[-1] == " "
    before, after = text.removesuffix("-"), text.removeprefix("- ")
    return any(rest != text and not without_money(rest.strip(), unit) for rest in (before, after))


def take_sign(text):
    if text[:1] in ("+", "-"):
        return (-1 if text[0] == "-" else 1), text[1:].strip()
    return 1, text


def without_money(text, unit):
    for money in MONEY.get(unit, []):
        if text.startswith(money):
            return text[len(money) :].strip()
        if text.endswith(money):
            return text[: -len(money)].strip()
    return text


def shown(credits, unit):
    """Credits as a file shows them."""
    places = DECIMALS.get(unit, 0)
    digits = str(credits).rjust(places + 1, "0")
    return digits if not places else f"{digits[:-places]}.{digits[-places:]}"
