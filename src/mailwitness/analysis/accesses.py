"""Question 2: who that is not its owner opened this mailbox, with which client, and how strong is the evidence?"""

from __future__ import annotations

from typing import Any

from mailwitness.analysis.filters import Filters, references_of
from mailwitness.analysis.names import same
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query
from mailwitness.knowledge.experimental import is_experimental
from mailwitness.knowledge.noise import noise_of

Row = dict[str, Any]


def accesses(engine: Engine, filters: Filters) -> tuple[list[Row], dict[str, int]]:
    """Return the accesses in order of time, and how many were hidden, by reason.

    Each row is the event's fields, with `experimental` where its layout is unverified and `noise` where it is
    marked. An access by the mailbox's own name counts as the owner's.
    """
    references = references_of(engine, filters.mailbox).references if filters.mailbox else None
    if references == ():
        return [], {}
    rows = engine.rows(
        load_query("mailwitness.analysis.sql", "accesses"),
        since=filters.since,
        until=filters.until,
        outcome=filters.outcome,
        non_owner=filters.non_owner or None,
        references=list(references) if references else None,
    )
    shown: list[Row] = []
    hidden: dict[str, int] = {}
    for row in rows:
        if filters.non_owner and row["logon_type"] is None and same(row["actor_name"], row["mailbox_ref"]):
            continue
        if not filters.actor_matches(row["actor_name"], row["actor_sid"]):
            continue
        if not filters.right_matches(tuple(row["rights"] or ())):
            continue
        row["noise"] = noise_of(row)
        if row["noise"] and not filters.noise:
            hidden["noise"] = hidden.get("noise", 0) + 1
            continue
        if is_experimental(row["source"], row["provider"], row["event_code"]):
            row["experimental"] = True
        shown.append({name: value for name, value in row.items() if value not in (None, [], ())})
    return shown, hidden
