"""The information store's own events in the Application log of Exchange 5.5, 2000 and 2003."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mailwitness.event import ActorKind, Event, Problem
from mailwitness.formats.interface import ExportRecord, Record
from mailwitness.knowledge.exchange_store_events import StoreEvent, compiled, provider_key, store_events
from mailwitness.sources.interface import Context
from mailwitness.sources.mailbox_reference import mailbox_form
from mailwitness.sources.stamp import stamp, unread

NAME = "exchange_store"
DOC = (
    "Logons to mailboxes as the information store of Exchange 5.5, 2000 and 2003 tells them in the Application log. "
    "1013 and 1009 prove that a mailbox was opened, 1022 and 1029 that somebody was refused. 1016 proves an attempt "
    "only: it is written whether or not the mailbox could be opened, and free-busy look-ups cause it too. None proves "
    "that a message was read."
)

_TEXT_LIMIT = 6_000
"""Longest text a wording is tried on: the store's own texts are below 3,000 characters."""


def codes() -> frozenset[int]:
    """Return the event ids that are read."""
    return frozenset(code for _, code in store_events())


def recognise(record: Record | ExportRecord) -> bool:
    """Return whether the record is a store event that knowledge/ describes."""
    return (
        isinstance(record, Record)
        and record.provider[:2].casefold() == "ms"
        and (provider_key(record.provider), record.event_code) in store_events()
    )


def read(record: Record | ExportRecord, context: Context) -> Iterator[Event | Problem]:
    """Yield the event the record tells, from its strings, else from its text."""
    assert isinstance(record, Record)  # noqa: S101 - recognise() said so
    described = store_events()[provider_key(record.provider), record.event_code]
    said = _from_strings(record, described) or _from_text(record, described)
    if said is None:
        expected = f"{sorted(described.layouts)} insertion strings or a known wording of event {described.id}"
        found = (
            f"{len(record.values)} strings: {' | '.join(record.values)[:200]!r}, text {(record.message or '')[:200]!r}"
        )
        yield unread(record, context, "unknown_layout", expected, found)
        return
    yield Event(**stamp(record, context, NAME), **_meaning(record, described, said))


def _from_strings(record: Record, described: StoreEvent) -> dict[str, str] | None:
    words = described.layouts.get(len(record.values))
    if words is None:
        return None
    return dict(zip(words, record.values, strict=True))


def _from_text(record: Record, described: StoreEvent) -> dict[str, str] | None:
    text = record.message if record.message is not None else " ".join(record.values)
    if len(text) > _TEXT_LIMIT:
        return None
    text = " ".join(text.split())  # a viewer wraps the text
    for wording in compiled(described.wordings):
        found = wording.match(text)
        if found is not None:
            return {word: value for word, value in found.groupdict().items() if value is not None}
    return None


def _meaning(record: Record, described: StoreEvent, said: dict[str, str]) -> dict[str, Any]:
    mailbox = said.get("mailbox", "").strip() or None
    actor = said.get("account") or said.get("actor")
    logon_type = described.logon_type
    own = said.get("own")
    if own is not None and mailbox is not None and own.casefold() == mailbox.casefold():
        logon_type = "owner"  # the record itself names one mailbox twice
    return {
        "kind": described.kind,
        "action": described.action,
        "scope": described.scope,
        "outcome": "failure" if record.audit == "failure" else described.outcome,
        "strength": described.strength,
        "logon_type": logon_type,
        "attribute": described.attribute,
        "actor_name": actor,
        "actor_kind": _actor_kind(actor),
        "mailbox_ref": mailbox,
        "mailbox_ref_form": mailbox_form(mailbox) if mailbox else None,
        "database": said.get("database"),
        "rights": _rights(said.get("rights")),
        "before": said.get("before"),
        "after": said.get("after"),
        "folder": record.data.hex() if described.folder_from_data and record.data else None,
    }


def _rights(text: str | None) -> tuple[str, ...]:
    """Return the rights as the store names them: one or several words in single quotes."""
    if text is None:
        return ()
    quoted = text.split("'")[1::2]
    return tuple(quoted) if quoted else (text,)


def _actor_kind(actor: str | None) -> ActorKind:
    if actor is None:
        return "unknown"
    name = actor.casefold()
    if name.endswith("$"):
        return "computer"
    return "system" if name.startswith("nt authority\\") else "user"
