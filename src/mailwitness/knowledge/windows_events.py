"""The Windows events that are read, as the files windows_*.yaml describe them: an event id is one entry there.

`catalogue()` finds an entry by provider and event id; the entry names the layouts of its strings (chosen by their
number, because several events grew between Windows NT 4.0, 2000 and 2003), the reading that turns the strings into
fields of the event, and how well each fact is established.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec

from mailwitness.errors import KnowledgeError
from mailwitness.event import ActorKind, Event, Outcome
from mailwitness.knowledge.loader import Mark, load, vocabulary

COMMON = "windows_events.yaml"
FILES = (
    "windows_2003_security.yaml",
    "windows_2008_security.yaml",
    "windows_eventlog.yaml",
    "windows_system.yaml",
)

Generation = Literal["NT4", "2000", "XP", "2003", "2008+"]
Rule = Literal["plain", "directory_value", "directory_object", "object_access", "audit_categories", "audit_subcategory"]
"""What is done with a record beyond copying its strings: each is a function of sources/windows_rules.py."""

Constant = str | tuple[str, ...]


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The names of the strings %1 to %n of one form of an event.

    `rest` says that the last name takes every string from its place on; `begins` holds what a named string must
    begin with, where the number of strings alone does not tell two forms apart.
    """

    strings: tuple[str, ...]
    of: tuple[Generation, ...]
    mark: Mark
    source: str
    rest: bool = False
    begins: dict[str, str] = {}

    def fits(self, values: tuple[str, ...]) -> bool:
        """Return whether `values` can be strings of this form."""
        count = len(self.strings)
        if len(values) < count if self.rest else len(values) != count:
            return False
        return all(values[self.strings.index(name)].startswith(start) for name, start in self.begins.items())


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    r"""How strings become fields of `Event`.

    A field's value is the name of a string; "A or B" takes the first that is set; "A\B" composes an account of a
    domain and a name; $user_sid and $computer stand for the record's own. `constants` are as written. `changed`
    lists the strings whose names, where they are set, together make the field `attribute`.
    """

    base: str | None = None
    fields: dict[str, str] = {}
    constants: dict[str, Constant] = {}
    changed: tuple[str, ...] = ()


class WindowsEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One event id of a provider: what it is called, its layouts, and what becomes of it.

    `words` translates the message tokens (%%n) that the rule needs; `outcome` holds where the record bears no audit
    keyword; `bare` says that the id alone tells enough where a form carries no strings.
    """

    id: int
    title: str
    reading: str
    layouts: tuple[Layout, ...]
    kind: str | None = None
    action: str | None = None
    rule: Rule = "plain"
    outcome: Outcome = "unknown"
    fields: dict[str, str] = {}
    constants: dict[str, Constant] = {}
    words: dict[str, str] = {}
    bare: bool = False
    note: str = ""

    @property
    def experimental(self) -> bool:
        """Return whether no form of this event has been verified."""
        return all(layout.mark == "experimental" for layout in self.layouts)


class WindowsEvents(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file: the events of one provider that one source reads. `blocks` are runs of names used as +block."""

    source: str
    read_by: str
    providers: tuple[str, ...]
    events: tuple[WindowsEvent, ...]
    blocks: dict[str, tuple[str, ...]] = {}


