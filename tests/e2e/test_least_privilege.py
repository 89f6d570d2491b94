"""No role may do more than its function needs: take each permission away in turn, and something fails.

The permissions are read from the deployed roles, so whatever the template adds is tried, too. Each function
has deeds, small pieces of its work that together need all that its role allows. The queues and the bucket are
cut off from the functions, which are invoked by hand, so that one fails at a time.

Apart stand Lambda's own doings in a role's name, which the local stack never asks about: writing logs and
traces, taking messages from a queue, and sending an event that failed permanently to its destination.
"""

import itertools
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from unittest.mock import patch

import boto3
import pytest
import requests
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from infra.local.iam import allow_ministacks_own_actions
from infra.local.ministack import REGION
from rewards.adapters import upload_bucket
from rewards.adapters.balance_item import balance_key, participant_key
from rewards.adapters.chunk_records import ChunkRecords
from rewards.adapters.files import Files
from rewards.adapters.jobs_table import EXPORT, IMPORT, JobsTable, Lease
from tests.e2e.conftest import Service, links

LOCAL_ONLY = "asked-by-ministack-only"  # infra/local/iam.py
FUNCTIONS = ("Validate", "Redeem", "Finish", "Report", "Sweep", "Api", "Authorizer")
LAMBDAS_OWN = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
}
# The end of the audit log's name: its entries are written by the functions themselves.
AUDIT_LOG = "/audit"
# S3 on AWS asks for these only to choose between 404 and 403 for a missing object; the local stack always
# answers 404.
ONLY_FOR_404 = {"s3:ListBucket", "s3:ListBucketVersions"}
HEADER = "accountId,userId,unit,valueToRedeem\n"
REWARDS = "id,type,unit,assignedCredit,user.id,user.accountId,user.firstName\n"
FORMS = {
    "redemptions/": {"type": "REDEEMABLE_REWARD_BALANCE", "fileName": "a.csv"},
    "preview/": {"type": "REDEEMABLE_REWARD_BALANCE", "fileName": "a.csv", "dryRun": True},
    "rewards/": {"type": "REWARD", "fileName": "a.csv"},
}
# A function that fails at every message starts again, which takes seconds: so one has no work in it.
_NO_CHUNKS = {"kind": "reverse", "importId": "none", "reverses": "none", "first": 1, "last": 0}
EMPTY = {
    "Redeem": {"messageId": "2", "body": json.dumps(_NO_CHUNKS)},
    "Finish": {"messageId": "2", "body": json.dumps({"kind": "finish", "importId": "0000000000000000"})},
    "Report": {"messageId": "2", "body": json.dumps({"kind": "report", "exportId": "none"})},
}


class NotDoneError(Exception):
    """A deed failed: an error, or not what was to come of it."""


def must(condition, what):
    if not condition:
        raise NotDoneError(what)


