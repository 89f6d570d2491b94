"""List prices and what counted work costs by them (US East, N. Virginia).

As of 2026-11. Looked up in stored public pages: DynamoDB's request units, Lambda on arm64. From memory: all
others. Free tiers are left out. Change a price here, and `make bench` writes the tables anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass

WRITE_UNIT = 0.625e-6
READ_UNIT = 0.125e-6
SQS_REQUEST = 0.40e-6  # of 64 KB each
S3_PUT = 5e-6
S3_GET = 0.4e-6
LAMBDA_REQUEST = 0.20e-6
LAMBDA_GB_SECOND = 13.3334e-6
LOG_GB = 0.50
EMAIL = 100e-6

# A month, whatever happens. The service's own metrics are paid for the hours in which they are written only.
IDLE = {
    "Secrets Manager: 2 secrets": 2 * 0.40,
    "CloudWatch: 19 alarms over 46 metrics (a dashboard is free, up to three an account)": 46 * 0.10,
    "SQS: pollers of 5 event sources, long polling": 5 * 5 * 3 * 60 * 24 * 30 * SQS_REQUEST,
    "DynamoDB: tables without traffic, on demand": 0.0,
    "Lambda, S3, API Gateway, Cognito, SES without traffic": 0.0,
}


@dataclass(frozen=True, slots=True)
class Work:
    """What some rows took. `lambda_seconds` are those of a function with `memory` GB."""

    rows: int
    write_units: float
    read_units: float
    sqs: float
    s3_puts: float
    s3_gets: float
    invocations: float
    lambda_seconds: float
    memory: float
    log_bytes: float
    emails: float


def per_million(work: Work) -> Mapping[str, float]:
    """Dollars for a million rows, by service."""
    scale = 1e6 / work.rows
    gigabytes = work.log_bytes / 1e9
    costs = {
        "DynamoDB writes": work.write_units * WRITE_UNIT,
        "DynamoDB reads": work.read_units * READ_UNIT,
        "SQS": work.sqs * SQS_REQUEST,
        "S3": work.s3_puts * S3_PUT + work.s3_gets * S3_GET,
        "Lambda": work.invocations * LAMBDA_REQUEST + work.lambda_seconds * work.memory * LAMBDA_GB_SECOND,
        "Logs": gigabytes * LOG_GB,
    }
    # An import has one email, however many rows; it is not scaled.
    return {name: cost * scale for name, cost in costs.items()} | {"Email": work.emails * EMAIL}
