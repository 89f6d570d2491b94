"""A file that is read in blocks becomes what it becomes row by row: chunks, results, totals, digests."""

import csv
import io
import os
import random
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rewards.adapters import queue_messages
from rewards.adapters.retry import Backoff
from rewards.domain import duplicate_index, report
from rewards.domain.import_job import ImportType, new_import
from rewards.domain.import_rows import RowChecker
from rewards.domain.outcomes import FileRejectedError
from rewards.flows import check_rows, validate_import
from rewards.tabular import csv_blocks, csv_reader
from tests.builders.row_ids import keys, make_row_id
from tests.property.ugly_files import EXPORTS, NOW, ugly_file

CORPUS = Path(__file__).parents[1] / "corpus/files"
MORE = int(os.environ.get("BLOCK_EXAMPLES", "0"))


class Bucket:
    """In place of Files and the jobs: an upload, what validation stores, and the reports of this stack."""

    def __init__(self, body, reports=()):
        self.body, self.reports, self.stored = body, dict(reports), {}

    def open_upload(self, *_, **__):
        return io.BufferedReader(io.BytesIO(self.body))

    def put(self, key, body):
        self.stored[key.rpartition("/")[2]] = body

    def delete(self, key):
        del self.stored[key.rpartition("/")[2]]

    def open_file(self, key):
        return io.BytesIO(self.reports[key.split("/")[1]])

    def get(self, identifier):
        job = new_import(identifier, ImportType.REDEMPTIONS, False, "", "a.csv", NOW)
        return job if identifier in EXPORTS else None

    def update(self, *_, **__):
        return True


class Exports:
    """In place of ExportJobs: all reports of this stack are kept."""

    def __init__(self, reports):
        self.reports = reports

    def get(self, identifier):
        return mock.Mock(is_kept=lambda now: True) if identifier in self.reports else None


def validated(body, reports, in_blocks, name="a.csv"):
    """What validation finds, and all that it stores; or why the file is rejected."""
    bucket = Bucket(body, reports)
    job = replace(new_import("06gz", ImportType.REDEMPTIONS, False, "", name, NOW), size=len(body))
    way = check_rows.Reading if in_blocks else lambda **_: check_rows.Reading(in_blocks=False)
    with mock.patch.object(validate_import, "Reading", way):
        validation = validate_import.Validation(
            bucket, Exports(bucket.reports), None, bucket, None, None, keys, lambda: NOW
        )
        try:
            found = validation._read(job, Backoff.for_seconds(600))
        except FileRejectedError as error:
            assert not bucket.stored, "a rejected file left something"
            return error.code, error.message
        found.attempt.close([])
    unidentified = found.row_set.any_unidentified
    return (
        found.encoding, found.separator, found.rows, found.chunks, found.chunked_rows, found.outcomes,
        found.totals, found.warnings, found.exports, unidentified and found.row_set.digest(), bucket.stored,
    )  # fmt: skip


def kept_report(known):
    """The report of these rows, as it is stored."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    names = ("accountId", "userId", "unit", "programId", "rowId")
    writer.writerow(names)
    writer.writerows([*map(str, whose[:3]), whose[3] or "", row_id] for row_id, whose in known.items())
    return text.getvalue().encode("utf-8-sig")


@settings(
    max_examples=MORE or 150, derandomize=not MORE, database=None, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(
    st.integers(0, 2**32), st.sampled_from([30, 60, 200]), st.sampled_from([1, 20]),
    st.sampled_from([50, 700, 3000]), st.sampled_from([3, 500]), st.sampled_from([1, 2000]),
    st.booleans(),
)  # fmt: skip
def test_a_file_becomes_in_blocks_what_it_becomes_row_by_row(
    seed, rows, first, block, chunk, repeated, is_kept
):
    body, known = ugly_file(random.Random(seed), make_row_id, rows)
    reports = {EXPORTS[0]: kept_report(known)} if is_kept else {}
    with (
        mock.patch.object(csv_reader, "HEAD_LINES", 1),
        mock.patch.object(check_rows, "FIRST_ROWS", first),
        mock.patch.object(csv_blocks, "BLOCK", block),
        mock.patch.object(csv_blocks, "_LONGEST", 5_000),
        mock.patch.object(queue_messages, "MAX_ROWS", chunk),
        mock.patch.object(duplicate_index, "_MAX_REPEATED", repeated),
    ):
        assert validated(body, reports, in_blocks=True) == validated(body, reports, in_blocks=False)


@pytest.mark.parametrize("path", sorted(CORPUS.iterdir()), ids=lambda path: path.name)
def test_a_real_life_file_becomes_in_blocks_what_it_becomes_row_by_row(path):
    with (
        mock.patch.object(csv_reader, "HEAD_LINES", 1),
        mock.patch.object(check_rows, "FIRST_ROWS", 1),
        mock.patch.object(csv_blocks, "BLOCK", 300),
    ):
        body, name = path.read_bytes(), path.name
        assert validated(body, {}, True, name) == validated(body, {}, False, name)


def report_of(rows):
    """A report as it is written, with a value to redeem in each row but every tenth."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(report.COLUMNS)
    for number in range(rows):
        whose = (f"acct-{number // 3}", f"user-{number}", "POINT" if number % 5 else "CASH/USD", None)
        row = dict(zip(("accountId", "userId", "unit", "programId"), whose, strict=True))
        row |= {
            "valueToRedeem": "0" if number % 10 == 3 else "7",
            "segments": "vip,eu" if number % 9 == 0 else "",
        }
        row |= {"rowId": make_row_id(EXPORTS[0], *whose)}
        writer.writerow([row.get(name) or "" for name in report.COLUMNS])
    return text.getvalue().encode("utf-8-sig")


@pytest.mark.parametrize("ends", [b"\r\n", b"\n"])
def test_the_rows_of_a_report_are_looked_at_by_column(ends, monkeypatch):
    body = report_of(3_000).replace(b"\r\n", ends)
    check, looked_at = RowChecker.check, []
    monkeypatch.setattr(RowChecker, "check", lambda *whose: looked_at.append(whose) or check(*whose))
    assert validated(body, {}, in_blocks=True)[2] == 3_000
    assert len(looked_at) == check_rows.FIRST_ROWS


def test_a_repeated_row_is_found_far_from_the_first():
    header, *rows = report_of(5_000).splitlines(keepends=True)
    body = b"".join([header, *rows, rows[1]])
    outcomes = validated(body, {}, in_blocks=True)[5]
    assert outcomes == {"UNCHANGED": 500, "DUPLICATE_ROW": 1}


def test_a_repeated_row_without_row_id_is_found_far_from_the_first():
    header, *rows = report_of(5_000).splitlines(keepends=True)
    row_id = rows[2_000].strip().rpartition(b",")[2]
    body = b"".join([header, *rows, rows[2_000].replace(row_id, b"")])
    outcomes = validated(body, {}, in_blocks=True)[5]
    assert outcomes == {"UNCHANGED": 500, "DUPLICATE_ROW": 1}


def test_the_digest_of_rows_counts_all_rows_as_soon_as_one_has_no_row_id():
    header, *rows = report_of(5_000).splitlines(keepends=True)
    without = rows[4_001].replace(rows[4_001].strip().rpartition(b",")[2], b"")
    one, other = (b"".join([header, *rows[: 4_001 - n], without]) for n in (0, 1))
    assert validated(one, {}, True)[9] == validated(one, {}, False)[9]
    assert validated(one, {}, True)[9] != validated(other, {}, True)[9]
