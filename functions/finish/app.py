"""Finish an import whose last chunk is counted, or a group of its rows; send stored chunks; dead letters."""

from functools import cache, partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from rewards.adapters import mailer
from rewards.adapters.queue_messages import decode, described
from rewards.adapters.retry import Backoff
from rewards.adapters.throttling import reported
from rewards.bootstrap import Flows, Settings
from rewards.domain.errors import FaultError
from rewards.domain.messages import FinishImport, JoinGroup, ReportMisplaced, SendChunks
from rewards.flows import dead_letters, misplaced_uploads, requeue
from rewards.settings import load

# Loaded while the function starts, when Lambda gives it more CPU, not at its first message.
_LOADED = (mailer, dead_letters, misplaced_uploads, requeue)

logger = Logger()
copy_config_to_registered_loggers(logger, include={"rewards"})
processor = BatchProcessor(EventType.SQS, logger=logger)  # type: ignore[arg-type] # it has the methods

NEEDED = (
    *("accounts_table", "rewards_table", "jobs_table", "files_bucket"),
    *("redemption_queue_url", "finish_queue_url"),
    *("finish_queue_arn", "dead_letter_queue_arn", "export_dead_letter_queue_arn"),
    *("sender_email", "email_configuration_set", "notification_email", "allowed_recipient_domains"),
    "approvers_email",
    *("retention_days", "public_url"),
    *("evidence_days", "stack_name", "tenant_alias", "audit_log_group"),
)


class UnknownSourceError(FaultError):
    """A message came from a queue that the settings do not name; it stays in that queue."""


@cache
def flows() -> Flows:
    return Flows(load(Settings, only=NEEDED), patience=120)


@logger.inject_lambda_context(clear_state=True)
@reported
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    run = partial(_run, lambda: context.get_remaining_time_in_millis() / 1000)
    return process_partial_response(event, run, processor, context)


def _run(time_left: Any, record: SQSRecord) -> None:
    source, settings = record.event_source_arn, flows().settings
    if source == settings.finish_queue_arn:
        _finish(Backoff(time_left), record.body)
    elif source in (settings.dead_letter_queue_arn, settings.export_dead_letter_queue_arn):
        logger.append_keys(**described(record.body))
        logger.warning("dead letter")
        flows().dead_letters.handle(record.body, Backoff(time_left))
    else:
        # Treated as a dead letter, a message from a misnamed queue would end its import without results.
        raise UnknownSourceError(f"{source} is none of the queues in this function's settings")


def _finish(backoff: Backoff, body: str) -> None:
    message = decode(body)
    if isinstance(message, ReportMisplaced):
        logger.info("misplaced upload", extra={"emailed": flows().misplaced_uploads.report(message)})
        return
    if not isinstance(message, FinishImport | JoinGroup | SendChunks):
        raise ValueError(f"not a message of the finish queue: {described(body)}")
    logger.append_keys(import_id=message.import_id)
    with flows().requeuer(flows().settings.finish_queue_url).if_too_early(message, body):
        if isinstance(message, SendChunks):
            flows().chunk_sender.run(message.import_id, backoff)
            logger.info("chunks sent")
        elif isinstance(message, JoinGroup):
            flows().results_writer.join(message)
            logger.info("group joined", extra={"group": message.number})
        else:
            flows().finisher.run(message.import_id)
            logger.info("finished")
