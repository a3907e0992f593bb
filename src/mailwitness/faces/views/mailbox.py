"""One mailbox: who can open it, now or at a past time; its changes and accesses on one axis; when we were blind."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

import msgspec

from mailwitness.analysis.mailbox_accesses import Asked, mailbox_accesses
from mailwitness.analysis.reach import Line, who_can_open
from mailwitness.directory.clock import micros, moment
from mailwitness.faces.views.access import AccessItem, access_item
from mailwitness.faces.views.axis import Axis
from mailwitness.faces.views.blindness import computers_of, draw_axis, uncovered_of
from mailwitness.faces.views.change import ChangeItem, change_item
from mailwitness.faces.views.coverage import of_thing
from mailwitness.faces.views.people import Named
from mailwitness.faces.views.picture import AsOf, Picture, as_of
from mailwitness.faces.views.ways import WayView, giver, newest_step, way_view
from mailwitness.faces.views.wording import OF, RANK, Sentence, when

ACCESSES = 1_000
"""Accesses on one page at most, the latest; the page says so and narrows by time."""


class Holder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who has which right on the mailbox, by which way."""

    account: Named
    right: str
    of: str
    good_for: str
    way: WayView
    ways: int
    since: str
    by: Named
    is_disabled: bool = False
    is_owner: bool = False


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """Accesses of one actor, from one client and session, on one day. `strength` is the strongest of them."""

    actor: Named
    first_at: datetime
    last_at: datetime
    strength: str
    statuses: tuple[str, ...]
    client: str
    client_note: str
    logon_type: str
    accesses: tuple[AccessItem, ...]

    @property
    def let_in(self) -> Sentence:
        """Return what let the first of them in."""
        return self.accesses[0].let_in

    @property
    def whats(self) -> tuple[tuple[str, int], ...]:
        """Return what was done, how often."""
        counts: dict[str, int] = {}
        for each in self.accesses:
            counts[each.what] = counts.get(each.what, 0) + 1
        return tuple(counts.items())


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """One day of the timeline: changes and visits in order of time."""

    day: date
    entries: tuple[ChangeItem | Visit, ...]


class MailboxAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asks of the page: the rights as of `at`, the timeline from `since` to before `until`."""

    at: datetime | None = None
    since: datetime | None = None
    until: datetime | None = None
    owner: bool = False
    """Show what the owner did, too."""
    noise: bool = False


class MailboxView(msgspec.Struct, frozen=True, kw_only=True):
    """The mailbox's page."""

    name: Named
    other_names: tuple[str, ...]
    at: datetime
    is_now: bool
    holders: tuple[Holder, ...]
    moments: tuple[datetime, ...]
    """Times at which who can open it changed, the latest first."""
    days: tuple[Day, ...]
    count_accesses: int
    count_changes: int
    beyond_limit: bool
    hidden_noise: int
    hidden_owner: int
    axis: Axis | None
    uncovered: tuple[str, ...]
    """What would not have been seen of this mailbox in the time shown, the mailbox's own first."""
    as_of: AsOf
    begins_at: datetime
    """From when on who can open it is worth asking: the first record, or the earliest right on record."""


def mailbox_view(picture: Picture, thing: int, asked: MailboxAsked) -> MailboxView:
    """Return the page of a thing's mailbox."""
    people = picture.people
    at = asked.at or picture.made_at
    accesses, beyond, hidden_owner = _accesses(picture, thing, asked)
    changed = [c for c in people.changes_on.get(thing, ()) if _within(c.occurred_at, asked)]
    shown = [c for c in changed if asked.noise or c.noise is None]
    items = [change_item(people, change) for change in shown]
    with picture.lock:
        holders = holders_of(picture, thing, at)
        moments = sorted(picture.standing.moments_around(thing), reverse=True)
        of = of_thing(picture, thing)
    computers = computers_of(accesses, shown)
    first = next((found for micro in reversed(moments) if (found := moment(micro)) is not None), picture.first_at)
    return MailboxView(
        name=people.mailbox(thing),
        other_names=other_names(picture, thing),
        at=at,
        is_now=asked.at is None,
        holders=holders,
        moments=tuple(each for micro in moments[:20] if (each := moment(micro)) is not None),
        days=days_of([*items, *visits_of(accesses)]),
        count_accesses=len(accesses),
        count_changes=len(items),
        beyond_limit=beyond,
        hidden_noise=len(changed) - len(shown),
        hidden_owner=hidden_owner,
        axis=draw_axis(picture, accesses, items, (asked.since, asked.until), computers, of),
        uncovered=uncovered_of(picture, computers, of, asked.since, asked.until),
        as_of=as_of(picture),
        begins_at=min(first, picture.first_at, at),
    )


