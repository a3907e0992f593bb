"""An engine over rows made in a test: the real questions on a table in memory instead of a trail's files."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa

from mailwitness.engine.query import Query
from mailwitness.knowledge.noise import noise_sql
from mailwitness.trail.schema import EVENTS_SCHEMA

DEFAULTS = {"leaf_kind": "event", "log_id": "log", "month": "2026-03", "entry": b"", "schema_version": 1, "offset": 0}


class EngineOfRows:
    """Answers the questions as the embedded engine does. Rows are dicts of the events table's columns."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("SET TimeZone = 'UTC'")

    def hold(self, rows: list[dict[str, Any]]) -> EngineOfRows:
        """Take these rows for all events there are."""
        names = EVENTS_SCHEMA.names
        whole = [{name: (DEFAULTS | row).get(name) for name in names} for row in rows]
        self.connection.register("all_events", pa.Table.from_pylist(whole, schema=EVENTS_SCHEMA))
        columns = f"*, {noise_sql()} AS noise"
        self.connection.execute(f"CREATE OR REPLACE TABLE events AS SELECT {columns} FROM all_events")  # noqa: S608
        self.connection.execute("CREATE OR REPLACE VIEW leaves AS SELECT * FROM all_events WHERE false")
        return self

    def register(self, name: str, table: pa.Table) -> None:
        self.connection.register(name, table)

    def table(self, query: Query, **parameters: Any) -> pa.Table:
        sql, used = query.bind(**parameters)
        return self.connection.sql(sql, params=used).to_arrow_table()

    def rows(self, query: Query, **parameters: Any) -> list[dict[str, Any]]:
        sql, used = query.bind(**parameters)
        cursor = self.connection.execute(sql, used)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
