"""Records of an audit policy that say nothing new: Windows writes them at a start or when a policy is applied again.

Event 612 states the whole policy, at every start of Windows 2003 SP2 too (KB840633); 4719 names what was added to or
removed from one subcategory, and applying the same policy again names it again.
"""

from __future__ import annotations

from mailwitness.analysis.filters import Filters
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query

_ADDED, _REMOVED = " added", " removed"


def restated_policies(engine: Engine, filters: Filters) -> frozenset[str]:
    """Return the event_ids of those that leave the policy as the record before them on that computer said it was.

    All records before the asked time are compared, not only those within it. After a log was cleared nothing is known
    of what came between, so the next record counts as a change.
    """
    known: dict[str, dict[str | None, object]] = {}
    restated = set()
    for row in engine.rows(load_query("mailwitness.analysis.sql", "policy_statements"), until=filters.until):
        if row["action"] == "log_cleared":
            known.pop(row["computer"], None)
            continue
        of_computer = known.setdefault(row["computer"], {})
        state = _state_after(of_computer.get(row["attribute"]), row["after"])
        if state is not None and of_computer.get(row["attribute"]) == state:
            restated.add(row["event_id"])
        of_computer[row["attribute"]] = state
    return frozenset(restated)


def _state_after(before: object, said: str | None) -> object:
    """Return the policy after a record that says `said`: the whole of it, or which parts are known to be on and off."""
    words = [word.strip().casefold() for word in (said or "").split(";")]
    if not all(word.endswith((_ADDED, _REMOVED)) for word in words):
        return said
    parts = dict(before) if isinstance(before, dict) else {}
    for word in words:
        outcome, _space, direction = word.rpartition(" ")
        parts[outcome] = direction
    return parts
