"""The operations that ask of the trail: things, changes, accesses, records, search."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from mailwitness.analysis.change import Change
from mailwitness.directory.clock import micros, moment
from mailwitness.faces.views.access import AccessItem, access_view
from mailwitness.faces.views.account import account_view
from mailwitness.faces.views.blindness import uncovered_of
from mailwitness.faces.views.change import ChangeItem, change_item, change_view
from mailwitness.faces.views.lookup import access_row
from mailwitness.faces.views.mailbox import MailboxAsked, mailbox_view
from mailwitness.faces.views.people import Named, Page
from mailwitness.faces.views.picture import Picture
from mailwitness.faces.views.record import record_view
from mailwitness.faces.views.search import RecordLine, SearchAsked, changes_found, records_found, things_found, words_of
from mailwitness.faces.views.uses import uses_of
from mailwitness.faces.web.api.answers import (
    AccountAnswer,
    ChangeAnswer,
    ChangesAnswer,
    ExplanationAnswer,
    MailboxAnswer,
    NamesAnswer,
    RecordAnswer,
    RecordsAnswer,
    SearchAnswer,
)
from mailwitness.faces.web.api.cursors import Place, mark_of, place_of, written
from mailwitness.faces.web.api.operation import Answered, Call
from mailwitness.faces.web.api.parameters import Filtered, instant_of
from mailwitness.faces.web.api.problems import Problem

CHOICES = 50
WORDS = 6


def names_of(kind: Page) -> NamesOf:
    """Return the operation that lists the things of a kind."""
    return NamesOf(kind)


class NamesOf:
    """Lists things of one kind by name."""

    def __init__(self, kind: Page) -> None:
        """List those whose page is `kind`'s."""
        self._kind = kind

    def __call__(self, call: Call) -> Answered:
        """Return the names that hold the words, in order."""
        asked = mark_of(self._kind, call.query)
        place = place_of(call.query.cursor, asked)
        listed = _listed(call.picture, self._kind)
        if words := words_of(call.query.q):
            listed = [each for each in listed if all(word in each[1] for word in words)]
        if call.veil is not None:  # the order of names would tell whose pseudonym is whose
            listed = call.veil.reordered(listed)
        after = listed if place is None else [each for each in listed if each[0] > place.key]
        shown = after[: call.query.limit]
        more = len(after) > len(shown)
        size = place.size if place else call.picture.size
        count = place.count if place else len(listed)
        following = written(Place(size, 0, shown[-1][0], asked, count)) if more else None
        answer = NamesAnswer(items=tuple(each[2] for each in shown), count=count, next=following, as_of=call.as_of)
        return Answered(value=answer, subject="mailboxes" if self._kind == "mailbox" else f"{self._kind}s")


def _listed(picture: Picture, kind: Page) -> list[tuple[str, str, Named]]:
    """Return the things of a kind as (key, all names folded, name), by key; worked out once."""
    kept: dict[Page, list[tuple[str, str, Named]]] | None = picture.worked_out.kept.get("api_names")
    if kept is None:
        kept = {}
        people = picture.people
        with picture.lock:
            for folded, thing in people.folded_names():
                named = people.named(thing)
                kept.setdefault(people.page_of(thing), []).append((_key(named), folded, named))
                if picture.standing.is_mailbox(thing):
                    box = people.mailbox(thing)
                    kept.setdefault("mailbox", []).append((_key(box), folded, box))
        for each in kept.values():
            each.sort(key=lambda one: one[0])
        picture.worked_out.kept["api_names"] = kept
    return kept.get(kind, [])


def _key(named: Named) -> str:
    return (named.key or named.text)[:120]


def mailbox(call: Call) -> Answered:
    """Return a mailbox's page."""
    thing = _thing(call.picture, call.query.name, "mailbox")
    query = call.query
    asked = MailboxAsked(
        at=instant_of(query.at),
        since=instant_of(query.since),
        until=instant_of(query.until),
        owner=query.owner,
        noise=query.noise,
    )
    view = mailbox_view(call.picture, thing, asked)
    entries = [entry for day in view.days for entry in day.entries]
    changes = [entry for entry in entries if isinstance(entry, ChangeItem)]
    accesses = [item for entry in entries if not isinstance(entry, ChangeItem) for item in entry.accesses]
    answer = MailboxAnswer(
        **_same(view, MailboxAnswer, "changes", "accesses"),
        changes=tuple(sorted(changes, key=_at, reverse=True)),
        accesses=tuple(sorted(accesses, key=_at, reverse=True)),
    )
    return Answered(value=answer, subject=f"mailbox {view.name.key}")


