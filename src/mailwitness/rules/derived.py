"""Derived tables for rules: changes and accesses as analysis makes them, each with its events' place in the trail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from mailwitness.analysis.accesses import accesses
from mailwitness.analysis.change import Change
from mailwitness.analysis.changes import changes
from mailwitness.analysis.filters import Filters
from mailwitness.analysis.names import same, weak_name
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query
from mailwitness.rules.tables import DERIVED

Row = dict[str, Any]
SQL = "mailwitness.rules.sql"
AROUND = timedelta(minutes=15)
"""How far from an act its other witnesses may stand: a cmdlet and the directory's write on two hosts' clocks."""
CONTEXT = timedelta(days=1)
"""How far back changes are read beside the new ones: what usually stands beside an act is only known from others."""
_CHANGE_FIELDS = (
    "occurred_at mailbox_ref actor_name actor_sid noise kind action outcome scope folder object_dn object_class "
    "attribute trustee_sid trustee_name group_sid group_name actor_kind performed_by through_server client_ip before "
    "after weak partial target"
).split()
_ACCESS_FIELDS = (
    "occurred_at mailbox_ref actor_name actor_sid noise action outcome scope folder database actor_kind strength "
    "logon_type client_ip client_host client_app app_id source rights"
).split()
_FAR_PAST, _FAR_AHEAD = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


def change_table(engine: Engine, first_at: datetime, last_at: datetime, at: datetime) -> pa.Table:
    """Return the changes between two times, noise too (marked), as the table `changes`."""
    asked = Filters(since=moved(first_at, -AROUND), until=moved(last_at, AROUND), noise=True)
    context = Filters(since=moved(first_at, -CONTEXT), until=asked.until, noise=True)
    found, _hidden = changes(engine, context)
    wanted = [change for change in found if asked.since is None or change.occurred_at >= asked.since]
    rows = [(_of_change(change, at), [witness.event_id for witness in change.witnesses]) for change in wanted]
    return placed_table(engine, "changes", rows)


def access_table(engine: Engine, first_at: datetime, last_at: datetime) -> pa.Table:
    """Return the accesses by others than the owner between two times, noise too (marked), as the table `accesses`."""
    asked = Filters(since=moved(first_at, -AROUND), until=moved(last_at, AROUND), noise=True, non_owner=True)
    found, _hidden = accesses(engine, asked)
    return placed_table(engine, "accesses", [(_of_access(row), list(row["witnesses"])) for row in found])


def placed_table(engine: Engine, table: str, rows: Iterable[tuple[Row, list[str]]]) -> pa.Table:
    """Return rows and their events as a derived table: with the first and the latest of the events to be sealed."""
    listed = list(rows)
    places = places_of(engine, [row["occurred_at"] for row, _events in listed], (e for _, es in listed for e in es))
    whole = []
    for row, events in listed:
        known = [(places[event], event) for event in events if event in places]
        if known:
            first = min(known)[1]
            whole.append(row | {"seq": max(known)[0], "first_event_id": first, "event_ids": events})
    return pa.Table.from_pylist(whole, schema=DERIVED[table])


def places_of(engine: Engine, times: list[datetime], events: Iterable[str]) -> dict[str, int]:
    """Return where in the trail events stand that happened about `times`."""
    wanted = sorted(set(events))
    if not wanted or not times:
        return {}
    engine.register("rule_witnesses", pa.table({"event_id": pa.array(wanted, pa.string())}))
    since, until = moved(min(times), -timedelta(days=40)), moved(max(times), timedelta(days=40))
    rows = engine.rows(load_query(SQL, "event_places"), since=since, until=until)
    return {row["event_id"]: row["seq"] for row in rows}


def moved(at: datetime, span: timedelta) -> datetime:
    """Return the time `span` away, or the end of the calendar."""
    try:
        return at + span
    except OverflowError:
        return _FAR_AHEAD if span > timedelta() else _FAR_PAST


def _of_change(change: Change, at: datetime) -> Row:
    row: Row = {name: getattr(change, name) for name in _CHANGE_FIELDS}
    row["mailbox_ref"] = change.mailbox_ref or _mailbox_of_object(change)
    row["rights"] = list(change.rights)
    row["granted"] = list(dict.fromkeys(_rights(change, "granted")))
    row["granted_to"] = list(dict.fromkeys(_trustees(change, "granted")))
    row["revoked"] = list(dict.fromkeys(_rights(change, "revoked")))
    row["denied"] = list(dict.fromkeys(_rights(change, "denied")))
    row["lifted"] = list(dict.fromkeys(_rights(change, "undenied")))
    row["differences"] = list(dict.fromkeys(difference.action for difference in change.differences))
    row["sources"] = list(dict.fromkeys(witness.source for witness in change.witnesses))
    row["missing"] = list(change.missing)
    row["to_self"] = _to_self(change)
    row["settled_minutes"] = (at - change.occurred_at).total_seconds() / 60
    return row


def _mailbox_of_object(change: Change) -> str | None:
    return change.object_dn if change.scope == "mailbox" else None


def _rights(change: Change, action: str) -> Iterator[str]:
    for difference in change.differences:
        if difference.action == action:
            yield from difference.rights
    if not change.differences and change.action == action:
        yield from change.rights


def _trustees(change: Change, action: str) -> Iterator[str]:
    for difference in change.differences:
        if difference.action == action:
            yield from filter(None, (difference.trustee_sid, difference.trustee_name))
    if change.action == action:
        yield from filter(None, (change.trustee_sid, change.trustee_name))


def _to_self(change: Change) -> bool:
    """Return whether the act was to the actor's own favour, by SID or by name."""
    if change.actor_sid is not None and change.actor_sid == change.trustee_sid:
        return True
    if change.actor_sid is not None and change.actor_sid in set(_trustees(change, "granted")):
        return True
    return same(change.actor_name, change.trustee_name)


def _of_access(row: Row) -> Row:
    told = {name: row.get(name) for name in _ACCESS_FIELDS}
    told["rights"] = list(told["rights"] or ())
    told["mailbox"] = weak_name(row["mailbox_ref"]) if row.get("mailbox_ref") else None
    told["items"] = len(row.get("items") or ())
    return told
