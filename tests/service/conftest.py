"""Fixtures of the service's tests: a real domain controller, and certificates."""

from __future__ import annotations

import socket

import pytest
from tests.alerts.conftest import certificate  # noqa: F401 - a fixture
from tests.directory.conftest import controller, controllers, golden  # noqa: F401 - fixtures


@pytest.fixture
def free_port() -> int:
    """Return a port of this machine that nobody has, for what takes its port from a configuration."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
