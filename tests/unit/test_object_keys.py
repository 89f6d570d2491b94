"""The keys of S3 objects."""

import pytest

from rewards.domain import object_keys
from rewards.flows.imports import UPLOADS

ID = "06gzzygm7a5nffgf"


def test_every_folder_of_uploads_has_a_meaning():
    assert UPLOADS.keys() == set(object_keys.UPLOAD_FOLDERS)


@pytest.mark.parametrize("folder", object_keys.UPLOAD_FOLDERS)
def test_parses_the_key_that_a_form_gets(folder):
    key = object_keys.upload_key(folder, ID, "payout ${filename}.csv")
    assert key == f"{folder}{ID}/payout _{{filename}}.csv"
    assert object_keys.upload_folder(key) == folder
    assert object_keys.import_of_upload(key) == ID
    assert object_keys.file_name_in(key) == "payout _{filename}.csv"


@pytest.mark.parametrize("key", ["payout.csv", "redemption/a.csv", "xredemptions/a.csv", "/rewards/a.csv"])
def test_a_key_outside_the_folders_has_none(key):
    assert object_keys.upload_folder(key) is None


@pytest.mark.parametrize("key", ["redemptions/a.csv", "redemptions/no-id/a.csv", f"redemptions/x/{ID}/a.csv"])
def test_a_key_that_no_form_made_names_no_import(key):
    assert object_keys.import_of_upload(key) is None


def test_the_last_part_of_a_folder_is_blank():
    assert object_keys.file_name_in("redemptions/") == ""


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (object_keys.report_key(ID, "CSV"), f"exports/{ID}/available-reward-balances-by-user.csv"),
        (
            object_keys.report_key(ID, "XLSX", "USER_REWARD_BALANCE"),
            f"exports/{ID}/reward-balances-by-user.xlsx",
        ),
        (object_keys.import_key(ID, object_keys.RESULTS), f"imports/{ID}/results.csv"),
        (object_keys.import_key(ID, object_keys.FAILED), f"imports/{ID}/failed.csv"),
        (object_keys.import_key(ID, object_keys.EXAMPLES), f"imports/{ID}/examples.json"),
        (
            object_keys.part_key(ID, object_keys.part_name("chunk", 7, "a1")),
            f"evidence/{ID}/parts/chunk-000007-a1.jsonl",
        ),
        (
            object_keys.part_key(ID, object_keys.part_name("checked", 7)),
            f"evidence/{ID}/parts/checked-000007.jsonl",
        ),
        (
            object_keys.old_part_key(ID, object_keys.part_name("chunk", 7)),
            f"imports/{ID}/parts/chunk-000007.jsonl",
        ),
        (object_keys.sealed_chunks_key(ID, "a1", 2), f"evidence/{ID}/sealed/a1/chunks-000002.jsonl.gz"),
        (object_keys.sealed_results_key(ID, "a1", 2), f"evidence/{ID}/sealed/a1/checked-000002.jsonl"),
        (object_keys.sealed_manifest_key(ID, "a1"), f"evidence/{ID}/sealed/a1/manifest.json"),
        (object_keys.receipt_key(ID), f"evidence/{ID}/receipt.json"),
    ],
)
def test_keys_that_are_stored_do_not_change(key, expected):
    assert key == expected


def test_tells_files_of_imports_from_reports():
    assert object_keys.is_of_import(object_keys.import_key(ID, object_keys.RESULTS))
    assert not object_keys.is_of_import(object_keys.report_key(ID, "CSV"))


@pytest.mark.parametrize("group", ["chunk", "so-far"])
@pytest.mark.parametrize("attempt", ["", "a1"])
def test_the_key_of_a_chunks_results_names_import_and_chunk(group, attempt):
    for key in (object_keys.part_key, object_keys.old_part_key):
        part = key(ID, object_keys.part_name(group, 1_234_567, attempt))
        assert object_keys.parse_part_key(part) == (ID, 1_234_567)


@pytest.mark.parametrize(
    "key",
    [
        object_keys.part_key(ID, object_keys.part_name("checked", 1)),
        object_keys.sealed_chunks_key(ID, "a1", 1),
        object_keys.import_key(ID, object_keys.RESULTS),
    ],
)
def test_other_keys_are_not_those_of_a_chunks_results(key):
    assert object_keys.parse_part_key(key) is None
