"""Acknowledged means fsynced, in the written order: shown on the system calls of a real commit, with strace."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fault.system_calls import TRACED, Disk
from tests.trail.trails import append, batch, files_of, make_trail

PROGRAM = """
import os, sys
from pathlib import Path
if sys.argv[3] == "careless":
    os.fsync = lambda handle: None
from mailwitness.event import Blob
from mailwitness.trail.evidence import EvidenceStore
from mailwitness.trail.writer import Writer
from tests.trail.trails import batch
import hashlib
writer = Writer.open(Path(sys.argv[1]))
acks = open(sys.argv[2], "wb", buffering=0)
evidence = EvidenceStore(writer.trail)
evidence.take(Path(sys.argv[0] if os.path.exists(sys.argv[0]) else sys.executable))
for first in (1000, 1700):
    long = b"x" * 100
    writer.append(batch(range(first, first + 600)), [Blob(hashlib.sha256(long).hexdigest(), long)])
    writer.commit()
    acks.write(b"acknowledged")
writer.compact()
acks.write(b"acknowledged")
writer.close()
"""


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    """Run the program under strace, once with fsync and once without; return what each left unsynced, and when."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    return {how: _run(tmp_path_factory.mktemp(how), how) for how in ("careful", "careless")}


def _run(folder, how):
    created = make_trail(folder)
    append(created, batch(range(10)))
    existing = {*files_of(folder), *(p for p in folder.rglob("*") if p.is_dir())}
    log, acks = folder / "strace", folder / "acks"
    acks.touch()
    trace = ["strace", "-f", "-y", "-s", "300", "-e", f"trace={TRACED}", "-o", str(log)]
    root = Path(__file__).parents[2]
    program = [sys.executable, "-c", PROGRAM, str(created.trail.path), str(acks), how]
    subprocess.run([*trace, *program], check=True, cwd=root, env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"})
    return created.trail, *_moments(created.trail.path, existing, log, acks)


def _moments(trail, existing, log, acks):
    """Return what is unsynced whenever a checkpoint takes its place, and whenever a commit is acknowledged."""
    disk, signed, acknowledged = Disk(trail, existing), [], []
    for line in log.read_text(errors="replace").split("\n"):
        before = disk.unsynced()
        done = disk.follow(line)
        if done and done[0].startswith("rename") and done[1] and done[1][-1].name == "checkpoint":
            signed.append(before)
        elif f"<{acks}>" in line and '"acknowledged"' in line:
            acknowledged.append(disk.unsynced())
    return signed, acknowledged


def test_the_checkpoint_takes_its_place_when_everything_else_is_durable(traced):
    trail, signed, _acknowledged = traced["careful"]
    assert len(signed) == 3  # two commits, and the seal after compaction
    for unsynced in signed:
        assert unsynced.files == frozenset()
        # Only the name of the checkpoint's own temporary file may be in the cache.
        assert {folder.parent for folder in unsynced.folders} <= {trail.path / "log"}


def test_acknowledged_means_that_nothing_is_in_the_cache_only(traced):
    _trail, _signed, acknowledged = traced["careful"]
    assert len(acknowledged) == 3
    assert all(not unsynced.files and not unsynced.folders for unsynced in acknowledged)


def test_a_build_without_fsync_is_caught(traced):
    """The control: without it the two tests above might see nothing because they look at nothing."""
    _trail, signed, acknowledged = traced["careless"]
    assert all(unsynced.files and unsynced.folders for unsynced in signed)
    assert len(acknowledged) == 3
    names = {path.name for path in acknowledged[-1].files}
    assert any(name.endswith(".parquet") for name in names)
    assert any(name.endswith(".json") or "#" in name or name.startswith("_commit_") for name in names)
    assert "checkpoint" in names
    assert "000" in names
