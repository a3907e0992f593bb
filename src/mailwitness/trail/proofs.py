"""Inclusion and consistency proofs of RFC 6962 (2.1.1, 2.1.2), made from tiles and checked without them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mailwitness.errors import VerificationError
from mailwitness.trail.merkle import HASH_BYTES, node_hash, split, tree_hash
from mailwitness.trail.tiles import TILE_WIDTH, hashes_of, read_tile

RangeHash = Callable[[int, int], bytes]
"""Gives the Merkle tree hash over the leaves from a first to before a last, as MTH(D[first:last])."""


class TiledLog:
    """The hashes of a log's first `size` leaves, read from its tiles."""

    def __init__(self, log: Path, size: int) -> None:
        """Read the tiles below `log`, the folder of the log."""
        self._log = log
        self.size = size
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def range_hash(self, first: int, last: int) -> bytes:
        """Return MTH(D[first:last]) for a range that RFC 6962's recursion visits. Raises VerificationError."""
        count = last - first
        if count & (count - 1):
            middle = first + split(count)
            return node_hash(self.range_hash(first, middle), self.range_hash(middle, last))
        level = (count.bit_length() - 1) // 8
        return tree_hash(self._hashes(level, first >> (8 * level), count >> (8 * level)))

    def _hashes(self, level: int, start: int, count: int) -> list[bytes]:
        index, at = divmod(start, TILE_WIDTH)
        tile = self._tiles.get((level, index))
        if tile is None:
            width = min(TILE_WIDTH, (self.size >> (8 * level)) - index * TILE_WIDTH)
            tile = self._tiles[level, index] = hashes_of(read_tile(self._log, level, index, width))
        return tile[at : at + count]


def inclusion_proof(range_hash: RangeHash, index: int, size: int) -> list[bytes]:
    """Return PATH(index, D[size]). Raises ValueError where the tree of that size has no such leaf."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    return _path(range_hash, index, 0, size)


def _path(range_hash: RangeHash, index: int, first: int, last: int) -> list[bytes]:
    if last - first == 1:
        return []
    middle = first + split(last - first)
    if index < middle:
        return [*_path(range_hash, index, first, middle), range_hash(middle, last)]
    return [*_path(range_hash, index, middle, last), range_hash(first, middle)]


def consistency_proof(range_hash: RangeHash, old: int, size: int) -> list[bytes]:
    """Return PROOF(old, D[size]). Raises ValueError unless 0 < old <= size."""
    if not 0 < old <= size:
        raise ValueError(f"no proof leads from {old} leaves to {size}")
    return _subproof(range_hash, old, 0, size, complete=True)


def _subproof(range_hash: RangeHash, old: int, first: int, last: int, *, complete: bool) -> list[bytes]:
    if old == last - first:
        return [] if complete else [range_hash(first, last)]
    k = split(last - first)
    if old <= k:
        return [*_subproof(range_hash, old, first, first + k, complete=complete), range_hash(first + k, last)]
    return [*_subproof(range_hash, old - k, first + k, last, complete=False), range_hash(first, first + k)]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf hash stands at `index` of the tree (RFC 9162, 2.1.3.2). Raises VerificationError."""
    if not 0 <= index < size:
        raise VerificationError(f"a tree of {size} leaves has no leaf {index}")
    current = leaf
    for sibling, left in _siblings(proof, index, size - 1):
        current = node_hash(sibling, current) if left else node_hash(current, sibling)
    if current != root:
        raise VerificationError("the inclusion proof does not lead to the root")


def verify_consistency(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of `old` leaves is the start of that of `size` (RFC 9162, 2.1.4.2).

    Raises VerificationError.
    """
    if not 0 < old <= size:
        raise VerificationError(f"no proof leads from {old} leaves to {size}")
    if old == size:
        if proof or old_root != root:
            raise VerificationError("two trees of one size have two roots")
        return
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        raise VerificationError("the consistency proof is empty")
    position, last = old - 1, size - 1
    while position % 2:
        position, last = position >> 1, last >> 1
    before = after = path[0]
    for sibling, left in _siblings(path[1:], position, last):
        if left:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
        else:
            after = node_hash(after, sibling)
    if before != old_root or after != root:
        raise VerificationError("the consistency proof does not lead to both roots")


def _siblings(proof: Sequence[bytes], position: int, last: int) -> Iterator[tuple[bytes, bool]]:
    """Yield each hash of a proof and whether it stands to the left; refuse a proof that is too long or too short."""
    for sibling in proof:
        if len(sibling) != HASH_BYTES:
            raise VerificationError("a proof is a list of hashes of 32 bytes")
        if last == 0:
            raise VerificationError("the proof is too long")
        left = position % 2 == 1 or position == last
        yield sibling, left
        while left and not position % 2 and position:
            position, last = position >> 1, last >> 1
        position, last = position >> 1, last >> 1
    if last != 0:
        raise VerificationError("the proof is too short")
