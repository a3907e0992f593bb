"""The tests of this folder end writers by exceptions and kills, which no fsync outlives or needs: they do without.

That every fsync is there and in its place is what tests/trail/test_order.py shows, with strace.
"""

from __future__ import annotations

import os

import pytest
from tests.trail.trails import batch, copy, event, log_of, make_trail

from mailwitness.trail.evidence import EvidenceStore
from mailwitness.trail.layout import Trail
from mailwitness.trail.projection import batch_of_events
from mailwitness.trail.writer import Writer


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A trail with evidence, two months, 600 events, custody, and everything sealed but the last seal."""
    folder = tmp_path_factory.mktemp("original")
    source = folder / "Security.evtx"
    source.write_bytes(b"evidence " * 500)
    created = make_trail(folder)
    taken = EvidenceStore(created.trail).take(source)
    with Writer.open(created.trail.path) as writer:
        writer.append(batch(range(600), evidence_sha256=taken.sha256))
        writer.custody({"act": "evidence_taken", "evidence": [{"sha256": taken.sha256, "kept": True}]})
    rows, blobs = batch_of_events([(event(900, before="D:" + "A" * 70_000), {})])
    with Writer.open(created.trail.path) as writer:
        writer.append(rows, blobs)
    return created


@pytest.fixture
def attacked(original, tmp_path):
    """A copy to attack, and a checkpoint of it kept elsewhere."""
    kept = tmp_path / "kept-checkpoint"
    path = copy(original, tmp_path / "trail")
    kept.write_bytes(Trail(path).checkpoint(log_of(path)).read_bytes())
    return path, original.verifier_key, kept
