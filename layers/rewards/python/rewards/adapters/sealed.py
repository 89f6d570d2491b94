"""What a validation wrote before its import was sealed: the chunks, and the results of rejected rows.

Files of chunks hold message bodies, one per line; files of results are in line order; the manifest holds
the SHA-256 of each of these. domain/object_keys.py says where they are.

Every attempt to validate has a folder of its own, because an S3 event may arrive twice. The write that
seals the import names the attempt and the manifest's SHA-256; from then on only that attempt is read, and
every file is compared with its digest.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from rewards.adapters.files import Files, decode_results, encode_results
from rewards.domain.errors import FaultError
from rewards.domain.import_job import Seal
from rewards.domain.object_keys import sealed_chunks_key, sealed_manifest_key, sealed_results_key
from rewards.domain.outcomes import RowResult

# A file of chunks is written when its bodies reach this size (bytes); 30 % of it when compressed.
_FILE_BYTES = 4 << 20
_PART_ROWS = 5_000


class SealBrokenError(FaultError):
    """A file of a sealed import is missing, or is not the one that was sealed."""


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

    def close(self) -> Seal:
        """Write what is left, and the manifest."""
        if self._bodies:
            self._write_chunks()
        if self._results:
            self._write_part()
        body = json.dumps({"chunks": self._chunks, "parts": self._parts}).encode()
        return Seal(self.name, self._write(sealed_manifest_key(self.import_id, self.name), body))

    def discard(self) -> None:
        """Delete what was written: the import is sealed by another attempt, or not at all."""
        while self._keys:
            self.files.delete(self._keys.pop())

    def _write_chunks(self) -> None:
        # The same rows make the same bytes: gzip would write the time into its header.
        body = gzip.compress(b"\n".join(self._bodies), compresslevel=1, mtime=0)
        key = sealed_chunks_key(self.import_id, self.name, len(self._chunks) + 1)
        self._chunks.append(self._write(key, body))
        self._bodies, self._size = [], 0

    def _write_part(self) -> None:
        body = encode_results(self._results)
        key = sealed_results_key(self.import_id, self.name, len(self._parts) + 1)
        self._parts.append(self._write(key, body))
        self._results = []

    def _write(self, key: str, body: bytes) -> str:
        self.files.put(key, body)
        self._keys.append(key)
        return hashlib.sha256(body).hexdigest()


class Sealed:
    """Reads what a sealed import's attempt wrote. Raises SealBrokenError."""

    def __init__(self, files: Files, import_id: str, seal: Seal) -> None:
        self._files = files
        self._import_id = import_id
        self._attempt = seal.attempt
        manifest: dict[str, Any] = json.loads(
            self._read(sealed_manifest_key(import_id, self._attempt), seal.manifest)
        )
        self._chunks: list[str] = manifest["chunks"]
        self._parts: list[str] = manifest["parts"]

    @property
    def chunk_files(self) -> int:
        """How many files of chunks there are."""
        return len(self._chunks)

    def chunks(self, number: int) -> list[str]:
        """Return the message bodies in a file of chunks, which counts from 1."""
        key = sealed_chunks_key(self._import_id, self._attempt, number)
        body = self._read(key, self._chunks[number - 1])
        return gzip.decompress(body).decode().split("\n")

    def results(self) -> Iterator[RowResult]:
        """Yield the results of rejected rows, in line order."""
        for number, digest in enumerate(self._parts, start=1):
            key = sealed_results_key(self._import_id, self._attempt, number)
            yield from decode_results(self._read(key, digest))

    def _read(self, key: str, digest: str) -> bytes:
        body = self._files.get(key)
        if body is None or hashlib.sha256(body).hexdigest() != digest:
            raise SealBrokenError(f"{key} is missing or was changed")
        return body
