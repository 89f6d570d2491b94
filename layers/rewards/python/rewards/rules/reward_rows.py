"""What a row of a rewards file says (CONTRACT section 6): a reward and its participant."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rewards.rules.import_rows import MAX_ID_BYTES, MAX_PROGRAM_ID_BYTES, MAX_UNIT_BYTES
from rewards.rules.outcomes import Answer, Outcome
from rewards.rules.redemption import Reward

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

MAX_REWARD_ID_BYTES = 64
MAX_TEXT = 1_000
# Spreadsheets keep 15 digits; a credit beyond them could not be reported faithfully.
MAX_CREDIT = 10**15 - 1
# 9999-12-31T23:59:59.999Z, the last moment that ISO 8601 spells with four digits.
MAX_DATE = 253_402_300_799_999
# The first moment that Unix milliseconds spell with twelve digits, in 1973.
MIN_DATE = 10**11

_CREDIT = re.compile(r"[0-9]{1,15}")
# Fewer digits are seconds or a date like 20261231, and would mean a day in 1970.
_MILLISECONDS = re.compile(r"[0-9]{12,15}")


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


class _RowError(Exception):
    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message


def read_grant(cells: Mapping[str, str], line: int, now: int) -> Grant | Answer:
    """The grant in a row, by column name, or the answer to a row that cannot be loaded.

    `now` (Unix ms) is the date given of a reward that has neither dateGiven nor dateCreated.
    """
    try:
        return _read(cells, line, now)
    except _RowError as error:
        return Answer(line, error.outcome, error.message)


def _read(cells: Mapping[str, str], line: int, now: int) -> Grant:
    text = {name: cells.get(name, "").strip() for name in (*NEEDED, *USED)}
    missing = [name for name in NEEDED if not text[name]]
    if missing:
        raise _RowError(Outcome.MISSING_FIELD, f"{', '.join(missing)} is blank.")
    if text["type"] != "CREDIT":
        raise _RowError(
            Outcome.UNSUPPORTED_TYPE,
            f"A reward of type {text['type'][:40]!r} carries no balance: only CREDIT rewards are loaded.",
        )
    for name, limit in (
        ("id", MAX_REWARD_ID_BYTES),
        ("user.id", MAX_ID_BYTES),
        ("user.accountId", MAX_ID_BYTES),
        ("unit", MAX_UNIT_BYTES),
        ("programId", MAX_PROGRAM_ID_BYTES),
    ):
        if len(text[name].encode()) > limit:
            raise _RowError(Outcome.INVALID_VALUE, f"{name} is longer than {limit} bytes.")
    assigned = _credit(text, "assignedCredit")
    redeemed = _credit(text, "redeemedCredit") if text["redeemedCredit"] else 0
    if assigned == 0:
        raise _RowError(Outcome.NOT_POSITIVE, "assignedCredit is 0: a reward gives something.")
    if redeemed > assigned:
        raise _RowError(
            Outcome.INVALID_VALUE, f"redeemedCredit {redeemed} is more than assignedCredit {assigned}."
        )
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
            date_expires=_date(text, "dateExpires"),
            date_scheduled_for=_date(text, "dateScheduledFor"),
            date_cancelled=_date(text, "dateCancelled"),
            program_id=text["programId"] or None,
        ),
        name=text["name"][:MAX_TEXT],
        reward_source=text["rewardSource"][:MAX_TEXT],
        participant={
            name: fact[:MAX_TEXT]
            for name in PARTICIPANT_FACTS
            if (fact := cells.get(f"user.{name}", "").strip())
        },
    )


def _credit(text: Mapping[str, str], name: str) -> int:
    if not _CREDIT.fullmatch(text[name]):
        raise _RowError(
            Outcome.INVALID_VALUE,
            f"{name} {text[name][:40]!r} is no whole number of the unit's smallest steps, 0 to {MAX_CREDIT}.",
        )
    return int(text[name])


def _date(text: Mapping[str, str], name: str) -> int | None:
    value = text[name]
    if not value:
        return None
    if _MILLISECONDS.fullmatch(value):
        milliseconds = int(value)
    else:
        try:
            if value.isdigit():  # fromisoformat would take 20261231 for a day, others for milliseconds
                raise ValueError
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise _RowError(
                Outcome.INVALID_VALUE,
                f"{name} {value[:40]!r} is no date: write Unix milliseconds (12 digits or more) or ISO 8601, "
                "for example 2026-12-31T23:59:59Z.",
            ) from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        since = moment - datetime(1970, 1, 1, tzinfo=UTC)
        milliseconds = since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
    if not 0 <= milliseconds <= MAX_DATE:
        raise _RowError(
            Outcome.INVALID_VALUE, f"{name} {value[:40]!r} is not between the years 1970 and 9999."
        )
    return milliseconds
