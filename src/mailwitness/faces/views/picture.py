"""A trail as of one signed size, worked out once: what every page and report draws on.

Who is who, every right over time, every change, the coverage and the index cost seconds on a large trail and are the
same for all who ask until the trail grows. So they are kept, with the size they belong to, and every view says that
size. Accesses and events are read from the sealed table at each request.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
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
from mailwitness.faces.views.people import People
from mailwitness.readiness.proof import Proof, proof_of
from mailwitness.readiness.state import State
from mailwitness.readiness.verdict import Asked, Verdict, verdicts
from mailwitness.trail.reader import TrailReader, open_reader

SQL = "mailwitness.analysis.sql"
LATELY = timedelta(days=30)
"""Coverage is first told of so long before the latest record."""
ENGINES = 2
"""Engines kept open: one a core."""


class Picture:
    """Everything known of a trail at one size. Ask from any thread; `engine()` lends an engine for one question."""

    def __init__(self, reader: TrailReader, index: EventIndex, engines: list[Embedded]) -> None:
        """Use `draw`."""
        self.reader = reader
        self.index = index
        self.made_at = datetime.now(UTC)
        self._engines: queue.LifoQueue[Embedded] = queue.LifoQueue()
        self._all = engines
        self.lock = threading.RLock()
        """Held while the standing is asked: it keeps what it works out."""
        engine = engines[0]
        self.standing: Standing = rights_over_time(engine, load_observations(reader.trail.path))
        self.explainer = Explainer(self.standing)
        self.changes, self.hidden_changes = changes(engine, Filters(noise=True))
        self.coverage: Coverage = coverage_of(engine, Filters())
        self.proof: Proof = proof_of(engine)
        self.people = People(self.standing, self.explainer)
        self.people.learn(engine.rows(load_query(SQL, "bulk_references")), self.changes)
        self.tally: Tally = unexplained(engine, self.standing, Filters())
        self.custody = engine.rows(load_query(SQL, "custody_entries"))
        self.hosts = engine.rows(load_query(SQL, "witnessed_hosts"))
        self.verdict_window = Asked(since=max(self.first_at, self.last_at - LATELY), until=self.last_at)
        self.verdicts: list[Verdict] = verdicts(self.proof, State(), self.verdict_window)
        self._prepare(engines)
        self.by_change = {change.change_id: change for change in self.changes}
        self.by_witness = {w.event_id: change for change in self.changes for w in change.witnesses}
        self.change_texts = {change.change_id: _text_of(change) for change in self.changes}
        """Everything a change says, in lower case, for search."""
        self.kept: dict[str, Any] = {}
        """Views that are the same for everybody, by name (the home page's)."""

    def _prepare(self, engines: list[Embedded]) -> None:
        """Make known to each engine what mailbox_accesses needs: keys, and who has which mailbox as his own."""
        pairs = engines[0].rows(load_query(SQL, "undeclared_pairs"))
        keys = keys_of(self.people.mailbox_references())
        self.own = pairs_of((p["actor_name"], p["mailbox_ref"]) for p in pairs if self.people.is_own(p))
        """Account and mailbox where both are one thing's and the record does not say whether as its owner."""
        for engine in engines:
            prepare(engine, keys, self.own)
            self._engines.put(engine)

    @property
    def size(self) -> int:
        """Leaves under the checkpoint this picture was made at."""
        return self.reader.size

    @property
    def last_at(self) -> datetime:
        """Return the time of the latest event on record, now where there is none."""
        return max((row["last_at"] for row in self.hosts), default=self.made_at)

    @property
    def first_at(self) -> datetime:
        """Return the time of the earliest event on record, now where there is none."""
        return min((row["first_at"] for row in self.hosts), default=self.made_at)

    @contextlib.contextmanager
    def engine(self) -> Iterator[Embedded]:
        """Lend an engine."""
        engine = self._engines.get()
        try:
            yield engine
        finally:
            self._engines.put(engine)

    def changes_of(self, kinds: Iterable[Change], *, noise: bool) -> list[Change]:
        """Return those of `kinds` that are shown."""
        return [change for change in kinds if noise or change.noise is None]

    def close(self) -> None:
        """Let go of the engines, once all that were lent are back."""
        for _ in self._all:
            self._engines.get().close()


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


def draw(trail: Path, index: EventIndex) -> Picture:
    """Return the picture of a trail as it is signed now, its index brought up to date. Raises TrailError."""
    reader = open_reader(trail)
    index.take_in(reader)
    return Picture(reader, index, [Embedded(reader, threads=2, memory_limit="1GB") for _ in range(ENGINES)])


class Pictures:
    """Keeps the picture of one trail up to date: the old one is shown while the new one is made."""

    def __init__(self, trail: Path, index: EventIndex, *, patience: float = 2.0) -> None:
        """Draw the first picture. `patience`: how long a request waits for a newer one, in seconds."""
        self._trail = trail
        self._index = index
        self._patience = patience
        self._current = draw(trail, index)
        self._guard = threading.Lock()
        self._drawing: threading.Thread | None = None
        self._seen = _stamp(self._current.reader)
        self.failure: Exception | None = None
        """Why the last attempt at a newer picture came to nothing; the old one is still shown, and says its size."""

    @property
    def current(self) -> Picture:
        """Return the newest picture there is; one made of fewer leaves where the newer is still being drawn."""
        with self._guard:
            stamp = _stamp(self._current.reader)
            if stamp != self._seen and self._drawing is None:
                self._seen = stamp
                self._drawing = threading.Thread(target=self._redraw, name="picture", daemon=True)
                self._drawing.start()
            drawing = self._drawing
        if drawing is not None:
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
        try:
            self._current = draw(self._trail, self._index)
            self.failure = None
        except Exception as failure:  # noqa: BLE001 - shown on every page until it is mended
            self.failure = failure
        finally:
            self._drawing = None

    def close(self) -> None:
        """Let go of everything."""
        if self._drawing is not None:
            self._drawing.join()
        self._current.close()
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
