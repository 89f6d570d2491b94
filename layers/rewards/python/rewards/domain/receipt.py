"""Receipts of imports: what each says, and how they form a chain.

A receipt is a text that names the digest of the receipt before it, so that none can be changed, added or left
out unnoticed. Digests are SHA-256 in hexadecimal. Moments are Unix milliseconds, amounts are integers in the
unit's smallest unit.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rewards.domain.import_job import ImportJob, ReceiptRef
from rewards.domain.outcomes import Outcome

# What the entries of the chain are about. Entries of other kinds may follow in later versions.
IMPORT = "IMPORT"

_VERSION = 1
_BLOCK = 8 << 20
_DAY = 86_400_000


class BlockDigest:
    """The SHA-256 over the SHA-256 of consecutive blocks of 8 MiB; `size` counts the bytes."""

    def __init__(self) -> None:
        self.size = 0
        self._whole, self._block, self._left = hashlib.sha256(), hashlib.sha256(), _BLOCK

    def update(self, data: bytes) -> None:
        """Add the bytes that follow."""
        rest = memoryview(data)
        self.size += len(rest)
        while rest:
            piece, rest = rest[: self._left], rest[self._left :]
            self._block.update(piece)
            self._left -= len(piece)
            if not self._left:
                self._whole.update(self._block.digest())
                self._block, self._left = hashlib.sha256(), _BLOCK

    def hexdigest(self) -> str:
        """The digest of all bytes so far."""
        whole = self._whole.copy()
        if self._left < _BLOCK:
            whole.update(self._block.digest())
        return whole.hexdigest()


@dataclass(frozen=True, slots=True)
class PartsDigest:
    """How many result parts an import has, and the SHA-256 over the SHA-256 of each, in order of chunks.

    There is no digest if a part was written by a version that computed none.
    """

    count: int
    digest: str | None


def digest_of_parts(digests: Iterable[str | None]) -> PartsDigest:
    """The digest of result parts, by their own digests in order of chunks."""
    count, is_known, whole = 0, True, hashlib.sha256()
    for digest in digests:
        count += 1
        is_known = is_known and digest is not None
        whole.update(bytes.fromhex(digest or ""))
    return PartsDigest(count, whole.hexdigest() if is_known else None)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt in the chain, kept until `kept_until`. `text` is what it says, as canonical JSON."""

    sequence: int
    import_id: str
    text: str
    kept_until: int

    @property
    def digest(self) -> str:
        """The SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def ref(self) -> ReceiptRef:
        """How the import's record names it."""
        return ReceiptRef(self.sequence, self.digest)

    @property
    def head(self) -> "ChainHead":
        """The head of a chain that ends with it."""
        return ChainHead(self.sequence, self.digest, self.kept_until)


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last receipt of the chain, until when it is kept, and so all before it."""

    sequence: int
    digest: str
    kept_until: int


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose chain it is, and how many days its receipts are kept."""

    stack: str
    tenant: str
    days: int


def has_receipt(job: ImportJob) -> bool:
    """Whether an import has a receipt once it has ended: it redeemed, loaded or reversed a row."""
    effects = (Outcome.REDEEMED, Outcome.LOADED, Outcome.REVERSED)
    return not job.dry_run and any(job.outcomes.get(outcome) for outcome in effects)


def next_receipt(job: ImportJob, parts: PartsDigest, head: ChainHead | None, issuer: Issuer) -> Receipt:
    """The receipt of an import as it ends, which follows the head of the chain.

    It is kept at least as long as the one before it, so that what is kept is always the end of the chain.
    """
    ended = job.date_completed or 0
    until = max(ended + issuer.days * _DAY, head.kept_until if head else 0)
    sequence = head.sequence + 1 if head else 1
    content = {
        "version": _VERSION,
        "kind": IMPORT,
        "sequence": sequence,
        "previous": {"digest": head.digest, "keptUntil": head.kept_until} if head else None,
        "keptUntil": until,
        "stack": issuer.stack,
        "tenant": issuer.tenant,
        "importId": job.id,
        "type": job.type.value,
        "name": job.name,
        "fileName": job.file_name,
        "status": job.status.value,
        "error": job.error.code.value if job.error else None,
        "requester": job.requester,
        "approver": _approver(job),
        "payout": None,
        "reverses": job.reverses,
        "startedFrom": job.started_from,
        "dateCreated": job.date_created,
        "dateCompleted": ended,
        "rows": job.rows,
        "outcomes": _counts(job.outcomes),
        "requested": _counts(job.requested),
        "redeemed": _counts(job.redeemed),
        "rejected": None if job.rejected is None else _counts(job.rejected),
        "upload": {
            "bucket": job.bucket,
            "key": job.key,
            "versionId": job.version_id,
            "size": job.size,
            "digest": job.upload_digest,
        },
        "parts": {"count": parts.count, "digest": parts.digest},
        "seal": {"attempt": job.seal.attempt, "manifest": job.seal.manifest} if job.seal else None,
    }
    return Receipt(sequence, job.id, canonical(content), until)


def canonical(content: Mapping[str, Any]) -> str:
    """JSON without spaces, its names sorted: the same content is the same text."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def read_receipt(text: str) -> Receipt:
    """The receipt with this text. Raises ValueError for what is none."""
    try:
        content = json.loads(text)
        return Receipt(content["sequence"], content["importId"], text, content["keptUntil"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a receipt: {error}") from error


def _approver(job: ImportJob) -> str | None:
    """Who approved the import."""
    return job.approval.approver if job.approval is not None else None


def _counts(counts: Mapping[str, int]) -> dict[str, int]:
    return {str(name): count for name, count in counts.items()}
