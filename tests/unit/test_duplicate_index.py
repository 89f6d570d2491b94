from hypothesis import given
from hypothesis import strategies as st

from rewards.domain import ids
from rewards.domain.duplicate_index import DuplicateIndex, DuplicateSearch, RepeatedRows, fingerprint
from rewards.domain.row_ids import identity_texts
from tests.builders.moments import NOW
from tests.builders.row_ids import KEYS


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 9).map(lambda n: n << 60), max_size=300))
def test_the_first_line_is_remembered_however_many_follow_and_collide(fingerprints):
    table, expected = DuplicateIndex(bits=2), {}
    for line, digest in enumerate(fingerprints, start=2):
        key = digest or 1
        assert table.first_of(digest, line) == expected.setdefault(key, line)


def test_a_fingerprint_is_the_same_in_every_process():
    assert fingerprint("acme", "ann", "CASH/USD", "") == 0xD290515F8C705177
    assert fingerprint("acme", "an", "nCASH/USD", "") != 0xD290515F8C705177


def digests(users):
    """The digests of rows that differ by their users only."""
    count = len(users)
    return REPORT.digests(identity_texts(["acme"] * count, users, ["POINT"] * count, [""] * count))


REPORT = KEYS.of(ids.make_id(NOW, 7))


@given(st.lists(st.integers(0, 300).map(str), min_size=1, max_size=300))
def test_a_search_finds_the_rows_that_come_more_than_once(users):
    search = DuplicateSearch(REPORT)
    assert not search.any_repeated(digests(users[:100]))
    for line, user in enumerate(users[100:]):
        assert search.first(["acme", user, "POINT", ""], line) == line
    repeated = RepeatedRows(search.repeated())
    for user in users:
        assert repeated.any_repeated(digests([user])) == (users.count(user) > 1)


def test_a_search_gives_up_where_too_many_rows_are_repeated(monkeypatch):
    monkeypatch.setattr("rewards.domain.duplicate_index._MAX_REPEATED", 5)
    search = DuplicateSearch(REPORT)
    search.any_repeated(digests([*"abcde"] * 2))
    assert len(search.repeated()) == 5
    search.any_repeated(digests([*"fg"] * 2))
    assert search.repeated() is None


def test_the_index_of_a_second_reading_finds_the_first_line():
    repeated = RepeatedRows(frozenset())
    assert [repeated.first(["acme", user, "POINT", ""], line) for line, user in enumerate("aba")] == [0, 1, 0]
