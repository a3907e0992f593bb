"""The security descriptor as a value: owner, group, control flags, and the two lists.

Source: MS-DTYP 2.4.5 (ACL), 2.4.6 (SECURITY_DESCRIPTOR).
"""

from __future__ import annotations

import msgspec

from mailwitness.descriptors.ace import ACE_TYPES, UNKNOWN, Ace
from mailwitness.descriptors.fault import DescriptorError
from mailwitness.descriptors.sid import Domain, is_relative, resolved

OWNER_DEFAULTED = 0x0001
GROUP_DEFAULTED = 0x0002
DACL_PRESENT = 0x0004
DACL_DEFAULTED = 0x0008
SACL_PRESENT = 0x0010
SACL_DEFAULTED = 0x0020
DACL_AUTO_INHERIT_REQUIRED = 0x0100
SACL_AUTO_INHERIT_REQUIRED = 0x0200
DACL_AUTO_INHERITED = 0x0400
SACL_AUTO_INHERITED = 0x0800
DACL_PROTECTED = 0x1000
SACL_PROTECTED = 0x2000
RM_CONTROL_VALID = 0x4000
SELF_RELATIVE = 0x8000

REVISION = 2
REVISION_DS = 4
"""An ACL with object entries has revision 4, all others 2."""


class Acl(msgspec.Struct, frozen=True, omit_defaults=True):
    """One access control list.

    `revision` None lets the writer choose; `sbz1`, `sbz2` and `tail` keep bytes that no rule gives a meaning.
    """

    aces: tuple[Ace, ...] = ()
    revision: int | None = None
    sbz1: int = 0
    sbz2: int = 0
    tail: bytes = b""

    @property
    def effective_revision(self) -> int:
        """Return the revision as read, or the one these entries ask for."""
        if self.revision is not None:
            return self.revision
        has_objects = any(ACE_TYPES.get(ace.type, UNKNOWN).has_objects for ace in self.aces)
        return REVISION_DS if has_objects else REVISION


class Layout(msgspec.Struct, frozen=True):
    """Where a binary descriptor keeps its parts, so that it can be written back byte for byte."""

    owner: int
    group: int
    sacl: int
    dacl: int
    size: int
    gaps: tuple[tuple[int, bytes], ...] = ()


class Descriptor(msgspec.Struct, frozen=True, omit_defaults=True):
    """A security descriptor.

    A DACL that is None is absent (DACL_PRESENT unset) or NULL (set): a NULL one lets everybody do everything and an
    empty one nobody anything. `layout` is kept of a binary one and plays no part in what the descriptor says.
    """

    control: int = SELF_RELATIVE
    owner: str | None = None
    group: str | None = None
    dacl: Acl | None = None
    sacl: Acl | None = None
    sbz1: int = 0
    layout: Layout | None = None

    @property
    def has_null_dacl(self) -> bool:
        """Return whether the descriptor grants everybody everything (SDDL: NO_ACCESS_CONTROL)."""
        return self.dacl is None and bool(self.control & DACL_PRESENT)


class Reading(msgspec.Struct, frozen=True):
    """What a tolerant reader got: the descriptor as far as it reads, whether that is a part, and what ended it."""

    descriptor: Descriptor
    partial: bool = False
    fault: DescriptorError | None = None


def in_domain(descriptor: Descriptor, domain: Domain | None) -> Descriptor:
    """Return `descriptor` with domain-relative trustees of `domain` as SIDs (conditions still pending stay so)."""
    if domain is None:
        return descriptor
    return msgspec.structs.replace(
        descriptor,
        owner=descriptor.owner and resolved(descriptor.owner, domain),
        group=descriptor.group and resolved(descriptor.group, domain),
        dacl=_acl_in(descriptor.dacl, domain),
        sacl=_acl_in(descriptor.sacl, domain),
    )


def _acl_in(acl: Acl | None, domain: Domain) -> Acl | None:
    if acl is None:
        return None
    return msgspec.structs.replace(acl, aces=tuple(ace_in(ace, domain) for ace in acl.aces))


def ace_in(ace: Ace, domain: Domain) -> Ace:
    """Return `ace` with its trustee as a SID where `domain` tells it."""
    if ace.trustee is None or not is_relative(ace.trustee):
        return ace
    return msgspec.structs.replace(ace, trustee=resolved(ace.trustee, domain))
