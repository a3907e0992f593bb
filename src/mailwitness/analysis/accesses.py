"""Question 2: who that is not its owner opened this mailbox, with which client, and how strong is the evidence?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from mailwitness.analysis.client_of import infer_clients
from mailwitness.analysis.filters import Filters, actors_of, references_of
from mailwitness.analysis.names import same, weak_name
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query
from mailwitness.knowledge.experimental import is_experimental

Row = dict[str, Any]
SQL = "mailwitness.analysis.sql"
_KEY = pa.schema([("reference", pa.string()), ("key", pa.string())])
_PAIR = pa.schema([("actor_name", pa.string()), ("mailbox_ref", pa.string())])


def accesses(
    engine: Engine, filters: Filters, *, by_name: bool = True, events: Iterable[str] | None = None
) -> tuple[list[Row], dict[str, int]]:
    """Return the accesses in order of time, at most `filters.at_most`, and how many were left out, by reason.

    Each row is the event's fields, with `witnesses` (the event_ids of all its records), `client_inferred` (the logon a
    client was taken from) or `client_candidates`, `experimental` where its layout is unverified and `noise` where it is
    marked. Where the record does not say as whom it was, an access by the mailbox's own name counts as the owner's,
    unless `by_name` is off because the caller knows better who is who. `events`: only the records of these event_ids.
    """
    asked = _asked(engine, filters)
    if asked is None:
        return [], {}
    if events is not None:
        engine.register("asked_events", pa.table({"event_id": pa.array(events, pa.string())}))
        asked["by_id"] = True
    engine.register("mailbox_keys", _keys(engine))
    if filters.non_owner:
        engine.register("own_mailboxes", _own(engine, filters) if by_name else _PAIR.empty_table())
    (count,) = engine.rows(load_query(SQL, "accesses_counted"), **asked)
    quiet = None if filters.noise else True
    rows = engine.rows(load_query(SQL, "accesses"), quiet=quiet, at_most=filters.at_most, **asked)
    hidden = {"noise": count["noisy"]} if quiet and count["noisy"] else {}
    left = count["found"] - len(rows) - sum(hidden.values())
    if left:
        hidden["beyond_limit"] = left
    infer_clients(engine, rows)
    for row in rows:
        if is_experimental(row["source"], row["provider"], row["event_code"]):
            row["experimental"] = True
    return [{name: value for name, value in row.items() if value not in (None, [], ())} for row in rows], hidden


def _asked(engine: Engine, filters: Filters) -> dict[str, Any] | None:
    """Return the parameters of the questions, or None where a name asked for is nobody's in this trail."""
    references = references_of(engine, filters.mailbox, filters.known_mailbox).references if filters.mailbox else None
    actors = actors_of(engine, filters.actor, filters.known_actor) if filters.actor else None
    if references == () or actors == ():
        return None
    return {
        "since": filters.since,
        "until": filters.until,
        "outcome": filters.outcome,
        "right": filters.right,
        "non_owner": filters.non_owner or None,
        "references": list(references) if references else None,
        "actors": list(actors) if actors else None,
    }


def _keys(engine: Engine) -> pa.Table:
    """Return what each reference of a mailbox is compared by: its leading name."""
    references = {row["reference"] for row in engine.rows(load_query(SQL, "mailbox_references"))}
    return pa.table({"reference": sorted(references), "key": [weak_name(r) for r in sorted(references)]}, schema=_KEY)


def _own(engine: Engine, filters: Filters) -> pa.Table:
    """Return the pairs of account and mailbox that are one person's by name."""
    pairs = engine.rows(load_query(SQL, "undeclared_pairs"), since=filters.since, until=filters.until)
    own = [pair for pair in pairs if same(pair["actor_name"], pair["mailbox_ref"])]
    return pa.Table.from_pylist(own, schema=_PAIR)