class WindowsCommon(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the files share: blocks of names, readings, kinds of actors by SID, values that mean nothing was given."""

    source: str
    blocks: dict[str, tuple[str, ...]]
    readings: dict[str, Reading]
    actor_kinds: dict[str, ActorKind]
    unset: tuple[str, ...]
    unset_sids: tuple[str, ...]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An event id ready for use: its event, the source that reads it, and its reading with all bases applied."""

    read_by: str
    provider: str
    event: WindowsEvent
    reading: Reading
    source: str


class Catalogue(msgspec.Struct, frozen=True):
    """All entries, by casefolded provider and event id."""

    entries: dict[tuple[str, int], Entry]

    def find(self, provider: str, code: int) -> Entry | None:
        """Return the entry of an event, or None where none is described."""
        return self.entries.get((provider.casefold(), code))

    def read_by(self, source: str) -> dict[tuple[str, int], Entry]:
        """Return the entries that the source of that name reads."""
        return {key: entry for key, entry in self.entries.items() if entry.read_by == source}


@cache
def common() -> WindowsCommon:
    """Return what the files share."""
    return load(COMMON, WindowsCommon)


@cache
def catalogue() -> Catalogue:
    """Return the described events; raises KnowledgeError where a file contradicts itself or the event's schema."""
    entries: dict[tuple[str, int], Entry] = {}
    for file_name in FILES:
        for entry in entries_of(load(file_name, WindowsEvents), common(), file_name):
            key = (entry.provider.casefold(), entry.event.id)
            if key in entries:
                raise KnowledgeError(f"event {entry.event.id} of {entry.provider} stands twice", where=file_name)
            entries[key] = entry
    return Catalogue(entries)


def entries_of(file: WindowsEvents, shared: WindowsCommon, where: str) -> list[Entry]:
    """Return the checked entries of one file, one for each of its providers."""
    blocks = {**shared.blocks, **file.blocks}
    entries: list[Entry] = []
    for event in file.events:
        place = f"{where}, event {event.id}"
        layouts = tuple(
            msgspec.structs.replace(layout, strings=_expand(layout.strings, blocks, place)) for layout in event.layouts
        )
        described = msgspec.structs.replace(event, layouts=layouts)
        reading = _with_base(shared.readings, event.reading, place)
        reading = Reading(
            fields={**reading.fields, **event.fields},
            constants={**reading.constants, **event.constants},
            changed=reading.changed,
        )
        _check(described, reading, place)
        entries += [
            Entry(read_by=file.read_by, provider=provider, event=described, reading=reading, source=file.source)
            for provider in file.providers
        ]
    return entries


def experimental_layout(provider: str | None, event_code: str | None) -> bool:
    """Return whether every form of this event is unverified: what rests on it is shown as experimental."""
    if provider is None or event_code is None or not event_code.isdecimal():
        return False
    entry = catalogue().find(provider, int(event_code))
    return entry is not None and entry.event.experimental


def _expand(strings: tuple[str, ...], blocks: dict[str, tuple[str, ...]], where: str) -> tuple[str, ...]:
    names: list[str] = []
    for name in strings:
        if not name.startswith("+"):
            names.append(name)
        elif name[1:] in blocks:
            names += _expand(blocks[name[1:]], blocks, where)
        else:
            raise KnowledgeError(f"unknown block: {name}", where=where)
    if len(set(names)) != len(names):
        raise KnowledgeError("a layout names two strings alike", where=where)
    return tuple(names)


def _with_base(readings: dict[str, Reading], name: str, where: str) -> Reading:
    reading = readings.get(name)
    if reading is None:
        raise KnowledgeError(f"unknown reading: {name}", where=where)
    if reading.base is None:
        return reading
    base = _with_base(readings, reading.base, where)
    return Reading(
        fields={**base.fields, **reading.fields},
        constants={**base.constants, **reading.constants},
        changed=reading.changed or base.changed,
    )


def names_in(expression: str) -> tuple[str, ...]:
    r"""Return the names of strings in a field's expression ("A or B", "A\B", $record values left out)."""
    return tuple(
        name for choice in expression.split(" or ") for name in choice.strip().split("\\") if not name.startswith("$")
    )


RECORD_VALUES = frozenset({"user_sid", "computer", "channel"})
_FIELDS = frozenset(Event.__struct_fields__)


def _check(event: WindowsEvent, reading: Reading, where: str) -> None:
    """Refuse unknown fields, names no layout has, words outside the vocabulary, layouts that cannot be told apart."""
    if event.rule == "plain" or event.kind is not None:
        vocabulary().check(event.kind or "", event.action or "", where)
    if not event.layouts:
        raise KnowledgeError("an event without a layout", where=where)
    known = {name for layout in event.layouts for name in layout.strings}
    for field, expression in reading.fields.items():
        if field not in _FIELDS:
            raise KnowledgeError(f"no field of an event: {field}", where=where)
        for choice in expression.split(" or "):
            if choice.strip().startswith("$") and choice.strip()[1:] not in RECORD_VALUES:
                raise KnowledgeError(f"no value of a record: {choice}", where=where)
        if "$" not in expression and not known.intersection(names_in(expression)):
            raise KnowledgeError(f"no layout has a string of {expression!r}", where=where)
    unknown = set(reading.constants) - _FIELDS
    if unknown:
        raise KnowledgeError(f"no fields of an event: {sorted(unknown)}", where=where)
    shapes = {(len(layout.strings), tuple(sorted(layout.begins.items()))) for layout in event.layouts}
    if len(shapes) != len(event.layouts):
        raise KnowledgeError("two layouts of one length cannot be told apart", where=where)
