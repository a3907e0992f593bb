"""Retention: months that are over are purged by the writer itself, unless a hold stands against it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from mailwitness.errors import UsageError
from mailwitness.trail.delta_log import read_snapshot
from mailwitness.trail.layout import Trail
from mailwitness.trail.schema import NO_EVENTS
from mailwitness.trail.writer import Writer

EVERY_SECONDS = 3600.0
WHO = "retention"


def months_over(trail: Trail, keep: int, now: datetime) -> list[str]:
    """Return the months whose time is over: their events are older, and came in longer ago, than `keep` months.

    When they came in counts as well: logs of 2003 that were imported today are evidence of today, and a clock that
    somebody set back does not delete what it dates.
    """
    limit = _month_before(now, keep)
    newest: dict[str, str] = {}
    for file in read_snapshot(trail.delta_log).files.values():
        if file.month != NO_EVENTS:
            written = datetime.fromtimestamp((trail.events / file.path).stat().st_mtime, UTC)
            newest[file.month] = max(newest.get(file.month, ""), f"{written:%Y-%m}", file.month)
    return sorted(month for month, last in newest.items() if last < limit)


def _month_before(now: datetime, months: int) -> str:
    number = now.year * 12 + now.month - 1 - months
    return f"{number // 12:04}-{number % 12 + 1:02}"


def retain(writer: Writer, keep: int, now: datetime, heard: Callable[..., Any] = lambda *_args, **_more: None) -> int:
    """Purge what is over and return how many events went; a month that is held is told and left."""
    gone = 0
    for month in months_over(writer.trail, keep, now):
        try:
            count = writer.purge(month, by=WHO, reason=f"retention of {keep} months")
        except UsageError as held:
            heard("month_held", month=month, why=held.what)
        else:
            gone += count
            heard("month_purged", month=month, events=count)
    return gone
