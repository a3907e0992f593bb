"""Search: things, changes and records that hold the words, with filters that stand in the address."""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

from mailwitness.analysis.change import Change
from mailwitness.directory.clock import micros
from mailwitness.engine.index_search import WORDS, Hit, SearchFilters, search
from mailwitness.faces.views.change import ChangeItem, change_item
from mailwitness.faces.views.people import NOBODY, Named
from mailwitness.faces.views.picture import AsOf, Picture, as_of
from mailwitness.faces.views.wording import act_words

PAGE = 50
THINGS = 12
EXPORTED = 100_000
CHANGES = ("permission", "membership", "role", "routing", "audit", "account")
KINDS = {"": (*CHANGES, "access"), "change": CHANGES, "access": ("access",), "logon": ("logon",), "all": ()}
_ID = re.compile(r"[0-9a-f]{8,64}")


class SearchAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asks: words and filters, as in the address."""

    q: str = ""
    kind: str = ""
    """change, access, logon, one kind of the event schema, or all; empty: changes and accesses."""
    since: datetime | None = None
    until: datetime | None = None
    mailbox: str = ""
    actor: str = ""
    right: str = ""
    outcome: str = ""
    source: str = ""
    non_owner: bool = False
    risky: bool = False
    noise: bool = False
    page: int = 1


class RecordLine(msgspec.Struct, frozen=True, kw_only=True):
    """One record that was found."""

    event_id: str
    leaf: int
    occurred_at: datetime
    kind: str
    what: str
    actor: Named
    where: Named
    trustee: Named
    rights: str
    outcome: str
    client: str
    source: str
    code: str


class SearchView(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. Of changes and records one page each."""

    asked: SearchAsked
    things: tuple[Named, ...]
    changes: tuple[ChangeItem, ...]
    change_count: int
    records: tuple[RecordLine, ...]
    record_count: int
    pages: int
    remark: str
    sources: tuple[str, ...]
    as_of: AsOf


