"""The service's part that makes reports by the calendar, keeps in state.db how far each is, and mails them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from mailwitness.alerts.settings import AlertSettings
from mailwitness.collect.heartbeats import Heartbeats
from mailwitness.errors import MailwitnessError
from mailwitness.event import instant
from mailwitness.faces.reports.kept import data_of, note, register, report_numbered
from mailwitness.faces.reports.mailing import mail_report
from mailwitness.faces.reports.schedule import folder_of, make_one, period_of
from mailwitness.service.report_settings import ReportSettings
from mailwitness.state.database import transaction
from mailwitness.trail.projection import parse_instant

LOOK_EVERY = 20.0
"""Seconds between two looks at the calendar."""
AGAIN_AFTER = timedelta(minutes=10)
"""When what failed is tried again."""
BEATS = timedelta(minutes=5)
"""A report of a large trail takes minutes; three times as long without a beat is late."""
NAME = "reports"
Heard = Callable[..., Any]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far a schedule is.

    `ended_at`: the end of the last period that has its report; `error`: why the last try came to nothing; `mail_waits`:
    the report is there, and was not mailed yet.
    """

    name: str
    ended_at: datetime | None = None
    number: int | None = None
    mail_waits: bool = False
    tried_at: datetime | None = None
    error: str | None = None


class Calendar:
    """Makes the reports of a service. `step` does what is due; what fails costs itself alone, and is tried again."""

    def __init__(
        self,
        trail: Path,
        schedules: Mapping[str, ReportSettings],
        alerts: AlertSettings,
        heard: Heard = lambda *_args, **_more: None,
    ) -> None:
        """Make `schedules` of the trail at `trail`; mails go through the destinations of `alerts`."""
        self._trail, self._schedules, self._alerts, self._heard = trail, dict(schedules), alerts, heard

    def run(self, stop: threading.Event) -> None:
        """Make reports until `stop` is set."""
        while not stop.is_set():
            self.step(datetime.now(UTC), stop.is_set)
            stop.wait(LOOK_EVERY)

    def step(self, now: datetime, stopping: Callable[[], bool] = lambda: False) -> list[str]:
        """Do what is due at `now`, and return the names of the schedules that have a new report."""
        made: list[str] = []
        with register(self._trail) as connection:
            for name, one in self._schedules.items():
                if stopping():
                    break
                try:
                    self._one(connection, name, one, now, made)
                except (MailwitnessError, duckdb.Error, OSError, sqlite3.Error) as error:
                    self._failed(connection, name, now, f"{type(error).__name__}: {error}")
            failing = [f"{each.name}: {each.error}" for each in standings(connection) if each.error]
            beats = Heartbeats(connection)
            beats.beat(NAME, now, {"reports": len(made)}, "; ".join(failing) or None, every=BEATS)
        return made

    def _one(
        self, connection: sqlite3.Connection, name: str, one: ReportSettings, now: datetime, made: list[str]
    ) -> None:
        standing = standing_of(connection, name)
        if standing.error is not None and standing.tried_at is not None and now - standing.tried_at < AGAIN_AFTER:
            return
        since, until = period_of(one, now)
        if standing.ended_at is None or standing.ended_at < until:
            if one.period is None and standing.ended_at is not None:
                since = min(since, standing.ended_at)  # what was missed is in this one
            self._make(connection, name, one, (since, until), now)
            made.append(name)
            standing = standing_of(connection, name)
        if standing.mail_waits and standing.number is not None:
            self._mail(connection, standing.number, name, one)

    def _make(
        self,
        connection: sqlite3.Connection,
        name: str,
        one: ReportSettings,
        asked: tuple[datetime, datetime],
        now: datetime,
    ) -> None:
        folder = folder_of(Path(), name, one, now)
        number = None
        if not folder.is_dir():  # else a timer, or this part before it was ended, has made it
            report, written = make_one(self._trail, one, folder, asked, now)
            with transaction(connection):
                number = note(connection, report, written, f"reports.{name}", name)
                _keep(connection, name, asked[1], number, mail_waits=bool(one.mail_to))
        else:
            with transaction(connection):
                _keep(connection, name, asked[1], None, mail_waits=False)
        self._heard("report_made", name=name, report=one.report, number=number, folder=str(folder))

    def _mail(self, connection: sqlite3.Connection, number: int, name: str, one: ReportSettings) -> None:
        made = report_numbered(self._trail, number)
        files = [data_of(self._trail, number, each.form) for each in made.files]
        mail_report(self._alerts, made, files, one.mail_to)
        with transaction(connection):
            connection.execute("UPDATE reports_schedules SET mail_waits = 0, error = NULL WHERE name = ?", (name,))
        self._heard("report_mailed", name=name, number=number)

    def _failed(self, connection: sqlite3.Connection, name: str, now: datetime, error: str) -> None:
        self._heard("report_failed", name=name, error=error)
        with transaction(connection):
            connection.execute(
                "INSERT INTO reports_schedules (name, tried_at, error) VALUES (?, ?, ?) ON CONFLICT (name)"
                " DO UPDATE SET tried_at = excluded.tried_at, error = excluded.error",
                (name, instant(now), error),
            )


def standing_of(connection: sqlite3.Connection, name: str) -> Standing:
    """Return how far a schedule is."""
    row = connection.execute("SELECT * FROM reports_schedules WHERE name = ?", (name,)).fetchone()
    return Standing(name=name) if row is None else _standing(row)


def standings(connection: sqlite3.Connection) -> tuple[Standing, ...]:
    """Return how far every schedule is that was looked at."""
    return tuple(map(_standing, connection.execute("SELECT * FROM reports_schedules ORDER BY name").fetchall()))


def _standing(row: sqlite3.Row) -> Standing:
    return Standing(
        name=row["name"],
        ended_at=parse_instant(row["ended_at"]) if row["ended_at"] else None,
        number=row["number"],
        mail_waits=bool(row["mail_waits"]),
        tried_at=parse_instant(row["tried_at"]) if row["tried_at"] else None,
        error=row["error"],
    )


def _keep(connection: sqlite3.Connection, name: str, until: datetime, number: int | None, *, mail_waits: bool) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO reports_schedules (name, ended_at, number, mail_waits) VALUES (?, ?, ?, ?)",
        (name, instant(until), number, int(mail_waits)),
    )
