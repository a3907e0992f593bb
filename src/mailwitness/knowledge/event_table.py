"""Every event id, cmdlet and directory attribute that is read, as rows for docs/sources.md."""

from __future__ import annotations

import re

import msgspec

from mailwitness.knowledge.directory_attributes import directory_knowledge
from mailwitness.knowledge.exchange_2007_auditing import auditing_knowledge
from mailwitness.knowledge.exchange_cmdlets import cmdlet_knowledge
from mailwitness.knowledge.exchange_store_events import store_knowledge
from mailwitness.knowledge.windows_events import Rule, WindowsEvent, catalogue

_BY_RULE: dict[Rule, str] = {
    "directory_value": "what the attribute says (below)",
    "object_access": "what the rights used or requested say (below)",
}


class EventRow(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One form of an event id: where it comes from, what becomes of it, how well that is established."""

    provider: str
    id: int
    strings: str
    versions: str
    title: str
    becomes: str
    mark: str
    source: str


class CmdletRow(msgspec.Struct, frozen=True, kw_only=True):
    """One cmdlet: what becomes of it."""

    name: str
    becomes: str
    versions: str
    mark: str


class AttributeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One attribute of the directory: what becomes of a value added, deleted, and of a write without values."""

    name: str
    added: str
    deleted: str
    written: str
    source: str


def event_rows() -> list[EventRow]:
    """Return a row for each form of each event id that any source reads, by provider, id and length."""
    rows = _windows_rows() + _store_rows() + _auditing_rows() + _cmdlet_log_rows()
    return sorted(rows, key=lambda row: (row.provider.casefold(), row.id, len(row.strings), row.strings, row.versions))


def _windows_rows() -> list[EventRow]:
    return [
        EventRow(
            provider=entry.provider,
            id=entry.event.id,
            strings=f"{len(layout.strings)}{' or more' if layout.rest else ''}",
            versions=", ".join(layout.of),
            title=entry.event.title,
            becomes=_becomes(entry.event),
            mark=layout.mark,
            source=layout.source,
        )
        for entry in catalogue().entries.values()
        for layout in entry.event.layouts
    ]


def _becomes(event: WindowsEvent) -> str:
    said = _BY_RULE.get(event.rule) or f"{event.kind} {event.action}"
    return f"{said}; {event.note}" if event.note else said


def _store_rows() -> list[EventRow]:
    knowledge = store_knowledge()
    rows = []
    for event in knowledge.events:
        becomes = f"{event.kind} {event.action}"
        if event.not_read is not None:
            becomes = f"not read: {event.not_read}"
        elif event.strength is not None:
            becomes += f" ({event.strength})"
        forms = [str(count) for count in sorted(event.layouts)] + (["text"] if event.wordings else [])
        rows.append(
            EventRow(
                provider=" / ".join(event.providers or knowledge.providers),
                id=event.id,
                strings=", ".join(forms) or "any",
                versions=f"Exchange {event.valid_from} to {event.valid_to}",
                title=event.title,
                becomes=becomes,
                mark=event.mark,
                source=event.source,
            )
        )
    return rows


def _auditing_rows() -> list[EventRow]:
    knowledge = auditing_knowledge()
    return [
        EventRow(
            provider=f"{knowledge.provider_prefix}*",
            id=event.id,
            strings="text",
            versions=f"Exchange {knowledge.valid_from} to {knowledge.valid_to}",
            title=event.title,
            becomes=f"{event.kind} {event.action} ({event.strength})",
            mark=knowledge.mark,
            source=knowledge.source,
        )
        for event in knowledge.events
    ]


def _cmdlet_log_rows() -> list[EventRow]:
    log = cmdlet_knowledge().logs
    return [
        EventRow(
            provider=log.provider,
            id=code,
            strings="any, text",
            versions=_versions(log.valid_from, {}),
            title=title,
            becomes="what the cmdlet says (below)",
            mark=log.mark,
            source=log.source,
        )
        for code, title in log.titles.items()
    ]


def _versions(valid_from: dict[str, str], valid_to: dict[str, str]) -> str:
    names = {"exchange": "Exchange", "exchange_online": "Exchange Online"}
    spans = []
    for product in sorted(valid_from.keys() | valid_to.keys()):
        name = names.get(product, re.sub("_", " ", product).capitalize())
        start, end = valid_from.get(product), valid_to.get(product)
        spans.append(" ".join([name, *([f"from {start}"] if start else []), *([f"to {end}"] if end else [])]))
    return ", ".join(spans)


def cmdlet_rows() -> list[CmdletRow]:
    """Return a row for each cmdlet, by name."""
    return [
        CmdletRow(
            name=name,
            becomes=", ".join(dict.fromkeys(f"{event.kind} {event.action}" for event in cmdlet.events)),
            versions=_versions(cmdlet.valid_from, cmdlet.valid_to) or "any",
            mark=cmdlet.mark,
        )
        for name, cmdlet in sorted(cmdlet_knowledge().cmdlets.items())
    ]


def attribute_rows() -> list[AttributeRow]:
    """Return a row for each attribute, the most telling first."""
    return [
        AttributeRow(
            name=attribute.name,
            added=attribute.added,
            deleted=attribute.deleted,
            written=attribute.written,
            source=attribute.source,
        )
        for attribute in directory_knowledge().attributes
    ]
