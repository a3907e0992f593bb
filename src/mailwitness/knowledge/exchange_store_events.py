"""The store events of Exchange 5.5 to 2003, as knowledge/exchange_store_events.yaml describes them."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

import msgspec

from mailwitness.errors import KnowledgeError
from mailwitness.event import Outcome, Scope, Strength
from mailwitness.knowledge.loader import Mark, load, vocabulary

FILE = "exchange_store_events.yaml"

Word = Literal["account", "actor", "own", "mailbox", "database", "rights", "error", "before", "after", "subject"]
WORDS = frozenset(Word.__args__)  # type: ignore[attr-defined]


class StoreEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One event of the store: what it says, the layouts of its strings, its wordings.

    `not_read` gives the reason why an event is described and yet makes no event of ours.
    """

    id: int
    title: str
    mark: Mark
    source: str
    valid_from: str
    valid_to: str
    providers: tuple[str, ...] = ()
    kind: str | None = None
    action: str | None = None
    scope: Scope | None = None
    strength: Strength | None = None
    outcome: Outcome = "unknown"
    logon_type: str | None = None
    attribute: str | None = None
    folder_from_data: bool = False
    layouts: dict[int, tuple[Word, ...]] = {}
    wordings: tuple[str, ...] = ()
    not_read: str | None = None


class StoreKnowledge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: providers common to the events, and the events."""

    source: str
    channel: str
    providers: tuple[str, ...]
    events: tuple[StoreEvent, ...]


def provider_key(name: str) -> str:
    """Return a provider's name as it is compared: the source names differ in case and spaces between versions."""
    return name.replace(" ", "").casefold()


@cache
def store_knowledge() -> StoreKnowledge:
    """Return the knowledge file; raises KnowledgeError on unknown words, layouts or wordings that do not hold."""
    knowledge = load(FILE, StoreKnowledge)
    for event in knowledge.events:
        _check(event)
    return knowledge


@cache
def store_events() -> dict[tuple[str, int], StoreEvent]:
    """Return the events that are read, by provider key and event id."""
    knowledge = store_knowledge()
    return {
        (provider_key(provider), event.id): event
        for event in knowledge.events
        if event.not_read is None
        for provider in (event.providers or knowledge.providers)
    }


@cache
def compiled(wordings: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """Return the wordings of an event, compiled."""
    return tuple(re.compile(pattern, re.IGNORECASE | re.DOTALL) for pattern in wordings)


def _check(event: StoreEvent) -> None:
    where = f"{FILE}: {event.id}"
    if event.not_read is not None:
        return
    vocabulary().check(event.kind or "", event.action or "", where)
    for number, words in event.layouts.items():
        if number != len(words):
            raise KnowledgeError(f"a layout of {number} strings names {len(words)}", where=where)
    for pattern in event.wordings:
        if not (pattern.startswith("^") and pattern.endswith("$")):
            raise KnowledgeError("a wording is not anchored at both ends", where=where)
        unknown = set(re.compile(pattern).groupindex) - WORDS
        if unknown:
            raise KnowledgeError(f"a wording uses unknown words: {sorted(unknown)}", where=where)
