"""Holds the trail's writer for many threads, and opens it anew after the disk failed it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from mailwitness.collect.interface import WriterFailing
from mailwitness.collect.merging import Merger, Portion
from mailwitness.directory.store import Recorder
from mailwitness.errors import MailwitnessError, TrailError
from mailwitness.event import Blob
from mailwitness.trail.compaction import Merged
from mailwitness.trail.writer import GRACE, Appended, Committed, Writer

T = TypeVar("T")

OPEN_EVERY = 1.0
"""Seconds between two tries to open a trail that could not be written."""


class TrailHolder:
    """The one writer of a trail, one thread at a time.

    What was appended through a session is durable when a later `commit` returned for that session. When the trail
    cannot be written, everything appended and not committed is lost to its sessions, which learn it by WriterFailing;
    the next session opens the trail anew, which puts right what the failure left behind.
    """

    def __init__(self, path: Path, key_path: Path | None, grace: timedelta = GRACE) -> None:
        """Open the trail; raises as Writer.open does."""
        self._path = path
        self._key_path = key_path
        self._grace = grace
        self.lock = threading.RLock()
        self._writer: Writer | None = Writer.open(path, key_path, grace=grace)
        self._writer.merges = False
        self.trail = self._writer.trail
        self.settings = self._writer.settings
        self.committed = self._writer.commit()  # what a recovery says of itself
        self.failing: str | None = None
        self._tried_at = 0.0
        self._recorder: Recorder | None = None
        self._merger = Merger(self)

    def session(self) -> Session:
        """Return a session over the writer as it is now. Raises WriterFailing while the trail cannot be written."""
        with self.lock:
            if self._writer is None:
                self._reopen()
            assert self._writer is not None  # noqa: S101 - or _reopen raised
            return Session(self, self._writer)

    def _reopen(self) -> None:
        wait = self._tried_at + OPEN_EVERY - time.monotonic()
        if wait > 0:
            raise self._failure(max(wait, 0.1))
        try:
            writer = Writer.open(self._path, self._key_path, grace=self._grace)
        except MailwitnessError as error:
            self.failing = str(error)
            self._tried_at = time.monotonic()
            raise self._failure(OPEN_EVERY) from error
        writer.merges = False
        self._writer = writer
        self.failing = None

    def _failure(self, retry_after: float = WriterFailing.retry_after) -> WriterFailing:
        error = WriterFailing(
            f"the trail cannot be written: {self.failing}",
            where=str(self._path),
            remedy="see to the disk; the writer goes on by itself when it can",
        )
        error.retry_after = max(retry_after, OPEN_EVERY)
        return error

    def run(self, writer: Writer, act: Callable[[Writer], T]) -> T:
        """Let `act` use `writer` alone. Raises WriterFailing where it fails, or was replaced before."""
        with self.lock:
            if writer is not self._writer:
                raise self._failure()
            try:
                return act(writer)
            except TrailError as error:
                self.failing = str(error)
                self._tried_at = time.monotonic()
                self._writer = self._recorder = None
                writer.abandon()
                raise self._failure() from error

    def recorder(self) -> Recorder:
        """Return what takes states of the directory in. To be asked under the lock, by a session that holds."""
        if self._recorder is None:
            assert self._writer is not None  # noqa: S101 - a session holds it
            self._recorder = Recorder(self._writer)  # reads every custody leaf: once a writer
        return self._recorder

    def commit(self) -> Committed:
        """Make durable what every session appended up to now."""
        return self._finish(Writer.commit)

    def seal(self) -> Committed:
        """Commit, and seal the files that are new."""
        return self._finish(Writer.seal)

    def _finish(self, how: Callable[[Writer], Committed]) -> Committed:
        with self.lock:
            writer = self._writer
            if writer is None:
                raise self._failure()
            self.committed = self.run(writer, how)
            self._merger.look()
            return self.committed

    def to_merge(self) -> Portion | None:
        """Return files that are due to be merged, None where none are or the trail cannot be written."""
        with self.lock:
            writer = self._writer
            work = None if writer is None else self.run(writer, Writer.to_merge)
            return None if writer is None or work is None else Portion(writer, *work)

    def adopt(self, portion: Portion, merged: Merged) -> None:
        """Put merged rows in the place of the files they come from, if those are still there."""
        try:
            self.run(portion.writer, lambda writer: writer.adopt(portion.files, merged))
        except WriterFailing:
            Path(merged.temporary).unlink(missing_ok=True)

    @property
    def not_merging(self) -> str | None:
        """Why small files are not merged at the moment, None where they are."""
        return self._merger.failing

    def holds(self, session: Session) -> bool:
        """Return whether what a session appended is still in the writer's hands. To be asked under the lock."""
        return session.writer is self._writer

    def close(self) -> None:
        """Commit, seal and give the trail back."""
        self._merger.close()
        with self.lock:
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.close()


class Session:
    """What one arrival appends; all of it is lost together, or none."""

    def __init__(self, holder: TrailHolder, writer: Writer) -> None:
        self._holder = holder
        self.writer = writer

    def append(self, batch: pa.RecordBatch, blobs: Iterable[Blob] = ()) -> Appended:
        """Append events; as Writer.append."""
        return self._holder.run(self.writer, lambda writer: writer.append(batch, blobs))

    def custody(self, statement: Mapping[str, Any]) -> None:
        """Append a custody leaf; as Writer.custody."""
        self._holder.run(self.writer, lambda writer: writer.custody(statement))

    def act(self, statement: Mapping[str, Any]) -> None:
        """Append what a person did; as Writer.act."""
        self._holder.run(self.writer, lambda writer: writer.act(statement))

    def record(self, said: Callable[[Recorder], T]) -> T:
        """Take in what evidence says of how things stood."""
        return self._holder.run(self.writer, lambda _writer: said(self._holder.recorder()))
