"""API keys in the table `Jobs`."""

import hmac
from typing import Any

from rewards.adapters.jobs_table import API_KEY, JobsTable, Record
from rewards.domain.access import Scope
from rewards.domain.api_key import ApiKey, digest_of, id_in
from rewards.domain.ids import is_id

# The last use of a key is recorded at most once in this time (milliseconds).
_USE_RECORDED_EVERY = 3_600_000


class ApiKeys:
    """Creates, finds, lists and revokes API keys. The table contains no keys, only digests."""

    def __init__(self, table: JobsTable) -> None:
        self._table = table

    def create(self, key: ApiKey, text: str) -> None:
        """Store a new key. `text` is the key itself, of which only the digest is stored."""
        record: dict[str, Any] = {
            "digest": digest_of(text),
            "name": key.name,
            "scopes": [scope.value for scope in key.scopes],
            "createdBy": key.created_by,
            "dateCreated": key.date_created,
        }
        self._table.create(API_KEY, key.id, record)

    def find(self, text: str) -> ApiKey | None:
        """The record of a valid key, as stored now; None for an unknown or revoked one."""
        key_id = id_in(text)
        record = self._table.get(API_KEY, key_id) if key_id else None
        if record is None or not hmac.compare_digest(record["digest"], digest_of(text)):
            return None
        key = _key(record)
        return key if key.date_revoked is None else None

    def history(self, limit: int, offset: int) -> tuple[list[ApiKey], int]:
        """Keys, newest first, from `offset`, also revoked ones; and how many there are in all."""
        records, total = self._table.history(API_KEY, limit, offset)
        return [_key(record) for record in records], total

    def revoke(self, key_id: str, now: int, by: str) -> ApiKey | None:
        """Revoke a key (Unix ms); the key, or None if there is none. Repeated, it changes nothing."""
        if not is_id(key_id):
            return None
        self._table.update(API_KEY, key_id, {"dateRevoked": now, "revokedBy": by}, dateRevoked=None)
        record = self._table.get(API_KEY, key_id)
        return _key(record) if record else None

    def record_use(self, key: ApiKey, now: int) -> None:
        """Record that a key is used (Unix ms), unless that was recorded within the last hour."""
        before = key.date_last_used
        if before is None or before + _USE_RECORDED_EVERY <= now:
            self._table.update(API_KEY, key.id, {"dateLastUsed": now}, dateLastUsed=before)


def _key(record: Record) -> ApiKey:
    return ApiKey(
        id=record["id"],
        name=record["name"],
        scopes=tuple(map(Scope, record["scopes"])),
        created_by=record["createdBy"],
        date_created=record["dateCreated"],
        date_last_used=record.get("dateLastUsed"),
        date_revoked=record.get("dateRevoked"),
        revoked_by=record.get("revokedBy"),
    )
