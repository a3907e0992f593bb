"""A trail as of one signed size, worked out once: what every page and report draws on.

Who is who, every right over time, every change, the coverage and the index cost seconds on a large trail and are the
same for all who ask until the trail grows. So they are kept, with the size they belong to, and every view says that
size. Accesses and events are read from the sealed table at each request.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from mailwitness.analysis.change import Change
from mailwitness.analysis.changes import changes
from mailwitness.analysis.coverage import Coverage, coverage_of
from mailwitness.analysis.explain import Explainer
from mailwitness.analysis.explained_in_bulk import Tally, unexplained
from mailwitness.analysis.filters import Filters
from mailwitness.analysis.mailbox_accesses import keys_of, pairs_of, prepare
from mailwitness.analysis.rights_over_time import rights_over_time
from mailwitness.analysis.standing import Standing
from mailwitness.directory.store import load_observations
from mailwitness.engine.embedded import Embedded
from mailwitness.engine.event_index import EventIndex
from mailwitness.engine.query import load_query
from mailwitness.faces.views.covered import Covered
from mailwitness.faces.views.people import People
from mailwitness.trail.custody import begins_with
from mailwitness.trail.reader import TrailReader, open_reader

SQL = "mailwitness.analysis.sql"
SHARE = 9
"""A picture that takes long is not begun anew before so many times as long have passed."""
ENGINES = 2
"""Engines kept open: one a core."""


class WorkedOut:
    """What follows from all events and the directory together: the same until an event or an observation comes."""

    def __init__(self, reader: TrailReader, engine: Embedded) -> None:
        """Work it out; on a large trail that takes a while."""
        self.lock = threading.RLock()
        """Held while the standing is asked: it keeps what it works out."""
        observations = load_observations(reader.trail.path)
        self.standing: Standing = rights_over_time(engine, observations)
        self.explainer = Explainer(self.standing)
        self.changes, self.hidden_changes = changes(engine, Filters(noise=True))
        self.coverage: Coverage = coverage_of(engine, Filters())
        """What the logs tell themselves: which are at hand, their holes and losses."""
        self.covered = Covered(engine, observations)
        """What would have been seen, as the verb coverage says it."""
        self.people = People(self.standing, self.explainer)
        self.people.learn(engine.rows(load_query(SQL, "bulk_references")), self.changes)
        self.tally: Tally = unexplained(engine, self.standing, Filters())
        self.hosts = engine.rows(load_query(SQL, "witnessed_hosts"))
        now = datetime.now(UTC)
        self.first_at = min((row["first_at"] for row in self.hosts), default=now)
        self.last_at = max((row["last_at"] for row in self.hosts), default=now)
        pairs = engine.rows(load_query(SQL, "undeclared_pairs"))
        self.own = pairs_of((p["actor_name"], p["mailbox_ref"]) for p in pairs if self.people.is_own(p))
        """Account and mailbox where both are one thing's and the record does not say whether as its owner."""
        self.keys = keys_of(self.people.mailbox_references())
        self.by_change = {change.change_id: change for change in self.changes}
        self.by_witness = {w.event_id: change for change in self.changes for w in change.witnesses}
        self.change_texts = {change.change_id: _text_of(change) for change in self.changes}
        """Everything a change says, in lower case, for search."""
        self.kept: dict[str, Any] = {}
        """Views that are the same for everybody, by name (the home page's)."""


class Picture:
    """Everything known of a trail at one size. Ask from any thread; `engine()` lends an engine for one question."""

    def __init__(
        self, reader: TrailReader, index: EventIndex, engines: list[Embedded], worked_out: WorkedOut | None = None
    ) -> None:
        """Use `draw`."""
        self.reader = reader
        self.index = index
        self.made_at = datetime.now(UTC)
        self.worked_out = worked = worked_out or WorkedOut(reader, engines[0])
        self.lock, self.standing, self.explainer = worked.lock, worked.standing, worked.explainer
        self.people, self.changes, self.own = worked.people, worked.changes, worked.own
        self.by_change, self.by_witness, self.change_texts = worked.by_change, worked.by_witness, worked.change_texts
        self.coverage, self.covered, self.tally, self.hosts = (
            worked.coverage,
            worked.covered,
            worked.tally,
            worked.hosts,
        )
        self.first_at, self.last_at = worked.first_at, worked.last_at
        self.imports_before: tuple[int, tuple[Any, ...]] = (0, ())
        """Acts of custody that an earlier picture told, the latest first, and the leaves they are of."""
        self.kept: dict[str, Any] = {}
        """Views that are the same for everybody until the next leaf, by name."""
        self._engines: queue.LifoQueue[Embedded] = queue.LifoQueue()
        for engine in engines:
            prepare(engine, worked.keys, worked.own)
            self._engines.put(engine)

    @property
    def size(self) -> int:
        """Leaves under the checkpoint this picture was made at."""
        return self.reader.size

    @contextlib.contextmanager
    def engine(self) -> Iterator[Embedded]:
        """Lend an engine."""
        engine = self._engines.get()
        try:
            yield engine
        finally:
            self._engines.put(engine)


