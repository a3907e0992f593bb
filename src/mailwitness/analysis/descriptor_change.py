"""What a change of a security descriptor gave and took: the descriptors' difference as differences of a change."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from mailwitness.analysis.change import Act, Difference
from mailwitness.descriptors.ace import Ace
from mailwitness.descriptors.difference import AceChange, Renewal, difference_of_sddl
from mailwitness.descriptors.difference import Difference as DescriptorDifference
from mailwitness.descriptors.naming import name_of_ace, name_of_change
from mailwitness.descriptors.sddl import write_ace
from mailwitness.knowledge.rights import ContextName, rights
from mailwitness.knowledge.well_known_sids import well_known_name

Row = dict[str, Any]
NOTHING = "D:"
"""The descriptor of an attribute that was not set: no owner and an empty list, which gives nobody anything."""


@cache
def _contexts() -> dict[str, ContextName]:
    return {context.attribute.casefold(): context.name for context in rights().contexts}


def is_descriptor(row: Row) -> bool:
    """Return whether the event is about an attribute that holds a security descriptor."""
    return (row["attribute"] or "").casefold() in _contexts()


def is_mailbox_descriptor(row: Row) -> bool:
    """Return whether the event is about the mailbox's own rights."""
    return _contexts().get((row["attribute"] or "").casefold()) == "mailbox"


def is_object_descriptor(row: Row) -> bool:
    """Return whether the event is about the directory object's own descriptor."""
    return _contexts().get((row["attribute"] or "").casefold()) == "directory"


def describe(act: Act) -> None:
    """Fill the differences of `act`, where it is a change of a descriptor and both sides are known.

    An attribute that was set for the first time has no deleted value: all of it is new. A deleted value without an
    added one says what was there, not what changed: the act stays without differences and is called incomplete.
    """
    context = _contexts().get((act.main["attribute"] or "").casefold())
    if context is None or act.after is None:
        return
    found = difference_of_sddl(act.before or NOTHING, act.after, context=context)
    act.differences = tuple(_differences(found, context, first=act.before is None))
    if found.partial:
        act.partial = "a descriptor is cut off in its record: the difference may not be complete"


def _differences(found: DescriptorDifference, context: ContextName, *, first: bool) -> Iterable[Difference]:
    """Return every part of a descriptor's difference, what weighs most first."""
    if found.owner and not first:
        yield _renewed("owner_changed", found.owner)
    for action in ("granted", "revoked", "denied", "undenied"):
        for change in getattr(found, action):
            yield _of_ace(action, change, context)
    yield from _unweighed(found, context)
    if found.group and not first:
        yield _renewed("group_changed", found.group)
    if found.dacl_protected is not None and not first:
        yield Difference(action="changed", after=f"inheritance of rights {_cut(found.dacl_protected)}")
    yield from _of_sacl(found, context, first=first)


def _unweighed(found: DescriptorDifference, context: ContextName) -> Iterable[Difference]:
    """Entries that lost their force by their place, and entries of kinds whose bits say nothing by themselves."""
    for ace in found.overtaken:
        yield _entry("overtaken", ace, name_of_ace(ace, context), removed=False)
    for ace in found.other_added:
        yield _entry("changed", ace, name_of_ace(ace, context), removed=False)
    for ace in found.other_removed:
        yield _entry("changed", ace, name_of_ace(ace, context), removed=True)


def _of_sacl(found: DescriptorDifference, context: ContextName, *, first: bool) -> Iterable[Difference]:
    for change in found.sacl_added:
        yield _of_ace("sacl_changed", change, context)
    for change in found.sacl_removed:
        yield _of_ace("sacl_changed", change, context, removed=True)
    if found.sacl_protected is not None and not first:
        yield Difference(action="sacl_changed", after=f"inheritance of auditing {_cut(found.sacl_protected)}")


def _of_ace(action: str, change: AceChange, context: ContextName, *, removed: bool | None = None) -> Difference:
    gone = action in ("revoked", "undenied") if removed is None else removed
    return _entry(action, change.ace, name_of_change(change, context), removed=gone)


def _entry(action: str, ace: Ace, names: tuple[str, ...], *, removed: bool) -> Difference:
    text = write_ace(ace)
    sid = ace.trustee if ace.trustee and ace.trustee.startswith("S-") else None
    return Difference(
        action=action,
        rights=names,
        trustee_sid=sid,
        trustee_name=well_known_name(ace.trustee) if ace.trustee else None,
        before=text if removed else None,
        after=None if removed else text,
    )


def _renewed(action: str, renewal: Renewal) -> Difference:
    trustee = renewal.after or ""
    return Difference(
        action=action,
        trustee_sid=trustee if trustee.startswith("S-") else None,
        trustee_name=well_known_name(trustee),
        before=renewal.before,
        after=renewal.after,
    )


def _cut(protected: bool) -> str:  # noqa: FBT001 - the state itself
    return "cut" if protected else "restored"
