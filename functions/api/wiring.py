"""The flows and settings behind the routes, built once per container."""

from functools import cache

from rewards.adapters import api_keys, audit_log, idempotency, upload_bucket
from rewards.bootstrap import Flows, Settings
from rewards.flows import approve_import, exports, imports, ledger_commands, overviews, reversals
from rewards.settings import load

# Loaded while the function starts, when Lambda gives it more CPU, not at its first request.
_LOADED = (
    *(api_keys, audit_log, idempotency, upload_bucket),
    *(approve_import, exports, imports, ledger_commands, overviews, reversals),
)

# A signed URL lives long enough to start the download, and no longer.
SIGNED_SECONDS = 300

NEEDED = (
    *("accounts_table", "rewards_table", "jobs_table", "files_bucket", "upload_bucket"),
    *("export_queue_url", "redemption_queue_url", "finish_queue_url"),
    *("tenant_alias", "public_url", "notification_email", "validate_function", "approval_rule"),
    *("audit_log_group", "row_id_key_secret"),
)


@cache
def flows() -> Flows:
    return Flows(load(Settings, only=NEEDED))


def settings() -> Settings:
    return flows().settings
