"""What the sections of one report are made from: one trail at one checkpoint, read once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path

import msgspec

from mailwitness.analysis.filters import Filters
from mailwitness.analysis.naming import with_names
from mailwitness.analysis.rights_over_time import rights_over_time
from mailwitness.analysis.standing import Standing
from mailwitness.directory.store import Observations, load_observations
from mailwitness.engine.embedded import Embedded
from mailwitness.trail.reader import TrailReader, open_reader


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is asked for. `until` bounds the period and is the time that rights are told as of.

    `since` None: from the beginning of the trail. `days`: how long a right has to lie unused. `anchors` and `key` were
    kept elsewhere; without them the integrity of the trail is vouched for by itself alone.
    """

    until: datetime
    since: datetime | None = None
    mailbox: str | None = None
    days: int = 90
    anchors: Path | None = None
    key: str | None = None

    def query(self) -> dict[str, str]:
        """Return what was asked, as a report carries it."""
        asked = {"mailbox": self.mailbox, "days": str(self.days), "key": self.key}
        asked["anchors"] = str(self.anchors) if self.anchors else None
        return {name: value for name, value in asked.items() if value is not None}


class Ground:
    """One trail, opened for one report."""

    def __init__(self, reader: TrailReader, engine: Embedded, observations: Observations, wish: Wish) -> None:
        """Use `ground`."""
        self.reader = reader
        self.engine = engine
        self.observations = observations
        self.wish = wish

    @cached_property
    def standing(self) -> Standing:
        """The rights over time; worked out when a section first needs them."""
        return rights_over_time(self.engine, self.observations)

    @cached_property
    def filters(self) -> Filters:
        """The period and the mailbox asked for, with what the directory knows of its name."""
        asked = Filters(since=self.wish.since, until=self.wish.until, mailbox=self.wish.mailbox)
        return with_names(self.engine, self.observations, asked)


@contextmanager
def ground(trail: Path, wish: Wish) -> Iterator[Ground]:
    """Open `trail` for one report. Raises UsageError where it is none and TrailError where it is damaged."""
    reader = open_reader(trail)
    with Embedded(reader) as engine:
        yield Ground(reader, engine, load_observations(trail), wish)
