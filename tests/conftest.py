"""Settings of all tests."""

from hypothesis import settings

# No test asserts a time: a busy machine may stop any example for longer than Hypothesis' default of 200 ms.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
