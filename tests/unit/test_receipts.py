"""Receipts: their text, their chain, and the digests of files."""

import hashlib
import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.domain import receipt as receipts
from rewards.domain.import_job import ImportStatus, ImportType, Seal, new_import
from rewards.domain.job_error import JobError, JobFailure
from rewards.domain.receipt import (
    BlockDigest,
    Issuer,
    PartsDigest,
    Receipt,
    digest_of_parts,
    has_receipt,
    next_receipt,
    read_receipt,
)

NOW, DAY = 1_795_300_000_000, 86_400_000
ISSUER = Issuer("rewards-prod", "acme", 400)
PARTS = PartsDigest(2, "ab" * 32)
MEBIBYTE = 1 << 20


def sha256(body):
    return hashlib.sha256(body).hexdigest()


def job(**changes):
    made = new_import("06gzzx7rv0b59snh", ImportType.REDEMPTIONS, False, "Zoë's payout", "a.csv", NOW)
    ended = {"status": ImportStatus.COMPLETED, "date_completed": NOW + 5, "outcomes": {"REDEEMED": 2}}
    return replace(made, **{**ended, **changes})


def chain(count, **changes):
    """So many receipts, each a minute after the one before it."""
    made: list[Receipt] = []
    for number in range(count):
        ended = job(date_completed=NOW + number * 60_000, **changes)
        made.append(next_receipt(ended, PARTS, made[-1].head if made else None, ISSUER))
    return made


@given(st.binary(max_size=200), st.integers(1, 60), st.lists(st.integers(1, 70)), st.integers(1, 20))
def test_a_block_digest_is_that_of_the_blocks_digests_however_the_bytes_come(body, block, cuts, step):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(receipts, "_BLOCK", block)
        digest = BlockDigest()
        rest = body
        for cut in cuts:
            digest.update(rest[:cut])
            digest.hexdigest()  # changes nothing
            rest = rest[cut:]
        while rest:
            digest.update(rest[:step])
            rest = rest[step:]
        found = digest.hexdigest()
    blocks = [body[start : start + block] for start in range(0, len(body), block)]
    assert found == sha256(b"".join(hashlib.sha256(each).digest() for each in blocks))
    assert digest.size == len(body)


def test_a_block_has_8_mebibytes():
    body = bytes(9 * MEBIBYTE)
    digest = BlockDigest()
    digest.update(body)
    first, second = body[: 8 * MEBIBYTE], body[8 * MEBIBYTE :]
    assert digest.hexdigest() == sha256(hashlib.sha256(first).digest() + hashlib.sha256(second).digest())


def test_the_digest_of_parts_depends_on_their_order():
    one, other = sha256(b"1"), sha256(b"2")
    assert digest_of_parts([one, other]) == PartsDigest(2, sha256(bytes.fromhex(one + other)))
    assert digest_of_parts([other, one]) != digest_of_parts([one, other])
    assert digest_of_parts([]) == PartsDigest(0, sha256(b""))


def test_there_is_no_digest_of_parts_if_a_version_before_computed_none():
    assert digest_of_parts(["ab" * 32, None]) == PartsDigest(2, None)


@pytest.mark.parametrize("outcome", ["REDEEMED", "LOADED", "REVERSED"])
def test_an_import_that_changed_a_row_has_a_receipt(outcome):
    assert has_receipt(job(outcomes={outcome: 1, "INVALID_VALUE": 9}))
    assert has_receipt(job(outcomes={outcome: 1}, status=ImportStatus.CANCELLED))
    assert has_receipt(job(outcomes={outcome: 1}, error=JobFailure(JobError.RESULTS_FAILED, "")))
    assert not has_receipt(job(outcomes={outcome: 0}))


def test_an_import_that_changed_nothing_has_no_receipt():
    assert not has_receipt(job(outcomes={"UNCHANGED": 1, "ALREADY_REDEEMED": 1, "CANCELLED": 1}))
    assert not has_receipt(job(dry_run=True)), "what a preview would redeem is not redeemed"


