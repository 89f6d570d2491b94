"""A report was ordered: make the file and send its link."""

import json
from dataclasses import dataclass
from functools import cache
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
from rewards.clock import now
from rewards.flows.deliver import Delivery
from rewards.flows.report import Reporter
from rewards.settings import load

logger = Logger()
processor = BatchProcessor(EventType.SQS)


@dataclass(frozen=True, slots=True)
class Settings:
    accounts_table: str
    jobs_table: str
    files_bucket: str
    sender_email: str
    notification_email: str
    retention_days: int
    public_url: str


@cache
def reporter() -> Reporter:
    settings = load(Settings)
    jobs = Jobs(client("dynamodb"), settings.jobs_table)
    mailer = Mailer(client("sesv2"), settings.sender_email)
    return Reporter(
        accounts=Accounts(client("dynamodb"), settings.accounts_table),
        jobs=jobs,
        files=Files(client("s3"), settings.files_bucket),
        delivery=Delivery(
            jobs, mailer, settings.public_url, settings.notification_email, settings.retention_days, now
        ),
        now=now,
    )


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return process_partial_response(event, _run, processor, context)


def _run(record: SQSRecord) -> None:
    export_id = json.loads(record.body)["exportId"]
    logger.append_keys(export_id=export_id)
    reporter().run(export_id)
    logger.info("reported")
