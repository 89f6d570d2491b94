"""What the deployed queues, dead letters and destinations do when a function fails permanently."""

import json

import pytest

from tests.e2e.conftest import links

REWARDS = "id,type,unit,assignedCredit,user.id,user.accountId\n" + "".join(
    f"r{n},CREDIT,POINT,10,u{n},acme\n" for n in range(20)
)


def rows(value):
    """Return a file of its own for each value: the same rows again would be a DUPLICATE_FILE."""
    return "accountId,userId,unit,valueToRedeem\n" + "".join(f"acme,u{n},POINT,{value}\n" for n in range(20))


@pytest.fixture(scope="module", autouse=True)
def _loaded(service):
    service.upload("rewards/rewards.csv", REWARDS)
    queues, dead = ("RedemptionQueue", "ExportQueue"), ("DeadLetterQueue", "ExportDeadLetterQueue")
    service.local.hasten_redelivery(queues=(*queues, *dead))
    deliver_at_most(service, 2)  # each delivery of a broken function starts a worker anew
    # However slow this machine is, a message that is visible again must not meet many workers: one that finds
    # a chunk's lease taken requeues the message for a minute.
    client = service.local.aws.client("lambda")
    for function in ("RedeemFunction", "ReportFunction"):
        client.put_function_concurrency(
            FunctionName=service.local.resources[function], ReservedConcurrentExecutions=1
        )
    for source in client.list_event_source_mappings()["EventSourceMappings"]:
        if "DeadLetterQueue" in source["EventSourceArn"]:
            client.update_event_source_mapping(UUID=source["UUID"], ScalingConfig={"MaximumConcurrency": 2})


def deliver_at_most(service, times):
    """After so many deliveries a chunk is a dead letter."""
    sqs, queue = service.local.aws.client("sqs"), service.local.resources["RedemptionQueue"]
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])["Attributes"]
    policy = {**json.loads(found["RedrivePolicy"]), "maxReceiveCount": times}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": json.dumps(policy)})


@pytest.fixture
def broken(service):
    """Denies a function an action; what it returns allows it again, as does the end of the test.

    The function's processes go on: one that is stopped in its work would keep its lease for minutes.
    """
    client, iam = service.local.aws.client("lambda"), service.local.aws.client("iam")
    denied = {}

    def allow(role):
        if denied.pop(role, None):
            iam.delete_role_policy(RoleName=role, PolicyName="Broken")

    def break_it(function, action):
        name = service.local.resources[function]
        role = client.get_function_configuration(FunctionName=name)["Role"].split("/")[-1]
        denied[role] = True
        statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=role, PolicyName="Broken", PolicyDocument=document)
        return lambda: allow(role)

    yield break_it
    for role in list(denied):
        allow(role)


@pytest.fixture
def dead_letter(service):
    """Uploads what nobody can redeem; its import, and how to take its chunk's body from the dead letters."""
    sqs, queue = service.local.aws.client("sqs"), service.local.resources["DeadLetterQueue"]

    def upload(name, body):
        known = {each["id"] for each in service.imports()}
        service.s3.put_object(
            Bucket=service.local.upload_bucket, Key=f"redemptions/{name}", Body=body.encode()
        )
        (new,) = service.wait(lambda: [each["id"] for each in service.imports() if each["id"] not in known])

        def found():
            found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0)
            return next((each for each in found.get("Messages", []) if new in each["Body"]), None)

        def take():
            """Take it off the queue in one step: a receipt is good until its message is visible again."""
            given = {"QueueUrl": queue, "MaxNumberOfMessages": 10, "VisibilityTimeout": 600}
            mine = None
            for each in sqs.receive_message(**given).get("Messages", []):
                handle = {"QueueUrl": queue, "ReceiptHandle": each["ReceiptHandle"]}
                if new in each["Body"]:
                    sqs.delete_message(**handle)
                    mine = each["Body"]
                else:
                    sqs.change_message_visibility(**handle, VisibilityTimeout=0)
            return mine

        service.wait(found)
        return new, lambda: service.wait(take)

    return upload


def test_a_chunk_that_fails_for_good_ends_as_not_processed(service, broken):
    broken("RedeemFunction", "dynamodb:BatchGetItem")
    record = service.upload("redemptions/a.csv", rows(1))
    assert record["status"] == "COMPLETED"
    assert record["stats"]["outcomes"] == {"NOT_PROCESSED": 20}
    mail = service.mail_about(record["id"])
    assert "NOT_PROCESSED" in mail.text
    failed = service.csv_behind(links(mail)[1])
    assert list(failed["userId"]) == [f"u{n}" for n in range(20)]


def test_rows_that_were_redeemed_before_the_chunk_died_say_so(service, broken):
    broken("RedeemFunction", "s3:PutObject")
    record = service.upload("redemptions/b.csv", rows(4))
    assert record["stats"]["outcomes"] == {"REDEEMED": 20}
    assert record["stats"]["redeemed"] == {"POINT": 80}


def test_a_validation_that_fails_for_good_aborts_the_import(service, broken):
    broken("ValidateFunction", "s3:PutObject")
    record = service.upload("redemptions/c.csv", rows(5) + "acme,u1,POINT,wrong\n")
    assert (record["status"], record["error"]["code"]) == ("ABORTED", "VALIDATION_FAILED")
    assert "nothing was changed" in service.mail_about(record["id"]).text.lower()


def test_a_report_that_fails_for_good_is_aborted_and_tells_the_person(service, broken):
    broken("ReportFunction", "dynamodb:Scan")
    order = {"type": "REDEEMABLE_REWARD_BALANCE", "name": "Broken one"}
    export_id = service.call("POST", "/export", order).json["id"]
    record = service.wait(lambda: service.ended(f"/export/{export_id}"))
    assert (record["status"], record["error"]["code"]) == ("ABORTED", "EXPORT_FAILED")
    assert service.call("GET", f"/export/{export_id}/download").status == 409
    assert service.mail_about("Broken one").subject == "Report failed: Broken one"


def test_a_dead_letter_that_nobody_could_handle_is_redeemed_once_it_is_moved_back(
    service, broken, dead_letter
):
    """What start-message-move-task does on AWS, which the local stack does not know."""
    repair_redeem = broken("RedeemFunction", "dynamodb:BatchGetItem")
    broken("FinishFunction", "dynamodb:BatchGetItem")  # which it needs for dead letters only
    import_id, take = dead_letter("d.csv", rows(3))
    repair_redeem()
    sqs, queues = service.local.aws.client("sqs"), service.local.resources
    sqs.send_message(QueueUrl=queues["RedemptionQueue"], MessageBody=take())
    record = service.wait(lambda: service.ended(f"/import/{import_id}"))
    assert (record["status"], record["stats"]["redeemed"]) == ("COMPLETED", {"POINT": 60})


def test_a_dead_letter_that_nobody_could_handle_ends_its_import_by_itself_once_that_is_fixed(
    service, broken, dead_letter
):
    broken("RedeemFunction", "dynamodb:BatchGetItem")
    repair_finish = broken("FinishFunction", "dynamodb:BatchGetItem")
    import_id, _ = dead_letter("e.csv", rows(2))
    repair_finish()
    record = service.wait(lambda: service.ended(f"/import/{import_id}"))
    assert record["stats"]["outcomes"] == {"NOT_PROCESSED": 20}
