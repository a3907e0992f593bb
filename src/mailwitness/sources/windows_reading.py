"""Readings made ready: what knowledge/windows_*.yaml says of an event, compiled once into fast functions.

`read_record` finds the form of a record: strings with names are served by name, strings without by the layout that has
as many, and a record that has nothing but its rendered text by the labels of that text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import msgspec

from mailwitness.event import Event, Problem
from mailwitness.formats.interface import Record
from mailwitness.knowledge.windows_events import Entry, Layout, catalogue
from mailwitness.sources.interface import Context
from mailwitness.sources.stamp import stamp, unread
from mailwitness.sources.windows_text import strings_of
from mailwitness.sources.windows_values import (
    account_of,
    actor_kind,
    address_of,
    guid_of,
    logon_id_of,
    sid_of,
    text_of,
    words_of,
)

Fields = dict[str, Any]
Getter = Callable[[tuple[str, ...], Record], Any]

_SHOWN = 200
"""Characters of a record's strings that a Problem shows."""

_CONVERT: dict[str, Callable[[str], Any]] = {
    "actor_sid": sid_of,
    "trustee_sid": sid_of,
    "group_sid": sid_of,
    "logon_id": logon_id_of,
    "object_guid": guid_of,
    "op_correlation_id": guid_of,
    "client_ip": address_of,
    "rights": words_of,
}


class Strings(msgspec.Struct, frozen=True):
    """The places of named strings in one form of an event."""

    places: dict[str, int]
    rest: bool = False

    def get(self, name: str, values: tuple[str, ...]) -> str | None:
        """Return the string of that name, None where this form has none or it says nothing."""
        place = self.places.get(name)
        if place is None or place >= len(values):
            return None
        return text_of(values[place])


class Form(msgspec.Struct, frozen=True):
    """One form of an event, compiled: its strings and the getters of its fields."""

    entry: Entry
    strings: Strings
    getters: tuple[tuple[str, Getter], ...]
    changed: tuple[tuple[str, int], ...]

    def fields(self, values: tuple[str, ...], record: Record) -> Fields:
        """Return what the record says, without what a rule adds."""
        said: Fields = dict(self.entry.reading.constants)
        for field, get in self.getters:
            value = get(values, record)
            if value is not None:
                said[field] = value
        if self.changed:
            changed = [name for name, place in self.changed if text_of(values[place]) is not None]
            if changed:
                said["attribute"] = ",".join(changed)
        return said


@lru_cache(maxsize=4096)
def _named_form(provider: str, code: int, names: tuple[str, ...]) -> Form | None:
    """Return the form of a record whose strings are named, None where it names nothing the event is known to say."""
    entry = catalogue().find(provider, code)
    if entry is None:
        return None
    known = {name for layout in entry.event.layouts for name in layout.strings}
    if known and not known.intersection(names):
        return None
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        places.setdefault(name, place)
    return _compiled(entry, places)


@lru_cache(maxsize=1024)
def _placed_forms(provider: str, code: int, count: int) -> tuple[tuple[Layout, Form], ...]:
    """Return the forms of an event that can have `count` strings without names."""
    entry = catalogue().find(provider, code)
    if entry is None:
        return ()
    return tuple(
        (layout, _compiled(entry, {name: place for place, name in enumerate(layout.strings)}, rest=layout.rest))
        for layout in entry.event.layouts
        if (count >= len(layout.strings) if layout.rest else count == len(layout.strings))
    )


_PARAMETER = re.compile(r"param[0-9]{1,3}")


def form_of(record: Record) -> tuple[Form, tuple[str, ...]] | str:
    """Return the form of `record` and its strings as that form counts them, or what was found that fits none."""
    values = record.values
    names = record.names
    if not values and record.message is not None:
        return _form_of_text(record, record.message)
    if names and len(names) == len(values) and _PARAMETER.fullmatch(names[0]) is None:
        form = _named_form(record.provider, record.event_code, names)
        if form is not None:
            return form, values
    count = len(values)
    while True:
        for layout, form in _placed_forms(record.provider, record.event_code, min(count, 256)):
            if layout.begins and not layout.fits(values):
                continue
            if layout.rest and count > len(layout.strings):
                last = len(layout.strings) - 1
                return form, (*values[:last], "\n".join(values[last:]))
            return form, values
        # some records end with empty strings that say nothing (528 and 576 of Windows 2003)
        if not count or values[count - 1]:
            return f"{len(record.values)} strings: {' | '.join(record.values)[:_SHOWN]!r}"
        count -= 1
        values = values[:count]


