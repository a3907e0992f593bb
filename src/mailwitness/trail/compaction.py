"""Rewriting many small files of a month as one, sorted by mailbox and time. No leaf moves: seq is a stored column."""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mailwitness.errors import TrailError
from mailwitness.trail.delta_log import DataFile
from mailwitness.trail.durable import TEMPORARY, sync_directory, sync_file
from mailwitness.trail.layout import Trail
from mailwitness.trail.ordering import Ranks, in_order
from mailwitness.trail.reader import RESTORE
from mailwitness.trail.schema import FILE_SCHEMA, NO_EVENTS
from mailwitness.trail.sealing import hash_file
from mailwitness.trail.table import PARQUET, Written, data_path, time_range

SEE_TO_DISK = "see to the disk, then start again: what was acknowledged is safe, the rest is taken in again"
FAN_IN = 16
"""So many files of a month and of one order of size are merged: every row is rewritten a few times at most."""
LIVE_FILES = 256
"""Above so many live files the months with the most files are merged whatever the sizes: commits stay flat."""
SORTED_ROW_GROUP = 20_000
READ_ROWS = 2_000
"""Rows in memory at once: a whole row group of entries costs 90 MiB more, and no less time."""
LARGE = 2_000_000
"""Rows from which a file is left alone."""
MOST = 2 * LARGE
"""Rows that are merged at once: their keys are sorted in memory."""


def due(live: Iterable[DataFile]) -> list[list[DataFile]]:
    """Return the groups of files that are to be merged now."""
    months = _by_month(live)
    crowded = [files for month in months.values() for files in _by_size(month).values() if len(files) >= FAN_IN]
    if crowded:
        return [group for files in crowded for group in _portions(files)]
    excess = sum(map(len, months.values())) - LIVE_FILES
    chosen: list[list[DataFile]] = []
    if excess > 0:
        excess += LIVE_FILES // 4  # so that it does not come due with every commit
        for files in sorted(months.values(), key=len, reverse=True):
            for group in _portions(_small(files)):
                if excess > 0:
                    chosen.append(group)
                    excess -= len(group) - 1
    return chosen


def everything(live: Iterable[DataFile]) -> list[list[DataFile]]:
    """Return the groups of files that leave one sorted file a month of events (more for millions of rows)."""
    groups: list[list[DataFile]] = []
    for month, files in _by_month(live).items():
        if month != NO_EVENTS:
            small = _small(files)
            fresh = [[file] for file in small if not is_sorted(file)]
            groups += _portions(small) or fresh[:1]
    return groups


def _small(files: Iterable[DataFile]) -> list[DataFile]:
    return [file for file in files if file.rows < LARGE]


def _portions(files: Iterable[DataFile]) -> list[list[DataFile]]:
    """Divide files, the smallest first, into groups of at least two that have MOST rows at most."""
    groups: list[list[DataFile]] = [[]]
    for file in sorted(files, key=lambda file: (file.rows, file.path)):
        if sum(other.rows for other in groups[-1]) + file.rows > MOST:
            groups.append([])
        groups[-1].append(file)
    return [group for group in groups if len(group) > 1]


def is_sorted(file: DataFile) -> bool:
    """Return whether a file came from a compaction, by its name."""
    return Path(file.path).name.startswith("c")


def _by_month(live: Iterable[DataFile]) -> dict[str, list[DataFile]]:
    months: dict[str, list[DataFile]] = {}
    for file in live:
        months.setdefault(file.month, []).append(file)
    return months


def _by_size(files: Iterable[DataFile]) -> dict[int, list[DataFile]]:
    sizes: dict[int, list[DataFile]] = {}
    for file in _small(files):
        sizes.setdefault(int(math.log(max(file.rows, 1), FAN_IN) + 1e-9), []).append(file)
    return sizes


class Content(msgspec.Struct, frozen=True):
    """What a file holds, whatever the order of its rows."""

    rows: int
    total: int
    """Sum over SHA-256(seq, entry) modulo 2^256."""
    first_seq: int
    last_seq: int
    first_at: str | None
    last_at: str | None


class Merged(msgspec.Struct, frozen=True):
    """Rows of several files as one sorted, fsynced file that has no place in the table yet."""

    temporary: str
    log_id: str
    month: str
    rows: int
    first_seq: int
    last_seq: int
    first_at: str | None
    last_at: str | None
    sha256: str
    size: int


