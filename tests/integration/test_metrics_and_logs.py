"""What an engineer sees of the service: its own metrics, the alarms on them, and its logs.

The handlers run as they are deployed: with the name of the stack and that of the function in the environment.
"""

import io
import itertools
import json
import logging
import sys
from collections import Counter

import pytest
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

from rewards.adapters.import_jobs import ImportJobs
from rewards.adapters.jobs_table import Lease
from rewards.adapters.metrics import NAMESPACE, Metric
from rewards.domain.import_job import ImportStatus
from tests.builders.files import row, sheet
from tests.integration.test_handlers import CONTEXT, ROOT, event, handlers, started, uploaded, with_body
from tests.unit.test_template import function, template

# As the template's reader shows the name of the stack, so that both sides can be compared.
STACK = "AWS::StackName"
HOUR = 3_600_000


class Service:
    """The deployed functions, and what they write to the log."""

    def __init__(self, world, load, aws, monkeypatch, capsys):
        self.world, self.aws = world, aws
        self._load, self._monkeypatch, self._capsys = load, monkeypatch, capsys
        self._apps, self._raised, self._log = {}, [], io.StringIO()

    def app(self, name):
        """The module of a function, which starts when it is first used."""
        if name not in self._apps:
            self._monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", name)
            for module in [each for each in sys.modules.values() if is_of_a_function(each)]:
                del sys.modules[module.__name__]
            self._load(name)
            self._apps[name] = sys.modules["app"]
            self._monkeypatch.setattr(self._apps[name].logger.registered_handler, "stream", self._log)
        return self._apps[name]

    def run(self, name, what):
        """Run a function; its response."""
        app = self.app(name)
        # Each function does so when it starts, but here they share a process.
        copy_config_to_registered_loggers(app.logger, include={"rewards"})
        return app.handler(what, CONTEXT)

    def deploy(self, name, **variables):
        """Let a function start again with other variables."""
        for variable, value in variables.items():
            self._monkeypatch.setenv(variable, value)
        self._apps.pop(name, None)

    def fail(self, name, what):
        """Run a function that fails. Lambda writes its exception to the log."""
        with pytest.raises(BatchProcessingError) as failure:
            self.run(name, what)
        self._raised.append(str(failure.value))

    def call(self, method, path, body=None, scopes="read write", user="ann-sub"):
        """Send a request to the API; its status, and the JSON of its body."""
        request = event("api-export")
        request["rawPath"] = f"/api/v1/default{path}"
        request["rawQueryString"] = ""
        request["body"] = json.dumps(body) if body is not None else ""
        request["requestContext"]["http"] |= {"method": method, "path": request["rawPath"]}
        caller = {"scopes": scopes, "user": user, "email": "ann-secret@example.com"} if scopes else {}
        request["requestContext"]["authorizer"]["lambda"] = caller
        response = self.run("api", request)
        return response["statusCode"], json.loads(response["body"])

    def written(self):
        """What was written since the last look: metrics, and all other lines of the log."""
        printed, logged = self._capsys.readouterr(), self._log.getvalue()
        self._log.truncate(0)
        self._log.seek(0)
        lines = [json.loads(line) for line in (printed.out + logged).splitlines()]
        texts = printed.out + printed.err + logged + "".join(self._raised)
        metrics = [each for each in lines if "_aws" in each]
        return Written(metrics, [each for each in lines if "_aws" not in each], texts)

    def finished(self, body):
        """Upload a file of redemptions and let it end; the id of the import."""
        self.run("validate", uploaded(self.world, body))
        for chunk in self.world.take("redeem"):
            self.run("redeem", with_body("redeem-chunk", chunk))
        (finish,) = self.world.take("finish")
        self.run("finish", with_body("finish", finish))
        return json.loads(finish)["importId"]


def is_of_a_function(module):
    return f"{ROOT}/functions/" in str(getattr(module, "__file__", ""))


