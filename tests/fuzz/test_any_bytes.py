"""Any byte string at all ends as COMPLETED or ABORTED with a message. FUZZ_EXAMPLES=20000 tries more."""

import os
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import harness

MORE = int(os.environ.get("FUZZ_EXAMPLES", "0"))
SEEDS = harness.seeds()
TEXTS = [content for name, content in SEEDS if name == "a.csv"]
LEDGER_MODEL = [content for name, content in SEEDS if name == "a.xlsx"]
PARTS = harness.parts()
SHEET = next(name for name in PARTS if "worksheets/sheet" in name)

# fmt: off
WORDS = [b'"', b'""', b"\r", b"\n", b"\r\n", b",", b";", b"\t", b"\0", b"\xef\xbb\xbf",
         b"\xff\xfe", b"\xfe\xff",
         b"\x81", b"\x1a", b"sep=", b"sep=;\r\n", b"'", b"=", b"\xc3", b"\xed\xa0\x80",
         b"9" * 50, b",,,,,,,,",
         b"valueToRedeem", b"userId", b"-", b"\x85", b"\xe2\x80\xa8", b"\x0b\x0c", b"\x1c"]
XML = [b"<c>", b"</c>", b"<row>", b'<row r="0">', b'<row r="-1">', b'<row r="99999999999">', b"<v>", b"</v>",
       b't="s"', b't="b"', b't="e"', b't="d"', b't="str"', b't="inlineStr"', b't="?"',
       b'r="A0"', b'r="ZZZZ1"',
       b'r="1"', b'r=""', b"<v>1e999</v>", b"<v>nan</v>", b"<v>-1</v>", b"<v>99999999</v>",
       b"<v/>", b"_xD800_",
       b"&#xD;", b"&lt;", b"&unknown;", b"<!--", b"]]>", b"<f>1</f>", b's="999"',
       b's="-1"', b"\0", b'"', b"<"]
# fmt: on


def examples(number):
    return settings(
        max_examples=MORE or number, derandomize=not MORE, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


@st.composite
def mutated(draw, seeds, words):
    """A real file with some places cut, doubled or overwritten."""
    content = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        more = draw(st.one_of(st.sampled_from(words), st.binary(max_size=4)))
        until = at + draw(st.sampled_from([0, 0, len(more), 1, 2, 50, len(content)]))
        content = content[:at] + more + content[until:]
    return content


@examples(250)
@given(st.binary(max_size=300))
def test_any_bytes_named_csv_end_with_an_answer(content):
    harness.run("a.csv", content)


@examples(250)
@given(st.binary(max_size=300))
def test_any_bytes_below_a_good_header_end_with_an_answer(content):
    harness.run("a.csv", harness.NEEDED + content)


@examples(100)
@given(st.text(max_size=100), st.sampled_from(["utf-16", "utf-8", "utf-8-sig", "utf-16-be", "utf-32"]))
def test_any_text_in_any_encoding_ends_with_an_answer(text, encoding):
    harness.run("a.csv", ("accountId;userId;unit;valueToRedeem\r" + text).encode(encoding, "surrogatepass"))


@examples(250)
@given(mutated(TEXTS, WORDS))
def test_a_damaged_csv_file_ends_with_an_answer(content):
    harness.run("a.csv", content)


@examples(60)
@given(st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda b: b"PK\x03\x04" + b)))
def test_any_bytes_named_xlsx_end_with_an_answer(content):
    harness.run("a.xlsx", content)


@examples(120)
@given(mutated(LEDGER_MODEL, WORDS))
def test_a_damaged_workbook_ends_with_an_answer(content):
    harness.run("a.xlsx", content)


@examples(100)
@given(st.sampled_from(sorted(PARTS)).flatmap(lambda n: st.tuples(st.just(n), mutated([PARTS[n]], XML))))
def test_a_workbook_with_a_damaged_part_ends_with_an_answer(part):
    harness.run("a.xlsx", harness.workbook(*part))


@examples(120)
@given(mutated([PARTS[SHEET]], XML))
def test_a_workbook_with_a_damaged_sheet_ends_with_an_answer(sheet):
    harness.run("a.xlsx", harness.workbook(SHEET, sheet))


@pytest.mark.parametrize("part", sorted(PARTS))
def test_a_workbook_without_a_part_ends_with_an_answer(part):
    harness.run("a.xlsx", harness.workbook(part, b""))


@pytest.mark.parametrize(
    "cell",
    [
        b"<v>1e999</v>", b"<v>nan</v>", b"<v>-inf</v>", b"<v>1_0</v>", b"<v>\xef\xbc\x95</v>", b"<v/>",
        b"<v>5</v><v>6</v>", b"<f>1+1</f>", b"<v> 5 </v>",
        b"<is><t>_xD800_</t></is>", b"<is><t>a&#13;b</t></is>",
        b"<v>1e-400</v>", b"<v>" + b"9" * 400 + b"</v>", b"<v>1e300</v>",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [b"n", b"s", b"str", b"inlineStr", b"b", b"e", b"d", b"?"])
def test_a_strange_cell_ends_with_an_answer(cell, kind):
    broken = re.sub(
        rb'<c r="(B2|E2|H2)"[^>]*>.*?</c>', rb'<c r="\1" t="' + kind + b'">' + cell + b"</c>", PARTS[SHEET]
    )
    assert broken != PARTS[SHEET]
    harness.run("a.xlsx", harness.workbook(SHEET, broken))
