"""The tiles and the root, against the leaves that the entries give."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from mailwitness.errors import VerificationError
from mailwitness.trail.checkpoint import Checkpoint
from mailwitness.trail.durable import TEMPORARY, open_regular
from mailwitness.trail.examination import Examination
from mailwitness.trail.leaf_store import ranges_of
from mailwitness.trail.merkle import HASH_BYTES, tree_hash
from mailwitness.trail.tiles import TILE_BYTES, TILE_WIDTH, Tile, Tree, hashes_of, read_tile, tile_path

_TILE = re.compile(r"tile/([0-9]{1,2})/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]{1,3}))?")


def check_tree(run: Examination, signed: Checkpoint | None) -> None:
    """Compare the signed root and every stored tile with the leaves; say which of entry and tile was changed."""
    borrowed = _borrow_missing(run)
    run.store.grow_tree()
    log = run.trail.log(run.log_id)
    whole = signed is None or run.store.root_at(run.size) == signed.root
    stored, differing = _stored_tiles(run, log)
    _check_complete(run, log, stored)
    blamed = [_blame(run, log, tile, signed) if not whole else _blame_tile(run, log, tile) for tile in differing]
    if not whole:
        blamed += [_blame_borrowed(run, log, tile, signed) for tile in borrowed]
    if not whole and not any(blamed):
        run.find_all(run.trail.checkpoint(run.log_id), "the leaves do not give the signed root")


def _borrow_missing(run: Examination) -> list[Tile]:
    """Take the hashes of leaves that were purged, or that a damaged file withholds, from the tiles; return those."""
    log = run.trail.log(run.log_id)
    borrowed = []
    for index in sorted({int(n) // TILE_WIDTH for n in np.flatnonzero(~run.store.present)}):
        first = index * TILE_WIDTH
        width = min(TILE_WIDTH, run.size - first)
        try:
            hashes = hashes_of(read_tile(log, 0, index, width))
        except VerificationError:
            continue  # _check_complete names the tile
        absent = np.flatnonzero(~run.store.present[first : first + width])
        run.store.put(absent + first, b"".join(hashes[i] for i in absent))
        borrowed.append(Tile(0, index, b"".join(hashes)))
    return borrowed


def _stored_tiles(run: Examination, log: Path) -> tuple[set[str], list[Tile]]:
    """Return the paths of all tiles there, and the tiles whose bytes are not what the leaves give."""
    stored: set[str] = set()
    differing: list[Tile] = []
    for folder, _folders, names in os.walk(log):
        for name in names:
            path = Path(folder) / name
            place = _place(str(path.relative_to(log)))
            if place is not None:
                stored.add(str(path.relative_to(log)))
                differing += _compare(run, path, *place)
            elif path.name.endswith(TEMPORARY):
                run.remarks.append(f"{run.name(path)}: a file that was being written")
            elif path not in (run.trail.checkpoint(run.log_id), run.trail.lock(run.log_id)):
                run.find(path, None, None, "a file that is no part of a log")
    return stored, sorted(differing, key=lambda tile: (tile.level, tile.index, tile.width))


def _place(path: str) -> tuple[int, int, int] | None:
    """Return level, index and width out of a tile's path, None where it is no tile's."""
    match = _TILE.fullmatch(path)
    if not match:
        return None
    index = int(match[2].replace("/", "").replace("x", ""))
    level, width = int(match[1]), int(match[3] or TILE_WIDTH)
    partial = 0 < width < TILE_WIDTH
    return (level, index, width) if tile_path(level, index, width) == path and (partial or not match[3]) else None


def _compare(run: Examination, path: Path, level: int, index: int, width: int) -> list[Tile]:
    run.checked.tiles += 1
    expected = run.store.data(level, index * TILE_WIDTH, TILE_WIDTH)[: width * HASH_BYTES]
    try:
        with open_regular(path) as file:
            data = file.read(TILE_BYTES + 1)
    except OSError:
        data = b""
    if data[: len(expected)] != expected or len(data) != width * HASH_BYTES:
        return [Tile(level, index, data[: width * HASH_BYTES].ljust(width * HASH_BYTES, b"\0"))]
    if len(expected) < len(data):
        run.remarks.append(f"{run.name(path)}: a tile beyond the signed size, never acknowledged")
    return []


def _check_complete(run: Examination, log: Path, stored: set[str]) -> None:
    """Name the tiles that have to be there and are not."""
    level = 0
    while run.size >> (8 * level):
        count = run.size >> (8 * level)
        for index in range(-(-count // TILE_WIDTH)):
            width = min(TILE_WIDTH, count - index * TILE_WIDTH)
            if tile_path(level, index) in stored or tile_path(level, index, width) in stored:
                continue
            run.find(log / tile_path(level, index, width), *_leaves(run, level, index, width), "a tile is missing")
        level += 1


def _leaves(run: Examination, level: int, index: int, width: int) -> tuple[int, int]:
    first = index << (8 * (level + 1))
    return first, max(first, min(run.size, first + (width << (8 * level))) - 1)


def _blame_tile(run: Examination, log: Path, tile: Tile) -> bool:
    leaves = _leaves(run, tile.level, tile.index, tile.width)
    run.find(log / tile.path, *leaves, "a tile was changed: it is not what the signed entries give")
    return True


def _blame(run: Examination, log: Path, tile: Tile, signed: Checkpoint | None) -> bool:
    """The root does not fit: find out, from what stands above the tile, whether it or the entries were changed."""
    if tile.level > 0:
        return False
    first = tile.index * TILE_WIDTH
    ours = run.store.data(0, first, tile.width)
    if _vouched(run, log, tile, ours, signed):
        return _blame_tile(run, log, tile)
    vouched = _vouched(run, log, tile, tile.data, signed)
    what = "entries were changed" if vouched else "entries or the tile over them were changed"
    differ = [
        i for i in range(len(ours) // HASH_BYTES) if ours[i * 32 : i * 32 + 32] != tile.data[i * 32 : i * 32 + 32]
    ]
    for low, high in ranges_of(np.array(differ, dtype=np.int64) + first):
        for path, start, end in _holders(run, low, high):
            run.find(path, start, end, f"{what}: they are not those that were signed")
    if not vouched:
        run.find(log / tile.path, *_leaves(run, 0, tile.index, tile.width), f"{what}: it does not fit them")
    return True


def _blame_borrowed(run: Examination, log: Path, tile: Tile, signed: Checkpoint | None) -> bool:
    """A tile that hashes were taken from says the same as they do: only what stands above it can tell it wrong."""
    return not _vouched(run, log, tile, tile.data, signed) and _blame_tile(run, log, tile)


def _vouched(run: Examination, log: Path, tile: Tile, data: bytes, signed: Checkpoint | None) -> bool:
    """Return whether the tile above, or the signed root, speaks for these hashes."""
    try:
        if tile.width == TILE_WIDTH and run.size >> 8 > tile.index:
            above = read_tile(log, 1, tile.index // TILE_WIDTH, tile.index % TILE_WIDTH + 1)
            return above[-HASH_BYTES:] == tree_hash(hashes_of(data))
        tree = Tree.load(log, run.size)
    except VerificationError:
        return False
    tree.replace_edge(data)
    return signed is not None and tree.root() == signed.root


def _holders(run: Examination, low: int, high: int) -> list[tuple[Path, int, int]]:
    """Return the files whose leaves overlap a range, with the part of it they hold."""
    live = [f for f in run.live.values() if f.first_seq <= high and f.last_seq >= low]
    found = [(run.trail.events / f.path, max(low, f.first_seq), min(high, f.last_seq)) for f in live]
    return found or [(run.trail.events, low, high)]
