"""Fixtures of the intake tests: formats and a source of their own, in this process and in readers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import fake_reader

from mailwitness.trail.create import create_trail


@pytest.fixture
def fake(monkeypatch):
    """Install the fake formats and source in this process, and return their module."""
    fake_reader.install(monkeypatch)
    return fake_reader


@pytest.fixture
def make_trail(tmp_path):
    """Return a function that makes an empty trail under a name, its key beside it."""

    def make(name, **more):
        return create_trail(tmp_path / name, organization="contoso", key_dir=tmp_path / f"{name}-keys", **more)

    return make


@pytest.fixture
def new_trail(make_trail):
    """Return an empty trail with its path and the path of its key."""
    return make_trail("trail")
