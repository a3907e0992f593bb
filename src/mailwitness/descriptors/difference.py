"""The difference of two security descriptors: who gained and who lost what, told apart from rewriting.

A 5136 pair holds the whole descriptor before and after. Lists are compared as multisets of entries: order, inherited
entries and the auto-inherited flags come and go without anybody's act and count as churn. What is left is weighed by
effect (descriptors.coverage): an added entry grants the bits the trustee did not have as widely before, a removed one
revokes those he has no longer.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from mailwitness.descriptors.ace import INHERITED, Ace
from mailwitness.descriptors.coverage import Coverage
from mailwitness.descriptors.descriptor import (
    DACL_AUTO_INHERIT_REQUIRED,
    DACL_AUTO_INHERITED,
    DACL_PRESENT,
    DACL_PROTECTED,
    SACL_AUTO_INHERIT_REQUIRED,
    SACL_AUTO_INHERITED,
    SACL_PROTECTED,
    Acl,
    Descriptor,
    Reading,
    in_domain,
)
from mailwitness.descriptors.overtaking import overtaken
from mailwitness.descriptors.sddl import read_sddl
from mailwitness.descriptors.sid import ALIASES, Domain
from mailwitness.knowledge.rights import Context, ContextName, context_of

_CHURN_FLAGS = DACL_AUTO_INHERITED | DACL_AUTO_INHERIT_REQUIRED | SACL_AUTO_INHERITED | SACL_AUTO_INHERIT_REQUIRED
_EVERYTHING = Ace(0x00, 0, 0x10000000, ALIASES["WD"])
"""What a NULL DACL amounts to: everybody may do everything."""

_WEIGHED = frozenset({"allow", "deny", "audit", "alarm"})
"""Entries whose bits say what they do; of the others each is a fact of its own."""


class AceChange(msgspec.Struct, frozen=True):
    """One entry that came or went, and the bits of it that make a difference.

    `certain` is False where a cut text leaves open whether the entry stood on the other side too.
    """

    ace: Ace
    mask: int
    certain: bool = True


class Renewal(msgspec.Struct, frozen=True):
    """A value that changed."""

    before: str | None
    after: str | None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What changed from one descriptor to another.

    `denied` and `undenied` are entries that refuse, come and gone. `overtaken` are refusals that stood before entries
    granting the same bits and now stand behind them, where they refuse nothing. `sacl_added` and `sacl_removed` are
    entries that audit (labels, attributes and policies of the SACL with them). `rewritten_from` became `rewritten_to`
    without anybody gaining or losing. `dacl_protected` and `sacl_protected` are the new state where it changed.
    `partial`: a text was cut, see AceChange.certain.
    """

    owner: Renewal | None = None
    group: Renewal | None = None
    granted: tuple[AceChange, ...] = ()
    revoked: tuple[AceChange, ...] = ()
    denied: tuple[AceChange, ...] = ()
    undenied: tuple[AceChange, ...] = ()
    overtaken: tuple[Ace, ...] = ()
    other_added: tuple[Ace, ...] = ()
    other_removed: tuple[Ace, ...] = ()
    sacl_added: tuple[AceChange, ...] = ()
    sacl_removed: tuple[AceChange, ...] = ()
    dacl_protected: bool | None = None
    sacl_protected: bool | None = None
    rewritten_from: tuple[Ace, ...] = ()
    rewritten_to: tuple[Ace, ...] = ()
    reordered: int = 0
    inherited_churn: int = 0
    flag_churn: bool = False
    partial: bool = False

    @property
    def owner_changed(self) -> bool:
        """Return whether the owner is another one."""
        return self.owner is not None

    @property
    def sacl_changed(self) -> bool:
        """Return whether other things are audited than before, or inheritance of auditing was cut or restored."""
        return bool(self.sacl_added or self.sacl_removed) or self.sacl_protected is not None

    @property
    def is_change(self) -> bool:
        """Return whether anything changed beyond order, inherited entries, their flags, and rewriting."""
        lists = (self.granted, self.revoked, self.denied, self.undenied, self.overtaken)
        others = (self.other_added, self.other_removed, self.owner, self.group)
        return any(lists) or any(others) or self.dacl_protected is not None or self.sacl_changed


def difference_of_sddl(
    before: str, after: str, *, context: ContextName = "directory", domain: Domain | None = None
) -> Difference:
    """Return the difference of two SDDL texts, read as far as they go (see `difference`)."""
    return difference(read_sddl(before), read_sddl(after), context=context, domain=domain)


