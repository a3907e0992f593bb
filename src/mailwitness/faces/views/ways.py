"""A way into a mailbox, step by step: what the pages draw and the reports list."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from mailwitness.analysis.presence import End
from mailwitness.analysis.way import Step, Way
from mailwitness.faces.views.people import NOBODY, Named, People
from mailwitness.faces.views.wording import OF, when


class StepView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step: a membership or the right itself; since when, by whom, by which change, and how sure that is."""

    what: str
    since: str
    by: Named = NOBODY
    change_id: str | None = None
    until: str | None = None
    on: Named = NOBODY
    entry: str | None = None
    folder: str | None = None
    note: str | None = None


class WayView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A way: from whom over which steps to what; `is_certain` tells whether the evidence decides it."""

    account: Named
    right: str
    good_for: str
    steps: tuple[StepView, ...]
    is_certain: bool = True
    doubt: str | None = None
    remarks: tuple[str, ...] = ()


def way_view(people: People, account: Named, way: Way) -> WayView:
    """Return a way for showing."""
    return WayView(
        account=account,
        right=way.right,
        good_for=OF.get(way.of, way.of),
        steps=tuple(_step(people, step) for step in way.steps),
        is_certain=way.doubt is None,
        doubt=way.doubt,
        remarks=way.remarks,
    )


def newest_step(way: Way) -> Step:
    """Return the step that came last: what completed the way."""
    return max(way.steps, key=lambda step: step.since.at or datetime.min.replace(tzinfo=UTC))


def giver(people: People, end: End) -> Named:
    """Return who made an end of an interval, if a record tells."""
    return people.refer(end.by_sid, "sid") if not end.by else _spelled(people, end)


def _spelled(people: People, end: End) -> Named:
    by_sid = people.refer(end.by_sid, "sid") if end.by_sid else NOBODY
    by_name = people.refer(end.by)
    best = by_sid if by_sid.key else by_name
    return msgspec.structs.replace(best, text=end.by or best.text)


def _step(people: People, step: Step) -> StepView:
    return StepView(
        what=step.what,
        since=when(step.since),
        by=giver(people, step.since),
        change_id=step.since.change_id,
        until=when(step.until) if step.until else None,
        on=people.refer(step.on) if step.on else NOBODY,
        entry=step.entry,
        folder=step.folder,
        note=_note(step.since),
    )


def _note(end: End) -> str | None:
    if end.how == "before_trail" and end.seen_at:
        return f"first seen {when(End(at=end.seen_at, how='snapshot'))}"
    if end.how == "snapshot" and end.after_at:
        return f"came between {when(End(at=end.after_at, how='snapshot'))} and then; nobody witnessed it"
    if end.how == "written":
        return "its list was written; no record tells what"
    return None
