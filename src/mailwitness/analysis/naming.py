"""What a name means that a person gave: all names of one mailbox or account, where the directory is at hand.

Records call one mailbox by its DN, GUID, address, legacyExchangeDN or alias. By the directory these are one; a name
that only looks alike and is another's is left out. Several things of one name are all taken, and said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

import msgspec

from mailwitness.analysis.filters import SQL, Filters, Known, leading_names
from mailwitness.analysis.names import names
from mailwitness.analysis.sightings import of_principals, of_renames
from mailwitness.directory.identity import Identities
from mailwitness.directory.store import Observations
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query


def with_names(engine: Engine, observations: Observations, filters: Filters) -> Filters:
    """Return `filters` with what the directory knows of the mailbox and the actor they name, if anything."""
    if not observations.snapshots:
        return filters
    return _with(engine, filters, partial(_by_directory, engine, observations))


def with_names_of(engine: Engine, identities: Identities, filters: Filters) -> Filters:
    """Return `filters` with what `identities`, made of all that the trail says, know of the names in them."""
    return _with(engine, filters, partial(known_as, identities))


def _with(engine: Engine, filters: Filters, ask: Callable[[str, list[str]], Known | None]) -> Filters:
    known = {}
    for field, asked, query in (
        ("known_mailbox", filters.mailbox, "mailbox_references"),
        ("known_actor", filters.actor, "actor_references"),
    ):
        if asked:
            known[field] = ask(asked, [row["reference"] for row in engine.rows(load_query(SQL, query))])
    return msgspec.structs.replace(filters, **known)


def _by_directory(engine: Engine, observations: Observations, asked: str, references: list[str]) -> Known | None:
    known = known_as(_identities(engine, observations, [asked]), asked)
    if known is None:
        return None
    alike = _alike(known, asked, references)
    if not alike:
        return known
    return known_as(_identities(engine, observations, [asked, *alike]), asked, alike)


def _identities(engine: Engine, observations: Observations, asked: list[str]) -> Identities:
    principals = observations.principals_called(asked)
    times: dict[str, list[datetime]] = {p.evidence_sha256: observations.times_of(p.evidence_sha256) for p in principals}
    return Identities([*of_principals(principals, times), *of_renames(engine)])


def _alike(known: Known, asked: str, references: Iterable[str]) -> list[str]:
    """Return the references that share a leading name with what is known, and are not among its names."""
    leading, spellings = leading_names(asked, known), known.spellings
    return [ref for ref in references if ref.casefold() not in spellings and names(ref) & leading]


def known_as(identities: Identities, asked: str, references: Iterable[str] = ()) -> Known | None:
    """Return what `identities` know of a name: None where they know nothing of it.

    Of `references`, those that look alike and are another's are told.
    """
    meant = identities.resolve(asked)
    if not meant.things:
        return None
    told = dict.fromkeys(
        span.value for number in meant.things for spans in identities.thing(number).spans.values() for span in spans
    )
    labels = tuple(identities.label(number) for number in meant.things)
    known = Known(labels, tuple(told), frozenset(name.casefold().removeprefix("smtp:") for name in told))
    others = [ref for ref in _alike(known, asked, references) if _is_anothers(identities, ref, meant.things)]
    return msgspec.structs.replace(known, others=frozenset(others))


def _is_anothers(identities: Identities, reference: str, meant: tuple[int, ...]) -> bool:
    found = identities.resolve(reference)
    return found.how in ("name", "former_name") and bool(found.things) and not set(found.things) & set(meant)
