"""A large file finishes in groups of rows; here a few rows are large enough."""

import pytest

from rewards.adapters import queue_messages, sealing
from rewards.domain import ids, result_groups
from rewards.domain.messages import FinishImport
from rewards.flows import check_rows, join_results
from rewards.tabular import csv_blocks, csv_reader
from tests.builders.files import row, sheet
from tests.builders.row_ids import make_row_id
from tests.integration.world import quick

USERS = 150


@pytest.fixture(autouse=True)
def small_limits(monkeypatch):
    for module in (check_rows, join_results):
        monkeypatch.setattr(module, "FIRST_ROWS", 1)
    monkeypatch.setattr(csv_reader, "HEAD_LINES", 1)
    monkeypatch.setattr(csv_blocks, "BLOCK", 300)
    monkeypatch.setattr(queue_messages, "MAX_ROWS", 7)
    monkeypatch.setattr(sealing, "_PART_ROWS", 3)
    monkeypatch.setattr(result_groups, "GROUP_ROWS", 20)


@pytest.fixture
def loaded(world):
    world.load([{"id": f"r{n}", "user.id": f"u{n}", "assignedCredit": 100} for n in range(USERS)])
    return world


def large_file(world):
    """Rows of a report, some of them rejected, without a balance, blank or with quotes."""
    export_id = ids.new_id(world.now())
    rows = [
        row(
            "x" if n % 13 == 5 else "0" if n % 11 == 3 else "30",
            user=f"u{n}" if n % 9 else f"nobody{n}",
            rowId=make_row_id(export_id, "acme", f"u{n}" if n % 9 else f"nobody{n}", "POINT"),
            programId="",
            note='said "no",\nZoë' if n % 17 == 2 else "",
        )
        for n in range(USERS)
    ]
    lines = sheet(rows).splitlines(keepends=True)
    return "".join(line + (",,,,,,\r\n" if n % 40 == 39 else "") for n, line in enumerate(lines))


def files_of(world, record, *, whole=""):
    """What an import left, as if it had the id of the import `whole`."""
    texts = [
        world.bytes(f"imports/{record['id']}/{name}")
        for name in ("results.csv", "failed.csv", "examples.json")
    ]
    return [text.replace(record["id"].encode(), (whole or record["id"]).encode()) for text in texts]


def test_a_file_in_groups_ends_as_it_does_in_one(loaded, monkeypatch):
    body = large_file(loaded)
    grouped = loaded.upload("preview/a.csv", body)
    assert len(loaded.keys(f"imports/{grouped['id']}/groups/")) == 3 * len(grouped["joined"]) > 12
    monkeypatch.setattr(result_groups, "GROUP_ROWS", 1_000)
    whole = loaded.upload("preview/b.csv", body)
    assert loaded.keys(f"imports/{whole['id']}/groups/") == []
    assert grouped["status"] == whole["status"] == "COMPLETED"
    assert grouped["outcomes"] == whole["outcomes"]
    assert grouped["outcomes"].keys() == {"REDEEMED", "INVALID_VALUE", "UNCHANGED", "NO_BALANCE"}
    assert files_of(loaded, grouped, whole=whole["id"]) == files_of(loaded, whole)


def test_an_import_in_groups_is_reversed_in_groups(loaded):
    loaded.mailer.sent.clear()
    done = loaded.upload("redemptions/a.csv", large_file(loaded))
    assert (done["status"], len(loaded.mailer.sent)) == ("COMPLETED", 1)
    reversal = loaded.reversals.create(loaded.import_jobs.get(done["id"]), "ops", "ops@example.com", quick())
    loaded.run()
    reversal = loaded.record(reversal.id)
    assert reversal["joined"] == done["joined"]
    assert reversal["outcomes"]["REVERSED"] == done["outcomes"]["REDEEMED"] > 100
    results = loaded.results(reversal)
    assert [each["line"] for each in results] == [each["line"] for each in loaded.results(done)]
    assert loaded.balance(user="u1").available(loaded.now()) == 100


