"""A finding: one rule fulfilled by one act, one pattern of acts, or one silence, with the events that prove it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from mailwitness.event import canonical

Level = Literal["informational", "low", "medium", "high", "critical"]
LEVELS: tuple[Level, ...] = ("informational", "low", "medium", "high", "critical")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule found. `occurred_at` is the time of the act, or of the last act of a pattern (aware UTC).

    `event_ids` are the sealed events that prove it; `summary` is what a person reads of them: names and values as the
    records say them, so whoever shows it escapes it.
    """

    finding_id: str
    rule_id: str
    title: str
    level: Level
    occurred_at: datetime
    event_ids: tuple[str, ...]
    tags: tuple[str, ...] = ()
    mailbox_ref: str | None = None
    actor: str | None = None
    summary: dict[str, str] = {}
    description: str = ""


def finding_id(rule_id: str, grouping: Sequence[str | None], first_event_id: str) -> str:
    """Return the identity of a finding: the same rule, group and first event are the same finding.

    The first event is the one that the trail sealed first, which no later arrival can change; so a finding keeps its
    identity when more of its records come in.
    """
    return hashlib.sha256(canonical(["finding", rule_id, list(grouping), first_event_id])).hexdigest()


def at_least(level: Level) -> tuple[Level, ...]:
    """Return `level` and the levels above it."""
    return LEVELS[LEVELS.index(level) :]
