"""The mailbox audit log of Exchange 2010 and later: exports of Search-MailboxAuditLog and New-MailboxAuditLogSearch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from mailwitness.event import ActorKind, Event, Problem, TimeQuality, content_event_id, instant
from mailwitness.formats.interface import ExportRecord, Record
from mailwitness.knowledge.mailbox_operations import actor_kind, operation_key, operations
from mailwitness.sources.audit_fields import Fields, address_of, moment_of, order_of, outcome_of, server_of
from mailwitness.sources.interface import Context
from mailwitness.sources.mailbox_meaning import fields_of_operation, logon_type_of, mailbox_of
from mailwitness.sources.mailbox_reference import sid_of
from mailwitness.sources.stamp import unread

NAME = "mailbox_audit"
DOC = (
    "The mailbox audit log, which a mailbox of Exchange 2010 or later keeps in itself: who that is not its owner "
    "opened a folder, read, sent, moved or deleted what, as Search-MailboxAuditLog -ShowDetails (CSV, JSON, CLIXML) "
    "or New-MailboxAuditLogSearch (XML) export it. On premises it is off unless AuditEnabled is set, an administrator "
    "with FullAccess counts as delegate, a delegate's opening of folders is recorded only if FolderBind was added, "
    "and a delegate's reading of messages cannot be recorded at all."
)

_NAMES = frozenset({"operation", "lastaccessed"})
_ANY_OF = frozenset({"logontype", "mailboxguid", "mailboxownerupn", "mailboxresolvedownername", "owner"})


def recognise(record: Record | ExportRecord) -> bool:
    """Return whether the row, object or element is an entry of a mailbox audit log."""
    if not isinstance(record, ExportRecord):
        return False
    names = {name.casefold() for name in record.fields}
    return names >= _NAMES and not names.isdisjoint(_ANY_OF)


def read(record: Record | ExportRecord, context: Context) -> Iterator[Event | Problem]:
    """Yield the access the entry tells; an operation nobody described is a Problem: this log holds nothing else."""
    assert isinstance(record, ExportRecord)  # noqa: S101 - recognise() said so
    said = Fields(record.fields)
    name = said.text("Operation")
    operation = operations().get(operation_key(name)) if name is not None else None
    if operation is None or operation.rule == "directory":
        yield unread(record, context, "unparsable", "an operation of the mailbox audit log", repr(name))
        return
    moment = said.text("LastAccessed")
    at = moment_of(moment, day_first=order_of(record, "LastAccessed"), time_zone=context.time_zone)
    if at is None:
        expected = "LastAccessed with a zone, or a date whose order the file shows and the zone of the exporting shell"
        yield unread(record, context, "ambiguous", expected, repr(moment))
        return
    common = _common(said, at, record, context)
    for part, fields in enumerate(fields_of_operation(operation, said, at[0])):
        event = {**common, **{name: value for name, value in fields.items() if value is not None}}
        if event.get("strength") is not None and event["outcome"] == "failure":
            event["strength"] = "attempted"
        yield Event(event_id=content_event_id(context.organization, NAME, _identity(event), part), **event)


def _common(said: Fields, at: tuple[datetime, TimeQuality], record: ExportRecord, context: Context) -> dict[str, Any]:
    mailbox, form = mailbox_of(said)
    actor = said.text("LogonUserDisplayName", "DelegateUserDisplayName", "LogonUserDN", "LogonUserSid")
    sid = sid_of(said.text("LogonUserSid"))
    return {
        "organization": context.organization,
        "occurred_at": at[0],
        "time_quality": at[1],
        "outcome": outcome_of(said.text("OperationResult")),
        "actor_name": actor,
        "actor_sid": sid,
        "actor_kind": _actor_kind(actor, sid),
        "mailbox_ref": mailbox,
        "mailbox_ref_form": form,
        "client_ip": address_of(said.text("ClientIPAddress")),
        "client_host": said.text("ClientMachineName"),
        "client_app": said.text("ClientInfoString", "ClientProcessName"),
        "session_id": said.text("SessionId"),
        "logon_type": logon_type_of(said),
        "source": NAME,
        "computer": server_of(said.text("OriginatingServer")),
        "observed_origin": context.observed_origin,
        "event_code": said.text("Operation"),
        "evidence_sha256": context.evidence_sha256,
        "offset": record.offset,
    }


def _actor_kind(actor: str | None, sid: str | None) -> ActorKind:
    known = actor_kind(None, sid)
    if known == "unknown":
        known = actor_kind(None, actor)
    return "user" if known == "unknown" and (actor or sid) else known


def _identity(event: dict[str, Any]) -> list[Any]:
    """Return what tells an entry from all others, whichever cmdlet exported it: its time counts to the second."""
    return [
        instant(event["occurred_at"])[:19],
        (event["event_code"] or "").casefold(),
        (event["mailbox_ref"] or "").casefold(),
        event["actor_sid"] or event["actor_name"],
        event["logon_type"],
        event["outcome"],
        event["client_ip"],
        event.get("folder"),
        event.get("after"),
        sorted(item.item_id or item.subject or "" for item in event.get("items", ())),
    ]
