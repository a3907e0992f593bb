"""Refusals that a new order of a list has made idle.

Access checks go through a list in order, and the first entry that speaks of a bit decides (MS-DTYP 2.5.3.2): a refusal
behind an entry that grants the same bit refuses nothing to whom both apply.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailwitness.descriptors.ace import Ace
from mailwitness.knowledge.rights import Context

_BITS = 32


def overtaken(old: Sequence[Ace], new: Sequence[Ace], context: Context) -> list[Ace]:
    """Return the refusals of both lists that stood before an entry granting one of their bits and now stand behind it.

    Whether somebody is both refused and granted is a question of groups: the answer names those that may be idle now.
    """
    after: dict[Ace, int] = {}
    for index, ace in enumerate(new):
        after.setdefault(ace, index)
    first: dict[tuple[int, str | None], int] = {}
    found: list[Ace] = []
    for ace in reversed(old):
        place = after.get(ace)
        if place is None or ace.kind not in {"allow", "deny"} or ace.is_inherited:
            continue
        bits = [1 << bit for bit in range(_BITS) if context.expanded(ace.mask) >> bit & 1]
        if ace.kind == "allow":
            for bit in bits:
                for object_type in {ace.object_type, _ANY}:
                    key = (bit, object_type)
                    first[key] = min(first.get(key, place), place)
        elif any(first.get((bit, key), place) < place for bit in bits for key in _touching(ace)):
            found.append(ace)
    found.reverse()
    return found


_ANY = "any"


def _touching(ace: Ace) -> tuple[str | None, ...]:
    """Return the keys under which entries stand that speak of what `ace` speaks of."""
    return (_ANY,) if ace.object_type is None else (ace.object_type, None)
