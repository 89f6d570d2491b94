"""rowIds: their form, what they authenticate, and the keys that make them."""

import json
import re

import pytest

from rewards.domain import ids
from rewards.domain.row_ids import RowIdKeys, RowIdKeysError, export_of, report_time
from tests.builders.moments import DAY, NOW
from tests.builders.row_ids import KEY, make_row_id

EXPORT = ids.new_id(NOW)
BALANCE = ("acme", "ann", "POINT", "P")
OLD, NEW = "o" * 48, "n" * 48


def rotated(starts_at=NOW):
    keys = [{"key": NEW, "startsAt": starts_at}, {"key": OLD, "startsAt": 0}]
    return RowIdKeys.parse(json.dumps(keys))


def test_a_row_id_has_30_letters_and_digits_and_is_no_number():
    for number in range(200):
        row_id = make_row_id(ids.new_id(NOW + number), "acme", "ann", "POINT")
        assert re.fullmatch("R[0-9A-Z]{29}", row_id)


def test_a_row_id_names_its_report():
    row_id = make_row_id(EXPORT, *BALANCE)
    assert export_of(row_id) == EXPORT
    assert report_time(row_id) == NOW


@pytest.mark.parametrize("other", [("acmea", "nn", "POINT", "P"), ("acme", "ann", "POINT", None),
                                   ("acme", "bob", "POINT", "P"), ("acme", "ann", "CENTS", "P")])  # fmt: skip
def test_another_balance_has_another_row_id(other):
    assert make_row_id(EXPORT, *other) != make_row_id(EXPORT, *BALANCE)


def test_the_digest_depends_on_the_report_and_on_the_key():
    digests = {
        RowIdKeys.parse(key).of(export).make(*BALANCE)[-13:]
        for key in (OLD, NEW)
        for export in (EXPORT, ids.new_id(NOW))
    }
    assert len(digests) == 4


@pytest.mark.parametrize(
    "text", ["", "x", "R" + "0" * 31, "R" + "I" * 29, "r" + "0" * 29, "R" + "0" * 28 + "G"]
)
def test_a_text_of_another_form_names_no_report(text):
    assert export_of(text) is None


def test_the_reports_time_chooses_the_key_so_that_old_reports_stay_valid():
    before, after = ids.new_id(NOW - 1), ids.new_id(NOW)
    assert rotated().of(before).make(*BALANCE) == RowIdKeys.parse(OLD).of(before).make(*BALANCE)
    assert rotated().of(after).make(*BALANCE) == RowIdKeys.parse(NEW).of(after).make(*BALANCE)


def test_a_report_from_before_the_first_key_has_none():
    keys = RowIdKeys.parse(json.dumps([{"key": NEW, "startsAt": NOW}]))
    assert keys.of(ids.new_id(NOW - DAY)) is None


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "too short",
        "x" * 65,
        "[]",
        "[1]",
        '{"a secret of another kind": "' + KEY + '"}',
        '["' + KEY + '"]',
        f'[{{"key": "{KEY}"}}]',
        f'[{{"key": "{KEY}", "startsAt": "now"}}]',
        f'[{{"key": "{KEY}", "startsAt": true}}]',
        f'[{{"key": "{KEY}", "startsAt": 0}}, {{"key": "{KEY}", "startsAt": 0}}]',
        f'[{{"key": "{KEY}", "startsAt": 0}}',
    ],
)
def test_keys_that_cannot_be_used_are_rejected_without_showing_them(secret):
    with pytest.raises(RowIdKeysError) as error:
        RowIdKeys.parse(secret)
    assert KEY not in str(error.value)
