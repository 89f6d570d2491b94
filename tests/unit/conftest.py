"""Unit tests open no sockets."""

import pytest
from pytest_socket import disable_socket


@pytest.fixture(autouse=True)
def _no_sockets():
    disable_socket()
