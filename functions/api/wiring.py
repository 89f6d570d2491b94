"""What the routes are made of: settings and adapters, made once a container."""

from dataclasses import dataclass
from functools import cache

from rewards.adapters.clients import client
from rewards.adapters.files import Files
from rewards.adapters.jobs import Jobs
from rewards.adapters.queues import Queues
from rewards.adapters.uploads import Uploads
from rewards.clock import now
from rewards.flows.exports import Exports
from rewards.flows.imports import Imports
from rewards.settings import load

# A signed URL lives long enough to start the download, and no longer.
SIGNED_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Settings:
    jobs_table: str
    files_bucket: str
    upload_bucket: str
    export_queue_url: str
    finish_queue_url: str
    tenant_alias: str
    public_url: str


@cache
def settings() -> Settings:
    return load(Settings)


@cache
def jobs() -> Jobs:
    return Jobs(client("dynamodb"), settings().jobs_table)


@cache
def files() -> Files:
    return Files(client("s3"), settings().files_bucket)


@cache
def exports() -> Exports:
    return Exports(jobs(), Queues(client("sqs")), settings().export_queue_url, now)


@cache
def imports() -> Imports:
    uploads = Uploads(client("s3"), settings().upload_bucket)
    return Imports(jobs(), uploads, Queues(client("sqs")), settings().finish_queue_url, now)
