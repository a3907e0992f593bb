"""The administrator audit log of Exchange 2010 and later: exports of Search- and New-AdminAuditLogSearch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from mailwitness.event import Event, Problem, TimeQuality, content_event_id, instant
from mailwitness.formats.interface import ExportRecord, Record
from mailwitness.knowledge.mailbox_operations import actor_kind
from mailwitness.sources.audit_fields import Fields, moment_of, order_of, outcome_of, server_of
from mailwitness.sources.cmdlet_events import events_of, is_described, may_say_nothing
from mailwitness.sources.cmdlet_parameters import Parameters, from_pairs, parse_parameters
from mailwitness.sources.interface import Context
from mailwitness.sources.mailbox_reference import sid_of
from mailwitness.sources.stamp import unread

NAME = "admin_audit"
DOC = (
    "The administrator audit log: every cmdlet that changed something, with caller, parameters and result, as "
    "Search-AdminAuditLog (CSV, JSON, CLIXML) or New-AdminAuditLogSearch (XML) export it; with LogLevel Verbose also "
    "what was before. It names people by canonical name, arrives up to 15 minutes late, keeps 90 days, can be switched "
    "off or narrowed to some cmdlets, and shows no change made in the directory without Exchange."
)

_NAMES = frozenset({"caller", "rundate"})


def recognise(record: Record | ExportRecord) -> bool:
    """Return whether the row, object or element is an entry of an administrator audit log."""
    if not isinstance(record, ExportRecord):
        return False
    names = {name.casefold() for name in record.fields}
    return names >= _NAMES and ("cmdlet" in names or "cmdletname" in names)


def read(record: Record | ExportRecord, context: Context) -> Iterator[Event | Problem]:
    """Yield the events of the cmdlet; none where it is none that touches what is recorded."""
    assert isinstance(record, ExportRecord)  # noqa: S101 - recognise() said so
    said = Fields(record.fields)
    cmdlet = said.text("Cmdlet", "CmdletName")
    if cmdlet is None:
        yield unread(record, context, "unparsable", "the name of a cmdlet", "none")
        return
    if not is_described(cmdlet):
        return
    moment = said.text("RunDate")
    at = moment_of(moment, day_first=order_of(record, "RunDate"), time_zone=context.time_zone)
    if at is None:
        expected = "RunDate with a zone, or a date whose order the file shows and the zone of the exporting shell"
        yield unread(record, context, "ambiguous", expected, repr(moment))
        return
    parameters = _parameters(said, cmdlet)
    if parameters is None:
        expected = "CmdletParameters as names and values (Export-Csv drops them: export as JSON, CLIXML or XML)"
        yield unread(record, context, "unparsable", expected, repr(said.text("CmdletParameters"))[:200])
        return
    old = dict(said.pairs("ModifiedProperties", "OldValue", "Property"))
    modified, caller = said.text("ObjectModified"), said.text("Caller")
    made = events_of(cmdlet, parameters, modified=modified, caller=caller, old_values=old)
    if not made and (parameters.doubts or not may_say_nothing(cmdlet)):
        yield unread(record, context, "unparsable", f"the parameters of {cmdlet}", repr(parameters.text[:200]))
        return
    yield from _events(made, said, parameters, at, record, context)
    if made and parameters.doubts:
        found = f"{cmdlet}: {'; '.join(parameters.doubts)}"
        yield unread(record, context, "ambiguous", f"the parameters of {cmdlet}", found, records=0)


def _events(
    made: list[dict[str, Any]],
    said: Fields,
    parameters: Parameters,
    at: tuple[datetime, TimeQuality],
    record: ExportRecord,
    context: Context,
) -> Iterator[Event]:
    common = _common(said, at, record, context)
    identity = _identity(common, said, parameters)
    for part, fields in enumerate(made):
        event = {**common, **{name: value for name, value in fields.items() if value is not None}}
        if event.get("strength") is not None and event["outcome"] == "failure":
            event["strength"] = "attempted"
        yield Event(event_id=content_event_id(context.organization, NAME, identity, part), **event)


def _parameters(said: Fields, cmdlet: str) -> Parameters | None:
    """Return the parameters, or None where the export has no readable ones (Export-Csv writes a type's name)."""
    pairs = list(said.pairs("CmdletParameters", element="Parameter"))
    if pairs:
        return from_pairs(pairs)
    command = said.text("FullCommand")
    if command is not None:
        _name, _space, rest = command.partition(" ")
        return parse_parameters(rest)
    text = said.text("CmdletParameters")
    if text is None:
        return Parameters({})
    parsed = parse_parameters(text.removeprefix(cmdlet))
    return parsed if parsed.values and not parsed.doubts else None


def _common(said: Fields, at: tuple[datetime, TimeQuality], record: ExportRecord, context: Context) -> dict[str, Any]:
    caller = said.text("Caller")
    kind = actor_kind(None, caller)
    return {
        "organization": context.organization,
        "occurred_at": at[0],
        "time_quality": at[1],
        "outcome": outcome_of(said.text("Succeeded")),
        "actor_name": caller,
        "actor_sid": sid_of(caller),
        "actor_kind": "user" if kind == "unknown" and caller else kind,
        "source": NAME,
        "computer": server_of(said.text("OriginatingServer")),
        "observed_origin": context.observed_origin,
        "event_code": said.text("Cmdlet", "CmdletName"),
        "evidence_sha256": context.evidence_sha256,
        "offset": record.offset,
    }


def _identity(common: dict[str, Any], said: Fields, parameters: Parameters) -> list[Any]:
    """Return what tells an entry from all others, whichever cmdlet exported it: its time counts to the second."""
    return [
        instant(common["occurred_at"])[:19],
        (common["event_code"] or "").casefold(),
        (common["actor_name"] or "").casefold(),
        (said.text("ObjectModified") or "").casefold(),
        common["outcome"],
        sorted([name.casefold(), value.text] for name, value in parameters.values.items()),
    ]
