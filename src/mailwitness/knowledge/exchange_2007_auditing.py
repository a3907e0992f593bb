"""The access auditing log of Exchange 2007 SP2, as knowledge/exchange_2007_auditing.yaml describes it: experimental."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

import msgspec

from mailwitness.event import Scope, Strength
from mailwitness.knowledge.loader import Mark, load, vocabulary

FILE = "exchange_2007_auditing.yaml"

Label = Literal[
    "actor",
    "mailbox",
    "subject",
    "administrative",
    "client_host",
    "client_ip",
    "client_app",
    "application",
    "item",
    "folder",
]


class AuditingEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One event of the log."""

    id: int
    title: str
    kind: str
    action: str
    scope: Scope
    strength: Strength


class AuditingKnowledge(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file as a whole."""

    source: str
    mark: Mark
    channel: str
    provider_prefix: str
    valid_from: str
    valid_to: str
    labels: dict[str, Label]
    sentences: tuple[str, ...]
    events: tuple[AuditingEvent, ...]


@cache
def auditing_knowledge() -> AuditingKnowledge:
    """Return the knowledge file; raises KnowledgeError on unknown words."""
    knowledge = load(FILE, AuditingKnowledge)
    for event in knowledge.events:
        vocabulary().check(event.kind, event.action, f"{FILE}: {event.id}")
    return knowledge


@cache
def auditing_events() -> dict[int, AuditingEvent]:
    """Return the events by id."""
    return {event.id: event for event in auditing_knowledge().events}


@cache
def sentences() -> tuple[re.Pattern[str], ...]:
    """Return the compiled first sentences."""
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in auditing_knowledge().sentences)
