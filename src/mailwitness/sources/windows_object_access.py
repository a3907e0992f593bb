"""What the rights used or requested on an object amount to: 560, 565 and 566 before 2008, 4662 since.

Such a record names the rights (a mask, or tokens where it has none) and the properties they were used on, as GUIDs
under the rights they belong to. It carries no value. A domain controller writes the same few combinations over and
over, so each is decoded once.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from mailwitness.event import Scope, Strength
from mailwitness.knowledge.directory_attributes import (
    ObjectServer,
    Use,
    attributes,
    directory_knowledge,
    extended_rights,
    mailbox_classes,
    object_servers,
    said,
)
from mailwitness.knowledge.guids import guids
from mailwitness.knowledge.rights import access_tokens, context_of, mask_of_tokens
from mailwitness.sources.windows_reading import Fields, Form
from mailwitness.sources.windows_values import guid_of

_HEX = re.compile(r"0x([0-9a-fA-F]{1,8})")
_GUID_LINE = re.compile(r"(\t*)\s*%?\{([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\}")
_PROPERTIES_LIMIT = 65_536
"""Characters of a property list that are read: the longest seen has a thousand."""


class Property(NamedTuple):
    """One GUID of a property list: how deep it stands (sets above attributes), and the rights it stands under."""

    guid: str
    depth: int
    mask: int


class Meaning(NamedTuple):
    """What an access amounts to, whoever made it on whichever object."""

    kind: str
    action: str
    rights: tuple[str, ...]
    strength: Strength
    scope: Scope
    attribute: str | None
    object_class: str | None
    is_mailbox: bool
    of_child: bool


def object_access(form: Form, values: tuple[str, ...], fields: Fields) -> None:
    """Rights were used or requested on an object: what that amounts to, and upon what."""
    get = form.strings.get
    server = get("ObjectServer", values) or ""
    meaning = decoded(
        server,
        get("AccessMask", values) or "",
        get("AccessList", values) or "",
        get("Properties", values) or "",
        get("ObjectType", values) or "",
    )
    fields["kind"], fields["action"] = meaning.kind, meaning.action
    fields["rights"] = meaning.rights
    fields["scope"] = meaning.scope
    if fields["outcome"] == "failure":
        fields["strength"] = "attempted"
    else:
        fields.setdefault("strength", meaning.strength)
    if meaning.attribute is not None:
        fields["attribute"] = meaning.attribute
    if meaning.object_class is not None:
        fields["object_class"] = meaning.object_class
    name = get("ObjectName", values)
    if name is not None and not meaning.of_child:
        _name_object(fields, name, meaning)


def _name_object(fields: Fields, name: str, meaning: Meaning) -> None:
    guid = guid_of(name)
    if guid is not None:
        fields["object_guid"] = guid
    elif name.startswith("/"):
        fields["mailbox_ref"], fields["mailbox_ref_form"] = name, "legacy_dn"
    else:
        fields["object_dn"] = name
    if meaning.is_mailbox and not name.startswith("/"):
        fields["mailbox_ref"] = guid or name
        fields["mailbox_ref_form"] = "guid" if guid is not None else "dn"


@lru_cache(maxsize=8192)
def decoded(server_name: str, mask_text: str, tokens: str, properties: str, object_type: str) -> Meaning:
    """Return what rights on an object amount to, by the strings of the record."""
    knowledge = directory_knowledge()
    server = object_servers().get(server_name.casefold(), knowledge.other_servers)
    class_guid = guid_of(object_type)
    object_class = guids().name(class_guid, "class") if class_guid is not None else object_type or None
    listed = tuple(each for each in listed_properties(properties) if each.guid != class_guid)
    mask = _mask(mask_text, tokens, listed)
    use = next((use for use in knowledge.uses if mask & use.bits and _counts(use, server)), knowledge.otherwise)
    amount = Amount(use.says)
    if use.by == "attributes":
        amount = _written(use, listed)
    elif use.by == "extended_rights":
        amount = _exercised(use, listed)
    if use.of_child:
        object_class = _child_class(listed) or object_class
    kind, action = said(server.says or amount.says)
    can_be_mailbox = server.rights == "directory" and kind != "access" and not use.of_child
    return Meaning(
        kind=kind,
        action=action,
        rights=amount.rights or _names(server, mask, listed),
        strength="attempted" if server.says is not None else use.strength,
        scope=amount.scope or server.scope,
        attribute=amount.attribute,
        object_class=object_class,
        is_mailbox=can_be_mailbox and (amount.is_mailbox or (object_class or "").casefold() in mailbox_classes()),
        of_child=use.of_child,
    )


class Amount(NamedTuple):
    """What a use says, and what the listed properties add to that."""

    says: str
    attribute: str | None = None
    rights: tuple[str, ...] = ()
    is_mailbox: bool = False
    scope: Scope | None = None


def listed_properties(text: str) -> tuple[Property, ...]:
    """Return the GUIDs of a property list, each with the rights that stand above it (0 where none do)."""
    listed: list[Property] = []
    mask = 0
    in_head = False
    for line in text[:_PROPERTIES_LIMIT].splitlines():
        found = _GUID_LINE.fullmatch(line.rstrip())
        if found is not None:
            listed.append(Property(found[2].lower(), len(found[1]), mask))
            in_head = False
        elif line.strip():
            bits = _bits_of(line.strip())
            mask = mask | bits if in_head else bits
            in_head = True
    return tuple(listed)


def _bits_of(word: str) -> int:
    """Return the bits of one access, written as a token or, by a viewer, as its name."""
    bits, unknown = mask_of_tokens(word)
    return bits if not unknown else _bits_by_name().get(word.removeprefix("%").casefold(), 0)


@lru_cache(maxsize=1)
def _bits_by_name() -> dict[str, int]:
    return {token.name.casefold(): token.bit for token in access_tokens().values()}


def _mask(text: str, tokens: str, listed: tuple[Property, ...]) -> int:
    """Return the mask: as written; else of the tokens; else of what stands above the listed properties."""
    found = _HEX.fullmatch(text)
    if found is not None and int(found[1], 16):
        return int(found[1], 16)
    mask = 0
    for line in tokens.splitlines():
        mask |= mask_of_tokens(line)[0] or _bits_of(line.strip())
    if not mask:
        for each in listed:
            mask |= each.mask
    return mask


def _counts(use: Use, server: ObjectServer) -> bool:
    """A bit beyond the standard ones means one thing in the directory and another on a file or a secret."""
    return use.standard or server.rights == "directory"


def _under(use: Use, listed: tuple[Property, ...]) -> tuple[Property, ...]:
    """Return the properties that stand under rights of `use`, or all where the list does not tell."""
    return tuple(each for each in listed if each.mask & use.bits) or tuple(each for each in listed if not each.mask)


def _written(use: Use, listed: tuple[Property, ...]) -> Amount:
    """The most telling attribute speaks for the record; else the first one listed is named."""
    under = _under(use, listed)
    names = {guids().name(each.guid, "attribute").casefold(): each.guid for each in under}
    for name, attribute in attributes().items():
        if name in names:
            scope: Scope = "mailbox" if attribute.mailbox is True else attribute.scope
            return Amount(attribute.written, attribute.name, attribute.rights, attribute.mailbox is True, scope)
    deepest = max((each.depth for each in under), default=0)
    first = next((each.guid for each in under if each.depth == deepest), None)
    if first is None:
        return Amount(use.says)
    return Amount(use.says, guids().name(first, "attribute", "property_set", "validated_write"))


def _exercised(use: Use, listed: tuple[Property, ...]) -> Amount:
    for each in _under(use, listed):
        right = extended_rights().get(guids().name(each.guid, "extended_right").casefold())
        if right is not None:
            return Amount(right.says)
    return Amount(use.says)


def _child_class(listed: tuple[Property, ...]) -> str | None:
    classes = (guids().meaning(each.guid, "class") for each in listed)
    return next((meaning.name for meaning in classes if meaning is not None), None)


def _names(server: ObjectServer, mask: int, listed: tuple[Property, ...]) -> tuple[str, ...]:
    """Return the names of the rights, an extended right by its own name; bits that mean other things as a number."""
    context = context_of("directory")
    if server.rights != "directory":
        standard = directory_knowledge().standard_bits
        others = mask & ~standard
        return context.names(mask & standard) + ((f"{others:#x}",) if others else ())
    names: list[str] = []
    for right in context.bits:
        if mask & right.bit and "extended_right" in right.object:
            mask &= ~right.bit
            of_right = [each.guid for each in listed if guids().meaning(each.guid, "extended_right") is not None]
            for guid in of_right:
                names += context.names(right.bit, guid)
            if not of_right:
                names.append(right.name)
    return (*(context.names(mask) if mask else ()), *dict.fromkeys(names))
