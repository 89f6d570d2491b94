"""The corpus runs on the same emulated AWS as the integration tests."""

import pytest

from tests.integration.conftest import aws, world

__all__ = ["aws", "world"]


def pytest_collection_modifyitems(items):
    for item in items:
        if "/corpus/" in str(item.path):
            item.add_marker(pytest.mark.integration)
