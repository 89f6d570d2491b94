"""Every dialect of CSV that spreadsheets save."""

import io

import pytest

from rewards.domain.outcomes import FileRejectedError
from rewards.tabular.csv_reader import NotUtf8Error, read_csv

NEEDED = ("a", "b")


def read(body, encoding=None):
    found = read_csv(io.BufferedReader(io.BytesIO(body)), NEEDED, encoding)
    return found, list(found.rows)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_encoding_separator_and_line_ends_are_found(encoding, separator, line_end):
    body = line_end.join([f"a{separator}b", f"é{separator}2", f"3{separator}4"]).encode(encoding)
    found, rows = read(body)
    assert (found.header, found.separator) == (["a", "b"], separator)
    assert rows == [(2, ["é", "2"]), (3, ["3", "4"])]
    assert found.plain_utf8 == (encoding == "utf-8")


def test_utf_16_with_the_other_byte_order_is_read_too():
    assert read(b"\xfe\xff" + "a\tb\n1\t2".encode("utf-16-be"))[1] == [(2, ["1", "2"])]


def test_a_file_that_is_not_utf_8_is_read_again_as_windows_1252():
    body = "a;b\nZoë;€".encode("cp1252")
    with pytest.raises(NotUtf8Error):
        read(body)
    assert read(body, "Windows-1252")[1] == [(2, ["Zoë", "€"])]


@pytest.mark.parametrize("said", ["sep=;", "SEP=;", '"sep=;"'])
def test_a_first_line_that_says_the_separator_is_no_row(said):
    found, rows = read(f"{said}\r\na;b\r\n1;2,5\r\n".encode())
    assert (found.separator, rows) == (";", [(2, ["1", "2,5"])])


def test_title_rows_above_the_header_are_passed_over_and_counted():
    found, rows = read(b"Payout;;\n;;\n;;approved by, me\n\nb;a\n1;2\n")
    assert (found.header, found.separator, rows) == (["b", "a"], ";", [(6, ["1", "2"])])


def test_commas_in_quoted_cells_do_not_make_the_separator():
    assert read(b'a;b;"c,d,e,f,g"\n1;2;"x,y"\n')[0].separator == ";"


def test_quoted_line_breaks_belong_to_their_cell():
    assert read(b'a,b\n"1\r\n2",3\n4,5\n')[1] == [(2, ["1\r\n2", "3"]), (3, ["4", "5"])]


def test_blank_rows_are_skipped_and_counted():
    assert read(b"a,b\n\n1,2\n,,,\n3,4\n")[1] == [(3, ["1", "2"]), (5, ["3", "4"])]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "no rows"),
        (b"\n\n", "no rows"),
        ("a,b\n1,2".encode("utf-16-le"), "zero bytes"),
        (b"a,b\n1,2\n" + b"x" * (1 << 20), "longer than"),
        (b'a,b\n"1,2\n3,4', "quote"),
        (b'a,b\n"1"x,2\n', "quote"),
        (b"\xff\xfea\0,\0b\0\n\0\0", "line"),
        (b"\xef\xbb\xbfa,b\n\xff", "line"),
    ],
)
def test_a_text_that_is_broken_is_rejected_with_the_place(body, word):
    with pytest.raises(FileRejectedError, match=word):
        read(body)


def test_without_a_header_the_row_that_comes_nearest_is_given():
    assert read(b"x,y\na,c\n1,2\n")[0].header == ["a", "c"]
