"""A chunk of rows: redeem them (or load them), and count the chunk."""

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from rewards.adapters import chunk_messages
from rewards.adapters.accounts import Accounts
from rewards.adapters.clients import client
from rewards.adapters.files import Files
from rewards.adapters.jobs import Jobs
from rewards.adapters.queues import Queues
from rewards.adapters.retry import Backoff
from rewards.adapters.reward_registry import RewardRegistry
from rewards.clock import now
from rewards.flows.load_rewards import Loader
from rewards.flows.process_chunk import ChunkProcessor
from rewards.flows.requeue import Requeuer
from rewards.flows.reversals import Reverser
from rewards.settings import load

logger = Logger()
processor = BatchProcessor(EventType.SQS)


@dataclass(frozen=True, slots=True)
class Settings:
    accounts_table: str
    rewards_table: str
    jobs_table: str
    files_bucket: str
    redemption_queue_url: str
    finish_queue_url: str


@cache
def settings() -> Settings:
    return load(Settings)


@cache
def chunk_processor() -> ChunkProcessor:
    accounts = Accounts(client("dynamodb"), settings().accounts_table)
    jobs = Jobs(client("dynamodb"), settings().jobs_table)
    registry = RewardRegistry(client("dynamodb"), settings().rewards_table)
    return ChunkProcessor(
        accounts=accounts,
        jobs=jobs,
        files=Files(client("s3"), settings().files_bucket),
        queues=Queues(client("sqs")),
        finish_queue_url=settings().finish_queue_url,
        now=now,
        loader=Loader(accounts, registry, jobs, now),
        reverser=Reverser(accounts, now),
    )


@cache
def put_back() -> Requeuer:
    return Requeuer(Queues(client("sqs")), settings().redemption_queue_url, now)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    run = partial(_run, lambda: context.get_remaining_time_in_millis() / 1000)
    return process_partial_response(event, run, processor, context)


def _run(time_left: Any, record: SQSRecord) -> None:
    with put_back().if_too_early(record.body):
        for chunk in chunk_messages.parse(record.body):
            logger.append_keys(import_id=chunk.import_id, chunk=chunk.number)
            chunk_processor().run(chunk, Backoff(time_left))
            logger.info("answered")
