"""What brings evidence in: every log on record, the live parts' signs of life, and each piece of evidence."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from mailwitness.collect.heartbeats import Heartbeat, Heartbeats
from mailwitness.faces.views.custody import Import, imports_of
from mailwitness.faces.views.picture import AsOf, Picture, as_of
from mailwitness.state.database import open_state

LISTED = 200


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One log or feed the trail has records of."""

    computer: str
    channel: str
    source: str
    first_at: datetime
    last_at: datetime
    records: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A live part: `state` is alive or late; `error` what went wrong last, if it was not well since."""

    name: str
    state: str
    at: datetime
    data_at: datetime | None
    counts: tuple[tuple[str, int], ...]
    error: str | None


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Counts over all evidence, in records: seen = recorded + duplicates + filtered + unread."""

    seen: int
    recorded: int
    duplicates: int
    filtered: int
    unread: int
    problems: int


class SourcesView(msgspec.Struct, frozen=True, kw_only=True):
    """The page of sources."""

    parts: tuple[Part, ...]
    logs: tuple[Source, ...]
    imports: tuple[Import, ...]
    imports_count: int
    totals: Totals
    as_of: AsOf


def sources_view(picture: Picture, *, with_problems: bool = False) -> SourcesView:
    """Return the page; `with_problems` lists only evidence with problems."""
    listed = [each for each in imports_of(picture) if each.act != "trail_created"]
    shown = [each for each in listed if each.problems or each.unread] if with_problems else listed
    return SourcesView(
        parts=parts_of(picture),
        logs=sources_of(picture),
        imports=tuple(shown[:LISTED]),
        imports_count=len(shown),
        totals=Totals(
            **{name: sum(getattr(each, name) for each in listed) for name in Totals.__struct_fields__},
        ),
        as_of=as_of(picture),
    )


def parts_of(picture: Picture) -> tuple[Part, ...]:
    """Return the signs of life of collectors and the writer; none where no service runs on this trail."""
    trail = picture.reader.trail
    if not trail.state.exists():
        return ()
    connection = open_state(trail.path)
    try:
        beats = Heartbeats(connection).all()
    finally:
        connection.close()
    return tuple(_part(beat, datetime.now(UTC)) for beat in beats)


def _part(beat: Heartbeat, now: datetime) -> Part:
    failed = beat.last_error_at is not None and (beat.data_at is None or beat.last_error_at >= beat.data_at)
    return Part(
        name=beat.name,
        state="late" if beat.is_late(now) else "alive",
        at=beat.at,
        data_at=beat.data_at,
        counts=tuple(sorted(beat.counts.items())),
        error=beat.last_error if failed else None,
    )


def sources_of(picture: Picture) -> tuple[Source, ...]:
    """Return the logs and feeds the trail has records of."""
    return tuple(
        Source(
            computer=row["computer"] or "",
            channel=row["channel"] or "",
            source=row["source"],
            first_at=row["first_at"],
            last_at=row["last_at"],
            records=row["records"],
        )
        for row in picture.hosts
    )
