"""A report was ordered: make the file and send its link. Or an overview of all balances."""

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from rewards.adapters.clients import client
from rewards.adapters.files import Files
from rewards.adapters.jobs import Jobs
from rewards.adapters.mailer import Mailer
from rewards.adapters.row_id_keys import StoredRowIdKeys
from rewards.adapters.scanner import Scanner
from rewards.clock import now
from rewards.domain.messages import OVERVIEW, read_message
from rewards.flows.create_report import ReportEnding, Reporter
from rewards.flows.notifications import Notifications
from rewards.flows.overviews import Overviews, make
from rewards.settings import load

logger = Logger()
processor = BatchProcessor(EventType.SQS)


@dataclass(frozen=True, slots=True)
class Settings:
    accounts_table: str
    rewards_table: str
    jobs_table: str
    files_bucket: str
    sender_email: str
    notification_email: str
    retention_days: int
    public_url: str
    row_id_key_secret: str


@cache
def settings() -> Settings:
    return load(Settings)


@cache
def reporter() -> Reporter:
    mailer = Mailer(client("sesv2"), settings().sender_email)
    chosen = settings()
    notifications = Notifications(
        _jobs(), mailer, chosen.public_url, chosen.notification_email, chosen.retention_days, now
    )
    return Reporter(
        scanner=_scanner(),
        jobs=_jobs(),
        files=Files(client("s3"), chosen.files_bucket),
        ending=ReportEnding(_jobs(), notifications, now),
        now=now,
        row_id_keys=StoredRowIdKeys(client("secretsmanager"), chosen.row_id_key_secret, now),
    )


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    run = partial(_run, lambda: context.get_remaining_time_in_millis() / 1000)
    return process_partial_response(event, run, processor, context)


def _run(time_left: Any, record: SQSRecord) -> None:
    order = read_message(record.body)
    if order["kind"] == OVERVIEW:
        make(_scanner(), Overviews(_jobs(), now), now, time_left)
        logger.info("overview made")
        return
    export_id = order["exportId"]
    logger.append_keys(export_id=export_id)
    reporter().run(export_id, time_left)
    logger.info("reported")


@cache
def _jobs() -> Jobs:
    return Jobs(client("dynamodb"), settings().jobs_table)


@cache
def _scanner() -> Scanner:
    return Scanner(client("dynamodb", "scan"), settings().accounts_table, settings().rewards_table, now)
