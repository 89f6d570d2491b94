"""An object landed in the upload bucket: validate it and queue its rows."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from rewards.adapters.clients import client
from rewards.adapters.files import Files
from rewards.adapters.jobs import Jobs
from rewards.adapters.queues import Queues
from rewards.adapters.retry import Backoff
from rewards.adapters.row_id_keys import StoredRowIdKeys
from rewards.clock import now
from rewards.flows.send_chunks import ChunkSender
from rewards.flows.uploaded_imports import UploadedImports, uploads_in
from rewards.flows.validate_import import Validation
from rewards.settings import load

logger = Logger()


@dataclass(frozen=True, slots=True)
class Settings:
    jobs_table: str
    files_bucket: str
    redemption_queue_url: str
    finish_queue_url: str
    row_id_key_secret: str


@cache
def validation() -> Validation:
    settings = load(Settings)
    jobs = Jobs(client("dynamodb"), settings.jobs_table, patience=120)
    files = Files(client("s3"), settings.files_bucket)
    queues = Queues(client("sqs"))
    sender = ChunkSender(jobs, files, queues, settings.redemption_queue_url, settings.finish_queue_url)
    keys = StoredRowIdKeys(client("secretsmanager"), settings.row_id_key_secret, now)
    uploads = UploadedImports(jobs, files, queues, sender, settings.finish_queue_url, now)
    return Validation(jobs, files, uploads, keys, now)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    backoff = Backoff(lambda: context.get_remaining_time_in_millis() / 1000)
    for upload in uploads_in(event):
        logger.append_keys(key=upload.key)
        logger.info("validated", extra={"import_id": validation().run(upload, backoff)})
