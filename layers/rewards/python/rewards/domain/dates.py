"""Dates as text. All dates are Unix milliseconds UTC."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=4096)  # programs expire by the day, so that dates repeat
def iso(milliseconds: int) -> str:
    """Return ISO 8601 UTC: `2026-11-21T20:14:00Z`, with milliseconds where there are any."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    rest = milliseconds % 1000
    return f"{moment}.{rest:03d}Z" if rest else f"{moment}Z"


def to_the_minute(milliseconds: int) -> str:
    """Return a date for people: `2026-11-21 20:14 UTC`."""
    return iso(milliseconds // 60_000 * 60_000).replace("T", " ")[:16] + " UTC"
