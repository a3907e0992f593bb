"""Which reports were made, in state.db: what was asked, the checkpoint, and the hash of each file. No evidence.

The files themselves lie where they were written: below TRAIL/derived/reports for those made in the console, in the
folder of their schedule else.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

import msgspec

from mailwitness.errors import UsageError
from mailwitness.event import instant
from mailwitness.faces.reports.report import Report
from mailwitness.faces.reports.seal import SIZE_LIMIT
from mailwitness.faces.reports.writing import Written
from mailwitness.state import database
from mailwitness.trail.projection import parse_instant

STEPS = (
    """
    CREATE TABLE reports_made (
        number INTEGER PRIMARY KEY, report TEXT NOT NULL, title TEXT NOT NULL, since TEXT, until TEXT, mailbox TEXT,
        made_at TEXT NOT NULL, who TEXT NOT NULL, schedule TEXT, is_covered INTEGER NOT NULL,
        origin TEXT NOT NULL, size INTEGER NOT NULL, root TEXT NOT NULL
    ) STRICT;
    CREATE TABLE reports_files (
        number INTEGER NOT NULL REFERENCES reports_made ON DELETE CASCADE, form TEXT NOT NULL, path TEXT NOT NULL,
        sha256 TEXT NOT NULL, PRIMARY KEY (number, form)
    ) STRICT;
    CREATE TABLE reports_schedules (
        name TEXT PRIMARY KEY, ended_at TEXT, number INTEGER, mail_waits INTEGER NOT NULL DEFAULT 0, tried_at TEXT,
        error TEXT
    ) STRICT;
    """,
)
SHOWN = 200


class ReportFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a report: its form, its name, and its SHA-256."""

    form: str
    name: str
    sha256: str


class MadeReport(msgspec.Struct, frozen=True, kw_only=True):
    """A report that was made.

    `origin`, `size` and `root` are the checkpoint it was made at; `schedule` names the [reports.NAME] it was made by,
    None where a person asked for it.
    """

    number: int
    report: str
    title: str
    since: datetime | None
    until: datetime | None
    mailbox: str | None
    made_at: datetime
    who: str
    schedule: str | None
    is_covered: bool
    origin: str
    size: int
    root: str
    files: tuple[ReportFile, ...]


def register(trail: Path) -> AbstractContextManager[sqlite3.Connection]:
    """Open the register of a trail's reports."""
    return database.opened(trail, "reports", STEPS)


def note(
    connection: sqlite3.Connection, report: Report, written: Sequence[Written], who: str, schedule: str | None = None
) -> int:
    """Keep that a report was made, and return its number. Call it within a transaction."""
    made = connection.execute(
        "INSERT INTO reports_made (report, title, since, until, mailbox, made_at, who, schedule, is_covered, origin,"
        " size, root) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            report.kind,
            report.title,
            report.since and instant(report.since),
            report.until and instant(report.until),
            report.query.get("mailbox"),
            instant(report.made_at),
            who,
            schedule,
            int(report.is_covered),
            report.checkpoint.origin,
            report.checkpoint.size,
            report.checkpoint.root,
        ),
    )
    number = int(made.lastrowid or 0)
    connection.executemany(
        "INSERT INTO reports_files VALUES (?, ?, ?, ?)",
        [(number, each.form, str(each.path), each.sha256) for each in written],
    )
    return number


def reports_made(trail: Path, at_most: int = SHOWN) -> tuple[MadeReport, ...]:
    """Return the reports that were made, the latest first."""
    with register(trail) as connection:
        rows = connection.execute("SELECT * FROM reports_made ORDER BY number DESC LIMIT ?", (at_most,)).fetchall()
        return tuple(_report(connection, row) for row in rows)


def report_numbered(trail: Path, number: int) -> MadeReport:
    """Return one report. Raises UsageError where none has that number."""
    with register(trail) as connection:
        row = connection.execute("SELECT * FROM reports_made WHERE number = ?", (number,)).fetchone()
        if row is None:
            raise UsageError(f"there is no report {number}", remedy="choose one from the list of reports")
        return _report(connection, row)


def path_of(trail: Path, number: int, form: str) -> tuple[Path, str]:
    """Return where a report's file lies, and the SHA-256 it was written with. Raises UsageError where there is none."""
    with register(trail) as connection:
        row = connection.execute(
            "SELECT path, sha256 FROM reports_files WHERE number = ? AND form = ?", (number, form)
        ).fetchone()
    if row is None:
        raise UsageError(f"there is no report {number} as {form}", remedy="choose one from the list of reports")
    return Path(row["path"]), str(row["sha256"])


def data_of(trail: Path, number: int, form: str) -> tuple[Path, bytes]:
    """Return a report's file: its path and its bytes.

    Raises UsageError where it is gone, or is not the file that was written: that is never handed out as a report.
    """
    path, digest = path_of(trail, number, form)
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except OSError as cause:
        raise UsageError(
            f"the file of report {number} cannot be read: {cause.strerror}", remedy="make the report again"
        ) from cause
    if hashlib.sha256(data).hexdigest() != digest:
        raise UsageError(
            f"the file of report {number} is not the one that was written: its SHA-256 is another",
            remedy="find out who wrote to its folder, and make the report again",
        )
    return path, data


def _report(connection: sqlite3.Connection, row: sqlite3.Row) -> MadeReport:
    fields = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row iterates over its values
    for name in ("since", "until", "made_at"):
        fields[name] = parse_instant(fields[name]) if fields[name] else None
    fields["is_covered"] = bool(fields["is_covered"])
    files = connection.execute("SELECT * FROM reports_files WHERE number = ? ORDER BY form", (row["number"],))
    listed = tuple(ReportFile(form=f["form"], name=Path(f["path"]).name, sha256=f["sha256"]) for f in files)
    return MadeReport(**fields, files=listed)
