"""The embedded engine: DuckDB over the Parquet files of the table's live version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import duckdb
import orjson
import pyarrow as pa

from mailwitness.engine.over_trail import OverTrail
from mailwitness.engine.query import Query
from mailwitness.knowledge.noise import noise_sql
from mailwitness.trail.reader import TrailReader
from mailwitness.trail.schema import EVENTS_SCHEMA


class Embedded(OverTrail):
    """DuckDB in this process, reading only. Close it, or use it as a context manager."""

    def __init__(
        self, reader: TrailReader, *, threads: int = 2, memory_limit: str = "2GB", recovered: bool = False
    ) -> None:
        """Open over the live files of `reader`'s trail.

        Where several logs hold the same event, the view `events` keeps the first by log_id and seq. Records that a
        reader recovered from outside the live ones are left out unless `recovered` asks for them. Its column `noise`
        is the reason of knowledge/noise.yaml, worked out only where a question asks for it. The view `leaves` holds
        what is no event: custody, seals, purges.
        """
        super().__init__(reader)
        self._connection = duckdb.connect(
            config={"threads": threads, "memory_limit": memory_limit, "autoload_known_extensions": False}
        )
        self._connection.execute("SET parquet_metadata_cache = true")  # no file of the table changes under its name
        open_views(self._connection, reader, recovered=recovered)

    def __enter__(self) -> Self:
        """Return this engine."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        self._connection.close()

    def register(self, name: str, table: pa.Table) -> None:
        """Make `table` known to the questions as `name`."""
        self._connection.register(name, table)

    def table(self, query: Query, **parameters: Any) -> pa.Table:  # noqa: ANN401 - SQL values
        """Return the answer as an Arrow table."""
        sql, used = query.bind(**parameters)
        return self._connection.sql(sql, params=used).to_arrow_table()

    def rows(self, query: Query, **parameters: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - SQL values
        """Return the answer as dicts of Python values; times are aware UTC."""
        sql, used = query.bind(**parameters)
        cursor = self._connection.execute(sql, used)
        names = [column[0] for column in cursor.description or []]
        return [{name: in_utc(value) for name, value in zip(names, row, strict=True)} for row in cursor.fetchall()]

    def scan_filters(self, query: Query, **parameters: Any) -> list[str]:  # noqa: ANN401 - SQL values
        """Return the filters that reach the Parquet scans of the question, for tests."""
        sql, used = query.bind(**parameters)
        row = self._connection.execute("EXPLAIN (FORMAT json) " + sql, used).fetchone()
        return [] if row is None else list(_scan_filters(orjson.loads(row[1])))


def _scan_filters(nodes: list[dict[str, Any]]) -> Iterator[str]:
    for node in nodes:
        about = node.get("extra_info", {})
        if about.get("Function") == "READ_PARQUET":
            filters = about.get("Filters", [])
            yield from [filters] if isinstance(filters, str) else filters
        yield from _scan_filters(node.get("children", []))


def open_views(connection: duckdb.DuckDBPyConnection, reader: TrailReader, *, recovered: bool = False) -> None:
    """Make the views `events` and `leaves` of a trail known to a connection, as `Embedded` promises them."""
    events = reader.event_files()
    logs = {part for name in events for part in name.parts if part.startswith("log_id=")}
    live = "" if recovered else " AND NOT coalesce(recovered, false)"
    once = " QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY log_id, seq) = 1" if len(logs) > 1 else ""
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("nothing", EVENTS_SCHEMA.empty_table())
    signed = f"seq < {reader.size}"
    kept = f"leaf_kind = 'event' AND {signed}{live}{once}"
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW events AS SELECT *, {noise_sql()} AS noise FROM {_files(events)} WHERE {kept}"  # noqa: S608 - names are quoted
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW leaves AS SELECT * FROM {_files(reader.leaf_files())} WHERE {signed}"  # noqa: S608 - as above
    )


def _files(names: Iterable[Path]) -> str:
    """Return what to read `names` by; the registered empty table where there are none."""
    quoted = ", ".join("'" + str(name).replace("'", "''") + "'" for name in names)
    return f"read_parquet([{quoted}], hive_partitioning = true, union_by_name = true)" if quoted else "nothing"


def in_utc(value: object) -> object:
    """Return a time in UTC, anything else as it is."""
    return value.astimezone(UTC) if isinstance(value, datetime) else value
