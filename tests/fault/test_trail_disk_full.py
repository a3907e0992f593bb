"""A disk that is full at any byte: the writer stops, nothing acknowledged is lost, and with room it goes on."""

from __future__ import annotations

import os
import random
import subprocess
from datetime import timedelta

import pytest
from tests.fault.zygote import batches
from tests.trail.trails import batch, make_trail

from mailwitness.errors import TrailError
from mailwitness.trail.verify import verify
from mailwitness.trail.writer import Writer

pytestmark = pytest.mark.slow
POINTS = 60
MEGABYTE = 1 << 20


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 16 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)], check=False)
    if done.returncode:
        pytest.skip("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_at_any_byte(small_disk):
    rng = random.Random(5)
    stopped = 0
    for point in range(POINTS):
        folder = small_disk / str(point)
        folder.mkdir()
        created = make_trail(folder)
        filler = folder / "filler"
        _fill(filler, rng.randrange(400_000))
        acknowledged: set[int] = set()
        failure = _write(created, point, acknowledged)
        stopped += failure is not None
        assert failure is None or "start again" in failure.remedy
        assert verify(created.trail.path).findings == []
        filler.unlink()
        with Writer.open(created.trail.path) as writer:
            kept = writer.append(batch(sorted(acknowledged))).kept
            assert not kept.any()
            for numbers in batches(point, 6):
                writer.append(batch(numbers))
        verdict = verify(created.trail.path, deep=True)
        assert verdict.findings == []
        subprocess.run(["rm", "-rf", str(folder)], check=True)
    assert stopped >= POINTS // 3


def _write(created, seed, acknowledged):
    """Append until it fails; return the error."""
    try:
        with Writer.open(created.trail.path, grace=timedelta(0)) as writer:
            for number, numbers in enumerate(batches(seed, 6)):
                writer.append(batch(numbers))
                writer.commit()
                acknowledged |= set(numbers)
                if number == 3:
                    writer.compact()
    except TrailError as failure:
        return failure
    return None


def _fill(path, room):
    """Leave `room` bytes on the disk."""
    free = os.statvfs(path.parent)
    with path.open("wb") as file:
        left = free.f_bavail * free.f_frsize - room
        while left > 0:
            left -= file.write(b"\0" * min(left, MEGABYTE))