def difference(
    before: Descriptor | Reading,
    after: Descriptor | Reading,
    *,
    context: ContextName = "directory",
    domain: Domain | None = None,
) -> Difference:
    """Return what changed from `before` to `after`, descriptors of the attribute `context` tells.

    `domain` resolves domain-relative names (DA, EA): without it such a name equals only itself, never a SID, because an
    account of a foreign domain must not pass for one of ours.
    """
    old = before if isinstance(before, Reading) else Reading(before)
    new = after if isinstance(after, Reading) else Reading(after)
    changes = _Changes(old, new, context_of(context), domain)
    changes.compare_dacl()
    changes.compare_sacl()
    return changes.result()


class _Side(msgspec.Struct, frozen=True):
    """One list of one descriptor: its entries in order, and whether it takes in what its parent has."""

    aces: tuple[Ace, ...]
    is_protected: bool


class _Changes:
    """Gathers the parts of a Difference."""

    def __init__(self, old: Reading, new: Reading, context: Context, domain: Domain | None) -> None:
        self.readings = (old, new)
        self.old = in_domain(old.descriptor, domain)
        self.new = in_domain(new.descriptor, domain)
        self.context = context
        self.found: dict[str, list[AceChange]] = {}
        self.idle: list[Ace] = []
        self.reordered = 0
        self.inherited_churn = 0

    def result(self) -> Difference:
        changed = self.old.control ^ self.new.control
        return Difference(
            owner=self.renewal(self.old.owner, self.new.owner),
            group=self.renewal(self.old.group, self.new.group),
            granted=self.changes("granted"),
            revoked=self.changes("revoked"),
            denied=self.changes("denied"),
            undenied=self.changes("undenied"),
            overtaken=tuple(self.idle),
            other_added=self.entries("other_added"),
            other_removed=self.entries("other_removed"),
            sacl_added=self.changes("sacl_added"),
            sacl_removed=self.changes("sacl_removed"),
            dacl_protected=bool(self.new.control & DACL_PROTECTED) if changed & DACL_PROTECTED else None,
            sacl_protected=self.sacl_protected() if changed & SACL_PROTECTED else None,
            rewritten_from=self.entries("rewritten_from"),
            rewritten_to=self.entries("rewritten_to"),
            reordered=self.reordered,
            inherited_churn=self.inherited_churn,
            flag_churn=bool(changed & _CHURN_FLAGS),
            partial=any(reading.partial for reading in self.readings),
        )

    def changes(self, name: str) -> tuple[AceChange, ...]:
        return tuple(self.found.get(name, ()))

    def entries(self, name: str) -> tuple[Ace, ...]:
        return tuple(change.ace for change in self.found.get(name, ()))

    def renewal(self, before: str | None, after: str | None) -> Renewal | None:
        if before == after or (None in {before, after} and any(reading.partial for reading in self.readings)):
            return None
        return Renewal(before, after)

    def sacl_protected(self) -> bool | None:
        """Return the new state, unless a cut text leaves it open."""
        cut = any(reading.partial and reading.descriptor.sacl is None for reading in self.readings)
        return None if cut else bool(self.new.control & SACL_PROTECTED)

    def compare_dacl(self) -> None:
        if any(reading.partial and not reading.descriptor.control & DACL_PRESENT for reading in self.readings):
            return  # the text ends before its DACL: nothing can be said of it
        old = _side(self.old.dacl or Acl((_EVERYTHING,)), self.old.control & DACL_PROTECTED)
        new = _side(self.new.dacl or Acl((_EVERYTHING,)), self.new.control & DACL_PROTECTED)
        removed, added = self.leftovers(old, new)
        denies = frozenset(ace for ace in old.aces if ace.kind == "deny") & frozenset(new.aces)
        self.weigh(added, new, Coverage(old.aces, denies, self.context), denies, ("granted", "denied", "other_added"))
        self.weigh(
            removed, old, Coverage(new.aces, denies, self.context), denies, ("revoked", "undenied", "other_removed")
        )

    def compare_sacl(self) -> None:
        if any(reading.partial and reading.descriptor.sacl is None for reading in self.readings):
            return
        old = _side(self.old.sacl or Acl(), self.old.control & SACL_PROTECTED)
        new = _side(self.new.sacl or Acl(), self.new.control & SACL_PROTECTED)
        removed, added = self.leftovers(old, new)
        none: frozenset[Ace] = frozenset()
        self.weigh(added, new, Coverage(old.aces, none, self.context), none, ("sacl_added",) * 3)
        self.weigh(removed, old, Coverage(new.aces, none, self.context), none, ("sacl_removed",) * 3)

    def leftovers(self, old: _Side, new: _Side) -> tuple[list[Ace], list[Ace]]:
        """Return the entries gone and come that are somebody's act; count the others as churn."""
        self.note_order(old.aces, new.aces)
        before, after = Counter(old.aces), Counter(new.aces)
        removed, added = before - after, after - before
        bare_removed, bare_added = _bare(removed), _bare(added)
        moved = bare_removed & bare_added
        self.inherited_churn += moved.total()
        kept: list[list[Ace]] = []
        for side, left in ((old, removed), (new, added)):
            remaining: list[Ace] = []
            pending = Counter(moved)
            for ace in left.elements():
                key = _without_inherited(ace)
                if pending[key]:
                    pending[key] -= 1
                elif ace.is_inherited and not side.is_protected:
                    self.inherited_churn += 1
                else:
                    remaining.append(ace)
            kept.append(remaining)
        return kept[0], kept[1]

    def note_order(self, old: Sequence[Ace], new: Sequence[Ace]) -> None:
        if old == new:
            return
        places = _common_places(old, new)
        moved = len(places) - _longest_rising(places)
        self.reordered += moved
        if moved:
            self.idle += overtaken(old, new, self.context)

    def weigh(
        self, aces: Sequence[Ace], side: _Side, other: Coverage, denies: frozenset[Ace], names: tuple[str, str, str]
    ) -> None:
        """Sort `aces` of `side` into what makes a difference against `other` and what is rewritten."""
        granting, refusing, other_kind = names
        is_new = granting in {"granted", "sacl_added"}
        certain = not self.readings[0 if is_new else 1].partial
        before = _denies_before(side.aces, denies, frozenset(aces))
        for ace in aces:
            bits = ace.mask
            name = {"allow": granting, "deny": refusing}.get(ace.kind, other_kind)
            if ace.kind in _WEIGHED:
                bits = other.uncovered(_without_inherited(ace), other.reach_behind(before.get(ace, ())))
                if not bits:
                    name = "rewritten_to" if is_new else "rewritten_from"
            self.found.setdefault(name, []).append(AceChange(ace, bits, certain))


