"""What a change of the directory amounts to, as directory_attributes.yaml tells it by the names of the schema."""

from __future__ import annotations

from functools import cache
from typing import Literal, NamedTuple

import msgspec

from mailwitness.errors import KnowledgeError
from mailwitness.event import Scope, Strength
from mailwitness.knowledge.loader import load, vocabulary

FILE = "directory_attributes.yaml"


class Said(NamedTuple):
    """A kind and an action of the vocabulary."""

    kind: str
    action: str


class Attribute(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One attribute: what its change says (as "kind action"), what its values are, whether the object is a mailbox."""

    name: str
    source: str
    added: str = "account changed"
    deleted: str = "account changed"
    written: str = "account changed"
    for_value: dict[str, str] = {}
    holds: Literal["descriptor", "value", "trustee", "member"] = "value"
    rights: tuple[str, ...] = ()
    mailbox: bool | Literal["by_class"] = False
    scope: Scope = "directory"


class DirectoryClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One class whose objects mean more than an account when they are created or deleted."""

    name: str
    source: str
    created: str
    deleted: str
    scope: Scope = "directory"


class ExtendedRight(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One extended right: what its exercise says."""

    name: str
    source: str
    says: str


class Use(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What rights of a mask amount to once used."""

    bits: int
    says: str
    strength: Strength
    source: str
    by: Literal["attributes", "extended_rights"] | None = None
    of_child: bool = False
    standard: bool = False


class ObjectServer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A server of objects: whose rights its masks hold, and where its objects belong."""

    name: str
    rights: Literal["directory", "standard"]
    scope: Scope
    source: str
    says: str | None = None


class DirectoryKnowledge(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file."""

    source: str
    mailbox_classes: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    classes: tuple[DirectoryClass, ...]
    extended_rights: tuple[ExtendedRight, ...]
    uses: tuple[Use, ...]
    otherwise: Use
    standard_bits: int
    object_servers: tuple[ObjectServer, ...]
    other_servers: ObjectServer


@cache
def directory_knowledge() -> DirectoryKnowledge:
    """Return the file; raises KnowledgeError on a word outside the vocabulary or a name that stands twice."""
    knowledge = load(FILE, DirectoryKnowledge)
    for attribute in knowledge.attributes:
        for phrase in (attribute.added, attribute.deleted, attribute.written, *attribute.for_value.values()):
            said(phrase, f"{FILE}, {attribute.name}")
    for each in knowledge.classes:
        said(each.created, f"{FILE}, {each.name}")
        said(each.deleted, f"{FILE}, {each.name}")
    for phrase in (
        *(right.says for right in knowledge.extended_rights),
        *(use.says for use in knowledge.uses),
        *(server.says for server in knowledge.object_servers if server.says is not None),
        knowledge.otherwise.says,
    ):
        said(phrase, FILE)
    for named in (knowledge.attributes, knowledge.classes, knowledge.extended_rights, knowledge.object_servers):
        names = [entry.name.casefold() for entry in named]
        if len(set(names)) != len(names):
            raise KnowledgeError("a name stands twice", where=FILE)
    return knowledge


@cache
def said(phrase: str, where: str = FILE) -> Said:
    """Return "kind action" as its two words; raises KnowledgeError unless the vocabulary has them."""
    kind, _, action = phrase.partition(" ")
    vocabulary().check(kind, action, where)
    return Said(kind, action)


@cache
def attributes() -> dict[str, Attribute]:
    """Return the attributes by casefolded name, the most telling first."""
    return {attribute.name.casefold(): attribute for attribute in directory_knowledge().attributes}


@cache
def classes() -> dict[str, DirectoryClass]:
    """Return the classes by casefolded name."""
    return {each.name.casefold(): each for each in directory_knowledge().classes}


@cache
def extended_rights() -> dict[str, ExtendedRight]:
    """Return the extended rights by casefolded name."""
    return {right.name.casefold(): right for right in directory_knowledge().extended_rights}


@cache
def object_servers() -> dict[str, ObjectServer]:
    """Return the servers of objects by casefolded name."""
    return {server.name.casefold(): server for server in directory_knowledge().object_servers}


@cache
def mailbox_classes() -> frozenset[str]:
    """Return the casefolded names of the classes that can have a mailbox."""
    return frozenset(name.casefold() for name in directory_knowledge().mailbox_classes)
