"""Events by their ids: found by the index, read from the sealed table."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from mailwitness.analysis.mailbox_accesses import Asked, mailbox_accesses
from mailwitness.engine.query import load_query
from mailwitness.faces.views.picture import SQL, Picture

Row = dict[str, Any]


class Place(msgspec.Struct, frozen=True):
    """Where an event stands: its leaf, its time, its mailbox as written. Enough to read only its part of the table."""

    seq: int
    occurred_at: datetime
    mailbox_ref: str | None
    kind: str


def place_of(picture: Picture, event_id: str) -> Place | None:
    """Return where the event is whose id begins with `event_id` (at least 16 hexadecimal digits)."""
    rows = picture.index.ask("place", id=int(event_id[:16], 16))
    return Place(*rows[0]) if rows else None


def event_row(picture: Picture, event_id: str) -> Row | None:
    """Return an event with everything it says, from the sealed table; None where there is none."""
    place = place_of(picture, event_id)
    if place is None:
        return None
    with picture.engine() as engine:
        rows = engine.rows(
            load_query(SQL, "event_rows"),
            seqs=[place.seq],
            since=place.occurred_at,
            until=place.occurred_at,
            references=[place.mailbox_ref] if place.mailbox_ref else None,
        )
    return next((row for row in rows if row["event_id"].startswith(event_id)), None)


def access_row(picture: Picture, event_id: str) -> Row | None:
    """Return the access that the event of an id tells of, with all its witnesses; None where it is no access."""
    place = place_of(picture, event_id)
    if place is None or place.kind != "access":
        return None
    around = timedelta(seconds=31)
    asked = Asked(
        references=(place.mailbox_ref,) if place.mailbox_ref else (),
        since=place.occurred_at - around,
        until=place.occurred_at + around,
        non_owner=False,
        noise=True,
        at_most=10_000,
    )
    with picture.engine() as engine:
        rows = mailbox_accesses(engine, asked)
    return next((row for row in rows if any(w.startswith(event_id) for w in row["witnesses"])), None)
