"""The quick ways to a report's text against slow ones: csv.writer, XML cell by cell, and the rules."""

import csv
import io
import json
import re
from collections import Counter
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xlsxwriter.utility import xl_col_to_name

from rewards.adapters import balance_item
from rewards.adapters.scanner import Page, decode_accounts
from rewards.domain.balance import Balance, Totals
from rewards.domain.dates import iso
from rewards.domain.filters import Filters, segments_of
from rewards.domain.packed import pack, unpack
from rewards.domain.redemption import Reward
from rewards.domain.report import COLUMNS, REDEEMABLE, steady
from rewards.domain.spreadsheet import neutralise, restore
from rewards.domain.units import currency, decimals, unit_name
from rewards.flows.report_builders import report_builder
from rewards.tabular.csv_writer import csv_lines, csv_pieces
from rewards.tabular.external_sort import ExternalSort
from rewards.tabular.xlsx_rows import XlsxRows
from tests.builders.row_ids import KEYS, keys

NOW = 1_795_300_000_000
EXPORT = "06gzzygm7a5nffgf"

usual = st.sampled_from(["ann", "Zoë", "O'Neil", "a b", "x_1", ""])
awkward = st.sampled_from(
    ["a,b", '"', "a\r\nb", "\n", "\r", "\0", "\x01", "\x0b\x01", "=1", "'=1", "'", "-", "\t", "@", "+",
     " a", "a ", "a |b", "| a", "|", "&", "<b>", "]]>", "_x0041_", "_x", "\x7f", "\xa0", "\u2028",
     "\uffff", "%s", "%"]
)  # fmt: skip
texts = usual | usual | usual | awkward | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


def csv_of(rows):
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()


@given(st.lists(st.lists(texts, min_size=1, max_size=5)))
def test_packed_rows_keep_their_cells_and_their_order(rows):
    packed = [pack(row) for row in rows]
    assert [unpack(row) for row in packed] == rows
    assert sorted(rows) == [unpack(row) for row in sorted(packed, key=lambda row: row + "\0")]
    assert not any("\n" in row for row in packed)


@settings(max_examples=400)
@given(st.lists(st.lists(texts, min_size=2, max_size=6)))
def test_rows_are_written_as_csv_writer_writes_them(rows):
    assert csv_lines(map(pack, rows)) == csv_of(rows)


# A sheet's rows: styles, columns with numbers

WIDTH = 6
NUMBERS = [False, False, True, True, False, True]
STYLES = [str(number) for number in range(WIDTH * 6)]


def expected_xml(row, number):
    """A row as XML, cell by cell."""
    joined = "|".join(row)
    spaced = (
        not joined.isprintable()
        or any(special in joined for special in ("&", "<", ">", "_x", " |", "| "))
        or joined != joined.strip(" ")
    )
    space = ' xml:space="preserve"' if spaced else ""
    most = max(len(cell.partition(".")[2]) for cell, is_number in zip(row, NUMBERS, strict=True) if is_number)
    cells = []
    for place, cell in enumerate(row):
        start = f'<c r="{xl_col_to_name(place)}{number}" s="'
        if not cell:
            cells.append(f'{start}{STYLES[place]}"/>')
        elif NUMBERS[place]:
            value = Decimal(cell)
            places = -value.as_tuple().exponent or most
            cells.append(
                f'{start}{STYLES[WIDTH * (1 + min(places, 4)) + place]}"><v>{value:.{places}f}</v></c>'
            )
        else:
            text = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd", cell)
            text = re.sub("_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", text).replace("\r", "_x000D_")
            text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            cells.append(f'{start}{STYLES[place]}" t="inlineStr"><is><t{space}>{text}</t></is></c>')
    return f'<row r="{number}">{"".join(cells)}</row>'


@st.composite
def table_rows(draw):
    places = draw(st.integers(0, 4))
    amount = st.integers(0, 10**15).map(lambda credits: str(Decimal(f"{credits}E-{places}")))
    numbers = st.just("") | st.just("0") | amount
    return [draw(numbers if is_number else texts) for is_number in NUMBERS]


@settings(max_examples=400)
@given(st.lists(table_rows(), max_size=8))
def test_rows_of_a_sheet_are_what_cell_by_cell_would_be_written(rows):
    written = XlsxRows(STYLES, NUMBERS).xml(map(pack, rows), 2)
    assert written == "".join(map(expected_xml, rows, count(2)))


# A whole report

