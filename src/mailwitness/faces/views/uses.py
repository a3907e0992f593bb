"""What a change was used for later: the accesses whose way in it made."""

from __future__ import annotations

from mailwitness.analysis.change import Change
from mailwitness.analysis.mailbox_accesses import Asked, mailbox_accesses
from mailwitness.directory.clock import micros
from mailwitness.faces.views.access import AccessItem, access_item
from mailwitness.faces.views.picture import Picture

LOOKED_AT = 500
"""Accesses after the change that are looked at, at most: those to its mailbox, or by whom it gave something."""


def uses_of(picture: Picture, change: Change) -> tuple[tuple[AccessItem, ...], bool]:
    """Return the accesses that `change` let happen, the earliest first, and whether all that may be were looked at."""
    if change.outcome == "failure" or change.kind not in ("permission", "membership", "role"):
        return (), True
    people = picture.people
    boxes = [thing for thing in people.targets_of(change) if picture.standing.is_mailbox(thing)]
    references = tuple(r for thing in boxes for r in people.references_of(thing))
    actors = () if references else tuple(r for t in _accounts(picture, change) for r in people.actor_references_of(t))
    if not references and not actors:
        return (), True
    asked = Asked(references=references, actors=actors, since=change.occurred_at, at_most=LOOKED_AT + 1)
    with picture.engine() as engine:
        rows = mailbox_accesses(engine, asked)
    items = [access_item(picture, row) for row in rows[:LOOKED_AT]]
    used = [item for item in items if change.change_id in item.change_ids]
    return tuple(sorted(used, key=lambda item: item.occurred_at)), len(rows) <= LOOKED_AT


def _accounts(picture: Picture, change: Change) -> list[int]:
    """Return whom a change gave something: the trustees, and the members of trustees that are groups."""
    at = micros(change.occurred_at)
    found = dict.fromkeys(picture.people.trustees_of(change))
    for thing in tuple(found):
        if picture.standing.is_group(thing):
            found.update(dict.fromkeys(picture.standing.memberships.members_of(thing, at)))
    return list(found)
