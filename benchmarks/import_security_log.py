"""Import a 1 GiB Security log into a sealed, fsynced trail, beside what a user would write instead.

The rival is the shortest honest reader: `evtx` rendering every record to JSON and `orjson` parsing it, once, in one
process, keeping nothing. Ours is the command line as a person runs it: evidence taken into custody, every checksum and
record number checked, events made, hashed, signed, fsynced. Both start from a warm page cache, turn about, on the same
two cores; the median of the runs counts. Memory is the sum of the proportional set sizes of all processes, sampled.

    python benchmarks/import_security_log.py [--mib 1024] [--relevant 2 10 25 100] [--repeat 3] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from security_log import make

GOAL_RATIO = 2.0
GOAL_MIB = 600
GOAL_SHARE = 10
SAMPLE_SECONDS = 0.2
RIVAL = """
import sys, evtx, orjson
records = 0
for record in evtx.PyEvtxParser(sys.argv[1]).records_json():
    orjson.loads(record["data"])
    records += 1
print(records)
"""


def family(pid: int) -> list[int]:
    """Return a process and everything it started."""
    found = [pid]
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += family(int(child))
    except OSError:
        pass  # it ended while we looked
    return found


def memory(pid: int) -> float:
    """Return the MiB that a process and its children hold, what they share counted once."""
    total = 0
    for member in family(pid):
        try:
            rollup = Path(f"/proc/{member}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total / 1024


def timed(command: list[str]) -> tuple[float, float, str]:
    """Run a command; return its seconds, its peak of memory in MiB and what it printed."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, memory(process.pid))
        try:
            process.wait(SAMPLE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    seconds = time.perf_counter() - begun
    printed = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}: {printed[-2000:]}")
    return seconds, peak, printed


def ours(log: Path, folder: Path, number: int) -> tuple[float, float, dict[str, int]]:
    """Import the log into a new trail; return seconds, MiB and the counts."""
    trail = folder / f"trail{number}"
    program = str(Path(sys.executable).with_name("mailwitness"))
    timed([program, "init", "--trail", str(trail), "--key-dir", str(folder / "keys"), "--organization", "contoso"])
    seconds, peak, printed = timed([program, "import", str(log), "--trail", str(trail), "--format", "json"])
    subprocess.run(["rm", "-rf", str(trail)], check=True)
    return seconds, peak, json.loads(printed)


def measure(folder: Path, mib: int, percent: float, repeat: int) -> dict[str, float]:
    """Make a log of this share, and time both programs on it."""
    log = folder / f"Security-{percent:g}.evtx"
    written = make(log, mib, percent / 100)
    subprocess.run(["sync"], check=True)
    rival, mine, peaks = [], [], []
    for number in range(repeat):
        seconds, _, printed = timed([sys.executable, "-c", RIVAL, str(log)])
        if int(printed) != written:
            raise SystemExit(f"evtx reads {printed.strip()} of {written} records: the log is not what it should be")
        rival.append(seconds)
        seconds, peak, counts = ours(log, folder, number)
        if counts["seen"] != written or counts["problems"] or counts["unread"]:
            raise SystemExit(f"the import of {written} records saw {counts}")
        mine.append(seconds)
        peaks.append(peak)
    log.unlink()
    return {
        "percent": percent,
        "records": written,
        "events": counts["events"],
        "rival": statistics.median(rival),
        "ours": statistics.median(mine),
        "ratio": statistics.median(mine) / statistics.median(rival),
        "mib": max(peaks),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--relevant", type=float, nargs="+", default=[2, 10, 25, 100], metavar="PERCENT")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where there is room for three times the log")
    said = parser.parse_args()
    print(f"{said.mib} MiB Security log, median of {said.repeat}\n")
    print("| relevant | records | events sealed | evtx + orjson | import | ratio | peak memory |")
    print("|---|---|---|---|---|---|---|")
    missed = []
    with tempfile.TemporaryDirectory(dir=said.folder, prefix="mailwitness-benchmark-") as folder:
        for percent in said.relevant:
            row = measure(Path(folder), said.mib, percent, said.repeat)
            print(
                "| {percent:g} % | {records:,.0f} | {events:,.0f} | {rival:.1f} s | {ours:.1f} s | {ratio:.2f} "
                "| {mib:.0f} MiB |".format(**row),
                flush=True,
            )
            if row["mib"] >= GOAL_MIB or (percent <= GOAL_SHARE and row["ratio"] > GOAL_RATIO):
                missed.append(f"{percent:g} %")
    if missed:
        raise SystemExit(f"the goal (ratio {GOAL_RATIO} up to {GOAL_SHARE} %, {GOAL_MIB} MiB) is missed at {missed}")


if __name__ == "__main__":
    main()
