"""The rows of a rewards file (CONTRACT section 6): each is a reward and its participant."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from difflib import get_close_matches

from rewards.domain.balance_key import BalanceKey
from rewards.domain.dates import iso
from rewards.domain.errors import RejectedError
from rewards.domain.header import MAX_NAMES, find_columns, listed, normalise
from rewards.domain.id_limits import MAX_ID_BYTES, MAX_PROGRAM_ID_BYTES, MAX_UNIT_BYTES
from rewards.domain.outcomes import Outcome, RowResult
from rewards.domain.redemption import Reward
from rewards.domain.texts import has_half_surrogate, normalised, problem_of_id, trimmed, writable

NEEDED = ("id", "type", "unit", "assignedCredit", "user.id", "user.accountId")
USED = (
    "name",
    "programId",
    "rewardSource",
    "redeemedCredit",
    "dateGiven",
    "dateCreated",
    "dateScheduledFor",
    "dateExpires",
    "dateCancelled",
)
PARTICIPANT_FACTS = ("firstName", "lastName", "email", "dateBlocked", "segments")
USED_OF_USER = tuple(f"user.{name}" for name in PARTICIPANT_FACTS)
# Columns whose texts must be exact.
ID_COLUMNS = ("id", "user.accountId", "user.id", "unit", "programId")

# Columns of the original's "Reward details" and of its rewards elsewhere that change nothing here, and those
# that results.csv and failed.csv have.
IGNORED = (
    *("value", "prettyValue", "currency", "availableValue", "discountPercent", "quantity", "description"),
    *("statuses", "cancellable", "featureType", "fuelTankType", "fuelTankCode"),
    *("programRewardKey", "globalRewardKey", "dateRedeemed", "dateModified"),
    *("user.dateCreated", "user.cookieId", "user.imageUrl", "user.locale", "user.countryCode"),
    *("user.referable", "user.referralCode"),
    "user",
    *("line", "importId", "outcome", "redeemedValue", "remainingValue", "message"),
)
# Groups of columns, such as `referral.id`.
IGNORED_GROUPS = ("meta", "referral", "user.customFields")

MAX_REWARD_ID_BYTES = 64
MAX_TEXT = 1_000
# Spreadsheets keep 15 digits; a credit beyond them could not be reported faithfully.
MAX_CREDIT = 10**15 - 1
# 9999-12-31T23:59:59.999Z, the last moment that ISO 8601 spells with four digits.
MAX_DATE = 253_402_300_799_999
# The first moment that Unix milliseconds spell with twelve digits, in 1973.
MIN_DATE = 10**11

_LIMITS = {
    "id": MAX_REWARD_ID_BYTES,
    "user.id": MAX_ID_BYTES,
    "user.accountId": MAX_ID_BYTES,
    "unit": MAX_UNIT_BYTES,
    "programId": MAX_PROGRAM_ID_BYTES,
}

_DAY = 86_400_000
# pandas and others write whole numbers as 500.0.
_CREDIT = re.compile(r"([0-9]{1,15})(?:\.0{1,30})?")
# Fewer digits are seconds or a date like 20261231, and would mean a day in 1970.
_MILLISECONDS = re.compile(r"([0-9]{12,15})(?:\.0{1,30})?")
_SCIENTIFIC = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*)?[eE][+-]?[0-9]+")
# A week does not say which day is meant; fromisoformat would take its Monday.
_WEEK = re.compile(r"[0-9]{4}-?W[0-9]{2}")

_KNOWN_NAMES = {normalise(name): name for name in (*NEEDED, *USED, *USED_OF_USER)}
_IGNORED_NAMES = frozenset(map(normalise, (*IGNORED, *IGNORED_GROUPS)))
_IGNORED_STARTS = tuple(normalise(group) + "." for group in IGNORED_GROUPS)


@dataclass(frozen=True, slots=True)
class Grant:
    """One reward to load, for one line of the file.

    `reward.ordinal` is 0 until the balance numbers it; `participant` has only what the file says:
    a blank cell leaves what is known.
    """

    line: int
    account_id: str
    user_id: str
    unit: str
    reward: Reward
    name: str = ""
    reward_source: str = ""
    participant: Mapping[str, str] = field(default_factory=dict)

    @property
    def value(self) -> int:
        """The credits that the reward assigns."""
        return self.reward.assigned_credit

    @property
    def balance_key(self) -> BalanceKey:
        """Which balance the reward is for."""
        return BalanceKey(self.account_id, self.user_id, self.unit)


class _RowError(RejectedError):
    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message


def id_places(header: Sequence[str]) -> frozenset[int]:
    """The places of the columns whose texts must be exact."""
    places = find_columns(header, NEEDED, USED)
    return frozenset(place for name, place in places.items() if name in ID_COLUMNS)


def read_grant(cells: Mapping[str, str], line: int, now: int) -> Grant | RowResult:
    """The grant in a row, by column name, or the result of a row that cannot be loaded.

    `now` (Unix ms) is the date given of a reward that has neither dateGiven nor dateCreated.
    """
    try:
        return _read(cells, line, now)
    except _RowError as error:
        return RowResult(line, error.outcome, error.message)


def requested_credit(cells: Mapping[str, str]) -> tuple[str, int] | None:
    """The unit of a row and the credits that it assigns, whatever else is wrong with the row.

    None without a valid positive number, or a unit that a balance can have.
    """
    reward_type, unit = trimmed(cells.get("type", "")), trimmed(cells.get("unit", ""))
    found = _CREDIT.fullmatch(trimmed(cells.get("assignedCredit", "")))
    if reward_type not in ("", "CREDIT") or not unit or problem_of_id(unit) is not None or not found:
        return None
    credit = int(found[1])
    return (unit, credit) if credit and len(normalised(unit).encode()) <= MAX_UNIT_BYTES else None


def unknown_columns(header: Sequence[str]) -> str | None:
    """The warning about columns that are neither used nor known from the original; None if there are none."""
    found = list(dict.fromkeys(name.strip() for name in header if _is_unknown(name)))
    if not found:
        return None
    shown_names = []
    for name in found[:MAX_NAMES]:
        closest = get_close_matches(normalise(name), _KNOWN_NAMES, n=1, cutoff=0.0)
        shown = name if len(name) <= 40 else name[:39] + "…"
        shown_names.append(f"'{writable(shown)}' (closest known column: '{_KNOWN_NAMES[closest[0]]}')")
    more = " and others" if len(found) > MAX_NAMES else ""
    return f"Unknown columns were ignored: {', '.join(shown_names)}{more}."


def _is_unknown(name: str) -> bool:
    text = normalise(name)
    known = not text or text in _KNOWN_NAMES or text in _IGNORED_NAMES or text.startswith(_IGNORED_STARTS)
    return not known


def _read(cells: Mapping[str, str], line: int, now: int) -> Grant:
    text = {name: trimmed(cells.get(name, "")) for name in (*NEEDED, *USED, *USED_OF_USER)}
    if text["type"] not in ("", "CREDIT"):
        raise _RowError(
            Outcome.UNSUPPORTED_TYPE,
            f"Rewards of type {text['type'][:40]!r} have no balance. Only CREDIT rewards are loaded.",
        )
    missing = [name for name in NEEDED if not text[name]]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise _RowError(Outcome.MISSING_FIELD, f"{listed(missing)} {verb} blank.")
    _check_texts(text)
    assigned = _credit(text, "assignedCredit")
    redeemed = _credit(text, "redeemedCredit") if text["redeemedCredit"] else 0
    if assigned == 0:
        raise _RowError(Outcome.NOT_POSITIVE, "assignedCredit is 0. It must be above 0.")
    if redeemed > assigned:
        raise _RowError(
            Outcome.INVALID_VALUE, f"redeemedCredit {redeemed} is more than assignedCredit {assigned}."
        )
    scheduled, expires = _date(text, "dateScheduledFor"), _date(text, "dateExpires")
    problem = problem_of_period(scheduled, expires)
    if problem is not None:
        raise _RowError(Outcome.INVALID_VALUE, f"dateExpires {problem}")
    given = _date(text, "dateGiven")
    if given is None:
        given = _date(text, "dateCreated")
    return Grant(
        line=line,
        account_id=text["user.accountId"],
        user_id=text["user.id"],
        unit=text["unit"],
        reward=Reward(
            ordinal=0,
            id=text["id"],
            assigned_credit=assigned,
            left=assigned - redeemed,
            date_given=now if given is None else given,
            date_expires=expires,
            date_scheduled_for=scheduled,
            date_cancelled=_date(text, "dateCancelled"),
            program_id=normalised(text["programId"]) or None,
        ),
        name=normalised(text["name"])[:MAX_TEXT],
        reward_source=normalised(text["rewardSource"])[:MAX_TEXT],
        participant={
            name: normalised(fact)[:MAX_TEXT]
            for name, column in zip(PARTICIPANT_FACTS, USED_OF_USER, strict=True)
            if (fact := text[column])
        },
    )


def _check_texts(text: Mapping[str, str]) -> None:
    for name, value in text.items():
        problem = problem_of_id(value) if name in _LIMITS else None
        if problem is None and has_half_surrogate(value):
            problem = "contains half of a surrogate pair. Copy the text from its source again."
        if problem is not None:
            raise _RowError(Outcome.INVALID_VALUE, f"{name} {problem}")
    for name, limit in _LIMITS.items():
        if len(normalised(text[name]).encode()) > limit:
            raise _RowError(Outcome.INVALID_VALUE, f"{name} is longer than {limit} bytes.")


def _credit(text: Mapping[str, str], name: str) -> int:
    found = _CREDIT.fullmatch(text[name])
    if found is not None:
        return int(found[1])
    shown = repr(text[name][:40])
    if _SCIENTIFIC.fullmatch(text[name]):
        why = "is in scientific notation, which may lose digits"
    elif not set(text[name]) - set("0123456789., '\u00a0\u202f\u2019"):
        why = "has a separator or decimals"
    else:
        why = "is not a number of credits"
    problem = (
        f"{name} {shown} {why}. Enter all digits of a whole number in the unit's smallest unit, from 0 to "
        f"{MAX_CREDIT}, without separators."
    )
    raise _RowError(Outcome.INVALID_VALUE, problem)


def _date(text: Mapping[str, str], name: str) -> int | None:
    if not text[name]:
        return None
    try:
        return read_date(text[name], is_expiry=name == "dateExpires")
    except ValueError as error:
        raise _RowError(Outcome.INVALID_VALUE, f"{name} {error}") from None


def read_date(text: str, is_expiry: bool) -> int:
    """A date in Unix milliseconds, given as such or in ISO 8601; without a time zone it is in UTC.

    A day without a time means the midnight that begins it, for an expiry the one that ends it. Raises
    ValueError, whose message follows the field's name.
    """
    shown = repr(text[:40])
    if found := _MILLISECONDS.fullmatch(text):
        milliseconds = int(found[1])
    elif _SCIENTIFIC.fullmatch(text):
        raise ValueError(f"{shown} is in scientific notation, which loses digits. Enter all digits.")
    else:
        try:
            if text.isdigit() or _WEEK.fullmatch(text):  # 20261231 may be a day or seconds
                raise ValueError
            milliseconds = _milliseconds(datetime.fromisoformat(text))
        except ValueError:
            raise ValueError(
                f"{shown} is not a date. Enter Unix milliseconds (12 digits or more) or an ISO 8601 date, "
                "for example 2026-12-31T23:59:59Z."
            ) from None
    if not 0 <= milliseconds <= MAX_DATE:
        raise ValueError(f"{shown} is not between the years 1970 and 9999.")
    # The very last day is often meant as "never": it ends with the last moment that can be written.
    return min(milliseconds + _DAY, MAX_DATE) if is_expiry and _is_day(text) else milliseconds


def problem_of_period(scheduled: int | None, expires: int | None) -> str | None:
    """Why a reward cannot be scheduled and expire at these moments (Unix ms), in words that follow
    `dateExpires`; else None."""
    if scheduled is None or expires is None or scheduled < expires:
        return None
    return (
        f"{iso(expires)} is not after dateScheduledFor {iso(scheduled)}: the reward would expire before it "
        "becomes available."
    )


def _milliseconds(moment: datetime) -> int:
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * _DAY + since.seconds * 1000 + since.microseconds // 1000


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
