"""Measurements, run by hand: `python -m tests.bench.report`. No test asserts a time."""
