"""Kills an import with SIGKILL at a given moment, and says what must hold at every one of them."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import imported

from mailwitness.intake.importing import import_paths
from mailwitness.trail.reader import open_reader
from mailwitness.trail.verify import verify

IMPORTER = Path(__file__).parent / "importer.py"
SECONDS = 2.5
"""About how long the whole import takes."""


def evidence(fake, folder):
    """Write the evidence: several files, several commits, each event once."""
    folder.mkdir()
    for n in range(4):
        lines = [f"event {n * 1500 + i} person{i % 13}" for i in range(1500)]
        (folder / f"{n}.fake").write_bytes(fake.file_of(lines))
    return folder


def children(pid):
    """Return the process ids of the children of a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _wait_for_the_end_of(readers):
    """Readers end by themselves when nobody is there to read for."""
    deadline = time.monotonic() + 60
    while any(_is_alive(pid) for pid in readers):
        assert time.monotonic() < deadline, f"readers that outlive their import: {readers}"
        time.sleep(0.05)


def _is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def check(created, folder, fake, moment):
    """Kill an import after `moment` seconds, and look: nothing acknowledged lost, and the next import completes it."""
    path = created.trail.path
    process = subprocess.Popen([sys.executable, IMPORTER, path, created.key_path, folder])
    try:
        time.sleep(moment)
        readers = children(process.pid)
    finally:
        process.kill()
        process.wait()
    _wait_for_the_end_of(readers)
    acknowledged = open_reader(path).size

    report = import_paths(path, [folder], key_path=created.key_path, workers=1, command=fake.COMMAND)

    assert report.totals.recorded + report.totals.duplicates == 6000
    assert len(imported.event_ids(path)) == len(set(imported.event_ids(path))) == 6000
    assert open_reader(path).size >= acknowledged
    assert {said["evidence"][0]["name"][-6:] for said in imported.statements(path)} == {f"{n}.fake" for n in range(4)}
    assert verify(path, deep=True).findings == []
    return report.totals.duplicates
