"""Where everything of a trail stands."""

from __future__ import annotations

from pathlib import Path

import msgspec

FORMAT_VERSION = 1
"""Version of everything under a trail (docs/trail.md). A trail of every released version verifies for ever."""


class Trail(msgspec.Struct, frozen=True):
    """A trail's folder and the names in it. Nothing here opens or checks a file."""

    path: Path

    @property
    def settings(self) -> Path:
        """The settings, TOML."""
        return self.path / "mailwitness.toml"

    @property
    def events(self) -> Path:
        """The Delta Lake table that holds every leaf."""
        return self.path / "events"

    @property
    def delta_log(self) -> Path:
        """The transaction log of the events table."""
        return self.events / "_delta_log"

    @property
    def directory(self) -> Path:
        """The Delta Lake tables of principals, memberships and descriptors."""
        return self.path / "directory"

    @property
    def derived(self) -> Path:
        """What can be rebuilt from the rest."""
        return self.path / "derived"

    @property
    def evidence(self) -> Path:
        """Original files and long values by SHA-256."""
        return self.path / "evidence"

    @property
    def state(self) -> Path:
        """SQLite: bookmarks, users, alert states. Nothing in it is evidence."""
        return self.path / "state.db"

    @property
    def set_aside(self) -> Path:
        """What recovery moved out of the way: never acknowledged, kept for whoever wants to look."""
        return self.path / "set-aside"

    def log(self, log_id: str) -> Path:
        """The Merkle log `log_id`: its tiles, its checkpoint, its lock."""
        return self.path / "log" / log_id

    def checkpoint(self, log_id: str) -> Path:
        """The signed checkpoint of `log_id`."""
        return self.log(log_id) / "checkpoint"

    def lock(self, log_id: str) -> Path:
        """The file whose lock the one writer of `log_id` holds."""
        return self.log(log_id) / "writer.lock"
