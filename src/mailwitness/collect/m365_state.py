"""How far a Microsoft 365 collector has come, in state.db. No evidence: without it seven days are asked for anew."""

from __future__ import annotations

import sqlite3
from datetime import datetime

import msgspec

from mailwitness.event import instant
from mailwitness.state.database import migrate, transaction
from mailwitness.trail.projection import parse_instant

_STEPS = (
    """
    CREATE TABLE m365_feeds (
        collector TEXT NOT NULL,
        content TEXT NOT NULL,
        subscribed_at TEXT,
        listed_until TEXT,
        relisted_at TEXT,
        PRIMARY KEY (collector, content)
    ) STRICT;
    CREATE TABLE m365_blobs (
        collector TEXT NOT NULL,
        content_id TEXT NOT NULL,
        expires_at TEXT NOT NULL,
        PRIMARY KEY (collector, content_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX m365_blobs_by_expiry ON m365_blobs (expires_at);
    CREATE TABLE m365_ranges (
        number INTEGER PRIMARY KEY,
        collector TEXT NOT NULL,
        service TEXT NOT NULL,
        since_at TEXT NOT NULL,
        until_at TEXT NOT NULL,
        query_id TEXT,
        asked_at TEXT,
        next_page TEXT,
        UNIQUE (collector, service, since_at, until_at)
    ) STRICT;
    """,
)


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """One content of the Management Activity API. Everything before `listed_until` is durable."""

    subscribed_at: datetime | None = None
    listed_until: datetime | None = None
    relisted_at: datetime | None = None


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time to be queried over Graph; gone from the table when everything of it is durable."""

    number: int
    service: str
    since_at: datetime
    until_at: datetime
    query_id: str | None
    asked_at: datetime | None
    next_page: str | None


class M365State:
    """The state of one collector, over a connection of `open_state` that its thread keeps."""

    def __init__(self, connection: sqlite3.Connection, collector: str) -> None:
        """Make the tables where there are none."""
        self._connection = connection
        self._collector = collector
        migrate(connection, "m365", _STEPS)

    def feed(self, content: str) -> Feed:
        """Return how far a content was listed."""
        row = self._connection.execute(
            "SELECT subscribed_at, listed_until, relisted_at FROM m365_feeds WHERE collector = ? AND content = ?",
            (self._collector, content),
        ).fetchone()
        if row is None:
            return Feed()
        return Feed(
            subscribed_at=_instant(row["subscribed_at"]),
            listed_until=_instant(row["listed_until"]),
            relisted_at=_instant(row["relisted_at"]),
        )

    def keep_feed(self, content: str, feed: Feed) -> None:
        """Keep how far a content was listed; to be called when what it stands for is durable."""
        times = [
            None if at is None else instant(at) for at in (feed.subscribed_at, feed.listed_until, feed.relisted_at)
        ]
        with transaction(self._connection):
            self._connection.execute(
                "INSERT OR REPLACE INTO m365_feeds VALUES (?, ?, ?, ?, ?)", (self._collector, content, *times)
            )

    def has_blob(self, content_id: str) -> bool:
        """Return whether everything of a blob is durable."""
        row = self._connection.execute(
            "SELECT 1 FROM m365_blobs WHERE collector = ? AND content_id = ?", (self._collector, content_id)
        ).fetchone()
        return row is not None

    def keep_blob(self, content_id: str, expires_at: datetime) -> None:
        """Note that a blob is durable, so that it is not fetched again while it can still be listed."""
        with transaction(self._connection):
            self._connection.execute(
                "INSERT OR REPLACE INTO m365_blobs VALUES (?, ?, ?)", (self._collector, content_id, instant(expires_at))
            )

    def forget_blobs(self, before: datetime) -> None:
        """Forget blobs that expired before `before`: they are not listed any more."""
        with transaction(self._connection):
            self._connection.execute(
                "DELETE FROM m365_blobs WHERE collector = ? AND expires_at < ?", (self._collector, instant(before))
            )

    def add_range(self, service: str, since_at: datetime, until_at: datetime) -> None:
        """Have a stretch of time queried; one that is known already is left as it stands."""
        with transaction(self._connection):
            self._connection.execute(
                "INSERT OR IGNORE INTO m365_ranges (collector, service, since_at, until_at) VALUES (?, ?, ?, ?)",
                (self._collector, service, instant(since_at), instant(until_at)),
            )

    def next_ranges(self, count: int) -> list[Range]:
        """Return the stretches to be moved on: those that were asked for first of all, then the latest."""
        rows = self._connection.execute(
            "SELECT * FROM m365_ranges WHERE collector = ? ORDER BY query_id IS NULL, until_at DESC, number LIMIT ?",
            (self._collector, count),
        ).fetchall()
        return [_range(row) for row in rows]

    def asked(self, number: int, query_id: str | None, at: datetime, next_page: str | None = None) -> None:
        """Note the query of a stretch, and the page that is to be fetched next; None has it asked for anew."""
        with transaction(self._connection):
            self._connection.execute(
                "UPDATE m365_ranges SET query_id = ?, asked_at = ?, next_page = ? WHERE number = ?",
                (query_id, instant(at), next_page, number),
            )

    def done(self, number: int) -> None:
        """Drop a stretch: everything of it is durable, or it was halved."""
        with transaction(self._connection):
            self._connection.execute("DELETE FROM m365_ranges WHERE number = ?", (number,))


def _instant(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text)


def _range(row: sqlite3.Row) -> Range:
    return Range(
        number=row["number"],
        service=row["service"],
        since_at=parse_instant(row["since_at"]),
        until_at=parse_instant(row["until_at"]),
        query_id=row["query_id"],
        asked_at=_instant(row["asked_at"]),
        next_page=row["next_page"],
    )