def search_view(picture: Picture, asked: SearchAsked, *, at_most: int = PAGE) -> SearchView:
    """Return one page of what was found; acts where changes are asked for, records else."""
    words = words_of(asked.q)
    remark = f"Only the first {WORDS} words are looked for." if len(words) > WORDS else ""
    words = words[:WORDS]
    offset = (max(asked.page, 1) - 1) * at_most
    changes = changes_found(picture, asked, words) if asked.kind in ("", "all", "change", *CHANGES) else []
    is_changes = asked.kind == "change" or asked.kind in CHANGES
    shown = changes[offset : offset + at_most] if is_changes else changes[:10] if words else []
    records, count = ((), 0) if is_changes else records_found(picture, asked, words, at_most, offset)
    total = len(changes) if is_changes else count
    return SearchView(
        asked=asked,
        things=things_found(picture, words) if words else (),
        changes=tuple(change_item(picture.people, change) for change in shown),
        change_count=len(changes),
        records=records,
        record_count=count,
        pages=-(-total // at_most),
        remark=remark,
        sources=tuple(sorted({row["source"] for row in picture.hosts})),
        as_of=as_of(picture),
    )


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a search, lower case; what stands in double quotes is one."""
    found = re.findall(r'"([^"]*)"|(\S+)', text.casefold())
    return tuple(word for quoted, plain in found if (word := (quoted or plain).strip()))


def things_found(picture: Picture, words: tuple[str, ...]) -> tuple[Named, ...]:
    """Return the mailboxes, accounts, groups and applications with a name that holds every word."""
    people = picture.people
    found: list[Named] = []
    for folded, thing in people.folded_names():
        if all(word in folded for word in words):
            found.append(people.mailbox(thing) if picture.standing.is_mailbox(thing) else people.named(thing))
            if len(found) >= THINGS:
                break
    return tuple(found)


def changes_found(picture: Picture, asked: SearchAsked, words: tuple[str, ...]) -> list[Change]:
    """Return the changes that hold every word and pass the filters, the latest first."""
    mailboxes, actors = _things(picture, asked.mailbox), _things(picture, asked.actor)
    people = picture.people
    listed = picture.changes
    if mailboxes is not None:
        listed = list({c.change_id: c for thing in mailboxes for c in people.changes_on.get(thing, ())}.values())
    if actors is not None:
        by = {c.change_id for thing in actors for c in people.changes_by.get(thing, ())}
        listed = [change for change in listed if change.change_id in by]
    found = [
        change
        for change in listed
        if (asked.noise or change.noise is None)
        and (asked.since is None or change.occurred_at >= asked.since)
        and (asked.until is None or change.occurred_at < asked.until)
        and (not asked.outcome or change.outcome == asked.outcome)
        and (asked.kind in ("", "all", "change") or change.kind == asked.kind)
        and (not asked.source or any(w.source == asked.source for w in change.witnesses))
        and (not asked.right or asked.right.casefold() in {right.casefold() for right in change.rights})
    ]
    if words:
        texts, long = picture.change_texts, [_long_hits(picture, word) for word in words]
        found = [
            change
            for change in found
            if all(
                word in texts[change.change_id] or not held.isdisjoint(w.event_id[:16] for w in change.witnesses)
                for word, held in zip(words, long, strict=True)
            )
        ]
    if asked.risky:
        found = [change for change in found if change_item(people, change).risks]
    return sorted(found, key=lambda change: (change.occurred_at, change.change_id), reverse=True)


def _long_hits(picture: Picture, word: str) -> set[str]:
    """Return the beginnings of the ids of records that hold a word in a long text."""
    return {f"{number:016x}" for (number,) in picture.index.ask("long_hits", word=word)}


def records_found(
    picture: Picture, asked: SearchAsked, words: tuple[str, ...], at_most: int, offset: int
) -> tuple[tuple[RecordLine, ...], int]:
    """Return records that hold every word and pass the filters, the latest first, and how many there are."""
    people = picture.people
    mailboxes, actors = _things(picture, asked.mailbox), _things(picture, asked.actor)
    is_id = len(words) == 1 and _ID.fullmatch(words[0]) is not None
    filters = SearchFilters(
        words=() if is_id else words,
        event_id=words[0] if is_id else "",
        since=asked.since,
        until=asked.until,
        kinds=() if is_id else KINDS.get(asked.kind, (asked.kind,)),
        outcome=asked.outcome or None,
        source=asked.source or None,
        right=asked.right or None,
        mailboxes=None if mailboxes is None else _names(picture, mailboxes, asked.mailbox),
        actors=None if actors is None else tuple(n for t in actors for n in people.all_actor_names(t)),
        non_owner=asked.non_owner,
        noise=asked.noise or is_id,
    )
    found = search(picture.index, filters, at_most=at_most, offset=offset)
    if is_id and not found.count:  # a word like "deadbeef" may be a word after all
        found = search(
            picture.index,
            msgspec.structs.replace(
                filters, words=words, event_id="", noise=asked.noise, kinds=KINDS.get(asked.kind, (asked.kind,))
            ),
            at_most=at_most,
            offset=offset,
        )
    return tuple(_line(picture, hit) for hit in found.hits), found.count


def _names(picture: Picture, things: tuple[int, ...], asked: str) -> tuple[str, ...]:
    people = picture.people
    names = [name for thing in things for name in people.references_of(thing)]
    names += [s.value for thing in things for held in people.identities.thing(thing).spans.values() for s in held]
    return tuple(dict.fromkeys([*names, asked]))


def _things(picture: Picture, name: str) -> tuple[int, ...] | None:
    """Return what a name can mean, None where none was asked for."""
    return picture.people.find(name).things if name.strip() else None


def _line(picture: Picture, hit: Hit) -> RecordLine:
    people, names = picture.people, hit.names
    where = names.get("mailbox_ref") or names.get("object") or names.get("group_name") or ""
    page = "mailbox" if hit.kind in ("access", "routing") else None
    at = micros(hit.occurred_at)
    actor = people.refer(names.get("actor_sid"), "sid") if names.get("actor_sid") else NOBODY
    actor = actor if actor.key else people.refer(names.get("actor_name"), at=at)
    text = names.get("actor_name") or names.get("actor_sid") or names.get("app_id") or ""
    client = " ".join(p for p in (names.get("client_host"), names.get("client_ip")) if p)
    return RecordLine(
        event_id=hit.event_id,
        leaf=hit.seq,
        occurred_at=hit.occurred_at,
        kind=hit.kind,
        what=act_words(hit.kind, hit.action),
        actor=msgspec.structs.replace(actor, text=text),
        where=people.refer(where, page=page, at=at),  # type: ignore[arg-type]
        trustee=people.refer(names.get("trustee_name") or names.get("trustee_sid"), at=at),
        rights=hit.rights or "",
        outcome=hit.outcome,
        client=client or names.get("client_app", ""),
        source=hit.source,
        code=hit.event_code or "",
    )
