"""Deliver Winlogbeat documents over HTTP and count what is durable: 1 KiB each, 1,000 a request, 8 connections.

A tenth of the documents is relevant. Sender, HTTP intake, writer and readers share the machine's cores; a document
counts when its request was answered, which is after the commit. Printed are events a second, the time to the answer
(median, 99th percentile, worst), the CPU seconds of each side for a million events, and the memory of the service
(proportional set size of all its processes) along the way: flat means that the second half does not grow.

    python benchmarks/http_intake.py [--events 1000000] [--relevant 10] [--keep hash|keep] [--folder DIR]
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

from import_security_log import family, memory
from security_log import OTHER, RELEVANT, START, other, relevant

from mailwitness.collect.http_settings import new_token
from mailwitness.simulate.layouts import Layouts
from mailwitness.simulate.writers.event_json import winlogbeat
from mailwitness.trail.create import create_trail

BATCH = 1000
CONNECTIONS = 8
DOCUMENT = 1024
POOL = 2000
NUMBER, TIME = 7_777_777_777, "2026-03-02T07:00:00.000Z"
PATH = "/_bulk?filter_path=errors,items.*.error,items.*.status"
ACTION = b'{"create":{"_index":"winlogbeat-8.17.0"}}\n'
GOAL_RATE, GOAL_SECONDS = 20_000, 1.0


def templates(share: float) -> list[bytes]:
    """Return action lines and documents, to be filled with time and record number."""
    rng = random.Random(1)
    layouts = Layouts("windows_2008", named=True)
    words, weights = zip(*RELEVANT, strict=True)
    made = []
    for n in range(POOL):
        if n % 100 < 100 * share:
            record = relevant(rng, rng.choices(words, weights)[0], layouts, START)
        else:
            record = other(rng, rng.choices(OTHER, [kind[2] for kind in OTHER])[0], layouts, START)
        document = winlogbeat(record)
        document["@timestamp"], document["winlog"]["record_id"] = TIME, NUMBER
        bare = len(json.dumps(document | {"message": ""}, separators=(",", ":")))
        document["message"] = ("An operation was performed on an object. " * 30)[: max(0, DOCUMENT - bare)]
        text = json.dumps(document, separators=(",", ":")).replace("%", "%%")
        text = text.replace(TIME, "%s").replace(str(NUMBER), "%d")
        made.append(ACTION + text.encode() + b"\n")
    rng.shuffle(made)
    return made


def bodies(share: float) -> list[tuple[bytes, int]]:
    """Return whole requests to be filled in, and how many documents each has."""
    pool = templates(share)
    return [(b"".join(pool[at : at + BATCH]), BATCH) for at in range(0, POOL, BATCH)]


def send(port: int, token: str, events: int, share: float) -> None:
    """Be the sender; print the seconds of every request and the CPU seconds used."""
    made = bodies(share)
    requests = itertools.count()
    total = events // BATCH
    took: list[float] = []
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        while (number := next(requests)) < total:
            body, count = made[number % len(made)]
            said: list[object] = []
            first = number * BATCH
            at = START + timedelta(milliseconds=first)
            text = (at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z").encode()
            for record in range(first + 1, first + count + 1):
                said += (text, record)
            data = body % tuple(said)
            while True:
                begun = time.perf_counter()
                connection.request("POST", PATH, data, headers)
                answer = connection.getresponse()
                content = answer.read()
                took.append(time.perf_counter() - begun)
                if answer.status == 200:
                    break
                time.sleep(float(answer.headers.get("Retry-After", "1")))
            if b'"errors":false' not in content:
                raise SystemExit(content[:500].decode())
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"seconds": time.perf_counter() - begun, "took": took, "cpu": time.process_time()}))


def children(pid: int) -> list[int]:
    return family(pid)[1:]


def ticks(pid: int, first: int) -> float:
    """Return seconds out of /proc/PID/stat: fields 11 and 12 are a process's own, 13 and 14 those of ended children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[first : first + 2])) / os.sysconf("SC_CLK_TCK")


