"""One access: who, whose mailbox, how strong the evidence, and what let it happen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from mailwitness.analysis.explain import Explanation
from mailwitness.analysis.way import Way
from mailwitness.faces.views.people import Named, People
from mailwitness.faces.views.picture import Picture
from mailwitness.faces.views.ways import WayView, giver, newest_step, way_view
from mailwitness.faces.views.wording import STRENGTH, Sentence, act_words, span, stamp

Row = dict[str, Any]


class AccessItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An access as a line. `status`: explained, possible, unexplained, refused, or owner (no explanation is due)."""

    event_id: str
    occurred_at: datetime
    actor: Named
    mailbox: Named
    what: str
    strength: str
    outcome: str
    logon_type: str = ""
    client: str = ""
    client_note: str = ""
    server: str = ""
    folder: str = ""
    subjects: tuple[str, ...] = ()
    source: str = ""
    session: str = ""
    status: str = ""
    let_in: Sentence = ()
    change_ids: tuple[str, ...] = ()
    records: int = 1
    noise: str | None = None
    experimental: bool = False


class AccessView(msgspec.Struct, frozen=True, kw_only=True):
    """An access with its explanation."""

    item: AccessItem
    headline: Sentence
    strength_meaning: str
    ways: tuple[WayView, ...]
    looked_at: tuple[str, ...]
    missing: tuple[str, ...]
    """What of the record was missing at that time, where nothing explains the access."""
    witnesses: tuple[str, ...]
    row: Row


def access_item(picture: Picture, row: Row) -> AccessItem:
    """Return an access (a row of `mailbox_accesses`) as a line, explained."""
    with picture.lock:
        explanation, status = _explained(picture, row)
        people = picture.people
        actor, mailbox = _actor(people, row), _mailbox(people, row)
        way = explanation.ways[0] if explanation and explanation.ways else None
        let_in = let_in_by(people, actor, way, row["occurred_at"]) if explanation else ()
    client, note = _client(row)
    return AccessItem(
        event_id=row["event_id"],
        occurred_at=row["occurred_at"],
        actor=actor,
        mailbox=mailbox,
        what=act_words("access", row["action"]),
        strength=row.get("strength") or "attempted",
        outcome=row["outcome"],
        logon_type=row.get("logon_type") or "",
        client=client,
        client_note=note,
        server=row.get("computer") or row.get("through_server") or "",
        folder=row.get("folder") or "",
        subjects=tuple(s for i in row.get("items") or () if (s := i.get("subject"))),
        source=row["source"],
        session=row.get("session_id") or row.get("logon_id") or "",
        status=status,
        let_in=let_in,
        change_ids=explanation.by if explanation else (),
        records=len(row.get("witnesses") or (1,)),
        noise=row.get("noise"),
        experimental=bool(row.get("experimental")),
    )


def access_view(picture: Picture, row: Row) -> AccessView:
    """Return everything to be said of an access."""
    item = access_item(picture, row)
    at = row["occurred_at"]
    with picture.lock:
        explanation, status = _explained(picture, row)
        ways = tuple(way_view(picture.people, item.actor, way) for way in (explanation.ways if explanation else ()))
    absent = [p.what for p in picture.coverage.parts if p.verdict == "absent" and (not p.since or p.since <= at)]
    return AccessView(
        item=item,
        headline=_headline(item),
        strength_meaning=STRENGTH.get(item.strength, ""),
        ways=ways,
        looked_at=explanation.looked_at if explanation else (),
        missing=tuple(absent) if status == "unexplained" else (),
        witnesses=tuple(row.get("witnesses") or (row["event_id"],)),
        row=row,
    )


def _explained(picture: Picture, row: Row) -> tuple[Explanation | None, str]:
    if row["outcome"] == "failure":
        return None, "refused"
    explanation = picture.explainer.explain(row)
    is_person = row.get("actor_kind") not in ("application", "service", "system")
    if is_person and explanation.actor is not None and explanation.actor == explanation.mailbox:
        return None, "owner"
    if is_person and row.get("logon_type") == "owner":
        return None, "owner"
    return explanation, explanation.status


def let_in_by(people: People, actor: Named, way: Way | None, at: datetime) -> Sentence:
    """Return in words what let somebody in, and who gave it, how long before."""
    if way is None:
        return ("Nothing on record let ", actor, " in.")
    if way.right == "owner":
        return (actor, " is its owner.")
    last = newest_step(way)
    path = " > ".join(way.path)
    by = giver(people, last.since)
    itself = bool(by.key) and by.key == actor.key
    if last.since.at is None:
        return (
            actor,
            f" had {path}, {'given by set-up' if last.since.how == 'default' else 'from before the trail began'}.",
        )
    before = f"{stamp(last.since.at)}, {span(at - last.since.at)} before"
    if way.doubt and way.right == "unknown":
        who: Sentence = (
            (actor, " let itself in, as it seems: it ") if itself else (by, f" may have let {actor.text} in: it ")
        )
        return (*who, f"wrote rights on this mailbox at {before}; no record tells which.")
    who = (actor, " let itself in") if itself else (by, f" let {actor.text} in") if by.text else (actor, " was let in")
    return (*who, f": {path}, since {before}.")


def _headline(item: AccessItem) -> Sentence:
    verb = f"tried, and was refused: {item.what}" if item.outcome == "failure" else item.what
    return (
        (item.actor, f" {verb} of ", item.mailbox)
        if item.what == "opened the mailbox"
        else (
            item.actor,
            f" {verb}: ",
            item.mailbox,
        )
    )


def _actor(people: People, row: Row) -> Named:
    found = people.explainer.actor_of(row).one
    text = row.get("actor_name") or row.get("actor_sid") or row.get("app_id") or "nobody named"
    return Named(text=text) if found is None else msgspec.structs.replace(people.named(found), text=text)


def _mailbox(people: People, row: Row) -> Named:
    found = people.explainer.mailbox_of(row).one
    text = row.get("mailbox_ref") or ""
    return Named(text=text) if found is None else people.mailbox(found)


def _client(row: Row) -> tuple[str, str]:
    if candidates := row.get("client_candidates"):
        return " or ".join(str(c.client_host or c.client_ip) for c in candidates), "by the server's logons: several fit"
    parts = [row.get("client_host"), row.get("client_ip")]
    client = " ".join(str(p) for p in parts if p) or str(row.get("client_app") or "")
    return client, "inferred from a logon to the server" if row.get("client_inferred") else ""
