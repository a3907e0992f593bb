"""`mailwitness simulate`: an organisation's history in every real file format, and truth.jsonl beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import msgspec

from mailwitness.errors import UsageError
from mailwitness.simulate.evidence_folder import EvidenceFolder
from mailwitness.simulate.history import History
from mailwitness.simulate.setups import GENERATIONS, Generation, set_up
from mailwitness.simulate.state import last_logons, state_records, write_state
from mailwitness.simulate.writers.truth_lines import TruthWriter

_SMALLEST = 8
"""Mailboxes a history needs for its cast."""


class Simulated(msgspec.Struct, frozen=True):
    """What a simulation wrote: its files (truth.jsonl is the last), the records in them, rows of truth by kind."""

    files: list[Path]
    records: int
    rows: dict[str, int]


def simulate(
    folder: Path,
    seed: int,
    mailboxes: int = 30,
    days: int = 30,
    generation: Generation | Literal["all"] = "all",
    max_records: int = 3_000,
) -> Simulated:
    """Write the history of one organisation (or, with "all", of one of each generation) below `folder`.

    `max_records` bounds the records of each organisation: log records, audit records, rows of exports and LDIF entries.
    The same arguments write the same bytes. Raises UsageError for a generation nobody knows, too few mailboxes or days,
    or a bound too low for the exports alone.
    """
    chosen = GENERATIONS if generation == "all" else (generation,)
    if not set(chosen) <= set(get_args(Generation)):
        raise UsageError(f"no generation {generation}", remedy=f"one of {', '.join((*GENERATIONS, 'all'))}")
    if mailboxes < _SMALLEST or days < 1:
        raise UsageError(f"{mailboxes} mailboxes and {days} days", remedy=f"at least {_SMALLEST} mailboxes and one day")
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    records = 0
    with TruthWriter(folder / "truth.jsonl") as truth:
        for name in chosen:
            truth.below = name
            written, paths = _play(folder / name, name, seed, mailboxes, days, max_records, truth)
            records += written
            files += paths
    return Simulated([*files, folder / "truth.jsonl"], records, truth.kinds)


def _play(
    folder: Path, name: Generation, seed: int, mailboxes: int, days: int, max_records: int, truth: TruthWriter
) -> tuple[int, list[Path]]:
    setup = set_up(name, seed, mailboxes)
    reserved = state_records(setup)
    if reserved >= max_records:
        raise UsageError(
            f"the state of {mailboxes} mailboxes alone takes {reserved} records", remedy="allow more records"
        )
    with EvidenceFolder(folder, setup.logs) as evidence:
        history = History(setup, seed, evidence, truth)
        history.missing_log(days)
        history.run(days, max_records - reserved)
    state, paths = write_state(folder, setup, days)
    for row in last_logons(setup, days):
        truth.write(row)
    return evidence.written + state, evidence.paths + paths
