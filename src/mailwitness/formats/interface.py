"""What a format owes: bytes in, `Record | Problem | Skipped` out, never silent, no meaning.

A format is a module of this package with

    NAME: str                                     as `import` prints it and as `Record.format` carries it
    DOC: str                                      one sentence for docs/sources.md
    recognise(head: bytes, name: str) -> bool     by content first (the first 64 KiB), by file name only to break ties
    spans(path: Path) -> list[Span]               ranges that can be read apart from each other (one is fine)
    read(path: Path, span: Span, wanted: Wanted) -> Iterator[Record | ExportRecord | Problem | Skipped]

and is found by its place, not registered (`formats.discover`). It reads one local file. It may raise EvidenceError
only where nothing of the file can be read; all else is a Problem.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from mailwitness.event import Problem, TimeQuality


class Span(msgspec.Struct, frozen=True):
    """A range of bytes of a file, `start` included, `end` not, that a reader can take alone."""

    start: int
    end: int


class Wanted(msgspec.Struct, frozen=True):
    """Which records the sources can read: a fast path may skip others before rendering them.

    It fails open: a record whose code cannot be told cheaply is rendered. `codes` None means everything.
    """

    codes: frozenset[int] | None = None

    def has(self, code: int) -> bool:
        """Return whether records of this event code are to be rendered."""
        return self.codes is None or code in self.codes


class Skipped(msgspec.Struct, frozen=True):
    """Records seen, found intact, and passed over because no source reads their kind: counted as filtered.

    `numbers` are their record numbers where the format knows them (for continuity), else empty.
    """

    records: int
    computer: str = ""
    channel: str = ""
    numbers: tuple[int, ...] = ()


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One Windows event-log record, the same whatever form it came in.

    `values` are the insertion strings or EventData values in order, empty ones kept; `names` are their names, or
    empty where the form has none (then positions count). Where a form (Winlogbeat) drops the order, `names` carry
    the meaning. UserData children come as names and values too.
    """

    format: str
    offset: int  # byte offset of the record in the evidence; the line number (from 1) for line formats
    provider: str
    event_code: int
    computer: str
    channel: str
    record_id: int | None
    occurred_at: datetime  # System/TimeCreated, aware UTC
    time_quality: TimeQuality
    values: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    audit: Literal["success", "failure"] | None = None  # EventType 8/16, or the audit keyword bits
    level: int | None = None
    version: int | None = None
    user_sid: str | None = None  # System/Security UserID, EVENTLOGRECORD.UserSid
    message: str | None = None  # rendered text, where the form has it
    data: bytes | None = None  # binary data of a classic record
    related_activity: str | None = None  # Correlation/ActivityID
    recovered: bool = False  # found outside the live records: kept apart, never proof of continuity

    def get(self, name: str) -> str | None:
        """Return the value named `name`, or None."""
        try:
            return self.values[self.names.index(name)]
        except (ValueError, IndexError):
            return None

    def raw(self) -> dict[str, Any]:
        """Return the record as it goes into the entry: strings and lists only, nothing interpreted."""
        raw: dict[str, Any] = {"format": self.format}
        if self.names:
            raw["data"] = [list(pair) for pair in zip(self.names, self.values, strict=False)]
        elif self.values:
            raw["data"] = list(self.values)
        if self.message is not None:
            raw["message"] = self.message
        if self.user_sid is not None:
            raw["user_sid"] = self.user_sid
        if self.audit is not None:
            raw["audit"] = self.audit
        if self.level is not None:
            raw["level"] = self.level
        if self.version is not None:
            raw["version"] = self.version
        if self.related_activity is not None:
            raw["activity_id"] = self.related_activity
        if self.data is not None:
            raw["binary"] = self.data.hex()
        return raw


class ExportRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One row or object that a cmdlet, a portal or an API exported: names and values, nothing interpreted.

    `container` is the format's name (csv, json, xml, clixml); `shape` helps a source to recognise it (the column
    names of a CSV, the root and element name of XML, the top-level keys of JSON).
    """

    format: str
    offset: int  # byte offset, or line number (from 1) for line formats
    container: str
    shape: tuple[str, ...]
    fields: dict[str, Any]  # strings, booleans, integers, lists and dicts as written; no floats
    day_first: tuple[tuple[str, bool], ...] = ()
    """Columns of locale dates whose order some row of the file shows: the day first or not (`locale_dates.parse`)."""
    claimed_host: str | None = None
    """Who the transport's header (syslog) says sent it, where the record itself names nobody."""

    def raw(self) -> dict[str, Any]:
        """Return the record as it goes into the entry."""
        raw: dict[str, Any] = {"format": self.format, "fields": self.fields}
        if self.claimed_host is not None:
            raw["claimed_host"] = self.claimed_host
        return raw


Reading = Record | ExportRecord | Problem | Skipped


class Format(Protocol):
    """The shape of a format module."""

    NAME: str
    DOC: str

    def recognise(self, head: bytes, name: str) -> bool:
        """Return whether this module reads a file that begins with `head`."""
        ...

    def spans(self, path: Path) -> list[Span]:
        """Return the ranges into which the file can be split for reading side by side."""
        ...

    def read(self, path: Path, span: Span, wanted: Wanted) -> Iterator[Reading]:
        """Yield what stands in `span`, in the order of the file."""
        ...