def _side(acl: Acl, protected: int) -> _Side:
    """Return the entries of a list, and whether it takes in none of its parent's."""
    return _Side(acl.aces, bool(protected))


def _without_inherited(ace: Ace) -> Ace:
    return msgspec.structs.replace(ace, flags=ace.flags & ~INHERITED) if ace.flags & INHERITED else ace


def _bare(aces: Counter[Ace]) -> Counter[Ace]:
    return Counter(_without_inherited(ace) for ace in aces.elements())


def _denies_before(aces: Sequence[Ace], denies: frozenset[Ace], wanted: frozenset[Ace]) -> dict[Ace, tuple[Ace, ...]]:
    """Return, for each of `wanted`, the shared refusals that stand before its first place."""
    if not denies:
        return {}
    found: dict[Ace, tuple[Ace, ...]] = {}
    passed: tuple[Ace, ...] = ()
    for ace in aces:
        if ace in wanted and ace not in found:
            found[ace] = passed
        if ace in denies:
            passed = (*passed, ace)
    return found


def _common_places(old: Sequence[Ace], new: Sequence[Ace]) -> list[int]:
    """Return, in the order of `old`, where in `new` each entry stands that both have."""
    places: dict[Ace, list[int]] = {}
    for index, ace in enumerate(new):
        places.setdefault(ace, []).append(index)
    taken: Counter[Ace] = Counter()
    found: list[int] = []
    for ace in old:
        seen = taken[ace]
        if seen < len(places.get(ace, ())):
            found.append(places[ace][seen])
            taken[ace] += 1
    return found


def _longest_rising(numbers: Iterable[int]) -> int:
    """Return the length of the longest rising subsequence: entries that kept their order."""
    tails: list[int] = []
    for number in numbers:
        at = bisect_left(tails, number)
        if at == len(tails):
            tails.append(number)
        else:
            tails[at] = number
    return len(tails)
