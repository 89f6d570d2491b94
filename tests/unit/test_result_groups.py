"""Where a file is cut into groups: by rows, and by bytes of rows that have results."""

import pytest

from rewards.domain import result_groups
from rewards.domain.result_groups import GroupCutter, ResultGroup


@pytest.fixture(autouse=True)
def small_groups(monkeypatch):
    monkeypatch.setattr(result_groups, "GROUP_ROWS", 10)
    monkeypatch.setattr(result_groups, "GROUP_BYTES", 1_000)


def cuts(blocks, size):
    """The groups after the first of blocks, each given by its bytes, its records and its blank records."""
    cutter, line, rows = GroupCutter(), 5, 3
    for number, (of_block, records, blank) in enumerate(blocks):
        cutter.block(of_block, records, line, rows, chunk=number + 1, part=number + 2)
        line, rows = line + records, rows + records - blank
    assert cutter.has_cut == bool(cutter.groups(size))
    return cutter.groups(size)


def test_a_group_has_so_many_rows_or_more():
    # 3 rows and 50 bytes are before the blocks.
    assert cuts([(100, 4, 0)] * 4, 450) == [ResultGroup(50 + 200, 13, 3, 4)]


def test_rows_of_many_bytes_make_a_group():
    assert cuts([(600, 1, 0)] * 4, 2_450) == [ResultGroup(50 + 1_200, 7, 3, 4)]


def test_blank_rows_do_not():
    assert cuts([(600, 4, 3)] * 4, 2_450) == []
