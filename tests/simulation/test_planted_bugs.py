"""The simulation can fail: bugs put into the product are found out, each by the seed that is known to."""

import json

import pytest

from tests.simulation.history import play
from tests.simulation.planted import PLANTED, SEEDS_FILE, planted

SEEDS = json.loads(SEEDS_FILE.read_text())


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found_out(name):
    with planted(name):
        history = play(SEEDS[name])
    assert history.problem, f"not by seed {SEEDS[name]} any more: make simulate FIND=1"


def test_a_planted_bug_is_gone_afterwards():
    with planted("ignore UnprocessedKeys"):
        bad = play(0)
    assert bad.problem
    assert play(0).problem is None