def _at(item: ChangeItem | AccessItem) -> tuple[object, str]:
    return item.occurred_at, item.change_id if isinstance(item, ChangeItem) else item.event_id


def account(call: Call) -> Answered:
    """Return the page of an account, group, application or object."""
    thing = _thing(call.picture, call.query.name, "account")
    view = account_view(call.picture, thing, instant_of(call.query.at))
    return Answered(value=AccountAnswer(**_same(view, AccountAnswer)), subject=f"{view.kind} {view.name.key}")


def _same(view: msgspec.Struct, answer: type[msgspec.Struct], *but: str) -> dict[str, Any]:
    """Return the fields of a view that an answer has, too."""
    return {name: getattr(view, name) for name in answer.__struct_fields__ if name not in but}


def _thing(picture: Picture, name: str, page: Page) -> int:
    name = name.strip()
    with picture.lock:
        found = picture.people.find(name)
        if found.one is not None:
            return found.one
        if not found.things:
            raise Problem(
                404,
                f"Nothing in this trail is called {name}.",
                "Give another of its names, or search for a part of it.",
                where="name",
            )
        choices = tuple(picture.people.named(thing, page=page) for thing in found.things[:CHOICES])
    raise Problem(
        409, f"{name} can mean several.", "Give the `key` of one of the choices.", where="name", choices=choices
    )


def changes(call: Call) -> Answered:
    """Return changes, the latest first."""
    picture, query = call.picture, call.query
    asked = mark_of("changes", query)
    place = place_of(query.cursor, asked)
    size = place.size if place else picture.size
    found = changes_found(picture, search_asked(query, kind=query.kind or "change", risky=query.risky), words(query))
    count = place.count if place else len(found)
    after = found
    if place is not None:
        after = [each for each in found if (micros(each.occurred_at), each.change_id) < (place.at, place.key)]
    shown = _known_at(picture, after, size, query.limit + 1)
    listed = shown[: query.limit]
    following = None
    if len(shown) > len(listed):
        last = listed[-1]
        following = written(Place(size, micros(last.occurred_at), last.change_id, asked, count))
    answer = ChangesAnswer(
        items=tuple(change_item(picture.people, change) for change in listed),
        count=count,
        next=following,
        uncovered=uncovered_of(picture, set()),
        as_of=call.as_of,
    )
    return Answered(value=answer, subject=subject_of("changes", query))


def _known_at(picture: Picture, found: list[Change], size: int, at_most: int) -> list[Change]:
    """Return the first of the changes that had a witness among the first `size` leaves."""
    if size >= picture.size:
        return found[:at_most]
    kept: list[Change] = []
    for start in range(0, len(found), at_most):
        part = found[start : start + at_most]
        known = leaves_of(picture, (w.event_id for change in part for w in change.witnesses))
        kept += [c for c in part if any(known.get(w.event_id[:16], size) < size for w in c.witnesses)]
        if len(kept) >= at_most:
            break
    return kept[:at_most]


def leaves_of(picture: Picture, event_ids: Iterable[str]) -> dict[str, int]:
    """Return the leaves of events, by the first 16 digits of their ids."""
    numbers = sorted({int(event_id[:16], 16) for event_id in event_ids})
    if not numbers:
        return {}
    marks = ", ".join(map(str, numbers))
    rows = picture.index.rows(f"SELECT id, min(seq) FROM entries WHERE id IN ({marks}) GROUP BY id")  # noqa: S608 - integers
    return {f"{number:016x}": leaf for number, leaf in rows}


def change(call: Call) -> Answered:
    """Return a change with its witnesses and what it was used for."""
    picture, change_id = call.picture, call.path.event
    found = picture.by_change.get(change_id) or picture.by_witness.get(change_id)
    if found is None:
        found = next((c for key, c in picture.by_change.items() if key.startswith(change_id)), None)
    if found is None:
        raise Problem(404, f"No change in this trail has the id {change_id}.", "Search for what was changed.")
    used, whole = uses_of(picture, found)
    view = change_view(picture, found)
    answer = ChangeAnswer(
        **_same(view, ChangeAnswer, "used_by", "all_uses_looked_at", "as_of"),
        used_by=used,
        all_uses_looked_at=whole,
        as_of=call.as_of,
    )
    return Answered(value=answer, subject=f"change {found.change_id}")


