"""What a validation wrote before its import was sealed: the chunks, and the results of rejected rows.

    evidence/{importId}/sealed/{attempt}/chunks-000001.jsonl.gz    message bodies, one per line
    evidence/{importId}/sealed/{attempt}/checked-000001.jsonl      results of rejected rows, in line order
    evidence/{importId}/sealed/{attempt}/manifest.json             the SHA-256 of each of these

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
from rewards.domain.import_job import Seal
from rewards.domain.outcomes import RowResult

# A file of chunks is written when its bodies reach this size (bytes); 30 % of it when compressed.
_FILE_BYTES = 4 << 20
_PART_ROWS = 5_000

_CHUNKS = "chunks-{:06d}.jsonl.gz"
_PARTS = "checked-{:06d}.jsonl"


class SealBrokenError(Exception):
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
        return Seal(self.name, self._write("manifest.json", body))

    def discard(self) -> None:
        """Delete what was written: the import is sealed by another attempt, or not at all."""
        while self._keys:
            self.files.delete(self._keys.pop())

    def _write_chunks(self) -> None:
        # The same rows make the same bytes: gzip would write the time into its header.
        body = gzip.compress(b"\n".join(self._bodies), compresslevel=1, mtime=0)
        self._chunks.append(self._write(_CHUNKS.format(len(self._chunks) + 1), body))
        self._bodies, self._size = [], 0

    def _write_part(self) -> None:
        body = encode_results(self._results)
        self._parts.append(self._write(_PARTS.format(len(self._parts) + 1), body))
        self._results = []

    def _write(self, name: str, body: bytes) -> str:
        key = _key(self.import_id, self.name, name)
        self.files.put(key, body)
        self._keys.append(key)
        return hashlib.sha256(body).hexdigest()


class Sealed:
    """Reads what a sealed import's attempt wrote. Raises SealBrokenError."""

    def __init__(self, files: Files, import_id: str, seal: Seal) -> None:
        self._files = files
        self._import_id = import_id
        self._attempt = seal.attempt
        manifest: dict[str, Any] = json.loads(self._read("manifest.json", seal.manifest))
        self._chunks: list[str] = manifest["chunks"]
        self._parts: list[str] = manifest["parts"]

    @property
    def chunk_files(self) -> int:
        """How many files of chunks there are."""
        return len(self._chunks)

    def chunks(self, number: int) -> list[str]:
        """Return the message bodies in a file of chunks, which counts from 1."""
        body = self._read(_CHUNKS.format(number), self._chunks[number - 1])
        return gzip.decompress(body).decode().split("\n")

    def results(self) -> Iterator[RowResult]:
        """Yield the results of rejected rows, in line order."""
        for number, digest in enumerate(self._parts, start=1):
            yield from decode_results(self._read(_PARTS.format(number), digest))

    def _read(self, name: str, digest: str) -> bytes:
        key = _key(self._import_id, self._attempt, name)
        body = self._files.get(key)
        if body is None or hashlib.sha256(body).hexdigest() != digest:
            raise SealBrokenError(f"{key} is missing or was changed")
        return body


def _key(import_id: str, attempt: str, name: str) -> str:
    return f"evidence/{import_id}/sealed/{attempt}/{name}"
