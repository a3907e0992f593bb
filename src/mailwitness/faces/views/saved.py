"""Saved views: addresses of pages that a person keeps under a name. They stand in state.db and are no evidence."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from mailwitness.errors import UsageError
from mailwitness.event import instant
from mailwitness.state.database import opened, transaction

STEPS = (
    """
    CREATE TABLE views_saved (
        number INTEGER PRIMARY KEY, who TEXT NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL, made_at TEXT NOT NULL,
        UNIQUE (who, name)
    ) STRICT;
    """,
)
NAME_LENGTH = 80
ADDRESS_LENGTH = 2_000
EACH = 200
"""Views of one person at most."""


class SavedView(msgspec.Struct, frozen=True, kw_only=True):
    """An address under a name."""

    number: int
    name: str
    address: str


def saved_views(trail: Path, who: str) -> tuple[SavedView, ...]:
    """Return the views a person saved, by name."""
    with opened(trail, "views", STEPS) as connection:
        rows = connection.execute(
            "SELECT number, name, address FROM views_saved WHERE who = ? ORDER BY name", (who,)
        ).fetchall()
    return tuple(SavedView(number=row["number"], name=row["name"], address=row["address"]) for row in rows)


def save_view(trail: Path, who: str, name: str, address: str, at: datetime) -> None:
    """Keep `address` (a page of this console) under `name`. Raises UsageError where it is none, or without a name."""
    name = name.strip()
    if not name or len(name) > NAME_LENGTH:
        raise UsageError("a saved view needs a name", remedy=f"give one of up to {NAME_LENGTH} characters")
    if not address.startswith("/") or address.startswith(("//", "/\\")) or len(address) > ADDRESS_LENGTH:
        raise UsageError("this is no page of the console", remedy="save a page by the button on it")
    with opened(trail, "views", STEPS) as connection, transaction(connection):
        count = connection.execute("SELECT count(*) FROM views_saved WHERE who = ?", (who,)).fetchone()[0]
        if count >= EACH:
            raise UsageError(f"{EACH} views are saved already", remedy="remove one first")
        connection.execute(
            "INSERT INTO views_saved (who, name, address, made_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (who, name) DO UPDATE SET address = excluded.address, made_at = excluded.made_at",
            (who, name, address, instant(at)),
        )


def remove_view(trail: Path, who: str, number: int) -> None:
    """Forget a view of this person; nothing happens where it is another's."""
    with opened(trail, "views", STEPS) as connection, transaction(connection):
        connection.execute("DELETE FROM views_saved WHERE who = ? AND number = ?", (who, number))
