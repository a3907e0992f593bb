"""The state database: durable, migrated once, every component in its own tables."""

from __future__ import annotations

import sqlite3
import threading

import pytest

from mailwitness.errors import MailwitnessError, UsageError
from mailwitness.state.database import migrate, open_state, transaction

FIRST = "CREATE TABLE things_a (x TEXT) STRICT;\nCREATE INDEX things_by_x ON things_a (x);"
SECOND = "ALTER TABLE things_a ADD COLUMN y INTEGER;\nINSERT INTO things_a VALUES ('a;b', 2);"


def test_it_is_durable_and_checks_foreign_keys(tmp_path):
    connection = open_state(tmp_path)
    pragmas = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert pragmas == ["wal", 2]
    assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    assert (tmp_path / "state.db").stat().st_mode & 0o007 == 0
    connection.close()


def test_steps_are_applied_once_and_in_turn(tmp_path):
    connection = open_state(tmp_path)
    migrate(connection, "things", [FIRST])
    migrate(connection, "things", [FIRST, SECOND])
    migrate(connection, "things", [FIRST, SECOND])
    assert [tuple(row) for row in connection.execute("SELECT x, y FROM things_a")] == [("a;b", 2)]
    connection.close()


def test_a_step_that_fails_leaves_nothing_behind(tmp_path):
    connection = open_state(tmp_path)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, "things", [FIRST, "ALTER TABLE things_nowhere ADD COLUMN y;"])
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name LIKE 'things%'").fetchone()[0] == 0
    migrate(connection, "things", [FIRST])
    connection.close()


@pytest.mark.parametrize("step", ["CREATE TABLE other_b (x);", "CREATE TABLE things2_b (x);"])
def test_a_component_keeps_to_its_own_tables(tmp_path, step):
    connection = open_state(tmp_path)
    with pytest.raises(ValueError, match="touches"):
        migrate(connection, "things", [step])
    with pytest.raises(ValueError, match="no name"):
        migrate(connection, "thi'ngs", [])
    connection.close()


def test_what_a_newer_program_made_is_refused(tmp_path):
    connection = open_state(tmp_path)
    migrate(connection, "things", [FIRST, SECOND])
    with pytest.raises(UsageError, match="newer program"):
        migrate(connection, "things", [FIRST])
    connection.close()


def test_several_open_it_at_once_and_no_increment_is_lost(tmp_path):
    connection = open_state(tmp_path)
    migrate(connection, "things", ["CREATE TABLE things_n (n INTEGER);\nINSERT INTO things_n VALUES (0);"])

    def count():
        own = open_state(tmp_path)
        for _ in range(25):
            with transaction(own):
                n = own.execute("SELECT n FROM things_n").fetchone()[0]
                own.execute("UPDATE things_n SET n = ?", (n + 1,))
        own.close()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert connection.execute("SELECT n FROM things_n").fetchone()[0] == 100
    connection.close()


def test_a_trail_that_is_not_there_is_said(tmp_path):
    with pytest.raises(MailwitnessError, match="cannot be opened"):
        open_state(tmp_path / "nowhere")


def test_what_is_no_database_is_said(tmp_path):
    (tmp_path / "state.db").write_bytes(b"no database" * 100)
    with pytest.raises(MailwitnessError, match="cannot be opened"):
        open_state(tmp_path)
