"""The table's log, commit by commit, going on where one is damaged."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from mailwitness.errors import TrailError
from mailwitness.trail.delta_log import (
    DataFile,
    Version,
    checkpoint_path,
    checkpoints_in,
    commit_path,
    commits_in,
    read_checkpoint,
    read_commit,
)
from mailwitness.trail.examination import Broken, Examination
from mailwitness.trail.leaf_store import LeafStore
from mailwitness.trail.merkle import HASH_BYTES

_ROWS_A_BYTE = 8
"""Rows that a byte of a Parquet file stands for at most; real ones stand for less than a hundredth."""
DATA_NAME = re.compile(r"[vc]([0-9]{1,18})-([0-9]{1,18})-([0-9]{1,18})-[0-9a-f]{8}\.parquet")
"""The name of a Parquet file: version it was written for, first and last leaf."""


def check_commits(run: Examination, size: int | None) -> None:
    """Find the live files, and the commits that cannot be read. `size` is what the checkpoint signs, if it is good."""
    log = run.trail.delta_log
    try:
        commits, checkpoints = set(commits_in(log)), checkpoints_in(log)
    except TrailError as cause:
        run.size = size or 0
        run.store = LeafStore(run.size)
        run.find_all(log, cause.what)
        return
    start = _read_checkpoint(run, checkpoints)
    run.last_version = max([*commits, *checkpoints], default=-1)
    failed = dict.fromkeys(_gaps(commits, start), "commits are missing")
    for number in sorted(commits):
        version = _read_commit(commit_path(log, number), failed)
        if version is not None:
            run.commits[number] = version
            if number > start:
                _replay(run, version)
    run.size = _size(run) if size is None else size
    if run.size > (bound := _bound(run)):
        what = f"the checkpoint signs {run.size} leaves, more than the files of the table can hold"
        run.find(run.trail.checkpoint(run.log_id), None, None, what)
        run.size = bound
    run.store = LeafStore(run.size)
    run.broken = [_broken(run, number, what) for number, what in failed.items()]


def _read_checkpoint(run: Examination, checkpoints: list[int]) -> int:
    """Start from the newest Delta checkpoint that can be read; return its number, or -1."""
    for number in reversed(checkpoints):
        path = checkpoint_path(run.trail.delta_log, number)
        try:
            run.live = read_checkpoint(path)
        except TrailError as cause:
            run.find_all(path, cause.what)
        else:
            return number
    return -1


def _gaps(commits: set[int], start: int) -> list[int]:
    """Return the first missing number of each gap among the commits after `start`."""
    after = [start, *sorted(number for number in commits if number > start)]
    return [number + 1 for number, following in itertools.pairwise(after) if following > number + 1]


def _read_commit(path: Path, failed: dict[int, str]) -> Version | None:
    try:
        return read_commit(path)
    except TrailError as cause:
        failed[int(path.name[:20])] = cause.what
        return None


def _replay(run: Examination, version: Version) -> None:
    for path in version.removed:
        run.live.pop(path, None)
    run.live.update((file.path, file) for file in version.added)


def _bound(run: Examination) -> int:
    """Return how many rows the files there can hold at most: who signs a size of 2^62 must not use up the memory."""
    rows = _ROWS_A_BYTE * sum(path.stat().st_size for path in run.trail.events.glob("log_id=*/month=*/*.parquet"))
    tiles = (run.trail.log(run.log_id) / "tile" / "0").rglob("*")
    hashed = sum(path.stat().st_size for path in tiles if path.is_file()) // HASH_BYTES  # purged leaves have no row
    return rows + hashed


def _size(run: Examination) -> int:
    said = [version.span.size for version in run.commits.values() if version.span]
    return max(said, default=0)


def _broken(run: Examination, number: int, what: str) -> Broken:
    """Tell which leaves a commit brought from those of its neighbours, or from the names of its files."""
    before = [v.span.size for n, v in run.commits.items() if n < number and v.span]
    after = [v.span.first for n, v in run.commits.items() if n > number and v.span]
    first, last = max(before, default=0), min(after, default=run.size) - 1
    if last < first:  # a compaction brings no leaf: it moves them
        files = files_named(run, number)
        first = min((f.first_seq for f in files), default=0)
        last = max((f.last_seq for f in files), default=max(run.size - 1, 0))
    return Broken(number, commit_path(run.trail.delta_log, number), what, first, last)


def files_named(run: Examination, number: int) -> list[DataFile]:
    """Return the Parquet files on disk that were written for a version, by their names."""
    found = []
    for path in sorted(run.trail.events.glob(f"log_id=*/month=*/[vc]{number}-*.parquet")):
        match = DATA_NAME.fullmatch(path.name)
        if match:
            first, last = int(match[2]), int(match[3])
            log_id, month = path.parts[-3].removeprefix("log_id="), path.parts[-2].removeprefix("month=")
            name = str(path.relative_to(run.trail.events))
            found.append(DataFile(name, path.stat().st_size, log_id, month, last - first + 1, first, last))
    return found
