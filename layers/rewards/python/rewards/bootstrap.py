"""Build every flow once, from settings: for functions, tests, benchmarks and the simulation.

A flow's module is imported where the flow is built, so a cold start loads only what its function uses.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rewards import clock
from rewards.adapters import clients

if TYPE_CHECKING:
    from rewards.adapters.accounts import Accounts
    from rewards.adapters.alarm_topic import AlarmTopic
    from rewards.adapters.api_keys import ApiKeys
    from rewards.adapters.audit_log import AuditLog
    from rewards.adapters.chunk_records import ChunkRecords
    from rewards.adapters.download_links import DownloadLinks
    from rewards.adapters.export_jobs import ExportJobs
    from rewards.adapters.files import Files
    from rewards.adapters.idempotency import StoredResponses
    from rewards.adapters.import_jobs import ImportJobs
    from rewards.adapters.jobs_table import JobsTable
    from rewards.adapters.mailer import Mailer
    from rewards.adapters.misplaced_reports import MisplacedReports
    from rewards.adapters.pool_users import PoolUsers
    from rewards.adapters.queues import Queues
    from rewards.adapters.receipts import Receipts
    from rewards.adapters.requested_records import RequestedRecords
    from rewards.adapters.reward_registry import RewardRegistry
    from rewards.adapters.row_claims import RowClaims
    from rewards.adapters.scanner import Scanner
    from rewards.adapters.stored_overview import StoredOverview
    from rewards.adapters.units_in_use import UnitsInUse
    from rewards.adapters.upload_bucket import UploadBucket
    from rewards.adapters.validate_function import ValidateFunction
    from rewards.domain.row_ids import RowIdKeys
    from rewards.flows.approval_gate import ApprovalGate
    from rewards.flows.approve_import import Approvals
    from rewards.flows.audit_search import AuditSearch
    from rewards.flows.create_report import Reporter
    from rewards.flows.dead_letters import DeadLetters
    from rewards.flows.email_problems import EmailProblems
    from rewards.flows.end_report import ReportEnding
    from rewards.flows.exports import Exports
    from rewards.flows.finish_import import Finisher
    from rewards.flows.imports import Imports
    from rewards.flows.ledger_commands import LedgerCommands
    from rewards.flows.load_rewards import Loader
    from rewards.flows.misplaced_uploads import MisplacedUploads
    from rewards.flows.notifications import Notifications
    from rewards.flows.overviews import Overviews
    from rewards.flows.process_chunk import ChunkProcessor
    from rewards.flows.receipts import ReceiptWriter
    from rewards.flows.requeue import Requeuer
    from rewards.flows.resume_import import ImportResumer
    from rewards.flows.reversals import Reversals, Reverser
    from rewards.flows.reward_queries import RewardQueries
    from rewards.flows.send_chunks import ChunkSender
    from rewards.flows.spellings import Spellings
    from rewards.flows.sweep import Sweep
    from rewards.flows.uploaded_imports import UploadedImports
    from rewards.flows.validate_import import Validation
    from rewards.flows.write_results import ResultsWriter


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the service's resources are. Each function has those that it names (`settings.load`)."""

    accounts_table: str
    rewards_table: str
    jobs_table: str
    files_bucket: str
    upload_bucket: str
    export_queue_url: str
    redemption_queue_url: str
    finish_queue_url: str
    finish_queue_arn: str
    dead_letter_queue_arn: str
    export_dead_letter_queue_arn: str
    sender_email: str
    email_configuration_set: str
    notification_email: str
    allowed_recipient_domains: str
    retention_days: int
    evidence_days: int
    public_url: str
    row_id_key_secret: str
    tenant_alias: str
    stack_name: str
    validate_function: str
    alarm_topic_arn: str
    audit_log_group: str
    approval_rule: str
    approvers_email: str
    user_pool_id: str


