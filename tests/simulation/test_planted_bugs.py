"""The simulation can fail: bugs put into the product are found out, each by the seed that is known to."""

import json

import pytest

from tests.simulation.history import play
from tests.simulation.planted import PLANTED, SEEDS_FILE, find, planted

SEEDS = json.loads(SEEDS_FILE.read_text())
MORE = range(80)  # where to look when a change of the product has moved things


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found_out(name):
    assert find(name, [SEEDS[name], *MORE]) is not None


def test_a_planted_bug_is_gone_afterwards():
    name = "spend what never expires first"
    seed = find(name, [SEEDS[name], *MORE])
    assert seed is not None
    assert play(seed).problem is None
    with planted(name):
        assert play(seed).problem