class Harness:
    """Does what queues and notifications would do, by hand, and looks at what comes of it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.aws, self.resources = service.local.aws, service.local.resources
        self.sqs, self.lambdas = self.aws.client("sqs"), self.aws.client("lambda")
        self.jobs = JobsTable(self.aws.client("dynamodb"), self.resources["JobsTable"])
        self._numbers = itertools.count(1)
        service.upload("rewards/rewards.csv", REWARDS + "r1,CREDIT,POINT,100000,ann,0007,Ann\n")
        service.call("POST", "/export", {"type": "REDEEMABLE_REWARD_BALANCE", "name": "Kept"})
        (self.report_link,) = links(service.mail_about("Kept"))
        self.report = service.csv_behind(self.report_link)
        redeemed = service.upload("redemptions/first.csv", row())
        self.results_link = links(service.mail_about(redeemed["id"]))[0]
        for each in self.lambdas.list_event_source_mappings()["EventSourceMappings"]:
            self.lambdas.update_event_source_mapping(UUID=each["UUID"], Enabled=False)
        service.s3.put_bucket_notification_configuration(
            Bucket=service.local.upload_bucket, NotificationConfiguration={}
        )

    def number(self):
        return next(self._numbers)

    def invoke(self, function, event):
        answer = self.lambdas.invoke(
            FunctionName=self.resources[f"{function}Function"], Payload=json.dumps(event)
        )
        payload = json.loads(answer["Payload"].read())
        failed = "FunctionError" in answer or (payload or {}).get("batchItemFailures")
        must(not failed, f"{function}: {payload}")

    def put(self, prefix, body, again=True, **metadata):
        """An upload, by default of rows that may have come before; the event that tells of it."""
        key, bucket = f"{prefix}{self.number()}.csv", self.service.local.upload_bucket
        metadata |= {"allow-duplicate": "true"} if again else {}
        made = self.service.s3.put_object(Bucket=bucket, Key=key, Body=body.encode(), Metadata=metadata)
        version = made["VersionId"]
        return told(bucket, key, version)

    def uploaded(self, event):
        """The import that was made of an upload."""
        key = event["Records"][0]["s3"]["object"]["key"]
        found = [each for each in self.jobs.history(IMPORT, 100, 0)[0] if each["key"] == key]
        must(found, f"no import of {key}")
        return found[0]

    def validate(self, prefix, body, again=True):
        event = self.put(prefix, body, again)
        self.invoke("Validate", event)
        return self.uploaded(event)

    def redeem(self, body, prefix="redemptions/"):
        """An import that is redeemed, or loaded, and waits to be finished."""
        record = self.validate(prefix, body)
        self.deliver("Redeem", "RedemptionQueue", self.message("RedemptionQueue", record["id"]))
        return self.record(record)

    def finish(self, record):
        self.deliver("Finish", "FinishQueue", self.message("FinishQueue", record["id"]))
        return self.record(record)

    def deliver(self, function, queue, body):
        arn = f"arn:aws:sqs:{REGION}:000000000000:{self.resources[queue].rpartition('/')[2]}"
        record = {"messageId": "1", "body": body, "eventSource": "aws:sqs", "eventSourceARN": arn}
        self.invoke(function, {"Records": [record, {**record, **EMPTY[function]}]})

    def handle(self, body):
        self.deliver("Finish", "DeadLetterQueue", body)

    def message(self, queue, identifier):
        """The body of the message about an import or an export; older ones are thrown away."""
        while True:
            url = self.resources[queue]
            got = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            must(got, f"no message about {identifier} in {queue}")
            for each in got:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
            for each in got:
                if identifier in each["Body"]:
                    return each["Body"]

    def entries(self, function):
        """The entries of the audit log that a function added."""
        found = self.aws.client("logs").filter_log_events(logGroupName=self.resources["AuditLogGroup"])
        stream = f"{function.lower()}/"
        return [each["message"] for each in found["events"] if each["logStreamName"].startswith(stream)]

    def record(self, record, kind=IMPORT):
        return self.jobs.get(kind, record["id"])

    def call(self, status, method, path, body=None):
        answer = self.service.call(method, path, body)
        must(answer.status == status, f"{method} {path}: {answer.status} {answer.body[:200]}")
        return answer

    def order(self, prefix):
        return self.call(201, "POST", "/import", {**FORMS[prefix], "allowDuplicate": True}).json

    def send(self, order):
        """Fill an order's form in; the event that tells of the upload."""
        form = order["upload"]
        sent = requests.post(
            form["url"],
            data=form["fields"],
            files={"file": ("a.csv", row())},
            verify=str(self.aws.certificate),
            timeout=30,
        )
        must(sent.status_code == 204, sent.text)
        key, bucket = form["fields"]["key"], self.service.local.upload_bucket
        what = {
            "bucket": {"name": bucket},
            "object": {"key": key, "versionId": sent.headers["x-amz-version-id"]},
        }
        return {"Records": [{"s3": what}]}

    def damaged(self):
        """The report filled in; a spreadsheet took the zeros of the account."""
        sheet = self.report.assign(accountId="7", valueToRedeem=str(self.number()))
        return sheet.to_csv(index=False)

    def s3_as(self, function):
        """S3 as the function's role sees it."""
        role = self.aws.client("iam").get_role(RoleName=self.resources[f"{function}Role"])["Role"]["Arn"]
        session = self.aws.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        return boto3.client(
            "s3",
            endpoint_url=self.aws.endpoint,
            region_name=REGION,
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
            verify=str(self.aws.certificate),
        )

    def left_over(self, bucket):
        found = self.service.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        for each in found:
            self.service.s3.abort_multipart_upload(Bucket=bucket, Key=each["Key"], UploadId=each["UploadId"])
        return found


