"""All leaf hashes of a log by number, and the levels of the tree over them."""

from __future__ import annotations

import tempfile

import numpy as np
import numpy.typing as npt

from mailwitness.trail.merkle import EMPTY_ROOT, HASH_BYTES, tree_hash
from mailwitness.trail.tiles import TILE_WIDTH

_IN_MEMORY = 64 << 20
"""Bytes of hashes held in memory; a larger log's stand in a temporary file the system may page out."""


class LeafStore:
    """The hash of each leaf, in whatever order the leaves come, and which of them came."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.present = np.zeros(size, dtype=bool)
        shape = (size, HASH_BYTES)
        if size * HASH_BYTES <= _IN_MEMORY:
            self._hashes: npt.NDArray[np.uint8] = np.zeros(shape, dtype=np.uint8)
        else:
            with tempfile.TemporaryFile(prefix="mailwitness-") as file:
                self._hashes = np.memmap(file, dtype=np.uint8, mode="w+", shape=shape)
        self._levels: list[bytes] = []

    def put(self, seq: npt.NDArray[np.int64], hashes: bytes) -> npt.NDArray[np.int64]:
        """Hold the hashes of the leaves `seq` (all within size); return the numbers that came before already."""
        again = seq[self.present[seq]]
        if len(np.unique(seq)) < len(seq):
            numbers, counts = np.unique(seq, return_counts=True)
            again = np.union1d(again, numbers[counts > 1])
        self._hashes[seq] = np.frombuffer(hashes, dtype=np.uint8).reshape(len(seq), HASH_BYTES)
        self.present[seq] = True
        return again

    def missing(self) -> list[tuple[int, int]]:
        """Return the ranges of leaves that did not come, both ends included."""
        return ranges_of(np.flatnonzero(~self.present))

    def grow_tree(self) -> None:
        """Compute the levels of the tree: call it once every leaf is there."""
        self._levels = [b""]
        count, level = self.size, 0
        while count >= TILE_WIDTH:
            full = count // TILE_WIDTH
            self._levels.append(
                b"".join(tree_hash(self.hashes(level, i * TILE_WIDTH, TILE_WIDTH)) for i in range(full))
            )
            count, level = full, level + 1

    def data(self, level: int, start: int, count: int) -> bytes:
        """Return `count` hashes of a level from `start` on, joined; fewer where the tree ends."""
        if level == 0:
            return self._hashes[start : start + count].tobytes()
        if level >= len(self._levels):
            return b""
        return self._levels[level][start * HASH_BYTES : (start + count) * HASH_BYTES]

    def hashes(self, level: int, start: int, count: int) -> list[bytes]:
        """Return `count` hashes of a level from `start` on."""
        data = self.data(level, start, count)
        return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]

    def root_at(self, size: int) -> bytes:
        """Return the root over the first `size` leaves (size not above that of the store)."""
        right: bytes | None = None
        level = 0
        while size >> (8 * level) or level == 0:
            count = size >> (8 * level)
            hashes = self.hashes(level, count - count % TILE_WIDTH, count % TILE_WIDTH)
            if right is not None:
                hashes.append(right)
            right = tree_hash(hashes) if hashes else None
            level += 1
        return EMPTY_ROOT if right is None else right


def ranges_of(numbers: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return ascending numbers as ranges, both ends included."""
    if not len(numbers):
        return []
    breaks = np.flatnonzero(np.diff(numbers) > 1)
    starts = numbers[np.concatenate([[0], breaks + 1])]
    ends = numbers[np.concatenate([breaks, [len(numbers) - 1]])]
    return [(int(a), int(b)) for a, b in zip(starts, ends, strict=True)]
