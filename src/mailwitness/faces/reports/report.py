"""What a report is, before it takes a form: sections of text, and what makes them checkable later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from mailwitness.analysis.coverage import Coverage
from mailwitness.faces.output import cell


class Column(msgspec.Struct, frozen=True):
    """A column of a section: its field name, stable for programs, and its heading for people."""

    name: str
    heading: str


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One table of a report. Cells are text as the evidence has it; each form makes them inert in its own way.

    `said` are sentences above the table; `controls` name what the section is evidence for, in a pack.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    said: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()


class MadeAt(msgspec.Struct, frozen=True, kw_only=True):
    """The signed checkpoint a report was made at: log, leaves, root in hex. `report verify` holds the trail to it."""

    origin: str
    size: int
    root: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A report. Times are aware UTC; `since` and `until` are None where the period is open.

    `is_covered` is False where part of what was asked for is known to be blind; `blind` tells each such part, and
    `coverage` says in sentences what was at hand.
    """

    kind: str
    title: str
    made_at: datetime
    since: datetime | None
    until: datetime | None
    query: dict[str, str]
    checkpoint: MadeAt
    is_covered: bool
    coverage: tuple[str, ...]
    blind: tuple[str, ...]
    sections: tuple[Section, ...]
    said: tuple[str, ...] = ()
    made_by: str = ""

    @property
    def verdict(self) -> str:
        """The coverage in one sentence, to stand before everything else."""
        if self.is_covered:
            return "Coverage: nothing asked for is known to be blind. What the evidence does not record is not here."
        return f"NOT FULLY COVERED: {len(self.blind) or 'all'} parts of what was asked for would not have been seen."

    @property
    def period(self) -> str:
        """The period in words, UTC."""
        since = f"{self.since:%Y-%m-%d %H:%M:%S}" if self.since else "the beginning of the trail"
        until = f"{self.until:%Y-%m-%d %H:%M:%S}" if self.until else "its end"
        return f"{since} until {until} (UTC)"


def section(
    title: str,
    columns: Mapping[str, str],
    items: Iterable[Mapping[str, Any]],
    said: Iterable[str] = (),
) -> Section:
    """Return a section of `items`, of which the fields that `columns` name are shown."""
    return Section(
        title=title,
        columns=tuple(Column(name, heading) for name, heading in columns.items()),
        rows=tuple(tuple(cell(item.get(name)) for name in columns) for item in items),
        said=tuple(said),
    )


def blind_parts(coverage: Coverage) -> tuple[str, ...]:
    """Return every part that would not have been seen, in words, each once."""
    return tuple(dict.fromkeys(part.what for part in coverage.parts if part.verdict == "absent"))


def cut(rows: tuple[tuple[str, ...], ...], limit: int, elsewhere: str) -> tuple[tuple[tuple[str, ...], ...], str]:
    """Return at most `limit` rows, and the sentence that says what is left out (empty where nothing is)."""
    if len(rows) <= limit:
        return rows, ""
    return rows[:limit], f"The first {limit} of {len(rows)} rows are shown; {elsewhere} holds all of them."
