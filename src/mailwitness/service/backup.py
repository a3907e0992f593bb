"""A consistent copy of a trail, made while it is written, and putting one back."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mailwitness import __version__
from mailwitness.errors import TrailError, UsageError, VerificationError
from mailwitness.event import instant
from mailwitness.state.database import open_state
from mailwitness.trail.checkpoint import Checkpoint, open_checkpoint
from mailwitness.trail.delta_log import number_of, read_snapshot
from mailwitness.trail.durable import TEMPORARY, make_directory, replace_durably, sync_directory, sync_file
from mailwitness.trail.layout import Trail
from mailwitness.trail.note import VerifierKey, parse_verifier_key
from mailwitness.trail.reader import signed_note
from mailwitness.trail.settings import Settings, load_settings
from mailwitness.trail.verdict import Verdict
from mailwitness.trail.verify import verify
from mailwitness.trail.verify_table import DATA_NAME

MANIFEST = "backup.json"
_TRIES = 5
_NOT_COPIED = frozenset({"derived", "run", "set-aside", "log"})
"""What can be made anew, sockets, what was never acknowledged; the log is copied last. The key is outside the trail."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says of itself; the checkpoint in it says it with a signature."""

    made_at: str
    version: str
    origin: str
    size: int
    root: str
    files: int
    bytes: int


def back_up(trail: Path, target: Path) -> Manifest:
    """Copy the trail at `trail` to the new folder `target` and verify the copy; the writer may go on meanwhile.

    The copy is the trail as its checkpoint signed it when the copy began. Everything needed to verify and to go on is
    in it but the private key. Raises UsageError where `target` is there already, TrailError where no consistent copy
    came about or it does not verify.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError("there is something already", where=str(target), remedy="name a new or empty folder")
    settings = load_settings(trail)
    make_directory(target)
    for _ in range(_TRIES):  # a file that compaction replaced may go while it is copied: then the rest of a newer state
        try:
            signed = _copy(Trail(trail), settings, target)
            break
        except FileNotFoundError as cause:
            missing = cause
    else:
        raise TrailError("files went while they were copied", where=str(missing.filename), remedy="try it again later")
    verdict = verify(target)
    if verdict.findings:
        finding = verdict.findings[0]
        raise TrailError(
            f"the copy does not verify: {finding.what} ({len(verdict.findings)} findings)",
            where=f"{target}/{finding.file}",
            remedy="run `mailwitness verify` on the trail itself",
        )
    copied = list(_files(target))
    manifest = Manifest(
        made_at=instant(datetime.now(UTC)),
        version=__version__,
        origin=signed.origin,
        size=signed.size,
        root=signed.root.hex(),
        files=len(copied),
        bytes=sum(path.stat().st_size for path in copied),
    )
    replace_durably(target / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
    return manifest


def _copy(trail: Trail, settings: Settings, target: Path) -> Checkpoint:
    """Copy what the checkpoint of now signs. It is read first: all it signs is there, and stays for a while.

    Files of the table and evidence never change once they have their names: what an earlier try copied is not copied
    again. Tiles are gone over twice: a partial one goes when the full one is there.
    """
    key = parse_verifier_key(settings.verifier_key)
    note = signed_note(trail, settings.log_id, key)
    signed = open_checkpoint(note, key)
    version = _version_at(trail, signed.size)
    for path in _wanted(trail, version):
        _copy_once(path, target / path.relative_to(trail.path))
    for tries in range(2):
        for path in _files(trail.log(settings.log_id) / "tile"):
            if not path.name.endswith(TEMPORARY):
                with contextlib.suppress(FileNotFoundError):
                    _copy_file(path, target / path.relative_to(trail.path), again=tries == 0)
    _copy_state(trail, target)
    checkpoint = Trail(target).checkpoint(settings.log_id)
    make_directory(checkpoint.parent)
    replace_durably(checkpoint, note)
    return signed


def _version_at(trail: Trail, size: int) -> int:
    """Return the table's last version that brings no leaf beyond `size`."""
    snapshot = read_snapshot(trail.delta_log)
    version = snapshot.version
    while snapshot.size > size:
        version -= 1
        snapshot = read_snapshot(trail.delta_log, until=version)
    return version