def waiting(world, body):
    """An import whose chunks are counted, and the messages of its groups."""
    import_id = world.validate(world.put("redemptions/a.csv", body))
    while not world.record(import_id).get("chunks") or (
        world.record(import_id)["chunksDone"] < world.record(import_id)["chunks"]
    ):
        for name in ("finish", "redeem"):
            for message in world.take(name):
                world.deliver(name, message)
    (finish,) = world.take("finish")
    world.mailer.sent.clear()
    world.deliver("finish", finish)
    return import_id, world.take("finish")


def test_messages_may_come_twice_in_any_order(loaded):
    import_id, groups = waiting(loaded, large_file(loaded))
    for message in [*reversed(groups), *groups[:2]]:
        loaded.deliver("finish", message)
    loaded.deliver("finish", queue_messages.encode(FinishImport(import_id)))
    loaded.run()
    record = loaded.record(import_id)
    assert (record["status"], record["results"]) == ("COMPLETED", True)
    assert len(loaded.mailer.sent) == 1
    before = files_of(loaded, record)
    loaded.deliver("finish", groups[0])
    loaded.run()
    assert files_of(loaded, record) == before
    assert len(loaded.mailer.sent) == 1


def test_groups_whose_messages_are_lost_are_joined_when_the_import_is_resumed(loaded):
    import_id, groups = waiting(loaded, large_file(loaded))
    loaded.deliver("finish", groups[0])
    loaded.now.ahead += 3_600_000
    assert loaded.import_jobs.get(import_id).stall_at(loaded.now()) is not None
    loaded.imports.resume(import_id)
    (finish,) = loaded.take("finish")
    loaded.deliver("finish", finish)
    again = loaded.take("finish")
    assert len(again) == len(groups) - 1
    for message in again:
        loaded.deliver("finish", message)
    loaded.run()
    assert loaded.record(import_id)["status"] == "COMPLETED"


def test_a_group_that_cannot_be_joined_ends_its_import_without_results(loaded):
    import_id, groups = waiting(loaded, large_file(loaded))
    lost = loaded.keys(f"evidence/{import_id}/parts/")[3]
    part = loaded.bytes(lost)
    loaded.s3.delete_object(Bucket=loaded.names["files"], Key=lost)
    for message in groups:
        try:
            loaded.deliver("finish", message)
        except FileNotFoundError:
            loaded.dead_letters.handle(message, quick())
    record = loaded.record(import_id)
    assert record["error"]["code"] == "RESULTS_FAILED"
    assert record["outcomes"]["REDEEMED"] > 100
    loaded.s3.put_object(Bucket=loaded.names["files"], Key=lost, Body=part)
    loaded.deliver("finish", queue_messages.encode(FinishImport(import_id)))
    loaded.run()
    record = loaded.record(import_id)
    assert (record["error"], record["results"]) == (None, True)


def test_groups_whose_files_are_lost_are_joined_again(loaded):
    import_id, groups = waiting(loaded, large_file(loaded))
    for message in groups:
        loaded.deliver("finish", message)
    lost = f"imports/{import_id}/groups/000002/results.csv"
    loaded.s3.delete_object(Bucket=loaded.names["files"], Key=lost)
    (finish,) = loaded.take("finish")
    with pytest.raises(FileNotFoundError):
        loaded.deliver("finish", finish)
    loaded.deliver("finish", finish)
    assert len(loaded.keys(f"imports/{import_id}/results")) == 0
    loaded.run()
    assert loaded.record(import_id)["status"] == "COMPLETED"
    assert len(loaded.results(loaded.record(import_id))) == USERS


def test_groups_of_an_import_whose_upload_is_gone_are_left(loaded):
    import_id, groups = waiting(loaded, large_file(loaded))
    loaded.finisher.fail(import_id)
    job = loaded.import_jobs.get(import_id)
    loaded.s3.delete_object(Bucket=job.bucket, Key=job.key, VersionId=job.version_id)
    loaded.deliver("finish", groups[0])
    assert loaded.record(import_id)["error"]["code"] == "RESULTS_FAILED"


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_a_file_that_is_not_utf_8_is_finished_in_one(loaded, encoding):
    record = loaded.upload("preview/a.csv", large_file(loaded).encode(encoding))
    assert record["status"] == "COMPLETED"
    assert "joined" not in record
