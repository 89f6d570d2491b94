"""API keys: `rwk_`, the key's id, `_`, and 43 random characters (256 bits).

Only the digest of a key is stored. The prefix lets programs that scan files for secrets recognise keys.
"""

import hashlib
import re
import secrets
import string
from dataclasses import dataclass

from rewards.domain.access import Scope
from rewards.domain.ids import is_id

_ALPHABET = string.ascii_letters + string.digits
_SECRET_LENGTH = 43
_FORM = re.compile(rf"rwk_([0-9a-z]{{16}})_[A-Za-z0-9]{{{_SECRET_LENGTH}}}")

# A name goes into records beside email addresses: it must not look like one, or like the end of a record.
NAME_PATTERN = r"^\w[\w .-]*$"
MAX_NAME = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is known of an API key. Dates are Unix milliseconds; `date_last_used` is exact to an hour."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created_by: str
    date_created: int
    date_last_used: int | None = None
    date_revoked: int | None = None
    revoked_by: str | None = None


def caller_with_key(name: str, key_id: str) -> str:
    """How records name a caller with an API key. No email address has this form."""
    return f"API key {name} ({key_id})"


def new_key(key_id: str) -> str:
    """A new unguessable key with this id."""
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))
    return f"rwk_{key_id}_{secret}"


def id_in(text: str) -> str | None:
    """The id in a text that has the form of a key, else None."""
    match = _FORM.fullmatch(text)
    return match[1] if match and is_id(match[1]) else None


def digest_of(key: str) -> str:
    """The SHA-256 of a key. A key is random enough that no slower digest is needed."""
    return hashlib.sha256(key.encode()).hexdigest()
