"""Writing what `sealed` reads: the chunks of an import, and the results of its rejected rows."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import token_hex

from isal import igzip

from rewards.adapters.files import Files
from rewards.adapters.parallel import Background
from rewards.adapters.result_parts import encode_results
from rewards.domain.import_job import Seal
from rewards.domain.object_keys import sealed_chunks_key, sealed_manifest_key, sealed_results_key
from rewards.domain.outcomes import RowResult
from rewards.domain.result_groups import ResultGroup

# A file of chunks is written when its bodies reach this size (bytes); 18 % of it when compressed.
_FILE_BYTES = 4 << 20
_PART_ROWS = 5_000

_COMPRESSION = 1  # of isal's levels 0 to 3: a quarter of zlib's time for smaller files


@dataclass
class Attempt:
    """One validation's files, written as its rows come."""

    files: Files
    import_id: str
    name: str = field(default_factory=lambda: token_hex(8))
    _chunks: list[str] = field(default_factory=list)
    _parts: list[str] = field(default_factory=list)
    _bodies: list[bytes] = field(default_factory=list)
    _size: int = 0
    _keys: list[str] = field(default_factory=list)
    _results: list[RowResult] = field(default_factory=list)
    _sending: Background = field(default_factory=Background)

    def add_chunk(self, body: str) -> None:
        """Add the message body of the next chunk."""
        line = body.encode()
        self._bodies.append(line)
        self._size += len(line)
        if self._size >= _FILE_BYTES:
            self._write_chunks()

    def add_result(self, result: RowResult) -> None:
        """Add the result of a row that is rejected without a look at its balance; in line order."""
        self._results.append(result)
        if len(self._results) == _PART_ROWS:
            self._write_part()

    @property
    def next_part(self) -> int:
        """The number of the part of rejected rows that is written next, from 1."""
        return len(self._parts) + 1

    def close(self, groups: Sequence[ResultGroup]) -> Seal:
        """Write what is left, and the manifest with the groups after the first."""
        if self._bodies:
            self._write_chunks()
        if self._results:
            self._write_part()
        body = json.dumps({"chunks": self._chunks, "parts": self._parts, "groups": groups}).encode()
        seal = Seal(self.name, self._write(sealed_manifest_key(self.import_id, self.name), body))
        self._sending.wait()
        return seal

    def discard(self) -> None:
        """Delete what was written: the import is sealed by another attempt, or not at all."""
        with suppress(Exception):  # what was not written need not be deleted
            self._sending.wait()
        while self._keys:
            self._sending.send(self.files.delete, self._keys.pop())
        self._sending.wait()

    def _write_chunks(self) -> None:
        # The same rows make the same bytes: gzip would write the time into its header.
        body = igzip.compress(b"\n".join(self._bodies), _COMPRESSION, mtime=0)
        key = sealed_chunks_key(self.import_id, self.name, len(self._chunks) + 1)
        self._chunks.append(self._write(key, body))
        self._bodies, self._size = [], 0

    def _write_part(self) -> None:
        body = encode_results(self._results)
        key = sealed_results_key(self.import_id, self.name, len(self._parts) + 1)
        self._parts.append(self._write(key, body))
        self._results = []

    def _write(self, key: str, body: bytes) -> str:
        self._keys.append(key)
        self._sending.send(self.files.put, key, body)
        return hashlib.sha256(body).hexdigest()
