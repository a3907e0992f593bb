"""The tests of this folder end writers by exceptions and kills, which no fsync outlives or needs: they do without.

That every fsync is there and in its place is what tests/trail/test_order.py shows, with strace.
"""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
