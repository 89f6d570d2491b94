"""An object landed in the upload bucket: validate it and queue its rows."""

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.utilities.typing import LambdaContext

from rewards.adapters import row_id_keys
from rewards.adapters.retry import Backoff
from rewards.adapters.throttling import reported
from rewards.bootstrap import Flows, Settings
from rewards.flows import validate_import
from rewards.flows.uploaded_imports import uploads_in
from rewards.settings import load

# Loaded while the function starts, when Lambda gives it more CPU, not at its first message.
_LOADED = (row_id_keys, validate_import)

logger = Logger()
copy_config_to_registered_loggers(logger, include={"rewards"})

NEEDED = (
    *("jobs_table", "files_bucket", "redemption_queue_url", "finish_queue_url"),
    *("row_id_key_secret", "audit_log_group", "approval_rule", "user_pool_id"),
)


# Seconds that are kept to look for duplicate rows and to seal; sending goes on in another function.
_RESERVE = 60


@cache
def flows() -> Flows:
    return Flows(load(Settings, only=NEEDED), patience=120)


@logger.inject_lambda_context(clear_state=True)
@reported
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    backoff = Backoff(lambda: context.get_remaining_time_in_millis() / 1000 - _RESERVE)
    for upload in uploads_in(event):
        logger.append_keys(key=upload.key)
        logger.info("validated", extra={"import_id": flows().validation.run(upload, backoff)})