def holders_of(picture: Picture, thing: int, at: datetime) -> tuple[Holder, ...]:
    """Return who can open a mailbox, send from it or take it at a time. The picture's lock is held."""
    return tuple(_holder(picture, line) for line in who_can_open(picture.standing, thing, micros(at)))


def _holder(picture: Picture, line: Line) -> Holder:
    people = picture.people
    account = people.refer(line.account)
    newest = newest_step(line.way)
    return Holder(
        account=account,
        right=line.right,
        of=line.of,
        good_for=OF.get(line.of, line.of),
        way=way_view(people, account, line.way),
        ways=line.ways,
        since=when(newest.since),
        by=giver(people, newest.since),
        is_disabled=line.is_disabled,
        is_owner=line.way.right == "owner",
    )


def _accesses(picture: Picture, thing: int, asked: MailboxAsked) -> tuple[list[AccessItem], bool, int]:
    references = picture.people.references_of(thing)
    if not references:
        return [], False, 0
    question = Asked(
        references=references,
        since=asked.since,
        until=asked.until,
        non_owner=not asked.owner,
        noise=asked.noise,
        at_most=ACCESSES + 1,
    )
    with picture.engine() as engine:
        rows = mailbox_accesses(engine, question)
    with picture.lock:  # a reference can mean two mailboxes: each access is of the one it meant at its time
        rows = [row for row in rows if thing in picture.explainer.mailbox_of(row).things]
    items = [access_item(picture, row) for row in rows[:ACCESSES]]
    kept = [item for item in items if asked.owner or item.status != "owner"]
    return kept, len(rows) > ACCESSES, len(items) - len(kept)


def _within(at: datetime, asked: MailboxAsked) -> bool:
    return (asked.since is None or at >= asked.since) and (asked.until is None or at < asked.until)


def other_names(picture: Picture, thing: int) -> tuple[str, ...]:
    """Return every other name of a thing, for a person to recognise it by."""
    spans = picture.people.identities.thing(thing).spans
    label = picture.people.identities.label(thing)
    names = dict.fromkeys(span.value for held in spans.values() for span in held)
    return tuple(name for name in names if name != label)


def visits_of(accesses: Iterable[AccessItem]) -> list[Visit]:
    """Return accesses grouped by actor, day, client and session."""
    groups: dict[tuple[str, date, str, str, str], list[AccessItem]] = {}
    for item in sorted(accesses, key=lambda each: each.occurred_at):
        refused = "refused" if item.outcome == "failure" else ""
        key = (item.actor.key or item.actor.text, item.occurred_at.date(), item.client, item.session, refused)
        groups.setdefault(key, []).append(item)
    return [
        Visit(
            actor=each[0].actor,
            first_at=each[0].occurred_at,
            last_at=each[-1].occurred_at,
            strength=max((item.strength for item in each), key=lambda s: RANK.get(s, 0)),
            statuses=tuple(dict.fromkeys(item.status for item in each)),
            client=each[0].client,
            client_note=each[0].client_note,
            logon_type=each[0].logon_type,
            accesses=tuple(each),
        )
        for each in groups.values()
    ]


def days_of(entries: Iterable[ChangeItem | Visit]) -> tuple[Day, ...]:
    """Return entries by day, the latest day first, within a day in order of time."""
    days: dict[date, list[ChangeItem | Visit]] = {}
    for entry in sorted(entries, key=_at):
        days.setdefault(_at(entry).date(), []).append(entry)
    return tuple(Day(day=day, entries=tuple(days[day])) for day in sorted(days, reverse=True))


def _at(entry: ChangeItem | Visit) -> datetime:
    return entry.occurred_at if isinstance(entry, ChangeItem) else entry.first_at
