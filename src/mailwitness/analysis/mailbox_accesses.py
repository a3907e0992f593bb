"""The accesses of single mailboxes, for whoever asks often: what `accesses` works out anew each time is kept here.

Same question, same SQL of merging, the same rows. What differs: the references are given (somebody resolved the name
already), the latest come first, and the keys and own pairs of the whole trail were made once.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from mailwitness.analysis.client_of import infer_clients
from mailwitness.analysis.names import weak_name
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import Query, load_query
from mailwitness.knowledge.experimental import is_experimental

Row = dict[str, Any]
SQL = "mailwitness.analysis.sql"
_KEY = pa.schema([("reference", pa.string()), ("key", pa.string())])
_PAIR = pa.schema([("actor_name", pa.string()), ("mailbox_ref", pa.string())])


RECORDS_OF_ONE = 4
"""Records that one access may leave: so many more are read than accesses are asked for."""


@cache
def _query(name: str) -> Query:
    return load_query(SQL, name)


@cache
def _merged() -> Query:
    """Return the question `accesses` as it is asked of the few records that were read already."""
    query = load_query(SQL, "accesses")
    return Query(query.name, query.question, query.text.replace("FROM events", "FROM few_accesses"))


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the accesses: whose (references as written), by whom, when; `non_owner` leaves owners out."""

    references: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    non_owner: bool = True
    noise: bool = False
    at_most: int = 1_000


def keys_of(references: Iterable[str]) -> pa.Table:
    """Return what references are compared by, for `prepare`."""
    listed = sorted(set(references))
    return pa.table({"reference": listed, "key": [weak_name(r) for r in listed]}, schema=_KEY)


def pairs_of(pairs: Iterable[tuple[str, str]]) -> pa.Table:
    """Return pairs of account and mailbox that are one person's, for `prepare`."""
    return pa.Table.from_pylist([{"actor_name": a, "mailbox_ref": m} for a, m in sorted(set(pairs))], schema=_PAIR)


def prepare(engine: Engine, keys: pa.Table, own: pa.Table) -> None:
    """Make known to an engine what every question of `mailbox_accesses` needs."""
    engine.register("mailbox_keys", keys)
    engine.register("own_mailboxes", own)


_MERGED = ("exchange_store", "exchange_cmdlets", "admin_audit")


def _as_they_are(few: pa.Table, asked: Asked) -> list[Row] | None:
    """Return records as accesses in order of time where each is one: no source among them writes several of one.

    None where some have to be put together, or where only the pairs of `prepare` tell whose access it was.
    """
    if pc.any(pc.is_in(few.column("source"), pa.array(_MERGED))).as_py():
        return None
    if asked.non_owner and few.column("logon_type").null_count:
        return None
    rows = [
        row | {"occurred_at": row["occurred_at"].astimezone(UTC), "witnesses": [row["event_id"]]}
        for row in few.to_pylist()
        if (asked.noise or row["noise"] is None)
        and (asked.since is None or row["occurred_at"] >= asked.since)
        and (asked.until is None or row["occurred_at"] < asked.until)
    ]
    return sorted(rows, key=_in_order)


def _in_order(row: Row) -> tuple[datetime, bool, str, bool, int, int]:
    """Return what `accesses` orders by: time, computer, record number, leaf; what is missing comes last."""
    computer, number = row["computer"], row["record_id"]
    return row["occurred_at"], computer is None, computer or "", number is None, number or 0, row["seq"]


def mailbox_accesses(engine: Engine, asked: Asked) -> list[Row]:
    """Return at most `asked.at_most` accesses, the latest first, as rows like those of `accesses`.

    Fields that only the page of a record shows are left out (see mailbox_rows.sql).

    `engine` was prepared. Without references, actors and events it asks of the whole trail. The few records that can
    matter are read from the table first, and put together then: planning the merging over the table's files costs
    more than the reading.
    """
    if asked.events:
        engine.register("asked_events", pa.table({"event_id": pa.array(asked.events, pa.string())}))
    narrowed: dict[str, Any] = {
        "since": asked.since,
        "until": asked.until,
        "references": list(asked.references) or None,
        "actors": list(asked.actors) or None,
        "by_id": bool(asked.events) or None,
        "non_owner": asked.non_owner or None,
    }
    few = engine.table(_query("mailbox_rows"), at_most=asked.at_most * RECORDS_OF_ONE, **narrowed)
    rows = _as_they_are(few, asked)
    if rows is None:
        engine.register("few_accesses", few)
        rows = engine.rows(_merged(), quiet=None if asked.noise else True, **narrowed)
    rows = rows[::-1][: asked.at_most]
    infer_clients(engine, rows)
    for row in rows:
        if is_experimental(row["source"], row["provider"], row["event_code"]):
            row["experimental"] = True
    return [{name: value for name, value in row.items() if value not in (None, [], ())} for row in rows]
