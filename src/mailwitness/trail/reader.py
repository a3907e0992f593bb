"""Reading a trail: the live files for the engine, and the entries in their order. Needs no lock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from mailwitness.errors import TrailError, VerificationError
from mailwitness.trail.checkpoint import open_checkpoint
from mailwitness.trail.delta_log import Snapshot, read_snapshot
from mailwitness.trail.durable import open_regular
from mailwitness.trail.layout import Trail
from mailwitness.trail.note import NOTE_LIMIT, VerifierKey, parse_verifier_key
from mailwitness.trail.ordering import Ranks, in_order
from mailwitness.trail.purged import purged_of
from mailwitness.trail.schema import FILE_SCHEMA, NO_EVENTS
from mailwitness.trail.settings import Settings, load_settings

_ENTRIES = pa.schema([FILE_SCHEMA.field("seq"), FILE_SCHEMA.field("entry")])
RESTORE = "run `mailwitness verify`, then restore the trail from a backup"


class TrailReader:
    """A trail as its checkpoint signs it: leaves that a writer has not acknowledged yet are left out."""

    def __init__(self, trail: Trail, settings: Settings, note: bytes, snapshot: Snapshot) -> None:
        """Use `open_reader`. `note` is the signed checkpoint."""
        self.trail = trail
        self.settings = settings
        self.note = note
        """The signed checkpoint as it stands in the trail."""
        self.checkpoint = open_checkpoint(note, parse_verifier_key(settings.verifier_key))
        self._snapshot = snapshot

    @property
    def size(self) -> int:
        """Leaves under the signed checkpoint."""
        return self.checkpoint.size

    @property
    def root(self) -> bytes:
        """The signed root."""
        return self.checkpoint.root

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.checkpoint.origin

    def event_files(self) -> list[Path]:
        """Return the Parquet files that hold events, sorted; log_id and month stand in their paths."""
        return self._files(events=True)

    def leaf_files(self) -> list[Path]:
        """Return the Parquet files that hold leaves that are no events, sorted."""
        return self._files(events=False)

    def leaf_runs(self, since: int = 0) -> list[list[Path]]:
        """Return the files of this log that hold leaves from `since` on that are no events, in their order.

        Files whose numbers overlap (merged ones) stand together: each list comes after the one before it.
        """
        live = [f for f in self._snapshot.files.values() if f.month == NO_EVENTS and f.log_id == self.settings.log_id]
        runs: list[list[Path]] = []
        reached = -1
        for file in sorted(live, key=lambda file: file.first_seq):
            if file.first_seq >= self.size or file.last_seq < since:
                continue
            if file.first_seq > reached:
                runs.append([])
            runs[-1].append(self.trail.events / file.path)
            reached = max(reached, file.last_seq)
        return runs

    def _files(self, *, events: bool) -> list[Path]:
        live = self._snapshot.files.values()
        chosen = (f for f in live if (f.month != NO_EVENTS) is events and f.first_seq < self.size)
        return sorted(self.trail.events / file.path for file in chosen)

    def entries(self, start: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield (seq, entry) of the leaves from `start` to before `end` in their order; purged ones are left out.

        Memory stays flat.
        """
        end = self.size if end is None else min(end, self.size)
        return entries_of(self.trail, self._snapshot, start, end)


def open_reader(path: Path) -> TrailReader:
    """Open a trail for reading. Raises UsageError where `path` is no trail and TrailError where it is damaged.

    The checkpoint's signature is checked against the trail's own key; whether anybody altered the trail is for
    `verify` to tell.
    """
    trail = Trail(path)
    settings = load_settings(trail)
    try:
        key = parse_verifier_key(settings.verifier_key)
    except VerificationError as cause:
        raise TrailError(cause.what, where=str(trail.settings), remedy=RESTORE) from cause
    note = signed_note(trail, settings.log_id, key)
    return TrailReader(trail, settings, note, read_snapshot(trail.delta_log))


def signed_note(trail: Trail, log_id: str, key: VerifierKey) -> bytes:
    """Return the trail's own checkpoint as it stands. Raises TrailError where it is missing or not signed by `key`."""
    path = trail.checkpoint(log_id)
    try:
        with open_regular(path) as file:
            note = file.read(NOTE_LIMIT + 1)
        open_checkpoint(note, key)
    except OSError as cause:
        raise TrailError(f"the checkpoint cannot be read: {cause.strerror}", where=str(path), remedy=RESTORE) from cause
    except VerificationError as cause:
        raise TrailError(f"the checkpoint is not ours: {cause.what}", where=str(path), remedy=RESTORE) from cause
    return note


def entries_of(trail: Trail, snapshot: Snapshot, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield (seq, entry) from `start` to before `end` out of a snapshot's files, in the order of seq."""
    files = [file for file in snapshot.files.values() if file.first_seq < end and file.last_seq >= start]
    paths = [trail.events / file.path for file in sorted(files, key=lambda file: file.first_seq)]
    purged = purged_of(trail, snapshot.files.values())
    gone, ended = purged.before(np.array([start, max(end, start)], dtype=np.int64)).tolist()

    def rank_of(_file: int, _row: int, batch: pa.RecordBatch) -> Ranks:
        seq = batch.column("seq").to_numpy()
        return np.where((seq >= start) & (seq < end), seq - start - (purged.before(seq) - gone), -1)

    try:
        for rows in in_order(paths, _ENTRIES, max(end - start, 0) - (ended - gone), rank_of):
            yield from zip(rows.column("seq").to_pylist(), rows.column("entry").to_pylist(), strict=True)
    except (pa.ArrowException, OSError, ValueError, KeyError) as cause:
        raise TrailError(
            f"the events table cannot be read: {cause}", where=str(trail.events), remedy=RESTORE
        ) from cause
