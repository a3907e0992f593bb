"""What all tests of this folder share: parts that are given the time to end, however busy the machine is."""

from __future__ import annotations

import pytest
from tests.collect.m365_lab import Lab
from tests.collect.m365_server import M365Server

from mailwitness.collect import http_intake, syslog, writer_process


@pytest.fixture(scope="session", autouse=True)
def unhurried():
    """Let what was received become durable at the end: no test is about how long a service may take for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(syslog, "STOP_SECONDS", 120.0)
        patch.setattr(writer_process, "STOP_SECONDS", 120.0)
        patch.setattr(http_intake, "_STOP_SECONDS", 60)
        yield


@pytest.fixture
def lab(tmp_path):
    with M365Server() as server:
        lab = Lab(server, tmp_path)
        with lab.http:
            yield lab
