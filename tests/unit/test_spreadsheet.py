import pytest

from rewards.domain.spreadsheet import inert, neutralise, restore


@pytest.mark.parametrize("text", ["=1+1", "+49", "-5", "@x", "\tx", "\rx", "'=x", "''+x"])
def test_a_cell_that_could_run_is_neutralised_and_restored(text):
    assert neutralise(text) == "'" + text
    assert restore(neutralise(text)) == text


@pytest.mark.parametrize("text", ["", "ann", "'ann", "o'=x", "1=1"])
def test_every_other_cell_stays_as_it_is(text):
    assert neutralise(text) == restore(text) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [("=1+1", "'=1+1"), ("'=1+1", "'=1+1"), ("''=1+1", "''=1+1"), ("'ann", "'ann"), ("7", "7")],
)
def test_an_inert_cell_keeps_the_meaning_of_the_text(text, cell):
    assert inert(text) == cell
    assert restore(inert(text)) == restore(text)
