"""Lists of rights that are out with the owners of mailboxes, in state.db, each behind a link of its own.

A link is 256 random bits of which the SHA-256 is kept. It opens one list until the list is due, answered or withdrawn.
An answer counts when it is a leaf of the trail, and is kept here after that; the lists themselves are no evidence.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from mailwitness.errors import UsageError
from mailwitness.event import instant
from mailwitness.faces.reports.recertification import Asked, how_to_remove
from mailwitness.state import database
from mailwitness.state.database import transaction
from mailwitness.trail.projection import parse_instant

STEPS = (
    """
    CREATE TABLE recertification_lists (
        number INTEGER PRIMARY KEY, mailbox TEXT NOT NULL, mailbox_key TEXT NOT NULL, reviewer TEXT NOT NULL,
        mail TEXT, started_by TEXT NOT NULL, started_at TEXT NOT NULL, due_at TEXT NOT NULL,
        token_sha256 BLOB NOT NULL UNIQUE, withdrawn_at TEXT, sealed_at TEXT
    ) STRICT;
    CREATE TABLE recertification_lines (
        list INTEGER NOT NULL REFERENCES recertification_lists ON DELETE CASCADE, place INTEGER NOT NULL,
        line_id TEXT NOT NULL, mailbox TEXT NOT NULL, account TEXT NOT NULL, right TEXT NOT NULL, way TEXT NOT NULL,
        since TEXT NOT NULL, given_by TEXT NOT NULL, answer TEXT, reason TEXT, answered_at TEXT,
        PRIMARY KEY (list, place)
    ) STRICT;
    """,
)
GONE = "gone"
"""Stands as the answer of a line whose right changed before anybody answered."""
State = Literal["open", "overdue", "answered", "withdrawn"]


class ListLine(msgspec.Struct, frozen=True, kw_only=True):
    """One right that is asked about.

    `answer` is keep, remove, gone (the right changed before it was answered) or None; `how` tells for remove how it is
    taken away.
    """

    place: int
    line_id: str
    mailbox: str
    account: str
    right: str
    way: str
    since: str
    given_by: str
    answer: str | None
    reason: str | None
    answered_at: datetime | None
    how: str

    @property
    def asked(self) -> Asked:
        """The right itself."""
        return Asked(**{name: getattr(self, name) for name in Asked.__struct_fields__})


class RecertificationList(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody is asked about one mailbox. Counts are of its lines."""

    number: int
    mailbox: str
    mailbox_key: str
    reviewer: str
    mail: str | None
    started_by: str
    started_at: datetime
    due_at: datetime
    state: State
    asked: int
    kept: int
    to_remove: int
    gone: int
    left: int


def opened(trail: Path) -> AbstractContextManager[sqlite3.Connection]:
    """Open the lists of a trail."""
    return database.opened(trail, "recertification", STEPS)


def keep_list(  # noqa: PLR0913 - what a list is
    trail: Path,
    lines: Sequence[Asked],
    *,
    mailbox: str,
    key: str,
    reviewer: str,
    mail: str | None,
    who: str,
    at: datetime,
    due_at: datetime,
) -> tuple[int, str]:
    """Keep a list; return its number, and the token of its link, which is kept nowhere."""
    token = secrets.token_urlsafe(32)
    with opened(trail) as connection, transaction(connection):
        made = connection.execute(
            "INSERT INTO recertification_lists (mailbox, mailbox_key, reviewer, mail, started_by, started_at, due_at,"
            " token_sha256) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (mailbox, key, reviewer, mail, who, instant(at), instant(due_at), _hashed(token)),
        )
        number = int(made.lastrowid or 0)
        connection.executemany(
            "INSERT INTO recertification_lines (list, place, line_id, mailbox, account, right, way, since, given_by)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (number, place, e.line_id, e.mailbox, e.account, e.right, e.way, e.since, e.given_by)
                for place, e in enumerate(lines, 1)
            ],
        )
    return number, token


