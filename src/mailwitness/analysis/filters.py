"""What a question is narrowed to: the filters every verb shares, and how a name given by a person is matched."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from mailwitness.analysis.names import names, weak_name
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query

SQL = "mailwitness.analysis.sql"


class Known(msgspec.Struct, frozen=True):
    """What the directory says of a name a person gave.

    `labels`: what it means; several where several things are called so. `names`: every name these have or had, and
    `spellings` how references are compared with them. `others`: references that share a leading name with them and
    are somebody else's.
    """

    labels: tuple[str, ...]
    names: tuple[str, ...]
    spellings: frozenset[str]
    others: frozenset[str] = frozenset()


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """The filters of `changes`, `accesses` and `timeline`. None means: not narrowed.

    `known_mailbox` and `known_actor` say what the directory knows of the names asked for, where one is at hand
    (analysis.naming); without one, references are matched by their leading names.
    """

    since: datetime | None = None
    until: datetime | None = None
    mailbox: str | None = None
    actor: str | None = None
    right: str | None = None
    outcome: str | None = None
    non_owner: bool = False
    noise: bool = False  # show what knowledge/noise.yaml marks
    at_most: int | None = None  # accesses: this many, the earliest
    known_mailbox: Known | None = None
    known_actor: Known | None = None

    def actor_matches(self, *fields: str | None) -> bool:
        """Return whether the actor asked for is one of `fields` (names or SIDs), or none was asked for."""
        return self.actor is None or any(matches(self.actor, field, self.known_actor) for field in fields)

    def right_matches(self, rights: tuple[str, ...]) -> bool:
        """Return whether the right asked for is among `rights`, or none was asked for."""
        return self.right is None or self.right.casefold() in {right.casefold() for right in rights}


def matches(asked: str, reference: str | None, known: Known | None = None) -> bool:
    """Return whether what a person typed can mean `reference`: one of its names, or the leading part of it."""
    if not reference:
        return False
    if known is not None:
        if reference.casefold() in known.spellings:
            return True
        if reference in known.others:
            return False
    return asked.casefold().strip() in names(reference)


class Match(msgspec.Struct, frozen=True):
    """The references a name given by a person can mean; `weak` says that only leading names agreed."""

    references: tuple[str, ...]
    weak: bool


def references_of(engine: Engine, asked: str, known: Known | None = None) -> Match:
    """Return every reference in the trail that `asked` can mean.

    A name that is one of the references in full still brings in those that share its leading name: one mailbox is
    written in several forms. Without a directory that is a match by name, and the answer says so. Where the directory
    knows what is asked for, its names are taken, and those that only look alike are not if they are another's.
    """
    spellings = known.spellings if known else frozenset[str]()
    wanted = leading_names(asked, known)
    found: dict[str, None] = {}
    strong = True
    for row in engine.rows(load_query(SQL, "mailbox_references")):
        reference: Any = row["reference"]
        if reference.casefold() in spellings or reference.casefold() == asked.casefold().strip():
            found[reference] = None
        elif names(reference) & wanted and not (known and reference in known.others):
            found[reference] = None
            strong = False
    return Match(tuple(found), weak=not strong)


def leading_names(asked: str, known: Known | None = None) -> frozenset[str]:
    """Return the names, leading ones included, by which references may be meant without saying so in full."""
    of_known = (weak_name(name) for name in known.names) if known else ()
    return frozenset({asked.casefold().strip(), weak_name(asked), *of_known} - {""})


class Wanted:
    """The mailbox a question is about, for whoever has to tell whether something concerns it."""

    def __init__(self, asked: str, match: Match, known: Known | None) -> None:
        """Use `wanted_of`."""
        self._others = known.others if known else frozenset()
        self._exact = (known.spellings if known else frozenset()) | {ref.casefold() for ref in match.references}
        listed = {name for reference in match.references for name in names(reference)}
        self._leading = listed | (leading_names(asked, known) if known else names(asked))

    def is_meant(self, *references: str | None) -> bool:
        """Return whether one of `references`, all of one thing, is the mailbox."""
        given = [reference for reference in references if reference]
        if any(reference.casefold() in self._exact for reference in given):
            return True
        if any(reference in self._others for reference in given):
            return False
        return any(self._leading & names(reference) for reference in given)


def wanted_of(engine: Engine, filters: Filters) -> Wanted | None:
    """Return the mailbox that `filters` narrow a question to, None where they do not."""
    if not filters.mailbox:
        return None
    match = references_of(engine, filters.mailbox, filters.known_mailbox)
    return Wanted(filters.mailbox, match, filters.known_mailbox)


def actors_of(engine: Engine, asked: str, known: Known | None = None) -> tuple[str, ...]:
    """Return every name and SID of an actor in the trail that `asked` can mean."""
    rows = engine.rows(load_query(SQL, "actor_references"))
    return tuple(row["reference"] for row in rows if matches(asked, row["reference"], known))
