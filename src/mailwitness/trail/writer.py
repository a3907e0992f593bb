"""The one writer of a log: appends, commits, seals, compacts. What `commit` returned for is durable."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from deltalake.exceptions import DeltaError

from mailwitness.errors import TrailError
from mailwitness.event import Blob, instant, leaf_hash
from mailwitness.trail.admission import Admission
from mailwitness.trail.checkpoint import Checkpoint
from mailwitness.trail.compaction import SEE_TO_DISK, Merged, due, everything, merge, place
from mailwitness.trail.delta_log import DataFile, checkpoint_path, checkpoints_in, commit_path, commits_in
from mailwitness.trail.durable import replace_durably, sync_directories
from mailwitness.trail.evidence import EvidenceStore
from mailwitness.trail.identities import MEMORY_LIMIT
from mailwitness.trail.keys import Head, load_key
from mailwitness.trail.layout import Trail
from mailwitness.trail.leaves import LeafKind, leaf_batch, leaf_entry
from mailwitness.trail.lock import lock_log
from mailwitness.trail.note import SigningKey
from mailwitness.trail.projection import parse_instant
from mailwitness.trail.purge import check_month, remove_evidence, remove_files, what_goes
from mailwitness.trail.recovery import Remark, recover
from mailwitness.trail.schema import FILE_SCHEMA, NO_EVENTS
from mailwitness.trail.sealing import SealedFile, hash_file
from mailwitness.trail.settings import Settings, load_settings
from mailwitness.trail.table import EventsTable, Written
from mailwitness.trail.tiles import Tree, remove_partial_tiles, write_tiles

SEAL_EVERY = 64
"""Commits after which the new files are sealed without being asked, and after which Delta gets a checkpoint."""
GRACE = timedelta(minutes=10)
"""How long a file that compaction replaced stays for whoever reads it just then."""
COMMIT_ROWS = 50_000
COMMIT_BYTES = 48 << 20
"""What is appended is committed by itself at so many rows or bytes of Arrow data."""


class Appended(msgspec.Struct, frozen=True):
    """What became of a batch, row by row: 0 a duplicate, 1 recorded, 2 a conflict, kept under another identity."""

    kept: npt.NDArray[np.int8]
    conflicts: list[tuple[str, str]]
    """(event_id, the identity it was kept under) of each conflict that was kept."""


class Committed(msgspec.Struct, frozen=True):
    """What the log commits to now: everything in its first `size` leaves is durable."""

    size: int
    root: bytes


class Writer:
    """Appends to a trail. Use `Writer.open` as a context manager; leaving it without an error closes it.

    After an error of `commit`, `seal` or `compact` the writer refuses to go on: open a new one, which recovers.
    """

    def __init__(self, trail: Trail, settings: Settings, key: SigningKey, head: Head, lock: IO[bytes]) -> None:
        """Use `Writer.open`; this wants the lock to be held already."""
        self.trail = trail
        self.settings = settings
        self._key = key
        self._head = head
        self._lock: IO[bytes] | None = lock
        self._log = trail.log(settings.log_id)
        recovered = recover(trail, settings.log_id, key.verifier)
        head.check(key, self._log, recovered.tree)
        self._tree, self._seals = recovered.tree, recovered.seals
        self._live = dict(recovered.snapshot.files)
        self.recovery: list[Remark] = recovered.remarks
        """What an interrupted writer left behind and what became of it; empty after a clean end."""
        self._table = EventsTable(trail, settings.log_id)
        self._evidence = EvidenceStore(trail, settings.keep_evidence)
        self._admission = Admission(trail.events, self._live_by_month(), MEMORY_LIMIT)
        self._pending: list[tuple[pa.RecordBatch, npt.NDArray[np.str_]]] = []
        self._pending_rows = self._pending_bytes = 0  # counted: thousands of leaves come one by one
        self.merges = True
        """Whether commits merge small files by themselves; whoever cannot wait so long asks `to_merge` instead."""
        self._broken = False
        self._grace = GRACE
        for leaf in recovered.unfinished:
            self._take_away(leaf.month, leaf.seq, leaf.evidence)
        if self.recovery:
            remarks = [{"what": r.what, "where": r.where, "leaves": r.leaves} for r in self.recovery]
            self.custody({"act": "recovered", "remarks": remarks})

    @classmethod
    def open(cls, path: Path, key_path: Path | None = None, *, grace: timedelta = GRACE) -> Self:
        """Lock the trail's log, put right what a crash left, and return the writer.

        Files that compaction replaced are deleted after `grace`.

        Raises TrailLocked where another writer runs, UsageError where the trail or its key cannot be used, and
        TrailBehind where acknowledged leaves are missing.
        """
        trail = Trail(path)
        settings = load_settings(trail)
        key = load_key(settings, key_path)
        lock = lock_log(trail, settings.log_id)
        try:
            with _disk_errors(trail):
                writer = cls(trail, settings, key, Head(key_path or Path(settings.key_path)), lock)
        except BaseException:
            lock.close()
            raise
        writer._grace = grace
        return writer

    @property
    def size(self) -> int:
        """Leaves that are durable."""
        return self._tree.size

    def append(self, batch: pa.RecordBatch, blobs: Iterable[Blob] = ()) -> Appended:
        """Take in events (BATCH_SCHEMA) and the long values they refer to; what is known already is dropped.

        Durable only when `commit` has returned; it is called when COMMIT_ROWS or COMMIT_BYTES have gathered. Raises
        ValueError where the batch breaks the contract; then nothing of it was taken.
        """
        self._check_usable()
        for blob in blobs:  # before the rows: an entry never refers to what is not there
            with _disk_errors(self.trail):
                self._evidence.put(blob)
        admitted = self._admission.admit(batch)
        if len(admitted.rows):
            self._hold(admitted.rows, admitted.months)
            self._commit_if_full()
        return Appended(admitted.kept, admitted.conflicts)

    def custody(self, statement: Mapping[str, Any]) -> None:
        """Append a custody leaf: which evidence came in, from whom, by which version, with which counts.

        `statement` is JSON (texts, lists, dicts with ASCII keys, booleans, integers below 2^53). Where it has a list
        `evidence` of dicts with `sha256` and `kept`, `verify` looks for the files that are said to be kept.
        """
        self._check_usable()
        self._leaf("custody", {"statement": dict(statement)}, datetime.now(UTC))
        self._commit_if_full()

    def act(self, statement: Mapping[str, Any]) -> None:
        """Append what a person did with the trail (`who`, `verb`, `subject`, ...); JSON as in `custody`."""
        self._check_usable()
        self._leaf("act", {"statement": dict(statement)}, datetime.now(UTC))
        self._commit_if_full()

    def _leaf(self, kind: LeafKind, said: Mapping[str, Any], written_at: datetime) -> None:
        entry, blobs = leaf_entry(kind, said, written_at, self.settings.salt)
        with self._breaking():
            for blob in blobs:
                self._evidence.put(blob)
        self._hold(leaf_batch(kind, entry, written_at), np.array([NO_EVENTS]))

    def _hold(self, rows: pa.RecordBatch, months: npt.NDArray[np.str_]) -> None:
        self._pending.append((rows, months))
        self._pending_rows += len(rows)
        self._pending_bytes += rows.nbytes

    def _commit_if_full(self) -> None:
        if self._pending_bytes >= COMMIT_BYTES or self._pending_rows >= COMMIT_ROWS:
            self.commit()

    def commit(self) -> Committed:
        """Make everything appended durable and return the size and root that are signed now."""
        self._check_usable()
        if self._pending:
            with self._breaking():
                self._commit()
                if self.merges:
                    self._compact(due(self._live.values()))
                if self._table.version - self._seals.version > SEAL_EVERY:
                    self._seal()
        return Committed(self._tree.size, self._tree.root())

    def _commit(self) -> None:
        """The written order: Parquet, the table's commit, tiles, the checkpoint last; each durable before the next."""
        rows = pa.Table.from_batches([batch for batch, _months in self._pending])
        months = np.concatenate([months for _batch, months in self._pending])
        first = self._tree.size
        tree = self._tree.copy()
        full = list(tree.append(leaf_hash(e) for chunk in rows.column("entry").chunks for e in chunk.to_pylist()))
        seq = pa.array(np.arange(first, tree.size, dtype=np.int64))
        written = self._table.write(rows.add_column(0, FILE_SCHEMA.field("seq"), seq), months)
        commit = self._table.commit(written, [], first, tree.size)
        write_tiles(self._log, [*full, *tree.partial_tiles()])
        self._sign(tree)
        remove_partial_tiles(self._log, full)
        self._committed(written, [], commit)
        self._admission.committed(self._live_by_month())
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0

    def _sign(self, tree: Tree) -> None:
        checkpoint = Checkpoint(self.settings.origin, tree.size, tree.root())
        replace_durably(self.trail.checkpoint(self.settings.log_id), checkpoint.signed(self._key))
        self._tree = tree

    def _committed(self, written: Sequence[Written], removed: Sequence[DataFile], commit: Path) -> None:
        """Note what a commit of the table changed: the live files, and what is new to be sealed."""
        for w in written:
            self._live[w.file.path] = w.file
            name = f"events/{w.file.path}"
            self._seals.add(SealedFile(name, w.sha256, w.file.size, w.file.first_seq, w.file.last_seq))
        for file in removed:
            del self._live[file.path]
            self._seals.drop(f"events/{file.path}")
        about = [w.file for w in written] or removed
        first = min((file.first_seq for file in about), default=self._tree.size)
        last = max((file.last_seq for file in about), default=self._tree.size - 1)
        self._seals.add(SealedFile(self._name(commit), *hash_file(commit), first, last))

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self.trail.path))

    def _live_by_month(self) -> dict[str, list[str]]:
        months: dict[str, list[str]] = {}
        for file in self._live.values():
            months.setdefault(file.month, []).append(file.path)
        return months

    def seal(self) -> Committed:
        """Commit, then make the hashes of all files of the table that are new a leaf; nothing new, no leaf."""
        committed = self.commit()
        if self._table.version <= self._seals.version + 1:  # what the last seal itself wrote
            self._delete_removed(datetime.now(UTC))
            return committed
        with self._breaking():
            self._seal()
        return Committed(self._tree.size, self._tree.root())

    def _seal(self) -> None:
        self._write_delta_checkpoint()
        version, written_at = self._table.version, datetime.now(UTC)
        for said in list(self._seals.said(version)):
            self._leaf("sealed", said, written_at)
        self._seals.sealed_now(version, instant(written_at))
        self._commit()
        self._head.keep(Checkpoint(self.settings.origin, self._tree.size, self._tree.root()), self._key)
        self._delete_removed(written_at)

    def _write_delta_checkpoint(self) -> None:
        """Now and then give the table a Delta checkpoint, and let go of the commits before the one before it."""
        log = self.trail.delta_log
        checkpoints = checkpoints_in(log)
        if self._table.version - max(checkpoints, default=0) < SEAL_EVERY:
            return
        path = self._table.checkpoint()
        self._seals.add(SealedFile(self._name(path), *hash_file(path), 0, self._tree.size - 1))
        before = max(checkpoints, default=0)
        gone = [commit_path(log, n) for n in commits_in(log) if n < before]
        for path in [*gone, *(checkpoint_path(log, n) for n in checkpoints if n < before)]:
            self._seals.drop(self._name(path))

    def _delete_removed(self, now: datetime) -> None:
        """Delete files whose removal a durable leaf states, once no reader can be in the middle of them."""
        folders = set()
        for name, removed_at in list(self._seals.removed.items()):
            if now - parse_instant(removed_at) >= self._grace:
                path = self.trail.path / name
                path.unlink(missing_ok=True)
                folders.add(path.parent)
                self._seals.forget(name)
        sync_directories(folders)

    def compact(self) -> Committed:
        """Commit, then rewrite every month as one file sorted by mailbox and time, and seal."""
        self.commit()
        with self._breaking():
            self._compact(everything(self._live.values()))
        return self.seal()

    def _compact(self, groups: Sequence[Sequence[DataFile]]) -> None:
        for files in groups:
            self._replace(files, merge(self.trail, files, self._hashes(files), self._table.version + 1))
        if groups:
            self._admission.committed(self._live_by_month())

    def _hashes(self, files: Sequence[DataFile]) -> dict[str, str]:
        return {file.path: self._seals.sha256(f"events/{file.path}") for file in files}

    def _replace(self, files: Sequence[DataFile], written: Written) -> None:
        commit = self._table.commit([written], files, self._tree.size, self._tree.size)
        self._committed([written], files, commit)

    def to_merge(self) -> tuple[list[DataFile], dict[str, str]] | None:
        """Return files that are due to be merged, and their hashes, for `compaction.prepare`; None where none are."""
        groups = due(self._live.values())
        return (groups[0], self._hashes(groups[0])) if groups else None

    def adopt(self, files: Sequence[DataFile], merged: Merged) -> bool:
        """Put what was prepared in the place of `files`; False where not all of them are part of the table any more."""
        self._check_usable()
        if any(self._live.get(file.path) != file for file in files):
            Path(merged.temporary).unlink(missing_ok=True)
            return False
        with self._breaking():
            self._replace(files, place(self.trail, merged, self._table.version + 1))
            self._admission.replaced(self._live_by_month())
        return True

    def purge(self, month: str, *, by: str, reason: str) -> int:
        """Take away every event of a month: rows, entries, and evidence that nothing else refers to; return how many.

        A leaf names what goes, who did it and why, and is durable before anything goes; the hashes stay, and with them
        every proof. A crash in between is made good by the next writer. Raises UsageError for what is no month, and
        where a hold stands against it (trail.holds).
        """
        check_month(month)
        self.commit()
        live = list(self._live.values())
        going = what_goes(self.trail, [f for f in live if f.month == month], [f for f in live if f.month != month])
        if not going.leaves:
            return 0
        self._leaf(
            "purge", {"month": month, "by": by, "reason": reason, **msgspec.structs.asdict(going)}, datetime.now(UTC)
        )
        with self._breaking():
            self._commit()
            self._take_away(month, self._tree.size - 1, going.evidence)
        return going.leaves

    def _take_away(self, month: str, seq: int, evidence: Sequence[str]) -> None:
        """Do what the purge leaf `seq` says. Evidence goes first: while rows are there, the purge is unfinished."""
        remove_evidence(self.trail, evidence)
        files = [file for file in self._live.values() if file.month == month and file.last_seq < seq]
        self._committed([], files, self._table.commit([], files, self._tree.size, self._tree.size, purges=True))
        self._admission.forget(month, self._live_by_month())
        self._seal()
        folder = f"events/log_id={self.settings.log_id}/month={month}/"
        gone = [name for name in self._seals.removed if name.startswith(folder)]  # what compaction replaced, too
        remove_files(self.trail, gone)
        for name in gone:
            self._seals.forget(name)

    def close(self) -> None:
        """Seal and give the lock back. A writer that an error broke only gives the lock back."""
        if self._lock is None:
            return
        try:
            if not self._broken:
                self.seal()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Give the lock back; what was appended and not committed is gone."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _check_usable(self) -> None:
        if self._broken or self._lock is None:
            raise TrailError(
                "this writer is closed or failed before",
                where=str(self.trail.path),
                remedy="open a new one: it recovers",
            )

    @contextlib.contextmanager
    def _breaking(self) -> Iterator[None]:
        """Whatever ends a change half way leaves memory and disk apart: only a new writer may go on."""
        try:
            with _disk_errors(self.trail):
                yield
        except BaseException:
            self._broken = True
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()


@contextlib.contextmanager
def _disk_errors(trail: Trail) -> Iterator[None]:
    """Say what a disk error means for the trail."""
    try:
        yield
    except (OSError, DeltaError, pa.ArrowException) as cause:
        raise TrailError(f"the trail cannot be written: {cause}", where=str(trail.path), remedy=SEE_TO_DISK) from cause