def lists(trail: Path, now: datetime) -> tuple[RecertificationList, ...]:
    """Return every list, the overdue first, then by when they are due."""
    with opened(trail) as connection:
        rows = connection.execute(f"{_SELECT} GROUP BY l.number ORDER BY l.due_at, l.number").fetchall()
    found = [_list(row, now) for row in rows]
    order = {"overdue": 0, "open": 1, "answered": 2, "withdrawn": 3}
    return tuple(sorted(found, key=lambda each: order[each.state]))


def list_numbered(trail: Path, number: int, now: datetime) -> RecertificationList:
    """Return a list. Raises UsageError where none has that number."""
    with opened(trail) as connection:
        row = connection.execute(f"{_SELECT} WHERE l.number = ? GROUP BY l.number", (number,)).fetchone()
    if row is None:
        raise UsageError(f"there is no recertification {number}", remedy="choose one from the list")
    return _list(row, now)


def list_of_token(trail: Path, token: str, now: datetime) -> RecertificationList | None:
    """Return the list that a link opens; None where it opens none (any more)."""
    with opened(trail) as connection:
        row = connection.execute(
            f"{_SELECT} WHERE l.token_sha256 = ? AND l.withdrawn_at IS NULL AND l.due_at > ? GROUP BY l.number",
            (_hashed(token), instant(now)),
        ).fetchone()
    return None if row is None else _list(row, now)


def lines_of(trail: Path, number: int) -> tuple[ListLine, ...]:
    """Return the lines of a list, in the order they were asked."""
    with opened(trail) as connection:
        rows = connection.execute(
            "SELECT * FROM recertification_lines WHERE list = ? ORDER BY place", (number,)
        ).fetchall()
    return tuple(map(_line, rows))


def keep_answer(trail: Path, number: int, place: int, answer: str, reason: str, at: datetime) -> None:
    """Keep an answer that is in the trail; one that is there already stays."""
    with opened(trail) as connection, transaction(connection):
        connection.execute(
            "UPDATE recertification_lines SET answer = ?, reason = ?, answered_at = ?"
            " WHERE list = ? AND place = ? AND answer IS NULL",
            (answer, reason, instant(at), number, place),
        )


def keep_sealed(trail: Path, number: int, at: datetime) -> None:
    """Keep that the end of a list is in the trail."""
    with opened(trail) as connection, transaction(connection):
        connection.execute("UPDATE recertification_lists SET sealed_at = ? WHERE number = ?", (instant(at), number))


def withdraw(trail: Path, number: int, at: datetime) -> None:
    """Let a list's link open nothing any more; what was answered stays."""
    with opened(trail) as connection, transaction(connection):
        connection.execute(
            "UPDATE recertification_lists SET withdrawn_at = ? WHERE number = ? AND withdrawn_at IS NULL"
            " AND sealed_at IS NULL",
            (instant(at), number),
        )


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


_SELECT = (
    "SELECT l.*, count(n.place) AS asked, count(*) FILTER (n.answer = 'keep') AS kept,"
    " count(*) FILTER (n.answer = 'remove') AS to_remove, count(*) FILTER (n.answer = 'gone') AS gone"
    " FROM recertification_lists l LEFT JOIN recertification_lines n ON n.list = l.number"
).replace("FILTER (", "FILTER (WHERE ")


def _list(row: sqlite3.Row, now: datetime) -> RecertificationList:
    left = row["asked"] - row["kept"] - row["to_remove"] - row["gone"]
    due_at = parse_instant(row["due_at"])
    state: State = "answered" if row["sealed_at"] else "withdrawn" if row["withdrawn_at"] else "open"
    if state == "open" and due_at <= now:
        state = "overdue"
    same = ("number", "mailbox", "mailbox_key", "reviewer", "mail", "started_by", "asked", "kept", "to_remove", "gone")
    return RecertificationList(
        **{name: row[name] for name in same},
        started_at=parse_instant(row["started_at"]),
        due_at=due_at,
        state=state,
        left=left,
    )


def _line(row: sqlite3.Row) -> ListLine:
    asked = Asked(**{name: row[name] for name in Asked.__struct_fields__})
    return ListLine(
        **{name: row[name] for name in ("place", "line_id", "answer", "reason", *Asked.__struct_fields__)},
        answered_at=parse_instant(row["answered_at"]) if row["answered_at"] else None,
        how=how_to_remove(asked) if row["answer"] == "remove" else "",
    )
