"""The drill: the tables are lost, and a second stack takes over what was restored.

The restored tables are of slightly different moments, and have none of the settings of the lost ones. What
was redeemed after these moments is applied again from the result parts. The first stack's own tables, which
were not really lost, show what the result has to be.
"""

import json

import pytest

from infra.check_tables.__main__ import check
from infra.check_tables.findings import Finding, State
from infra.local import stack
from infra.verify.__main__ import verify
from tests.e2e.conftest import Service

TABLES = ("AccountsTable", "RewardsTable", "JobsTable")
REWARDS = "id,type,unit,assignedCredit,user.id,user.accountId\n"
USERS = 40  # of whom half get a second reward


@pytest.fixture(scope="module")
def first():
    with stack.start() as local:
        yield Service(local)


def load(service, name, users):
    rows = "".join(f"{name}{n},CREDIT,CASH/USD,1000,u{n},acme\n" for n in users)
    assert service.upload(f"rewards/{name}.csv", REWARDS + rows)["stats"]["outcomes"] == {
        "LOADED": len(users)
    }


def report(service):
    """A report as a sheet to fill in."""
    made = service.call("POST", "/export", {"type": "REDEEMABLE_REWARD_BALANCE", "format": "CSV"}).json
    service.wait(lambda: service.ended(f"/export/{made['id']}"))
    redirect = service.call("GET", f"/export/{made['id']}/download")
    return service.csv_behind(redirect.headers["Location"])


def redeem(service, name, sheet, value):
    """Redeem a value from every row; the file."""
    file = sheet.assign(valueToRedeem=value).to_csv(index=False)
    assert service.upload(f"redemptions/{name}.csv", file)["stats"]["outcomes"] == {"REDEEMED": len(sheet)}
    return file


def restored(service, table, name):
    """A copy of a table as it is now, as a restore to this second makes it: without any settings."""
    dynamodb = service.local.aws.client("dynamodb")
    dynamodb.restore_table_to_point_in_time(
        SourceTableName=service.local.outputs[table], TargetTableName=name, UseLatestRestorableTime=True
    )
    return name


def ledger(service):
    """All balances and history, without the times and versions of their writes."""
    pages = service.local.aws.client("dynamodb").get_paginator("scan")
    found = {}
    for page in pages.paginate(TableName=service.local.outputs["AccountsTable"]):
        for item in page["Items"]:
            redemptions = json.loads(item["redemptions"]["S"]) if "redemptions" in item else []
            found[item["pk"]["S"], item["sk"]["S"]] = (
                json.loads(item["rewards"]["S"]),
                [rest for _, *rest in redemptions],
            )
    return found


def client_of(service):
    return lambda which, *_: service.local.aws.client(which)


def checked(service, **options):
    """What check-tables says of a stack: how many findings of each state, and every line."""
    lines = list(check("second", client=client_of(service), **options))
    findings = [line for line in lines if isinstance(line, Finding)]
    print("\n".join(map(str, lines)))  # noqa: T201 - the transcript of the drill
    return {state: [each for each in findings if each.state is state] for state in State}


def test_the_stack_itself_adopts_restored_tables(first):
    """Afterwards it uses its own tables again, which were kept."""
    own = first.local.outputs
    names = {table: restored(first, table, f"{table}-adopted") for table in TABLES}
    adopting = stack.deploy(first.local.aws, parameters={f"{each}Name": name for each, name in names.items()})
    assert {table: adopting.outputs[table] for table in TABLES} == names
    assert adopting.outputs["ApiUrl"] == own["ApiUrl"]
    assert first.call("GET", "/import/history/list").status == 200
    kept = first.local.aws.client("dynamodb").list_tables()["TableNames"]
    assert {own[table] for table in TABLES} <= {*kept}
    stack.deploy(first.local.aws, parameters={f"{table}Name": own[table] for table in TABLES})


def test_a_second_stack_takes_over_restored_tables(first):
    load(first, "a", range(USERS))
    key = first.call("POST", "/keys", {"name": "payroll", "scopes": ["read"]}).json
    sheet = report(first)
    file = redeem(first, "one", sheet, "1.50")
    # A second rewards file is loaded while the tables are restored to three different moments.
    tables = {"AccountsTable": restored(first, "AccountsTable", "accounts-restored")}
    load(first, "b", range(USERS // 2))
    tables["RewardsTable"] = restored(first, "RewardsTable", "rewards-restored")
    tables["JobsTable"] = restored(first, "JobsTable", "jobs-restored")
    # What follows is lost by the restore: redemptions that need the second reward.
    load(first, "c", range(5))
    sheet = report(first)
    rich = sheet[sheet["userId"].isin([f"u{n}" for n in range(USERS // 2)])]
    late = redeem(first, "two", rich, "12.00")

    given = first.local.outputs
    secrets = first.local.aws.client("secretsmanager")
    local = stack.deploy(
        first.local.aws,
        parameters={
            **{f"{table}Name": name for table, name in tables.items()},
            "UploadBucketName": given["UploadBucket"],
            "FilesBucketName": given["FilesBucket"],
            "ExistingUserPoolId": given["UserPoolId"],
            "RowIdKeySecretArn": secrets.describe_secret(SecretId=given["RowIdKeySecret"])["ARN"],
            "ApiKeySecretArn": secrets.describe_secret(SecretId=given["ApiKeySecret"])["ARN"],
            "CreateSenderIdentity": "false",
        },
        name="second",
    )
    second = Service(local)
    assert {local.outputs[table] for table in TABLES} == {*tables.values()}
    assert not {*TABLES, "UploadBucket", "FilesBucket", "UserPool"} & local.resources.keys()
    # A reward that is claimed, but was not granted yet.
    assert second.call("GET", "/reward/b1").status == 404
    assert second.call("GET", "/reward/a1").status == 200
    assert ledger(second) != ledger(first)

    before = checked(second, repair=False, reapply=False)
    assert before[State.REPAIR]
    assert before[State.REAPPLY]
    assert any(each.subject == f"API key {key['id']}" for each in before[State.NOTE])
    assert not before[State.REPAIRED]
    done = checked(second, repair=True, reapply=True)
    assert not [*done[State.REPAIR], *done[State.REAPPLY], *done[State.DECIDE]]
    assert ledger(second) == ledger(first)
    assert any("receipt" in each.subject for each in done[State.REPAIRED])
    again = checked(second, repair=True, reapply=True)
    assert not [*again[State.REPAIRED], *again[State.DECIDE], *again[State.WRONG]]
    receipts = [line for line in verify("second", False, client_of(second)) if isinstance(line, Finding)]
    assert {each.state for each in receipts} == {State.NOTE}, "the records of imports are lost"

    # The second stack now gets the uploads, and users of the pool may use it.
    for name, known in (("one", file), ("two", late)):
        record = second.upload(f"redemptions/{name}-again.csv", known)
        assert record["stats"]["outcomes"] == {"ALREADY_REDEEMED": len(known.splitlines()) - 1}
    assert ledger(second) == ledger(first)
    assert second.call("GET", "/reward/b1").json["redeemedCredit"] == 350
    token = local.token("viewer")
    read = second.call("GET", "/import/history/list", key="", Authorization=f"Bearer {token}")
    assert read.status == 200
