"""Blocks of a CSV file: the same rows with the same numbers as csv.reader reads."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.tabular import csv_blocks
from rewards.tabular.csv_blocks import Block, NotInBlocksError, read_blocks


def blocks(text, first=1):
    return list(read_blocks(io.StringIO(text, newline=""), ",", first))


pieces = st.sampled_from(["a", "b,c", ",", "\n", "\r\n", '"', '"x,y"', '"x\ny"', '""', "\x1a", "é", "\ufeff"])


@given(st.lists(pieces, max_size=60).map("".join), st.sampled_from([1, 5, 1000]))
def test_a_text_has_in_blocks_the_rows_that_it_has_in_one_piece(text, size):
    lines = map(csv_blocks.without_end_of_file, io.StringIO(text, newline=""))
    try:
        expected = [*enumerate(csv.reader(lines, strict=True), 7)]
    except csv.Error:
        expected = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_blocks, "BLOCK", size)
        if expected is None:
            with pytest.raises(NotInBlocksError):
                blocks(text, 7)
            return
        found = blocks(text, 7)
    assert [row for block in found for row in block.rows()] == [row for row in expected if any(row[1])]
    assert sum(block.size for block in found) == len(expected)
    assert sum(block.bytes for block in found) == len(text.encode())


@given(st.lists(st.lists(st.sampled_from(["", "a", "bb"]), min_size=2, max_size=4), min_size=1, max_size=8),
       st.lists(st.sampled_from(["\n", "\r\n"]), min_size=8, max_size=8), st.booleans())  # fmt: skip
def test_columns_are_those_of_the_rows_if_every_row_has_as_many_cells(rows, ends, quoted):
    if quoted:
        rows[0][-1] = '"x,\ny"'
    text = "".join(",".join(row) + end for row, end in zip(rows, ends, strict=False))
    (block,) = blocks(text)
    assert bool(block.parsed) == quoted
    parsed = list(csv.reader(io.StringIO(text, newline="")))
    for width in (2, 3, 4):
        columns = block.columns(width, range(width))
        if {*map(len, rows)} == {width} and (quoted or len({*ends[: len(rows)]}) == 1):
            assert columns == [list(column) for column in zip(*parsed, strict=True)]
        else:
            assert columns is None or columns == [list(column) for column in zip(*parsed, strict=True)]


def test_rows_that_make_up_for_each_other_have_no_columns():
    assert Block(1, 2, 0, ",", text="a,b,c\r\nd\r\n").columns(2, [0]) is None
    assert Block(1, 3, 0, ",", text="a,b\r\n\r\nc,d\r\n").columns(2, [0]) is None
    assert Block(1, 2, 0, ",", text="a,b,\nc\r\n").columns(2, [0]) is None


@pytest.mark.parametrize("text", ["a\rb\n", "a\n\r", '"a', 'a,"b"c\n', "x" * 400_000])
def test_a_file_that_has_to_be_read_row_by_row(text):
    with pytest.raises(NotInBlocksError):
        blocks(text)


def test_bytes_without_a_meaning_are_left_to_the_other_reader():
    text = io.TextIOWrapper(io.BytesIO(b"a,b\n\xff\n"), encoding="utf-8", newline="")
    with pytest.raises(NotInBlocksError):
        list(read_blocks(text, ",", 1))


def test_a_long_record_is_read_over_several_blocks():
    text = 'a,"' + "line\n" * 20_000 + '"\nb,c\n'
    assert [row[0] for block in blocks(text) for _, row in block.rows()] == ["a", "b"]
