"""A process that has everything imported and forks a writer per line it reads: a kill then costs no start.

A line is JSON: `trail`, `key`, `acks` (a file), `seed`, `rounds`, `go` (a file to wait for, or null). The child
appends random batches, and writes a line to `acks` only when `commit` has returned: what the trail has acknowledged.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.trail.trails import batch

from mailwitness.trail.writer import Writer

LONGEST = 120
"""Seconds after which a writer that hangs is ended, which fails its test."""
SPACE = 4000
"""Events there are; batches overlap, so that duplicates happen."""


def batches(seed: int, rounds: int) -> list[list[int]]:
    """Return the numbers of the events of each round."""
    rng = random.Random(seed)
    return [sorted(rng.sample(range(SPACE), rng.choice([1, 3, 40, 300]))) for _ in range(rounds)]


def write(order: dict[str, object]) -> None:
    """Be the writer that is going to be killed."""
    rng = random.Random(int(str(order["seed"])))
    go = order.get("go")
    while go and not Path(str(go)).exists():
        time.sleep(0.005)
    acks = os.open(str(order["acks"]), os.O_WRONLY | os.O_APPEND)
    with Writer.open(Path(str(order["trail"])), Path(str(order["key"])), grace=timedelta(0)) as writer:
        for number, numbers in enumerate(batches(int(str(order["seed"])), int(str(order["rounds"])))):
            writer.append(batch(numbers))
            if rng.random() < 0.3:
                writer.custody({"act": "round", "number": number})
            writer.commit()
            os.write(acks, b"%d\n" % number)
            if rng.random() < 0.15:
                writer.seal()
            if rng.random() < 0.1:
                writer.compact()
    os.write(acks, b"end\n")


def main() -> None:
    """Fork a child for each line."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            status = 1
            signal.alarm(LONGEST)
            try:
                write(json.loads(line))
                status = 0
            except Exception as error:  # noqa: BLE001 - the parent reads it
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
            finally:
                sys.stderr.flush()
                os._exit(status)
        print(pid, flush=True)  # noqa: T201 - this is the answer
        _pid, status = os.waitpid(pid, 0)
        print(status, flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    main()
