"""The GUIDs of the schema and of extended rights by name, as guids.yaml tells them.

One GUID may have several meanings: that of the attribute member is that of the validated write Self-Membership too.
Whoever asks says which kinds fit the place where the GUID stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Literal

import msgspec

from mailwitness.errors import KnowledgeError
from mailwitness.knowledge.loader import Mark, load

FILE = "guids.yaml"
_LENGTH = 36

GuidKind = Literal[
    "attribute",
    "class",
    "property_set",
    "extended_right",
    "validated_write",
    "app_role",
    "application",
    "audit_subcategory",
]


class GuidGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """GUIDs that share a source and a mark, by name."""

    source: str
    mark: Mark
    guids: dict[str, str]


class SetMembers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The attributes, by name, that are known to belong to a property set."""

    set: str
    source: str
    mark: Mark
    members: tuple[str, ...]


class GuidFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    source: str
    attributes: tuple[GuidGroup, ...]
    classes: tuple[GuidGroup, ...]
    property_sets: tuple[GuidGroup, ...]
    set_members: tuple[SetMembers, ...]
    extended_rights: tuple[GuidGroup, ...]
    validated_writes: tuple[GuidGroup, ...]
    app_roles: tuple[GuidGroup, ...]
    applications: tuple[GuidGroup, ...]
    audit_subcategories: tuple[GuidGroup, ...]


class NamedGuid(msgspec.Struct, frozen=True):
    """One meaning of a GUID: lower case, without braces."""

    guid: str
    name: str
    kind: GuidKind
    source: str
    mark: Mark


class Guids:
    """What GUIDs mean. `named` may hold several meanings of one GUID; `members` tells property sets by name."""

    def __init__(self, named: Iterable[NamedGuid], members: Mapping[str, frozenset[str]]) -> None:
        """Index `named`; of two names for one GUID and kind the later one counts."""
        self._meanings: dict[str, dict[GuidKind, NamedGuid]] = {}
        self._guids: dict[tuple[GuidKind, str], str] = {}
        for entry in named:
            self._meanings.setdefault(entry.guid, {})[entry.kind] = entry
            self._guids[entry.kind, entry.name.casefold()] = entry.guid
        self._members = dict(members)
        self._sets: dict[str, frozenset[str]] = {}
        for name in self._members:
            for attribute in self._members[name]:
                self._sets[attribute] = self._sets.get(attribute, frozenset()) | {name}

    def meanings(self, guid: str) -> tuple[NamedGuid, ...]:
        """Return every meaning of `guid` (any case, braces allowed); none for an unknown one."""
        return tuple(self._meanings.get(normal(guid), {}).values())

    def meaning(self, guid: str, *kinds: GuidKind) -> NamedGuid | None:
        """Return the meaning of `guid` that is of the first of `kinds` it has one of (no kinds: any)."""
        known = self._meanings.get(normal(guid))
        if known is None:
            return None
        if not kinds:
            return next(iter(known.values()))
        return next((known[kind] for kind in kinds if kind in known), None)

    def name(self, guid: str, *kinds: GuidKind) -> str:
        """Return the name of `guid`, or the GUID itself (lower case, no braces) where it has none of `kinds`."""
        meaning = self.meaning(guid, *kinds)
        return normal(guid) if meaning is None else meaning.name

    def guid(self, kind: GuidKind, name: str) -> str | None:
        """Return the GUID of the `kind` named `name`, or None."""
        return self._guids.get((kind, name.casefold()))

    def members(self, property_set: str) -> frozenset[str]:
        """Return the names of the attributes known to be in the set named `property_set`: never all of them."""
        return self._members.get(property_set, frozenset())

    def sets(self, attribute: str) -> frozenset[str]:
        """Return the names of the property sets the attribute named `attribute` is known to belong to."""
        return self._sets.get(attribute, frozenset())

    def extended(self, named: Iterable[NamedGuid], members: Mapping[str, frozenset[str]] | None = None) -> Guids:
        """Return these meanings with those of a directory's own schema over them."""
        mine = [entry for known in self._meanings.values() for entry in known.values()]
        return Guids([*mine, *named], {**self._members, **(members or {})})


def normal(guid: str) -> str:
    """Return a GUID's text in lower case, without the braces and the % some records put around it."""
    return guid.strip().removeprefix("%").strip("{}").lower()


@cache
def guids() -> Guids:
    """Return the GUIDs of the file; raises KnowledgeError for one that is malformed or named twice."""
    file = load(FILE, GuidFile)
    sections: tuple[tuple[GuidKind, tuple[GuidGroup, ...]], ...] = (
        ("attribute", file.attributes),
        ("class", file.classes),
        ("property_set", file.property_sets),
        ("extended_right", file.extended_rights),
        ("validated_write", file.validated_writes),
        ("app_role", file.app_roles),
        ("application", file.applications),
        ("audit_subcategory", file.audit_subcategories),
    )
    named: list[NamedGuid] = []
    for kind, groups in sections:
        entries = [
            NamedGuid(guid, name, kind, group.source, group.mark)
            for group in groups
            for name, guid in group.guids.items()
        ]
        _check(kind, entries)
        named += entries
    known = Guids(named, {each.set: frozenset(each.members) for each in file.set_members})
    for each in file.set_members:
        strangers = [name for name in each.members if known.guid("attribute", name) is None]
        if known.guid("property_set", each.set) is None or strangers:
            raise KnowledgeError(f"members of a set without their GUID: {each.set} {strangers}", where=FILE)
    return known


def _check(kind: str, entries: list[NamedGuid]) -> None:
    seen: set[str] = set()
    for entry in entries:
        if len(entry.guid) != _LENGTH or normal(entry.guid) != entry.guid:
            raise KnowledgeError(f"not a GUID: {entry.guid}", where=f"{FILE}, {entry.name}")
        for key in (entry.guid, entry.name.casefold()):
            if key in seen:
                raise KnowledgeError(f"stands twice as {kind}: {key}", where=f"{FILE}, {entry.name}")
            seen.add(key)
