"""The unified audit log of Microsoft 365: what Exchange Online and Entra ID recorded, in every container."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mailwitness.event import Event, Problem, content_event_id, m365_event_id
from mailwitness.formats.interface import ExportRecord, Record
from mailwitness.knowledge.mailbox_operations import (
    Operation,
    actor_kind,
    operation_key,
    operation_knowledge,
    operations,
)
from mailwitness.sources.audit_fields import address_of, server_of
from mailwitness.sources.cmdlet_events import events_of, is_described, may_say_nothing
from mailwitness.sources.cmdlet_parameters import Parameters, from_pairs, parse_parameters
from mailwitness.sources.directory_meaning import fields_of_directory
from mailwitness.sources.interface import Context
from mailwitness.sources.mailbox_meaning import fields_of_operation, logon_type_of, mailbox_of
from mailwitness.sources.mailbox_reference import sid_of
from mailwitness.sources.stamp import unread
from mailwitness.sources.unified_record import UnifiedRecord, Unreadable, is_unified, unified_record

NAME = "unified_audit"
DOC = (
    "The unified audit log of Microsoft 365: Search-UnifiedAuditLog and Purview portal exports (CSV), the Management "
    "Activity API, Graph, Sentinel's OfficeActivity and the spool of servers on premises (JSON). It proves what "
    "Exchange Online did for whom: grants, roles, forwarding, audit switches, and which items were read "
    "(MailItemsAccessed). A Sync record means that the whole folder must be assumed read; a throttled mailbox is "
    "silent for 24 hours; records arrive late and unordered, and a mailbox without the licence or the action writes "
    "nothing."
)


def recognise(record: Record | ExportRecord) -> bool:
    """Return whether the row or object is of the unified audit log."""
    return isinstance(record, ExportRecord) and is_unified(record)


def read(record: Record | ExportRecord, context: Context) -> Iterator[Event | Problem]:
    """Yield the events of the record; none where its operation says nothing of mailboxes, rights or auditing."""
    assert isinstance(record, ExportRecord)  # noqa: S101 - recognise() said so
    unified = unified_record(record)
    if isinstance(unified, Unreadable):
        yield unread(record, context, "unparsable", unified.expected, unified.found)
        return
    operation = operations().get(operation_key(unified.operation))
    doubts: tuple[str, ...] = ()
    if operation is not None:
        made = _of_operation(operation, unified)
    elif is_described(unified.operation):
        parameters = _parameters(unified)
        doubts = parameters.doubts
        made = _of_cmdlet(unified, parameters)
        if not made and (doubts or not may_say_nothing(unified.operation)):
            found = f"{unified.operation} {parameters.text[:200]!r} {'; '.join(doubts)}"
            yield unread(record, context, "unparsable", f"the parameters of {unified.operation}", found)
            return
    else:
        return
    common = _common(unified, record, context)
    for part, fields in enumerate(made):
        said = {name: value for name, value in fields.items() if value is not None}
        if said.get("strength") is not None and unified.outcome == "failure":
            said["strength"] = "attempted"
        yield Event(event_id=_event_id(unified, context, part), **{**common, **said})
    if made and doubts:
        found = f"{unified.operation}: {'; '.join(doubts)}"
        yield unread(record, context, "ambiguous", f"the parameters of {unified.operation}", found, records=0)


def _parameters(unified: UnifiedRecord) -> Parameters:
    """Return a cmdlet's parameters: a list of names and values, or (compliance cmdlets) the text the shell logs."""
    pairs = list(unified.fields.pairs("Parameters"))
    if pairs:
        return from_pairs(pairs)
    return parse_parameters(unified.fields.text("Parameters") or "")


def _of_cmdlet(unified: UnifiedRecord, parameters: Parameters) -> list[dict[str, Any]]:
    modified = unified.fields.text("ModifiedObjectResolvedName", "ObjectId")
    old = dict(unified.fields.pairs("ModifiedProperties", "OldValue"))
    return events_of(unified.operation, parameters, modified=modified, caller=unified.user, old_values=old)


def _of_operation(operation: Operation, unified: UnifiedRecord) -> list[dict[str, Any]]:
    known = operation_knowledge()
    records = known.of_the_directory if operation.rule in {"directory", "logon"} else known.of_mailboxes
    if not records.has(unified.fields.text("Workload"), unified.record_type):
        return []
    if operation.rule == "directory":
        return fields_of_directory(operation, unified.fields)
    if operation.rule == "logon":
        app = unified.fields.text("ApplicationId")
        detail = next((v for k, v in unified.fields.pairs("ExtendedProperties") if k == "UserAgent"), None)
        return [
            {
                "kind": operation.kind,
                "action": operation.action,
                "scope": "organization",
                "app_id": app,
                "client_app": detail or None,
                "outcome": operation.outcome,
            }
        ]
    return fields_of_operation(operation, unified.fields, unified.at)


def _event_id(unified: UnifiedRecord, context: Context, part: int) -> str:
    if not unified.tenant:
        return content_event_id(context.organization, NAME, unified.record, part)
    return m365_event_id(unified.tenant, unified.record, part)


def _common(unified: UnifiedRecord, record: ExportRecord, context: Context) -> dict[str, Any]:
    """Return the fields every event of the record has."""
    said = unified.fields
    access = said.table("AppAccessContext")
    mailbox, form = mailbox_of(said)
    return {
        "organization": context.organization,
        "occurred_at": unified.at,
        "time_quality": unified.time_quality,
        "outcome": unified.outcome,
        "actor_name": unified.user,
        "actor_sid": said.text("LogonUserSid") or sid_of(unified.user),
        "actor_kind": actor_kind(unified.user_type, unified.user),
        "mailbox_ref": mailbox,
        "mailbox_ref_form": form,
        "client_ip": address_of(said.text("ClientIPAddress", "ClientIP", "ActorIpAddress", "ActorIP")),
        "client_host": said.text("ClientMachineName"),
        "client_app": said.text("ClientInfoString"),
        "app_id": said.text("ClientAppId", "AppId") or access.text("ClientAppId"),
        "session_id": said.text("SessionId") or access.text("AADSessionId"),
        "transaction_id": unified.record or None,
        "request_id": said.text("ClientRequestId", "InterSystemsId"),
        "logon_type": logon_type_of(said),
        "source": NAME,
        "computer": server_of(said.text("OriginatingServer")),
        "observed_origin": context.observed_origin,
        "provider": said.text("Workload"),
        "event_code": unified.operation.rstrip("."),
        "evidence_sha256": context.evidence_sha256,
        "offset": record.offset,
    }
