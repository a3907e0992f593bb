"""Writing the log out as C2SP tlog-tiles: checkpoint, tiles, and entry bundles that any tool of that format reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from mailwitness.errors import TrailError, UsageError, VerificationError
from mailwitness.event import leaf_hash
from mailwitness.trail.checkpoint import Checkpoint
from mailwitness.trail.durable import make_directory, put
from mailwitness.trail.reader import RESTORE, TrailReader, open_reader
from mailwitness.trail.tiles import TILE_WIDTH, Tree, hashes_of, index_path, read_tile, write_tiles


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

    The tiles are made anew from the entries; TrailError is raised where they do not give the signed root. A purged
    entry is written without bytes, and its hash taken from the trail's own tile.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError("there is something already", where=str(out), remedy="choose a new or empty folder")
    reader = open_reader(path)
    tree, tiles, bundles = Tree(), 0, 0
    for first, entries in _grouped(_with_gaps(reader)):
        target = out / bundle_path(first // TILE_WIDTH, len(entries))
        make_directory(target.parent)
        put(target, b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries))
        full = list(tree.append(_hashes(reader, first, entries)))
        write_tiles(out, full)
        tiles, bundles = tiles + len(full), bundles + 1
    edge = list(tree.partial_tiles())
    write_tiles(out, edge)
    if (tree.size, tree.root()) != (reader.size, reader.root):
        raise TrailError("the entries do not give the signed root", where=str(path), remedy=RESTORE)
    make_directory(out)
    put(out / "checkpoint", reader.note)
    return Exported(reader.checkpoint, bundles, tiles + len(edge))


def _with_gaps(reader: TrailReader) -> Iterator[tuple[int, bytes]]:
    """Yield every leaf's number and entry; nothing stands for a purged one: no true entry is empty."""
    due = 0
    for seq, entry in reader.entries():
        yield from ((gone, b"") for gone in range(due, seq))
        yield seq, entry
        due = seq + 1
    yield from ((gone, b"") for gone in range(due, reader.size))


def _hashes(reader: TrailReader, first: int, entries: list[bytes]) -> list[bytes]:
    if all(entries):
        return list(map(leaf_hash, entries))
    log = reader.trail.log(reader.settings.log_id)
    try:
        stored = hashes_of(read_tile(log, 0, first // TILE_WIDTH, len(entries)))
    except VerificationError as cause:
        raise TrailError(cause.what, where=cause.where, remedy=RESTORE) from cause
    return [leaf_hash(entry) if entry else hashed for entry, hashed in zip(entries, stored, strict=True)]


def _grouped(entries: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, list[bytes]]]:
    first, group = 0, []
    for seq, entry in entries:
        group.append(entry)
        if len(group) == TILE_WIDTH:
            yield first, group
            first, group = seq + 1, []
    if group:
        yield first, group
