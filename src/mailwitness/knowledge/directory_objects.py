"""Which objects and attributes of a directory are read, and what they are taken for: directory_objects.yaml."""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec

from mailwitness.errors import KnowledgeError
from mailwitness.knowledge.guids import GuidKind
from mailwitness.knowledge.loader import load

FILE = "directory_objects.yaml"
Kind = Literal["user", "group", "computer", "contact", "container", "server", "database", "organization", "role"]
Form = Literal["text", "texts", "guid", "sid", "sids", "dn", "number", "enabled", "relative_id", "flag"]
Below = Literal["domain", "exchange", "sites"]


class ObjectClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A class whose objects are read, what they are taken for, and where they are looked for."""

    name: str
    kind: Kind
    below: Below
    source: str


class ToldBy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"class_name": "class"}):
    """An attribute that tells the class where objectClass was left out."""

    attribute: str
    class_name: str
    source: str
    ends: str | None = None


class NameAttribute(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An attribute that fills a field of Principal. `asked`: whether a live reader asks for it."""

    attribute: str
    field: str
    form: Form
    source: str
    asked: bool = True


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An attribute whose values are links; `of` names the kinds of object that have it (none: any)."""

    attribute: str
    source: str
    of: tuple[Kind, ...] = ()


class DescriptorAttribute(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An attribute that holds a security descriptor, and which objects have one whether or not it can be read."""

    attribute: str
    of: Literal["all", "mailboxes"]
    source: str


class SettingAttribute(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An attribute kept as it is."""

    attribute: str
    source: str
    dn: bool = False


class SchemaKnowledge(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The classes of a schema's own objects, and what a controlAccessRight's validAccesses makes it.

    `flags` is the attribute of an attributeSchema that is kept as a setting.
    """

    attribute_class: str
    class_class: str
    right_class: str
    flags: str
    valid_accesses: dict[int, GuidKind]


class CsvKnowledge(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How CSV exports of a directory name things: columns of the DN, properties of cmdlets, values that are lost."""

    dn_columns: tuple[str, ...]
    properties: dict[str, str]
    enabled: str
    group_scope: dict[str, int]
    security_group: int
    lost: tuple[str, ...]
    source: str


class DirectoryObjects(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file."""

    source: str
    classes: tuple[ObjectClass, ...]
    told_by: tuple[ToldBy, ...]
    names: tuple[NameAttribute, ...]
    links: tuple[Link, ...]
    descriptors: tuple[DescriptorAttribute, ...]
    settings: tuple[SettingAttribute, ...]
    schema: SchemaKnowledge
    csv: CsvKnowledge

    def asked(self) -> list[str]:
        """Return the attributes a live reader asks for, sorted."""
        names = [name.attribute for name in self.names if name.asked]
        others = [each.attribute for group in (self.links, self.descriptors, self.settings) for each in group]
        return sorted({"objectClass", *names, *others}, key=str.casefold)


@cache
def directory_objects() -> DirectoryObjects:
    """Return the file; raises KnowledgeError where a name stands twice or a class is not listed."""
    knowledge = load(FILE, DirectoryObjects)
    classes = [each.name.casefold() for each in knowledge.classes]
    groups = (knowledge.names, knowledge.links, knowledge.descriptors, knowledge.settings)
    attributes = [each.attribute.casefold() for group in groups for each in group]
    for names in (classes, attributes):
        if len(set(names)) != len(names):
            raise KnowledgeError("a name stands twice", where=FILE)
    if strangers := {told.class_name.casefold() for told in knowledge.told_by} - set(classes):
        raise KnowledgeError(f"no such class: {sorted(strangers)}", where=FILE)
    return knowledge
