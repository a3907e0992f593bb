"""How far each collector has come in each of its streams: moved only when everything up to there is durable."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime

from mailwitness.event import instant
from mailwitness.state.database import migrate, transaction

STEPS = (
    """
    CREATE TABLE bookmarks_streams (
        collector TEXT NOT NULL,
        stream TEXT NOT NULL,
        value TEXT NOT NULL,
        moved_at TEXT NOT NULL,
        PRIMARY KEY (collector, stream)
    ) STRICT, WITHOUT ROWID;
    """,
)


class Bookmarks:
    """The bookmarks of one trail, over a connection of `open_state` that the caller keeps.

    The writer moves a bookmark that came with a batch. A lost bookmark costs time, never evidence: what is read again
    counts as duplicates.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Make the table where there is none."""
        self._connection = connection
        migrate(connection, "bookmarks", STEPS)

    def get(self, collector: str, stream: str) -> str | None:
        """Return how far a stream was taken in; None where nothing of it was."""
        row = self._connection.execute(
            "SELECT value FROM bookmarks_streams WHERE collector = ? AND stream = ?", (collector, stream)
        ).fetchone()
        return None if row is None else str(row["value"])

    def all(self, collector: str) -> dict[str, str]:
        """Return every stream's bookmark of one collector."""
        rows = self._connection.execute(
            "SELECT stream, value FROM bookmarks_streams WHERE collector = ?", (collector,)
        ).fetchall()
        return {row["stream"]: row["value"] for row in rows}

    def move(self, moves: Iterable[tuple[str, str, str]], at: datetime) -> None:
        """Move bookmarks, (collector, stream, value) each, all of them or none."""
        with transaction(self._connection):
            self._connection.executemany(
                "INSERT INTO bookmarks_streams VALUES (?, ?, ?, ?)"
                " ON CONFLICT (collector, stream) DO UPDATE SET value = excluded.value, moved_at = excluded.moved_at",
                [(*move, instant(at)) for move in moves],
            )

    def forget(self, collector: str, streams: Iterable[str]) -> None:
        """Drop the bookmarks of streams that are gone for good."""
        with transaction(self._connection):
            self._connection.executemany(
                "DELETE FROM bookmarks_streams WHERE collector = ? AND stream = ?",
                [(collector, stream) for stream in streams],
            )
