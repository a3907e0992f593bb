"""Reports that are made by the calendar: each period once, after it ended, however often is asked.

The service does it (reports/calendar.py), or a timer that calls `make_due`. What a timer made is known by the folder
of its period: there is no other state, and a report that failed is due again.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from mailwitness.alerts.settings import as_path
from mailwitness.alerts.span import span_of
from mailwitness.errors import UsageError
from mailwitness.faces.reports.ground import Wish
from mailwitness.faces.reports.making import make_report
from mailwitness.faces.reports.report import Report
from mailwitness.faces.reports.writing import Written, write_report
from mailwitness.service.report_settings import ReportSettings

SIZE_LIMIT = 1 << 20
WEEK = 7


class Schedules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of schedules."""

    reports: dict[str, ReportSettings]


def load_schedules(path: Path) -> dict[str, ReportSettings]:
    """Return the schedules of a TOML file. Raises UsageError that says what of it cannot be used."""
    try:
        with path.open("rb") as file:
            tables = tomllib.loads(file.read(SIZE_LIMIT).decode())
        found = msgspec.convert(tables, Schedules, dec_hook=as_path).reports
    except (OSError, ValueError) as cause:  # no TOML, no UTF-8 and what msgspec refuses are ValueErrors
        raise UsageError(
            f"the schedules cannot be used: {cause}", where=str(path), remedy="see docs/reports.md"
        ) from cause
    for name, one in found.items():
        if one.mail_to:
            raise UsageError(
                f"reports.{name}: only the service mails reports",
                where=str(path),
                remedy="put the schedule into the service's configuration, or leave mail_to out",
            )
    return found


def period(every: str, now: datetime) -> tuple[datetime, datetime]:
    """Return the last whole period that has ended at `now` (aware UTC): its beginning, and its end."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if every == "day":
        return midnight - timedelta(days=1), midnight
    if every == "week":
        monday = midnight - timedelta(days=midnight.weekday())
        return monday - timedelta(days=WEEK), monday
    first = midnight.replace(day=1)
    return (first - timedelta(days=1)).replace(day=1), first


def period_of(one: ReportSettings, now: datetime) -> tuple[datetime, datetime]:
    """Return the period that a schedule's latest report is of: its beginning, and its end."""
    since, until = period(one.every, now - one.after_midnight)
    return (since if one.period is None else until - span_of(one.period)), until


def due(schedules: Mapping[str, ReportSettings], base: Path, now: datetime) -> list[str]:
    """Return the names of the schedules whose last whole period has no report yet; folders are seen from `base`."""
    return [name for name, one in schedules.items() if not folder_of(base, name, one, now).is_dir()]


def make_due(trail: Path, schedules: Mapping[str, ReportSettings], base: Path, now: datetime) -> list[Written]:
    """Make every report that is due, and return the files."""
    made: list[Written] = []
    for name in due(schedules, base, now):
        one = schedules[name]
        made += make_one(trail, one, folder_of(base, name, one, now), period_of(one, now), now)[1]
    return made


def make_one(
    trail: Path, one: ReportSettings, folder: Path, asked: tuple[datetime, datetime], now: datetime
) -> tuple[Report, list[Written]]:
    """Make a schedule's report of a period into `folder`, which appears when it is whole."""
    wish = Wish(since=asked[0], until=asked[1], mailbox=one.mailbox, days=one.days)
    report = make_report(trail, one.report, wish, now)
    unfinished = folder.with_name(folder.name + ".tmp")
    try:
        for left in unfinished.glob("*") if unfinished.is_dir() else ():
            left.unlink()
        written = write_report(report, unfinished, one.forms)
        unfinished.rename(folder)
    except OSError as cause:
        raise UsageError(
            f"the report cannot be written: {cause.strerror}", where=str(folder), remedy="see to the folder's rights"
        ) from cause
    return report, [msgspec.structs.replace(each, path=folder / each.path.name) for each in written]


def folder_of(base: Path, name: str, one: ReportSettings, now: datetime) -> Path:
    """Return the folder of the report that a schedule's last whole period has."""
    return base / one.to / name / f"{period_of(one, now)[1]:%Y-%m-%d}"
