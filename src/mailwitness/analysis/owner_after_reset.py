"""Accesses of an "owner" soon after somebody else set his password, from a client never seen of him before.

Whose access it was is known by identity, not by spelling. Where the record names no client (1009, 1013), the one that
the server's logons show is taken (analysis.client_of); of several candidates nothing is concluded.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa

from mailwitness.analysis.client_of import infer_clients
from mailwitness.analysis.explain import Explainer
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query

Row = dict[str, Any]
SQL = "mailwitness.analysis.sql"
_PAIRS = pa.schema(
    [
        *((name, pa.string()) for name in ("mailbox_ref", "actor_name", "actor_sid", "logon_type")),
        ("owner", pa.int64()),
    ]
)


class AfterReset(msgspec.Struct, frozen=True):
    """One reset of a password, and what came after it from one strange client: rows in order of time."""

    reset: Row
    client: str
    accesses: list[Row]


def owner_after_reset(
    engine: Engine, explainer: Explainer, *, within: timedelta, known: timedelta
) -> Iterator[AfterReset]:
    """Yield each reset by another, and each client that the owner had not used in the time `known` before it.

    Only where usual clients of the owner are known at all: of one never seen before, every client is new.
    """
    resets = [(owner, row) for row in engine.rows(load_query(SQL, "password_resets")) for owner in _of(explainer, row)]
    if not resets:
        return
    pairs = list(_pairs(engine, explainer, {owner for owner, _ in resets}))
    if not pairs:
        return
    times = [row["occurred_at"] for _, row in resets]
    by_owner: dict[int, list[Row]] = {}
    for row in _accesses(engine, pairs, min(times) - known, max(times) + within):
        by_owner.setdefault(row["owner"], []).append(row)
    for owner, reset in resets:
        yield from _strange(reset, by_owner.get(owner, []), within, known)


def _of(explainer: Explainer, reset: Row) -> Iterator[int]:
    """Yield whose password it was, unless he set it himself."""
    asked = {"occurred_at": reset["occurred_at"], "actor_kind": "user"}
    owner = explainer.actor_of(asked | {"actor_name": reset["account_name"], "actor_sid": reset["account_sid"]}).one
    setter = explainer.actor_of(asked | {"actor_name": reset["actor_name"], "actor_sid": reset["actor_sid"]}).one
    if owner is not None and owner != setter:
        yield owner


def _pairs(engine: Engine, explainer: Explainer, owners: set[int]) -> Iterator[Row]:
    """Yield the names under which `owners` opened their own mailboxes. A record may say that it was the owner."""
    for row in engine.rows(load_query(SQL, "own_pairs")):
        mailbox = explainer.mailbox_of({**row, "occurred_at": None}).one
        if mailbox not in owners:
            continue
        if row["logon_type"] is None and explainer.actor_of({**row, "occurred_at": None}).one != mailbox:
            continue
        yield {name: row[name] for name in _PAIRS.names if name != "owner"} | {"owner": mailbox}


def _accesses(engine: Engine, pairs: list[Row], since: datetime, until: datetime) -> list[Row]:
    engine.register("asked_pairs", pa.Table.from_pylist(pairs, schema=_PAIRS))
    rows = engine.rows(load_query(SQL, "own_accesses"), since=since, until=until)
    infer_clients(engine, rows)
    return [row for row in rows if _client(row)]


def _client(row: Row) -> str | None:
    return row.get("client_host") or row.get("client_ip")


def _strange(reset: Row, accesses: list[Row], within: timedelta, known: timedelta) -> Iterator[AfterReset]:
    at = reset["occurred_at"]
    usual = {_client(row) for row in accesses if at - known <= row["occurred_at"] < at}
    if not usual:
        return
    found: dict[str, list[Row]] = {}
    for row in accesses:
        client = _client(row)
        if client is not None and client not in usual and at <= row["occurred_at"] < at + within:
            found.setdefault(client, []).append(row)
    for client, rows in found.items():
        yield AfterReset(reset, client, rows)
