"""What the writer does before its first append: compare the table with the signed size, and put a crash right.

The checkpoint decides. Rows beyond its size were never acknowledged: they are set aside and taken in again by
whoever sent them. Fewer rows are no crash of ours: the writer refuses.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from mailwitness.errors import TrailBehind, TrailError, VerificationError
from mailwitness.event import leaf_hash
from mailwitness.trail.checkpoint import Checkpoint, open_checkpoint
from mailwitness.trail.delta_log import (
    Snapshot,
    Span,
    checkpoint_path,
    checkpoints_in,
    commit_path,
    commits_in,
    is_staged,
    read_commit,
    read_snapshot,
)
from mailwitness.trail.durable import TEMPORARY, make_directory, sync_directories
from mailwitness.trail.layout import Trail
from mailwitness.trail.note import VerifierKey
from mailwitness.trail.purged import PurgeLeaf, is_done, purge_leaves, purged_of
from mailwitness.trail.reader import RESTORE, entries_of, signed_note
from mailwitness.trail.schema import NO_EVENTS
from mailwitness.trail.sealing import SealedFile, Seals, hash_file, read_sealed
from mailwitness.trail.tiles import Tree, remove_beyond, write_tiles


class Remark(msgspec.Struct, frozen=True):
    """Something an interrupted writer left behind, and what was done about it."""

    what: str
    where: str
    leaves: int = 0
    """Leaves that were set aside: they were never acknowledged and have to be taken in again."""


class Recovered(msgspec.Struct, frozen=True):
    """The state a writer starts from."""

    tree: Tree
    snapshot: Snapshot
    seals: Seals
    remarks: list[Remark]
    unfinished: list[PurgeLeaf]
    """Purges that are said but not done: their rows are still there."""


def recover(trail: Trail, log_id: str, key: VerifierKey) -> Recovered:
    """Bring a trail whose lock is held to the state its checkpoint signs, and return that state.

    Raises TrailBehind where acknowledged leaves are missing and TrailError where something else than a crash of the
    writer is to be seen.
    """
    checkpoint = open_checkpoint(signed_note(trail, log_id, key), key)
    remarks: list[Remark] = []
    _remove_temporaries(trail, log_id, remarks)
    snapshot = _roll_back(trail, checkpoint.size, remarks)
    _check_files(trail, snapshot)
    seals = _read_seals(trail, snapshot)
    _set_orphans_aside(trail, snapshot, seals, remarks)
    for name in [name for name in seals.removed if not (trail.path / name).exists()]:
        seals.forget(name)
    tree = _load_tree(trail, log_id, checkpoint, snapshot, remarks)
    files = list(snapshot.files.values())
    unfinished = [leaf for leaf in purge_leaves(trail, files) if not is_done(leaf, files)]
    return Recovered(tree, snapshot, seals, remarks, unfinished)


def _remove_temporaries(trail: Trail, log_id: str, remarks: list[Remark]) -> None:
    tiles = (Path(folder) for folder, _folders, _names in os.walk(trail.log(log_id)))
    folders = [trail.path, trail.delta_log, trail.evidence, *_subfolders(trail.evidence), *tiles]
    staged = [path for path in trail.delta_log.iterdir() if is_staged(path.name)]
    for path in [*staged, *(path for folder in folders for path in folder.glob(f"*{TEMPORARY}"))]:
        path.unlink()
        remarks.append(Remark("a file that was being written was removed", str(path)))


def _subfolders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _roll_back(trail: Trail, size: int, remarks: list[Remark]) -> Snapshot:
    """Set commits aside that the checkpoint does not cover, the last first, and return the table as it is then."""
    while True:
        number = max(commits_in(trail.delta_log), default=-1)
        path = commit_path(trail.delta_log, number)
        try:
            version = read_commit(path)
        except TrailError as cause:
            torn, leaves, what = True, 0, f"the last commit of the events table was torn ({cause.what})"
        else:
            leaves = version.span.size - size if version.span else 0
            torn, what = leaves > 0, "a commit of the events table was not acknowledged"
        if not torn or number == 0:
            break
        before = read_snapshot(trail.delta_log, until=number - 1)
        if (held := _held(trail, before)) < size:
            raise TrailBehind(
                f"the events table holds {held} leaves where {size} are signed, and its last commit is torn",
                where=str(path),
                remedy=RESTORE,
            )
        _move_aside(trail, path)
        remarks.append(Remark(f"{what}: set aside, to be taken in again", str(path), max(leaves, 0)))
    return _checked(trail, size)


def _checked(trail: Trail, size: int) -> Snapshot:
    snapshot = read_snapshot(trail.delta_log)
    held = _held(trail, snapshot)
    if held < size:
        raise TrailBehind(
            f"the events table holds {held} leaves where {size} are signed",
            where=str(trail.events),
            remedy=RESTORE,
        )
    if held > size:
        raise TrailError(
            f"the events table holds {held} leaves where {size} are signed; no commit of ours brought them",
            where=str(trail.events),
            remedy=RESTORE,
        )
    return snapshot


def _held(trail: Trail, snapshot: Snapshot) -> int:
    """Return how many leaves a version of the table accounts for: its rows, and what was purged of them."""
    return snapshot.rows + purged_of(trail, snapshot.files.values()).count


def _move_aside(trail: Trail, path: Path) -> None:
    make_directory(trail.set_aside)
    target = trail.set_aside / path.name
    tries = 0
    while target.exists():
        tries += 1
        target = trail.set_aside / f"{path.name}.{tries}"
    path.rename(target)
    sync_directories([path.parent, trail.set_aside])


def _check_files(trail: Trail, snapshot: Snapshot) -> None:
    for file in snapshot.files.values():
        path = trail.events / file.path
        size = path.stat().st_size if path.is_file() else None
        if size != file.size:
            found = "is missing" if size is None else f"has {size} bytes where {file.size} are due"
            raise TrailBehind(
                f"a file with the leaves {file.first_seq} to {file.last_seq} {found}", where=str(path), remedy=RESTORE
            )


def _read_seals(trail: Trail, snapshot: Snapshot) -> Seals:
    """Learn what is sealed, and note what came since: it was committed, so it is hashed as it stands."""
    seals = Seals()
    for entry in sealed_entries(trail, snapshot):
        seals.learn(read_sealed(entry))
    for number in commits_in(trail.delta_log):
        if number > seals.version:
            version = read_commit(commit_path(trail.delta_log, number))
            for file in version.added:
                if file.path in snapshot.files:
                    seals.add(_sealed(trail, trail.events / file.path, file.first_seq, file.last_seq))
            for name in version.removed:
                seals.drop(f"events/{name}")
            span = version.span or Span(0, snapshot.size)
            seals.add(_sealed(trail, commit_path(trail.delta_log, number), span.first, span.size - 1))
    for number in checkpoints_in(trail.delta_log):
        path = checkpoint_path(trail.delta_log, number)
        if number > seals.version:
            seals.add(_sealed(trail, path, 0, snapshot.size - 1))
    return seals


def _sealed(trail: Trail, path: Path, first: int, last: int) -> SealedFile:
    sha256, size = hash_file(path)
    return SealedFile(str(path.relative_to(trail.path)), sha256, size, first, last)


def sealed_entries(trail: Trail, snapshot: Snapshot) -> Iterator[bytes]:
    """Yield the entries of the sealed leaves, in order. Raises TrailError where a file cannot be read."""
    found: list[tuple[int, bytes]] = []
    for file in snapshot.files.values():
        if file.month != NO_EVENTS:
            continue
        path = trail.events / file.path
        try:
            table = pq.read_table(path, columns=["seq", "leaf_kind", "entry"], partitioning=None)
        except (OSError, pa.ArrowException) as cause:
            raise TrailError("a file of the events table cannot be read", where=str(path), remedy=RESTORE) from cause
        table = table.filter(pa.compute.equal(table.column("leaf_kind"), "sealed"))
        found += zip(table.column("seq").to_pylist(), table.column("entry").to_pylist(), strict=True)
    yield from (entry for _seq, entry in sorted(found))


def _set_orphans_aside(trail: Trail, snapshot: Snapshot, seals: Seals, remarks: list[Remark]) -> None:
    for path in sorted(trail.events.glob("log_id=*/month=*/*")):
        name = str(path.relative_to(trail.path))
        if str(path.relative_to(trail.events)) in snapshot.files or seals.knows(name):
            continue
        _move_aside(trail, path)
        remarks.append(Remark("a file that no commit names was set aside", str(path)))


def _load_tree(trail: Trail, log_id: str, checkpoint: Checkpoint, snapshot: Snapshot, remarks: list[Remark]) -> Tree:
    """Read the tree's right edge; where the tiles do not give the signed root, make them again from the entries."""
    log = trail.log(log_id)
    stale = remove_beyond(log, checkpoint.size)
    remarks += [Remark("a tile beyond the signed size was removed", str(path)) for path in stale]
    try:
        tree = Tree.load(log, checkpoint.size)
    except VerificationError as cause:
        what = cause.what
    else:
        if tree.root() == checkpoint.root:
            return tree
        what = "the tiles do not give the signed root"
    tree = Tree()
    leaves = (leaf_hash(entry) for _seq, entry in entries_of(trail, snapshot, 0, checkpoint.size))
    tiles = list(tree.append(leaves))
    if tree.size != checkpoint.size or tree.root() != checkpoint.root:
        raise TrailError(
            "neither the tiles nor the entries give the signed root", where=str(trail.path), remedy=RESTORE
        )
    shutil.rmtree(log / "tile", ignore_errors=True)
    write_tiles(log, [*tiles, *tree.partial_tiles()])
    remarks.append(Remark(f"{what}: all tiles were made again from the entries, which do", str(log)))
    return tree