def merge(trail: Trail, files: Sequence[DataFile], hashes: dict[str, str], version: int) -> Written:
    """Write the rows of `files` (of one month) as one sorted, fsynced file; it is not committed yet.

    `hashes` are the SHA-256 the files had when they were written. Raises TrailError where one has changed since, or
    where the new file does not hold exactly the same leaves.
    """
    return place(trail, prepare(trail, files, hashes), version)


def prepare(trail: Trail, files: Sequence[DataFile], hashes: dict[str, str]) -> Merged:
    """Do the long part of `merge`: it reads files nobody changes and can run beside the writer, or in a process apart.

    The new file stands directly below the trail under a temporary name; a writer that opens the trail removes it.
    """
    before = [_content(trail.events / file.path, hashes[file.path]) for file in files]
    target = trail.path / f"{secrets.token_hex(8)}.parquet{TEMPORARY}"
    try:
        _sort(trail, files, target)
        sync_file(target)
        sha256, size = hash_file(target)
        after = _content(target, sha256)
        _check(before, after, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    said = {name: value for name, value in msgspec.structs.asdict(after).items() if name != "total"}
    return Merged(str(target), files[0].log_id, files[0].month, **said, sha256=sha256, size=size)


def _check(before: Sequence[Content], after: Content, target: Path) -> None:
    if (after.rows, after.total) != (sum(c.rows for c in before), sum(c.total for c in before) % 2**256):
        raise TrailError("a compacted file does not hold the leaves of the files it replaces", where=str(target))


def place(trail: Trail, merged: Merged, version: int) -> Written:
    """Give a prepared file its name in the table, durably; it is not committed yet."""
    path = data_path(merged.log_id, merged.month, version, merged.first_seq, merged.last_seq, letter="c")
    target = trail.events / path
    temporary = Path(merged.temporary)
    temporary.rename(target)
    sync_directory(target.parent)
    sync_directory(temporary.parent)
    file = DataFile(path, merged.size, merged.log_id, merged.month, merged.rows, merged.first_seq, merged.last_seq)
    return Written(file, merged.sha256, merged.first_at, merged.last_at)


def _content(path: Path, sha256: str) -> Content:
    try:
        if hash_file(path)[0] != sha256:
            raise TrailError(
                "a file of the events table was changed since it was written", where=str(path), remedy=RESTORE
            )
        rows, total, seqs, times = 0, 0, [], []
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(READ_ROWS, columns=["seq", "entry", "occurred_at"], use_threads=False):
                seq = batch.column("seq").to_pylist()
                for number, entry in zip(seq, batch.column("entry").to_pylist(), strict=True):
                    total += int.from_bytes(hashlib.sha256(number.to_bytes(8, "big") + entry).digest(), "big")
                rows += len(seq)
                seqs += [min(seq), max(seq)]
                times += [t for t in time_range(batch) if t]
    except (OSError, pa.ArrowException) as cause:
        raise TrailError("a file of the events table cannot be read", where=str(path), remedy=RESTORE) from cause
    return Content(rows, total % 2**256, min(seqs), max(seqs), min(times, default=None), max(times, default=None))


def _sort(trail: Trail, files: Sequence[DataFile], target: Path) -> None:
    paths = [trail.events / file.path for file in files]
    ranks = _ranks(paths)
    places = np.split(ranks, np.cumsum([file.rows for file in files])[:-1])
    total = sum(file.rows for file in files)
    with pq.ParquetWriter(target, FILE_SCHEMA, **PARQUET) as writer:
        for rows in in_order(paths, FILE_SCHEMA, total, lambda file, row, batch: places[file][row : row + len(batch)]):
            writer.write_table(rows, row_group_size=SORTED_ROW_GROUP)


def _ranks(paths: Sequence[Path]) -> Ranks:
    """Return the place of each row, file after file, in the order of mailbox, time and seq."""
    tables = [
        pq.read_table(
            path, columns=["mailbox_ref", "occurred_at", "seq"], read_dictionary=["mailbox_ref"], partitioning=None
        )
        for path in paths
    ]
    rows = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    mailbox = rows.column("mailbox_ref").chunk(0)
    order = pa.compute.sort_indices(mailbox.dictionary).to_numpy()
    position = np.empty(len(order) + 1, dtype=np.int32)
    position[order] = np.arange(len(order), dtype=np.int32)
    position[-1] = len(order)  # no mailbox: last
    codes = position[mailbox.indices.fill_null(len(order)).to_numpy()]
    times = rows.column("occurred_at").cast(pa.int64()).to_numpy()
    ranks = np.empty(len(codes), dtype=np.int64)
    ranks[np.lexsort((rows.column("seq").to_numpy(), times, codes))] = np.arange(len(codes))
    return ranks
