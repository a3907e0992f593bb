"""A kill, an input/output error and a full disk at the system calls of a writer, injected by strace."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess

import pytest
from tests.fault.killing import Victim, Zygote

pytestmark = pytest.mark.slow
CALLS = ["openat", "write", "fsync", "rename", "linkat", "mkdir", "unlink"]
FAULTS = ["signal=SIGKILL", "error=EIO", "error=ENOSPC"]
# A failing write would mostly hit the eventfds by which threads wake each other, which no disk can make fail:
# test_trail_disk_full.py has writes that fail for want of room.
CASES = [(call, fault) for call in CALLS for fault in FAULTS if call != "write" or fault == "signal=SIGKILL"]
POINTS = 5
"""Of the invocations of each call, so many are hit, spread over the run."""
ROUNDS, SEED = 6, 8
"""This seed's six rounds append, seal and compact."""


@pytest.fixture(scope="module")
def zygote():
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    zygote = Zygote()
    yield zygote
    zygote.close()


def run(victim: Victim, zygote: Zygote, *options: str) -> int:
    """Run a writer under strace; return how it ended."""
    go = victim.acks.with_name("go")
    pid = victim.start(go)
    log = victim.acks.with_name("strace")
    with subprocess.Popen(
        ["strace", "-f", "-p", str(pid), "-o", str(log), *options], stderr=subprocess.PIPE, text=True
    ) as tracing:
        assert "attached" in tracing.stderr.readline()
        go.touch()
        status = zygote.wait()
    assert status != signal.SIGALRM, "the writer hung"
    return status


@pytest.fixture(scope="module")
def counts(zygote, tmp_path_factory):
    """How often an undisturbed run makes each call."""
    victim = Victim(tmp_path_factory.mktemp("count") / "victim", zygote, SEED, ROUNDS)
    assert run(victim, zygote, "-e", "trace=" + ",".join(CALLS)) == 0
    log = victim.acks.with_name("strace").read_text()
    victim.check()
    return {call: len(re.findall(rf"\b{call}\(", log)) for call in CALLS}


@pytest.mark.parametrize(("call", "fault"), CASES)
def test_a_fault_at_any_call_loses_nothing_acknowledged(zygote, counts, tmp_path, call, fault):
    assert counts[call] > 0
    disturbed = 0
    for point in sorted({1 + counts[call] * i // POINTS for i in range(POINTS)}):
        victim = Victim(tmp_path / f"victim-{point}", zygote, SEED, ROUNDS)
        disturbed += run(victim, zygote, "-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={point}") != 0
        victim.check()
    # An error that stops nothing (an old file that could not be deleted) is no failure; a kill always is.
    assert disturbed > 0 or call == "unlink"
