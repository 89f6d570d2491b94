"""Messages that failed for good: whatever they were for still ends, and says so.

A dead letter that cannot be dealt with either raises, and so stays in its queue, where an
alarm watches it.
"""

import json
from urllib.parse import unquote_plus

from rewards.adapters.retry import Backoff
from rewards.flows.finish import Finisher
from rewards.flows.redeem import GIVEN_UP, Redeemer
from rewards.flows.report import Reporter
from rewards.flows.validate import Validation
from rewards.rules import chunks


class DeadLetters:
    """Ends what dead messages began."""

    def __init__(
        self, redeemer: Redeemer, validation: Validation, finisher: Finisher, reporter: Reporter
    ) -> None:
        self._redeemer = redeemer
        self._validation = validation
        self._finisher = finisher
        self._reporter = reporter

    def bury(self, body: str, backoff: Backoff) -> None:
        """Deal with one dead message.

        A chunk: its rows that were not redeemed are NOT_PROCESSED. An order to finish or to
        report: the record says what is missing. A failed validation: the import is aborted or,
        if its chunks are being sent already, validated again.
        """
        message = json.loads(body)
        kind = message.get("kind")
        if kind in (chunks.REDEEM, chunks.LOAD):
            self._redeemer.run(chunks.parse(body), backoff, GIVEN_UP)
        elif kind == "finish":
            self._finisher.give_up(
                message["importId"], "The import's results or email failed after all retries."
            )
        elif kind == "report":
            self._reporter.give_up(message["exportId"], "The report or its email failed after all retries.")
        elif "requestPayload" in message:
            # What Lambda sends when an asynchronous invocation failed for good: the S3 event inside.
            for record in message["requestPayload"]["Records"]:
                uploaded = record["s3"]["object"]
                self._validation.give_up(
                    record["s3"]["bucket"]["name"], unquote_plus(uploaded["key"]), uploaded.get("versionId")
                )
        else:
            raise ValueError(f"unknown dead letter: {body[:200]}")
