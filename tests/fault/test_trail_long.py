"""The long versions: ten thousand commits, and every byte of a small trail."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta

import pytest
from tests.trail.trails import append, batch, files_of, flip, make_trail

from mailwitness.trail import compaction
from mailwitness.trail.layout import Trail
from mailwitness.trail.reader import open_reader
from mailwitness.trail.settings import load_settings
from mailwitness.trail.verify import verify
from mailwitness.trail.writer import SEAL_EVERY, Writer

pytestmark = pytest.mark.slow
COMMITS = 10_000


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    """What is counted here does not depend on the disk; tests/trail/test_order.py shows that nothing is left out."""
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


def test_ten_thousand_commits_stay_flat(tmp_path):
    created = make_trail(tmp_path)
    live, logged, stored = [], [], []
    with Writer.open(created.trail.path, grace=timedelta(0)) as writer:
        for number in range(COMMITS):
            writer.append(batch([number]))  # fourteen months
            writer.commit()
            if number % 100 == 0:
                live.append(len(writer._live))
                logged.append(len(files_of(created.trail.delta_log)))
                stored.append(len(files_of(created.trail.events)))
    assert max(live) <= compaction.LIVE_FILES + compaction.FAN_IN
    assert max(logged) <= 4 * SEAL_EVERY + 4
    assert max(stored) <= 4 * SEAL_EVERY + 2 * compaction.LIVE_FILES
    verdict = verify(created.trail.path, deep=True)
    assert (verdict.findings, verdict.remarks) == ([], [])
    assert verdict.checked.leaves == open_reader(created.trail.path).size > COMMITS
    with Writer.open(created.trail.path, grace=timedelta(0)) as writer:
        writer.compact()
        assert not writer.append(batch(range(0, COMMITS, 7))).kept.any()
    assert len(open_reader(created.trail.path).event_files()) == 14
    assert verify(created.trail.path, deep=True).findings == []


def test_every_byte_of_a_small_trail(tmp_path):
    """One flip in each byte of every tile, the checkpoint, evidence and every sealed file: all found, all named."""
    created = make_trail(tmp_path)
    source = tmp_path / "evidence"
    source.write_bytes(b"evidence " * 20)
    with Writer.open(created.trail.path) as writer:
        taken = writer._evidence.take(source)
        writer.append(batch(range(3), evidence_sha256=taken.sha256))
    append(created, batch([3]))
    trail = Trail(created.trail.path)
    last = max(int(path.name[:20]) for path in trail.delta_log.glob("*.json"))
    unsealed = {f"{last:020d}.json", trail.lock(load_settings(trail).log_id).name, "mailwitness.toml"}
    flips = 0
    for file in files_of(trail.path):
        if file.name in unsealed or file.name.startswith(f"v{last}-"):
            continue
        length = file.stat().st_size
        # Files of the table are hashed as a whole: each byte of the small ones, a thousand of each larger one.
        step = 1 if trail.events not in file.parents else max(1, length // 1_000)
        for at in range(0, length, step):
            flip(file, at, 1 << (at % 8))
            findings = verify(trail.path).findings
            flip(file, at, 1 << (at % 8))
            assert str(file.relative_to(trail.path)) in {finding.file for finding in findings}, (file, at)
            flips += 1
    assert flips > 5_000
    assert verify(trail.path).state == "not_anchored"
    shutil.rmtree(trail.path)
