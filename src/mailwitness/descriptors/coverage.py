"""What the entries of one list give, so that an entry of another list can be told apart from the same thing rewritten.

Editors rewrite lists: they merge entries, drop one that another already says, spell flags differently. An entry covers
another if it does the same, for the same trustee, at least as widely: on the object itself, and on the children that
inherit it. Rules of reach: MS-DTYP 2.5.3.2 (an entry's inherited type says nothing about the object it stands on),
MS-ADTS 6.1.3 (every object of the directory is a container, so inheritance to non-containers says nothing there).
"""

from __future__ import annotations

from collections.abc import Sequence

from mailwitness.descriptors.ace import (
    CONTAINER_INHERIT,
    FAILURE,
    INHERIT_ONLY,
    NO_PROPAGATE,
    OBJECT_INHERIT,
    SUCCESS,
    Ace,
)
from mailwitness.knowledge.rights import Context

Part = tuple[str, int]
"""Where an entry reaches (object, containers, leaves) and, for audit entries, on which outcome."""

_Reach = tuple[str, str | None, Part, str | None, str | None, bool]


def parts_of(ace: Ace, context: Context) -> tuple[Part, ...]:
    """Return every part `ace` reaches; none for one that reaches nothing."""
    places: list[str] = []
    if not ace.flags & INHERIT_ONLY:
        places.append("object")
    if ace.flags & CONTAINER_INHERIT:
        places.append("containers")
    if ace.flags & OBJECT_INHERIT and context.name != "directory":
        places.append("leaves")
    if ace.kind not in {"audit", "alarm"}:
        return tuple((place, 0) for place in places)
    outcomes = [bit for bit in (SUCCESS, FAILURE) if ace.flags & bit]
    return tuple((place, outcome) for place in places for outcome in outcomes)


class Coverage:
    """The masks that the entries of one list give, by what they do, for whom, where and on what."""

    def __init__(self, aces: Sequence[Ace], denies: frozenset[Ace], context: Context) -> None:
        """Take in the explicit entries of `aces`; `denies` are those both lists have, behind which others stand."""
        self.context = context
        self.denies = [ace for ace in aces if ace in denies]
        self._masks: dict[_Reach, dict[int, int]] = {}
        passed = 0
        for ace in aces:
            if ace in denies:
                passed += 1
            if not ace.is_inherited and ace.trustee is not None and not ace.has_condition:
                self._take(ace, 0 if ace.kind == "deny" else passed)

    def _take(self, ace: Ace, passed: int) -> None:
        mask = self.context.expanded(ace.mask)
        for part in parts_of(ace, self.context):
            inherited_type = ace.inherited_type if part[0] != "object" else None
            stops = bool(ace.flags & NO_PROPAGATE) and part[0] != "object"
            reach = (ace.kind, ace.trustee, part, ace.object_type, inherited_type, stops)
            masks = self._masks.setdefault(reach, {})
            masks[passed] = masks.get(passed, 0) | mask

    def uncovered(self, ace: Ace, passed: int) -> int:
        """Return the bits of `ace` that no entry here gives as widely.

        `passed` is how many of `denies` it may stand behind and still give what `ace` gives (see `reach_behind`).
        """
        mask = self.context.expanded(ace.mask)
        parts = parts_of(ace, self.context)
        if ace.trustee is None or ace.has_condition or not parts:
            return mask
        missing = 0
        for part in parts:
            missing |= mask & ~self._given(ace, part, passed)
        return missing

    def _given(self, ace: Ace, part: Part, passed: int) -> int:
        inherits = part[0] != "object"
        given = 0
        for object_type in {None, ace.object_type}:
            for inherited_type in {None, ace.inherited_type} if inherits else {None}:
                for stops in {False, bool(ace.flags & NO_PROPAGATE)} if inherits else {False}:
                    reach = (ace.kind, ace.trustee, part, object_type, inherited_type, stops)
                    for stands, mask in self._masks.get(reach, {}).items():
                        if stands <= passed:
                            given |= mask
        return given

    def reach_behind(self, others: Sequence[Ace]) -> int:
        """Return behind how many of this list's denies an entry stands freely if `others` stood before it anyway."""
        known = set(others)
        for count, deny in enumerate(self.denies):
            if deny not in known:
                return count
        return len(self.denies)
