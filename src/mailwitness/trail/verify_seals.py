"""Sealed files beyond the live ones: the table's log, what compaction left behind, and what should not be there."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mailwitness.trail.delta_log import commit_path, is_staged, number_of
from mailwitness.trail.durable import TEMPORARY
from mailwitness.trail.examination import Examination
from mailwitness.trail.leaf_store import ranges_of
from mailwitness.trail.sealing import hash_file
from mailwitness.trail.verify_table import DATA_NAME


def check_seals(run: Examination) -> None:
    """Check what is sealed and not read yet, name what is missing, and look at every file of the table's folder."""
    live = {f"events/{path}" for path in run.live}
    for name, sealed in run.seals.sealed.items():
        if name not in live:
            # The first commit describes the whole table; any other one, the leaves it brought.
            whole = run.trail.path / name == commit_path(run.trail.delta_log, 0)
            leaves = (0, max(run.size - 1, 0)) if whole else (sealed.first, sealed.last)
            _check_file(run, name, sealed.sha256, sealed.size, leaves)
    _check_broken(run)
    _check_live(run)
    _check_strangers(run, live)
    _check_missing(run)


def _check_file(run: Examination, name: str, sha256: str, size: int, leaves: tuple[int, int]) -> None:
    run.checked.files += 1
    path = run.trail.path / name
    if ".." in Path(name).parts or not name.startswith("events/"):
        run.find(run.trail.events, *leaves, f"a sealed leaf names a file outside the table: {name[:200]!r}")
        return
    try:
        found = hash_file(path)
    except OSError as cause:
        run.find(path, *leaves, f"a sealed file cannot be read: {cause.strerror}")
        return
    if found != (sha256, size):
        run.find(path, *leaves, "a sealed file was changed: its SHA-256 is not the one in the log")


def _check_broken(run: Examination) -> None:
    """A torn last commit that nothing acknowledged is a crash's; every other one is a finding."""
    for broken in run.broken:
        name = run.name(broken.path)
        if run.sealed(name):
            continue  # found by its SHA-256
        if broken.number == run.last_version and broken.number > run.seals.version and run.complete:
            run.torn.add(broken.number)
            run.remarks.append(f"{name}: the last commit is torn; it was never acknowledged ({broken.what})")
        elif broken.number > run.seals.version or name not in run.seals.removed:
            run.find(broken.path, broken.first, broken.last, broken.what)


def _check_live(run: Examination) -> None:
    """A live file that nothing seals has to come from a commit after the last seal."""
    brought = {file.path for n, version in run.commits.items() if n > run.seals.version for file in version.added}
    for path, file in run.live.items():
        if path not in brought and not run.sealed(f"events/{path}") and file.first_seq < run.size:
            run.find(run.trail.events / path, file.first_seq, file.last_seq, "a file that no leaf seals")


def _check_strangers(run: Examination, live: set[str]) -> None:
    """Look at every file below events/ that is neither sealed nor live."""
    for path in sorted(run.trail.events.rglob("*")):
        name = run.name(path)
        if path.is_dir() and not path.is_symlink():
            continue
        if name in live or run.sealed(name):
            continue
        if path.is_symlink():
            run.find(path, None, None, "a link where only files belong")
        elif name in run.seals.removed:
            run.remarks.append(f"{name}: no longer part of the table, to be deleted")
        elif _is_leftover(run, path):
            run.remarks.append(f"{name}: what an interrupted commit leaves behind")
        elif not _is_unsealed(run, path):
            run.find(path, None, None, "a file that neither a leaf nor a commit names")


def _is_leftover(run: Examination, path: Path) -> bool:
    """A Parquet file written for a commit that did not come, a temporary file, or the hint beside a new checkpoint."""
    data = DATA_NAME.fullmatch(path.name)
    in_log = path.parent == run.trail.delta_log
    if data:
        return (int(data[1]) > run.last_version or int(data[1]) in run.torn) and not in_log
    return path.name.endswith(TEMPORARY) or (in_log and is_staged(path.name))


def _is_unsealed(run: Examination, path: Path) -> bool:
    """Return whether a file is new since the last seal: a commit, a Delta checkpoint, or a file of such a commit."""
    if path.parent == run.trail.delta_log:
        number = number_of(path.name)
        return number is not None and number > run.seals.version
    data = DATA_NAME.fullmatch(path.name)
    if data and int(data[1]) in {broken.number for broken in run.broken}:
        return True
    relative = str(path.relative_to(run.trail.events))
    after = (version for n, version in run.commits.items() if n > run.seals.version)
    return any(relative == file.path for version in after for file in version.added)


def _check_missing(run: Examination) -> None:
    """Name the leaves that came from no file, unless a finding explains them already."""
    excused = [(file.first_seq, file.last_seq) for file in run.unread]
    for first, last in ranges_of(np.flatnonzero(~run.accounted())):
        if not any(low <= first and last <= high for low, high in excused):
            run.find(run.trail.events, first, last, "leaves that are signed are missing from the table")
    if commit_path(run.trail.delta_log, 0).exists() and run.last_version < 0:
        run.find_all(run.trail.delta_log, "the table has no commit that can be read")
