"""Messages that failed permanently: whatever they were for still ends, and says so.

If handling fails as well, the letter stays in its queue, where an alarm watches it.
"""

import logging

from rewards.adapters.chunk_records import ChunkRecords
from rewards.adapters.import_jobs import ImportJobs
from rewards.adapters.queue_messages import decode
from rewards.adapters.retry import Backoff
from rewards.domain.import_job import ImportStatus
from rewards.domain.messages import (
    ChunkMessage,
    CreateOverview,
    CreateReport,
    FailedInvocation,
    FinishImport,
    JoinGroup,
    LoadChunk,
    RedeemChunk,
    ReportMisplaced,
    ReverseChunks,
    SendChunks,
    chunks_in,
)
from rewards.flows.end_report import ReportEnding
from rewards.flows.finish_import import Finisher
from rewards.flows.process_chunk import CANCELLED, FAILED_PERMANENTLY, ChunkProcessor
from rewards.flows.requeue import Requeuer
from rewards.flows.send_chunks import ChunkSender
from rewards.flows.uploaded_imports import UploadedImports, uploads_in

# How many workers must have failed with a chunk before its rows fail permanently.
_FAILURES = 2

logger = logging.getLogger(__name__)


class DeadLetters:
    """Handles dead letters: whatever a message was for still ends."""

    def __init__(
        self,
        chunk_processor: ChunkProcessor,
        uploads: UploadedImports,
        sender: ChunkSender,
        finisher: Finisher,
        reports: ReportEnding,
        jobs: ImportJobs,
        chunks: ChunkRecords,
        requeuer: Requeuer,
    ) -> None:
        self._chunk_processor = chunk_processor
        self._sender = sender
        self._uploads = uploads
        self._finisher = finisher
        self._reports = reports
        self._jobs = jobs
        self._chunks = chunks
        self._requeuer = requeuer

    def handle(self, body: str, backoff: Backoff) -> None:
        """Handle one dead letter. Raises ValueError for what is none.

        A chunk with which at most one worker failed is requeued. Of any other, the rows that were not
        redeemed are NOT_PROCESSED. If its import has no record, the chunk is dropped.
        A request to finish, to report or for an overview: the record says what is
        missing. A failed validation: the import is aborted or, if it is sealed, its chunks are sent. An
        email about a misplaced upload: nothing; the upload is in the log.
        """
        match decode(body):
            case RedeemChunk() | LoadChunk() | ReverseChunks() as message:
                self._end_chunks(message, body, backoff)
            case SendChunks(import_id):
                self._sender.run(import_id, backoff)
            case FinishImport(import_id) | JoinGroup(import_id):
                self._finisher.fail(import_id)
            case ReportMisplaced():
                pass
            case CreateReport(export_id):
                self._reports.fail(export_id)
            case CreateOverview():
                self._reports.fail_overview()
            case FailedInvocation(event):
                for upload in uploads_in(event):
                    self._uploads.fail(upload, backoff)

    def _end_chunks(self, message: ChunkMessage, body: str, backoff: Backoff) -> None:
        reason = FAILED_PERMANENTLY
        job = self._jobs.get(message.import_id)
        if job is None:  # a restore lost it: nothing can be counted, however often this is tried
            logger.warning("chunks without import", extra={"import_id": message.import_id})
            return
        if self._is_not_at_fault(message):
            if job.status is ImportStatus.CANCELLED:
                reason = CANCELLED
            elif self._requeuer.requeue(job.id, body, "throttled"):
                return
        for chunk in chunks_in(message):
            self._chunk_processor.run(chunk, backoff, reason)

    def _is_not_at_fault(self, message: ChunkMessage) -> bool:
        """Whether SQS delivered a chunk so often only because Lambda, or a table, throttled its workers.

        If a message has several chunks, the first one that is not counted decides: the others wait for it.
        """
        records = (self._chunks.chunk(message.import_id, chunk.number) for chunk in chunks_in(message))
        pending = next((record for record in records if not record.counted), None)
        return pending is not None and pending.workers < _FAILURES
