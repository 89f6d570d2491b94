"""An update from release 0.1 with work in flight: everything that it had begun ends correctly.

`release_0_1/state.json` is what that release had stored and sent, written by `release_0_1/record.py`. It is
put into a stack of this release, as an update of the code finds it. Moments are moved to now.
"""

import base64
import json
import re
import time
from pathlib import Path

import pytest

from rewards.domain import ids

STATE = Path(__file__).parent / "release_0_1" / "state.json"
QUEUES = {
    "redeem": "RedemptionQueue",
    "finish": "FinishQueue",
    "export": "ExportQueue",
    "dead": "DeadLetterQueue",
}
TABLES = {"accounts": "AccountsTable", "rewards": "RewardsTable", "jobs": "JobsTable"}
MOMENT = re.compile(r"\b1[78]\d{11}\b")
JOB = re.compile(r"\b(?:IMPORT|EXPORT)#([0-9a-z]{16})\b")


def put_objects(service, state):
    """Store the objects in the buckets of this stack; the new version of each upload by its old one."""
    client, versions = service.s3, {}
    upload = service.local.upload_bucket
    notifications = client.get_bucket_notification_configuration(Bucket=upload)
    del notifications["ResponseMetadata"]
    client.put_bucket_notification_configuration(Bucket=upload, NotificationConfiguration={})  # not uploads
    for name, bucket in (("upload", upload), ("files", service.local.files_bucket)):
        for each in state["buckets"][name]["objects"]:
            stored = client.put_object(
                Bucket=bucket,
                Key=each["key"],
                Body=base64.b64decode(each["body"]),
                Metadata=each["metadata"],
            )
            versions[each["version"]] = stored.get("VersionId", "")
    client.put_bucket_notification_configuration(Bucket=upload, NotificationConfiguration=notifications)
    return {old: new for old, new in versions.items() if old}


def moved(text):
    """The state with its moments, and those in its ids, so much later that it was recorded just now."""
    later = int(time.time() * 1000) - json.loads(text)["recorded"]
    for old in set(JOB.findall(text)):
        number = ids.to_number(old)
        text = text.replace(old, ids.make_id((number >> 32) + later, number))
    return MOMENT.sub(lambda moment: str(int(moment[0]) + later), text)


@pytest.fixture(scope="module")
def state(service):
    service.imports()  # the API starts before all other functions do
    text = moved(STATE.read_text())
    found = json.loads(text)
    names = put_objects(service, found)
    names[found["buckets"]["upload"]["name"]] = service.local.upload_bucket
    for old, new in names.items():
        text = text.replace(old, new)
    found = json.loads(text)
    dynamodb, sqs = service.local.aws.client("dynamodb"), service.local.aws.client("sqs")
    for name, table in TABLES.items():
        for item in found["tables"][name]:
            dynamodb.put_item(TableName=service.local.resources[table], Item=item)
    for name, queue in QUEUES.items():
        for body in found["messages"][name]:
            sqs.send_message(QueueUrl=service.local.resources[queue], MessageBody=body)
    return found


def ended(service, import_id):
    record = service.wait(lambda: service.ended(f"/import/{import_id}"))
    return record["status"], record["stats"]["outcomes"]


def test_the_state_has_messages_of_every_kind(state):
    kinds = {
        json.loads(body).get("kind", "failed event")
        for bodies in state["messages"].values()
        for body in bodies
    }
    assert kinds == {"redeem", "load", "reverse", "finish", "report", "overview", "failed event"}


@pytest.mark.parametrize(
    ("name", "outcomes"),
    [
        ("completed", {"REDEEMED": 2}),
        ("all chunks counted", {"REDEEMED": 1}),
        ("some chunks counted", {"REDEEMED": 5}),
        ("preview", {"REDEEMED": 1}),
        ("rewards", {"LOADED": 1}),
        ("reversal", {"REVERSED": 1}),
    ],
)
def test_an_import_in_flight_completes(service, state, name, outcomes):
    assert ended(service, state["ids"][name]) == ("COMPLETED", outcomes)
    results = service.call("GET", f"/import/{state['ids'][name]}/results?redirect=false").json["url"]
    assert len(service.csv_behind(results)) == sum(outcomes.values())


def test_an_import_in_flight_sends_its_email(service, state):
    for name in ("all chunks counted", "some chunks counted", "rewards", "reversal"):
        import_id = state["ids"][name]
        ended(service, import_id)
        assert service.mail_about(import_id)


def test_a_failed_validation_in_flight_aborts_its_import(service, state):
    def aborted():
        return [
            each for each in service.imports() if (each["error"] or {}).get("code") == "VALIDATION_FAILED"
        ]

    (record,) = service.wait(aborted)
    assert (record["fileName"], record["status"]) == ("lost.csv", "ABORTED")


def test_a_form_of_the_release_before_still_takes_its_file(service, state):
    import_id = state["ids"]["waits for its file"]
    (item,) = (each for each in state["tables"]["jobs"] if each["pk"]["S"] == f"IMPORT#{import_id}")
    body = b"accountId,userId,unit,valueToRedeem\nacme,u11,POINT,60\n"
    service.s3.put_object(Bucket=service.local.upload_bucket, Key=item["key"]["S"], Body=body)
    assert ended(service, import_id) == ("COMPLETED", {"REDEEMED": 1})


def test_requested_reports_are_created(service, state):
    export_id = state["ids"]["export"]
    assert service.wait(lambda: service.ended(f"/export/{export_id}"))["status"] == "COMPLETED"
    service.wait(lambda: service.call("GET", "/balance/overview").json["status"] == "READY")


def test_links_in_emails_still_open_their_file(service, state):
    token = re.search(r"/download/(\S+)", state["email"])[1]
    address = f"{service.local.outputs['ApiUrl']}/download/{token}"
    assert b"availableValue" in service.open_link(address)


def test_an_import_of_the_release_before_can_be_reversed(service, state):
    reversal = service.call("POST", f"/import/{state['ids']['completed']}/reverse", {}).json["id"]
    assert ended(service, reversal) == ("COMPLETED", {"REVERSED": 2})


def test_afterwards_every_balance_is_right_and_no_message_is_left(service, state):
    """Everything above has ended: what was redeemed, once, is missing, and nothing else."""
    redeemed = {f"u{n}": 40 for n in (3, 4, 5, 6, 7, 8, 11)}
    expected = {f"u{n}": 100 for n in range(12)} | redeemed | {"u10": 105}
    export_id = service.call("POST", "/export", {"type": "REDEEMABLE_REWARD_BALANCE"}).json["id"]
    service.wait(lambda: service.ended(f"/export/{export_id}"))
    address = service.call("GET", f"/export/{export_id}/download?redirect=false").json["url"]
    report = service.csv_behind(address)
    assert dict(zip(report["userId"], map(int, report["availableValue"]), strict=True)) == expected
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    sqs = service.local.aws.client("sqs")

    def is_empty():
        return all(
            sqs.get_queue_attributes(QueueUrl=service.local.resources[queue], AttributeNames=names)[
                "Attributes"
            ]
            == dict.fromkeys(names, "0")
            for queue in QUEUES.values()
        )

    assert service.wait(is_empty)
