"""Records of the Security log as the formats hand them over, for the tests of this folder."""

from __future__ import annotations

from datetime import UTC, datetime

from mailwitness.formats.interface import Record
from mailwitness.knowledge.windows_events import catalogue
from mailwitness.sources import windows_eventlog, windows_security
from mailwitness.sources.interface import Context

AT = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)
CONTEXT = Context(organization="example", evidence_sha256="ab" * 32, evidence_name="Security.evtx")
OLD = "Security"
NEW = "Microsoft-Windows-Security-Auditing"
ADMIN = "S-1-5-21-1-2-3-1111"


def record(provider, code, values=(), names=(), **other):
    fields = {
        "format": "evtx",
        "offset": 4096,
        "computer": "DC1",
        "channel": "Security",
        "record_id": 7,
        "occurred_at": AT,
        "time_quality": "exact",
        "audit": "success",
        **other,
    }
    return Record(provider=provider, event_code=code, values=tuple(values), names=tuple(names), **fields)


def old(code, *values, **other):
    """Return a record of Windows NT 4.0 to 2003: strings without names, the caller's SID beside them."""
    return record(OLD, code, values, format="evt", time_quality="second", user_sid=ADMIN, **other)


def new(code, strings, **other):
    """Return a record of Windows Server 2008 or later; strings not given are "-", in the first layout's order."""
    layout = catalogue().find(NEW, code).event.layouts[0]
    unknown = set(strings) - set(layout.strings)
    assert not unknown, unknown
    return record(NEW, code, [strings.get(name, "-") for name in layout.strings], layout.strings, **other)


def read(given, context=CONTEXT):
    """Return all that the source of `given` reads in it."""
    for source in (windows_security, windows_eventlog):
        if source.recognise(given):
            return list(source.read(given, context))
    return None


def event(given, context=CONTEXT):
    """Return the one event of `given`."""
    (only,) = read(given, context)
    return only
