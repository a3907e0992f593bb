"""Derived tables of patterns: windows in which rights were used, applications seen first, logs gone silent."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from mailwitness.analysis.explain import Explainer, Explanation, explain
from mailwitness.analysis.filters import Filters
from mailwitness.analysis.reach import Line, reach
from mailwitness.analysis.rights_over_time import rights_over_time
from mailwitness.analysis.standing import Standing
from mailwitness.analysis.windows_of_use import (
    HIT_AND_RUN,
    Window,
    audit_off,
    hit_and_run,
    late_first_access,
    reset_then_owner,
)
from mailwitness.directory.clock import micros
from mailwitness.directory.store import Observations
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query
from mailwitness.rules.derived import SQL, moved, placed_table
from mailwitness.rules.tables import DERIVED
from mailwitness.trail.schema import INSTANT

Row = dict[str, Any]
AT_A_TIME = 50_000
"""Accesses that are explained at a time."""
_DAY = timedelta(days=1)
_USES = pa.schema(
    [
        ("number", pa.int64()),
        ("actor_name", pa.string()),
        ("mailbox_ref", pa.string()),
        ("began_at", INSTANT),
        ("used_at", INSTANT),
    ]
)
Placed = tuple[Row, list[str]]


def window_table(
    engine: Engine, observations: Observations | None, span: tuple[datetime, datetime], changed: pa.Table | None
) -> pa.Table:
    """Return the windows that accesses between two times, or the changes about them, open or close.

    A right that is taken away now makes a window of accesses of the day before: so far back they are explained anew.
    `changed`, the table of the changes, tells of memberships: who entered a group that opens mailboxes.
    """
    standing = rights_over_time(engine, observations)
    explainer = Explainer(standing)
    rows: list[Placed] = []
    for first_at, last_at in _slices(engine, *span):
        asked = Filters(since=moved(first_at, -HIT_AND_RUN), until=moved(last_at, timedelta(microseconds=1)))
        explanations, _hidden = explain(engine, standing, asked)
        windows = [*hit_and_run(explanations), *audit_off(engine, explanations, explainer)]
        windows += _first_uses(engine, late_first_access(explanations))
        rows += [*map(_of_window, windows), *_unexplained(explanations)]
    rows += map(_of_window, reset_then_owner(engine, explainer))
    if changed is not None:
        rows += _memberships(standing, changed.to_pylist())
    return placed_table(engine, "windows", rows)


def _slices(engine: Engine, first_at: datetime, last_at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the span in stretches of whole days with about AT_A_TIME accesses: so much is in memory at a time."""
    days = engine.rows(load_query(SQL, "access_days"), since=moved(first_at, -HIT_AND_RUN), until=last_at)
    start: datetime | None = None
    count = 0
    for day in days:
        start, count = start or day["day_at"], count + day["accesses"]
        if count >= AT_A_TIME:
            yield max(start, first_at), min(moved(day["day_at"], _DAY), last_at)
            start, count = None, 0
    if start is not None:
        yield max(start, first_at), last_at


def _first_uses(engine: Engine, windows: list[Window]) -> list[Window]:
    """Return the windows whose right was truly not used before the first use in the stretch at hand."""
    if not windows:
        return []
    told = [
        {
            "number": number,
            "actor_name": window.account,
            "mailbox_ref": window.mailbox,
            "began_at": window.began.at,
            "used_at": window.first_access_at,
        }
        for number, window in enumerate(windows)
    ]
    engine.register("rule_first_uses", pa.Table.from_pylist(told, schema=_USES))
    before = {row["number"] for row in engine.rows(load_query(SQL, "used_before"))}
    return [window for number, window in enumerate(windows) if number not in before]


def _of_window(window: Window) -> Placed:
    began, ended = window.began, window.ended
    row: Row = {
        "occurred_at": window.first_access_at,
        "window": window.kind,
        "mailbox_ref": window.mailbox,
        "actor_name": window.account,
        "right": window.right,
        "began_by": began.by or began.by_sid,
        "began_at": began.at,
        "accesses": len(window.accesses),
        "clients": list(window.clients),
    }
    events = [*began.event_ids, *window.accesses]
    if ended is not None:
        row["ended_at"] = ended.at
        events += ended.event_ids
        if began.at is not None and ended.at is not None:
            row["minutes"] = (ended.at - began.at).total_seconds() / 60
    return row, list(dict.fromkeys(events))


