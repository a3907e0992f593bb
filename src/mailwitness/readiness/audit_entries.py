"""The audit entries that the questions need, where they belong, and which of them a SACL lacks.

Entries are made from knowledge/audit_settings.yaml with the GUIDs of the directory's own schema: attributes that an
older Exchange schema does not have get none, and are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from mailwitness.descriptors.ace import (
    CONTAINER_INHERIT,
    FAILURE,
    INHERIT_ONLY,
    INHERITED,
    SUCCESS,
    TYPE_NAMES,
    Ace,
)
from mailwitness.descriptors.naming import name_of_ace
from mailwitness.knowledge.audit_settings import Sacl, audit_settings
from mailwitness.knowledge.guids import Guids
from mailwitness.knowledge.rights import context_of

OUTCOMES = (SUCCESS, FAILURE)
_BOTH = SUCCESS | FAILURE
_DOWN = CONTAINER_INHERIT | INHERIT_ONLY
_PLAIN, _OF_OBJECT = TYPE_NAMES["AU"], TYPE_NAMES["OU"]
WRITE_PROPERTY = "WriteProperty"


class Wanted(msgspec.Struct, frozen=True):
    """What the SACL of one object should hold, and why."""

    dn: str
    reason: str
    aces: tuple[Ace, ...]


class Entries:
    """The entries for one directory. `lacking` are attributes its schema does not have: no mailbox has them either."""

    def __init__(self, guids: Guids, attributes: Iterable[str] | None = None) -> None:
        """Use the GUIDs of `guids`; `attributes` are the names the directory's schema has (None: unknown, so all)."""
        sacl = audit_settings().sacl
        have = None if attributes is None else {name.casefold() for name in attributes}
        named = [name for name in sacl.attributes if have is None or name.casefold() in have]
        self.lacking = tuple(name for name in sacl.attributes if name not in named)
        self.attributes = {name: guid for name in named if (guid := guids.guid("attribute", name)) is not None}
        self.sets = {
            guid: frozenset(guids.guid("property_set", each) or "" for each in guids.sets(name))
            for name, guid in self.attributes.items()
        }
        """Property sets each attribute belongs to: an entry for a set records writes of all its attributes."""
        self._sacl = sacl
        self.guids = guids

    def of_domain(self, dn: str) -> Wanted:
        """Return the entries of a domain's object: they reach what inherits from it, and the object itself."""
        aces = [_ace(self._sacl, self._sacl.rights)]
        for name in self._sacl.classes:
            aces += self._of_class(self.guids.guid("class", name), _DOWN)
        for name in self._sacl.containers:
            aces.append(_ace(self._sacl, self._sacl.rights, _DOWN, heir=self.guids.guid("class", name)))
        return Wanted(dn, "everything of the domain that inherits", tuple(aces))

    def of_mailbox(self, dn: str, reason: str = "inherits nothing") -> Wanted:
        """Return the entries of one object that has a mailbox, or that is the pattern of such (AdminSDHolder)."""
        return Wanted(dn, reason, tuple(self._of_class(None, 0)))

    def of_container(self, dn: str, reason: str = "inherits nothing") -> Wanted:
        """Return the entries of a container that inherits nothing: all that the domain's object would hand down."""
        return Wanted(dn, reason, self.of_domain(dn).aces)

    def of_exchange(self, dn: str, reason: str = "the configuration of Exchange") -> Wanted:
        """Return the entries of Exchange's tree: databases, servers and the organization hand rights down."""
        return Wanted(dn, reason, (_ace(self._sacl, self._sacl.exchange_rights, CONTAINER_INHERIT),))

    def _of_class(self, heir: str | None, flags: int) -> list[Ace]:
        aces = [_ace(self._sacl, self._sacl.rights, flags, heir=heir)]
        aces += [
            _ace(self._sacl, (WRITE_PROPERTY,), flags, attribute=guid, heir=heir) for guid in self.attributes.values()
        ]
        return aces


