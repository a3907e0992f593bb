"""Leaves whose rows and bytes were purged: their hashes stay in the tiles, and a purge leaf names every one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from mailwitness.errors import TrailError
from mailwitness.trail.delta_log import DataFile
from mailwitness.trail.evidence import EvidenceStore
from mailwitness.trail.layout import Trail
from mailwitness.trail.projection import resolve_blobs
from mailwitness.trail.schema import NO_EVENTS

Numbers = npt.NDArray[np.int64]


class PurgeLeaf(msgspec.Struct, frozen=True, kw_only=True):
    """What a purge leaf says. `ranges` are the purged leaves as first, last, first, last, ... ascending."""

    seq: int
    month: str
    leaves: int
    ranges: list[int]
    evidence: list[str] = []
    """Evidence and long values, by SHA-256, that nothing but these leaves referred to."""
    by: str
    reason: str
    written_at: str

    def check(self) -> None:
        """Raise ValueError where it names leaves after it, one twice, or not as many as it says."""
        numbers = np.array(self.ranges, dtype=np.int64)
        firsts, lasts = numbers[::2], numbers[1::2]
        if len(numbers) % 2 or (firsts > lasts).any() or (firsts[1:] <= lasts[:-1]).any():
            raise ValueError("the ranges of a purge leaf are not ascending")
        if len(numbers) and (numbers[0] < 0 or numbers[-1] >= self.seq):
            raise ValueError("a purge leaf names leaves that are not before it")
        if int((lasts - firsts + 1).sum()) != self.leaves:
            raise ValueError("a purge leaf names more or fewer leaves than it says")


class Purged:
    """The leaves that are gone."""

    def __init__(self, leaves: Iterable[PurgeLeaf] = ()) -> None:
        numbers = np.concatenate([np.empty(0, dtype=np.int64), *(np.array(p.ranges, dtype=np.int64) for p in leaves)])
        order = np.argsort(numbers[::2], kind="stable")
        self._firsts, self._lasts = numbers[::2][order], numbers[1::2][order]
        self._counts = np.concatenate([[0], np.cumsum(self._lasts - self._firsts + 1)]).astype(np.int64)

    @property
    def count(self) -> int:
        """How many leaves are gone."""
        return int(self._counts[-1])

    def before(self, seq: Numbers) -> Numbers:
        """Return for each number how many leaves below it are gone."""
        place = np.searchsorted(self._firsts, seq, side="left")
        full: Numbers = self._counts[place]
        inside = np.where(place > 0, self._lasts[np.maximum(place - 1, 0)] - seq + 1, 0) if len(self._firsts) else 0
        return full - np.maximum(inside, 0)

    def mask(self, size: int) -> npt.NDArray[np.bool_]:
        """Return for each of the first `size` leaves whether it is gone."""
        steps = np.zeros(size + 1, dtype=np.int64)
        np.add.at(steps, self._firsts[self._firsts < size], 1)
        np.add.at(steps, self._lasts[self._lasts < size] + 1, -1)
        return np.cumsum(steps[:size]) > 0


def long_value(store: EvidenceStore, sha256: str) -> bytes:
    """Return a long value of an entry. Raises EvidenceError where it is gone and ValueError where it was changed."""
    with store.open(sha256) as file:
        data = file.read()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError("a long value was changed")
    return data


def purge_leaf(seq: int, entry: bytes, store: EvidenceStore) -> PurgeLeaf:
    """Read a purge leaf. Raises ValueError, OSError or EvidenceError where it is none or its long values are gone."""
    fields = resolve_blobs(orjson.loads(entry), lambda sha256: long_value(store, sha256))
    leaf = msgspec.convert({**fields, "seq": seq}, PurgeLeaf)
    leaf.check()
    return leaf


def purge_leaves(trail: Trail, files: Iterable[DataFile]) -> list[PurgeLeaf]:
    """Return the purge leaves in `files`, in order. Raises TrailError where one cannot be read."""
    found = []
    store = EvidenceStore(trail, "hash")
    for file in files:
        if file.month == NO_EVENTS:
            path = trail.events / file.path
            try:
                for seq, entry in _rows(path):
                    found.append(purge_leaf(seq, entry, store))
            except (OSError, pa.ArrowException, ValueError, TrailError) as cause:
                raise TrailError(f"a purge leaf cannot be read: {cause}", where=str(path)) from cause
    return sorted(found, key=lambda leaf: leaf.seq)


def _rows(path: Path) -> list[tuple[int, bytes]]:
    table = pq.read_table(path, columns=["seq", "entry"], filters=[("leaf_kind", "=", "purge")], partitioning=None)
    return list(zip(table.column("seq").to_pylist(), table.column("entry").to_pylist(), strict=True))


def is_done(leaf: PurgeLeaf, files: Iterable[DataFile]) -> bool:
    """Return whether the rows of a purge are gone from a version of the table; later events may be in its month."""
    return not any(file.month == leaf.month and file.last_seq < leaf.seq for file in files)


def purged_of(trail: Trail, files: Iterable[DataFile]) -> Purged:
    """Return the leaves that are gone from a version of the table."""
    files = list(files)
    return Purged(leaf for leaf in purge_leaves(trail, files) if is_done(leaf, files))
