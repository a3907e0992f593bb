"""Memory stays flat whatever the size of a file, and below 600 MiB in all processes together."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from mailwitness.simulate.layouts import Layouts
from mailwitness.simulate.writers.evtx import EvtxWriter, chunk_pool

MIB = 2**20
GOAL = 600 * MIB
SCRIPT = '''
import json, os, sys, threading
from pathlib import Path
from mailwitness.intake.importing import import_paths

def shares(pid):
    """The proportional set size of a process: what it shares counts once over all that share it."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        children = [c for t in Path(f"/proc/{pid}/task").iterdir() for c in (t / "children").read_text().split()]
    except OSError:
        return 0  # it ended while we looked
    own = next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0) * 1024
    return own + sum(map(shares, children))

peak, ended = 0, threading.Event()
def watch():
    global peak
    while not ended.wait(0.02):
        peak = max(peak, shares(os.getpid()))

watcher = threading.Thread(target=watch)
watcher.start()
report = import_paths(Path(sys.argv[1]), [Path(sys.argv[3])], key_path=Path(sys.argv[2]), workers=2)
ended.set()
watcher.join()
print(json.dumps({"seen": report.totals.seen, "events": report.totals.events, "peak": peak}))
'''


def _log(path, mib):
    """Write a log in which every third record is relevant."""
    layouts = Layouts("windows_2008", named=True)
    records = [
        layouts.record(
            "logon" if n % 3 == 0 else "kerberos_ticket",
            "dc1.contoso.com",
            datetime(2026, 3, 2, tzinfo=UTC) + timedelta(seconds=n),
            {"TargetUserName": f"user{n}"},
        )
        for n in range(600)
    ]
    pool = chunk_pool(records)
    with EvtxWriter(path) as writer:
        for n in range(mib * 16):
            writer.write_chunk(pool[n % len(pool)])
        return writer.written


def _imported(created, log):
    command = [sys.executable, "-c", SCRIPT, created.trail.path, created.key_path, log]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_memory_is_flat_and_below_the_goal(make_trail, tmp_path):
    small, large = tmp_path / "small.evtx", tmp_path / "large.evtx"
    written = [_log(small, 24), _log(large, 96)]

    first = _imported(make_trail("small"), small)
    second = _imported(make_trail("large"), large)

    assert [first["seen"], second["seen"]] == written
    assert second["events"] > 40_000
    assert second["peak"] < GOAL
    assert second["peak"] - first["peak"] < 160 * MIB  # four times the log; a commit's worth of rows, not more
