"""The simulation can fail: bugs put into the product are found out, each by the seed that is known to."""

import json

import pytest

from tests.simulation.history import play
from tests.simulation.injected_bugs import INJECTED_BUGS, SEEDS_FILE, find, injected

SEEDS = json.loads(SEEDS_FILE.read_text())
MORE = range(80)  # where to look when a change of the product has moved things


@pytest.mark.parametrize("name", INJECTED_BUGS)
def test_finds_an_injected_bug(name):
    assert find(name, [SEEDS[name], *MORE]) is not None


def test_removes_an_injected_bug_afterwards():
    name = "redeem what never expires first"
    seed = find(name, [SEEDS[name], *MORE])
    assert seed is not None
    assert play(seed).problem is None
    with injected(name):
        assert play(seed).problem
