"""The records that tell of changes, as rows that share their texts.

A row names its server, log, evidence, account and object in texts that thousands of rows have alike; each text is held
once, which is a third of what a large trail's changes take in memory.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query


def change_rows(engine: Engine, since: datetime | None = None, until: datetime | None = None) -> list[dict[str, Any]]:
    """Return the records of changes in a window (None: no bound), in order of time."""
    rows = engine.rows(load_query("mailwitness.analysis.sql", "change_events"), since=since, until=until)
    known: dict[str, str] = {}
    for row in rows:
        for name, value in row.items():
            if value.__class__ is str:
                row[name] = known.setdefault(value, value)
    return rows
