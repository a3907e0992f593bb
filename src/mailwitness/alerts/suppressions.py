"""Suppressions: what a person has decided not to be told of, with a comment and an end. Cases are still kept."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from typing import Any

import msgspec

from mailwitness.alerts.tables import make_tables
from mailwitness.errors import UsageError
from mailwitness.event import instant
from mailwitness.trail.projection import parse_instant

LONGEST = timedelta(days=366)
"""A decision is looked at again at least once a year."""


class Suppression(msgspec.Struct, frozen=True, kw_only=True):
    """Cases of this rule, mailbox and actor (None: any) are not told until it expires or is ended."""

    number: int
    rule_id: str | None
    mailbox_ref: str | None
    actor: str | None
    comment: str
    who: str
    made_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None

    def covers(self, rule_id: str, mailbox_ref: str | None, actor: str | None) -> bool:
        """Return whether a case falls under it: every name given has to agree."""
        return (
            (self.rule_id is None or self.rule_id == rule_id)
            and _agrees(self.mailbox_ref, mailbox_ref)
            and _agrees(self.actor, actor)
        )


def _agrees(wanted: str | None, found: str | None) -> bool:
    """Whole references only: a leading name that two accounts share must not silence both."""
    return wanted is None or (found is not None and wanted.casefold() == found.casefold())


class Suppressions:
    """The suppressions of one trail, over a connection of `open_state` that the caller keeps."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        make_tables(connection)

    def add(
        self,
        *,
        who: str,
        comment: str,
        at: datetime,
        expires_at: datetime,
        rule_id: str | None = None,
        mailbox_ref: str | None = None,
        actor: str | None = None,
    ) -> Suppression:
        """Add one. Raises UsageError without a comment, without an end within a year, or where it covers everything."""
        if not comment.strip():
            raise UsageError("a suppression needs a comment that says why")
        if not at < expires_at <= at + LONGEST:
            raise UsageError("a suppression has to end, within a year from now", remedy="give an end in the future")
        if not (rule_id or mailbox_ref or actor):
            raise UsageError("a suppression names a rule, a mailbox or an account")
        with self._connection:
            cursor = self._connection.execute(
                "INSERT INTO findings_suppressions (rule_id, mailbox_ref, actor, comment, who, made_at, expires_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (rule_id, mailbox_ref, actor, comment, who, instant(at), instant(expires_at)),
            )
        return next(one for one in self.all() if one.number == cursor.lastrowid)

    def end(self, number: int, *, who: str, at: datetime) -> None:
        """End one before its time. Raises UsageError where there is none in force."""
        with self._connection:
            done = self._connection.execute(
                "UPDATE findings_suppressions SET ended_at = ?, ended_by = ?"
                " WHERE number = ? AND ended_at IS NULL AND expires_at > ?",
                (instant(at), who, number, instant(at)),
            )
        if done.rowcount != 1:
            raise UsageError(f"there is no suppression {number} in force")

    def all(self) -> list[Suppression]:
        """Return every suppression there ever was, the newest last."""
        rows = self._connection.execute("SELECT * FROM findings_suppressions ORDER BY number").fetchall()
        return [_suppression(row) for row in rows]

    def in_force(self, at: datetime) -> list[Suppression]:
        """Return those in force."""
        return [one for one in self.all() if one.made_at <= at < (one.ended_at or one.expires_at)]


def _suppression(row: sqlite3.Row) -> Suppression:
    values: dict[str, Any] = {name: row[name] for name in Suppression.__struct_fields__}
    for name in ("made_at", "expires_at", "ended_at"):
        values[name] = parse_instant(values[name]) if values[name] else None
    return Suppression(**values)
