"""The API keys that are valid in a table that a stack adopted.

A restore makes keys valid again that were revoked after the restored moment.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from infra.check_tables.findings import Finding, State
from rewards.adapters.api_keys import ApiKeys

_PAGE = 1_000


def valid_api_keys(keys: ApiKeys) -> Iterator[Finding]:
    """Yield a note about each key that is valid, newest first."""
    passed, total = 0, 1
    while passed < total:
        page, total = keys.history(_PAGE, passed)
        passed += _PAGE
        for key in page:
            if key.date_revoked is None:
                created = datetime.fromtimestamp(key.date_created / 1000, UTC).isoformat(timespec="seconds")
                text = (
                    f"{key.name!r} is valid (scopes {', '.join(key.scopes)}; created {created}). Revoke it "
                    "again if it was revoked after the restored moment"
                )
                yield Finding(State.NOTE, f"API key {key.id}", text)
