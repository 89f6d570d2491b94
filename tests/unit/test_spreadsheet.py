import pytest

from rewards.rules.spreadsheet import neutralise, restore


@pytest.mark.parametrize("text", ["=1+1", "+49", "-5", "@x", "\tx", "\rx", "'=x", "''+x"])
def test_a_cell_that_could_run_is_neutralised_and_restored(text):
    assert neutralise(text) == "'" + text
    assert restore(neutralise(text)) == text


@pytest.mark.parametrize("text", ["", "ann", "'ann", "o'=x", "1=1"])
def test_every_other_cell_is_left_alone(text):
    assert neutralise(text) == restore(text) == text
