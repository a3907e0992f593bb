"""Where from: the store's events 1016, 1009 and 1013 name no client; the server's Security log does.

The account's logons to the same server (528, 540, 4624) shortly before are candidates. One candidate is taken, and
marked as inferred; several stay candidates. Source of the method: KB260835 (a logon over the network joined with the
store's 1009).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa

from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query
from mailwitness.trail.schema import INSTANT

Row = dict[str, Any]
BEFORE = timedelta(minutes=10)
"""How long before the access the account may have logged on: a session stays open while mail is read."""
AFTER = timedelta(seconds=2)
"""The two logs count whole seconds, and either may be written first."""
_CLIENTLESS = pa.schema(
    [
        ("event_id", pa.string()),
        ("computer", pa.string()),
        ("actor_name", pa.string()),
        ("since", INSTANT),
        ("until", INSTANT),
    ]
)


class Client(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One client an access may have come from, and the logon that says so."""

    client_host: str | None
    client_ip: str | None
    logon_event_id: str
    logged_on_at: datetime


def clients_of(engine: Engine, accesses: Iterable[Row]) -> dict[str, tuple[Client, ...]]:
    """Return the clients that each access may have come from, by event_id, the last logon first."""
    asked = [
        {
            "event_id": row["event_id"],
            "computer": row["computer"].lower(),
            "actor_name": row["actor_name"].lower(),
            "since": row["occurred_at"] - BEFORE,
            "until": row["occurred_at"] + AFTER,
        }
        for row in accesses
        if row.get("computer") and row.get("actor_name")
    ]
    if not asked:
        return {}
    engine.register("clientless", pa.Table.from_pylist(asked, schema=_CLIENTLESS))
    found: dict[str, list[Client]] = {}
    for row in engine.rows(load_query("mailwitness.analysis.sql", "client_candidates")):
        client = Client(
            client_host=row["client_host"],
            client_ip=row["client_ip"],
            logon_event_id=row["logon_event_id"],
            logged_on_at=row["logged_on_at"],
        )
        found.setdefault(row["event_id"], []).append(client)
    return {event_id: tuple(clients) for event_id, clients in found.items()}


def infer_clients(engine: Engine, accesses: list[Row]) -> None:
    """Give the store's accesses the client their server's logons show.

    One candidate becomes client_host and client_ip, with `client_inferred` set; several stand in `client_candidates`.
    """
    without = [row for row in accesses if row["source"] == "exchange_store" and not _has_client(row)]
    found = clients_of(engine, without) if without else {}
    for row in without:
        clients = found.get(row["event_id"], ())
        if len(clients) == 1:
            row["client_host"], row["client_ip"] = clients[0].client_host, clients[0].client_ip
            row["client_inferred"] = clients[0].logon_event_id
        elif clients:
            row["client_candidates"] = clients


def _has_client(row: Row) -> bool:
    return bool(row.get("client_host") or row.get("client_ip"))
