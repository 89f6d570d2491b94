"""The receipt of an import: made by the transaction that ends the import, and copied to its evidence."""

from typing import Any

from rewards.adapters.chunk_records import ChunkRecords
from rewards.adapters.files import Files
from rewards.adapters.receipts import Receipts
from rewards.domain.import_job import ImportJob
from rewards.domain.object_keys import receipt_key
from rewards.domain.receipt import Issuer, PartsDigest, Receipt, digest_of_parts, has_receipt, next_receipt


class ReceiptWriter:
    """Makes the receipts of a stack."""

    def __init__(self, receipts: Receipts, chunks: ChunkRecords, files: Files, issuer: Issuer) -> None:
        self._receipts = receipts
        self._chunks = chunks
        self._files = files
        self._issuer = issuer

    def parts(self, job: ImportJob) -> PartsDigest | None:
        """The digest of the result parts of an import that gets a receipt when it ends; None of any other.

        After a restore it may have its receipt already.
        """
        if not has_receipt(job) or job.receipt is not None:
            return None
        return digest_of_parts(part.digest for part in self._chunks.counted_parts(job.id))

    def next(self, job: ImportJob, parts: PartsDigest) -> tuple[Receipt, list[Any]]:
        """The receipt of an import as it ends, and the actions that extend the chain as it is now."""
        head = self._receipts.head()
        receipt = next_receipt(job, parts, head, self._issuer)
        return receipt, self._receipts.actions(receipt, head)

    def copy(self, job: ImportJob) -> None:
        """Copy the receipt of an import to its evidence; writing it again is harmless."""
        receipt = self._receipts.find(job.receipt.sequence) if job.receipt else None
        if receipt is not None:
            self._files.put(receipt_key(job.id), receipt.text.encode())
