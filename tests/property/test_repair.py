"""Repair by rowId: what a spreadsheet damages is repaired, and what was sorted alone never is.

The model of damage here is naive and independent of the product: it does to an id what a program would do.
"""

import math
import re
import unicodedata
from datetime import date

from hypothesis import assume, example, given
from hypothesis import strategies as st

from rewards.domain import ids
from rewards.domain.balance import RedemptionRequest
from rewards.domain.import_rows import RowChecker
from rewards.domain.outcomes import Outcome, WarningCode
from rewards.domain.repair import Identity, Reports
from tests.builders.row_ids import KEYS, make_row_id

NOW = 1_795_300_000_000
HEADER = ["accountId", "userId", "unit", "valueToRedeem", "rowId", "programId"]
EXPORTS = [ids.make_id(NOW - 3_600_000, number) for number in (1, 2)]


# --- What programs do to a cell ---


def excel(text):
    """A General cell: a number keeps 15 digits and is shown in 11 characters; a boolean is in capitals."""
    if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?|[+-]?\.[0-9]+", text):
        number = float(f"{float(text):.14e}")
        return f"{number:.5E}" if abs(number) >= 1e11 else f"{number:.15g}"
    if text.lower() in ("true", "false"):
        return text.upper()
    found = re.fullmatch(r"([0-9]{1,2})[-/]([0-9]{1,2})", text)
    if found and 1 <= int(found[1]) <= 12 and 1 <= int(found[2]) <= 28:
        return date(2026, int(found[1]), int(found[2])).strftime("%d-%b")
    return text


def pandas(text):
    """A column of numbers with a blank in it."""
    return f"{int(text)}.0" if re.fullmatch(r"[0-9]{1,15}", text) else text


def javascript(text):
    """Number(text).toString(), for whole numbers below 1e21."""
    if not re.fullmatch(r"[0-9]{1,20}", text) or (number := float(text)) >= 1e21:
        return text
    digits, exponent = f"{number:.17g}", 0
    for places in range(1, 18):  # the fewest digits that are read as the same double
        if float(f"{number:.{places - 1}e}") == number:
            digits, _, exponent = f"{number:.{places - 1}e}".replace(".", "").partition("e")
            break
    return digits.ljust(int(exponent) + 1, "0")[: int(exponent) + 1] if number else "0"


def zero_width(text):
    return text + "\u200b"


def right_to_left(text):
    return f"\u200f{text}\u200e"


def as_formula(text):
    return '="' + text.replace('"', '""') + '"'


def as_text(text):
    return "'" + text


def taken_apart(text):
    return unicodedata.normalize("NFD", text)


PROGRAMS = [excel, pandas, javascript, zero_width, right_to_left, as_formula, as_text, taken_apart]

numbers = st.from_regex(r"0{0,3}[1-9][0-9]{0,19}", fullmatch=True)
names = (
    numbers
    | st.sampled_from(
        ["7", "07", "007", "12", "0012", "true", "TRUE", "True", "3-4", "MAR1", ".5", "0.5", "1."]
    )
    | st.sampled_from(["123456789012345678", "123456789012345000", "12345678901234567890", "Zo\u00eb", "ann"])
)
accounts = st.sampled_from(["acme", "0042", "42", "7"])
identities = st.builds(
    Identity, accounts, names, st.sampled_from(["POINT", "CASH/USD"]), st.sampled_from([None])
)
reports = st.lists(identities, min_size=1, max_size=12, unique=True)


def checked(rows, kept):
    """The results of a file whose reports are kept: what each row wants, or its outcome."""
    read = [
        (export, make_row_id(export, *identity), identity)
        for export, found in kept.items()
        for identity in found
    ]
    lines = list(enumerate(rows, start=2))
    survey = RowChecker(HEADER, NOW, KEYS).survey(iter(lines))
    checker = RowChecker(HEADER, NOW, KEYS, reports=Reports.read(kept, survey, read))
    return [checker.check(row, line) for line, row in lines]


def row(shown, row_id, value="1"):
    account, user, unit, program = shown
    return [account, user, unit, value, row_id, program or ""]


def outcome(found):
    return (
        "REPAIRED"
        if isinstance(found, RedemptionRequest) and found.note
        else getattr(found, "outcome", "WANTED")
    )


# --- Damage ---


