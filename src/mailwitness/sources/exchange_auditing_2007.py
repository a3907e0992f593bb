"""The Exchange Auditing log of Exchange 2007 SP2: folders and messages opened, mail sent as another. Experimental."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from mailwitness.event import ActorKind, Event, Item, Problem
from mailwitness.formats.interface import ExportRecord, Record
from mailwitness.knowledge.exchange_2007_auditing import auditing_events, auditing_knowledge, sentences
from mailwitness.sources.interface import Context
from mailwitness.sources.mailbox_reference import mailbox_form
from mailwitness.sources.stamp import stamp, unread

NAME = "exchange_auditing_2007"
DOC = (
    "Folders and messages opened, and mail sent as or on behalf of another, in the Exchange Auditing log of Exchange "
    "2007 SP2 (experimental: the texts are not documented, so labels are read and not positions). An account that "
    "holds the right Bypass Auditing, which full control of the configuration includes, leaves nothing here."
)

_TEXT_LIMIT = 32_000
_UNSET = frozenset({"", "<null>", "-", "not available"})


@cache
def _provider_prefix() -> str:
    return auditing_knowledge().provider_prefix.casefold()


@cache
def _channel() -> str:
    return auditing_knowledge().channel.casefold()


def codes() -> frozenset[int]:
    """Return the event ids that are read."""
    return frozenset(auditing_events())


def recognise(record: Record | ExportRecord) -> bool:
    """Return whether the record is an access audit of the Exchange 2007 store."""
    return (
        isinstance(record, Record)
        and record.event_code in auditing_events()
        and (record.provider.casefold().startswith(_provider_prefix()) or record.channel.casefold() == _channel())
    )


def read(record: Record | ExportRecord, context: Context) -> Iterator[Event | Problem]:
    """Yield the access the record tells."""
    assert isinstance(record, Record)  # noqa: S101 - recognise() said so
    described = auditing_events()[record.event_code]
    text = record.message if record.message is not None else "\n".join(record.values)
    said = _labelled(text[:_TEXT_LIMIT])
    if not said.get("actor") or not (said.get("mailbox") or said.get("mailbox_name")):
        expected = "the labels Accessing User and Mailbox, or a known sentence"
        yield unread(record, context, "unknown_layout", expected, f"{text[:300]!r}")
        return
    yield Event(
        **stamp(record, context, NAME),
        kind=described.kind,
        action=described.action,
        scope=described.scope,
        strength=described.strength,
        outcome="failure" if record.audit == "failure" else "success",
        **_meaning(described.action, said),
    )


def _meaning(action: str, said: dict[str, str]) -> dict[str, Any]:
    mailbox = said.get("mailbox") or said["mailbox_name"]
    item = said.get("item")
    folder = said.get("folder") or (said.get("subject") if action == "folder_open" else None)
    items: tuple[Item, ...] = ()
    if action != "folder_open" and item is not None:
        items = (Item(item_id=item, folder=folder, subject=said.get("subject")),)
    return {
        "actor_name": said["actor"],
        "actor_kind": _actor_kind(said["actor"]),
        "mailbox_ref": mailbox,
        "mailbox_ref_form": mailbox_form(mailbox),
        "folder": folder,
        "items": items,
        "logon_type": _logon_type(said),
        "client_host": said.get("client_host"),
        "client_ip": said.get("client_ip"),
        "client_app": said.get("client_app") or said.get("application"),
    }


def _logon_type(said: dict[str, str]) -> str | None:
    """Return admin where the record says administrative rights were used, owner where both names are one DN."""
    if said.get("administrative", "").casefold() == "true":
        return "admin"
    mailbox = said.get("mailbox", "").casefold()
    if mailbox.startswith("/o="):
        return "owner" if said["actor"].casefold() == mailbox else "delegate"
    return None


def _actor_kind(actor: str) -> ActorKind:
    return "system" if actor.casefold().startswith("nt authority\\") else "user"


def _labelled(text: str) -> dict[str, str]:
    """Return what the lines `label: value` say, and what the first sentence says where no label does."""
    said: dict[str, str] = {}
    labels = auditing_knowledge().labels
    lines = text.splitlines()
    for line in lines:
        label, _colon, value = line.partition(":")
        word = labels.get(label.strip().casefold())
        value = value.strip()
        if word is not None and value.casefold() not in _UNSET:
            said.setdefault(word, value)
    return _first_sentence(lines[0].strip() if lines else "") | said


def _first_sentence(line: str) -> dict[str, str]:
    for sentence in sentences():
        found = sentence.match(line)
        if found is not None:
            return {word: value for word, value in found.groupdict().items() if value}
    return {}
