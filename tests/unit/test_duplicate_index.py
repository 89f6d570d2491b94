from hypothesis import given
from hypothesis import strategies as st

from rewards.domain.duplicate_index import DuplicateIndex, fingerprint


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 9).map(lambda n: n << 60), max_size=300))
def test_the_first_line_is_remembered_however_many_follow_and_collide(fingerprints):
    table, expected = DuplicateIndex(bits=2), {}
    for line, digest in enumerate(fingerprints, start=2):
        key = digest or 1
        assert table.first(digest, line) == expected.setdefault(key, line)


def test_a_fingerprint_is_the_same_in_every_process():
    assert fingerprint("acme", "ann", "CASH/USD", "") == 0xD290515F8C705177
    assert fingerprint("acme", "an", "nCASH/USD", "") != 0xD290515F8C705177
