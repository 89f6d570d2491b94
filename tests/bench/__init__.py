"""Measurements, run by hand: `.venv/bin/python -m tests.bench.report`. No test asserts a time."""

import sys
from pathlib import Path

sys.path.insert(
    0, str(Path(__file__).parents[2] / "layers/rewards/python")
)  # pytest's settings do it for tests
