"""Sorting outside memory."""

from hypothesis import given
from hypothesis import strategies as st

from rewards.domain.packed import unpack
from rewards.tabular.external_sort import ExternalSort

AWKWARD = st.text(alphabet=st.sampled_from("\0\x01\x02\t\n\x0b\x0c\r ab\u2028\U0001f600")) | st.text(
    alphabet=st.characters(exclude_categories=("Cs",))
)
RECORDS = st.lists(st.tuples(AWKWARD, AWKWARD, AWKWARD))


@given(RECORDS, st.integers(1, 40))
def test_records_come_back_as_they_were_in_the_order_that_python_sorts_them(tmp_path_factory, records, run):
    spool = ExternalSort(tmp_path_factory.mktemp("spool"), run)
    for record in records:
        spool.add(record)
    assert [tuple(unpack(record)) for record in spool.sorted()] == sorted(records)


def test_records_can_be_read_twice(tmp_path):
    spool = ExternalSort(tmp_path, run=4)
    for text in "cab":
        spool.add((text, "x"))
    assert list(spool.sorted()) == list(spool.sorted()) == ["a\0x", "b\0x", "c\0x"]


def test_what_waits_in_memory_is_no_more_than_a_run(tmp_path):
    spool = ExternalSort(tmp_path, run=1_000)
    for number in range(1_000):
        spool.add((f"{number:08d}",))
    assert len(list(tmp_path.iterdir())) == 10