def _text_of(change: Change) -> str:
    said = [getattr(change, name) for name in _SEARCHED]
    said += change.rights
    said += [text for d in change.differences for text in (d.trustee_name, d.trustee_sid, d.before, d.after)]
    said += [text for w in change.witnesses for text in (w.event_id, w.computer, w.event_code, w.source)]
    return "\n".join(str(text) for text in said if text).casefold()


_SEARCHED = (
    "kind action folder mailbox_ref object_dn object_guid attribute trustee_sid trustee_name group_sid group_name "
    "actor_sid actor_name performed_by through_server client_ip before after"
).split()


def draw(trail: Path, index: EventIndex, before: Picture | None = None) -> Picture:
    """Return the picture of a trail as it is signed now, its index brought up to date. Raises TrailError.

    What follows from the events is taken from the picture `before` where no event and no observation of a directory
    came since: reading a page is a leaf itself.
    """
    reader = open_reader(trail)
    added = index.take_in(reader)
    engines = [Embedded(reader, threads=2, memory_limit="1GB") for _ in range(ENGINES)]
    kept = before.worked_out if before is not None and not added and not _observed(engines[0], before) else None
    picture = Picture(reader, index, engines, kept)
    if before is not None and begins_with(reader, before.size, before.reader.root.hex()):
        told = before.kept.get("imports")
        picture.imports_before = before.imports_before if told is None else (before.size, told)
    return picture


def _observed(engine: Embedded, before: Picture) -> bool:
    """Return whether something but events came since that changes what is known: a directory's state, a purge."""
    rows = engine.rows(load_query(SQL, "leaves_since"), size=before.size)
    custody = (bytes(row["entry"]) for row in rows if row["leaf_kind"] == "custody")
    return any(row["leaf_kind"] == "purge" for row in rows) or any(
        mark in entry for entry in custody for mark in _TABLES
    )


_TABLES = (b'"files":[', b'"statement":{"sha256"')
"""Stand in the custody leaf of what was observed of a directory: the tables it filled, or a statement in a blob."""


class Pictures:
    """Keeps the picture of one trail up to date: the old one is shown while the new one is made."""

    def __init__(
        self,
        trail: Path,
        index: EventIndex,
        *,
        patience: float = 2.0,
        warm: Sequence[Callable[[Picture], object]] = (),
    ) -> None:
        """Draw the first picture.

        `patience`: how long a request waits for a newer one, in seconds. `warm`: what else is worked out of a picture
        before anybody is shown it.
        """
        self._warm = warm
        self._trail = trail
        self._index = index
        self._patience = patience
        began = time.monotonic()
        self._current = self._draw(None)
        self._took = time.monotonic() - began
        self._next = 0.0
        self._guard = threading.Lock()
        self._drawing: threading.Thread | None = None
        self._seen = _stamp(self._current.reader)
        self.failure: Exception | None = None
        """Why the last attempt at a newer picture came to nothing; the old one is still shown, and says its size."""

    def _draw(self, before: Picture | None) -> Picture:
        picture = draw(self._trail, self._index, before)
        for work_out in self._warm:
            work_out(picture)
        return picture

    @property
    def current(self) -> Picture:
        """Return the newest picture there is; one made of fewer leaves where the newer is still being drawn.

        A new one is begun when the trail has grown, at most one at a time, and never takes more than a tenth of the
        time: on a large trail that grows all the time pages are some minutes behind, and say so.
        """
        with self._guard:
            if self._drawing is None and time.monotonic() >= self._next:
                stamp = _stamp(self._current.reader)
                if stamp != self._seen:
                    self._seen = stamp
                    self._drawing = threading.Thread(target=self._redraw, name="picture", daemon=True)
                    self._drawing.start()
            drawing = self._drawing
        if drawing is not None and self._took < self._patience:
            drawing.join(self._patience)
        return self._current

    @property
    def drawn(self) -> Picture:
        """Return the newest picture there is, without looking for a newer one."""
        return self._current

    @property
    def is_drawing(self) -> bool:
        """Return whether a newer picture is being made."""
        return self._drawing is not None

    def _redraw(self) -> None:
        began = time.monotonic()
        try:
            self._current = self._draw(self._current)
            self.failure = None
        except Exception as failure:  # noqa: BLE001 - shown on every page until it is mended
            self.failure = failure
        finally:
            self._took = time.monotonic() - began
            self._next = time.monotonic() + (SHARE * self._took if self._took >= self._patience else 0.0)
            self._drawing = None

    def close(self) -> None:
        """Let go of everything once no picture is being drawn."""
        drawing = self._drawing
        if drawing is not None:
            drawing.join()
        self._index.close()


def _stamp(reader: TrailReader) -> tuple[int, int, int]:
    """Return what tells one signed checkpoint from the next without reading it."""
    status = reader.trail.checkpoint(reader.settings.log_id).stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


class AsOf(msgspec.Struct, frozen=True, kw_only=True):
    """What a view was made at: stands on every page, in every report and export."""

    size: int
    root: str
    origin: str
    made_at: datetime


def as_of(picture: Picture) -> AsOf:
    """Return what a view of `picture` was made at."""
    reader = picture.reader
    return AsOf(size=reader.size, root=reader.root.hex(), origin=reader.origin, made_at=picture.made_at)
