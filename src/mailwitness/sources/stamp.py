"""The evidence fields of an event, the same for every source: which record said it, and where that record stood.

A source adds what the record says: `Event(**stamp(record, context, NAME), kind=..., action=..., ...)`.
"""

from __future__ import annotations

from typing import Any

from mailwitness.event import Place, Problem, ProblemCode, content_event_id, instant, windows_event_id
from mailwitness.formats.interface import ExportRecord, Record
from mailwitness.sources.interface import Context


def stamp(record: Record, context: Context, source: str, part: int = 0) -> dict[str, Any]:
    """Return the fields of `Event` that a Windows record fills whatever it says.

    `part` numbers the events of a record that says several things (0 first). A record without a number (Event
    Viewer's CSV) is identified by its content.
    """
    code = str(record.event_code)
    number = record.record_id
    if number is None:
        event_id = content_event_id(context.organization, "windows", normalised(record), part)
    else:
        event_id = windows_event_id(
            context.organization,
            record.provider,
            record.computer,
            record.channel,
            number,
            record.occurred_at,
            code,
            part,
            recovered=record.recovered,
        )
    return {
        "event_id": event_id,
        "organization": context.organization,
        "occurred_at": record.occurred_at,
        "time_quality": record.time_quality,
        "source": source,
        "evidence_sha256": context.evidence_sha256,
        "offset": record.offset,
        "computer": record.computer or None,
        "observed_origin": context.observed_origin,
        "channel": record.channel or None,
        "provider": record.provider or None,
        "event_code": code,
        "record_id": number,
        "recovered": record.recovered,
    }


def normalised(record: Record) -> list[Any]:
    """Return what identifies a Windows record that carries no number: everything it says, its time to the second."""
    return [
        record.provider.casefold(),
        record.computer.casefold(),
        record.channel.casefold(),
        str(record.event_code),
        instant(record.occurred_at)[:19] + "Z",
        list(record.values),
        record.message,
    ]


def place(record: Record | ExportRecord, context: Context) -> Place:
    """Return where in the evidence `record` stands, for a Problem."""
    if isinstance(record, ExportRecord):
        return Place(evidence=context.evidence_name, offset=record.offset)
    return Place(
        evidence=context.evidence_name,
        offset=record.offset,
        record_id=record.record_id,
        computer=record.computer or None,
        channel=record.channel or None,
    )


def unread(
    record: Record | ExportRecord, context: Context, code: ProblemCode, expected: str, found: str, records: int = 1
) -> Problem:
    """Return the Problem of a record that a source recognised and could not read (`records=0`: read in part)."""
    return Problem(code=code, where=place(record, context), expected=expected, found=found, records=records)
