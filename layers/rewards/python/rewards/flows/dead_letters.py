"""Messages that failed for good: whatever they were for still ends, and says so.

A dead letter that cannot be dealt with either raises, and so stays in its queue, where an
alarm watches it.
"""

import json

from rewards.adapters.retry import Backoff
from rewards.flows.finish import Finisher
from rewards.flows.misplaced import MISPLACED_KIND
from rewards.flows.redeem import GIVEN_UP, Redeemer
from rewards.flows.report import ReportEnding
from rewards.flows.validate import Validation, uploads_in
from rewards.rules import chunks


class DeadLetters:
    """Ends what dead messages began."""

    def __init__(
        self, redeemer: Redeemer, validation: Validation, finisher: Finisher, reports: ReportEnding
    ) -> None:
        self._redeemer = redeemer
        self._validation = validation
        self._finisher = finisher
        self._reports = reports

    def bury(self, body: str, backoff: Backoff) -> None:
        """Deal with one dead message.

        A chunk: its rows that were not redeemed are NOT_PROCESSED. An order to finish, to report
        or for an overview: the record says what is missing. A failed validation: the import is
        aborted or, if its chunks are being sent already, validated again. An email about a misplaced
        upload: nothing; the upload is in the log.
        """
        message = json.loads(body)
        kind = message.get("kind")
        if kind in (chunks.REDEEM, chunks.LOAD, chunks.REVERSE):
            for chunk in chunks.parse(body):
                self._redeemer.run(chunk, backoff, GIVEN_UP)
        elif kind == "finish":
            self._finisher.give_up(message["importId"])
        elif kind == MISPLACED_KIND:
            pass
        elif kind == "report":
            self._reports.give_up(message["exportId"])
        elif kind == "overview":
            self._reports.give_up_overview()
        elif "requestPayload" in message:
            # What Lambda sends when an asynchronous invocation failed for good: the S3 event inside.
            for upload in uploads_in(message["requestPayload"]):
                self._validation.give_up(upload, backoff)
        else:
            raise ValueError(f"unknown dead letter: {body[:200]}")
