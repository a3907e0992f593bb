"""Parts are kept running, ended in order, and nothing outlives the supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from mailwitness.errors import UsageError
from mailwitness.service import supervisor as module
from mailwitness.service.supervisor import Part, Supervisor

WELL = "trap 'echo {name} >> {file}; exit 0' TERM; echo up >> {file}; while :; do sleep 0.02; done"


class Running:
    """A supervisor in a thread, and what it said."""

    def __init__(self, parts) -> None:
        self.said = []
        self.supervisor = Supervisor(parts, lambda event, **more: self.said.append((event, more)))
        self.well = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.well = self.supervisor.run()

    def until(self, holds, seconds=60.0):
        ends_at = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < ends_at, self.said
            time.sleep(0.01)

    def end(self):
        self.supervisor.stop()
        self._thread.join()
        return self.well


def shell(name, script, **more):
    return Part(name=name, command=("/bin/sh", "-c", script), **more)


def lines(path):
    return path.read_text().split() if path.exists() else []


def test_parts_run_and_end_rank_by_rank(tmp_path):
    file = tmp_path / "log"
    parts = [shell(n, WELL.format(name=n, file=file), rank=r) for n, r in (("writer", 2), ("folder", 0), ("web", 1))]
    running = Running(parts)
    running.until(lambda: lines(file) == ["up"] * 3)
    assert {state.name: state.starts for state in running.supervisor.states} == {"writer": 1, "folder": 1, "web": 1}
    assert running.end() is True
    assert lines(file)[3:] == ["folder", "web", "writer"]
    assert [state.pid for state in running.supervisor.states] == [None] * 3


def test_a_part_that_ends_is_started_again_ever_later(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    file = tmp_path / "log"
    running = Running([shell("short", f"echo x >> {file}; exit 7")])
    running.until(lambda: len(lines(file)) >= 4)
    assert running.end() is not None
    ended = [more for event, more in running.said if event == "part_ended" and "again_in" in more]
    assert [more["code"] for more in ended[:3]] == [7, 7, 7]
    pauses = [more["again_in"] for more in ended]
    assert pauses[1] == 2 * pauses[0]
    assert pauses[2] == 2 * pauses[1]


def test_the_pause_has_an_end_and_begins_anew_after_a_steady_time():
    """By a clock of the test's own: a busy machine takes seconds to end a process."""
    pauses = []
    supervisor = Supervisor([shell("a", "sleep 600")], lambda _event, **more: pauses.append(more.get("again_in")))
    (kept,) = supervisor._kept
    now = 0.0

    def run_for(seconds):
        nonlocal now
        supervisor._look_after(kept, now)
        assert kept.process is not None
        supervisor._look_after(kept, now + seconds)
        kept.process.kill()
        kept.process.wait()
        now += seconds
        supervisor._look_after(kept, now)
        now += pauses[-1]

    for seconds in (*[module.STEADY - 1] * 8, module.STEADY + 1):
        run_for(seconds)
    assert [pause for pause in pauses if pause is not None] == [0.5, 1, 2, 4, 8, 16, 30, 30, 0.5]


def test_a_part_that_does_not_end_is_killed_and_costs_the_writer_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "STOP_SECONDS", 3.0)
    file = tmp_path / "log"
    stubborn = shell("stubborn", f"trap '' TERM; echo up >> {file}; while :; do sleep 0.02; done")
    running = Running([stubborn, shell("writer", WELL.format(name="writer", file=file), rank=2)])
    running.until(lambda: len(lines(file)) == 2)
    began = time.monotonic()
    assert running.end() is False
    assert time.monotonic() - began < 30  # it would not have ended by itself
    assert lines(file)[-1] == "writer"
    assert ("part_killed", {"name": "stubborn"}) in running.said


def test_a_command_that_is_not_there_is_tried_again(monkeypatch):
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    running = Running([Part(name="none", command=("/nonexistent",))])
    running.until(lambda: sum(event == "part_failed" for event, _ in running.said) >= 2)
    running.end()


def test_a_user_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="there is no user nobody-of-that-name"):
        Supervisor([Part(name="a", command=("/bin/true",), user="nobody-of-that-name")])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs parts as others: run the tests as root")
def test_a_part_runs_as_its_user(tmp_path):
    file = tmp_path / "log"
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents:
        if parent == Path(tempfile.gettempdir()):
            break
        parent.chmod(0o755)  # pytest keeps its folders to itself; a parallel run has one more of them
    running = Running([shell("a", f"id -u >> {file}; id -G >> {file}; sleep 9", user="nobody")])
    running.until(lambda: len(lines(file)) >= 2)
    running.end()
    assert "0" not in lines(file)


def test_parts_end_when_the_supervisor_is_killed(tmp_path):
    script = """
import sys
from mailwitness.service.parts import stop_on_signal
stop = stop_on_signal()
open(sys.argv[1], "w").write("up")
stop.wait(60)
open(sys.argv[2], "w").write("ended")
"""
    up, ended = tmp_path / "up", tmp_path / "ended"
    parent = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", {script!r}, {str(up)!r}, {str(ended)!r}]).wait()
"""
    process = subprocess.Popen([sys.executable, "-c", parent])
    ends_at = time.monotonic() + 60
    while not up.exists():
        assert time.monotonic() < ends_at
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    while not ended.exists():
        assert time.monotonic() < ends_at
        time.sleep(0.02)
