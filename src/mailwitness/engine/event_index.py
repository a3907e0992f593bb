"""The index of a trail: every event in a narrow row, for search, for sums over time, and to find one by its id.

It stands in `derived/`, is kept by appending the leaves that came since, and can be deleted at any time: it is made
again from the sealed table. It is no evidence. What a page says of one mailbox or one event is read from the table
itself; the index only says where to look, and counts.

Texts (names, addresses, hosts, folders) are told apart once in `names`; an event's row holds their numbers, so that
searching ten million events is a search of the names and a scan of integers. Long texts (subjects, values, the
parameters of cmdlets) stand in `texts`, and who opened what from where is counted in `sums`.
"""

from __future__ import annotations

import threading
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from mailwitness.engine.embedded import in_utc, open_views
from mailwitness.engine.query import load_query
from mailwitness.errors import TrailError
from mailwitness.trail.reader import TrailReader

FORMAT = 4
"""Raised whenever the columns or their meaning change: an index of another format is made anew."""
NAMED = (
    "actor_name actor_sid mailbox_ref trustee_name trustee_sid group_name client_ip client_host client_app app_id "
    "folder object computer attribute"
).split()
"""Fields of an event whose text is a number into `names`; `object` is the DN, else the GUID."""
_SQL = "mailwitness.engine.sql"
_LATE = 5_000
"""Numbers asked for by name at once."""


class EventIndex:
    """The index of one trail. Any thread may ask; one at a time takes in what is new."""

    def __init__(self, file: Path | None, *, threads: int = 2, memory_limit: str = "1GB") -> None:
        """Open the index in `file`, or one in memory alone. Raises TrailError where another process holds the file."""
        self.file = file
        self._config: dict[str, str | bool | int | float | list[str]] = {
            "threads": threads,
            "memory_limit": memory_limit,
            "autoload_known_extensions": False,
        }
        self._taking = threading.Lock()
        self._connection = self._connect()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        if self.file is None:
            return duckdb.connect(config=self._config)
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            return duckdb.connect(str(self.file), config=self._config)
        except duckdb.SerializationException:
            self.file.unlink()  # of another version of DuckDB: it is derived, and made again
            return duckdb.connect(str(self.file), config=self._config)
        except (duckdb.Error, OSError) as cause:
            raise TrailError(
                f"the index cannot be opened: {cause}",
                where=str(self.file),
                remedy="stop the other console on this trail, or delete the file: it is made again",
            ) from cause

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def take_in(self, reader: TrailReader) -> int:
        """Take in every event under `reader`'s checkpoint that is not in yet; return how many there were.

        An index that is of another log, of another format, or ahead of the trail (an older copy was put in place) is
        emptied first; so is one that holds what was purged since.
        """
        added = 0
        with self._taking:
            connection = self._connection.cursor()
            try:
                open_views(connection, reader)
                since = self._covered(connection, reader)
                if since is None or self._purged(connection, since):
                    self._empty(connection)
                    since = 0
                if since < reader.size:
                    added = self._append(connection, reader, since)
            finally:
                connection.close()
        return added

    @property
    def size(self) -> int:
        """Leaves the index covers."""
        row = self._connection.cursor().execute("SELECT size FROM covered").fetchone()
        return int(row[0]) if row else 0

    def ask(self, name: str, tables: dict[str, pa.Table] | None = None, **parameters: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - SQL values
        """Return the rows of the question index_`name`.sql; times are aware UTC. `tables` are known to it by name."""
        sql, used = load_query(_SQL, f"index_{name}").bind(**parameters)
        return self.rows(sql, used, tables)

    def rows(
        self, sql: str, parameters: dict[str, Any] | list[Any] | None = None, tables: dict[str, pa.Table] | None = None
    ) -> list[tuple[Any, ...]]:
        """Return the rows of SQL put to the index; times are aware UTC. `tables` are known to it by name."""
        connection = self._connection.cursor()
        try:
            for name, table in (tables or {}).items():
                connection.register(name, table)
            found = connection.execute(sql, parameters or []).fetchall()
        finally:
            connection.close()
        return [tuple(in_utc(value) for value in row) for row in found]

    def numbers_of(self, texts: list[str]) -> list[int]:
        """Return the numbers of those of `texts` that any event holds, exactly as written."""
        found: list[int] = []
        for start in range(0, len(texts), _LATE):
            part = texts[start : start + _LATE]
            marks = ", ".join("?" * len(part))
            found += [row[0] for row in self.rows(f"SELECT name_id FROM names WHERE text IN ({marks})", part)]  # noqa: S608 - marks only
        return found

    def texts_of(self, numbers: set[int]) -> dict[int, str]:
        """Return the texts of numbers."""
        if not numbers:
            return {}
        listed = ", ".join(str(int(number)) for number in sorted(numbers))
        return dict(self.rows(f"SELECT name_id, text FROM names WHERE name_id IN ({listed})"))  # noqa: S608 - integers

    def _covered(self, connection: duckdb.DuckDBPyConnection, reader: TrailReader) -> int | None:
        """Return how many leaves of this log are in, None where the index is not of use."""
        try:
            row = connection.execute("SELECT format, origin, size FROM covered").fetchone()
        except duckdb.CatalogException:
            return None
        if row is None or row[0] != FORMAT or row[1] != reader.origin or row[2] > reader.size:
            return None
        return int(row[2])

    def _empty(self, connection: duckdb.DuckDBPyConnection) -> None:
        for table in ("covered", "names", "used", "entries", "sums", "texts"):
            connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute(_sql("index_tables"))

    def _purged(self, connection: duckdb.DuckDBPyConnection, since: int) -> bool:
        sql = "SELECT count(*) FROM leaves WHERE leaf_kind = 'purge' AND seq >= ?"
        row = connection.execute(sql, [since]).fetchone()
        return row is not None and row[0] > 0

    def _append(self, connection: duckdb.DuckDBPyConnection, reader: TrailReader, since: int) -> int:
        before = self._events(connection)
        columns = ",\n  ".join(f"n_{name}.name_id AS {name}" for name in NAMED)
        joins = "\n".join(f"LEFT JOIN names AS n_{name} ON n_{name}.text = e.{name}" for name in NAMED)
        new = "\nUNION\n".join(f"SELECT {name} AS text FROM fresh WHERE {name} IS NOT NULL" for name in NAMED)  # noqa: S608 - our own
        used = "\nUNION\n".join(f"SELECT '{name}' AS field, {name} AS text FROM fresh" for name in NAMED)  # noqa: S608 - our own
        filled = {
            "$since": str(since),
            "/* names */": columns,
            "/* joins */": joins,
            "/* texts */": new,
            "/* fields */": used,
        }
        connection.execute("BEGIN")
        try:
            for name in ("index_fresh", "index_names", "index_used", "index_entries", "index_sums", "index_texts"):
                text = _sql(name)
                for mark, value in filled.items():
                    text = text.replace(mark, value)
                connection.execute(text)
            connection.execute("DROP VIEW fresh")
            connection.execute("DELETE FROM covered")
            connection.execute("INSERT INTO covered VALUES (?, ?, ?)", [FORMAT, reader.origin, reader.size])
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        return self._events(connection) - before

    def _events(self, connection: duckdb.DuckDBPyConnection) -> int:
        row = connection.execute("SELECT count(*) FROM entries").fetchone()
        return int(row[0]) if row else 0


def _sql(name: str) -> str:
    return resources.files(_SQL).joinpath(f"{name}.sql").read_text(encoding="utf-8")