@given(reports, st.sampled_from(PROGRAMS), st.data())
def test_damage_is_repaired_unless_the_shown_ids_are_those_of_another_row(report, program, data):
    column = data.draw(st.sampled_from(["user_id", "both"]))
    export = EXPORTS[0]
    shown = []
    for true in report:
        changes = {"user_id": program(true.user_id)}
        if column == "both":
            changes["account_id"] = program(true.account_id)
        shown.append(true._replace(**changes))
    others = {(true.account_id, true.user_id, true.unit) for true in report}
    pairs = list(zip(shown, report, strict=True))
    pairs = data.draw(st.lists(st.sampled_from(pairs), min_size=1, unique=True))  # some rows of the report
    rows = [row(seen, make_row_id(export, *true)) for seen, true in pairs]
    for found, (seen, true) in zip(checked(rows, {export: report}), pairs, strict=True):
        if seen == true:
            assert isinstance(found, RedemptionRequest)
            assert not found.note
        elif seen[:3] in others:
            assert found.outcome is Outcome.ROW_CHANGED
        else:
            assert isinstance(found, RedemptionRequest), (seen, true, found)
            assert (found.account_id, found.user_id, found.unit) == true[:3]
            assert found.warnings == (WarningCode.REPAIRED,)


@given(names, names)
def test_an_id_is_repaired_only_to_what_some_program_makes_of_it_and_never_gains_zeros(shown, true):
    assume(shown != true)
    (found,) = checked([row(("acme", shown, "POINT", None), _id("acme", true))], {EXPORTS[0]: [_who(true)]})
    if outcome(found) == "REPAIRED":
        assert not re.match(r"0+[0-9]", shown) or _zeros(shown) <= _zeros(true)
        assert shown.lower() != true.lower() or shown.isupper()
        if shown[:1].isdigit() and true.isdigit():
            assert math.isclose(float(shown), float(true), rel_tol=1e-5)


def _zeros(text):
    return len(text) - len(text.lstrip("0"))


def _who(user, account="acme"):
    return Identity(account, user, "POINT", None)


def _id(account, user, export=EXPORTS[0]):
    return make_row_id(export, account, user, "POINT")


# --- Sorts that move some columns only ---


@given(
    reports,
    st.sampled_from([("user_id",), ("account_id",), ("account_id", "user_id"), ("unit",)]),
    st.sampled_from([str, as_formula, as_text, zero_width]),
    st.data(),
)
@example([_who("7"), _who("007")], ("user_id",), str, None)
@example([_who("7"), _who("007")], ("user_id",), as_formula, None)
@example([_who("7", "a"), _who("007", "b")], ("user_id",), str, None)
def test_no_permutation_of_columns_is_ever_repaired(report, columns, written, data):
    order = list(reversed(report)) if data is None else data.draw(st.permutations(report))
    moved = [
        true._replace(**{column: getattr(other, column) for column in columns})
        for true, other in zip(report, order, strict=True)
    ]
    shown = [
        each._replace(**{column: written(getattr(each, column)) for column in columns}) for each in moved
    ]
    for values in ("1", "0"):  # also if only one row wants something
        rows = [
            row(seen, make_row_id(EXPORTS[0], *true), "1" if number == 0 else values)
            for number, (seen, true) in enumerate(zip(shown, report, strict=True))
        ]
        found = checked(rows, {EXPORTS[0]: report})
        for each, seen, own, true in zip(found, shown, moved, report, strict=True):
            if isinstance(each, RedemptionRequest):
                assert true in (seen, own)


@given(reports, reports, st.data())
def test_a_row_is_not_repaired_to_look_like_a_fitting_row_of_another_report(report, other, data):
    true = data.draw(st.sampled_from(report))
    fitting = data.draw(st.sampled_from(other))
    shown = true._replace(account_id=fitting.account_id, user_id=fitting.user_id, unit=fitting.unit)
    assume(shown != true)
    rows = [
        row(shown, make_row_id(EXPORTS[0], *true)),
        row(fitting, make_row_id(EXPORTS[1], *fitting), data.draw(st.sampled_from(["1", "0", ""]))),
    ]
    found, _ = checked(rows, {EXPORTS[0]: report, EXPORTS[1]: other})
    assert found.outcome is Outcome.ROW_CHANGED


def test_a_row_alone_in_its_file_is_not_repaired_if_another_row_of_the_report_has_what_it_shows():
    report = [_who("007"), _who("7"), _who("008")]
    rows = [row(_who(shown), _id("acme", true)) for shown, true in (("7", "007"), ("8", "008"))]
    assert [outcome(found) for found in checked(rows, {EXPORTS[0]: report})] == ["ROW_CHANGED", "REPAIRED"]
