"""The stored keys of rowIds: how often they are read, and how a new one is added."""

import json

import pytest

from infra.rotate_row_id_key import rotate
from rewards.adapters.row_id_keys import StoredRowIdKeys
from rewards.domain import ids
from rewards.domain.row_ids import RowIdKeys, RowIdKeysError
from tests.builders.moments import DAY, NOW

HOUR = 3_600_000
OLD = "o" * 48
BALANCE = ("acme", "ann", "POINT", None)


class Secret:
    """One secret, in the place of Secrets Manager."""

    def __init__(self, text=OLD):
        self.text = text
        self.reads = 0

    def get_secret_value(self, SecretId):  # noqa: N803 - an argument of boto3
        assert SecretId == "keys"
        self.reads += 1
        return {"SecretString": self.text}

    def put_secret_value(self, SecretId, SecretString):  # noqa: N803
        assert SecretId == "keys"
        self.text = SecretString


def test_the_secret_is_read_again_after_an_hour():
    secret, times = Secret(), iter([NOW, NOW + HOUR - 1, NOW + HOUR, NOW + HOUR + 1])
    keys = StoredRowIdKeys(secret, "keys", lambda: next(times))
    reads = []
    for _ in range(4):
        keys()
        reads.append(secret.reads)
    assert reads == [1, 1, 2, 2]


def test_a_rotation_leaves_all_reports_valid_and_gives_functions_a_day_to_read_the_new_key():
    secret = Secret()
    start = rotate(secret, "keys", NOW)
    assert start >= NOW + DAY
    old, new = RowIdKeys.parse(OLD), RowIdKeys.parse(secret.text)
    for moment, same in ((NOW - DAY, True), (start - 1, True), (start, False)):
        export = ids.new_id(moment)
        assert (old.of(export).make(*BALANCE) == new.of(export).make(*BALANCE)) is same


def test_a_second_rotation_keeps_the_keys_before_it():
    secret = Secret()
    rotate(secret, "keys", NOW)
    before = json.loads(secret.text)
    rotate(secret, "keys", NOW + DAY)
    assert json.loads(secret.text)[:-1] == before
    assert len({each["key"] for each in json.loads(secret.text)}) == 3


def test_a_rotation_of_a_secret_that_holds_no_keys_changes_nothing():
    secret = Secret('{"password": "x"}' + " " * 48)
    before = secret.text
    with pytest.raises(RowIdKeysError):
        rotate(secret, "keys", NOW)
    assert secret.text == before
