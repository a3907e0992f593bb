"""How far a follower has come: cookies in state.db. No evidence: without them the directory is read anew."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

_TABLE = """
CREATE TABLE IF NOT EXISTS directory_cookies
(naming_context TEXT, server TEXT, cookie BLOB NOT NULL, kept_at TEXT NOT NULL, PRIMARY KEY (naming_context, server))
"""


class Cookies:
    """The cookies of one server's naming contexts."""

    def __init__(self, state: Path, server: str) -> None:
        """Use the database `state`; `server` is the domain controller's own name."""
        self._state = state
        self._server = server.casefold()

    def load(self, naming_context: str) -> bytes:
        """Return the cookie, empty where there is none."""
        if not self._state.exists():
            return b""
        with closing(sqlite3.connect(self._state, timeout=30)) as database:
            database.execute(_TABLE)
            found = database.execute(
                "SELECT cookie FROM directory_cookies WHERE naming_context = ? AND server = ?",
                (naming_context.casefold(), self._server),
            ).fetchone()
        return b"" if found is None else bytes(found[0])

    def keep(self, cookies: dict[str, bytes], at: str) -> None:
        """Keep cookies; to be called when what they stand for is durable."""
        rows = [(context.casefold(), self._server, cookie, at) for context, cookie in cookies.items()]
        with closing(sqlite3.connect(self._state, timeout=30)) as database, database:
            database.execute(_TABLE)
            database.executemany("INSERT OR REPLACE INTO directory_cookies VALUES (?, ?, ?, ?)", rows)
