"""A descriptor as the entries that matter for mailboxes, in the order in which an access check meets them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import msgspec

from mailwitness.analysis.right_entry import ON_CONFIGURATION, bit_of, bits_of, membership_bits
from mailwitness.descriptors.ace import CONTAINER_INHERIT, INHERIT_ONLY, NO_PROPAGATE, Ace
from mailwitness.descriptors.descriptor import DACL_PROTECTED, Descriptor, Reading
from mailwitness.descriptors.naming import name_of_ace
from mailwitness.descriptors.sddl import write_ace
from mailwitness.descriptors.sid import ALIASES
from mailwitness.knowledge.guids import Guids, guids
from mailwitness.knowledge.rights import ContextName, MailboxRight, context_of, mailbox_rights, rights

SELF = ALIASES["PS"]
CREATORS = frozenset({ALIASES["CO"], ALIASES["CG"]})
OWNER_RIGHTS = ALIASES["OW"]
EVERYONE = ALIASES["WD"]


class Atom(msgspec.Struct, frozen=True, gc=False):
    """One entry of a descriptor without its place: the same right of the same trustee, reaching the same objects."""

    trustee: str
    allows: bool
    bits: int
    right: str
    is_own: bool
    is_passed_on: bool
    inherited: bool
    condition: str | None = None


class ListState(msgspec.Struct, frozen=True):
    """A descriptor's list at one time: its atoms with their order (phase, place) and text, and what cuts it off.

    `partial`: the text was cut, so that what is missing may be there.
    """

    atoms: dict[Atom, tuple[int, int, str]]
    owner: str | None
    is_protected: bool
    is_canonical: bool
    partial: bool = False


class Where(msgspec.Struct, frozen=True):
    """What kind of object the descriptor stands on."""

    context: ContextName
    on_configuration: bool = False
    on_group: bool = False


def state_of(reading: Reading, where: Where, known: Guids | None = None) -> ListState:
    """Return what `reading` holds of rights that matter here. SELF and the creator's templates give nobody else any."""
    descriptor = reading.descriptor
    atoms: dict[Atom, tuple[int, int, str]] = {}
    canonical = _is_canonical(descriptor)
    if descriptor.has_null_dacl:
        everything = Ace(0x00, CONTAINER_INHERIT, 0x10000000, EVERYONE)
        for atom, text in _atoms(everything, where, known, descriptor.owner):
            atoms[atom] = (1, 0, text)
    for place, ace in enumerate(descriptor.dacl.aces if descriptor.dacl else ()):
        for atom, text in _atoms(ace, where, known, descriptor.owner):
            phase = (1 if atom.allows else 0) if canonical else 0
            atoms.setdefault(atom, (phase, 0 if canonical else place, text))
    protected = bool(descriptor.control & DACL_PROTECTED)
    return ListState(atoms, _owner(descriptor), protected, canonical, reading.partial)


def _owner(descriptor: Descriptor) -> str | None:
    """Return the owner who may change the rights by being the owner, unless OWNER RIGHTS takes that away."""
    owner = descriptor.owner
    if owner in (None, SELF):
        return None
    aces = descriptor.dacl.aces if descriptor.dacl else ()
    return None if any(ace.trustee == OWNER_RIGHTS and not ace.flags & INHERIT_ONLY for ace in aces) else owner


def _atoms(ace: Ace, where: Where, known: Guids | None, owner: str | None) -> Iterator[tuple[Atom, str]]:
    if ace.kind not in ("allow", "deny") or ace.trustee in (None, SELF) or ace.trustee in CREATORS:
        return
    trustee = owner if ace.trustee == OWNER_RIGHTS else ace.trustee
    if trustee is None:
        return
    if where.on_group:
        bits = membership_bits(ace.mask, ace.object_type, known)
    else:
        bits = bits_of(where.context, ace.mask, ace.object_type, on_configuration=where.on_configuration, known=known)
    if not bits:
        return
    is_own = not ace.flags & INHERIT_ONLY
    passes = where.context == "directory" and _is_passed_on(ace, where) and _reaches_mailboxes(ace, known)
    if not (is_own or passes):
        return
    condition = "an entry with a condition: whether it holds depends on claims" if ace.has_condition else None
    text, right = _texts(ace, where.context, known)
    yield (
        Atom(trustee, ace.kind == "allow", bits, right, is_own, passes, ace.is_inherited, condition),
        text,
    )


