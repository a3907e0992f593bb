"""Sealed files: the SHA-256 of the table's own files, as leaves of the log.

A sealed leaf lists files that are new since the last one and names those that are no longer part of the table. A
file that some sealed leaf lists, and none removes later, must stand there with that hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mailwitness.errors import VerificationError
from mailwitness.event import ENTRY_LIMIT
from mailwitness.trail.durable import open_regular

_ROOM = ENTRY_LIMIT - 1_000
"""Bytes of a sealed leaf left for its list: the rest of the entry needs a few hundred."""


class SealedFile(msgspec.Struct, frozen=True):
    """A file as a sealed leaf lists it. `name` is its path below the trail; `first` and `last` are its leaves."""

    name: str
    sha256: str
    size: int
    first: int
    last: int


class SealedLeaf(msgspec.Struct, frozen=True):
    """The parts of a sealed leaf's entry: the version of the table it seals, files added and removed."""

    table_version: int
    written_at: str
    files: tuple[SealedFile, ...] = ()
    removed: tuple[str, ...] = ()


def hash_file(path: Path) -> tuple[str, int]:
    """Return SHA-256 and size of a file."""
    digest, size = hashlib.sha256(), 0
    with open_regular(path) as file:
        while data := file.read(1 << 20):
            digest.update(data)
            size += len(data)
    return digest.hexdigest(), size


def said_by_leaves(version: int, files: Sequence[SealedFile], removed: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield what the sealed leaves say, split so that each fits an entry."""
    room = _ROOM
    added: list[dict[str, Any]] = []
    gone: list[str] = []
    items: list[SealedFile | str] = [*files, *removed]
    for item in items:
        cost = len(msgspec.json.encode(item)) + 1
        if cost > room:
            yield {"table_version": version, "files": added, "removed": gone}
            room, added, gone = _ROOM, [], []
        room -= cost
        if isinstance(item, str):
            gone.append(item)
        else:
            added.append(msgspec.structs.asdict(item))
    if added or gone:
        yield {"table_version": version, "files": added, "removed": gone}


class Seals:
    """What is sealed, what is new since, and what may be deleted from disk."""

    def __init__(self) -> None:
        self.sealed: dict[str, SealedFile] = {}
        self.removed: dict[str, str] = {}
        """Names no longer part of the table, and when that was sealed."""
        self.version = -1
        """The table's version the last sealed leaf covers."""
        self._new: dict[str, SealedFile] = {}
        self._gone: dict[str, None] = {}

    def learn(self, leaf: SealedLeaf) -> None:
        """Take in a sealed leaf of the log; they have to come in order."""
        self.version = max(self.version, leaf.table_version)
        self.sealed.update((file.name, file) for file in leaf.files)
        for name in leaf.removed:
            self.sealed.pop(name, None)
            self.removed[name] = leaf.written_at

    def add(self, file: SealedFile) -> None:
        """Note a file that is new since the last seal."""
        self._new[file.name] = file

    def drop(self, name: str) -> None:
        """Note that a file is no longer part of the table."""
        self._gone[name] = None

    def knows(self, name: str) -> bool:
        """Return whether a file is or was part of the table: sealed, new since, or removed."""
        return name in self.sealed or name in self._new or name in self._gone or name in self.removed

    def sha256(self, name: str) -> str:
        """Return the SHA-256 a file had when it was written."""
        return (self._new.get(name) or self.sealed[name]).sha256

    def forget(self, name: str) -> None:
        """Say that a removed file is gone from disk."""
        self.removed.pop(name, None)

    def said(self, version: int) -> Iterator[dict[str, Any]]:
        """Yield what the next sealed leaves have to say."""
        return said_by_leaves(version, self._present(), self._gone)

    def _present(self) -> list[SealedFile]:
        return [file for name, file in self._new.items() if name not in self._gone]

    def sealed_now(self, version: int, written_at: str) -> None:
        """Say that what `said` gave is a durable leaf."""
        self.learn(SealedLeaf(version, written_at, tuple(self._present()), tuple(self._gone)))
        self._new, self._gone = {}, {}


def read_sealed(entry: bytes) -> SealedLeaf:
    """Read a sealed leaf's entry. Raises VerificationError where it is none."""
    try:
        return _DECODER.decode(entry)
    except (msgspec.MsgspecError, ValueError, RecursionError) as cause:
        raise VerificationError(f"a sealed leaf cannot be read: {cause}") from cause


_DECODER = msgspec.json.Decoder(SealedLeaf)
