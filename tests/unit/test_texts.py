import unicodedata

import pytest

from rewards.domain.texts import folded, normalised, problem_of_id, trimmed, writable


def test_normalises_a_decomposed_letter_to_nfc():
    assert normalised("Zoe\u0308") == "Zo\u00eb"


def test_leaves_a_text_in_nfc_as_it_is():
    assert (
        normalised("Zo\u00eb 007 \u0645\u0631\u062d\u0628\u0627")
        == "Zo\u00eb 007 \u0645\u0631\u062d\u0628\u0627"
    )


@pytest.mark.parametrize("text", ["ann@example.com", "007", "Zo\u00eb", "a b", "\U0001f600", "\u200e1", ""])
def test_accepts_a_text_without_damaged_characters_as_an_id(text):
    assert problem_of_id(text) is None


def test_rejects_every_control_character_in_an_id():
    control = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == "Cc"]
    assert len(control) == 65
    assert [each for each in control if problem_of_id(f"ann{each}") is None] == []


@pytest.mark.parametrize("code", [0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xFFFD])
def test_rejects_half_surrogates_and_lost_characters_in_an_id(code):
    assert problem_of_id(f"an{chr(code)}n") is not None


def test_says_which_character_of_an_id_is_damaged_and_where():
    problem = problem_of_id("an\x07n")
    assert problem is not None
    assert "control character U+0007" in problem
    assert "position 3" in problem


def test_folds_upper_and_lower_case():
    assert folded("POINT") == folded("Point")
    assert folded("CASH/\u00c4") == folded("cash/a\u0308")


def test_trims_spaces_and_line_breaks_but_no_other_control_character():
    assert trimmed("\u00a0 ann\r\n\t") == "ann"
    assert problem_of_id(trimmed("ann\x1f")) is not None


def test_writes_half_a_surrogate_pair_as_json_spells_it():
    assert writable("a\ud800b\U0001f600") == "a\\ud800b\U0001f600"
