"""What a question is narrowed to: the filters every verb shares, and how a name given by a person is matched."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from mailwitness.analysis.names import names, weak_name
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """The filters of `changes`, `accesses` and `timeline`. None means: not narrowed."""

    since: datetime | None = None
    until: datetime | None = None
    mailbox: str | None = None
    actor: str | None = None
    right: str | None = None
    outcome: str | None = None
    non_owner: bool = False
    noise: bool = False  # show what knowledge/noise.yaml marks
    at_most: int | None = None  # accesses: this many, the earliest

    def actor_matches(self, *fields: str | None) -> bool:
        """Return whether the actor asked for is one of `fields` (names or SIDs), or none was asked for."""
        return self.actor is None or any(matches(self.actor, field) for field in fields)

    def right_matches(self, rights: tuple[str, ...]) -> bool:
        """Return whether the right asked for is among `rights`, or none was asked for."""
        return self.right is None or self.right.casefold() in {right.casefold() for right in rights}


def matches(asked: str, reference: str | None) -> bool:
    """Return whether what a person typed can mean `reference`: the whole of it, or its leading name."""
    return bool(reference) and asked.casefold().strip() in names(reference)


class Match(msgspec.Struct, frozen=True):
    """The references a name given by a person can mean; `weak` says that only leading names agreed."""

    references: tuple[str, ...]
    weak: bool


def references_of(engine: Engine, asked: str) -> Match:
    """Return every reference in the trail that `asked` can mean.

    A name that is one of the references in full still brings in those that share its leading name: one mailbox is
    written in several forms. Without a directory that is a match by name, and the answer says so.
    """
    wanted = {asked.casefold().strip(), weak_name(asked)}
    found: dict[str, None] = {}
    strong = True
    for row in engine.rows(load_query("mailwitness.analysis.sql", "mailbox_references")):
        reference: Any = row["reference"]
        if reference.casefold() == asked.casefold().strip():
            found[reference] = None
        elif names(reference) & wanted:
            found[reference] = None
            strong = False
    return Match(tuple(found), weak=not strong)


def actors_of(engine: Engine, asked: str) -> tuple[str, ...]:
    """Return every name and SID of an actor in the trail that `asked` can mean."""
    rows = engine.rows(load_query("mailwitness.analysis.sql", "actor_references"))
    return tuple(row["reference"] for row in rows if matches(asked, row["reference"]))