def _unexplained(explanations: list[Explanation]) -> Iterator[Placed]:
    """Yield the accesses that no known right explains, those of one actor and mailbox together."""
    found: dict[tuple[Any, ...], list[Explanation]] = {}
    for each in explanations:
        if each.status == "unexplained":
            access = each.access
            day = access["occurred_at"].date()
            found.setdefault((access.get("actor_name"), access.get("mailbox_ref"), day), []).append(each)
    for several in found.values():
        rows = [each.access for each in several]
        first = rows[0]
        strongest = max((row.get("strength") or "attempted" for row in rows), key=_STRENGTHS.index)
        yield (
            {
                "occurred_at": first["occurred_at"],
                "window": "unexplained",
                "mailbox_ref": first.get("mailbox_ref"),
                "actor_name": first.get("actor_name"),
                "actor_sid": first.get("actor_sid"),
                "noise": first.get("noise"),
                "status": "unexplained",
                "strength": strongest,
                "action": first.get("action"),
                "source": first.get("source"),
                "accesses": len(rows),
                "clients": sorted({c for row in rows if (c := row.get("client_host") or row.get("client_ip"))}),
            },
            [event for row in rows for event in row["witnesses"]],
        )


def _memberships(standing: Standing, changed: list[Row]) -> Iterator[Placed]:
    """Yield who was put into a group through which mailboxes are opened or sent from, and how many of them."""
    opened: dict[tuple[int, int], list[Line]] = {}
    for change in changed:
        if (change["kind"], change["action"], change["outcome"]) != ("membership", "added", "success"):
            continue
        at = micros(change["occurred_at"])
        group = _group(standing, change)
        if group is None:
            continue
        key = (group, bisect_right(standing.moments_of(group), at))
        if key not in opened:
            opened[key] = [line for line in reach(standing, group, at) if line.of in _OPENS and line.way.doubt is None]
        if lines := opened[key]:
            one = {line.mailbox if line.scope == "mailbox" else None for line in lines}
            told = {name: change[name] for name in ("occurred_at", "actor_name", "actor_sid", "noise")}
            told |= {
                "window": "membership_opens",
                "mailbox_ref": next(iter(one)) if len(one) == 1 else None,
                "right": ", ".join(sorted({line.right for line in lines})),
                "began_by": change["trustee_name"] or change["trustee_sid"],
                "status": change["group_name"],
                "accesses": sum(line.mailboxes or 1 for line in lines),
            }
            yield told, change["event_ids"]


_OPENS = frozenset({"open", "send"})


def _group(standing: Standing, change: Row) -> int | None:
    identities, at = standing.identities, change["occurred_at"]
    found = identities.resolve(change["group_sid"], "sid", at).one if change["group_sid"] else None
    if found is None and change["group_name"]:
        found = identities.resolve(change["group_name"], None, at).one
    return found


_STRENGTHS = ("attempted", "opened", "read", "acted")


def application_table(engine: Engine, since_seq: int, until_seq: int) -> pa.Table:
    """Return the applications that opened a mailbox for the first time by an event newly sealed."""
    rows = engine.rows(load_query(SQL, "first_seen_applications"), since_seq=since_seq, until_seq=until_seq)
    told = [row | {"first_event_id": row["event_id"], "event_ids": [row["event_id"]]} for row in rows]
    return pa.Table.from_pylist(told, schema=DERIVED["applications"])


def host_table(engine: Engine, until_seq: int, at: datetime) -> pa.Table:
    """Return how long each log has been silent at a time, against its own longest pauses."""
    rows = []
    for row in engine.rows(load_query(SQL, "silent_hosts"), until_seq=until_seq, at=at):
        longest = max(row["longest_seconds"], 1)
        rows.append(
            row
            | {
                "seq": row["last_seq"],
                "first_event_id": row["last_event_id"],
                "event_ids": [row["last_event_id"]],
                "occurred_at": row["last_at"],
                "silent_hours": row["silent_seconds"] / 3600,
                "times_longer": row["silent_seconds"] / longest,
            }
        )
    return pa.Table.from_pylist(rows, schema=DERIVED["hosts"])
