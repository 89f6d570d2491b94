"""What the routes are made of: settings and adapters, made once a container."""

from dataclasses import dataclass
from functools import cache

from rewards.adapters.accounts import Accounts
from rewards.adapters.clients import client
from rewards.adapters.files import Files
from rewards.adapters.idempotency import StoredResponses
from rewards.adapters.jobs import Jobs, Record
from rewards.adapters.queues import Queues
from rewards.adapters.reward_registry import RewardRegistry
from rewards.adapters.upload_bucket import UploadBucket
from rewards.clock import now
from rewards.flows.exports import Exports
from rewards.flows.imports import Imports
from rewards.flows.ledger_commands import LedgerCommands
from rewards.flows.overviews import Overviews
from rewards.flows.reversals import Reversals
from rewards.flows.reward_queries import RewardQueries
from rewards.flows.spellings import Spellings
from rewards.settings import load

# A signed URL lives long enough to start the download, and no longer.
SIGNED_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Settings:
    accounts_table: str
    rewards_table: str
    jobs_table: str
    files_bucket: str
    upload_bucket: str
    export_queue_url: str
    redemption_queue_url: str
    finish_queue_url: str
    tenant_alias: str
    public_url: str
    notification_email: str


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
    uploads = UploadBucket(client("s3"), settings().upload_bucket)
    return Imports(jobs(), uploads, Queues(client("sqs")), settings().finish_queue_url, now)


@cache
def reversals() -> Reversals:
    return Reversals(jobs(), Queues(client("sqs")), settings().redemption_queue_url, now)


@cache
def overviews() -> Overviews:
    return Overviews(jobs(), now)


def order_overview() -> Record:
    return overviews().request(Queues(client("sqs")), settings().export_queue_url)


@cache
def reward_queries() -> RewardQueries:
    spellings = Spellings(_accounts(), _registry(), jobs())
    return RewardQueries(_accounts(), _registry(), spellings, now)


@cache
def ledger_commands() -> LedgerCommands:
    answers = StoredResponses(client("dynamodb"), settings().jobs_table)
    return LedgerCommands(_accounts(), _registry(), answers, jobs(), now)


@cache
def _accounts() -> Accounts:
    return Accounts(client("dynamodb"), settings().accounts_table)


@cache
def _registry() -> RewardRegistry:
    return RewardRegistry(client("dynamodb"), settings().rewards_table)
