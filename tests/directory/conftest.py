"""Fixtures of the directory's tests: a trail, and a real domain controller."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest
from tests.directory.lab import Running, make_golden, skip_without_lab

from mailwitness.trail.create import Created, create_trail


@pytest.fixture
def trail(tmp_path) -> Created:
    """Return a new trail with its key beside it."""
    return create_trail(tmp_path / "trail", organization="example.test", key_dir=tmp_path / "keys")


@pytest.fixture(scope="session")
def golden(tmp_path_factory) -> Path:
    """Return the folder of a stopped domain controller, made once for all workers of the test run."""
    skip_without_lab()
    shared = tmp_path_factory.getbasetemp()
    if shared.name.startswith("popen-"):
        shared = shared.parent
    with (shared / "golden.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "golden.made").exists():
            make_golden(shared / "golden")
            (shared / "golden.made").touch()
    return shared / "golden"


@pytest.fixture(scope="module")
def controllers(golden, tmp_path_factory):
    """Return what starts domain controllers for this module."""
    running = Running(golden, tmp_path_factory.mktemp("controllers"))
    yield running
    running.end()


@pytest.fixture(scope="module")
def controller(controllers):
    """Return a domain controller of this module's own."""
    return controllers.start()
