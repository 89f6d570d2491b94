"""What a receipt says of files, compared with the files that are still kept."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from infra.check_tables.findings import Finding, State
from infra.verify.chain import name_receipt
from rewards.adapters.chunk_records import CountedPart
from rewards.adapters.errors import UploadGoneError, UploadUnreadableError
from rewards.adapters.parallel import read_ahead
from rewards.adapters.sealed import SealBrokenError, Sealed
from rewards.bootstrap import Flows
from rewards.domain.import_job import Seal
from rewards.domain.object_keys import part_key, part_name, receipt_key
from rewards.domain.receipt import IMPORT, Receipt, digest_of_parts

_DAY = 86_400_000


@dataclass
class ReceiptFiles:
    """Compares receipts with their copies, the records of their imports, uploads, result parts and stored
    chunks.

    With `repair` missing copies are written again. `evidence_days` is how long files are kept. `count` has
    what was compared.
    """

    flows: Flows
    evidence_days: int
    repair: bool
    count: Counter[str] = field(default_factory=Counter)

    def check(self, receipt: Receipt) -> Iterator[Finding]:
        """Yield what differs from the receipt, or is missing although it has to be kept."""
        self.count["receipts"] += 1
        content = json.loads(receipt.text)
        if content.get("kind") != IMPORT:
            text = f"it is of the kind {content.get('kind')!r}; only its place in the chain was checked"
            yield _finding(State.NOTE, receipt, text)
            return
        yield from self._copy(receipt, self._is_kept(receipt, content["dateCompleted"]))
        yield from self._record(receipt)
        is_kept = self._is_kept(receipt, content["dateCreated"])
        problems = (*self._upload(content["upload"]), *self._parts(content, is_kept))
        for problem in (*problems, *self._sealed(content, is_kept)):
            yield _finding(State.WRONG, receipt, problem)

    def _is_kept(self, receipt: Receipt, written: int) -> bool:
        """Whether a file of an import that was written at a moment (Unix ms) has to be there."""
        return self.flows.now() < min(receipt.kept_until, written + self.evidence_days * _DAY)

    def _copy(self, receipt: Receipt, is_kept: bool) -> Iterator[Finding]:
        key = receipt_key(receipt.import_id)
        body = self.flows.files.get(key)
        if body is None and is_kept:
            if self.repair:
                self.flows.files.put(key, receipt.text.encode())
            state = State.REPAIRED if self.repair else State.REPAIR
            yield _finding(state, receipt, f"{key} is missing")
        elif body is not None and body != receipt.text.encode():
            yield _finding(State.WRONG, receipt, f"{key} differs from it")

    def _record(self, receipt: Receipt) -> Iterator[Finding]:
        job = self.flows.import_jobs.get(receipt.import_id)
        if job is None:
            yield _finding(State.NOTE, receipt, "its import has no record")
        elif job.receipt is None:
            if self.repair:
                name_receipt(self.flows, receipt)
            state = State.REPAIRED if self.repair else State.REPAIR
            yield _finding(state, receipt, "the record of its import does not name it")
        elif job.receipt != receipt.ref:
            text = f"the record of its import names receipt {job.receipt.sequence}, {job.receipt.digest}"
            yield _finding(State.WRONG, receipt, text)

    def _upload(self, upload: dict[str, Any]) -> Iterator[str]:
        place = upload["bucket"], upload["key"], upload["versionId"]
        if upload["digest"] is None:
            self.count["uploads without digest"] += 1
            return
        try:
            digest = self.flows.files.block_digest_of_upload(*place)
        except UploadGoneError:
            self.count["uploads no longer kept"] += 1
            return
        except UploadUnreadableError:
            yield f"the upload {place[1]!r} cannot be read"
            return
        self.count["uploads compared"] += 1
        if digest != upload["digest"]:
            yield f"the upload {place[1]!r} has another digest"

    def _parts(self, content: dict[str, Any], is_kept: bool) -> Iterator[str]:
        said, import_id = content["parts"], content["importId"]
        counted = list(self.flows.chunk_records.counted_parts(import_id))
        if not counted:  # they expire, too
            self.count["imports without records of result parts"] += 1
            return
        if said["digest"] is None:
            self.count["imports without digest of result parts"] += 1
            return
        found = digest_of_parts(part.digest for part in counted)
        if (found.count, found.digest) != (said["count"], said["digest"]):
            yield "the records of its chunks name result parts with another digest"
        digests = read_ahead(lambda each: self._part(import_id, each), counted)
        for part, digest in zip(counted, digests, strict=True):
            if digest is not None:
                self.count["result parts compared"] += 1
                if digest != part.digest:
                    yield f"the result part of chunk {part.chunk} has another digest"
            elif is_kept:
                yield f"the result part of chunk {part.chunk} is missing"

    def _part(self, import_id: str, part: CountedPart) -> str | None:
        body = self.flows.files.get(part_key(import_id, part_name("chunk", part.chunk, part.attempt)))
        return None if body is None else hashlib.sha256(body).hexdigest()

    def _sealed(self, content: dict[str, Any], is_kept: bool) -> Iterator[str]:
        if content["seal"] is None or not is_kept:
            return
        seal = Seal(content["seal"]["attempt"], content["seal"]["manifest"])
        try:
            sealed = Sealed(self.flows.files, content["importId"], seal)
            for number in range(1, sealed.chunk_files + 1):
                sealed.chunks(number)
            for _ in sealed.results():
                pass
        except SealBrokenError as error:
            yield str(error)
        else:
            self.count["files of stored chunks compared"] += sealed.chunk_files


def _finding(state: State, receipt: Receipt, text: str) -> Finding:
    return Finding(state, f"receipt {receipt.sequence} (import {receipt.import_id})", text)
