"""Tables of people in state.db: accounts, recovery codes, failed sign-ins, sessions, tokens. Nothing is evidence."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path

from mailwitness.event import instant
from mailwitness.state.database import migrate, open_state

STEPS = (
    """
CREATE TABLE people_accounts (
    account_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    password TEXT,
    must_change INTEGER NOT NULL DEFAULT 0,
    totp_secret TEXT,
    totp_pending TEXT,
    totp_step INTEGER NOT NULL DEFAULT 0,
    issuer TEXT,
    subject TEXT,
    created_at TEXT NOT NULL,
    disabled_at TEXT,
    UNIQUE (issuer, subject)
) STRICT;
CREATE TABLE people_recovery (
    account_id INTEGER NOT NULL REFERENCES people_accounts ON DELETE CASCADE,
    code_sha256 BLOB NOT NULL,
    PRIMARY KEY (account_id, code_sha256)
) STRICT;
CREATE TABLE people_failures (
    failure_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE INDEX people_failures_by_name ON people_failures (name, at);
CREATE INDEX people_failures_by_address ON people_failures (address, at);
CREATE TABLE people_sessions (
    session_id INTEGER PRIMARY KEY,
    token_sha256 BLOB NOT NULL UNIQUE,
    account_id INTEGER NOT NULL REFERENCES people_accounts ON DELETE CASCADE,
    role TEXT NOT NULL,
    began_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL
) STRICT;
CREATE TABLE people_tokens (
    token_id INTEGER PRIMARY KEY,
    token_sha256 BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    scopes TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    used_at TEXT,
    ended_at TEXT
) STRICT;
CREATE TABLE people_pseudonyms (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    secret BLOB NOT NULL
) STRICT;
""",
)


def open_people(trail: Path, *, across_threads: bool = False) -> sqlite3.Connection:
    """Open state.db with the tables of people in it. Raises MailwitnessError where it cannot be opened."""
    connection = open_state(trail, across_threads=across_threads)
    try:
        migrate(connection, "people", STEPS)
    except BaseException:
        connection.close()
        raise
    return connection


def stored(at: datetime) -> str:
    """Return a time as the tables keep it: texts of them sort as the times do."""
    return instant(at)


def read_at(text: str | None) -> datetime | None:
    """Return a time that was kept."""
    return None if text is None else datetime.fromisoformat(text)