def _ace(
    sacl: Sacl, rights: Sequence[str], flags: int = 0, *, attribute: str | None = None, heir: str | None = None
) -> Ace:
    mask = sum(bit_of(name) for name in rights)
    kind = _PLAIN if attribute is None and heir is None else _OF_OBJECT
    return Ace(kind, flags | _BOTH, mask, sacl.trustee, attribute, heir)


def bit_of(right: str) -> int:
    """Return the bit of a right of the directory by its name. Raises KeyError for a name that is none."""
    return {each.name: each.bit for each in context_of("directory").bits}[right]


Sets = Mapping[str, frozenset[str]]
"""The GUIDs of the property sets an attribute belongs to, by its own GUID."""
_NO_SETS: Sets = {}


def script_rows(entries: Entries) -> list[str]:
    """Return the entries as rows of the kit's scripts: place, mask, attribute, class that inherits, flags.

    Attributes and classes by name: a script looks their GUIDs up where it runs.
    """
    rows = []
    wanted = {"pattern": entries.of_mailbox(""), "exchange": entries.of_exchange(""), "domain": entries.of_domain("")}
    for place, each in wanted.items():
        for ace in each.aces:
            attribute = entries.guids.name(ace.object_type, "attribute") if ace.object_type else ""
            heir = entries.guids.name(ace.inherited_type, "class") if ace.inherited_type else ""
            rows.append(f"{place}|{ace.mask}|{attribute}|{heir}|{ace.flags & ~_BOTH}")
    return rows


def missing(wanted: Iterable[Ace], held: Sequence[Ace], sets: Sets = _NO_SETS) -> list[Ace]:
    """Return those of `wanted` that the entries `held` do not already do, whole or in parts."""
    return [
        ace
        for ace in wanted
        if any(ace.flags & outcome and ace.mask & ~recorded(ace, held, outcome, sets) for outcome in OUTCOMES)
    ]


def recorded(wanted: Ace, held: Sequence[Ace], outcome: int, sets: Sets = _NO_SETS) -> int:
    """Return the bits of access that `held` record with `outcome`, wherever `wanted` applies and for its trustee."""
    mask = 0
    for ace in held:
        if ace.flags & outcome and _reaches(ace, wanted, sets):
            mask |= context_of("directory").expanded(ace.mask)
    return mask


def _reaches(ace: Ace, wanted: Ace, sets: Sets) -> bool:
    """Return whether `ace` applies to everything `wanted` does: the object itself, its heirs, the attribute."""
    if ace.kind != "audit" or ace.has_condition or ace.trustee != wanted.trustee:
        return False
    if not wanted.flags & INHERIT_ONLY and ace.flags & INHERIT_ONLY:
        return False
    if wanted.flags & CONTAINER_INHERIT:
        if not ace.flags & CONTAINER_INHERIT:
            return False
        if ace.inherited_type not in (None, wanted.inherited_type):
            return False
    if ace.object_type in (None, wanted.object_type):
        return True
    return wanted.object_type is not None and ace.object_type in sets.get(wanted.object_type, ())


def explicit(aces: Iterable[Ace]) -> list[Ace]:
    """Return the entries that stand on the object itself, not handed down to it."""
    return [ace for ace in aces if not ace.flags & INHERITED]


def sentence(ace: Ace, known: Guids) -> str:
    """Return what an audit entry records, in the words of the directory."""
    rights = ", ".join(name_of_ace(ace, "directory", known))
    outcomes = " and ".join(word for bit, word in ((SUCCESS, "success"), (FAILURE, "failure")) if ace.flags & bit)
    where = "this object"
    if ace.flags & CONTAINER_INHERIT:
        heirs = f"every {known.name(ace.inherited_type, 'class')}" if ace.inherited_type else "everything"
        where = f"{heirs} below" if ace.flags & INHERIT_ONLY else f"this object and {heirs} below"
    return f"{outcomes} of {rights} by {ace.trustee}, on {where}"
