"""Fixtures of the alerts' tests."""

from __future__ import annotations

import pytest
from tests.alerts.receivers import Certificate, make_certificate
from tests.alerts.samples import ALERT

from mailwitness.alerts.alert import Alert
from mailwitness.state.database import open_state


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def state(tmp_path):
    connection = open_state(tmp_path)
    yield connection
    connection.close()


@pytest.fixture
def alert() -> Alert:
    return ALERT