class Written:
    """Metrics, lines and all text of a log."""

    def __init__(self, metrics, lines, text):
        self.lines, self.text = lines, text
        self.sums, self.units, self.sets = Counter(), {}, set()
        for line in metrics:
            (directive,) = line["_aws"]["CloudWatchMetrics"]
            (names,), (metric,) = directive["Dimensions"], directive["Metrics"]
            assert directive["Namespace"] == NAMESPACE
            dimensions = frozenset((name, line[name]) for name in names)
            self.sums[metric["Name"], dimensions] += sum(line[metric["Name"]])
            self.units[metric["Name"]] = metric["Unit"]
            self.sets.add((metric["Name"], *names))

    def sum(self, name, **dimensions):
        return self.sums[name, frozenset({"Stack": STACK, **dimensions}.items())]

    def by(self, name, dimension):
        """The sums of a metric by a dimension."""
        return {
            dict(found)[dimension]: value for (of, found), value in self.sums.items() if of == name and value
        }

    def messages(self, **having):
        return [each["message"] for each in self.lines if having.items() <= each.items()]


@pytest.fixture
def service(world, aws, monkeypatch, capsys):
    with handlers(world, aws, monkeypatch) as load:
        monkeypatch.setenv("STACK_NAME", STACK)
        yield Service(world, load, aws, monkeypatch, capsys)


# --- Alarms: each is caused, and the metric that it watches is written under exactly its names ---


def a_chunk_fails_permanently(service):
    _, body = started(service.world)
    service.run("finish", with_body("dead-letter-chunk", service.world.failed_often(body)))


def an_email_is_not_taken(service):
    service.deploy("finish", SENDER_EMAIL="not-confirmed@example.com")
    _, body = started(service.world)
    service.run("redeem", with_body("redeem-chunk", body))
    (finish,) = service.world.take("finish")
    service.fail("finish", with_body("finish", finish))


def somebody_is_unknown(service):
    assert service.call("GET", "/units", scopes=None)[0] == 401


def an_email_bounces(service):
    service.run("sweep", event("email-bounced"))


def resuming_does_not_help(service):
    export_id = service.world.exports.create("REWARD", "CSV", "", "test", {}).id
    changes = {"dateCreated": service.world.now() - 2 * HOUR, "resumes": 3}
    service.world.jobs_table.update("EXPORT", export_id, changes)
    service.run("sweep", event("sweep"))


def nobody_receives_alarms(service):
    sns = service.aws.client("sns")
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    service.deploy("sweep", ALARM_TOPIC_ARN=topic)
    service.run("sweep", event("sweep"))


def an_audit_entry_is_not_written(service):
    service.deploy("api", AUDIT_LOG_GROUP="no-such-group")
    assert service.call("POST", "/export", {"type": "REWARD"})[0] == 201


def an_import_does_not_end_for_a_day(service):
    import_id = service.world.validate(service.world.put("redemptions/slow.csv", sheet([row("1")])))
    now = service.world.now()
    changes = {"dateCreated": now - 25 * HOUR, "dateProgress": now}
    service.world.jobs_table.update("IMPORT", import_id, changes)
    service.run("sweep", event("sweep"))


CAUSES = {
    "NotProcessedRowsAlarm": a_chunk_fails_permanently,
    "EmailsFailedAlarm": an_email_is_not_taken,
    "EmailProblemsAlarm": an_email_bounces,
    "UnauthorizedRequestsAlarm": somebody_is_unknown,
    "StuckJobsAlarm": resuming_does_not_help,
    "AlarmsWithoutRecipientAlarm": nobody_receives_alarms,
    "AuditProblemsAlarm": an_audit_entry_is_not_written,
    "OldImportsAlarm": an_import_does_not_end_for_a_day,
}
OWN_ALARMS = {
    name: resource["Properties"]
    for name, resource in template()["Resources"].items()
    if resource["Type"] == "AWS::CloudWatch::Alarm" and f'"{NAMESPACE}"' in json.dumps(resource["Properties"])
}


