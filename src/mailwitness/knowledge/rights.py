"""The meaning of access masks and of the words for rights, as rights.yaml tells it.

The names are the words of Add-ADPermission and Add-MailboxPermission; docs and sealed events use them, so they do not
change: FullAccess, SendAs, ReceiveAs, ExternalAccount, DeleteItem, ReadPermission, ChangePermission, ChangeOwner on a
mailbox; GenericAll, GenericRead, GenericWrite, CreateChild, DeleteChild, ListChildren, Self, ReadProperty,
WriteProperty, DeleteTree, ListObject, Delete, ReadControl, WriteDacl, WriteOwner, AllExtendedRights in the directory,
with the class, attribute or set in parentheses where an entry names one, and extended rights by their own names
(DS-Replication-Get-Changes). A GUID nobody has named stands as it is, a bit without a name as 0x....
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec

from mailwitness.errors import KnowledgeError
from mailwitness.knowledge.guids import GuidKind, Guids, guids
from mailwitness.knowledge.loader import Mark, load

FILE = "rights.yaml"

ContextName = Literal["directory", "mailbox"]
Good = Literal["open", "send", "grant", "become", "forward"]
"""What a right on a mailbox's object is good for: open the mailbox, send as its owner, grant oneself more, log on as
the owner, have its mail sent elsewhere."""

_GENERIC_BITS = {
    0x10000000: "GenericAll",
    0x20000000: "GenericExecute",
    0x40000000: "GenericWrite",
    0x80000000: "GenericRead",
}
_ALL_GENERIC = 0xF0000000
_TOKEN_DIGITS = 5


class Right(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One bit of a mask."""

    bit: int
    name: str
    mark: Mark
    object: tuple[GuidKind, ...] = ()
    unnarrowed: str | None = None
    named_by_object: bool = False


class Whole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bits that together have a name."""

    bits: int
    name: str


class Context(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a descriptor stands, and what its masks mean there."""

    name: ContextName
    attribute: str
    source: str
    bits: tuple[Right, ...]
    generic: dict[str, int]
    all: Whole | None = None
    wholes: dict[str, int] = {}
    own_names: dict[str, str] = {}

    def expanded(self, mask: int) -> int:
        """Return `mask` with generic rights as the bits they stand for here (unknown ones stay)."""
        if not mask & _ALL_GENERIC:
            return mask
        for bit, name in _GENERIC_BITS.items():
            if mask & bit and name in self.generic:
                mask = mask & ~bit | self.generic[name]
        return mask

    def names(self, mask: int, object_type: str | None = None, known: Guids | None = None) -> tuple[str, ...]:
        """Return the names of the rights of `mask`, narrowed by an entry's GUID, in the order of the bits."""
        found: list[str] = []
        if self.all is not None and object_type is None and mask & self.all.bits == self.all.bits:
            found.append(self.all.name)
            mask &= ~self.all.bits
        for name, bits in self.wholes.items():
            if mask == bits and object_type is None:
                found.append(name)
                mask = 0
        for right in self.bits:
            if mask & right.bit:
                found.append(self._name(right, object_type, known or guids()))
                mask &= ~right.bit
        for bit, name in _GENERIC_BITS.items():
            if mask & bit:
                found.append(name)
                mask &= ~bit
        if mask:
            found.append(f"{mask:#x}")
        return tuple(dict.fromkeys(found))

    def _name(self, right: Right, object_type: str | None, known: Guids) -> str:
        if object_type is None or not right.object:
            return right.unnarrowed or right.name
        meaning = known.meaning(object_type, *right.object) or known.meaning(object_type)
        if meaning is None:
            return f"{right.name}({object_type})"
        if right.named_by_object and meaning.kind in right.object:
            return self.own_names.get(meaning.name, meaning.name)
        return f"{right.name}({meaning.name})"


class MailboxRight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One right on a mailbox's object, and what it is good for."""

    name: str
    of: Good
    context: ContextName
    bit: int
    source: str
    extended_right: str | None = None
    attribute: str | None = None


class AccessToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One %%nnnn of a Security event's list of accesses."""

    token: int
    bit: int
    name: str
    source: str
    mark: Mark


class FolderRight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One right on a folder: the cmdlets' word, and the words other records use."""

    bit: int
    name: str
    also: tuple[str, ...] = ()
    reads: bool = False


