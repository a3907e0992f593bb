"""One account, group or application: what it can open, what it opened, what it changed, and from where."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from mailwitness.analysis.mailbox_accesses import Asked, mailbox_accesses
from mailwitness.analysis.presence import End
from mailwitness.analysis.reach import Line, reach
from mailwitness.directory.clock import micros
from mailwitness.faces.views.access import AccessItem, access_item
from mailwitness.faces.views.change import ChangeItem, change_item
from mailwitness.faces.views.mailbox import other_names
from mailwitness.faces.views.people import Named, Page
from mailwitness.faces.views.picture import AsOf, Picture, as_of
from mailwitness.faces.views.ways import WayView, giver, newest_step, way_view
from mailwitness.faces.views.wording import OF, when

LINES = 500
CHANGES = 100
OPENED = 200
LATEST = 10
"""Each of them may stand in another part of the table: more would cost more than they tell."""
CLIENTS = 30


class ReachLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One mailbox (or all of a scope) the account can open, send from or take."""

    mailbox: Named
    right: str
    of: str
    good_for: str
    way: WayView
    since: str
    by: Named
    scope: str = "mailbox"
    mailboxes: int | None = None
    excepted: tuple[str, ...] = ()
    is_owner: bool = False


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """One mailbox the account's records of access name: how often, and when first and last."""

    mailbox: Named
    count: int
    first_at: datetime
    last_at: datetime
    is_own: bool


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """Where the account came from, as records of accesses and logons say."""

    client: str
    kind: str
    count: int
    first_at: datetime
    last_at: datetime


class MemberView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A membership: the group or the member, how far away, since when, by whom."""

    other: Named
    hops: int
    since: str
    by: Named
    change_id: str | None = None


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """The page of an account, group or application."""

    name: Named
    kind: Page
    other_names: tuple[str, ...]
    is_mailbox: bool
    is_disabled: bool
    at: datetime
    is_now: bool
    reach: tuple[ReachLine, ...]
    reach_count: int
    groups: tuple[MemberView, ...]
    members: tuple[MemberView, ...]
    member_count: int
    opened: tuple[Opened, ...]
    accesses: tuple[AccessItem, ...]
    made: tuple[ChangeItem, ...]
    made_count: int
    about: tuple[ChangeItem, ...]
    about_count: int
    clients: tuple[Client, ...]
    as_of: AsOf


def account_view(picture: Picture, thing: int, at: datetime | None = None) -> AccountView:
    """Return the page of a thing, its rights as of `at` (now unless said)."""
    people, moment = picture.people, at or picture.made_at
    with picture.lock:
        lines = reach(picture.standing, thing, micros(moment))
        shown = tuple(_line(picture, line) for line in lines[:LINES])
        groups, members = _groups(picture, thing, micros(moment)), _members(picture, thing, micros(moment))
    made = [c for c in people.changes_by.get(thing, ()) if c.noise is None]
    about = {c.change_id: c for c in [*people.changes_for.get(thing, ()), *people.changes_on.get(thing, ())]}
    about_listed = sorted((c for c in about.values() if c.noise is None), key=lambda c: c.occurred_at)
    return AccountView(
        name=people.named(thing),
        kind=people.page_of(thing),
        other_names=other_names(picture, thing),
        is_mailbox=picture.standing.is_mailbox(thing),
        is_disabled=picture.standing.is_disabled(thing, micros(moment)),
        at=moment,
        is_now=at is None,
        reach=shown,
        reach_count=len(lines),
        groups=groups,
        members=members[:LINES],
        member_count=len(members),
        opened=_opened(picture, thing),
        accesses=_latest(picture, thing),
        made=tuple(change_item(people, c) for c in reversed(made[-CHANGES:])),
        made_count=len(made),
        about=tuple(change_item(people, c) for c in reversed(about_listed[-CHANGES:])),
        about_count=len(about_listed),
        clients=_clients(picture, thing),
        as_of=as_of(picture),
    )


def _line(picture: Picture, line: Line) -> ReachLine:
    people = picture.people
    newest = newest_step(line.way)
    page: Page | None = "mailbox" if line.scope == "mailbox" else None
    return ReachLine(
        mailbox=people.refer(line.mailbox, page=page),
        right=line.right,
        of=line.of,
        good_for=OF.get(line.of, line.of),
        way=way_view(people, people.refer(line.account), line.way),
        since=when(newest.since),
        by=giver(people, newest.since),
        scope=line.scope,
        mailboxes=line.mailboxes,
        excepted=line.excepted,
        is_owner=line.way.right == "owner",
    )


def _groups(picture: Picture, thing: int, at: int) -> tuple[MemberView, ...]:
    found = picture.standing.memberships.groups_of(thing, at)
    return tuple(_membership(picture, group, each.hops, each.link.evidence.began) for group, each in found.items())


def _members(picture: Picture, thing: int, at: int) -> tuple[MemberView, ...]:
    found = picture.standing.memberships.members_of(thing, at)
    return tuple(_membership(picture, member, each.hops, each.link.evidence.began) for member, each in found.items())


def _membership(picture: Picture, other: int, hops: int, began: End) -> MemberView:
    return MemberView(
        other=picture.people.named(other),
        hops=hops,
        since=when(began),
        by=giver(picture.people, began),
        change_id=began.change_id,
    )


def _numbers(picture: Picture, thing: int) -> list[int]:
    """Return the index's numbers of the names and SIDs under which a thing acts; none where it never did."""
    return picture.index.numbers_of(list(picture.people.all_actor_names(thing)))


