"""Writing the log out as C2SP tlog-tiles: checkpoint, tiles, and entry bundles that any tool of that format reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from mailwitness.errors import TrailError, UsageError
from mailwitness.event import leaf_hash
from mailwitness.trail.checkpoint import Checkpoint
from mailwitness.trail.durable import make_directory, put
from mailwitness.trail.reader import RESTORE, open_reader
from mailwitness.trail.tiles import TILE_WIDTH, Tree, index_path, write_tiles


class Exported(msgspec.Struct, frozen=True):
    """What was written: the checkpoint it belongs to, and how many files."""

    checkpoint: Checkpoint
    bundles: int
    tiles: int


def bundle_path(index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of an entry bundle; a width under 256 is a partial bundle."""
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/entries/{index_path(index)}{partial}"


def export_log(path: Path, out: Path) -> Exported:
    """Write the signed part of the trail at `path` to the folder `out` (new or empty): a log for the second verifier.

    The tiles are made anew from the entries; TrailError is raised where they do not give the signed root.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError("there is something already", where=str(out), remedy="choose a new or empty folder")
    reader = open_reader(path)
    tree, tiles, bundles = Tree(), 0, 0
    for first, entries in _grouped(reader.entries()):
        target = out / bundle_path(first // TILE_WIDTH, len(entries))
        make_directory(target.parent)
        put(target, b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries))
        full = list(tree.append(map(leaf_hash, entries)))
        write_tiles(out, full)
        tiles, bundles = tiles + len(full), bundles + 1
    edge = list(tree.partial_tiles())
    write_tiles(out, edge)
    if (tree.size, tree.root()) != (reader.size, reader.root):
        raise TrailError("the entries do not give the signed root", where=str(path), remedy=RESTORE)
    make_directory(out)
    put(out / "checkpoint", reader.note)
    return Exported(reader.checkpoint, bundles, tiles + len(edge))


def _grouped(entries: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, list[bytes]]]:
    first, group = 0, []
    for seq, entry in entries:
        group.append(entry)
        if len(group) == TILE_WIDTH:
            yield first, group
            first, group = seq + 1, []
    if group:
        yield first, group