@dataclass
class Flows:
    """The adapters and flows of one container, each built when it is first used.

    `client` gives the client of an AWS service, `now` Unix milliseconds. A throttled request to the table
    `Jobs` is sent again for `patience` seconds.
    """

    settings: Settings
    patience: float = 10
    # Looked up when it is called, so that the simulation can put its own in their place.
    client: Callable[..., Any] = field(default=lambda *which: clients.client(*which))
    now: Callable[[], int] = field(default=lambda: clock.now())

    # --- Adapters ---

    @cached_property
    def accounts(self) -> "Accounts":
        from rewards.adapters.accounts import Accounts

        return Accounts(self.client("dynamodb"), self.settings.accounts_table)

    @cached_property
    def registry(self) -> "RewardRegistry":
        from rewards.adapters.reward_registry import RewardRegistry

        return RewardRegistry(self.client("dynamodb"), self.settings.rewards_table)

    @cached_property
    def jobs_table(self) -> "JobsTable":
        from rewards.adapters.jobs_table import JobsTable

        return JobsTable(self.client("dynamodb"), self.settings.jobs_table, self.patience)

    @cached_property
    def audit_log(self) -> "AuditLog":
        from rewards.adapters.audit_log import AuditLog

        group, keys = self.settings.audit_log_group, lambda: self.row_id_keys()
        return AuditLog(lambda: self.client("logs"), group, keys, self.now)

    @cached_property
    def import_jobs(self) -> "ImportJobs":
        from rewards.adapters.import_jobs import ImportJobs

        return ImportJobs(self.jobs_table, self.audit_log)

    @cached_property
    def export_jobs(self) -> "ExportJobs":
        from rewards.adapters.export_jobs import ExportJobs

        return ExportJobs(self.jobs_table, self.audit_log)

    @cached_property
    def chunk_records(self) -> "ChunkRecords":
        from rewards.adapters.chunk_records import ChunkRecords

        return ChunkRecords(self.jobs_table)

    @cached_property
    def receipts(self) -> "Receipts":
        from rewards.adapters.receipts import Receipts

        return Receipts(self.jobs_table)

    @cached_property
    def row_claims(self) -> "RowClaims":
        from rewards.adapters.row_claims import RowClaims

        return RowClaims(self.jobs_table)

    @cached_property
    def requested_records(self) -> "RequestedRecords":
        from rewards.adapters.requested_records import RequestedRecords

        return RequestedRecords(self.jobs_table)

    @cached_property
    def pool_users(self) -> "PoolUsers":
        from rewards.adapters.pool_users import PoolUsers

        return PoolUsers(self.client("cognito-idp"), self.settings.user_pool_id)

    @cached_property
    def download_links(self) -> "DownloadLinks":
        from rewards.adapters.download_links import DownloadLinks

        return DownloadLinks(self.jobs_table)

    @cached_property
    def api_keys(self) -> "ApiKeys":
        from rewards.adapters.api_keys import ApiKeys

        return ApiKeys(self.jobs_table)

    @cached_property
    def units_in_use(self) -> "UnitsInUse":
        from rewards.adapters.units_in_use import UnitsInUse

        return UnitsInUse(self.jobs_table)

    @cached_property
    def misplaced_reports(self) -> "MisplacedReports":
        from rewards.adapters.misplaced_reports import MisplacedReports

        return MisplacedReports(self.jobs_table)

    @cached_property
    def stored_overview(self) -> "StoredOverview":
        from rewards.adapters.stored_overview import StoredOverview

        return StoredOverview(self.jobs_table)

    @cached_property
    def responses(self) -> "StoredResponses":
        from rewards.adapters.idempotency import StoredResponses

        return StoredResponses(self.client("dynamodb"), self.settings.jobs_table)

    @cached_property
    def files(self) -> "Files":
        from rewards.adapters.files import Files

        return Files(self.client("s3"), self.settings.files_bucket)

    @cached_property
    def uploads(self) -> "UploadBucket":
        from rewards.adapters.upload_bucket import UploadBucket

        return UploadBucket(self.client("s3"), self.settings.upload_bucket)

    @cached_property
    def queues(self) -> "Queues":
        from rewards.adapters.queues import Queues

        return Queues(self.client("sqs"))

    @cached_property
    def scanner(self) -> "Scanner":
        from rewards.adapters.scanner import Scanner

        # A scanner reads every Scan response of its client, so it has one of its own.
        client = self.client("dynamodb", "scan")
        return Scanner(client, self.settings.accounts_table, self.settings.rewards_table, self.now)

    @cached_property
    def mailer(self) -> "Mailer":
        from rewards.adapters.mailer import Mailer

        settings = self.settings
        return Mailer(self.client("sesv2"), settings.sender_email, settings.email_configuration_set)

    @cached_property
    def alarm_topic(self) -> "AlarmTopic":
        from rewards.adapters.alarm_topic import AlarmTopic

        return AlarmTopic(self.client("sns"), self.settings.alarm_topic_arn)

    @cached_property
    def validate_function(self) -> "ValidateFunction":
        from rewards.adapters.validate_function import ValidateFunction

        return ValidateFunction(lambda: self.client("lambda"), self.settings.validate_function)

    @cached_property
    def row_id_keys(self) -> "Callable[[], RowIdKeys]":
        from rewards.adapters.row_id_keys import StoredRowIdKeys

        return StoredRowIdKeys(self.client("secretsmanager"), self.settings.row_id_key_secret, self.now)

    # --- Imports ---

    @cached_property
    def approval_gate(self) -> "ApprovalGate":
        from rewards.domain.approval import parse_rule
        from rewards.flows.approval_gate import ApprovalGate

        return ApprovalGate(
            parse_rule(self.settings.approval_rule),
            self.requested_records,
            lambda address: self.pool_users.knows(address),
            self.now,
        )

    @cached_property
    def approvals(self) -> "Approvals":
        from rewards.flows.approve_import import Approvals

        return Approvals(
            self.import_jobs,
            lambda: self.uploads,
            self.queues,
            self.settings.finish_queue_url,
            self.now,
        )

    @cached_property
    def imports(self) -> "Imports":
        from rewards.flows.imports import Imports

        return Imports(
            jobs=self.import_jobs,
            chunks=self.chunk_records,
            uploads=self.uploads,
            queues=self.queues,
            resumer=self.import_resumer,
            finish_queue_url=self.settings.finish_queue_url,
            now=self.now,
        )

    @cached_property
    def import_resumer(self) -> "ImportResumer":
        from rewards.flows.resume_import import ImportResumer

        finish_queue = self.settings.finish_queue_url
        return ImportResumer(self.import_jobs, self.queues, self.validate_function, finish_queue, self.now)

    @cached_property
    def chunk_sender(self) -> "ChunkSender":
        from rewards.flows.send_chunks import ChunkSender

        return ChunkSender(
            jobs=self.import_jobs,
            chunks=self.chunk_records,
            files=self.files,
            queues=self.queues,
            redemption_queue_url=self.settings.redemption_queue_url,
            finish_queue_url=self.settings.finish_queue_url,
            now=self.now,
        )

    @cached_property
    def uploaded_imports(self) -> "UploadedImports":
        from rewards.flows.uploaded_imports import UploadedImports

        finish_queue = self.settings.finish_queue_url
        return UploadedImports(
            self.import_jobs, self.files, self.queues, self.chunk_sender, finish_queue, self.now
        )

    @cached_property
    def validation(self) -> "Validation":
        from rewards.flows.validate_import import Validation

        return Validation(
            jobs=self.import_jobs,
            exports=self.export_jobs,
            claims=self.row_claims,
            files=self.files,
            uploads=self.uploaded_imports,
            gate=self.approval_gate,
            row_id_keys=self.row_id_keys,
            now=self.now,
        )

    @cached_property
    def loader(self) -> "Loader":
        from rewards.flows.load_rewards import Loader

        return Loader(self.accounts, self.registry, self.units_in_use, self.audit_log, self.now)

    @cached_property
    def reverser(self) -> "Reverser":
        from rewards.flows.reversals import Reverser

        return Reverser(self.accounts, self.now)

    @cached_property
    def chunk_processor(self) -> "ChunkProcessor":
        from rewards.flows.process_chunk import ChunkProcessor

        return ChunkProcessor(
            accounts=self.accounts,
            jobs=self.import_jobs,
            chunks=self.chunk_records,
            files=self.files,
            queues=self.queues,
            finish_queue_url=self.settings.finish_queue_url,
            now=self.now,
            loader=self.loader,
            reverser=self.reverser,
        )

    @cached_property
    def finisher(self) -> "Finisher":
        from rewards.flows.finish_import import Finisher

        return Finisher(
            self.import_jobs,
            self.results_writer,
            self.receipt_writer,
            self.notifications,
            self.settings.approvers_email,
            self.now,
        )

    @cached_property
    def receipt_writer(self) -> "ReceiptWriter":
        from rewards.domain.receipt import Issuer
        from rewards.flows.receipts import ReceiptWriter

        settings = self.settings
        issuer = Issuer(settings.stack_name, settings.tenant_alias, settings.evidence_days)
        return ReceiptWriter(self.receipts, self.chunk_records, self.files, issuer)

    @cached_property
    def results_writer(self) -> "ResultsWriter":
        from rewards.flows.write_results import ResultsWriter

        return ResultsWriter(
            self.import_jobs,
            self.chunk_records,
            self.files,
            self.queues,
            self.settings.finish_queue_url,
            self.now,
        )

    @cached_property
    def reversals(self) -> "Reversals":
        from rewards.flows.reversals import Reversals

        return Reversals(
            self.import_jobs,
            self.queues,
            self.approval_gate,
            self.settings.redemption_queue_url,
            self.settings.finish_queue_url,
            self.now,
        )

    @cached_property
    def misplaced_uploads(self) -> "MisplacedUploads":
        from rewards.flows.misplaced_uploads import MisplacedUploads

        return MisplacedUploads(self.misplaced_reports, self.notifications, self.now)

    @cached_property
    def dead_letters(self) -> "DeadLetters":
        from rewards.flows.dead_letters import DeadLetters

        return DeadLetters(
            chunk_processor=self.chunk_processor,
            uploads=self.uploaded_imports,
            sender=self.chunk_sender,
            finisher=self.finisher,
            reports=self.report_ending,
            jobs=self.import_jobs,
            chunks=self.chunk_records,
            requeuer=self.requeuer(self.settings.redemption_queue_url),
        )

    @cached_property
    def sweep(self) -> "Sweep":
        from rewards.flows.sweep import Sweep

        return Sweep(
            imports=self.import_jobs,
            exports=self.export_jobs,
            resumer=self.import_resumer,
            approvals=self.approvals,
            queues=self.queues,
            export_queue_url=self.settings.export_queue_url,
            finish_queue_url=self.settings.finish_queue_url,
            now=self.now,
        )

    def requeuer(self, queue_url: str) -> "Requeuer":
        """The requeuer of one queue's messages."""
        from rewards.flows.requeue import Requeuer

        return Requeuer(self.queues, queue_url, self.import_jobs, self.now)

    # --- Reports ---

    @cached_property
    def exports(self) -> "Exports":
        from rewards.flows.exports import Exports

        return Exports(
            self.export_jobs, self.units_in_use, self.queues, self.settings.export_queue_url, self.now
        )

    @cached_property
    def overviews(self) -> "Overviews":
        from rewards.flows.overviews import Overviews

        return Overviews(self.stored_overview, self.now)

    @cached_property
    def notifications(self) -> "Notifications":
        from rewards.email.address import domains
        from rewards.flows.notifications import Notifications

        return Notifications(
            self.download_links,
            self.mailer,
            self.settings.public_url,
            self.settings.notification_email,
            domains(self.settings.allowed_recipient_domains),
            self.settings.retention_days,
            self.now,
        )

    @cached_property
    def email_problems(self) -> "EmailProblems":
        from rewards.flows.email_problems import EmailProblems

        return EmailProblems(self.import_jobs, self.export_jobs)

    @cached_property
    def report_ending(self) -> "ReportEnding":
        from rewards.flows.end_report import ReportEnding

        return ReportEnding(self.export_jobs, self.overviews, self.notifications, self.now)

    @cached_property
    def reporter(self) -> "Reporter":
        from rewards.flows.create_report import Reporter

        return Reporter(
            scanner=self.scanner,
            jobs=self.export_jobs,
            overviews=self.overviews,
            files=self.files,
            ending=self.report_ending,
            now=self.now,
            row_id_keys=self.row_id_keys,
        )

    # --- Audit log ---

    @cached_property
    def audit_search(self) -> "AuditSearch":
        from rewards.adapters.audit_log import AuditReader
        from rewards.flows.audit_search import AuditSearch

        reader = AuditReader(lambda: self.client("logs"), self.settings.audit_log_group)
        return AuditSearch(reader, self.now)

    # --- Single rewards and balances ---

    @cached_property
    def spellings(self) -> "Spellings":
        from rewards.flows.spellings import Spellings

        return Spellings(self.accounts, self.registry, self.units_in_use)

    @cached_property
    def reward_queries(self) -> "RewardQueries":
        from rewards.flows.reward_queries import RewardQueries

        return RewardQueries(self.accounts, self.registry, self.spellings, self.now)

    @cached_property
    def ledger_commands(self) -> "LedgerCommands":
        from rewards.flows.ledger_commands import LedgerCommands

        return LedgerCommands(
            self.accounts, self.registry, self.responses, self.units_in_use, self.approval_gate, self.now
        )