class FolderRights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rights on folders and the roles that join them."""

    source: str
    mark: Mark
    words: tuple[FolderRight, ...]
    roles: dict[str, int]

    def mask(self, word: str) -> int | None:
        """Return the bits of a right's or a role's word (any case), or None for an unknown one."""
        return _folder_words().get(word.strip().casefold())

    def names(self, mask: int) -> tuple[str, ...]:
        """Return the role that `mask` is, or else the rights in the order of their bits."""
        role = next((name for name, bits in self.roles.items() if bits == mask), None)
        return (role,) if role is not None else tuple(word.name for word in self.words if mask & word.bit)

    def reads(self, mask: int) -> bool:
        """Return whether `mask` lets its holder read items."""
        return any(word.reads for word in self.words if mask & word.bit)


class Rights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    source: str
    contexts: tuple[Context, ...]
    mailbox_relevant: tuple[MailboxRight, ...]
    mailbox_classes: tuple[str, ...]
    access_tokens: tuple[AccessToken, ...]
    folder_rights: FolderRights


@cache
def rights() -> Rights:
    """Return the file; raises KnowledgeError for a bit named twice or a name that guids.yaml does not know."""
    file = load(FILE, Rights)
    for context in file.contexts:
        _once([right.bit for right in context.bits], f"{FILE}, {context.name}")
        strangers = [name for name in context.own_names if guids().guid("extended_right", name) is None]
        if strangers:
            raise KnowledgeError(f"extended rights without a GUID: {strangers}", where=FILE)
    _once([token.token for token in file.access_tokens], f"{FILE}, access_tokens")
    for right in file.mailbox_relevant:
        if _without_guid(right):
            raise KnowledgeError(f"a right without a GUID: {right.name}", where=FILE)
    strangers = [name for name in file.mailbox_classes if guids().guid("class", name) is None]
    if strangers:
        raise KnowledgeError(f"classes without a GUID: {strangers}", where=FILE)
    return file


def _once(numbers: list[int], where: str) -> None:
    if len(set(numbers)) != len(numbers):
        raise KnowledgeError("a bit or token stands twice", where=where)


def _without_guid(right: MailboxRight) -> bool:
    return (right.extended_right is not None and guids().guid("extended_right", right.extended_right) is None) or (
        right.attribute is not None and guids().guid("attribute", right.attribute) is None
    )


@cache
def context_of(name: str) -> Context:
    """Return the context by its name, or by the attribute whose descriptors it reads (any case)."""
    for context in rights().contexts:
        if name.casefold() in {context.name, context.attribute.casefold()}:
            return context
    raise KnowledgeError(f"no context of rights: {name}", where=FILE)


def mailbox_rights(
    context: ContextName, mask: int, object_type: str | None = None, known: Guids | None = None
) -> tuple[MailboxRight, ...]:
    """Return what of `mask`, narrowed by an entry's GUID, reaches the mailbox of the object it stands on.

    A right that names no GUID holds for all of them: AllExtendedRights is SendAs and ReceiveAs too, WriteProperty
    without a GUID or with a property set reaches the attributes of that set.
    """
    mask = context_of(context).expanded(mask)
    known = known or guids()
    return tuple(
        right
        for right in rights().mailbox_relevant
        if right.context == context and mask & right.bit and _reaches(right, object_type, known)
    )


def _reaches(right: MailboxRight, object_type: str | None, known: Guids) -> bool:
    if object_type is None or (right.extended_right is None and right.attribute is None):
        return True
    if right.extended_right is not None:
        return object_type == known.guid("extended_right", right.extended_right)
    attribute = right.attribute or ""
    if object_type == known.guid("attribute", attribute):
        return True
    return any(object_type == known.guid("property_set", name) for name in known.sets(attribute))


@cache
def access_tokens() -> dict[int, AccessToken]:
    """Return the access tokens by their number."""
    return {token.token: token for token in rights().access_tokens}


def mask_of_tokens(tokens: str) -> tuple[int, tuple[str, ...]]:
    """Return the mask that a list of %%nnnn says, and the tokens of it that have no known bit."""
    mask = 0
    unknown: list[str] = []
    for word in tokens.split():
        number = word.removeprefix("%%")
        is_number = number.isdecimal() and number.isascii() and len(number) <= _TOKEN_DIGITS
        token = access_tokens().get(int(number)) if is_number else None
        if token is None:
            unknown.append(word)
        else:
            mask |= token.bit
    return mask, tuple(unknown)


@cache
def _folder_words() -> dict[str, int]:
    folder = rights().folder_rights
    words = {name.casefold(): bits for name, bits in folder.roles.items()}
    for word in folder.words:
        words.update(dict.fromkeys((text.casefold() for text in (word.name, *word.also)), word.bit))
    return words
