"""What the event log says of itself: logs cleared, events discarded, the service or the machine down."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from mailwitness.event import Event, Problem
from mailwitness.formats.interface import ExportRecord, Record
from mailwitness.knowledge.windows_events import Entry, catalogue
from mailwitness.sources.interface import Context
from mailwitness.sources.windows_reading import read_record
from mailwitness.sources.windows_rules import RULES

NAME = "windows_eventlog"
DOC = (
    "Records that prove a loss of records: a log was cleared, events were discarded, the event log service or the "
    "whole machine went down. Only the event log's own provider is read: other providers use the same event ids."
)


@cache
def _entries() -> dict[tuple[str, int], Entry]:
    return catalogue().read_by(NAME)


def codes() -> frozenset[int]:
    """Return the event ids that are read."""
    return frozenset(code for _, code in _entries())


def recognise(record: Record | ExportRecord) -> bool:
    """Return whether the record is the event log's own, of an event that knowledge/ describes."""
    return isinstance(record, Record) and (record.provider.casefold(), record.event_code) in _entries()


def read(record: Record | ExportRecord, context: Context) -> Iterator[Event | Problem]:
    """Yield the event the record tells, or the Problem that no known layout fits."""
    assert isinstance(record, Record)  # noqa: S101 - recognise() said so
    return read_record(record, context, NAME, RULES)
