"""The Security log, Windows NT 4.0 to today: accounts, groups, directory objects and descriptors, policy, logons."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from mailwitness.event import Event, Problem
from mailwitness.formats.interface import ExportRecord, Record
from mailwitness.knowledge.windows_events import Entry, catalogue
from mailwitness.sources.interface import Context
from mailwitness.sources.windows_reading import read_record
from mailwitness.sources.windows_rules import RULES

NAME = "windows_security"
DOC = (
    "Changes of accounts, groups and directory objects, as the Security log of a domain controller tells them, with "
    "logons and changes of the audit policy. A directory value (5136) proves what changed and carries it; an access "
    "(566, 4662) proves that somebody wrote, not what; an opening (560, 565) proves a request; 642 and 4738 prove "
    "that something changed. They are written on the domain controller where the change was made, and nowhere else."
)


@cache
def _entries() -> dict[tuple[str, int], Entry]:
    return catalogue().read_by(NAME)


def codes() -> frozenset[int]:
    """Return the event ids that are read."""
    return frozenset(code for _, code in _entries())


def recognise(record: Record | ExportRecord) -> bool:
    """Return whether knowledge/ describes this event of the Security log."""
    return isinstance(record, Record) and (record.provider.casefold(), record.event_code) in _entries()


def read(record: Record | ExportRecord, context: Context) -> Iterator[Event | Problem]:
    """Yield the event the record tells, or the Problem that no known layout fits."""
    assert isinstance(record, Record)  # noqa: S101 - recognise() said so
    return read_record(record, context, NAME, RULES)
