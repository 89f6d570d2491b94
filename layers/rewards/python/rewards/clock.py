"""The time."""

import time


def now() -> int:
    """Unix milliseconds UTC."""
    return time.time_ns() // 1_000_000
