"""References of payments whose redemptions went to a balance's history (CONTRACT section 9).

A reference counts for 400 days. So long the balance keeps a fingerprint of each, so that history is read
only for a row whose reference may be there.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterable

_DAY = 86_400_000
# So long a reference identifies a payment, in milliseconds.
WINDOW = 400 * _DAY

# The most fingerprints of a balance: 12 KB.
_MOST = 2_000
# The characters of a fingerprint, of 6 bits each. Two that are the same by chance only cost a reading.
_LENGTH = 6

# The day of redemptions (days since 1970, UTC), and their fingerprints one after the other. A day without
# fingerprints comes first: what was redeemed until then is not known any more.
ArchivedReferences = list[tuple[int, str]]


def with_archived(
    before: ArchivedReferences, redeemed: Iterable[tuple[int, str, str]], now: int
) -> ArchivedReferences:
    """The fingerprints once more redemptions went to history at `now` (Unix ms).

    `redeemed` has the date (Unix ms), reference and program of each. Days that count no more are left out.
    """
    unknown = next((day for day, texts in before if not texts), None)
    days = {day: texts for day, texts in before if texts}
    for date, reference, program in redeemed:
        day = date // _DAY
        days[day] = days.get(day, "") + _fingerprint(reference, program)
    kept = sorted((day, texts) for day, texts in days.items() if _counts(day, now))
    while sum(len(texts) for _, texts in kept) > _MOST * _LENGTH:
        unknown = kept.pop(0)[0]
    return kept if unknown is None or not _counts(unknown, now) else [(unknown, ""), *kept]


def may_be_archived(archived: ArchivedReferences, reference: str, program: str, now: int) -> bool:
    """Whether history may hold a redemption with this reference and program that counts at `now`."""
    wanted = _fingerprint(reference, program)
    return any(
        not texts or wanted in (texts[place : place + _LENGTH] for place in range(0, len(texts), _LENGTH))
        for day, texts in archived
        if _counts(day, now)
    )


def _counts(day: int, now: int) -> bool:
    return (day + 1) * _DAY + WINDOW > now


def _fingerprint(reference: str, program: str) -> str:
    digest = hashlib.blake2b(f"{program}\x1f{reference}".encode(), digest_size=6).digest()
    return urlsafe_b64encode(digest).decode()[:_LENGTH]
