"""Readers and imports may be killed at any moment: nothing is lost, nothing is there twice."""

from __future__ import annotations

import os
import random
import signal
import threading
from pathlib import Path

import imported
import killed_import
import pytest

from mailwitness.intake import importing, planning
from mailwitness.intake.importing import import_paths

SEED = 20261124


@pytest.mark.parametrize("moment", [0.5, 1.2, 1.6, 2.0])
def test_an_import_that_is_killed_is_completed_by_the_next(fake, make_trail, tmp_path, moment):
    killed_import.check(make_trail("trail"), killed_import.evidence(fake, tmp_path / "evidence"), fake, moment)


def _readers():
    """Return the process ids of this process's children that read evidence."""
    found = []
    for child in killed_import.children(os.getpid()):
        command = Path(f"/proc/{child}/cmdline")
        if command.exists() and b"fake_reader" in command.read_bytes():
            found.append(child)
    return found


def test_readers_that_are_killed_cost_nothing(fake, new_trail, tmp_path, monkeypatch):
    folder = killed_import.evidence(fake, tmp_path / "evidence")
    monkeypatch.setattr(planning, "TASK_BYTES", 16 * fake.CHUNK)
    monkeypatch.setattr(importing, "AHEAD", 2)
    rng = random.Random(SEED)
    due, over = threading.Semaphore(0), threading.Event()
    killed = []
    tasks = iter(range(1_000_000))

    def kill():
        while due.acquire() and not over.is_set():
            over.wait(rng.uniform(0, 0.03))  # in the middle of what is read next
            if readers := _readers():
                killed.append(rng.choice(readers))
                os.kill(killed[-1], signal.SIGKILL)

    def now_and_then(done, total, evidence):  # noqa: ARG001 - as the import calls it
        """Have one killed after every thirteenth task: in a given time a slow machine reads less."""
        if next(tasks) % 13 == 0:
            due.release()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        report = import_paths(
            new_trail.trail.path,
            [folder],
            key_path=new_trail.key_path,
            command=fake.COMMAND,
            progress=now_and_then,
        )
    finally:
        over.set()
        due.release()
        thread.join()

    assert len(killed) > 2
    assert (report.totals.seen, report.totals.recorded) == (6000, 6000)
    assert len(imported.event_ids(new_trail.trail.path)) == 6000
    assert {problem.code for problem in report.problems} <= {"reader_died"}
