"""Signs of life of the live parts: when each was last well, what it brought, what went wrong last.

They stand in state.db and are no evidence; the home page, the metrics and the findings about silence read them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from mailwitness.event import instant
from mailwitness.state.database import migrate, transaction
from mailwitness.trail.projection import parse_instant

STEPS = (
    """
    CREATE TABLE heartbeats_parts (
        name TEXT PRIMARY KEY,
        at TEXT NOT NULL,
        every_seconds REAL NOT NULL,
        began_at TEXT NOT NULL,
        data_at TEXT,
        counts TEXT NOT NULL,
        last_error TEXT,
        last_error_at TEXT
    ) STRICT;
    """,
)
EVERY = timedelta(seconds=60)
"""How often a part beats unless it says otherwise."""
LATE = 3
"""A part whose last beat is so many intervals old is late."""
ERROR_TEXT = 1000


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one part. `counts` are totals since `began_at`."""

    name: str
    at: datetime
    every: timedelta
    began_at: datetime
    data_at: datetime | None
    """When data last came through it."""
    counts: dict[str, int]
    last_error: str | None
    """What went wrong last; it may have gone well since: compare `last_error_at` with `data_at`."""
    last_error_at: datetime | None

    def is_late(self, now: datetime) -> bool:
        """Return whether the part missed its beats."""
        return now - self.at > LATE * self.every


class Heartbeats:
    """The heartbeats of one trail, over a connection of `open_state` that the caller keeps."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Make the table where there is none."""
        self._connection = connection
        migrate(connection, "heartbeats", STEPS)

    def began(self, name: str, at: datetime, every: timedelta = EVERY) -> None:
        """Say that a part starts: its counts begin at zero; the last error of earlier runs stays."""
        with transaction(self._connection):
            self._connection.execute(
                "INSERT INTO heartbeats_parts VALUES (:name, :at, :every, :at, NULL, '{}', NULL, NULL)"
                " ON CONFLICT (name) DO UPDATE SET at = :at, every_seconds = :every, began_at = :at, counts = '{}'",
                {"name": name, "at": instant(at), "every": every.total_seconds()},
            )

    def beat(
        self,
        name: str,
        at: datetime,
        counts: Mapping[str, int],
        last_error: str | None = None,
        *,
        every: timedelta = EVERY,
        data_at: datetime | None = None,
    ) -> bool:
        """Say that a part is alive; return whether it could be written.

        `counts` are added to its totals; `last_error` replaces the one before, None keeps it. False, and nothing is
        kept: the disk is full, or another part holds the database. A collector goes on and says it again with the
        next beat.
        """
        try:
            self._beat(name, at, counts, last_error, every, data_at)
        except sqlite3.OperationalError:
            return False
        return True

    def _beat(
        self,
        name: str,
        at: datetime,
        counts: Mapping[str, int],
        last_error: str | None,
        every: timedelta,
        data_at: datetime | None,
    ) -> None:
        with transaction(self._connection):
            row = self._connection.execute("SELECT counts FROM heartbeats_parts WHERE name = ?", (name,)).fetchone()
            totals: dict[str, int] = {} if row is None else msgspec.json.decode(row["counts"], type=dict[str, int])
            for key, count in counts.items():
                totals[key] = totals.get(key, 0) + count
            self._connection.execute(
                "INSERT INTO heartbeats_parts VALUES (:name, :at, :every, :at, :data_at, :counts, :error, :error_at)"
                " ON CONFLICT (name) DO UPDATE SET at = :at, every_seconds = :every, counts = :counts,"
                " data_at = coalesce(:data_at, data_at), last_error = coalesce(:error, last_error),"
                " last_error_at = coalesce(:error_at, last_error_at)",
                {
                    "name": name,
                    "at": instant(at),
                    "every": every.total_seconds(),
                    "data_at": None if data_at is None else instant(data_at),
                    "counts": msgspec.json.encode(totals).decode(),
                    "error": None if last_error is None else last_error[:ERROR_TEXT],
                    "error_at": None if last_error is None else instant(at),
                },
            )

    def all(self) -> list[Heartbeat]:
        """Return every part's last heartbeat, by name."""
        rows = self._connection.execute("SELECT * FROM heartbeats_parts ORDER BY name").fetchall()
        return [_heartbeat(row) for row in rows]


def _heartbeat(row: sqlite3.Row) -> Heartbeat:
    return Heartbeat(
        name=row["name"],
        at=parse_instant(row["at"]),
        every=timedelta(seconds=row["every_seconds"]),
        began_at=parse_instant(row["began_at"]),
        data_at=_instant_or_none(row["data_at"]),
        counts=msgspec.json.decode(row["counts"], type=dict[str, int]),
        last_error=row["last_error"],
        last_error_at=_instant_or_none(row["last_error_at"]),
    )


def _instant_or_none(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text)
