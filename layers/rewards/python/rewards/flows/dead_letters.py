"""Messages that failed permanently: whatever they were for still ends, and says so.

If handling fails as well, the letter stays in its queue, where an alarm watches it.
"""

from rewards.adapters import chunk_messages
from rewards.adapters.retry import Backoff
from rewards.domain.messages import (
    FINISH,
    LOAD,
    MISPLACED,
    OVERVIEW,
    REDEEM,
    REPORT,
    REVERSE,
    SEND_CHUNKS,
    read_message,
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
        """Handle one dead letter.

        A chunk: its rows that were not redeemed are NOT_PROCESSED. A request to finish, to report
        or for an overview: the record says what is missing. A failed validation: the import is
        aborted or, if it is sealed, its chunks are sent. An email about a misplaced upload: nothing; the
        upload is in the log.
        """
        message = read_message(body)
        kind = message.get("kind")
        if kind in (REDEEM, LOAD, REVERSE):
            for chunk in chunk_messages.parse(body):
                self._chunk_processor.run(chunk, backoff, FAILED_PERMANENTLY)
        elif kind == SEND_CHUNKS:
            self._sender.run(message["importId"], backoff)
        elif kind == FINISH:
            self._finisher.fail(message["importId"])
        elif kind == MISPLACED:
            pass
        elif kind == REPORT:
            self._reports.fail(message["exportId"])
        elif kind == OVERVIEW:
            self._reports.fail_overview()
        elif "requestPayload" in message:
            # What Lambda sends when an asynchronous invocation failed permanently: the S3 event inside.
            for upload in uploads_in(message["requestPayload"]):
                self._uploads.fail(upload, backoff)
        else:
            raise ValueError(f"unknown dead letter: {body[:200]}")