def cpu_seconds(writer: int, intake: int) -> dict[str, float]:
    """Return the CPU seconds of each side so far; a reader that was replaced in between counts."""
    readers = ticks(writer, 13) + sum(ticks(pid, 11) for pid in children(writer))
    return {"writer": ticks(writer, 11), "readers": readers, "http": ticks(intake, 11)}


def started(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True)


def line_of(process: subprocess.Popen[str]) -> str:
    """Return the next line a process prints."""
    if process.stdout is None:
        raise SystemExit("a process without output")
    return process.stdout.readline()


def measure(folder: Path, events: int, share: float, keep: str) -> bool:
    """Run once and print the figures; return whether the goals are met."""
    trail = create_trail(folder / "trail", key_dir=folder / "keys", organization="contoso", keep_evidence=keep).trail
    token, digest = new_token()
    writer = started(["-m", "mailwitness.collect.writer_process", str(trail.path)])
    line_of(writer)
    live = Path(__file__).parent.parent / "tests" / "fault" / "live_http.py"
    intake = started([str(live), str(trail.path), digest])
    port = int(line_of(intake))
    time.sleep(3)  # the readers load what they need
    before = cpu_seconds(writer.pid, intake.pid)
    sender = started([str(Path(__file__).resolve()), "--send", f"{port}", token, str(events), str(share)])
    grown: list[tuple[float, float]] = []
    begun = time.perf_counter()
    with ThreadPoolExecutor(1) as waiting:
        answer = waiting.submit(line_of, sender)  # read meanwhile: a pipe does not hold the times of 10,000 requests
        while not answer.done():
            grown.append((time.perf_counter() - begun, memory(writer.pid) + memory(intake.pid)))
            time.sleep(1)
    said = json.loads(answer.result())
    after = cpu_seconds(writer.pid, intake.pid)
    used = {name: after[name] - before[name] for name in after} | {"sender": said["cpu"]}
    for process in (intake, writer):
        process.terminate()
        process.wait(60)
    report(said, used, grown, events, trail.path)
    rate, p99 = events / said["seconds"], quantile(said["took"], 0.99)
    return rate >= GOAL_RATE and p99 < GOAL_SECONDS


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def report(
    said: dict[str, Any], used: dict[str, float], grown: list[tuple[float, float]], events: int, trail: Path
) -> None:
    took, seconds, million = said["took"], said["seconds"], events / 1e6
    kept = sum(p.stat().st_size for p in trail.rglob("*") if p.is_file()) / 2**20
    whole = sum(used.values()) / million
    print(f"events        {events:,} in {seconds:.1f} s: {events / seconds:,.0f} a second durable")
    print(
        f"answer        median {statistics.median(took):.3f} s, p99 {quantile(took, 0.99):.3f}, worst {max(took):.3f}"
    )
    parts = ", ".join(f"{name} {count / million:.1f}" for name, count in used.items())
    print(
        f"CPU           {whole:.1f} s for a million ({parts}): two cores to themselves give {2e6 / whole:,.0f} a second"
    )
    half = [mib for at, mib in grown if at > grown[-1][0] / 2]
    quarter = max(1, len(half) // 4)
    slope = statistics.mean(half[-quarter:]) - statistics.mean(half[:quarter])
    print(f"memory        {half[-1]:.0f} MiB at the end, {slope:+.1f} MiB over the second half; trail {kept:.0f} MiB")
    print("memory along  " + " ".join(f"{mib:.0f}" for _at, mib in grown[:: max(1, len(grown) // 12)]), flush=True)


def main() -> None:
    if sys.argv[1:2] == ["--send"]:
        send(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--relevant", type=float, default=10, metavar="PERCENT")
    parser.add_argument("--keep", choices=["keep", "hash"], default="keep")
    parser.add_argument("--folder", type=Path, help="where the trail is made")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="mailwitness-benchmark-") as folder:
        if not measure(Path(folder), given.events, given.relevant / 100, given.keep):
            raise SystemExit(f"the goal ({GOAL_RATE:,} events a second, p99 under {GOAL_SECONDS} s) is missed")


if __name__ == "__main__":
    main()
