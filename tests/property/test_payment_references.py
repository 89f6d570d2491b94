"""References of payments against a list of everything that was ever redeemed (CONTRACT section 9)."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from rewards.adapters import balance_item
from rewards.domain.balance import (
    Balance,
    RedemptionRequest,
    Reward,
    archive,
    grant,
    leaving,
    needs_history,
)
from rewards.domain.outcomes import Outcome
from rewards.domain.redeem_row import history_needed_since, redeem_row
from tests.builders.moments import DAY

START = 20_000 * DAY
WINDOW = 400 * DAY

STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("redeem"),
            st.sampled_from(["p1", "p2", ""]),
            st.integers(1, 2),
            st.sampled_from([None, "spring"]),
            st.booleans(),
        ),
        st.tuples(st.just("reverse"), st.integers(0, 30)),
        st.tuples(st.just("archive")),
        st.tuples(st.just("wait"), st.sampled_from([DAY, 36 * DAY, 200 * DAY, 400 * DAY])),
    ),
    max_size=25,
)


class Store:
    """A balance as it is stored, with its history."""

    def __init__(self):
        self.balance = Balance("acme", "ann", "POINT")
        grant(
            self.balance,
            [Reward(0, f"r{n}", 1_000, 1_000, START, None, None, None, "spring") for n in (1, 2)],
        )
        self.history = []
        self.now = START

    def reload(self):
        item = {"pk": {"S": "acme"}, "sk": {"S": "B#ann#POINT"}, "version": {"N": "1"}}
        self.balance = balance_item.decode(item | balance_item.encode(self.balance))

    def redeem(self, request, import_id):
        since = history_needed_since(self.balance, request, self.now, self.now)
        history = []
        if needs_history(self.balance, since):
            history = [each for each in self.history if each.date >= since]
        return redeem_row(self.balance, request, import_id, self.now, history)

    def archive(self):
        page = leaving(self.balance, self.now)
        archive(self.balance, page)
        self.history += page.redemptions

    def reverse(self, place):
        everything = [*self.history, *self.balance.redemptions]
        if not everything:
            return
        old = everything[place % len(everything)]
        new = replace(old, reversed_by="reversal")
        self.history = [new if each is old else each for each in self.history]
        self.balance.redemptions = [new if each is old else each for each in self.balance.redemptions]

    def expected(self, reference, program, value, row_id):
        """By everything that was ever redeemed."""
        if row_id is not None or not reference:
            return Outcome.REDEEMED
        paid = [
            each.value
            for each in (*self.history, *self.balance.redemptions)
            if (each.reference, each.program or None) == (reference, program)
            and not each.reversed_by
            and each.date > self.now - WINDOW
        ]
        if not paid:
            return Outcome.REDEEMED
        return Outcome.ALREADY_REDEEMED if value in paid else Outcome.REFERENCE_CONFLICT


@given(STEPS)
def test_a_reference_redeems_as_if_everything_were_remembered(steps):
    store = Store()
    for number, (kind, *arguments) in enumerate(steps):
        store.now += 1
        if kind == "redeem":
            reference, value, program, has_row_id = arguments
            row_id = f"R{number}" if has_row_id else None
            request = RedemptionRequest(
                2, "acme", "ann", "POINT", value, program, row_id, reference=reference
            )
            expected = store.expected(reference, program, value, row_id)
            assert store.redeem(request, f"import-{number}").outcome is expected
        elif kind == "reverse":
            store.reverse(*arguments)
        elif kind == "archive":
            store.archive()
        else:
            store.now += arguments[0]
        store.reload()