def test_a_receipt_says_what_the_import_did():
    ended = job(
        status=ImportStatus.CANCELLED,
        error=JobFailure(JobError.RESULTS_FAILED, "No disk."),
        requester="ann@example.com",
        started_from="06gzzx7rv0b59sng",
        bucket="uploads",
        key="redemptions/a.csv",
        version_id="v1",
        size=3,
        upload_digest="cd" * 32,
        seal=Seal("a1", "ef" * 32),
        rows=5,
        requested={"POINT": 12},
        redeemed={"POINT": 10},
        rejected={"POINT": 2},
    )
    made = next_receipt(ended, PARTS, None, ISSUER)
    assert json.loads(made.text) == {
        "version": 1,
        "kind": "IMPORT",
        "sequence": 1,
        "previous": None,
        "keptUntil": NOW + 5 + 400 * DAY,
        "stack": "rewards-prod",
        "tenant": "acme",
        "importId": ended.id,
        "type": "REDEEMABLE_REWARD_BALANCE",
        "name": "Zoë's payout",
        "fileName": "a.csv",
        "status": "CANCELLED",
        "error": "RESULTS_FAILED",
        "requester": "ann@example.com",
        "approver": None,
        "payout": None,
        "reverses": None,
        "startedFrom": "06gzzx7rv0b59sng",
        "dateCreated": NOW,
        "dateCompleted": NOW + 5,
        "rows": 5,
        "outcomes": {"REDEEMED": 2},
        "requested": {"POINT": 12},
        "redeemed": {"POINT": 10},
        "rejected": {"POINT": 2},
        "upload": {
            "bucket": "uploads",
            "key": "redemptions/a.csv",
            "versionId": "v1",
            "size": 3,
            "digest": "cd" * 32,
        },
        "parts": {"count": 2, "digest": "ab" * 32},
        "seal": {"attempt": "a1", "manifest": "ef" * 32},
    }
    assert made.digest == sha256(made.text.encode())
    assert made.ref.digest == made.digest


def test_the_text_of_a_receipt_is_canonical():
    one = next_receipt(job(outcomes={"REDEEMED": 1, "NO_BALANCE": 2}), PARTS, None, ISSUER)
    other = next_receipt(job(outcomes={"NO_BALANCE": 2, "REDEEMED": 1}), PARTS, None, ISSUER)
    assert one == other
    assert "Zoë" in one.text
    assert one.text == receipts.canonical(json.loads(one.text))


def test_what_an_import_of_an_earlier_version_does_not_know_is_null():
    said = json.loads(next_receipt(job(rejected=None), PartsDigest(1, None), None, ISSUER).text)
    assert (said["upload"]["digest"], said["parts"], said["seal"], said["rejected"]) == (
        None,
        {"count": 1, "digest": None},
        None,
        None,
    )


def test_each_receipt_names_the_digest_of_the_one_before_it():
    made = chain(4)
    assert [each.sequence for each in made] == [1, 2, 3, 4]
    for before, after in pairwise(made):
        assert json.loads(after.text)["previous"] == {"digest": before.digest, "keptUntil": before.kept_until}


def test_a_receipt_is_kept_as_long_as_the_one_before_it_at_least():
    """Otherwise a change of EvidenceDays would leave a gap in the chain."""
    first = next_receipt(job(), PARTS, None, ISSUER)
    second = next_receipt(job(), PARTS, first.head, replace(ISSUER, days=90))
    assert first.kept_until == second.kept_until == NOW + 5 + 400 * DAY
    third = next_receipt(job(date_completed=NOW + 350 * DAY), PARTS, second.head, replace(ISSUER, days=90))
    assert third.kept_until == NOW + 440 * DAY


def test_a_receipt_is_read_from_its_text():
    (made,) = chain(1)
    assert read_receipt(made.text) == made


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"sequence": 1}'])
def test_other_texts_are_no_receipts(text):
    with pytest.raises(ValueError, match="not a receipt"):
        read_receipt(text)
