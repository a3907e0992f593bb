"""What a source owes: a record in, events out.

A source is a module of this package with

    NAME: str                                              stands in Event.source
    DOC: str                                               what it proves, one paragraph for docs/sources.md
    recognise(record: Record | ExportRecord) -> bool       cheap: provider, channel, shape
    read(record, context: Context) -> Iterator[Event | Problem]

and, if it reads Windows records, `codes() -> frozenset[int]`: the event codes knowledge/ describes for it, for the
fast path of the formats. It is found by its place, not registered (`sources.discover`). A record that no source
recognises is filtered; a record that a source recognises and cannot read is a Problem with records=1.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

import msgspec

from mailwitness.event import Event, Problem
from mailwitness.formats.interface import ExportRecord, Record


class Context(msgspec.Struct, frozen=True):
    """What a source must know beside the record: whose trail it is and where the evidence came from."""

    organization: str
    evidence_sha256: str
    evidence_name: str = ""
    observed_origin: str | None = None
    time_zone: str | None = None  # IANA name the user gave for forms without one; None = such times are a Problem
    collected_at: datetime | None = None  # when exports of a state were made that do not say so; None = a Problem


class Source(Protocol):
    """The shape of a source module."""

    NAME: str
    DOC: str

    def recognise(self, record: Record | ExportRecord) -> bool:
        """Return whether this source reads the record."""
        ...

    def read(self, record: Record | ExportRecord, context: Context) -> Iterator[Event | Problem]:
        """Yield what the record says."""
        ...
