"""Messages of both versions, as they were recorded: messages/version-1.jsonl was written by version 0.1."""

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from rewards.adapters import queue_messages
from rewards.domain.balance import RedemptionRequest
from rewards.domain.messages import (
    CreateOverview,
    CreateReport,
    FailedInvocation,
    FinishImport,
    JoinGroup,
    LoadChunk,
    Message,
    RedeemChunk,
    ReportMisplaced,
    ReverseChunk,
    ReverseChunks,
    SendChunks,
    chunks_in,
)
from rewards.domain.outcomes import WarningCode
from rewards.domain.redemption import Reward
from rewards.domain.reward_rows import Grant

RECORDED = Path(__file__).parent / "messages"
IMPORT, OTHER = "06gzzygne305z49h", "06gzzyh8z2rwba0t"
ROW_ID = "R06GZZYGM7A5NFFGF0123456789ABC"
CHLOE = RedemptionRequest(2, "acme", "chloé@example.com", "CASH/USD", 1055)
BOB = RedemptionRequest(3, "acme", "bob", "POINT", 7, "refer-a-friend")
REPAIRED = RedemptionRequest(
    5,
    "acme",
    "dan",
    "CENTS",
    1,
    row_id=ROW_ID,
    note="The ids were repaired.",
    warnings=(WarningCode.REPAIRED,),
)
GRANTS = (
    Grant(2, "acme", "bob", "POINT", Reward(0, "r1", 100, 100, 1795300000000)),
    Grant(
        3,
        "acme",
        "zoë",
        "CASH/USD",
        Reward(
            *(0, "r2", 500, 200, 1795300000000, 1795400000000, 1795310000000, 1795320000000),
            program_id="refer-a-friend",
        ),
        "Gift",
        "MANUAL",
        {"email": "zoe@example.com", "dateBlocked": ""},
    ),
)
PREVIEW = (RedemptionRequest(2, "acme", "bob", "POINT", 7),)
VERSION_2 = [
    RedeemChunk(
        IMPORT,
        1,
        False,
        (
            CHLOE,
            replace(BOB, row_id=ROW_ID),
            RedemptionRequest(4, "0042", "ann", "CENTS", 10**30),
            REPAIRED,
            RedemptionRequest(6, "acme", "eve", "CENTS", 2, reference="INV-7"),
            RedemptionRequest(7, "acme", "fay", "CENTS", 3, prior=(OTHER, 9)),
        ),
    ),
    RedeemChunk(OTHER, 1, True, PREVIEW),
    LoadChunk(IMPORT, 1, GRANTS),
    ReverseChunks(OTHER, IMPORT, 1, 2),
    FinishImport(IMPORT),
    SendChunks(IMPORT),
    ReportMisplaced("uploads", "payout Zoë.csv", "v1"),
    CreateReport(OTHER),
    CreateOverview(),
    JoinGroup(IMPORT, 2),
]
VERSION_1 = [
    RedeemChunk(
        IMPORT,
        1,
        False,
        (CHLOE, replace(BOB, row_id=ROW_ID + "DE"), replace(REPAIRED, line=4, row_id=ROW_ID + "DE")),
    ),
    *VERSION_2[1:4],
    FinishImport(IMPORT),
    CreateReport(OTHER),
    CreateOverview(),
]


def recorded(version):
    return (RECORDED / f"version-{version}.jsonl").read_text().splitlines()


@pytest.mark.parametrize(("body", "message"), [*zip(recorded(2), VERSION_2, strict=True)])
def test_reads_and_writes_every_message_as_it_was_recorded(body, message):
    assert queue_messages.decode(body) == message
    assert queue_messages.encode(message) == body


@pytest.mark.parametrize(("body", "message"), [*zip(recorded(1), VERSION_1, strict=True)])
def test_reads_every_message_of_the_previous_version(body, message):
    assert queue_messages.decode(body) == replace(message, version=1)


def test_every_kind_of_message_is_recorded():
    assert {type(message) for message in VERSION_2} == set(get_args(Message))


@pytest.mark.parametrize("message", VERSION_2[:3])
def test_chunks_are_written_as_their_messages(message):
    rows = message.grants if isinstance(message, LoadChunk) else message.requests
    dry_run = isinstance(message, RedeemChunk) and message.dry_run
    assert list(queue_messages.chunk_bodies(message.import_id, dry_run, rows)) == [
        queue_messages.encode(message)
    ]


@pytest.mark.parametrize("message", VERSION_2[:3])
def test_the_number_of_a_chunk_is_found_without_its_rows(message):
    message = replace(message, number=1_234_567)
    assert queue_messages.chunk_number(queue_messages.encode(message)) == 1_234_567


@pytest.mark.parametrize(("chunks", "messages"), [(0, 0), (1, 1), (1_000, 1_000), (1_001, 501), (2_500, 834)])
def test_the_messages_of_a_reversal_name_each_chunk_once(chunks, messages):
    found = list(queue_messages.reversal_messages(OTHER, IMPORT, chunks))
    assert len(found) == messages
    assert [chunk for message in found for chunk in chunks_in(message)] == [
        ReverseChunk(OTHER, number, IMPORT) for number in range(1, chunks + 1)
    ]


def test_reads_what_lambda_sends_of_an_event_that_failed():
    event = {"Records": []}
    assert queue_messages.decode(json.dumps({"version": "1.0", "requestPayload": event})) == FailedInvocation(
        event
    )


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '"text"',
        '{"version": 3, "kind": "finish", "importId": "x"}',
        '{"version": 2, "kind": "other", "importId": "x"}',
        '{"version": 2, "kind": "finish"}',
        '{"version": 2, "kind": "redeem", "importId": "x", "chunk": 1, "dryRun": false, "rows": [[1]]}',
    ],
)
def test_rejects_what_is_no_message(body):
    with pytest.raises(ValueError, match=r"message|Expecting"):
        queue_messages.decode(body)


@pytest.mark.parametrize("body", [recorded(2)[4], recorded(2)[7]])
def test_the_redemption_queue_takes_chunks_only(body):
    with pytest.raises(ValueError, match="not a chunk"):
        queue_messages.decode_chunks(body)
