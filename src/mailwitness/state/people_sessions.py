"""Sessions, tokens and failed sign-ins of people. Tokens are 256 random bits; only their SHA-256 is kept.

Limits: NIST SP 800-63B (AAL2: 30 minutes idle, 12 hours at most), OWASP ASVS 5.0 items 6.3.1, 7.2.3, 7.3.1, 7.3.2.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256

import msgspec

from mailwitness.errors import UsageError
from mailwitness.state.database import transaction
from mailwitness.state.people import Account, Role, account_named, local_name
from mailwitness.state.people_tables import read_at, stored

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
NOTED = timedelta(minutes=1)
"""How often it is written down that a session is used; it may end that much before it was idle for IDLE."""
WINDOW = timedelta(minutes=15)
PER_NAME = 10
PER_ADDRESS = 30
LONGEST = timedelta(days=366)
"""How long a token for programs lives at most."""
PREFIX = "mwt_"
_AGENT = 200


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's session: when it began, when it was last used (to the minute), from where, with what."""

    session_id: int
    token_sha256: bytes
    account_id: int
    name: str
    role: Role
    began_at: datetime
    seen_at: datetime
    address: str
    agent: str


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token for programs, without the token itself."""

    token_id: int
    name: str
    role: Role
    scopes: frozenset[str]
    """What it may be used for, beside what its role allows."""
    made_by: str
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    ended_at: datetime | None = None


def hashed(token: str) -> bytes:
    """Return what is kept of a token."""
    return sha256(token.encode("utf-8", "surrogateescape")).digest()


def begin_session(connection: sqlite3.Connection, account: Account, address: str, agent: str, now: datetime) -> str:
    """Begin a session; return its token, which is kept nowhere."""
    token = secrets.token_urlsafe(32)
    with transaction(connection):
        _drop_ended(connection, now)
        connection.execute(
            "INSERT INTO people_sessions (token_sha256, account_id, role, began_at, seen_at, address, agent)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (hashed(token), account.account_id, account.role, stored(now), stored(now), address, agent[:_AGENT]),
        )
    return token


def session_of(connection: sqlite3.Connection, token: str, now: datetime) -> tuple[Session, Account] | None:
    """Return the living session of a token and its person; None where it ended, or the person is let in no more."""
    row = connection.execute(
        "SELECT s.*, a.name FROM people_sessions s JOIN people_accounts a USING (account_id) WHERE s.token_sha256 = ?",
        (hashed(token),),
    ).fetchone()
    if row is None:
        return None
    session = _session(row)
    account = account_named(connection, session.name)
    if account is None or account.disabled_at is not None or not _lives(session, now):
        return None
    if now - session.seen_at >= NOTED:
        with transaction(connection):
            connection.execute(
                "UPDATE people_sessions SET seen_at = ? WHERE session_id = ?", (stored(now), session.session_id)
            )
    return session, account


def sessions(connection: sqlite3.Connection, now: datetime, account: Account | None = None) -> list[Session]:
    """Return the living sessions, of one person or of all."""
    rows = connection.execute(
        "SELECT s.*, a.name FROM people_sessions s JOIN people_accounts a USING (account_id)"
        " WHERE ? IS NULL OR s.account_id = ? ORDER BY s.seen_at DESC",
        (account and account.account_id, account and account.account_id),
    )
    return [session for session in map(_session, rows) if _lives(session, now)]


def end_session(connection: sqlite3.Connection, token: str) -> None:
    """End the session of a token."""
    with transaction(connection):
        connection.execute("DELETE FROM people_sessions WHERE token_sha256 = ?", (hashed(token),))


def end_session_numbered(connection: sqlite3.Connection, session_id: int, account: Account | None = None) -> bool:
    """End a session by its number, only if it is `account`'s where one is given; False where there is none."""
    with transaction(connection):
        done = connection.execute(
            "DELETE FROM people_sessions WHERE session_id = ? AND (? IS NULL OR account_id = ?)",
            (session_id, account and account.account_id, account and account.account_id),
        )
        return done.rowcount == 1


def begin_attempt(
    connection: sqlite3.Connection, name: str, address: str, now: datetime, *, per_name: int = PER_NAME
) -> int | None:
    """Count a sign-in as failed before it is looked at; return its number, None where there were too many.

    So many attempts at once cannot pass the limit together. Names that nobody has count as well: the answer does not
    tell which there are. With `per_name` 0 only those of the address are limited.
    """
    since = stored(now - WINDOW)
    with transaction(connection):
        connection.execute("DELETE FROM people_failures WHERE at < ?", (since,))
        for column, value, most in (("name", name, per_name), ("address", address, PER_ADDRESS)):
            count = connection.execute(
                f"SELECT count(*) FROM people_failures WHERE {column} = ?",  # noqa: S608 - columns of ours
                (value,),
            ).fetchone()[0]
            if most and count >= most:
                return None
        done = connection.execute(
            "INSERT INTO people_failures (name, address, at) VALUES (?, ?, ?)", (name, address, stored(now))
        )
        return done.lastrowid


