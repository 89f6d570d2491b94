"""Named moments for tests, Unix milliseconds."""

DAY = 86_400_000
NOW = 1_795_000_000_000  # November 2026
yesterday, tomorrow = NOW - DAY, NOW + DAY
last_month, next_month = NOW - 30 * DAY, NOW + 30 * DAY
next_year = NOW + 365 * DAY
