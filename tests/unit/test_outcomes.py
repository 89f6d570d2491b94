"""The catalogue of outcomes: complete, the same in the documents, and the only source of these texts."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest

from rewards.domain.outcomes import (
    FILE_PROBLEMS,
    OUTCOMES,
    SETTLED,
    WARNINGS,
    FileProblem,
    Group,
    Outcome,
    Purpose,
    WarningCode,
    any_failed,
    count_groups,
)

ROOT = Path(__file__).parents[2]
FILES_PAGE = ROOT / "docs/reference/files.md"
CONTRACT = (ROOT / "docs/contract.md").read_text(encoding="utf-8")
# Only the parts of the contract that version 0.2.0 does not have (its introduction lists them).
NOT_BUILT = {"DO_NOT_TRACK"}


def texts_of_outcomes():
    for outcome, entry in OUTCOMES.items():
        yield outcome, entry.texts
        yield from ((outcome, texts) for texts in entry.variants.values())


def test_every_code_has_an_entry():
    assert set(OUTCOMES) == set(Outcome)
    assert set(WARNINGS) == set(WarningCode)
    assert set(FILE_PROBLEMS) == set(FileProblem)


def test_failed_rows_and_no_others_say_how_to_fix_them():
    for outcome, texts in texts_of_outcomes():
        assert bool(texts.remedy) == OUTCOMES[outcome].is_failed, outcome
        assert not (OUTCOMES[outcome].may_retry and outcome in SETTLED), outcome


def test_texts_are_sentences_and_titles_are_not():
    found = [texts for _, texts in texts_of_outcomes()] + list(WARNINGS.values())
    for texts in found:
        assert texts.title
        assert not texts.title.endswith(".")
        assert texts.meaning.endswith(".")
        assert texts.remedy.endswith((".", "")), texts
    for entry in FILE_PROBLEMS.values():
        assert not entry.reason.endswith(".")
        assert entry.remedy.endswith(".")


def test_a_variant_differs_from_the_general_texts():
    for outcome, entry in OUTCOMES.items():
        assert entry.texts not in entry.variants.values(), outcome


def test_groups_are_counted_with_the_words_of_the_purpose():
    outcomes = {"REDEEMED": 7, "NO_BALANCE": 2, "INVALID_VALUE": 1, "UNCHANGED": 4}
    found = [(each.group, each.label, each.rows) for each in count_groups(outcomes, Purpose.PREVIEW)]
    assert found == [
        (Group.DONE, "to redeem", 7),
        (Group.FAILED, "with errors", 3),
        (Group.REPEATED, "redeemed earlier", 0),
        (Group.SKIPPED, "skipped", 4),
    ]


@pytest.mark.parametrize(
    ("outcomes", "failed"),
    [
        ({"REDEEMED": 1, "ALREADY_REDEEMED": 1}, False),
        ({"REDEEMED": 1, "NO_BALANCE": 1}, True),
        ({"NO_BALANCE": 0}, False),
    ],
)
def test_only_rows_that_exist_can_have_failed(outcomes, failed):
    assert any_failed(outcomes) == failed


def contract_codes(heading, end):
    part = CONTRACT.partition(heading)[2].partition(end)[0]
    return set(re.findall(r"^\| `([A-Z_]+)`", part, re.MULTILINE)) or set(re.findall(r"`([A-Z_]{6,})`", part))


def test_the_contract_lists_the_same_outcomes():
    redemption = contract_codes("### 3.1 Row outcomes", "### 3.2")
    further = {"LOADED", "UNSUPPORTED_TYPE", "INVALID_UNIT", "ID_IN_USE", "BALANCE_FULL"}
    reversal = {"REVERSED", "ALREADY_REVERSED"}
    assert redemption - NOT_BUILT | further | reversal == set(Outcome)
    assert contract_codes("### 3.3 Warnings", "### 3.4") == set(WarningCode)


def table(head, rows):
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def in_failed_csv(entry):
    if not entry.is_failed:
        return "no"
    return "yes; needs no correction" if entry.may_retry else "yes"


def variants(entry, name):
    """The general text, then those of other purposes that differ, each with its purpose."""
    general = getattr(entry.texts, name)
    others = [(purpose, getattr(texts, name)) for purpose, texts in entry.variants.items()]
    further = [f"{purpose.capitalize()}: {text}" for purpose, text in others if text != general]
    return " ".join([general, *further]).strip()


TABLES = {
    "outcomes": table(
        ("outcome", "meaning", "how to fix it", "in `failed.csv`"),
        [
            (f"`{code}`", variants(entry, "meaning"), variants(entry, "remedy"), in_failed_csv(entry))
            for code, entry in OUTCOMES.items()
        ],
    ),
    "warnings": table(
        ("warning", "meaning", "what to do"),
        [(f"`{code}`", texts.meaning, texts.remedy) for code, texts in WARNINGS.items()],
    ),
    "file problems": table(
        ("code", "reason", "how to fix it"),
        [
            (
                f"`{code}`",
                entry.reason,
                entry.remedy
                + (f" Rewards: {entry.remedy_of_rewards_file}" if entry.remedy_of_rewards_file else ""),
            )
            for code, entry in FILE_PROBLEMS.items()
        ],
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_files_page_has_the_table_of(name):
    page = FILES_PAGE.read_text(encoding="utf-8")
    assert TABLES[name] in page, f"{FILES_PAGE} needs this table:\n\n{TABLES[name]}\n"


def test_the_console_has_no_texts_of_its_own_for_codes():
    # Words such as "Redeemed" and "Reversed" are also names of columns and statuses.
    titles = [texts.title for code, texts in texts_of_outcomes() if code not in SETTLED]
    known = {f'"{title}"' for title in [*titles, *(texts.title for texts in WARNINGS.values())]}
    for path in (ROOT / "functions/console/page").glob("*.js"):
        assert not [title for title in known if title in path.read_text(encoding="utf-8")], path


def test_entries_cannot_be_changed():
    with pytest.raises(AttributeError):
        WARNINGS[WarningCode.REPAIRED].title = "x"
    assert asdict(WARNINGS[WarningCode.REPAIRED])["title"] == "Repaired"