def accesses(call: Call) -> Answered:
    """Return records of access, the latest first."""
    asked = search_asked(call.query, kind="access", non_owner=call.query.non_owner)
    items, count, following = records(call, "accesses", asked)
    answer = RecordsAnswer(
        items=items, count=count, next=following, uncovered=uncovered_of(call.picture, set()), as_of=call.as_of
    )
    return Answered(value=answer, subject=subject_of("accesses", call.query))


def search(call: Call) -> Answered:
    """Return things and records that hold the words and pass the filters."""
    query = call.query
    asked = search_asked(query, kind=query.kind or "", non_owner=query.non_owner)
    items, count, following = records(call, "search", asked)
    said = words_of(query.q)
    answer = SearchAnswer(
        things=things_found(call.picture, said[:WORDS]) if said and query.cursor is None else (),
        items=items,
        count=count,
        next=following,
        remark=f"Only the first {WORDS} words are looked for." if len(said) > WORDS else "",
        as_of=call.as_of,
    )
    return Answered(value=answer, subject=subject_of("search", query))


def records(call: Call, operation: str, asked: SearchAsked) -> tuple[tuple[RecordLine, ...], int, str | None]:
    """Return one page of records, how many there are, and the cursor of the next page."""
    query = call.query
    mark = mark_of(operation, query)
    place = place_of(query.cursor, mark)
    size = place.size if place else call.picture.size
    found, counted = _records_after(call.picture, asked, words(query), place, query.limit + 1)
    count = place.count if place else counted
    shown = found[: query.limit]
    following = None
    if len(found) > len(shown):
        following = written(Place(size, micros(shown[-1].occurred_at), str(shown[-1].leaf), mark, count))
    return shown, count, following


def _records_after(
    picture: Picture, asked: SearchAsked, said: tuple[str, ...], place: Place | None, at_most: int
) -> tuple[tuple[RecordLine, ...], int]:
    """Return records after a place that the trail held at its size, and how many records there are in all.

    Those after it are at its time or before; those of its very time are told apart by their leaves.
    """
    if place is None:
        return records_found(picture, asked, said, at_most, 0)
    leaf = int(place.key)
    until = moment(place.at + 1)
    if asked.until is None or (until is not None and until < asked.until):
        asked = msgspec.structs.replace(asked, until=until)
    kept: list[RecordLine] = []
    offset = 0
    while len(kept) < at_most:
        part, count = records_found(picture, asked, said, at_most, offset)
        kept += [
            each for each in part if each.leaf < place.size and (micros(each.occurred_at), each.leaf) < (place.at, leaf)
        ]
        offset += at_most
        if offset >= count:
            break
    return tuple(kept[:at_most]), 0


def words(query: Filtered) -> tuple[str, ...]:
    """Return the words of a question that are looked for."""
    return words_of(query.q)[:WORDS]


def search_asked(query: Filtered, *, kind: str, risky: bool = False, non_owner: bool = False) -> SearchAsked:
    """Return filters as a search takes them."""
    return SearchAsked(
        q=query.q,
        kind=kind,
        since=instant_of(query.since),
        until=instant_of(query.until),
        mailbox=query.mailbox.strip(),
        actor=query.actor.strip(),
        right=query.right.strip(),
        outcome=query.outcome or "",
        source=query.source.strip(),
        non_owner=non_owner,
        risky=risky,
        noise=query.noise,
    )


def subject_of(operation: str, query: Filtered) -> str:
    """Return what is recorded as read: the operation, and what it was narrowed to."""
    said = (query.q, query.mailbox, query.actor, query.right)
    return " ".join([operation, *(word for word in said if word)])


def explanation(call: Call) -> Answered:
    """Return an access and what let it happen."""
    row = access_row(call.picture, call.path.event)
    if row is None:
        raise Problem(
            404, f"No access in this trail has the id {call.path.event}.", "It may be another kind of event: search."
        )
    view = access_view(call.picture, row)
    answer = ExplanationAnswer(**_same(view, ExplanationAnswer, "as_of"), as_of=call.as_of)
    return Answered(value=answer, subject=f"access {row['event_id']}")


def event(call: Call) -> Answered:
    """Return one record as it was sealed."""
    view = record_view(call.picture, call.path.event)
    if view is None:
        raise Problem(
            404, f"No event in this trail has the id {call.path.event}.", "Search for it by another of its words."
        )
    return Answered(value=RecordAnswer(**_same(view, RecordAnswer)), subject=f"event {view.event_id}")
