"""Messages that failed permanently: whatever they were for still ends, and says so.

If handling fails as well, the letter stays in its queue, where an alarm watches it.
"""

from rewards.adapters.queue_messages import decode
from rewards.adapters.retry import Backoff
from rewards.domain.messages import (
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
from rewards.flows.process_chunk import FAILED_PERMANENTLY, ChunkProcessor
from rewards.flows.send_chunks import ChunkSender
from rewards.flows.uploaded_imports import UploadedImports, uploads_in


class DeadLetters:
    """Handles dead letters: whatever a message was for still ends."""

    def __init__(
        self,
        chunk_processor: ChunkProcessor,
        uploads: UploadedImports,
        sender: ChunkSender,
        finisher: Finisher,
        reports: ReportEnding,
    ) -> None:
        self._chunk_processor = chunk_processor
        self._sender = sender
        self._uploads = uploads
        self._finisher = finisher
        self._reports = reports

    def handle(self, body: str, backoff: Backoff) -> None:
        """Handle one dead letter. Raises ValueError for what is none.

        A chunk: its rows that were not redeemed are NOT_PROCESSED. A request to finish, to report
        or for an overview: the record says what is missing. A failed validation: the import is
        aborted or, if it is sealed, its chunks are sent. An email about a misplaced upload: nothing; the
        upload is in the log.
        """
        match decode(body):
            case RedeemChunk() | LoadChunk() | ReverseChunks() as message:
                for chunk in chunks_in(message):
                    self._chunk_processor.run(chunk, backoff, FAILED_PERMANENTLY)
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
