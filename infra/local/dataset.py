"""A realistic rewards file, the same at every run: 2,000 participants in 1,500 accounts.

Ids and amounts come from a seed; dates count from the start of the current day, so that there
always are rewards pending, available, about to expire, expired and cancelled.
"""

import csv
import random
from collections.abc import Iterator
from pathlib import Path

PARTICIPANTS = 2_000
ACCOUNTS = 1_500
DAY = 86_400_000

COLUMNS = (
    "id",
    "type",
    "unit",
    "assignedCredit",
    "user.id",
    "user.accountId",
    "name",
    "programId",
    "rewardSource",
    "dateGiven",
    "dateScheduledFor",
    "dateExpires",
    "dateCancelled",
    "user.firstName",
    "user.lastName",
    "user.email",
    "user.segments",
)
# (unit, how often, the usual amounts in its smallest unit)
_UNITS = (
    ("CASH/USD", 40, (500, 1000, 2550, 5000)),
    ("CASH/JPY", 10, (500, 1000, 3000)),
    ("CREDIT/KWD", 5, (1500, 2750)),
    ("POINT", 35, (50, 100, 250, 1000)),
    ("freemonth", 10, (1, 2, 3)),
)
_PROGRAMS = ("refer-a-friend", "vip-2026", "summer-bonus")
_FIRST = [
    "Aiko",
    "Ana",
    "Björn",
    "Chloé",
    "Dmitri",
    "Elif",
    "Fatima",
    "Grace",
    "Hugo",
    "Inès",
    "João",
    "Kwame",
    "Lena",
    "Noor",
    "Zoë",
]
_LAST = [
    "Ahmed",
    "Bauer",
    "Costa",
    "Dubois",
    "García",
    "Haddad",
    "Ito",
    "Jansen",
    "Kowalska",
    "Müller",
    "O'Neil",
    "Smith",
]


def write_rewards(path: Path, today: int) -> int:
    """Write the rewards file; `today` is the start of a day in Unix milliseconds. Returns the rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        rows = list(_rewards(today))
        writer.writerows(rows)
    return len(rows)


def _rewards(today: int) -> Iterator[dict[str, object]]:
    seeded = random.Random(20261121)
    number = 0
    for participant in range(PARTICIPANTS):
        # The first 1,500 participants open an account each, the others join one of them.
        home = participant if participant < ACCOUNTS else seeded.randrange(ACCOUNTS)
        person = {
            # Ids with leading zeros and addresses: what spreadsheets like to damage.
            "user.accountId": f"{home:06d}",
            "user.id": f"user{participant:04d}@example.com",
            "user.firstName": seeded.choice(_FIRST),
            "user.lastName": seeded.choice(_LAST),
            "user.email": f"user{participant:04d}@example.com",
            "user.segments": seeded.choice(("", "gold", "gold,early")),
        }
        for _ in range(seeded.choice((1, 1, 2, 3, 4, 6))):
            number += 1
            yield {"id": f"{number:024x}", "type": "CREDIT", **person, **_facts(seeded, today)}


def _facts(seeded: random.Random, today: int) -> dict[str, object]:
    unit, _, amounts = seeded.choices(_UNITS, [weight for _, weight, _ in _UNITS])[0]
    given = today - seeded.randrange(10, 300) * DAY
    expires = seeded.choice(
        (
            "",  # never
            today + seeded.randrange(40, 400) * DAY,
            today + seeded.randrange(1, 30) * DAY,  # soon
            today + seeded.randrange(40, 400) * DAY,
            today - seeded.randrange(1, 9) * DAY,  # expired
        )
    )
    state = seeded.random()
    scheduled = today + 20 * DAY
    is_scheduled = state < 0.08 and (expires == "" or int(expires) > scheduled)
    return {
        "unit": unit,
        "assignedCredit": seeded.choice(amounts),
        "name": "Referral reward",
        "programId": seeded.choice(_PROGRAMS),
        "rewardSource": seeded.choice(("AUTOMATED", "MANUAL")),
        "dateGiven": given,
        "dateScheduledFor": scheduled if is_scheduled else "",
        "dateExpires": expires,
        "dateCancelled": today - 3 * DAY if state > 0.94 else "",
    }
