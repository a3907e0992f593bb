"""The outbox: what has to be delivered, until the receiver has it. At least once; the key tells one alert's copies."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from mailwitness.alerts.alert import Alert
from mailwitness.alerts.tables import make_tables
from mailwitness.event import instant
from mailwitness.state.database import transaction
from mailwitness.trail.projection import parse_instant

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(days=3)
"""What no receiver took for so long is given up; it stays in the case, the metrics and `doctor`."""
ERROR_TEXT = 500


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery that is due."""

    delivery_id: int
    destination: str
    alert: Alert
    made_at: datetime
    tries: int


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one delivery, for people."""

    destination: str
    key: str
    state: Literal["waiting", "delivered", "given_up", "held_back"]
    made_at: datetime
    tries: int
    ended_at: datetime | None
    last_error: str | None


class Outbox:
    """The outbox of one trail, over a connection of `open_state` that the caller keeps."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        make_tables(connection)

    def put(self, destination: str, alert: Alert) -> None:
        """Have `alert` delivered; what is there with its key already is not put again.

        It is part of the caller's transaction: a case and its alerts are there together or not at all.
        """
        self._connection.execute(
            "INSERT OR IGNORE INTO findings_outbox (destination, key, alert, made_at, next_at) VALUES (?, ?, ?, ?, ?)",
            (destination, alert.key, msgspec.json.encode(alert), instant(alert.at), instant(alert.at)),
        )

    def due(self, destination: str, now: datetime, limit: int = 1000) -> list[Waiting]:
        """Return what has to go to a destination now, the oldest first."""
        rows = self._connection.execute(
            "SELECT * FROM findings_outbox WHERE destination = ? AND state = 'waiting' AND next_at <= ?"
            " ORDER BY delivery_id LIMIT ?",
            (destination, instant(now), limit),
        ).fetchall()
        return [
            Waiting(
                delivery_id=row["delivery_id"],
                destination=row["destination"],
                alert=msgspec.json.decode(row["alert"], type=Alert),
                made_at=parse_instant(row["made_at"]),
                tries=row["tries"],
            )
            for row in rows
        ]

    def sent_since(self, destination: str, since: datetime) -> int:
        """Return how many messages a destination took since then."""
        row = self._connection.execute(
            "SELECT count(*) FROM findings_outbox WHERE destination = ? AND state = 'delivered' AND ended_at > ?",
            (destination, instant(since)),
        ).fetchone()
        return int(row[0])

    def delivered(self, delivery: Waiting, now: datetime) -> None:
        """Note that the receiver has it."""
        with self._connection:
            self._end(delivery, "delivered", now)

    def failed(self, delivery: Waiting, error: str, now: datetime) -> None:
        """Note a try that failed: the next one waits twice as long, or there is none."""
        with self._connection:
            if now - delivery.made_at >= GIVEN_UP_AFTER:
                self._end(delivery, "given_up", now)
            self._connection.execute(
                "UPDATE findings_outbox SET tries = tries + 1, next_at = ?, last_error = ? WHERE delivery_id = ?",
                (instant(now + wait_after(delivery.tries + 1)), error[:ERROR_TEXT], delivery.delivery_id),
            )

    def hold_back(self, held: Sequence[Waiting], instead: Alert, now: datetime) -> None:
        """Put one alert that tells of several in their place."""
        with transaction(self._connection):
            for delivery in held:
                self._end(delivery, "held_back", now)
            self.put(held[0].destination, instead)

    def _end(self, delivery: Waiting, state: str, now: datetime) -> None:
        self._connection.execute(
            "UPDATE findings_outbox SET state = ?, ended_at = ? WHERE delivery_id = ?",
            (state, instant(now), delivery.delivery_id),
        )

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many deliveries there are, by destination and state."""
        rows = self._connection.execute(
            "SELECT destination, state, count(*) AS many FROM findings_outbox GROUP BY destination, state"
        ).fetchall()
        return {(row["destination"], row["state"]): row["many"] for row in rows}

    def deliveries(self, key: str) -> list[Delivery]:
        """Return what became of an alert at every destination."""
        rows = self._connection.execute(
            "SELECT * FROM findings_outbox WHERE key = ? ORDER BY destination", (key,)
        ).fetchall()
        return [_delivery(row) for row in rows]

    def troubled(self) -> list[Delivery]:
        """Return the deliveries that failed at least once and are not done, and those given up; 100 at most."""
        rows = self._connection.execute(
            "SELECT * FROM findings_outbox WHERE (state = 'waiting' AND tries > 0) OR state = 'given_up'"
            " ORDER BY delivery_id DESC LIMIT 100"
        ).fetchall()
        return [_delivery(row) for row in rows]


def wait_after(tries: int) -> timedelta:
    """Return how long to wait after so many failures: 5 seconds, doubled each time, an hour at most."""
    return min(FIRST_WAIT * (1 << min(tries - 1, 20)), LONGEST_WAIT)


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(
        destination=row["destination"],
        key=row["key"],
        state=row["state"],
        made_at=parse_instant(row["made_at"]),
        tries=row["tries"],
        ended_at=parse_instant(row["ended_at"]) if row["ended_at"] else None,
        last_error=row["last_error"],
    )
