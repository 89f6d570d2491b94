"""Process a chunk of rows: redeem, load or reverse them, and count the chunk."""

from functools import cache, partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from rewards.adapters import queue_messages, reward_registry
from rewards.adapters.retry import Backoff
from rewards.adapters.throttling import reported
from rewards.bootstrap import Flows, Settings
from rewards.domain.messages import chunks_in
from rewards.flows import process_chunk, requeue
from rewards.settings import load

# Loaded while the function starts, when Lambda gives it more CPU, not at its first message.
_LOADED = (process_chunk, requeue, reward_registry)

logger = Logger()
copy_config_to_registered_loggers(logger, include={"rewards"})
processor = BatchProcessor(EventType.SQS, logger=logger)  # type: ignore[arg-type] # it has the methods

NEEDED = (
    "accounts_table",
    "rewards_table",
    "jobs_table",
    "files_bucket",
    "redemption_queue_url",
    "finish_queue_url",
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
    message = queue_messages.decode_chunks(record.body)
    with flows().requeuer(flows().settings.redemption_queue_url).if_too_early(message, record.body):
        for chunk in chunks_in(message):
            logger.append_keys(import_id=chunk.import_id, chunk=chunk.number)
            flows().chunk_processor.run(chunk, Backoff(time_left))
            logger.info("processed")
