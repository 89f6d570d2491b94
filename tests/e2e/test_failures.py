"""What the deployed queues, dead letters and destinations do when a function fails for good."""

import pytest

from tests.e2e.conftest import links

REWARDS = "id,type,unit,assignedCredit,user.id,user.accountId\n" + "".join(
    f"r{n},CREDIT,POINT,10,u{n},acme\n" for n in range(20)
)
ROWS = "accountId,userId,unit,valueToRedeem\n" + "".join(f"acme,u{n},POINT,4\n" for n in range(20))


@pytest.fixture(scope="module", autouse=True)
def _loaded(service):
    service.local.hasten_redelivery()
    service.upload("rewards/rewards.csv", REWARDS)


@pytest.fixture
def broken(service):
    """Breaks a variable of a function, and mends it after the test."""
    client = service.local.aws.client("lambda")
    mended = []

    def set_variables(name, variables):
        client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})

    def break_it(function, variable):
        name = service.local.resources[function]
        real = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        mended.append((name, real))
        set_variables(name, {**real, variable: "nothing-of-this-name"})

    yield break_it
    for name, real in mended:
        set_variables(name, real)


def test_a_chunk_that_fails_for_good_ends_as_not_processed(service, broken):
    broken("RedeemFunction", "ACCOUNTS_TABLE")
    record = service.upload("redemptions/a.csv", ROWS)
    assert record["status"] == "COMPLETED"
    assert record["stats"]["outcomes"] == {"NOT_PROCESSED": 20}
    mail = service.mail_about(record["id"])
    assert "NOT_PROCESSED" in mail.text
    failed = service.csv_behind(links(mail)[1])
    assert list(failed["userId"]) == [f"u{n}" for n in range(20)]


def test_rows_that_were_redeemed_before_the_chunk_died_say_so(service, broken):
    broken("RedeemFunction", "FILES_BUCKET")
    record = service.upload("redemptions/b.csv", ROWS + "\n")
    assert record["stats"]["outcomes"] == {"REDEEMED": 20}
    assert record["stats"]["redeemed"] == {"POINT": 80}


def test_a_validation_that_fails_for_good_aborts_the_import(service, broken):
    broken("ValidateFunction", "FILES_BUCKET")
    record = service.upload("redemptions/c.csv", ROWS + "acme,u1,POINT,wrong\n")
    assert (record["status"], record["error"]["code"]) == ("ABORTED", "VALIDATION_FAILED")
    assert "nothing was changed" in service.mail_about(record["id"]).text.lower()


def test_a_report_that_fails_for_good_is_aborted_and_tells_the_person(service, broken):
    broken("ReportFunction", "ACCOUNTS_TABLE")
    order = {"type": "REDEEMABLE_REWARD_BALANCE", "name": "Broken one"}
    export_id = service.call("POST", "/export", order).json["id"]
    record = service.wait(lambda: service.ended(f"/export/{export_id}"))
    assert (record["status"], record["error"]["code"]) == ("ABORTED", "EXPORT_FAILED")
    assert service.call("GET", f"/export/{export_id}/download").status == 409
    assert service.mail_about("Broken one").subject == "Report failed: Broken one"
