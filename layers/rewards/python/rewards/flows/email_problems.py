"""Records on imports and exports that their emails bounced, were rejected, or were reported as spam."""

import logging

from rewards.adapters import metrics
from rewards.adapters.email_events import EmailEvent
from rewards.adapters.export_jobs import ExportJobs
from rewards.adapters.import_jobs import ImportJobs
from rewards.adapters.metrics import Metric

logger = logging.getLogger(__name__)


class EmailProblems:
    """Records what SES reports about emails that it had accepted."""

    def __init__(self, imports: ImportJobs, exports: ExportJobs) -> None:
        self._imports = imports
        self._exports = exports

    def record(self, reported: EmailEvent) -> bool:
        """Record an event on what its email is about; False if there is no such import or export.

        What may be an automatic reply is only logged, because the email may have arrived.
        """
        is_problem = not reported.may_be_automatic_reply
        recorded = is_problem and self._recorded(reported)
        if is_problem:
            metrics.record(Metric.EMAIL_PROBLEMS)
        about = {"import_id": reported.import_id, "export_id": reported.export_id}
        extra = {name: value for name, value in about.items() if value} | {
            "kind": reported.problem.kind.value,
            "ses_message_id": reported.message_id,
            "recorded": recorded,
        }
        if is_problem:
            logger.warning("email problem", extra=extra)
        else:
            logger.info("possible automatic reply", extra=extra)
        return recorded

    def _recorded(self, reported: EmailEvent) -> bool:
        if reported.import_id:
            return self._imports.update(reported.import_id, {"email_problem": reported.problem})
        if reported.export_id:
            return self._exports.update(reported.export_id, {"email_problem": reported.problem})
        return False
