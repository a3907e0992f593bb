"""TRAIL/state.db: what the service remembers beside the trail. Nothing in it is evidence.

Every part owns tables of its own, named `<component>_*`, and makes them with `migrate`.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from mailwitness.errors import MailwitnessError, UsageError
from mailwitness.trail.layout import Trail

BUSY_SECONDS = 30
"""How long a connection waits for another one's transaction before it gives up."""
_FULL = 2
_COMPONENTS = "CREATE TABLE IF NOT EXISTS components (name TEXT PRIMARY KEY, steps INTEGER NOT NULL) STRICT"
_NAME = re.compile(r"[a-z][a-z0-9]*")


def open_state(trail: Path, *, across_threads: bool = False) -> sqlite3.Connection:
    """Open the state database of a trail, making it where there is none.

    What a transaction of it committed survives the power going: WAL with synchronous=FULL, asserted here (with NORMAL
    the last transactions are lost). Foreign keys are on; rows are `sqlite3.Row`. A statement that changes rows begins
    a transaction that holds the write lock; `with connection:` commits it, or rolls it back on an error. A connection
    belongs to the thread that opened it, unless `across_threads` says that the caller sees to it that only one uses
    it at a time.

    Raises MailwitnessError where the database cannot be opened.
    """
    path = Trail(trail).state
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660))  # its journals take the same mode
        connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level="IMMEDIATE", check_same_thread=not across_threads
        )
        connection.row_factory = sqlite3.Row
        try:
            _set_up(connection, path)
        except BaseException:
            connection.close()
            raise
    except (OSError, sqlite3.Error) as cause:
        raise MailwitnessError(
            f"the state database cannot be opened: {cause}",
            where=str(path),
            remedy="see to the disk and to the rights of the folder; the file may be removed: no evidence is in it",
        ) from cause
    return connection


def _set_up(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    journal = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
    if journal != "wal" or synchronous != _FULL:
        raise MailwitnessError(
            f"the state database is not durable here: journal_mode {journal}, synchronous {synchronous}",
            where=str(path),
            remedy="put the trail on a local file system",
        )


def migrate(connection: sqlite3.Connection, component: str, steps: Sequence[str]) -> None:
    """Apply the steps of a component's tables that were not applied yet, each once and whole.

    A step is SQL, one statement or several, that makes or changes tables named `<component>_*` and nothing else.
    Steps are never altered once released: what changes later is a new step at the end. Raises UsageError where a newer
    program has been here, ValueError where a step touches what is not its component's.
    """
    if not _NAME.fullmatch(component):
        raise ValueError(f"no name of a component: {component!r}")
    with transaction(connection):
        connection.execute(_COMPONENTS)
        row = connection.execute("SELECT steps FROM components WHERE name = ?", (component,)).fetchone()
        done = row[0] if row else 0
        if done > len(steps):
            raise UsageError(
                f"the state database was used by a newer program: {component} has {done} steps, this one {len(steps)}",
                remedy="use the newer program, or restore a backup of state.db of before",
            )
        before = _objects(connection)
        for step in steps[done:]:
            for statement in _statements(step):
                connection.execute(statement)
        strange = {name for name in _objects(connection) ^ before if not name.startswith(f"{component}_")}
        if strange:
            raise ValueError(f"a step of {component} touches {', '.join(sorted(strange))}")
        if done < len(steps):
            connection.execute("INSERT OR REPLACE INTO components VALUES (?, ?)", (component, len(steps)))


@contextlib.contextmanager
def opened(trail: Path, component: str, steps: Sequence[str]) -> Iterator[sqlite3.Connection]:
    """Open the state of a trail with the tables of one component, and close it at the end. Raises as `migrate`."""
    with contextlib.closing(open_state(trail)) as connection:
        migrate(connection, component, steps)
        yield connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the write lock from the start to the end: what was read is still true when it is written."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        yield


def _objects(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'")
    return {row[0] for row in rows}


def _statements(step: str) -> Iterator[str]:
    """Yield the statements of a step: `executescript` would commit between them."""
    gathered = ""
    for line in step.splitlines(keepends=True):
        gathered += line
        if sqlite3.complete_statement(gathered):
            yield gathered
            gathered = ""
    if gathered.strip():
        yield gathered