def attempt_succeeded(connection: sqlite3.Connection, attempt: int, name: str) -> None:
    """Take back what `begin_attempt` counted, and the failures of that name."""
    with transaction(connection):
        connection.execute("DELETE FROM people_failures WHERE failure_id = ? OR name = ?", (attempt, name))


def take_back(connection: sqlite3.Connection, attempt: int) -> None:
    """Take back what `begin_attempt` counted, and nothing else."""
    with transaction(connection):
        connection.execute("DELETE FROM people_failures WHERE failure_id = ?", (attempt,))


def failures(connection: sqlite3.Connection, now: datetime) -> list[tuple[str, str, int]]:
    """Return name, address and count of the sign-ins that failed within the window."""
    rows = connection.execute(
        "SELECT name, address, count(*) FROM people_failures WHERE at >= ? GROUP BY name, address ORDER BY 3 DESC"
        " LIMIT 100",
        (stored(now - WINDOW),),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def make_token(
    connection: sqlite3.Connection,
    name: str,
    role: Role,
    made_by: str,
    now: datetime,
    *,
    life: timedelta,
    scopes: Iterable[str] = ("read",),
) -> str:
    """Make a token for programs; return it, which is kept nowhere. Raises UsageError for a name taken, or too long."""
    name = local_name(name)
    if not timedelta(0) < life <= LONGEST:
        raise UsageError("a token lives at least a day and at most 366", remedy="give another number of days")
    token = PREFIX + secrets.token_urlsafe(32)
    with transaction(connection):
        if connection.execute("SELECT 1 FROM people_tokens WHERE name = ?", (name,)).fetchone():
            raise UsageError(f"there is, or was, a token {name}", remedy="choose another name")
        connection.execute(
            "INSERT INTO people_tokens (token_sha256, name, role, scopes, made_by, made_at, expires_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (hashed(token), name, role, " ".join(sorted(scopes)), made_by, stored(now), stored(now + life)),
        )
    return token


def token_of(connection: sqlite3.Connection, token: str, now: datetime) -> Token | None:
    """Return what a token stands for; None where there is none, or it ended."""
    row = connection.execute("SELECT * FROM people_tokens WHERE token_sha256 = ?", (hashed(token),)).fetchone()
    if row is None:
        return None
    found = _token(row)
    if found.ended_at is not None or found.expires_at <= now:
        return None
    if found.used_at is None or now - found.used_at >= NOTED:
        with transaction(connection):
            connection.execute("UPDATE people_tokens SET used_at = ? WHERE token_id = ?", (stored(now), found.token_id))
    return found


def tokens(connection: sqlite3.Connection) -> list[Token]:
    """Return every token there was, the latest first."""
    return [_token(row) for row in connection.execute("SELECT * FROM people_tokens ORDER BY token_id DESC")]


def end_token(connection: sqlite3.Connection, name: str, now: datetime) -> bool:
    """End a token; False where none of that name lives."""
    with transaction(connection):
        done = connection.execute(
            "UPDATE people_tokens SET ended_at = ? WHERE name = ? AND ended_at IS NULL", (stored(now), name)
        )
        return done.rowcount == 1


def _lives(session: Session, now: datetime) -> bool:
    return now - session.seen_at < IDLE and now - session.began_at < ABSOLUTE


def _drop_ended(connection: sqlite3.Connection, now: datetime) -> None:
    connection.execute(
        "DELETE FROM people_sessions WHERE seen_at < ? OR began_at < ?", (stored(now - IDLE), stored(now - ABSOLUTE))
    )


def _session(row: sqlite3.Row) -> Session:
    return Session(**(dict(row) | {"began_at": read_at(row["began_at"]), "seen_at": read_at(row["seen_at"])}))


def _token(row: sqlite3.Row) -> Token:
    times = {name: read_at(row[name]) for name in ("made_at", "expires_at", "used_at", "ended_at")}
    fields = {name: value for name, value in dict(row).items() if name != "token_sha256"}
    return Token(**(fields | times | {"scopes": frozenset(row["scopes"].split())}))
