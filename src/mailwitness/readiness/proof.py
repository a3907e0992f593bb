"""What the trail itself shows of auditing: kinds of events seen, changes of the policy, losses, how far logs reach."""

from __future__ import annotations

from datetime import datetime

import msgspec

from mailwitness.analysis.filters import references_of
from mailwitness.analysis.gaps import gaps
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query

_PACKAGE = "mailwitness.readiness.sql"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a kind, the first of its hour on its log."""

    computer: str  # lower case; empty where the record names none
    provider: str
    code: int
    source: str
    at: datetime


class AuditChange(msgspec.Struct, frozen=True, kw_only=True):
    """A record that says auditing changed or records were lost."""

    computer: str
    source: str
    action: str
    at: datetime
    until: datetime | None = None
    attribute: str = ""
    after: str = ""


class Blind(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a log without its records."""

    computer: str
    channel: str = ""  # lower case; empty: every channel
    source: str = ""
    since: datetime | None
    until: datetime | None
    why: str


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """From when until when a provider's log, or a source's records, are at hand."""

    computer: str
    channel: str
    provider: str
    source: str
    first_at: datetime
    last_at: datetime


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `of_mailbox` holds what was seen of the mailbox asked for, None where none was."""

    seen: tuple[Seen, ...]
    of_mailbox: tuple[Seen, ...] | None
    changes: tuple[AuditChange, ...]
    blind: tuple[Blind, ...]
    reaches: tuple[Reach, ...]


def proof_of(engine: Engine, mailbox: str | None = None) -> Proof:
    """Return what the trail shows; `mailbox` (by any of its names) narrows what is proof for one object."""
    seen = _seen(engine, None)
    of_mailbox = None
    if mailbox is not None:
        references = references_of(engine, mailbox).references
        of_mailbox = _seen(engine, list(references)) if references else ()
    changes = _changes(engine)
    blind = (*_holes(engine), *_throttled(changes))
    return Proof(seen=seen, of_mailbox=of_mailbox, changes=changes, blind=blind, reaches=_reaches(engine))


def _seen(engine: Engine, references: list[str] | None) -> tuple[Seen, ...]:
    return tuple(
        Seen(
            computer=(row["computer"] or "").lower(),
            provider=(row["provider"] or "").casefold(),
            code=_code(row["event_code"]),
            source=row["source"],
            at=row["seen_at"],
        )
        for row in engine.rows(load_query(_PACKAGE, "seen_kinds"), references=references)
    )


def _code(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() else 0


def _changes(engine: Engine) -> tuple[AuditChange, ...]:
    return tuple(
        AuditChange(
            computer=(row["computer"] or "").lower(),
            source=row["source"],
            action=row["action"],
            at=row["occurred_at"],
            until=row["occurred_until_at"],
            attribute=row["attribute"] or "",
            after=row["after"] or "",
        )
        for row in engine.rows(load_query(_PACKAGE, "audit_changes"))
    )


def _holes(engine: Engine) -> list[Blind]:
    return [
        Blind(
            computer=gap.computer.lower(),
            channel=gap.channel.lower(),
            since=gap.after_at,
            until=gap.before_at,
            why=gap.sentence(),
        )
        for gap in gaps(engine)
    ]


def _throttled(changes: tuple[AuditChange, ...]) -> list[Blind]:
    return [
        Blind(
            computer=change.computer,
            source=change.source,
            since=change.at,
            until=change.until or change.at,
            why="the service stopped recording accesses: take everything as read",
        )
        for change in changes
        if change.action == "throttled"
    ]


def _reaches(engine: Engine) -> tuple[Reach, ...]:
    return tuple(
        Reach(
            computer=(row["computer"] or "").lower(),
            channel=(row["channel"] or "").lower(),
            provider=(row["provider"] or "").casefold(),
            source=row["source"],
            first_at=row["first_at"],
            last_at=row["last_at"],
        )
        for row in engine.rows(load_query(_PACKAGE, "reaches"))
    )
