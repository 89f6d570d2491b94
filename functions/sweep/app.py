"""Resume imports and exports that have stopped, every 15 minutes; record emails that bounced.

A run also counts the jobs that resuming did not help, and reports if nobody receives the alarms. Events of
SES about emails that bounced, were rejected, or were reported as spam call the same function.
"""

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.utilities.typing import LambdaContext

from rewards.adapters import metrics
from rewards.adapters.email_events import SOURCE, email_event
from rewards.adapters.metrics import Metric
from rewards.adapters.throttling import reported
from rewards.bootstrap import Flows, Settings
from rewards.settings import load

logger = Logger()
copy_config_to_registered_loggers(logger, include={"rewards"})

NEEDED = (
    *("jobs_table", "finish_queue_url", "export_queue_url", "validate_function", "alarm_topic_arn"),
    "audit_log_group",
)


@cache
def flows() -> Flows:
    return Flows(load(Settings, only=NEEDED))


@logger.inject_lambda_context(clear_state=True)
@reported
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    if event.get("source") == SOURCE:
        _record_email_problem(event)
        return
    swept = flows().sweep.run()
    if swept.stuck:
        metrics.record(Metric.STUCK_JOBS, len(swept.stuck))
    if swept.oldest_age is not None:  # while nothing is under way, the metric costs nothing
        metrics.record(Metric.OLDEST_IMPORT_AGE, swept.oldest_age // 1000)
    if not flows().alarm_topic.has_recipient():
        logger.warning("alarms without recipient")
        metrics.record(Metric.ALARMS_WITHOUT_RECIPIENT)


def _record_email_problem(event: dict[str, Any]) -> None:
    try:
        reported = email_event(event)
    except ValueError as error:  # retrying would not help
        logger.warning("email event dropped", extra={"reason": str(error)})
        return
    flows().email_problems.record(reported)
