"""Download links in the table `Jobs`."""

import secrets
from dataclasses import dataclass

from rewards.adapters.jobs_table import JobsTable, hashed
from rewards.domain.object_keys import file_name_in

_LINK = "LINK"
_DAYS_REMEMBERED = 30


@dataclass(frozen=True, slots=True)
class DownloadLink:
    """What a link opens: a file's key, the name to save it as, and until when (Unix seconds).

    `date_links_revoked` is when earlier links to files of the same import or export were revoked (Unix ms),
    as its record said when the link was created. Once the record says otherwise, this link is revoked, too.
    """

    key: str
    name: str
    expires: int
    date_links_revoked: int | None = None


class DownloadLinks:
    """Creates and opens links. Only a token's hash is stored: who reads the table cannot open files."""

    def __init__(self, table: JobsTable) -> None:
        self._table = table

    def create(self, link: DownloadLink) -> str:
        """A new unguessable token that opens one file."""
        token = secrets.token_urlsafe(24)
        record = {
            "key": link.key,
            "name": link.name,
            "expires": link.expires,
            "dateLinksRevoked": link.date_links_revoked,
            "ttl": link.expires + _DAYS_REMEMBERED * 86_400,
        }
        self._table.create(_LINK, hashed([token]), record)
        return token

    def find(self, token: str) -> DownloadLink | None:
        """What a token opens, or None. Links of versions before 0.2 have no name: it is their file's."""
        record = self._table.get(_LINK, hashed([token]))
        if record is None:
            return None
        name = record.get("name") or file_name_in(record["key"])
        return DownloadLink(record["key"], name, record["expires"], record.get("dateLinksRevoked"))