def told(bucket, key, version):
    """The event that tells of an upload."""
    return {"Records": [{"s3": {"bucket": {"name": bucket}, "object": {"key": key, "versionId": version}}}]}


def row(user="ann", value=1):
    """An upload that is like no other before it: the same bytes twice would be rejected."""
    return f"{HEADER}0007,{user},POINT,{value}\n,,,{time.time_ns()}\n"


def a_file_is_checked(prefix):
    def deed(harness):
        record = harness.validate(prefix, row())
        must(record["sent"] and record["outcomes"] == {"MISSING_FIELD": 1}, record)
        harness.message("RedemptionQueue", record["id"])

    return deed


def a_file_is_rejected(harness):
    record = harness.validate("redemptions/", f"nonsense{harness.number()}\n1\n")
    must(record["status"] == "ABORTED", record)
    harness.message("FinishQueue", record["id"])


def a_repeated_file_leaves_nothing(harness):
    body = f"{HEADER}0007,nobody-{harness.number()},POINT,1\n"
    harness.validate("redemptions/", body, again=False)
    record = harness.validate("redemptions/", body, again=False)
    must((record["error"] or {}).get("code") == "DUPLICATE_FILE", record)
    bucket, prefix = harness.service.local.files_bucket, f"evidence/{record['id']}/"
    must(not harness.service.s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"], "files are left")


def rewards_are_checked(harness):
    record = harness.validate("rewards/", f"{REWARDS}v{harness.number()},CREDIT,POINT,5,bob,0007,Bob\n")
    must(record["sent"], record)


def a_damaged_row_is_repaired(harness):
    record = harness.validate("redemptions/", harness.damaged())
    must(record["outcomes"] == {}, record["outcomes"])


def rows_are_redeemed(harness):
    record = harness.redeem(row() + "0007,nobody,POINT,1\n")
    must(record["outcomes"].get("REDEEMED") == 1 and record["outcomes"].get("NO_BALANCE") == 1, record)
    harness.message("FinishQueue", record["id"])


def a_chunk_in_other_hands_is_requeued(harness):
    record = harness.validate("redemptions/", row())
    moment = time.time_ns() // 1_000_000
    lease = ChunkRecords(harness.jobs).lease_chunk(record["id"], 1, "somebody", moment, moment + 60_000)
    must(lease is Lease.FIRST, "no lease")
    harness.deliver("Redeem", "RedemptionQueue", harness.message("RedemptionQueue", record["id"]))
    must(harness.record(record)["chunksDone"] == 0, "a chunk that somebody else has was counted")


def rewards_are_loaded(harness):
    n = harness.number()
    record = harness.redeem(f"{REWARDS}l{n},CREDIT,U{n},5,u{n},0007,Lea\n", "rewards/")
    must(record["outcomes"] == {"LOADED": 1}, record["outcomes"])


def as_version_0_1_wrote_them(harness, record):
    """Move the results of an import's chunks to where version 0.1 wrote them."""
    s3, bucket = harness.service.s3, harness.service.local.files_bucket
    for each in s3.list_objects_v2(Bucket=bucket, Prefix=f"evidence/{record['id']}/parts/")["Contents"]:
        source = {"Bucket": bucket, "Key": each["Key"]}
        s3.copy_object(CopySource=source, Bucket=bucket, Key=each["Key"].replace("evidence/", "imports/"))
        s3.delete_object(**source)
    return record


def an_import_is_reversed(harness, change=lambda _, record: record):
    original = change(harness, harness.finish(harness.redeem(row())))
    order = harness.call(201, "POST", f"/import/{original['id']}/reverse").json
    harness.deliver("Redeem", "RedemptionQueue", harness.message("RedemptionQueue", order["id"]))
    must(harness.record(order)["outcomes"].get("REVERSED") == 1, harness.record(order))


def an_import_of_version_0_1_is_reversed(harness):
    an_import_is_reversed(harness, as_version_0_1_wrote_them)


def an_import_is_finished(harness):
    record = harness.finish(harness.redeem(row()))
    must(record["results"] and record["dateMailed"], record)


def an_import_of_version_0_1_is_finished(harness):
    record = harness.finish(as_version_0_1_wrote_them(harness, harness.redeem(row())))
    must(record["results"], record)


def two_workers_failed(harness, record):
    """Make it the only thing that is known of a chunk: otherwise it would be requeued, or is counted."""
    harness.aws.client("dynamodb").put_item(
        TableName=harness.resources["JobsTable"],
        Item={"pk": {"S": f"IMPORT#{record['id']}"}, "sk": {"S": "CHUNK#000001"}, "workers": {"N": "2"}},
    )


def a_dead_chunk_is_handled(harness):
    """Of a balance that has a history, which may tell of the row."""
    n = harness.number()
    harness.redeem(f"{REWARDS}h{n},CREDIT,POINT,5,h{n},0007,Hal\n", "rewards/")
    record = harness.validate("redemptions/", row(f"h{n}"))
    key = {"pk": {"S": "0007"}, "sk": {"S": balance_key(f"h{n}", "POINT")}}
    harness.aws.client("dynamodb").update_item(
        TableName=harness.resources["AccountsTable"],
        Key=key,
        UpdateExpression="SET archived = :now",
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeValues={":now": {"S": f"[{int(time.time() * 1000)},0,0,0,0,0]"}},
    )
    two_workers_failed(harness, record)
    harness.handle(harness.message("RedemptionQueue", record["id"]))
    must(harness.record(record)["outcomes"]["NOT_PROCESSED"] == 1, harness.record(record))


def a_dead_chunk_of_rewards_is_handled(harness):
    """It died after the reward was written, before what is known of the participant was."""
    n = harness.number()
    record = harness.validate("rewards/", f"{REWARDS}d{n},CREDIT,POINT,5,d{n},0007,Dan\n")
    chunk = harness.message("RedemptionQueue", record["id"])
    harness.deliver("Redeem", "RedemptionQueue", chunk)
    dynamodb, person = (
        harness.aws.client("dynamodb"),
        {"pk": {"S": "0007"}, "sk": {"S": participant_key(f"d{n}")}},
    )
    accounts = harness.resources["AccountsTable"]
    must("Item" in dynamodb.get_item(TableName=accounts, Key=person), "no participant")
    dynamodb.delete_item(TableName=accounts, Key=person)
    two_workers_failed(harness, record)
    harness.handle(chunk)
    must("Item" in dynamodb.get_item(TableName=accounts, Key=person), "the participant is lost")


def a_dead_validation_is_handled(harness):
    event = harness.put("redemptions/", row())
    harness.handle(json.dumps({"requestPayload": event}))
    record = harness.uploaded(event)
    must(record["error"]["code"] == "VALIDATION_FAILED", record)
    harness.message("FinishQueue", record["id"])


def a_validation_that_died_while_sending_is_run_again(harness):
    event = harness.put("redemptions/", harness.damaged() + ",,,,,,,x,,,,,\n")
    harness.invoke("Validate", event)
    record = harness.uploaded(event)
    harness.message("RedemptionQueue", record["id"])
    harness.jobs.update(IMPORT, record["id"], {"sent": False, "sentFiles": 0})
    harness.handle(json.dumps({"requestPayload": event}))
    must(harness.record(record)["sent"], record)
    harness.message("RedemptionQueue", record["id"])


def what_is_counted_is_not_sent_again(harness):
    event = harness.put("redemptions/", row())
    harness.invoke("Validate", event)
    record = harness.uploaded(event)
    harness.deliver("Redeem", "RedemptionQueue", harness.message("RedemptionQueue", record["id"]))
    harness.jobs.update(IMPORT, record["id"], {"sent": False, "sentFiles": 0})
    harness.invoke("Validate", event)
    must(harness.record(record)["sent"], record)


def has_stopped(harness, record, kind=IMPORT, **changes):
    """Nothing happened to an import or an export for two hours."""
    past = time.time_ns() // 1_000_000 - 2 * 3_600_000
    harness.jobs.update(kind, record["id"], {"dateCreated": past, "dateProgress": past, **changes})


def resumed_by_the_sweep(harness, record):
    harness.invoke("Sweep", {})


def resumed_by_the_api(harness, record):
    harness.call(202, "POST", f"/import/{record['id']}/resume")


def chunks_that_were_lost_are_asked_for(resume):
    def deed(harness):
        record = harness.validate("redemptions/", row())
        harness.message("RedemptionQueue", record["id"])
        has_stopped(harness, record)
        resume(harness, record)
        must("sendChunks" in harness.message("FinishQueue", record["id"]), record)

    return deed


def a_validation_that_was_lost_is_run_again(resume):
    def deed(harness):
        order = harness.order("redemptions/")
        version = harness.send(order)["Records"][0]["s3"]["object"]["versionId"]
        has_stopped(harness, order, status="VALIDATING", versionId=version, size=len(row()))
        resume(harness, order)
        deadline = time.monotonic() + 30
        while harness.record(order)["status"] == "VALIDATING" and time.monotonic() < deadline:
            time.sleep(0.2)
        must(harness.record(order)["status"] == "PROCESSING", harness.record(order))

    return deed


def the_recipients_of_alarms_are_looked_up(harness):
    def failures():
        name = harness.resources["SweepLogGroup"]
        found = harness.aws.client("logs").filter_log_events(logGroupName=name)["events"]
        return sum("alarm topic not read" in each["message"] for each in found)

    before = failures()
    harness.invoke("Sweep", {})
    must(failures() == before, "the topic could not be read")


def a_report_that_was_lost_is_requested_again(harness):
    order = harness.call(201, "POST", "/export", {"type": "REWARD"}).json
    harness.message("ExportQueue", order["id"])
    has_stopped(harness, order, EXPORT)
    harness.invoke("Sweep", {})
    harness.message("ExportQueue", order["id"])


def a_dead_report_is_handled(harness):
    order = harness.call(201, "POST", "/export", {"type": "REWARD"}).json
    harness.deliver("Finish", "ExportDeadLetterQueue", harness.message("ExportQueue", order["id"]))
    must(harness.record(order, EXPORT)["status"] == "ABORTED", order)


def a_report_is_made(kind):
    def deed(harness):
        order = harness.call(201, "POST", "/export", {"type": kind}).json
        harness.deliver("Report", "ExportQueue", harness.message("ExportQueue", order["id"]))
        record = harness.record(order, EXPORT)
        must(record["status"] == "COMPLETED" and record["dateMailed"], record)

    return deed


def a_report_that_breaks_off_leaves_no_part(harness):
    def pieces():
        yield b"x" * (9 << 20)
        raise InterruptedError

    bucket = harness.service.local.files_bucket
    with suppress(InterruptedError, ClientError):
        Files(harness.s3_as("Report"), bucket).stream(pieces(), "exports/1/a.csv", "text/csv")
    must(not harness.left_over(bucket), "parts are left")


def results_that_break_off_leave_no_part(harness):
    path, bucket, s3 = (
        harness.aws.home / "results.csv",
        harness.service.local.files_bucket,
        harness.s3_as("Finish"),
    )
    path.write_bytes(b"x" * (9 << 20))
    s3.meta.events.register("before-call.s3.UploadPart", _interrupt)
    with suppress(InterruptedError, boto3.exceptions.S3UploadFailedError):
        Files(s3, bucket).save(str(path), "imports/1/results.csv", "text/csv")
    must(not harness.left_over(bucket), "parts are left")


def a_copy_that_breaks_off_leaves_no_part(harness):
    s3, bucket = harness.s3_as("Api"), harness.service.local.upload_bucket
    version = harness.service.s3.put_object(Bucket=bucket, Key="preview/large.csv", Body=b"x" * 64)[
        "VersionId"
    ]
    s3.meta.events.register("before-call.s3.UploadPartCopy", _interrupt)
    in_parts = TransferConfig(multipart_threshold=1, use_threads=False)
    with patch.object(upload_bucket, "_COPY", in_parts), suppress(InterruptedError):
        upload_bucket.UploadBucket(s3, bucket).copy("preview/large.csv", version, "redemptions/1/large.csv")
    must(not harness.left_over(bucket), "parts are left")


def _interrupt(**_):
    raise InterruptedError


def a_reward_is_created_shown_and_redeemed(harness):
    n = harness.number()
    new = {"unit": f"A{n}", "assignedCredit": 9}
    made = harness.call(201, "POST", f"/rewards/account/api/user/u{n}", new).json
    found = harness.call(200, "GET", f"/reward?accountId=api&userId=u{n}").json
    must([each["rewardSource"] for each in found] == ["MANUAL"], found)
    harness.call(200, "POST", f"/credit/{made['id']}/redeem", {"amount": 4, "unit": f"A{n}"})
    units = [each["unit"] for each in harness.call(200, "GET", "/units").json]
    must(f"A{n}" in units, units)


def a_form_takes_a_file(prefix):
    return lambda harness: harness.send(harness.order(prefix))


def a_dry_run_is_started_and_cancelled(harness):
    made = harness.order("preview/")
    harness.invoke("Validate", harness.send(made))
    harness.deliver("Redeem", "RedemptionQueue", harness.message("RedemptionQueue", made["id"]))
    harness.finish(made)
    started = harness.call(201, "POST", f"/import/{made['id']}/start").json
    # Its file has arrived, but nobody has read it yet.
    harness.jobs.update(IMPORT, started["id"], {"status": "VALIDATING", "versionId": "1"})
    harness.call(200, "POST", f"/import/{started['id']}/cancel")
    harness.message("FinishQueue", started["id"])


def the_histories_are_listed(harness):
    for kind in ("export", "import"):
        must(harness.call(200, "GET", f"/{kind}/history/list").json["data"], f"no {kind}s")


def files_are_downloaded(harness):
    for address in (harness.report_link, harness.results_link):
        link = harness.call(303, "GET", address)
        must(harness.service.call("GET", link.headers["Location"], key="").status == 200, address)


def a_receipt_is_downloaded(harness):
    record = harness.finish(harness.redeem(row()))
    address = harness.call(303, "GET", f"/import/{record['id']}/receipt").headers["Location"]
    receipt = harness.service.call("GET", address, key="").json
    must(receipt["importId"] == record["id"], receipt)


def a_report_is_requested(harness):
    order = harness.call(201, "POST", "/export", {"type": "REWARD"}).json
    harness.message("ExportQueue", order["id"])


def the_uploaded_file_is_handed_over(prefix):
    def deed(harness):
        order = harness.order(prefix)
        version = harness.send(order)["Records"][0]["s3"]["object"]["versionId"]
        harness.jobs.update(IMPORT, order["id"], {"versionId": version, "etag": "x"})
        link = harness.call(303, "GET", f"/import/{order['id']}/upload")
        must(harness.service.call("GET", link.headers["Location"], key="").status == 200, prefix)

    return deed


def the_user_who_asks_is_looked_up(harness):
    """Under a rule, which the function gets for this deed only."""
    harness.service.local.users.somebody("operator")
    name = harness.resources["ValidateFunction"]
    variables = harness.lambdas.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def rule(text):
        given = {**variables, "APPROVAL_RULE": text}
        harness.lambdas.update_function_configuration(FunctionName=name, Environment={"Variables": given})

    rule("always")
    try:
        event = harness.put("redemptions/", row(), email="operator@example.com")
        harness.invoke("Validate", event)
        must(harness.uploaded(event)["status"] == "AWAITING_APPROVAL", harness.uploaded(event))
    finally:
        rule("never")


def somebody_with_the_key_is_let_in(harness):
    harness.call(200, "GET", "/units")


def somebody_with_a_created_key_is_let_in(harness):
    made = harness.call(201, "POST", "/keys", {"name": "mine", "scopes": ["read"]}).json
    answer = harness.service.call("GET", "/units", key=made["key"])
    must(answer.status == 200, f"{answer.status}")
    (listed,) = harness.call(200, "GET", "/keys?limit=1").json["data"]
    must(listed["dateLastUsed"], "its last use is not recorded")


def an_entry_is_added(function, deed, about=""):
    """A function that cannot write to the audit log does its work all the same."""

    def audited(harness):
        before = len(harness.entries(function))
        deed(harness)
        new = harness.entries(function)[before:]
        must(any(about in entry for entry in new), f"{function} added {new}")

    return audited


def a_participant_is_blocked(harness):
    n = harness.number()
    header = REWARDS.rstrip() + ",user.dateBlocked\n"
    harness.redeem(f"{header}b{n},CREDIT,U{n},5,u{n},0007,Lea,2026-01-01T00:00:00Z\n", "rewards/")


def the_audit_log_is_searched(harness):
    must(harness.call(200, "GET", "/audit?limit=1").json["entries"], "no entries")


def in_a_new_container(function, deed):
    """An old container remembers a secret that it has read."""

    def fresh(harness):
        name = harness.resources[f"{function}Function"]
        variables = harness.lambdas.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        started = {**variables, "STARTED": str(harness.number())}
        harness.lambdas.update_function_configuration(FunctionName=name, Environment={"Variables": started})
        deed(harness)

    return fresh


# Only with the key of the digests an entry names one.
PARTICIPANT = '"participant/'

DEEDS = {
    "Validate": [
        a_file_is_checked("redemptions/"),
        a_file_is_checked("preview/"),
        rewards_are_checked,
        a_file_is_rejected,
        a_repeated_file_leaves_nothing,
        a_damaged_row_is_repaired,
        what_is_counted_is_not_sent_again,
        the_user_who_asks_is_looked_up,
        in_a_new_container("Validate", an_entry_is_added("Validate", a_file_is_checked("preview/"))),
    ],
    "Redeem": [
        rows_are_redeemed,
        a_chunk_in_other_hands_is_requeued,
        rewards_are_loaded,
        an_import_is_reversed,
        an_import_of_version_0_1_is_reversed,
        in_a_new_container("Redeem", an_entry_is_added("Redeem", a_participant_is_blocked, PARTICIPANT)),
    ],
    "Finish": [
        a_dead_report_is_handled,
        a_dead_validation_is_handled,
        results_that_break_off_leave_no_part,
        a_dead_chunk_is_handled,
        a_validation_that_died_while_sending_is_run_again,
        a_dead_chunk_of_rewards_is_handled,
        an_import_is_finished,
        an_import_of_version_0_1_is_finished,
        in_a_new_container("Finish", a_validation_that_died_while_sending_is_run_again),
        in_a_new_container("Finish", an_entry_is_added("Finish", an_import_is_finished)),
    ],
    "Report": [
        a_report_is_made("REDEEMABLE_REWARD_BALANCE"),
        a_report_is_made("REWARD"),
        a_report_that_breaks_off_leaves_no_part,
        in_a_new_container(
            "Report", an_entry_is_added("Report", a_report_is_made("REDEEMABLE_REWARD_BALANCE"))
        ),
    ],
    "Sweep": [
        chunks_that_were_lost_are_asked_for(resumed_by_the_sweep),
        a_validation_that_was_lost_is_run_again(resumed_by_the_sweep),
        a_report_that_was_lost_is_requested_again,
        the_recipients_of_alarms_are_looked_up,
        in_a_new_container("Sweep", an_entry_is_added("Sweep", a_report_that_was_lost_is_requested_again)),
    ],
    "Api": [
        in_a_new_container(
            "Api", an_entry_is_added("Api", a_reward_is_created_shown_and_redeemed, PARTICIPANT)
        ),
        the_audit_log_is_searched,
        a_report_is_requested,
        the_histories_are_listed,
        files_are_downloaded,
        a_receipt_is_downloaded,
        a_reward_is_created_shown_and_redeemed,
        *map(a_form_takes_a_file, FORMS),
        *map(the_uploaded_file_is_handed_over, FORMS),
        a_copy_that_breaks_off_leaves_no_part,
        a_dry_run_is_started_and_cancelled,
        a_validation_that_was_lost_is_run_again(resumed_by_the_api),
        an_import_is_reversed,
    ],
    "Authorizer": [
        in_a_new_container("Authorizer", somebody_with_the_key_is_let_in),
        somebody_with_a_created_key_is_let_in,
    ],
}


@dataclass(frozen=True)
class Permission:
    """One action on one resource, and where it stands in a role's policies."""

    policy: str
    report_builder: int
    action: str
    resource: str


class Role:
    """A function's role, whose permissions can be taken away one at a time."""

    def __init__(self, harness, function) -> None:
        self.aws, self.iam = harness.aws, harness.aws.client("iam")
        self.name = harness.resources[f"{function}Role"]
        names = self.iam.list_role_policies(RoleName=self.name)["PolicyNames"]
        self.policies = {name: self._policy(name) for name in names if name != LOCAL_ONLY}

    def _policy(self, name):
        policy = self.iam.get_role_policy(RoleName=self.name, PolicyName=name)["PolicyDocument"]
        return [
            {**each, "Action": listed(each["Action"]), "Resource": listed(each["Resource"])}
            for each in policy["Statement"]
        ]

    def permissions(self):
        return [
            Permission(name, place, action, resource)
            for name, statements in self.policies.items()
            for place, report_builder in enumerate(statements)
            for action in report_builder["Action"]
            for resource in report_builder["Resource"]
        ]

    def allow_all_but(self, taken):
        for name, statements in self.policies.items():
            split = [
                {**report_builder, "Action": action, "Resource": resource}
                for place, report_builder in enumerate(statements)
                for action in report_builder["Action"]
                for resource in report_builder["Resource"]
                if Permission(name, place, action, resource) != taken
            ]
            document = json.dumps({"Version": "2012-10-17", "Statement": split or NOTHING})
            self.iam.put_role_policy(RoleName=self.name, PolicyName=name, PolicyDocument=document)
        with suppress(self.iam.exceptions.NoSuchEntityException):
            self.iam.delete_role_policy(RoleName=self.name, PolicyName=LOCAL_ONLY)
        allow_ministacks_own_actions(self.aws, [self.name])


NOTHING = [{"Effect": "Deny", "Action": "*", "Resource": "*"}]


def listed(value):
    return [value] if isinstance(value, str) else value


def is_lambdas_own(function, permission):
    destination = function == "Validate" and "DeadLetterQueue" in permission.resource
    own = permission.action in LAMBDAS_OWN | ONLY_FOR_404 and AUDIT_LOG not in permission.resource
    return own or destination


@pytest.fixture(scope="module")
def harness(service):
    return Harness(service)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_no_permission_to_spare(harness, function):
    deeds = DEEDS[function]
    for deed in deeds:
        deed(harness)
    role, spare = Role(harness, function), []
    for permission in role.permissions():
        if is_lambdas_own(function, permission):
            continue
        role.allow_all_but(permission)
        if not any(fails(deed, harness) for deed in deeds):
            spare.append(f"{permission.action} on {permission.resource}")
    role.allow_all_but(None)
    assert spare == []


def fails(deed, harness):
    try:
        deed(harness)
    except (NotDoneError, ClientError):
        return True
    return False
