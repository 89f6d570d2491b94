from hypothesis import given
from hypothesis import strategies as st

from rewards.domain.duplicate_index import DuplicateIndex


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 9).map(lambda n: n << 60), max_size=300))
def test_the_first_line_is_remembered_however_many_follow_and_collide(fingerprints):
    table, expected = DuplicateIndex(bits=2), {}
    for line, fingerprint in enumerate(fingerprints, start=2):
        key = fingerprint or 1
        assert table.first(fingerprint, line) == expected.setdefault(key, line)
