"""Each failure in the runbook's table is caused once, and seen where the table says.

The service's own metrics are read from the log. What AWS counts by itself (errors of functions, dead letters,
responses of the API) is caused, and what AWS counts is seen. No test can cause the others here: they
are in NOT_HERE, with the reason.
"""

import json
import re

import pytest

from rewards.adapters import throttling
from rewards.adapters.jobs_table import Lease
from rewards.adapters.metrics import NAMESPACE, Metric
from tests.integration.test_handlers import ROOT, started, uploaded, with_body
from tests.integration.test_metrics_and_logs import CAUSES, service
from tests.unit.test_template import template

__all__ = ["service"]  # the fixture

_TABLE = re.compile(r"^## Failures$.*?^\| --- .*?\n(.*?)^## ", re.MULTILINE | re.DOTALL)


def failures():
    """The rows of the table: failure, the names of its metrics, and the alarms."""
    (text,) = _TABLE.findall((ROOT / "docs/guides/operations.md").read_text())
    for line in text.strip().splitlines():
        failure, metrics, alarms, *_ = (cell.strip() for cell in line.strip("|").split("|"))
        yield failure, re.findall(r"`(.+?)`", metrics), re.findall(r"`(.+?)`", alarms)


NOT_HERE = {
    "AWS/Lambda Throttles": "the local stack does not throttle; the simulation does",
    "AWS/Lambda Duration": "a run of ten minutes",
    "AWS/Lambda RecursiveInvocationsDropped": "the simulation counts the calls in a chain",
    "AWS/Lambda AsyncEventsDropped": "Lambda drops an event after six hours",
    "AWS/SQS ApproximateAgeOfOldestMessage": "a message of an hour",
    "AWS/SQS ApproximateNumberOfMessagesVisible": "tests/e2e/test_failures.py has dead letters that stay",
    "AWS/ApiGateway Latency": "a slow API",
}


def a_table_throttles(service):
    response = {"Error": {"Code": "ThrottlingException"}}
    throttling.reported(lambda event, context: throttling._look_at(response))({}, None)


def a_lease_is_taken(service):
    import_id, body = started(service.world)
    now = service.world.now()
    assert service.world.chunk_records.lease_chunk(import_id, 1, "other", now, now + 60_000) is Lease.FIRST
    service.run("redeem", with_body("redeem-chunk", body))


def a_file_is_rejected(service):
    service.run("validate", uploaded(service.world, "nonsense\n1\n"))


OWN = {
    Metric.ROWS: CAUSES["NotProcessedRowsAlarm"],
    Metric.EMAILS_FAILED: CAUSES["EmailsFailedAlarm"],
    Metric.STUCK_JOBS: CAUSES["StuckJobsAlarm"],
    Metric.OLDEST_IMPORT_AGE: CAUSES["OldImportsAlarm"],
    Metric.EMAIL_PROBLEMS: CAUSES["EmailProblemsAlarm"],
    Metric.ALARMS_WITHOUT_RECIPIENT: CAUSES["AlarmsWithoutRecipientAlarm"],
    Metric.AUDIT_PROBLEMS: CAUSES["AuditProblemsAlarm"],
    Metric.AUTHORIZATION_FAILURES: CAUSES["UnauthorizedRequestsAlarm"],
    Metric.REQUEUES: a_lease_is_taken,
    Metric.IMPORTS_ENDED: a_file_is_rejected,
    Metric.THROTTLED_REQUESTS: a_table_throttles,
}


def test_every_alarm_has_a_failure_with_its_metric():
    listed = {alarm: set(metrics) for _, metrics, alarms in failures() for alarm in alarms}
    alarms = {
        name: resource["Properties"]
        for name, resource in template()["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert listed.keys() == alarms.keys()
    for name, alarm in alarms.items():
        watched = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
        names = {
            each["MetricName"]
            if each["Namespace"] == NAMESPACE
            else f"{each['Namespace']} {each['MetricName']}"
            for each in watched or [alarm]
        }
        assert listed[name] & names, name


def test_every_metric_of_the_table_is_caused_or_says_why_not():
    metrics = {metric for _, metrics, _ in failures() for metric in metrics}
    own = {metric for metric in metrics if not metric.startswith("AWS/")}
    assert own <= {*Metric}
    assert own == OWN.keys()
    assert metrics - own == NOT_HERE.keys() | {
        "AWS/Lambda Errors",
        "AWS/SQS NumberOfMessagesReceived",
        "AWS/DynamoDB ReadThrottleEvents",
        "AWS/DynamoDB WriteThrottleEvents",
        "AWS/ApiGateway 5xx",
    }


@pytest.mark.parametrize("metric", OWN)
def test_a_failure_moves_its_metric(service, metric):
    def total():
        return sum(value for (name, _), value in service.written().sums.items() if name == metric)

    total()
    OWN[metric](service)
    assert total() > 0


def test_a_function_that_fails_raises_what_lambda_counts_as_an_error(service):
    _, body = started(service.world)
    service.deploy("redeem", ACCOUNTS_TABLE="no-such-table")
    service.fail("redeem", with_body("redeem-chunk", body))


def test_a_dead_letter_is_in_the_log_when_its_delivery_is_counted(service):
    _, body = started(service.world)
    service.run("finish", with_body("dead-letter-chunk", service.world.failed_often(body)))
    assert "dead letter" in service.written().messages(level="WARNING")


def test_a_failure_of_the_api_is_a_response_of_500(service):
    service.deploy("api", JOBS_TABLE="no-such-table")
    status, body = service.call("GET", "/import/history/list")
    assert (status, json.dumps(body).count("no-such-table")) == (500, 0)


def test_a_misplaced_upload_is_in_the_log_and_in_an_email(service):
    event = uploaded(service.world, "a,b\n1,2\n")
    event["Records"][0]["s3"]["object"]["key"] = "somewhere/a.csv"
    service.run("validate", event)
    (body,) = service.world.take("finish")
    service.run("finish", with_body("finish", body))
    assert "misplaced upload" in service.written().messages()
