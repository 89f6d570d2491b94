"""Ways that are quicker than the rules say exactly what the rules say."""

from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.adapters import balance_item
from rewards.domain import ids, report
from rewards.domain.balance import Balance
from rewards.domain.import_rows import RowChecker
from rewards.domain.overview import SOON
from rewards.domain.redemption import Reward
from tests.builders.row_ids import KEYS, make_row_id

NOW = 1_795_300_000_000
HEADER = ["accountId", "userId", "unit", "valueToRedeem", "rowId", "programId"]

dates = st.none() | st.integers(NOW - 3, NOW + 3)
programs = st.sampled_from([None, "refer", "vip"])
rewards = st.lists(
    st.builds(
        lambda assigned, spent, *rest: Reward(1, "r", assigned, max(0, assigned - spent), *rest),
        st.integers(1, 50),
        st.integers(0, 60),
        st.just(NOW),
        dates,
        dates,
        dates,
        programs,
    ),
    max_size=6,
)


@given(rewards, st.integers(NOW - 2, NOW + 2), st.integers(NOW - 2, NOW + 2), programs, dates)
def test_the_sums_of_stored_rewards_are_those_of_the_rule(found, asked, answered, program, until):
    balance = Balance("acme", "ann", "POINT", rewards=found)
    available = list(report.steady(found, asked, answered, program, until))
    expiring = [each for each in available if each.date_expires is not None]
    summed = balance_item.sum_rewards(balance_item.encode_rewards(found), asked, answered, program, until)
    assert summed == (
        sum(each.left for each in available),
        balance.total_redeemed,
        min((each.date_expires for each in expiring), default=None),
        sum(each.left for each in expiring if each.date_expires <= answered + SOON),
    )


EXPORTS = [ids.make_id(NOW + hours * 3_600_000, 7) for hours in (-2, -1, 5)]
# Mostly usual cells, so that a row has one that is not.
names = st.sampled_from(["ann", "bob"]) | st.sampled_from(
    ["acme", "O'Neil", "'=x", "=x", "é", "a b", " ann", "ann\t", "\u00a0ann", "x" * 64, "", "'"]
)
units = st.just("POINT") | st.sampled_from(["POINT", "CASH/USD", "CREDIT/KWD", " POINT", "u" * 20, ""])
values = st.just("5") | st.sampled_from(
    ["", "0", "5", "1.239", "0.001", "00", "x", "-1", "1e3", " 7 ", "9" * 31, "$5", "1,234"]
)


@st.composite
def rows(draw):
    account, user, unit = draw(names), draw(names), draw(units)
    program = draw(st.sampled_from(["", "", "vip", " vip", "p" * 32, "p" * 33, "p" * 129]))
    # Mostly the row's own rowId, now and then another row's, or one that was damaged.
    of = (account.strip(), user.strip(), unit.strip(), program.strip() or None)
    row_id = make_row_id(draw(st.sampled_from(EXPORTS)), *of)
    row_id = draw(
        st.sampled_from([row_id, row_id, row_id, row_id[:-1] + "0", row_id.lower(), "", " " + row_id])
    )
    extra = draw(st.sampled_from([[], [], [], [""], ["x"]]))
    return [account, user, unit, draw(values), row_id, program, *extra]


class Careful(RowChecker):
    """Looks closely at every row."""

    def _usual(self, row, value_cell, line):
        return None


@settings(max_examples=400)
@given(st.lists(rows(), max_size=12), st.sampled_from([HEADER, HEADER[:5], HEADER[:4]]))
def test_a_quick_look_at_a_row_says_what_a_close_look_says(found, header):
    quick, careful = RowChecker(header, NOW, KEYS), Careful(header, NOW, KEYS)
    for line, row in enumerate(found, start=2):
        cells = row[: len(header)] if len(row) == len(HEADER) else row
        assert quick.check(cells, line) == careful.check(cells, line)
    assert quick.exports == careful.exports


def test_the_rows_of_a_report_need_no_close_look():
    row_id = make_row_id(EXPORTS[0], "acme", "ann", "CASH/USD", None)
    row = ["acme", "ann", "CASH/USD", "1.25", row_id, ""]
    assert RowChecker(HEADER, NOW, KEYS)._usual(row, "1.25", 2).value == 125
