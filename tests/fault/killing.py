"""Writers to kill, and what has to hold afterwards."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from tests.fault.zygote import batches
from tests.trail.trails import batch, event, make_trail

from mailwitness.trail.reader import open_reader
from mailwitness.trail.recovery import Remark
from mailwitness.trail.verify import verify
from mailwitness.trail.writer import Writer


class Zygote:
    """Starts writers in no time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("zygote.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start(self, order: dict[str, object]) -> int:
        """Start a writer and return its process id."""
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def wait(self) -> int:
        """Wait for the writer to end; return how it did, as os.waitpid gives it."""
        return int(self._process.stdout.readline())

    def close(self) -> str:
        """End, and return what the writers said of their errors."""
        return self._process.communicate()[1]


class Victim:
    """A trail whose writers are killed."""

    def __init__(self, folder: Path, zygote: Zygote, seed: int, rounds: int = 60) -> None:
        self.created = make_trail(folder)
        self.path = self.created.trail.path
        self.acks = folder / "acks"
        self.acks.touch()
        self.seed, self.rounds = seed, rounds
        self.recovery: list[Remark] = []
        """What the writer after the kill put right."""
        self._zygote = zygote

    def start(self, go: Path | None = None) -> int:
        """Start a writer; it waits for `go` to exist."""
        return self._zygote.start(
            {
                "trail": str(self.path),
                "key": str(self.created.key_path),
                "acks": str(self.acks),
                "seed": self.seed,
                "rounds": self.rounds,
                "go": str(go) if go else None,
            }
        )

    def kill_at_random(self) -> None:
        """Start a writer and kill it at a moment drawn from the seed, from its first step to its end."""
        pid = self.start()
        time.sleep(random.Random(self.seed).uniform(0, 0.8))
        os.kill(pid, signal.SIGKILL)
        self._zygote.wait()

    def acknowledged(self) -> set[str]:
        """Return the events whose commit had returned."""
        rounds = batches(self.seed, self.rounds)
        done = [line for line in self.acks.read_text().split("\n")[:-1] if line != "end"]
        return {event(n).event_id for line in done for n in rounds[int(line)]}

    def check(self) -> int:
        """Check everything that has to hold after a kill; return how many leaves had been acknowledged."""
        acknowledged = self.acknowledged()
        before = verify(self.path)
        assert before.findings == [], before.findings
        assert acknowledged <= recorded(self.path)
        with Writer.open(self.path, grace=timedelta(0)) as writer:
            self.recovery = list(writer.recovery)
            for numbers in batches(self.seed, self.rounds):
                writer.append(batch(numbers))
        again = verify(self.path, deep=True)
        assert (again.findings, again.remarks) == ([], []), (again.findings, again.remarks)
        expected = {event(n).event_id for numbers in batches(self.seed, self.rounds) for n in numbers}
        assert recorded(self.path) == expected
        with Writer.open(self.path) as writer:
            assert writer.recovery == []
        shutil.rmtree(self.path.parent)
        return len(acknowledged)


def recorded(path: Path) -> set[str]:
    """Return the event ids in the entries, each once."""
    found = [json.loads(entry).get("event_id") for _seq, entry in open_reader(path).entries()]
    events = [event_id for event_id in found if event_id]
    assert len(events) == len(set(events))
    return set(events)
