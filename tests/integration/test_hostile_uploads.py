"""Uploads by somebody who means harm."""

import pytest

from tests.builders.files import row, sheet
from tests.builders.row_ids import make_row_id


@pytest.fixture(autouse=True)
def _loaded(world):
    world.load([{"id": "r1", "assignedCredit": 100}])


@pytest.mark.parametrize(
    "name",
    ["../../exports/x/report.csv", "..%2f..%2fa.csv", "a//b/.csv", "x'; DROP.csv", '"\r\nBcc: a@b.c.csv'],
)
def test_a_key_that_climbs_or_breaks_out_only_names_a_file(world, name):
    """What an import writes is called by its id, never by what the upload is called."""
    record = world.upload(f"redemptions/{name}", sheet([row("1")]))
    assert record["outcomes"] == {"REDEEMED": 1}
    listed = world.s3.list_objects_v2(Bucket=world.names["files"])["Contents"]
    assert {each["Key"].split("/")[0] for each in listed} == {"evidence", "imports"}
    assert f"imports/{record['id']}/results.csv" in {each["Key"] for each in listed}
    assert not any(mark in world.mailer.sent[-1][1].subject for mark in "\r\n")


def test_metadata_as_large_as_it_may_be_is_cut_and_does_no_harm(world):
    """S3 takes 2 KB."""
    record = world.upload("redemptions/a.csv", sheet([row("1")]), name="<b>" + "x" * 1000, email="y" * 900)
    assert len(record["name"]) == 200
    to, email = world.mailer.sent[-1]
    assert to == "ops@example.com"
    assert "<b>x" not in email.html
    assert record["outcomes"] == {"REDEEMED": 1}


def test_a_row_id_made_for_somebody_else_redeems_nothing(world):
    """Its form is public, so anybody can make one: it is worth something only with its own row."""
    forged = make_row_id("0" * 16, "acme", "eve", "POINT", None)
    record = world.upload("redemptions/a.csv", sheet([row("1", rowId=forged)]))
    assert "REDEEMED" not in record["outcomes"]
    assert world.available() == 100