def test_every_alarm_on_an_own_metric_is_caused_here():
    assert OWN_ALARMS.keys() == CAUSES.keys()


@pytest.mark.parametrize("name", CAUSES)
def test_an_alarm_watches_the_metric_that_its_cause_writes(service, name):
    alarm = OWN_ALARMS[name]
    watched = alarm["MetricName"], frozenset((each["Name"], each["Value"]) for each in alarm["Dimensions"])
    assert alarm["Namespace"] == NAMESPACE
    assert service.written().sums[watched] == 0
    CAUSES[name](service)
    value = service.written().sums[watched]
    if alarm["Statistic"] == "Sum":
        assert value == 1
    else:
        assert (alarm["Statistic"], value // 3600) == ("Maximum", 25)
        assert value > alarm["Threshold"]


@pytest.mark.parametrize("name", OWN_ALARMS)
def test_an_alarm_says_what_to_do_first(name):
    assert "First: " in OWN_ALARMS[name]["AlarmDescription"]


# --- Metrics ---


def test_rows_are_counted_once_by_outcome_when_the_import_and_its_chunks_are_counted(service):
    service.world.load([{"id": "r1", "assignedCredit": 100}])
    service.written()
    arrived = uploaded(service.world, sheet([row("60"), row("x", userId="ben"), row("5", userId="nobody")]))
    service.run("validate", arrived)
    assert service.written().by("Rows", "Outcome") == {"INVALID_VALUE": 1}
    service.run("validate", arrived)
    first, again = service.world.take("redeem"), service.written()
    assert again.sums == {}
    for _ in range(2):
        service.run("redeem", with_body("redeem-chunk", first[0]))
    written = service.written()
    assert written.by("Rows", "Outcome") == {"REDEEMED": 1, "NO_BALANCE": 1}
    assert written.sum("Rows", Outcome="REDEEMED") == 1


def test_rows_of_a_validation_that_did_not_seal_its_import_are_not_counted(service, monkeypatch):
    seal = ImportJobs.seal

    def too_late(jobs, import_id, *rest):
        cancelled = {"status": ImportStatus.CANCELLED}
        assert jobs.update(import_id, cancelled, status=ImportStatus.VALIDATING)
        return seal(jobs, import_id, *rest)

    monkeypatch.setattr(ImportJobs, "seal", too_late)
    service.run("validate", uploaded(service.world, sheet([row("x")])))
    assert service.written().by("Rows", "Outcome") == {}


def test_the_duration_of_a_chunk_is_in_milliseconds(service, monkeypatch):
    _, body = started(service.world)
    moments = itertools.count(service.world.now(), 250)
    monkeypatch.setattr("rewards.clock.now", lambda: next(moments))
    service.written()
    service.run("redeem", with_body("redeem-chunk", body))
    written = service.written()
    assert written.units["ChunkDuration"] == "Milliseconds"
    assert written.sum("ChunkDuration") in range(250, 10_000, 250)


def test_rows_of_previews_are_not_counted(service):
    service.world.load([{"id": "r1", "assignedCredit": 100}])
    service.written()
    service.world.validate(service.world.put("preview/a.csv", sheet([row("60"), row("x", userId="ben")])))
    (body,) = service.world.take("redeem")
    service.run("redeem", with_body("redeem-chunk", body))
    assert service.written().by("Rows", "Outcome") == {}


def test_imports_are_counted_by_the_status_in_which_they_end(service):
    service.world.load([{"id": "r1", "assignedCredit": 100}])
    service.written()
    service.finished(sheet([row("60")]))
    assert service.written().by("ImportsEnded", "Status") == {"COMPLETED": 1}
    service.run("validate", uploaded(service.world, "nonsense\n1\n"))
    assert service.written().by("ImportsEnded", "Status") == {"ABORTED": 1}
    order = {"type": "REDEEMABLE_REWARD_BALANCE", "fileName": "a.csv"}
    waiting = service.call("POST", "/import", order)[1]["id"]
    for _ in range(2):
        assert service.call("POST", f"/import/{waiting}/cancel")[0] == 200
    assert service.written().by("ImportsEnded", "Status") == {"CANCELLED": 1}


def test_a_sealed_import_that_is_cancelled_is_counted_when_it_ends(service):
    import_id, body = started(service.world)
    service.written()
    assert service.call("POST", f"/import/{import_id}/cancel")[0] == 200
    service.run("redeem", with_body("redeem-chunk", body))
    assert service.written().by("ImportsEnded", "Status") == {}
    (finish,) = service.world.take("finish")
    for _ in range(2):
        service.run("finish", with_body("finish", finish))
    assert service.written().by("ImportsEnded", "Status") == {"CANCELLED": 1}


def test_a_message_that_comes_too_early_is_counted_and_logged(service):
    import_id, body = started(service.world)
    now = service.world.now()
    assert service.world.chunk_records.lease_chunk(import_id, 1, "other", now, now + 60_000) is Lease.FIRST
    service.run("redeem", with_body("redeem-chunk", body))
    written = service.written()
    assert written.sum("Requeues") == 1
    assert written.messages(level="WARNING", import_id=import_id, reason="LeaseTakenError") == ["requeued"]


def test_requests_that_are_not_authorized_are_counted_by_status(service):
    for scopes, status in ((None, 401), ("none", 403), ("read", 403), ("read write", 201)):
        assert service.call("POST", "/export", {"type": "REWARD"}, scopes=scopes)[0] == status
    assert service.written().by("AuthorizationFailures", "Status") == {"401": 1, "403": 2}


def test_a_metric_always_has_the_same_dimensions(service):
    """Otherwise each set of dimensions would be a metric of its own, and no alarm would see them all."""
    for cause in CAUSES.values():
        cause(service)
    names = [name for name, *_ in service.written().sets]
    assert len(names) == len(set(names))
    assert set(names) <= {*Metric}


def test_without_a_stack_nothing_is_written(service, monkeypatch):
    monkeypatch.delenv("STACK_NAME")
    _, body = started(service.world)
    service.run("redeem", with_body("redeem-chunk", body))
    assert service.written().sums == {}


def test_without_an_unfinished_import_there_is_no_age(service):
    service.world.load([{"id": "r1", "assignedCredit": 100}])
    service.written()
    service.run("sweep", event("sweep"))
    assert service.written().sums == {}


# --- Logs ---


def test_one_line_is_logged_for_each_request_that_changes_something(service):
    order = {"type": "REDEEMABLE_REWARD_BALANCE", "fileName": "a.csv"}
    import_id = service.call("POST", "/import", order)[1]["id"]
    service.call("GET", f"/import/{import_id}")
    service.call("POST", f"/import/{import_id}/cancel", user=None)
    service.call("POST", f"/import/{import_id}/cancel", scopes="read")
    service.call("POST", f"/import/{import_id}/reverse", scopes=None)
    service.call("POST", "/nowhere")
    lines = [each for each in service.written().lines if each["message"] == "request"]
    names = ("caller", "method", "route", "import_id", "created_id", "status", "error_code")
    base, of_import = "/api/v1/<_tenant>/import", {"import_id": import_id}
    cancel = {"method": "POST", "route": f"{base}/<import_id>/cancel", **of_import}
    assert [{name: each[name] for name in names if name in each} for each in lines] == [
        {"caller": "ann-sub", "method": "POST", "route": base, "created_id": import_id, "status": 201},
        {"caller": "API", **cancel, "status": 200},
        {"caller": "ann-sub", **cancel, "status": 403, "error_code": "FORBIDDEN"},
        {
            "method": "POST",
            "route": f"{base}/<import_id>/reverse",
            **of_import,
            "status": 401,
            "error_code": "UNAUTHORIZED",
        },
        {"caller": "ann-sub", "method": "POST", "status": 404, "error_code": "NOT_FOUND"},
    ]
    for each in lines:
        assert each["level"] == "INFO"
        assert (each["function_request_id"], each["api_request_id"]) == (
            CONTEXT.aws_request_id,
            event("api-export")["requestContext"]["requestId"],
        )


def test_the_id_of_the_import_joins_the_lines_from_the_request_to_the_email(service):
    service.world.load([{"id": "r1", "assignedCredit": 100}])
    order = {"type": "REDEEMABLE_REWARD_BALANCE", "fileName": "a.csv"}
    import_id = service.call("POST", "/import", order)[1]["id"]
    assert service.written().messages(created_id=import_id) == ["request"]
    record = service.world.record(import_id)
    put = service.world.s3.put_object(Bucket=record["bucket"], Key=record["key"], Body=sheet([row("60")]))
    arrived = event("validate-s3-put")
    arrived["Records"][0]["s3"]["bucket"]["name"] = record["bucket"]
    arrived["Records"][0]["s3"]["object"] |= {"key": record["key"], "versionId": put["VersionId"]}
    service.run("validate", arrived)
    (body,) = service.world.take("redeem")
    service.run("redeem", with_body("redeem-chunk", body))
    (finish,) = service.world.take("finish")
    service.run("finish", with_body("finish", finish))
    expected = {"upload found", "validated", "processed", "finished", "email sent"}
    assert {*service.written().messages(import_id=import_id)} == expected


def test_an_automatic_reply_to_an_email_is_logged_and_neither_counted_nor_recorded(service):
    service.world.load([{"id": "r1", "assignedCredit": 100}])
    import_id = service.finished(sheet([row("60")]))
    before = service.world.record(import_id)
    service.written()
    reply = event("email-bounced")
    reply["detail"]["mail"]["tags"]["import_id"] = [import_id]
    reply["detail"]["bounce"]["bounceType"] = "Transient"
    service.run("sweep", reply)
    written = service.written()
    assert written.messages(import_id=import_id, level="INFO") == ["possible automatic reply"]
    assert not written.sum("EmailProblems")
    assert service.world.record(import_id) == before


def test_an_email_event_of_another_form_is_logged_without_what_it_contains(service):
    service.run("sweep", {"source": "aws.ses", "detail": {"secret": "ann@example.com"}})
    written = service.written()
    assert "email event dropped" in written.messages()
    assert "ann@example.com" not in written.text
    assert not written.sum("EmailProblems")


def test_the_id_of_the_export_joins_the_lines_from_the_request_to_the_email(service):
    export_id = service.call("POST", "/export", {"type": "REWARD"})[1]["id"]
    assert service.written().messages(created_id=export_id) == ["request"]
    (body,) = service.world.take("export")
    service.run("report", with_body("report-order", body))
    assert {*service.written().messages(export_id=export_id)} == {"reported", "email sent"}


def test_what_the_sweep_does_is_logged_with_what_it_belongs_to(service):
    world = service.world
    ids = {"import_id": started(world)[0], "export_id": world.exports.create("REWARD", "CSV", "", "t", {}).id}
    for resumes, message, level in ((0, "resumed", "WARNING"), (3, "stuck", "ERROR")):
        for name, identifier in ids.items():
            kind = name.removesuffix("_id").upper()
            past = world.now() - 2 * HOUR
            changes = {"dateCreated": past, "dateProgress": past, "dateResumed": None, "resumes": resumes}
            world.jobs_table.update(kind, identifier, changes)
        service.run("sweep", event("sweep"))
        written = service.written()
        for name, identifier in ids.items():
            assert written.messages(**{name: identifier}, level=level, service="sweep") == [message]


def test_a_topic_with_a_confirmed_subscription_or_that_cannot_be_read_is_not_reported(service):
    sns = service.aws.client("sns")
    topic = sns.create_topic(Name="heard")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:000000000000:heard")
    for arn in (topic, f"{topic}-of-another-account"):
        service.deploy("sweep", ALARM_TOPIC_ARN=arn)
        service.run("sweep", event("sweep"))
        assert service.written().sum("AlarmsWithoutRecipient") == 0


def test_a_dead_letter_is_logged_with_what_it_belongs_to(service):
    import_id, body = started(service.world)
    service.run("finish", with_body("dead-letter-chunk", service.world.failed_often(body)))
    assert service.written().messages(kind="redeem", import_id=import_id, chunk="1", level="WARNING") == [
        "dead letter"
    ]


def test_a_failed_message_is_logged_with_what_it_belongs_to(service):
    import_id, body = started(service.world)
    service.deploy("redeem", ACCOUNTS_TABLE="no-such-table")
    service.fail("redeem", with_body("redeem-chunk", body))
    (line,) = [each for each in service.written().lines if "exception" in each]
    assert (line["import_id"], line["chunk"], line["level"]) == (import_id, 1, "WARNING")


def test_no_personal_data_is_logged(service):
    """Names, addresses and ids of participants: of files, requests and messages, and of what fails."""
    world, mark = service.world, "p3rsonal"
    mine = {"accountId": f"account-{mark}", "userId": f"user-{mark}"}
    person = {f"user.{name}": f"{name}-{mark}" for name in ("firstName", "lastName", "email")}
    person |= {"user.accountId": mine["accountId"], "user.id": mine["userId"]}
    world.load([{"id": "r1", "assignedCredit": 100, **person}])
    service.finished(sheet([row("60", **mine), row(f"x-{mark}", user=f"user-2-{mark}")]))
    create = f"/rewards/account/account-{mark}/user/user-{mark}"
    new = {"unit": "POINT", "assignedCredit": 5, "name": f"name-{mark}"}
    assert service.call("POST", create, new)[0] == 201
    assert service.call("POST", create, {"name": 5, "unit": f"unit-{mark}"})[0] == 400
    assert service.call("POST", "/credit/bulkredeem", {**mine, "unit": "POINT", "amount": 5000})[0] == 400
    world.validate(world.put("redemptions/b.csv", sheet([row("7", **mine)])))
    (chunk,) = world.take("redeem")
    service.fail("finish", with_body("finish", chunk))  # not a message of this queue
    service.fail("finish", with_body("dead-letter-chunk", chunk.replace('"rows"', '"lines"')))
    service.fail("redeem", with_body("redeem-chunk", chunk.replace('"chunk"', '"number"')))
    service.fail("report", with_body("report-order", chunk))
    service.run("finish", with_body("dead-letter-chunk", world.failed_often(chunk)))
    # SES names the addresses that it does not accept.
    service.deploy("finish", SENDER_EMAIL=f"a-{mark}@example.com", NOTIFICATION_EMAIL=f"b-{mark}@example.com")
    (finish,) = world.take("finish")
    service.fail("finish", with_body("finish", finish))
    written = service.written()
    assert {"request", "processed", "dead letter", "email not sent"} <= {*written.messages()}
    assert mark not in written.text


@pytest.mark.parametrize("name", ["validate", "redeem", "finish", "report", "sweep", "api"])
def test_a_function_writes_what_the_package_logs_as_its_own_lines(service, monkeypatch, name):
    monkeypatch.setattr(logging.getLogger("rewards"), "handlers", [])
    app = service.app(name)
    logging.getLogger("rewards.flows").warning("said", extra={"import_id": "1"})
    (line,) = service.written().lines
    assert (line["message"], line["import_id"], line["service"]) == ("said", "1", app.logger.service)


def test_every_function_names_itself_in_its_lines():
    for name in ("validate", "redeem", "finish", "report", "sweep", "api", "authorizer"):
        assert function(name)["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == name