ids = st.sampled_from(["ann", "bob", "=x", "'=x", "-", "a#b%23", "a,b", 'q"', "é", "'"])
units = st.sampled_from(["POINT", "CASH/USD", "CREDIT/KWD", "JPY", "=u", "a#b", "free,month"])
programs = st.sampled_from([None, "refer", "=p", "v,ip"])
dates = st.none() | st.integers(NOW - 3, NOW + 3)
rewards = st.lists(
    st.builds(
        lambda assigned, spent, *rest: Reward(1, "r", assigned, max(0, assigned - spent), *rest),
        st.integers(1, 5_000) | st.integers(1, 10**15),
        st.integers(0, 6_000),
        st.just(NOW),
        dates,
        dates,
        dates,
        programs,
    ),
    min_size=1,
    max_size=4,
)
facts = st.tuples(*[texts] * 5)
NAMES = ("firstName", "lastName", "email", "dateBlocked", "segments")


def expected_row(balance, known, asked, filters):
    """A row by the rules; None if too little is available, or the participant does not fit."""
    program = filters.program_id
    available = list(steady(balance.rewards, asked, NOW, program, filters.available_until))
    if not available or sum(each.left for each in available) < filters.minimum_value:
        return None
    if filters.leaves_out_blocked and known[3]:
        return None
    if filters.segments is not None and not filters.segments & segments_of(known[4]):
        return None
    places, whose = decimals(balance.unit), (balance.account_id, balance.user_id, balance.unit)
    value, redeemed = (
        Decimal(f"{credits}E-{places}")
        for credits in (sum(each.left for each in available), balance.total_redeemed)
    )
    first_name, last_name, email, blocked, segments = map(neutralise, known)
    expiry = min((each.date_expires for each in available if each.date_expires is not None), default=None)
    return [
        *(first_name, last_name, email, blocked),
        *(
            neutralise(unit_name(balance.unit)),
            currency(balance.unit) or "",
            value,
            value if filters.prefills else 0,
            redeemed,
        ),
        *(neutralise(balance.user_id), neutralise(balance.account_id), neutralise(balance.unit), segments),
        *(neutralise(program or ""), "" if expiry is None else iso(expiry)),
        KEYS.of(EXPORT).make(*whose, program),
    ]


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.tuples(ids, ids, units), st.tuples(rewards, st.integers(0, 10**20)), max_size=8),
    st.dictionaries(st.tuples(ids, ids), facts, max_size=6),
    st.builds(
        lambda program, **others: Filters(program_id=program, **others),
        programs,
        minimum_value=st.just(1) | st.integers(1, 3_000),
        available_until=dates,
        leaves_out_blocked=st.booleans(),
        segments=st.none() | st.frozensets(st.sampled_from(["ann", "a", "a b"]), min_size=1),
        prefills=st.booleans(),
    ),
    st.integers(NOW - 2, NOW),
    st.integers(1, 3_000),
)
def test_a_report_is_what_the_rules_and_csv_writer_make_of_its_balances(
    tmp_path_factory, found, people, filters, asked, run
):
    items, expected = [], []
    for (account, user, unit), (held, archived) in sorted(found.items()):
        balance = Balance(account, user, unit, 1, held, archived=Totals(archived > 0, archived, archived))
        key = {"pk": {"S": account}, "sk": {"S": balance_item.balance_key(user, unit)}, "version": {"N": "1"}}
        items.append({**key, **balance_item.encode(balance)})
        row = expected_row(balance, people.get((account, user), [""] * 5), asked, filters)
        expected += [row] if row else []
    for (account, user), known in people.items():
        key = {"pk": {"S": account}, "sk": {"S": balance_item.participant_key(user)}}
        items.append({**key, **{name: {"S": fact} for name, fact in zip(NAMES, known, strict=True) if fact}})
    report = report_builder(REDEEMABLE, EXPORT, filters, keys)
    spool = ExternalSort(tmp_path_factory.mktemp("spool"), run)
    for each in items[::-1]:
        report.collect(Page(decode_accounts(json.dumps({"Items": [each]}).encode()).items, asked, NOW), spool)
    rows = list(report.show(spool.sorted()))
    file = b"".join(csv_pieces(pack(COLUMNS), [rows], mark=True))
    assert file.decode() == "\ufeff" + csv_of([COLUMNS, *expected])
    assert report.rows >= len(expected) if filters.by_participant else report.rows == len(expected)
    totals = Counter()
    for row in expected:
        totals[restore(row[11])] += int(row[6].scaleb(decimals(restore(row[11]))))
    assert report.totals == totals


def test_the_rows_of_a_usual_report_take_the_quick_way(monkeypatch):
    """Otherwise the figures of docs/performance.md are not those of the code."""
    row = pack(["Ann", "O'Neil", "ann@example.com", "10.55", "0", "vip"])
    monkeypatch.setattr("rewards.tabular.csv_writer.unpack", pytest.fail)
    monkeypatch.setattr("rewards.tabular.xlsx_rows.unpack", pytest.fail)
    assert csv_lines([row]).startswith("Ann,")
    assert "O'Neil" in XlsxRows(STYLES, [False] * 3 + [True] * 2 + [False]).xml([row], 2)