def _form_of_text(record: Record, message: str) -> tuple[Form, tuple[str, ...]] | str:
    """Return the form of a record that carries its rendered text alone."""
    entry = catalogue().find(record.provider, record.event_code)
    strings = frozenset(name for layout in entry.event.layouts for name in layout.strings) if entry else frozenset()
    labelled = strings_of(message, strings)
    if labelled.fault is not None:
        return f"{labelled.fault}: {message[:_SHOWN]!r}"
    if entry is not None and (not strings or (entry.event.bare and not labelled.names)):
        return _compiled(entry, {}), ()
    form = _named_form(record.provider, record.event_code, labelled.names) if labelled.names else None
    if form is None:
        return f"a text without known English labels: {message[:_SHOWN]!r}"
    return form, labelled.values


def read_record(
    record: Record, context: Context, source: str, rules: dict[str, Callable[[Form, tuple[str, ...], Fields], None]]
) -> Iterator[Event | Problem]:
    """Yield the event that `record` tells, or the Problem that none of its layouts fits."""
    found = form_of(record)
    if isinstance(found, str):
        yield unread(record, context, "unknown_layout", _expected(record), found)
        return
    form, values = found
    event = form.entry.event
    said = form.fields(values, record)
    if event.kind is not None:
        said["kind"], said["action"] = event.kind, event.action
    said["outcome"] = record.audit or event.outcome
    if event.rule != "plain":
        rules[event.rule](form, values, said)
    said["actor_kind"] = actor_kind(said.get("actor_sid"), said.get("actor_name"))
    if "mailbox_ref" not in said:
        said.pop("mailbox_ref_form", None)
    yield Event(**stamp(record, context, source), **said)


def _compiled(entry: Entry, places: dict[str, int], *, rest: bool = False) -> Form:
    getters = []
    for field, expression in entry.reading.fields.items():
        get = _getter(field, expression, places)
        if get is not None:
            getters.append((field, get))
    changed = tuple((name, places[name]) for name in entry.reading.changed if name in places)
    return Form(entry, Strings(places, rest), tuple(getters), changed)


def _getter(field: str, expression: str, places: dict[str, int]) -> Getter | None:
    choices = [
        choice
        for text in expression.split(" or ")
        if (choice := _choice(_CONVERT.get(field, text_of), text.strip(), places)) is not None
    ]
    if not choices:
        return None
    if len(choices) == 1:
        return choices[0]
    first, *others = choices

    def get(values: tuple[str, ...], record: Record) -> Any:  # noqa: ANN401 - a field's own type
        value = first(values, record)
        for other in others:
            if value is not None:
                return value
            value = other(values, record)
        return value

    return get


_RECORD_VALUES: dict[str, Getter] = {
    "$user_sid": lambda _values, record: record.user_sid,
    "$computer": lambda _values, record: record.computer or None,
    "$channel": lambda _values, record: record.channel or None,
}


def _choice(convert: Callable[[str], Any], text: str, places: dict[str, int]) -> Getter | None:
    if text in _RECORD_VALUES:
        return _RECORD_VALUES[text]
    domain, _, name = text.rpartition("\\")
    place = places.get(name)
    if place is None:
        return None
    if domain:
        of_domain = places.get(domain)
        if of_domain is None:
            return lambda values, _record: account_of("", values[place])
        return lambda values, _record: account_of(values[of_domain], values[place])
    return lambda values, _record: convert(values[place])


def _expected(record: Record) -> str:
    entry = catalogue().find(record.provider, record.event_code)
    counts = sorted({len(layout.strings) for layout in entry.event.layouts}) if entry is not None else []
    return f"event {record.event_code} with {' or '.join(map(str, counts)) or 'known'} strings"
