"""Accesses: each once whatever number of records tells of it, and none hidden by another."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import pyarrow as pa
from tests.analysis.rows import START, row

from mailwitness.analysis.accesses import accesses
from mailwitness.analysis.filters import Filters
from mailwitness.knowledge.noise import noise_sql
from mailwitness.trail.schema import EVENTS_SCHEMA

_FORCED = {"leaf_kind": "event", "month": "2026-03", "entry": b"", "schema_version": 1, "offset": 0}


class Rows:
    """An engine over these events."""

    def __init__(self, *events) -> None:
        whole = [{name: (event | _FORCED).get(name) for name in EVENTS_SCHEMA.names} for event in events]
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("SET TimeZone = 'UTC'")
        self.connection.register("everything", pa.Table.from_pylist(whole, schema=EVENTS_SCHEMA))
        self.connection.execute(f"CREATE VIEW events AS SELECT *, {noise_sql()} AS noise FROM everything")  # noqa: S608

    def register(self, name, table):
        self.connection.register(name, table)

    def rows(self, query, **parameters):
        sql, used = query.bind(**parameters)
        cursor = self.connection.execute(sql, used)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, found, strict=True)) for found in cursor.fetchall()]


def opened(seconds, code, /, **fields):
    said = {
        "1013": {"strength": "opened", "outcome": "success"},
        "1016": {"strength": "attempted", "outcome": "unknown"},
        "1022": {"strength": "attempted", "outcome": "failure"},
        "1029": {"strength": "attempted", "outcome": "failure"},
    }[code]
    plain = {"kind": "access", "action": "logon", "source": "exchange_store", "event_code": code}
    names = {"actor_name": "FABRIK\\hans", "mailbox_ref": "/o=Fabrik/ou=First/cn=Recipients/cn=anna"}
    return row(seconds, **(plain | said | names | fields))


def told(*events, **filters):
    found, _hidden = accesses(Rows(*events), Filters(**filters))
    return [(len(access["witnesses"]), access["outcome"]) for access in found]


def test_two_records_of_one_logon_are_one_access():
    assert told(opened(0, "1016"), opened(0.1, "1013")) == [(2, "success")]
    assert told(opened(0, "1016"), opened(0.1, "1022")) == [(2, "failure")]


def test_two_equal_accesses_within_the_window_stay_two():
    events = [opened(0, "1016"), opened(0.1, "1013"), opened(1, "1016"), opened(1.1, "1013")]
    assert told(*events) == [(2, "success"), (2, "success")]
    assert told(opened(0, "1016"), opened(0.1, "1016"), opened(0.2, "1013"), opened(0.3, "1013")) == [
        (2, "success"),
        (2, "success"),
    ]


def test_records_further_apart_than_the_window_are_not_one():
    events = [opened(n, "1013") for n in range(20)] + [opened(20, "1016")]
    assert [count for count, _ in told(*events)] == [1] * 21


def test_a_refused_attempt_is_not_hidden_by_a_logon_that_succeeded():
    events = [opened(0, "1029"), opened(0.5, "1013")]
    assert sorted(told(*events)) == [(1, "failure"), (1, "success")]
    assert told(*events, outcome="failure") == [(1, "failure")]


def test_an_access_at_the_edge_of_the_asked_time_is_in_one_window_only():
    events = [opened(0, "1016"), opened(1, "1013")]
    edge = START + timedelta(seconds=0.5)
    assert sorted(told(*events, until=edge) + told(*events, since=edge)) == [(2, "success")]


def test_the_right_is_asked_for_without_regard_to_case():
    event = row(0, kind="access", action="logon", source="unified_audit", rights=["FullAccess"], mailbox_ref="anna")
    assert told(event, right="fullaccess") == [(1, "success")]
