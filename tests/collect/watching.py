"""A folder that is watched, looked at when a test says so."""

from __future__ import annotations

import itertools
from pathlib import Path

from tests.collect.serving import Serving, statements

from mailwitness.collect.bookmarks import Bookmarks
from mailwitness.collect.folder import FolderCollector
from mailwitness.collect.folder_settings import FolderSettings
from mailwitness.state.database import open_state

NUMBERS = itertools.count(1, 100)
"""Every test's own records."""


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Watching:
    """A folder and its collector, looking when it is told to."""

    def __init__(self, serving: Serving, path: Path, clock: Clock, **settings) -> None:
        self.path = path
        self.clock = clock
        self.serving = serving
        self._settings = FolderSettings(path=path, name=path.name, **({"quiet_seconds": 5.0} | settings))
        self._connection = open_state(serving.trail)
        self.restart()

    def restart(self) -> None:
        self.collector = FolderCollector(self._settings, self.serving.client, self.serving.trail)
        self.collector._begin(self._connection)

    def look(self, *, later: float = 0.0) -> dict[str, int]:
        """Return what one look at the folder, some seconds later, brought: counts that are not zero."""
        self.clock.now += later
        self.collector._counts = {}
        self.collector.look()
        return {name: count for name, count in self.collector._counts.items() if count}

    def bookmarks(self) -> set[str]:
        return set(Bookmarks(self._connection).all(self.path.name))

    def told(self) -> list[tuple[str, str]]:
        said = [said for said in statements(self.serving.trail) if said.get("collector") == self.path.name]
        return [(s["what"], s["where"][len(str(self.path)) + 1 :]) for s in said if s["act"] == "collection"]

    def close(self) -> None:
        self._connection.close()
