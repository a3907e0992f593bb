"""What it costs to know what all custody leaves say: without what was kept, with it, and after some more deliveries.

    python benchmarks/custody_leaves.py FOLDER [LEAVES]

FOLDER is made, with a trail of LEAVES (500,000) custody leaves as small deliveries of eight servers make them. Times
are seconds of this process, each the first of its kind in it; memory is its peak so far.
"""

from __future__ import annotations

import hashlib
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mailwitness.analysis.gaps import RecordNumbersSeen
from mailwitness.analysis.uncollected import Notices
from mailwitness.directory.store import load_observations
from mailwitness.engine.embedded import Embedded
from mailwitness.intake.known import in_custody
from mailwitness.readiness.proof import Collections
from mailwitness.trail.create import create_trail
from mailwitness.trail.leaves import leaf_batch, leaf_entry
from mailwitness.trail.reader import open_reader
from mailwitness.trail.schema import NO_EVENTS
from mailwitness.trail.writer import Writer

A_COMMIT = 5_000
HOSTS = 8
RECORDS = 120
AT = datetime(2026, 3, 1, tzinfo=UTC)


def statement(number: int) -> dict[str, Any]:
    """Return what the custody leaf of a small delivery says; a record is missing after every 50,000."""
    host, last = f"dc{number % HOSTS}.corp.example.com", (number // HOSTS + 1) * RECORDS
    first = last - RECORDS + (2 if number % 50_000 == HOSTS else 1)
    return {
        "act": "imported",
        "evidence": [
            {
                "name": f"{host}/winlogbeat-{number}.ndjson",
                "sha256": hashlib.sha256(str(number).encode()).hexdigest(),
                "size": 65_536,
                "kept": True,
            }
        ],
        "found_at": "2026-03-01T00:00:00.000000Z",
        "modified_at": "2026-03-01T00:00:00.000000Z",
        "format": "winlogbeat",
        "computers": [host],
        "observed_origin": "192.0.2.7",
        "person": "mailwitness",
        "host": "collector",
        "version": "0.1.0",
        "counts": dict.fromkeys(("seen", "recorded", "duplicates", "filtered", "unread", "problems"), RECORDS),
        "problems": [],
        "problems_by_code": {},
        "continuity": [{"computer": host, "channel": "Security", "ranges": [str(first), str(last)]}],
        "clears": [],
        "collector": "http",
        "received_at": "2026-03-01T00:00:00.000000Z",
        "claimed_host": host,
    }


def deliver(trail: Path, key: Path, first: int, count: int) -> None:
    """Write custody leaves, many a commit: one a commit would wait for the disk 500,000 times."""
    with Writer.open(trail, key) as writer:
        for start in range(first, first + count, A_COMMIT):
            numbers = range(start, min(start + A_COMMIT, first + count))
            said = [leaf_entry("custody", {"statement": statement(number)}, AT)[0] for number in numbers]
            row = leaf_batch("custody", said[0], AT)
            rows = row.take(pa.array(np.zeros(len(said), dtype=np.int64)))
            rows = rows.set_column(rows.schema.get_field_index("entry"), "entry", pa.array(said, pa.binary()))
            writer._hold(pa.RecordBatch.from_arrays(rows.columns, schema=row.schema), np.full(len(said), NO_EVENTS))  # noqa: SLF001 - one by one takes an hour
            writer.commit()


def ask(trail: Path, what: str) -> None:
    """Ask everything once, and print the time of each."""
    with Embedded(open_reader(trail)) as engine:
        questions: dict[str, Callable[[], object]] = {
            "holes in record numbers": lambda: engine.custody(RecordNumbersSeen).holes(),
            "notices of collectors": lambda: engine.custody(Notices),
            "times of collection": lambda: engine.custody(Collections),
            "evidence in custody": lambda: in_custody(trail),
            "states of the directory": lambda: load_observations(trail),
        }
        for name, question in questions.items():
            began, worked = time.perf_counter(), time.process_time()
            question()
            took, work = time.perf_counter() - began, time.process_time() - worked
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(f"{what:32} {name:26} {took:8.3f} s ({work:.3f} s of CPU)   {peak} MiB", flush=True)


def main() -> None:
    """Make the trail and ask."""
    folder = Path(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 500_000
    made = create_trail(folder / "trail", key_dir=folder / "keys")
    trail = folder / "trail"
    began = time.perf_counter()
    deliver(trail, made.key_path, 0, count)
    print(f"{count} leaves written in {time.perf_counter() - began:.0f} s", flush=True)
    ask(trail, "nothing kept")
    ask(trail, "kept")
    deliver(trail, made.key_path, count, 100)
    ask(trail, "100 deliveries later")


if __name__ == "__main__":
    main()
