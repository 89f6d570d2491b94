"""The last chunk is counted, or a message died: finish the import, or end what died."""

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from rewards.adapters.accounts import Accounts
from rewards.adapters.clients import client
from rewards.adapters.files import Files
from rewards.adapters.jobs import Jobs
from rewards.adapters.mailer import Mailer
from rewards.adapters.queues import Queues
from rewards.adapters.retry import Backoff
from rewards.adapters.reward_registry import RewardRegistry
from rewards.clock import now
from rewards.domain.messages import MISPLACED, SEND_CHUNKS, read_message
from rewards.flows.create_report import ReportEnding
from rewards.flows.dead_letters import DeadLetters
from rewards.flows.finish_import import Finisher
from rewards.flows.load_rewards import Loader
from rewards.flows.misplaced_uploads import MisplacedUploads
from rewards.flows.notifications import Notifications
from rewards.flows.process_chunk import ChunkProcessor
from rewards.flows.requeue import Requeuer
from rewards.flows.reversals import Reverser
from rewards.flows.send_chunks import ChunkSender
from rewards.flows.uploaded_imports import UploadedImports
from rewards.settings import load

logger = Logger()
processor = BatchProcessor(EventType.SQS)


class UnknownSourceError(Exception):
    """A message came from a queue that the settings do not name; it stays in that queue."""


@dataclass(frozen=True, slots=True)
class Settings:
    accounts_table: str
    rewards_table: str
    jobs_table: str
    files_bucket: str
    redemption_queue_url: str
    finish_queue_url: str
    finish_queue_arn: str
    dead_letter_queue_arn: str
    export_dead_letter_queue_arn: str
    sender_email: str
    notification_email: str
    retention_days: int
    public_url: str


@cache
def settings() -> Settings:
    return load(Settings)


@cache
def finisher() -> Finisher:
    jobs, files, notifications = _jobs(), _files(), _notifications()
    return Finisher(jobs, files, notifications, now)


@cache
def dead_letters() -> DeadLetters:
    accounts, queues = Accounts(client("dynamodb"), settings().accounts_table), Queues(client("sqs"))
    finish_queue = settings().finish_queue_url
    registry = RewardRegistry(client("dynamodb"), settings().rewards_table)
    loader = Loader(accounts, registry, _jobs(), now)
    return DeadLetters(
        chunk_processor=ChunkProcessor(
            accounts, _jobs(), _files(), queues, finish_queue, now, loader, Reverser(accounts, now)
        ),
        uploads=UploadedImports(_jobs(), _files(), queues, sender(), finish_queue, now),
        sender=sender(),
        finisher=finisher(),
        reports=ReportEnding(_jobs(), _notifications(), now),
    )


@cache
def sender() -> ChunkSender:
    queues, chosen = Queues(client("sqs")), settings()
    return ChunkSender(_jobs(), _files(), queues, chosen.redemption_queue_url, chosen.finish_queue_url)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    run = partial(_run, lambda: context.get_remaining_time_in_millis() / 1000)
    return process_partial_response(event, run, processor, context)


def _run(time_left: Any, record: SQSRecord) -> None:
    source = record.event_source_arn
    if source == settings().finish_queue_arn:
        message = read_message(record.body)
        if message["kind"] == MISPLACED:
            logger.info("misplaced upload", extra={"emailed": misplaced_uploads().report(message)})
            return
        import_id = message["importId"]
        logger.append_keys(import_id=import_id)
        with put_back().if_too_early(record.body):
            if message["kind"] == SEND_CHUNKS:
                sender().run(import_id, Backoff(time_left))
                logger.info("chunks sent")
            else:
                finisher().run(import_id)
                logger.info("finished")
    elif source in (settings().dead_letter_queue_arn, settings().export_dead_letter_queue_arn):
        logger.warning("dead letter", extra={"body": record.body[:500]})
        dead_letters().handle(record.body, Backoff(time_left))
    else:
        # Treated as a dead letter, a message from a misnamed queue would end its import without results.
        raise UnknownSourceError(f"{source} is none of the queues in this function's settings")


@cache
def misplaced_uploads() -> MisplacedUploads:
    return MisplacedUploads(_jobs(), _notifications(), now)


@cache
def put_back() -> Requeuer:
    return Requeuer(Queues(client("sqs")), settings().finish_queue_url, now)


@cache
def _jobs() -> Jobs:
    return Jobs(client("dynamodb"), settings().jobs_table, patience=120)


@cache
def _files() -> Files:
    return Files(client("s3"), settings().files_bucket)


@cache
def _notifications() -> Notifications:
    mailer = Mailer(client("sesv2"), settings().sender_email)
    chosen = settings()
    return Notifications(
        _jobs(), mailer, chosen.public_url, chosen.notification_email, chosen.retention_days, now
    )
