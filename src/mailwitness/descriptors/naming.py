"""What an entry of a descriptor gives its trustee, in the words of Exchange and the directory."""

from __future__ import annotations

from mailwitness.descriptors.ace import INHERIT_ONLY, Ace
from mailwitness.descriptors.difference import AceChange
from mailwitness.knowledge.guids import Guids, guids
from mailwitness.knowledge.rights import ContextName, MailboxRight, context_of, mailbox_rights, rights


def name_of_ace(ace: Ace, context: ContextName = "directory", known: Guids | None = None) -> tuple[str, ...]:
    """Return the names of the rights `ace` speaks of, whether it grants, denies or audits them (see knowledge.rights).

    `context` tells the attribute the descriptor stands in: bit 0x1 is CreateChild in nTSecurityDescriptor and
    FullAccess in msExchMailboxSecurityDescriptor. `known` replaces the built-in GUIDs by a directory's own.
    """
    return context_of(context).names(ace.mask, ace.object_type, known)


def mailbox_rights_of(
    ace: Ace, context: ContextName = "directory", known: Guids | None = None
) -> tuple[MailboxRight, ...]:
    """Return the rights to open a mailbox, send as its owner, or grant oneself such rights that `ace` gives.

    Empty for entries that refuse or audit, and for entries that only objects of other classes inherit. Where the entry
    stands (on the mailbox, its container, its database) and who its trustee is remain the caller's to weigh.
    """
    known = known or guids()
    if ace.kind != "allow":
        return ()
    if ace.flags & INHERIT_ONLY and ace.inherited_type is not None:
        meaning = known.meaning(ace.inherited_type, "class")
        if meaning is not None and meaning.name not in rights().mailbox_classes:
            return ()
    return mailbox_rights(context, ace.mask, ace.object_type, known)


def name_of_change(
    change: AceChange, context: ContextName = "directory", known: Guids | None = None
) -> tuple[str, ...]:
    """Return the names of the rights a change is about: those of its bits, or of the whole entry if that gives all.

    Full control given to somebody who could read before is GenericAll, not GenericAll without the reading.
    """
    where = context_of(context)
    whole = where.names(change.ace.mask, change.ace.object_type, known)
    if where.all is not None and where.all.name in whole:
        return whole
    return where.names(change.mask, change.ace.object_type, known)
