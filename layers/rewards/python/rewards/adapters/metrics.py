"""The service's own metrics in CloudWatch: lines of the log in the embedded metric format.

CloudWatch takes them from the log, so a metric costs no request. A metric belongs to the stack, whichever
function counts. Without a stack, as in tests and tools, nothing is written.
"""

import os
from collections.abc import Mapping
from enum import StrEnum

from aws_lambda_powertools.metrics import MetricUnit, single_metric

NAMESPACE = "Rewards"


class Metric(StrEnum):
    """The metrics; each has the dimension `Stack`, and those that are named here."""

    ROWS = "Rows"  # Outcome: rows that were counted; not those of previews
    IMPORTS_ENDED = "ImportsEnded"  # Status
    CHUNK_DURATION = "ChunkDuration"  # milliseconds from a chunk's lease to its count
    REQUEUES = "Requeues"  # messages of imports that came too early
    THROTTLED_REQUESTS = "ThrottledRequests"  # requests that DynamoDB throttled, also in part
    EMAILS_FAILED = "EmailsFailed"  # attempts to send an email
    EMAIL_PROBLEMS = "EmailProblems"  # emails that bounced, were rejected, or were reported as spam
    STUCK_JOBS = "StuckJobs"  # imports and exports that resuming did not help
    ALARMS_WITHOUT_RECIPIENT = "AlarmsWithoutRecipient"  # runs of the sweep while nobody receives alarms
    OLDEST_IMPORT_AGE = "OldestImportAge"  # seconds since the oldest import that has not ended was created
    AUTHORIZATION_FAILURES = "AuthorizationFailures"  # Status: 401 or 403
    AUDIT_PROBLEMS = "AuditProblems"  # entries that are missing in the audit log


_UNITS = {
    Metric.CHUNK_DURATION: MetricUnit.Milliseconds,
    Metric.OLDEST_IMPORT_AGE: MetricUnit.Seconds,
}


def record(metric: Metric, value: float = 1, **dimensions: str) -> None:
    """Add a value to a metric. The values of a dimension must be few, because each is a metric to pay."""
    stack = os.environ.get("STACK_NAME")
    if not stack:
        return
    unit = _UNITS.get(metric, MetricUnit.Count)
    with single_metric(metric, unit, value, namespace=NAMESPACE) as line:
        line.service = ""  # otherwise Powertools adds the function as a dimension, which no alarm names
        for name, text in {"Stack": stack, **dimensions}.items():
            line.add_dimension(name, text)


def record_rows(outcomes: Mapping[str, int]) -> None:
    """Add rows that were counted, by outcome."""
    for outcome, rows in outcomes.items():
        record(Metric.ROWS, rows, Outcome=outcome)
