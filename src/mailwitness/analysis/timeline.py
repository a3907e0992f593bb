"""The changes of one mailbox and the accesses to it on one axis of time."""

from __future__ import annotations

from typing import Any

from mailwitness.analysis.accesses import accesses
from mailwitness.analysis.change import Change
from mailwitness.analysis.changes import changes
from mailwitness.analysis.filters import Filters
from mailwitness.engine.interface import Engine


def timeline(engine: Engine, filters: Filters) -> tuple[list[Change | dict[str, Any]], dict[str, int]]:
    """Return changes and accesses of `filters.mailbox` in order of time, and how many were hidden, by reason."""
    changed, hidden = changes(engine, filters)
    opened, hidden_accesses = accesses(engine, filters)
    for reason, count in hidden_accesses.items():
        hidden[reason] = hidden.get(reason, 0) + count
    entries: list[Change | dict[str, Any]] = [*changed, *opened]
    entries.sort(key=lambda e: e.occurred_at if isinstance(e, Change) else e["occurred_at"])
    return entries, hidden