@lru_cache(maxsize=65_536)
def _texts(ace: Ace, context: ContextName, known: Guids | None) -> tuple[str, str]:
    names = name_of_ace(ace, context, known)
    whole = context_of(context).all
    if whole is not None and whole.name in names:
        return write_ace(ace), whole.name
    mattering = {right.name for right in mailbox_rights(context, ace.mask, ace.object_type, known)}
    told = [name for name in names if name in mattering or "(" in name or name in _UNNARROWED] or list(names)
    return write_ace(ace), ", ".join(told)


_UNNARROWED = frozenset({"AllExtendedRights", "WriteProperty", "GenericWrite", "Self"})


@lru_cache(maxsize=4_096)
def _class_name(guid: str, known: Guids | None) -> str:
    return (known or guids()).name(guid, "class")


def _is_passed_on(ace: Ace, where: Where) -> bool:
    """Return whether an entry reaches what lies deeper than the next level; in the configuration that is enough."""
    return bool(ace.flags & CONTAINER_INHERIT) and (where.on_configuration or not ace.flags & NO_PROPAGATE)


def _reaches_mailboxes(ace: Ace, known: Guids | None) -> bool:
    if ace.inherited_type is None:
        return True
    name = _class_name(ace.inherited_type, known)
    return name in rights().mailbox_classes or name == "group"


def _is_canonical(descriptor: Descriptor) -> bool:
    """Return whether explicit refusals stand before explicit allows, and both before what is inherited."""
    order = [
        (ace.is_inherited, ace.kind == "allow")
        for ace in (descriptor.dacl.aces if descriptor.dacl else ())
        if ace.kind in ("allow", "deny")
    ]
    explicit = [entry for entry in order if not entry[0]]
    return explicit == sorted(explicit) and [i for i, _ in order] == sorted(i for i, _ in order)


def atom_of_words(where: Where, words: Iterable[str], trustee: str, *, allows: bool) -> Atom | None:
    """Return the atom that a cmdlet's words for rights stand for, None where none of them matters for mailboxes.

    FullAccess and its like stand in the mailbox's own list; the others on the directory object, and reach what is
    below it (Add-ADPermission inherits to all unless told otherwise).
    """
    told = [(word, bits) for word in words if (bits := _bits_of_word(where, word))]
    if not told:
        return None
    bits = 0
    for _word, each in told:
        bits |= each
    passes = where.context == "directory"
    names = ", ".join(word for word, _ in told)
    return Atom(trustee, allows, bits, names, is_own=True, is_passed_on=passes, inherited=False)


@lru_cache(maxsize=4_096)
def _bits_of_word(where: Where, word: str) -> int:
    """Return the questions that a word for a right answers, where it stands."""
    bits, key = 0, word.casefold()
    for right in rights().mailbox_relevant:
        if right.context != where.context or not _says(key, right):
            continue
        if where.on_configuration and right.of not in ("open", "send") and right.name not in ON_CONFIGURATION:
            continue
        if right.of != "open":
            bits |= bit_of(right.name)
        elif where.context == "mailbox" or where.on_configuration or key == right.name.casefold():
            bits |= bit_of("open")
    if where.on_group and key in ("writeproperty", "writeproperty(member)", "genericall", "self(self-membership)"):
        bits |= bit_of("WriteProperty(member)")
    return bits


def _says(key: str, right: MailboxRight) -> bool:
    """Return whether a word in lower case says `right`, by its name or by one that includes it."""
    if key in (right.name.casefold(), "genericall" if right.context == "directory" else ""):
        return True
    if right.extended_right is not None:
        return key in ("allextendedrights", right.extended_right.casefold())
    if right.attribute is not None:
        sets = {f"writeproperty({name.casefold()})" for name in guids().sets(right.attribute)}
        return key in {"writeproperty", "genericwrite", *sets}
    return False