def _wanted(trail: Trail, version: int) -> Iterator[Path]:
    yield trail.settings
    for folder in sorted(trail.path.iterdir()):
        if folder.is_dir() and folder.name not in _NOT_COPIED:
            for path in _files(folder):
                if not path.name.endswith(TEMPORARY) and not _is_later(trail, path, version):
                    yield path


def _files(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _is_later(trail: Trail, path: Path, version: int) -> bool:
    """Return whether a file of the table was written for a version after `version`, or belongs to none."""
    if path.parent == trail.delta_log:
        number = number_of(path.name)
        return number is None or number > version
    data = DATA_NAME.fullmatch(path.name) if trail.events in path.parents else None
    return data is not None and int(data[1]) > version


def _copy_once(source: Path, target: Path) -> None:
    if not target.exists() or target.stat().st_size != source.stat().st_size:
        _copy_file(source, target)


def _copy_file(source: Path, target: Path, *, again: bool = True) -> None:
    if not again and target.exists():
        return
    make_directory(target.parent)
    making = target.with_name(target.name + TEMPORARY)
    shutil.copyfile(source, making)
    shutil.copystat(source, making)  # when a file was written tells retention how old it is
    sync_file(making)
    making.replace(target)
    sync_directory(target.parent)


def _copy_state(trail: Trail, target: Path) -> None:
    """Copy state.db by SQLite's own means: its journal belongs to it."""
    if not trail.state.exists():
        return
    copy = Trail(target).state
    with closing(open_state(trail.path)) as source, closing(sqlite3.connect(copy)) as sink:
        source.backup(sink)
    copy.chmod(0o660)
    sync_file(copy)


def restore(
    backup: Path, trail: Path, *, key: str | None, checkpoint: Path | None, head: Path | None = None
) -> Verdict:
    """Put a backup in place of a trail that is gone, after verifying it; return the verdict.

    `key` and `checkpoint` were kept elsewhere: a backup older than the checkpoint is refused, and so is one older than
    `head`, the last checkpoint beside the private key (`<key>.head`). Without both the verdict says `not_anchored`.
    Raises UsageError where `trail` is there already, VerificationError where the backup is invalid or too old.
    """
    if trail.exists() and (not trail.is_dir() or any(trail.iterdir())):
        raise UsageError(
            "there is a trail already", where=str(trail), remedy="move it away first: nothing is overwritten"
        )
    settings = load_settings(backup)
    making = trail.with_name(f"{trail.name}.restoring")
    if making.exists():
        shutil.rmtree(making)
    for path in _files(backup):
        if path != backup / MANIFEST:
            _copy_file(path, making / path.relative_to(backup))
    try:
        verdict = verify(making, deep=True, key=key, checkpoint=checkpoint)
        _check(verdict, backup, head, parse_verifier_key(settings.verifier_key))
    except BaseException:
        shutil.rmtree(making)
        raise
    if trail.exists():
        trail.rmdir()
    making.rename(trail)
    sync_directory(trail.parent)
    return verdict


def _check(verdict: Verdict, backup: Path, head: Path | None, key: VerifierKey) -> None:
    if verdict.findings:
        raise VerificationError(
            f"the backup is refused: {verdict.findings[0].what}",
            where=str(backup),
            remedy="restore a newer or another copy; nothing was put in place",
        )
    if head is None or not head.exists():
        return
    kept = open_checkpoint(head.read_bytes(), key)
    if kept.size > verdict.size:
        raise VerificationError(
            f"the backup has {verdict.size} leaves, its key has signed {kept.size}: acknowledged leaves would be lost",
            where=str(head),
            remedy="restore a newer copy; where there is none, remove this file, and keep the last checkpoint as proof",
        )
