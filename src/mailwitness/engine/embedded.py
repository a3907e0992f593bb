"""The embedded engine: DuckDB over the Parquet files of the table's live version."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import duckdb
import pyarrow as pa

from mailwitness.engine.query import Query
from mailwitness.trail.schema import EVENTS_SCHEMA


class Embedded:
    """DuckDB in this process, reading only. Close it, or use it as a context manager."""

    def __init__(
        self, event_files: Iterable[Path], *, threads: int = 2, memory_limit: str = "2GB", recovered: bool = False
    ) -> None:
        """Open over `event_files`, the Parquet files of the events table.

        Where several logs hold the same event, the view `events` keeps the first by log_id and seq. Records that a
        reader recovered from outside the live ones are left out unless `recovered` asks for them.
        """
        event_files = list(event_files)
        logs = {part for name in event_files for part in name.parts if part.startswith("log_id=")}
        live = "" if recovered else " AND NOT coalesce(recovered, false)"
        once = " QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY log_id, seq) = 1" if len(logs) > 1 else ""
        self._connection = duckdb.connect(
            config={"threads": threads, "memory_limit": memory_limit, "autoload_known_extensions": False}
        )
        self._connection.execute("SET TimeZone = 'UTC'")
        if event_files:
            files = ", ".join("'" + str(name).replace("'", "''") + "'" for name in event_files)
            leaves = f"read_parquet([{files}], hive_partitioning = true, union_by_name = true)"
        else:
            self._connection.register("no_leaves", EVENTS_SCHEMA.empty_table())
            leaves = "no_leaves"
        self._connection.execute(f"CREATE VIEW leaves AS SELECT * FROM {leaves}")  # noqa: S608 - names quoted above
        self._connection.execute(f"CREATE VIEW events AS SELECT * FROM leaves WHERE leaf_kind = 'event'{live}{once}")  # noqa: S608

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
        return self._connection.execute(sql, used).to_arrow_table()

    def rows(self, query: Query, **parameters: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - SQL values
        """Return the answer as dicts of Python values; times are aware UTC."""
        sql, used = query.bind(**parameters)
        cursor = self._connection.execute(sql, used)
        names = [column[0] for column in cursor.description or []]
        return [{name: _in_utc(value) for name, value in zip(names, row, strict=True)} for row in cursor.fetchall()]

    def plan(self, query: Query, **parameters: Any) -> str:  # noqa: ANN401 - SQL values
        """Return DuckDB's plan of the question, for tests that a filter reaches the Parquet scan."""
        sql, used = query.bind(**parameters)
        return "\n".join(str(row[1]) for row in self._connection.execute("EXPLAIN " + sql, used).fetchall())


def _in_utc(value: object) -> object:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
