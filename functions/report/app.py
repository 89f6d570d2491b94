"""A report was requested: create its file and send its link. Or an overview of all balances."""

from functools import cache, partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from rewards.adapters import mailer, row_id_keys
from rewards.adapters.queue_messages import decode, described
from rewards.adapters.throttling import reported
from rewards.bootstrap import Flows, Settings
from rewards.domain.messages import CreateOverview, CreateReport
from rewards.flows import create_report
from rewards.flows.overviews import scan_overview
from rewards.settings import load

# Loaded while the function starts, when Lambda gives it more CPU, not at its first message.
_LOADED = (mailer, row_id_keys, create_report)

logger = Logger()
copy_config_to_registered_loggers(logger, include={"rewards"})
processor = BatchProcessor(EventType.SQS, logger=logger)  # type: ignore[arg-type] # it has the methods

NEEDED = (
    "accounts_table",
    "rewards_table",
    "jobs_table",
    "files_bucket",
    "sender_email",
    "email_configuration_set",
    "notification_email",
    "allowed_recipient_domains",
    "retention_days",
    "public_url",
    "row_id_key_secret",
    "audit_log_group",
)


@cache
def flows() -> Flows:
    return Flows(load(Settings, only=NEEDED))


@logger.inject_lambda_context(clear_state=True)
@reported
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    run = partial(_run, lambda: context.get_remaining_time_in_millis() / 1000)
    return process_partial_response(event, run, processor, context)


def _run(time_left: Any, record: SQSRecord) -> None:
    message = decode(record.body)
    if isinstance(message, CreateOverview):
        scan_overview(flows().scanner, flows().overviews, flows().now, time_left)
        logger.info("overview created")
        return
    if not isinstance(message, CreateReport):
        raise ValueError(f"not a message of the export queue: {described(record.body)}")
    logger.append_keys(export_id=message.export_id)
    flows().reporter.run(message.export_id, time_left)
    logger.info("reported")
