"""Geometry of the charts: where a mark stands. Numbers in, coordinates out; a template writes the SVG, escaped."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec

WIDTH = 1000
BARS_WIDTH = 600
LANE = 26
_STEPS = [
    (timedelta(minutes=1), "%H:%M"),
    (timedelta(minutes=10), "%H:%M"),
    (timedelta(hours=1), "%d %b %H:%M"),
    (timedelta(hours=6), "%d %b %H:%M"),
    (timedelta(days=1), "%d %b"),
    (timedelta(days=7), "%d %b"),
    (timedelta(days=30), "%b %Y"),
    (timedelta(days=91), "%b %Y"),
    (timedelta(days=365), "%Y"),
    (timedelta(days=1826), "%Y"),
]
_TICKS = 7


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One mark on a lane: `shape` (change, access), `tone` (a class of the style sheet), its words, where it leads."""

    x: float
    shape: str
    tone: str
    title: str
    page: str
    key: str


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a band, with its words."""

    x: float
    width: float
    tone: str
    title: str


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the axis: marks of one actor, or the band of one log."""

    label: str
    y: int
    marks: tuple[Mark, ...] = ()
    stretches: tuple[Stretch, ...] = ()


class Tick(msgspec.Struct, frozen=True):
    """A time on the axis."""

    x: float
    label: str


class Axis(msgspec.Struct, frozen=True, kw_only=True):
    """A drawn axis of time."""

    width: int
    height: int
    since: datetime
    until: datetime
    lanes: tuple[Lane, ...]
    bands: tuple[Lane, ...]
    ticks: tuple[Tick, ...]


class Scale:
    """Turns times into coordinates."""

    def __init__(self, since: datetime, until: datetime) -> None:
        """Show from `since` to `until`, with a little room on both sides."""
        length = max(until - since, timedelta(minutes=10))
        self.since, self.until = since - length / 40, since + length + length / 40

    def x(self, at: datetime) -> float:
        """Return where a time stands, held between the ends."""
        share = (at - self.since) / (self.until - self.since)
        return round(min(max(share, 0.0), 1.0) * WIDTH, 1)

    def ticks(self) -> tuple[Tick, ...]:
        """Return round times, at most seven."""
        length = self.until - self.since
        step, form = next(((s, f) for s, f in _STEPS if length / s <= _TICKS), _STEPS[-1])
        step = step if length / step <= _TICKS else length / _TICKS
        epoch = datetime(1990, 1, 1, tzinfo=UTC)
        at = epoch + ((self.since - epoch) // step + 1) * step
        found = []
        while at < self.until:
            found.append(Tick(self.x(at), at.strftime(form)))
            at += step
        return tuple(found)

    def stretch(self, since: datetime | None, until: datetime | None, tone: str, title: str) -> Stretch | None:
        """Return a stretch of a band (open ends where None), or None where it does not meet the axis."""
        first, last = since or self.since, until or self.until
        if last < self.since or first > self.until:
            return None
        x = self.x(first)
        return Stretch(x=x, width=max(round(self.x(last) - x, 1), 2.0), tone=tone, title=title)


def axis(scale: Scale, lanes: Iterable[tuple[str, list[Mark]]], bands: Iterable[tuple[str, list[Stretch]]]) -> Axis:
    """Return an axis of lanes of marks, and below them bands of coverage."""
    drawn = [Lane(label=label, y=i * LANE + LANE // 2, marks=tuple(marks)) for i, (label, marks) in enumerate(lanes)]
    top = len(drawn) * LANE + LANE
    below = [Lane(label=label, y=top + i * 18 + 6, stretches=tuple(parts)) for i, (label, parts) in enumerate(bands)]
    return Axis(
        width=WIDTH,
        height=top + len(below) * 18 + 6,
        since=scale.since,
        until=scale.until,
        lanes=tuple(drawn),
        bands=tuple(below),
        ticks=scale.ticks(),
    )


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One period of a bar chart: its parts from the bottom up, and its words."""

    x: float
    width: float
    label: str
    parts: tuple[tuple[str, float, float], ...]
    """(tone, y, height)"""
    title: str
    is_after_gap: bool = False


class Bars(msgspec.Struct, frozen=True, kw_only=True):
    """A bar chart: `rows` is the same as a table (label, count of each series)."""

    width: int
    height: int
    series: tuple[tuple[str, str], ...]
    """(tone, name)"""
    bars: tuple[Bar, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]
    top: int


def bars(series: tuple[tuple[str, str], ...], rows: list[tuple[str, tuple[int, ...], bool]], height: int = 120) -> Bars:
    """Return bars of `rows`: label, a count for each series, and whether time was left out before it."""
    top = max((sum(counts) for _, counts, _ in rows), default=0) or 1
    slot = min(BARS_WIDTH / max(len(rows), 1), 40.0)
    drawn = []
    for place, (label, counts, gap) in enumerate(rows):
        y, parts = float(height), []
        for (tone, _name), count in zip(series, counts, strict=True):
            tall = max(count / top * (height - 4), 1.5) if count else 0.0
            y -= tall
            parts.append((tone, round(y, 1), round(tall, 1)))
        words = ", ".join(f"{count} {name}" for (_, name), count in zip(series, counts, strict=True) if count)
        drawn.append(
            Bar(
                x=round(place * slot, 1),
                width=round(slot * 0.8, 1),
                label=label,
                parts=tuple(parts),
                title=f"{label}: {words or 'nothing'}",
                is_after_gap=gap,
            )
        )
    return Bars(
        width=BARS_WIDTH,
        height=height,
        series=series,
        bars=tuple(drawn),
        rows=tuple((label, counts) for label, counts, _ in rows),
        top=top,
    )
