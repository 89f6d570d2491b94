"""What a validation wrote before its import was sealed: the chunks, and the results of rejected rows.

Files of chunks hold message bodies, one per line; files of results are in line order; the manifest holds
the SHA-256 of each of these, and where the groups begin, whose rows finish apart. domain/object_keys.py
says where they are.

Every attempt to validate has a folder of its own, because an S3 event may arrive twice. The write that
seals the import names the attempt and the manifest's SHA-256; from then on only that attempt is read, and
every file is compared with its digest. `sealing` writes the files.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator
from typing import Any

from rewards.adapters.files import Files
from rewards.adapters.result_parts import decode_results
from rewards.domain.errors import FaultError
from rewards.domain.import_job import Seal
from rewards.domain.object_keys import sealed_chunks_key, sealed_manifest_key, sealed_results_key
from rewards.domain.outcomes import RowResult
from rewards.domain.result_groups import FIRST_GROUP, ResultGroup


class SealBrokenError(FaultError):
    """A file of a sealed import is missing, or is not the one that was sealed."""


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
        # Manifests of version 0.1 have no groups.
        self.groups = [FIRST_GROUP, *(ResultGroup(*each) for each in manifest.get("groups", ()))]

    @property
    def chunk_files(self) -> int:
        """How many files of chunks there are."""
        return len(self._chunks)

    def chunks(self, number: int) -> list[str]:
        """Return the message bodies in a file of chunks, which counts from 1."""
        key = sealed_chunks_key(self._import_id, self._attempt, number)
        body = self._read(key, self._chunks[number - 1])
        return gzip.decompress(body).decode().split("\n")

    def results(self, part: int = 1) -> Iterator[RowResult]:
        """Yield the results of rejected rows, in line order, from a part on; the first one is 1."""
        for number, digest in enumerate(self._parts[part - 1 :], start=part):
            key = sealed_results_key(self._import_id, self._attempt, number)
            yield from decode_results(self._read(key, digest))

    def _read(self, key: str, digest: str) -> bytes:
        body = self._files.get(key)
        if body is None or hashlib.sha256(body).hexdigest() != digest:
            raise SealBrokenError(f"{key} is missing or was changed")
        return body
