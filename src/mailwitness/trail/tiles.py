"""Tiles (C2SP tlog-tiles): the hashes of the tree as static files of 256 hashes each.

The tile at level L, index N holds the roots of the perfect subtrees of 256^L leaves numbered N*256 and on. A tile
that is not full yet is written under `<N>.p/<width>`; it stays until the full tile exists.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from mailwitness.errors import VerificationError
from mailwitness.trail.durable import all_at_once, make_directory, open_regular, put, sync_directories
from mailwitness.trail.merkle import EMPTY_ROOT, HASH_BYTES, tree_hash

TILE_WIDTH = 256
TILE_BYTES = TILE_WIDTH * HASH_BYTES


def index_path(index: int) -> str:
    """Return a tile's index as path elements of three digits, all but the last prefixed with x."""
    text = f"{index:03d}"
    text = text.zfill(-(-len(text) // 3) * 3)
    groups = [text[i : i + 3] for i in range(0, len(text), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a tile below the log's folder; a width under 256 is a partial tile."""
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{level}/{index_path(index)}{partial}"


class Tile(msgspec.Struct, frozen=True):
    """One tile of a tree: where it stands and the hashes in it."""

    level: int
    index: int
    data: bytes

    @property
    def width(self) -> int:
        """Number of hashes."""
        return len(self.data) // HASH_BYTES

    @property
    def path(self) -> str:
        """Path below the log's folder."""
        return tile_path(self.level, self.index, self.width)


class Tree:
    """The right edge of a log's tree: enough to append leaves, give the root, and name the tiles to write."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytearray] = [bytearray()]

    def copy(self) -> Tree:
        """Return an independent copy."""
        tree = Tree()
        tree.size = self.size
        tree._edge = [bytearray(level) for level in self._edge]
        return tree

    def append(self, leaf_hashes: Iterable[bytes]) -> Iterator[Tile]:
        """Append leaves; yield each tile that became full. Exhaust it: the tree grows as it is read."""
        edge = self._edge[0]
        for leaf in leaf_hashes:
            edge += leaf
            self.size += 1
            if len(edge) == TILE_BYTES:
                yield from self._promote()

    def _promote(self) -> Iterator[Tile]:
        level = 0
        while len(self._edge[level]) == TILE_BYTES:
            data = bytes(self._edge[level])
            yield Tile(level, (self.size >> (8 * (level + 1))) - 1, data)
            self._edge[level].clear()
            if level + 1 == len(self._edge):
                self._edge.append(bytearray())
            self._edge[level + 1] += tree_hash(hashes_of(data))
            level += 1

    def partial_tiles(self) -> Iterator[Tile]:
        """Yield the tiles on the right edge that are not full."""
        for level, data in enumerate(self._edge):
            if data:
                yield Tile(level, self.size >> (8 * (level + 1)), bytes(data))

    def root(self) -> bytes:
        """Return the RFC 6962 root over all leaves."""
        right: bytes | None = None
        for data in self._edge:
            hashes = hashes_of(data)
            if right is not None:
                hashes.append(right)
            right = tree_hash(hashes) if hashes else None
        return EMPTY_ROOT if right is None else right

    def replace_edge(self, data: bytes) -> None:
        """Put other leaf hashes in the place of those in the last, partial tile."""
        self._edge[0] = bytearray(data)

    @classmethod
    def load(cls, log: Path, size: int) -> Tree:
        """Read the right edge of a tree of `size` leaves. Raises VerificationError where a tile is missing or short."""
        tree = cls()
        tree.size = size
        tree._edge = []
        level = 0
        while (count := size >> (8 * level)) or level == 0:
            width = count % TILE_WIDTH
            data = read_tile(log, level, count // TILE_WIDTH, width) if width else b""
            tree._edge.append(bytearray(data))
            level += 1
        return tree


def hashes_of(data: bytes | bytearray) -> list[bytes]:
    """Return the hashes in a tile's bytes."""
    data = bytes(data)
    return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]


def read_tile(log: Path, level: int, index: int, width: int) -> bytes:
    """Return the first `width` hashes of a tile: from the full tile, or from a partial one that is wide enough.

    Raises VerificationError where none is there or the file has another length.
    """
    path, due = _stored_tile(log, level, index, width)
    try:
        with open_regular(path) as file:
            data = file.read(TILE_BYTES + 1)
    except OSError as cause:
        raise VerificationError("a tile cannot be read", where=str(path)) from cause
    if len(data) != due * HASH_BYTES:
        raise VerificationError(f"a tile has {len(data)} bytes where {due * HASH_BYTES} are due", where=str(path))
    return data[: width * HASH_BYTES]


def _stored_tile(log: Path, level: int, index: int, width: int) -> tuple[Path, int]:
    full, partial = log / tile_path(level, index), log / tile_path(level, index, width)
    if width == TILE_WIDTH or full.is_file():
        return full, TILE_WIDTH
    if partial.is_file():
        return partial, width
    wider = [w for w in partial_widths(log, level, index) if w > width]
    return (log / tile_path(level, index, min(wider)), min(wider)) if wider else (partial, width)


def partial_widths(log: Path, level: int, index: int) -> list[int]:
    """Return the widths of the partial tiles stored for a tile."""
    folder = log / (tile_path(level, index) + ".p")
    if not folder.is_dir():
        return []
    return sorted(int(p.name) for p in folder.iterdir() if p.name.isascii() and p.name.isdigit())


def remove_beyond(log: Path, size: int) -> list[Path]:
    """Remove the tiles that hold more than a tree of `size` leaves; return them.

    They are what an interrupted commit leaves behind: never under a signed checkpoint.
    """
    removed: list[Path] = []
    level = 0
    while (log / "tile" / str(level)).is_dir():
        count = size >> (8 * level)
        index = count // TILE_WIDTH
        while True:
            full = log / tile_path(level, index)
            beyond = [log / tile_path(level, index, w) for w in partial_widths(log, level, index)]
            room = count % TILE_WIDTH if index == count // TILE_WIDTH else 0
            stale = [p for p in beyond if int(p.name) > room]
            if not full.is_file() and not beyond:
                break
            for path in [full, *stale] if full.is_file() else stale:
                path.unlink()
                removed.append(path)
            index += 1
        level += 1
    return removed


def write_tiles(log: Path, tiles: Iterable[Tile]) -> None:
    """Write tiles durably, each by a rename. A tile that was there is replaced."""
    tiles = list(tiles)
    folders = {(log / tile.path).parent for tile in tiles}
    for folder in sorted(folders):
        make_directory(folder)
    all_at_once(lambda tile: put(log / tile.path, tile.data), tiles)
    sync_directories(folders)


def remove_partial_tiles(log: Path, tiles: Iterable[Tile]) -> None:
    """Remove the partial tiles of tiles that are full now and covered by a durable checkpoint."""
    for tile in tiles:
        if tile.width == TILE_WIDTH:
            shutil.rmtree(log / (tile.path + ".p"), ignore_errors=True)