def _opened(picture: Picture, thing: int) -> tuple[Opened, ...]:
    numbers = _numbers(picture, thing)
    if not numbers:
        return ()
    rows = picture.index.ask("opened", actors=numbers)
    boxes: dict[str, Opened] = {}
    own = picture.people.key(thing)
    for text, count, first_at, last_at in rows:
        name = picture.people.refer(text, page="mailbox", at=micros(last_at))
        key = name.key or text
        if name.key and (number := picture.people.find(name.key).one) is not None:
            name = picture.people.mailbox(number)
        before = boxes.get(key)
        boxes[key] = Opened(
            mailbox=name,
            count=count + (before.count if before else 0),
            first_at=min(first_at, before.first_at) if before else first_at,
            last_at=max(last_at, before.last_at) if before else last_at,
            is_own=key == own,
        )
    listed = sorted(boxes.values(), key=lambda each: (each.is_own, -each.count, each.mailbox.text))
    return tuple(listed[:OPENED])


def _latest(picture: Picture, thing: int) -> tuple[AccessItem, ...]:
    """Return the latest accesses to others' mailboxes, explained: found by the index, read from the table."""
    numbers = _numbers(picture, thing)
    if not numbers:
        return ()
    own = picture.index.numbers_of(list(picture.people.references_of(thing)))
    rows = picture.index.ask("latest", actors=numbers, own=own or None, at_most=LATEST)
    references = tuple(dict.fromkeys(text for _, text in rows if text))
    if not references:
        return ()
    times = [at for at, _ in rows]
    asked = Asked(
        references=references,
        actors=picture.people.all_actor_names(thing),
        since=min(times),
        until=max(times) + timedelta(seconds=1),
        at_most=LATEST,
    )
    with picture.engine() as engine:
        found = mailbox_accesses(engine, asked)
    return tuple(item for row in found if (item := access_item(picture, row)).status != "owner")


def _clients(picture: Picture, thing: int) -> tuple[Client, ...]:
    numbers = _numbers(picture, thing)
    if not numbers:
        return ()
    rows = picture.index.ask("clients", actors=numbers, at_most=CLIENTS)
    return tuple(
        Client(client=" ".join(p for p in (host, ip) if p), kind=kind, count=n, first_at=first, last_at=last)
        for host, ip, kind, n, first, last in rows
    )
