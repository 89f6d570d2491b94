"""The filters of the import history."""

import pytest

from rewards.domain.import_filter import ImportFilter
from rewards.domain.import_job import ImportType, new_import
from tests.builders.moments import NOW

ID = "06gzzygm7a5nffgf"
JOB = new_import(ID, ImportType.REDEMPTIONS, False, "November payout", "Zoë's file.csv", NOW)


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (ImportFilter(), True),
        (ImportFilter(status="PENDING"), True),
        (ImportFilter(status="AWAITING_APPROVAL"), False),
        (ImportFilter(type="REDEEMABLE_REWARD_BALANCE"), True),
        (ImportFilter(type="REWARD"), False),
        (ImportFilter(status="PENDING", type="REWARD"), False),
        (ImportFilter(query="NOVEMBER"), True),
        (ImportFilter(query=" payout "), True),
        (ImportFilter(query="zoe\u0308"), True),
        (ImportFilter(query="ZOË"), True),
        (ImportFilter(query="s3"), True),
        (ImportFilter(query=ID[4:9].upper()), True),
        (ImportFilter(query="december"), False),
        (ImportFilter(query="november", status="COMPLETED"), False),
    ],
)
def test_an_import_fits_if_every_part_of_the_filter_does(wanted, fits):
    assert wanted.fits(JOB) is fits


@pytest.mark.parametrize(
    ("wanted", "reads"),
    [
        (ImportFilter(since=1, before=2), False),
        (ImportFilter(status="PENDING"), True),
        (ImportFilter(type="REWARD"), True),
        (ImportFilter(query="x"), True),
    ],
)
def test_records_are_read_only_if_the_ids_do_not_decide(wanted, reads):
    assert wanted.reads_records is reads
