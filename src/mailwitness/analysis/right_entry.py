"""One right of one trustee on one thing, from when until when: what evaluation, reach and explanation work on.

Rights are asked about by questions: may he open the mailbox, send as its owner, give himself more, become its owner.
Every entry carries the bits of the questions it answers, so that one pass over a list answers all of them.
Source of the questions: knowledge/rights.yaml (mailbox_relevant).
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Literal

import msgspec

from mailwitness.analysis.limits import Limit
from mailwitness.analysis.presence import Run
from mailwitness.directory.clock import BEGINNING, STILL
from mailwitness.knowledge.guids import Guids, guids
from mailwitness.knowledge.rights import ContextName, Good, mailbox_rights, rights

Kind = Literal["mailbox", "directory", "delegate", "folder", "role", "application", "owner", "object_owner", "policy"]
"""Where a right stands: in one of the two descriptors, among the delegates, on a folder, in a role or an application
permission, in whose mailbox it is (owner, master account), or in who owns the directory object. A policy gives
nothing: it narrows what an application may."""

OPEN, READ_FOLDER, SEND_AS, SEND_ON_BEHALF, EXPORT, SEARCH, MEMBERSHIP = (
    "open",
    "read folder",
    "SendAs",
    "SendOnBehalf",
    "export",
    "search",
    "WriteProperty(member)",
)


class Question(msgspec.Struct, frozen=True):
    """One thing that can be asked of a mailbox: its bit, its name, and what it is good for."""

    bit: int
    name: str
    of: Good


@cache
def questions() -> tuple[Question, ...]:
    """Return every question, the most direct first."""
    named: dict[str, Good] = {
        OPEN: "open",
        READ_FOLDER: "open",
        EXPORT: "open",
        SEARCH: "open",
        SEND_AS: "send",
        SEND_ON_BEHALF: "send",
        MEMBERSHIP: "grant",
    }
    for right in rights().mailbox_relevant:
        if right.of != "open":
            named.setdefault(right.name, "grant" if right.attribute == "publicDelegates" else right.of)
    return tuple(Question(1 << place, name, of) for place, (name, of) in enumerate(named.items()))


@cache
def bit_of(name: str) -> int:
    """Return the bit of the question `name`."""
    return next(question.bit for question in questions() if question.name == name)


@cache
def bits_for(*goods: Good) -> int:
    """Return the bits of all questions that are about one of `goods`."""
    return sum(question.bit for question in questions() if question.of in goods)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One right: who (`trustee`, a thing) may or may not do what (`bits`, `right`) on what (`target`, a thing).

    `phase` and `place` order the entries of one level: of a list in canonical order the refusals have phase 0 and the
    others 1, all with place 0. `is_own`: it holds on the target itself; `is_passed_on`: on what lies below it.
    `inherited`: the target's list says it came from above. `condition`: it holds only if something else does.
    `candidates`: whom else the trustee's name can mean. `limit`: to which mailboxes a role is limited (scopes.Scopes).
    """

    target: int
    kind: Kind
    trustee: int
    allows: bool
    bits: int
    right: str
    run: Run
    phase: int = 1
    place: int = 0
    is_own: bool = True
    is_passed_on: bool = False
    inherited: bool = False
    text: str | None = None
    folder: str | None = None
    condition: str | None = None
    candidates: tuple[int, ...] = ()
    is_everywhere: bool = False
    limit: Limit | None = None

    def holds(self, at: int) -> bool:
        """Return whether it stood at a time for certain."""
        return self.run.since <= at < self.run.until and not self.is_doubtful

    def may_hold(self, at: int) -> bool:
        """Return whether it may have stood at a time."""
        return self.run.earliest <= at < self.run.latest

    @property
    def is_doubtful(self) -> bool:
        """Return whether it is open if, or for whom, the entry holds."""
        return self.condition is not None or len(self.candidates) > 1

    @property
    def always(self) -> bool:
        """Return whether it stood before and stands after everything on record."""
        return self.run.since == BEGINNING and self.run.until == STILL


@lru_cache(maxsize=65_536)
def bits_of(
    context: ContextName, mask: int, object_type: str | None, *, on_configuration: bool, known: Guids | None = None
) -> int:
    """Return the questions that an entry with this mask and GUID answers.

    Receive-As opens mailboxes where it stands in the configuration (database, server, organization). On the account's
    own object it counts only if the entry names it: full control of the account, which administrators have by default,
    does not open the mailbox (KB821897), though it lets one take it.
    """
    bits = 0
    for right in mailbox_rights(context, mask, object_type, known):
        if right.of == "open":
            if context == "mailbox" or on_configuration or object_type is not None:
                bits |= bit_of(OPEN)
        elif not on_configuration or right.name in ON_CONFIGURATION:
            bits |= bit_of(right.name)
    return bits


ON_CONFIGURATION = frozenset({"SendAs", "WriteDacl", "WriteOwner"})
"""What besides Receive-As matters of an entry on a database, a server or the organization: it stands on no account."""


def membership_bits(mask: int, object_type: str | None, known: Guids | None = None) -> int:
    """Return the questions that an entry on a group answers: who may put members in, or give himself that right."""
    expanded = mask
    from_table = mailbox_rights("directory", mask, None, known)
    bits = sum(bit_of(right.name) for right in from_table if right.name in ("WriteDacl", "WriteOwner"))
    known = known or guids()
    of_members = {None, known.guid("attribute", "member"), known.guid("property_set", "Membership")}
    if object_type in of_members and expanded & (_WRITE_PROPERTY | _SELF | _GENERIC_ALL | _GENERIC_WRITE):
        bits |= bit_of(MEMBERSHIP)
    return bits


_WRITE_PROPERTY = 0x20
_SELF = 0x8
_GENERIC_ALL = 0x10000000
_GENERIC_WRITE = 0x40000000
