"""Group commits: what was appended while the trail was being written goes into the next commit, all of it at once."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mailwitness.collect.arrivals import Took
from mailwitness.collect.bookmarks import Bookmarks
from mailwitness.collect.interface import Receipt, WriterFailing
from mailwitness.collect.trail_holder import TrailHolder
from mailwitness.errors import MailwitnessError
from mailwitness.state.database import open_state

LINGER = 0.05
"""Seconds a commit waits for what is being read just then: a commit costs about the same, however much is in it."""
SEAL_AFTER = 300.0
"""Seconds without arrivals after which what is new is sealed."""


class _Waiting:
    def __init__(self, took: Took) -> None:
        self.took = took
        self.done = threading.Event()
        self.receipt: Receipt | None = None
        self.error: MailwitnessError | None = None


class Commits:
    """Commits on a thread of its own what threads took in; each waits for the commit that holds its own."""

    def __init__(self, holder: TrailHolder, trail: Path, on_loss: Callable[[], None]) -> None:
        """Call `on_loss` when what was appended is lost because the trail could not be written."""
        self._holder = holder
        self._trail = trail
        self._on_loss = on_loss
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._under_way = 0
        self._is_closing = False
        self._is_sealed = True
        self.committed_at: datetime | None = None
        self._thread = threading.Thread(target=self._run, name="commits", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def expecting(self) -> Iterator[None]:
        """Say that something is being taken in and will soon be to be committed, or fail."""
        with self._changed:
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify()

    def durable(self, took: Took) -> Receipt:
        """Return the receipt when everything of `took` is durable, and its bookmark moved; raises WriterFailing."""
        waiting = _Waiting(took)
        with self._changed:
            if self._is_closing:
                raise WriterFailing("the writer is ending", remedy="send it again when it has started anew")
            self._waiting.append(waiting)
            self._changed.notify()
        waiting.done.wait()
        if waiting.receipt is None:
            assert waiting.error is not None  # noqa: S101 - one of the two is set
            raise waiting.error
        return waiting.receipt

    def close(self) -> None:
        """Commit what waits, then end the thread."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._waiting or self._is_closing, SEAL_AFTER)
                    if self._waiting:
                        self._changed.wait_for(lambda: not self._under_way or self._is_closing, LINGER)
                    group, self._waiting = self._waiting, []
                    is_closing = self._is_closing
                if group:
                    connection = self._commit(group, connection)
                elif is_closing:
                    return
                else:
                    self._seal()
        finally:
            if connection is not None:
                connection.close()

    def _commit(self, group: list[_Waiting], connection: sqlite3.Connection | None) -> sqlite3.Connection | None:
        """Answer everybody of the group; return the connection that bookmarks are written over."""
        try:
            with self._holder.lock:
                held = [waiting for waiting in group if self._holder.holds(waiting.took.session)]
                committed = self._holder.commit()
            self.committed_at = datetime.now(UTC)
            self._is_sealed = False
            moves = [waiting.took.move for waiting in held if waiting.took.move is not None]
            if moves:
                connection = connection or open_state(self._trail)
                Bookmarks(connection).move(moves, self.committed_at)
        except MailwitnessError as error:
            self._on_loss()
            self._fail(group, error)
        except sqlite3.Error as error:
            cause = WriterFailing(f"bookmarks cannot be written: {error}", where=str(self._trail))
            self._fail(group, cause)
        else:
            lost = WriterFailing("the trail could not be written", where=str(self._trail))
            self._fail([waiting for waiting in group if waiting not in held], lost)
            for waiting in held:
                waiting.receipt = msgspec.structs.replace(
                    waiting.took.receipt, size=committed.size, root=committed.root.hex()
                )
                waiting.done.set()
        return connection

    def _fail(self, group: list[_Waiting], error: MailwitnessError) -> None:
        for waiting in group:
            waiting.error = error
            waiting.done.set()

    def _seal(self) -> None:
        if self._is_sealed:
            return
        try:
            self._holder.seal()
        except WriterFailing:
            self._on_loss()  # said by the holder to whoever comes next
        self._is_sealed = True
