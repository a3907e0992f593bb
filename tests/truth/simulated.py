"""Histories with a known truth and the trails made of them: written once, shared by every suite that asks of them."""

from __future__ import annotations

import fcntl
import json
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from mailwitness.intake.importing import import_paths
from mailwitness.simulate.simulation import simulate
from mailwitness.trail.create import create_trail

GENERATIONS = ("2003", "2007", "2019", "online", "hybrid")
SEEDS = range(1, 21)


class Simulated(NamedTuple):
    """One history: its evidence, the trail made of it, and what truly happened."""

    evidence: Path
    trail: Path
    truth: list[dict[str, Any]]


def simulated(shared: Path, generation: str, seed: int) -> Simulated:
    """Return the history of `generation` and `seed` (30 mailboxes, 30 days), made below `shared` if not there yet."""
    folder = shared / f"{generation}-{seed}"
    with (shared / f"{generation}-{seed}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            simulate(folder / "e", seed=seed, mailboxes=30, days=30, generation=generation, max_records=3_000)
            made = create_trail(folder / "trail", organization="simulated", key_dir=folder / "keys")
            end = max(datetime.fromisoformat(row["at"]) for row in _truth(folder))  # the state stands at the end
            times = {"time_zone": "UTC", "collected_at": end}
            import_paths(folder / "trail", [folder / "e"], key_path=made.key_path, workers=1, **times)  # runs are many
            (folder / "made").touch()
    return Simulated(folder / "e", folder / "trail", _truth(folder))


def _truth(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "e" / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
