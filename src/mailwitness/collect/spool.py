"""Observations too large for a request: a folder of TRAIL/run/observations, written by a collector, read by the writer.

A collector removes its folder when the writer has answered; what one that was killed left behind is removed when it
starts again.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from mailwitness.collect.interface import NotTaken

IN_A_REQUEST = 24 << 20
"""Bytes of evidence and rows that are handed over within a request."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}-[0-9a-f]{16}")
_MODE = 0o770
_EVIDENCE, _TABLES = "evidence", "tables"
_decoder = msgspec.msgpack.Decoder(tuple[tuple[str, bytes], ...])


class Spooled:
    """One folder: the evidence, and the rows that were read from it."""

    def __init__(self, folder: Path) -> None:
        """Use `written` or `opened`."""
        self._folder = folder

    @property
    def name(self) -> str:
        """What a request calls it by."""
        return self._folder.name

    @property
    def evidence(self) -> Path:
        """The file of the evidence."""
        return self._folder / _EVIDENCE

    def tables(self) -> tuple[tuple[str, bytes], ...]:
        """Return the rows as Arrow IPC messages by table. Raises NotTaken where the file is none of `written`."""
        try:
            return _decoder.decode((self._folder / _TABLES).read_bytes())
        except msgspec.MsgspecError as cause:
            raise NotTaken(f"an observation's rows that cannot be read: {cause}", where=str(self._folder)) from cause


def make_room(trail: Path) -> Path:
    """Make the folder of spooled observations, if it is not there, so that collectors of the group may write in it."""
    room = trail / "run" / "observations"
    if not room.is_dir():
        room.mkdir(mode=_MODE, parents=True, exist_ok=True)
        room.chmod(_MODE)
    return room


@contextlib.contextmanager
def written(trail: Path, collector: str, evidence: Path, tables: Sequence[tuple[str, bytes]]) -> Iterator[Spooled]:
    """Move a file of evidence and its rows into a folder of their own, and remove it at the end."""
    folder = make_room(trail) / f"{re.sub(r'[^A-Za-z0-9._-]', '_', collector)[:64]}-{secrets.token_hex(8)}"
    folder.mkdir(mode=_MODE)
    try:
        shutil.move(evidence, folder / _EVIDENCE)
        (folder / _TABLES).write_bytes(msgspec.msgpack.encode(tuple(tables)))
        for path in (folder / _EVIDENCE, folder / _TABLES):
            path.chmod(0o640)
        yield Spooled(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def opened(trail: Path, name: str) -> Iterator[Spooled]:
    """Give the folder a request names. Raises NotTaken where it names none."""
    folder = trail / "run" / "observations" / name
    if not _NAME.fullmatch(name) or folder.is_symlink() or not folder.is_dir():
        raise NotTaken("an observation that is not there", where=name[:200])
    spooled = Spooled(folder)
    for path in (spooled.evidence, folder / _TABLES):
        if path.is_symlink() or not path.is_file():
            raise NotTaken("an observation that is no file", where=str(path))
    yield spooled


def clear(trail: Path, collector: str) -> None:
    """Remove what earlier runs of a collector left."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", collector)[:64]
    for folder in (trail / "run" / "observations").glob(f"{name}-*"):
        if folder.name[len(name) + 1 :].isalnum():
            shutil.rmtree(folder, ignore_errors=True)
