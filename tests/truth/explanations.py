"""Explanations held against what truly let each access happen, by the records of the changes on the way.

The truth knows every right; the evidence does not. Where nobody kept the log of a change on the way, nothing can
explain the access, unless something shows later that the right was there. Windows 2003 records that a list of rights
was written, not what: such a way is possible, never certain. Where another way is certain, the answer may tell that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.truth.comparison import RECORDS, RowNumbers, _named, _place, evidence_names

from mailwitness.analysis.explain import Explanation, explain
from mailwitness.analysis.explained_in_bulk import unexplained
from mailwitness.analysis.filters import Filters
from mailwitness.analysis.presence import End
from mailwitness.analysis.rights_over_time import rights_over_time
from mailwitness.directory.store import load_observations
from mailwitness.engine.embedded import Embedded
from mailwitness.trail.reader import open_reader

Row = dict[str, Any]


def wrong_explanations(trail: Path, evidence: Path, truth: list[Row]) -> list[str]:
    """Return every explanation over `trail` that disagrees with `truth`, as sentences."""
    with Embedded(open_reader(trail)) as engine:
        events = _events_by_place(engine, evidence)
        standing = rights_over_time(engine, load_observations(trail))
        told, _hidden = explain(engine, standing, Filters(noise=True))
        in_bulk = unexplained(engine, standing, Filters(noise=True))
    by_event = {event_id: each for each in told for event_id in each.access["witnesses"]}
    rows = {row["id"]: row for row in truth}
    said = []
    for row in truth:
        access = rows[row["access"]] if row["kind"] == "explanation" else {}
        if not access.get("evidence"):
            continue
        places = [_named(record) for record in access["evidence"]]
        found = {id(by_event[e]): by_event[e] for place in places for e in events.get(place, ()) if e in by_event}
        if len(found) != 1:
            said.append(f"{row['id']}: {len(found)} answers")
            continue
        (answer,) = found.values()
        said += [f"{row['id']} at {row['at']}: {part}" for part in _disagreements(row, answer, rows, events)]
    uncertain = {event_id for each in told if each.status != "explained" for event_id in each.access["witnesses"]}
    said += [f"told apart in bulk: {event_id}" for event_id in set(in_bulk.unexplained) - uncertain]
    return said


def _disagreements(row: Row, answer: Explanation, rows: dict[str, Row], events: dict[Any, set[str]]) -> list[str]:
    """Return what an explanation says differently from what happened, as far as the evidence can tell."""
    changes = [rows[change] for change in row.get("by", ())]
    ways = [way.path for way in answer.ways]
    if row["what"] == "explanation.unexplained":
        writes = all(way.doubt for way in answer.ways)
        return [] if answer.status == "unexplained" or (answer.status == "possible" and writes) else [f"told: {ways}"]
    if any(not change.get("evidence") for change in changes):
        told = [way for way in answer.ways if way.path == tuple(row["path"])]
        blind_writes = _events_of_blind_writes(row["mailbox_sid"], rows, events)
        known = any(_is_shown_later(step.since, blind_writes) for way in told for step in way.steps)
        return [] if known or not told else ["explained by a change whose log nobody kept"]
    if answer.status == "possible":
        blind = all(way.steps[-1].since.how == "written" for way in answer.ways)
        return [] if blind and row["organization"].endswith("-2003.example") else [f"only possible: {ways}"]
    if answer.status != "explained":
        return [f"unexplained, was {row['path']}"]
    if tuple(row["path"]) not in ways:
        return [] if _is_blind(changes) else [f"told {ways}, was {row['path']}"]
    steps = next(way.steps for way in answer.ways if way.path == tuple(row["path"]))
    told = {event_id for step in steps for event_id in step.since.event_ids}
    return [
        f"{change['id']} is no step"
        for change in changes
        if not told & {e for record in change["evidence"] for e in events.get(_named(record), ())}
    ]


def _is_shown_later(since: End, blind_writes: set[str]) -> bool:
    """Return whether a beginning is one that a later look at the right told: who gave it is not known for certain.

    Where the list was written before that look by records that tell no values, they are the last that can be named.
    """
    if since.how == "written":
        return bool(since.event_ids) and set(since.event_ids) <= blind_writes
    return since.how in ("before_trail", "snapshot")


def _events_of_blind_writes(mailbox_sid: str, rows: dict[str, Row], events: dict[Any, set[str]]) -> set[str]:
    """Return the events of the true writes of a mailbox's rights that tell no values."""
    writes = [row for row in rows.values() if row["kind"] == "change" and row.get("mailbox_sid") == mailbox_sid]
    records = [_named(record) for write in writes if _is_blind([write]) for record in write["evidence"]]
    return {event_id for record in records for event_id in events.get(record, ())}


def _is_blind(changes: list[Row]) -> bool:
    """Return whether any of the changes is one whose records tell no values."""
    return any((change.get("shown") or {}).get("rights") == [] for change in changes)


def _events_by_place(engine: Embedded, evidence: Path) -> dict[Any, set[str]]:
    names = {sha256: name.removeprefix(f"{evidence.name}/") for sha256, name in evidence_names(engine).items()}
    rows_of = RowNumbers(evidence)
    found: dict[Any, set[str]] = {}
    for row in engine.rows(RECORDS):
        found.setdefault(_place(row, names[row["evidence_sha256"]], rows_of), set()).add(row["event_id"])
    return found
