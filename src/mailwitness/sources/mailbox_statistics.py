"""Who last opened a mailbox, and who has one open now: exports of Get-MailboxStatistics and Get-LogonStatistics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mailwitness.event import Event, Problem, content_event_id, instant
from mailwitness.formats.interface import ExportRecord, Record
from mailwitness.knowledge.mailbox_operations import actor_kind
from mailwitness.sources.audit_fields import Fields, address_of, moment_of, order_of
from mailwitness.sources.interface import Context
from mailwitness.sources.mailbox_reference import mailbox_form
from mailwitness.sources.stamp import unread

NAME = "mailbox_statistics"
DOC = (
    "The account that last logged on to a mailbox (Get-MailboxStatistics, the Mailbox Resources view of the System "
    "Manager) and the logons that were open when Get-LogonStatistics ran, as CSV, JSON or CLIXML. Of each mailbox only "
    "the last account is kept, and like event 1016 it shows an attempt, also one that failed; an account that is not "
    "the owner's is a lead where no log was kept."
)

_LAST = frozenset({"lastloggedonuseraccount", "lastlogontime"})
_OPEN = frozenset({"windows2000account", "logontime"})


def recognise(record: Record | ExportRecord) -> bool:
    """Return whether the row or object is of one of the two cmdlets."""
    if not isinstance(record, ExportRecord):
        return False
    names = {name.casefold() for name in record.fields}
    return names >= _LAST or names >= _OPEN


def read(record: Record | ExportRecord, context: Context) -> Iterator[Event | Problem]:
    """Yield the logon the row tells; none for a mailbox nobody ever logged on to."""
    assert isinstance(record, ExportRecord)  # noqa: S101 - recognise() said so
    said = Fields(record.fields)
    is_open = "LogonTime" in said
    account = said.text("Windows2000Account") if is_open else said.text("LastLoggedOnUserAccount")
    if account is None:
        return
    column = "LogonTime" if is_open else "LastLogonTime"
    moment = said.text(column)
    if moment is None and not is_open:
        return
    at = moment_of(moment, day_first=order_of(record, column), time_zone=context.time_zone)
    if at is None:
        expected = f"{column} with a zone, or a date whose order the file shows and the zone of the exporting shell"
        yield unread(record, context, "ambiguous", expected, repr(moment))
        return
    mailbox = _mailbox(said)
    kind = actor_kind(None, account)
    identity = [column, instant(at[0])[:19], (mailbox or "").casefold(), account.casefold()]
    fields: dict[str, Any] = {
        "organization": context.organization,
        "kind": "access",
        "action": "logon",
        "scope": "mailbox",
        "outcome": "success" if is_open else "unknown",
        "strength": "opened" if is_open else "attempted",
        "occurred_at": at[0],
        "time_quality": at[1],
        "actor_name": account,
        "actor_kind": "user" if kind == "unknown" else kind,
        "mailbox_ref": mailbox,
        "mailbox_ref_form": mailbox_form(mailbox) if mailbox else None,
        "database": said.text("DatabaseName", "Database"),
        "client_ip": address_of(said.text("ClientIPAddress")),
        "client_host": said.text("ClientName"),
        "source": NAME,
        "computer": said.text("ServerName"),
        "observed_origin": context.observed_origin,
        "evidence_sha256": context.evidence_sha256,
        "offset": record.offset,
    }
    yield Event(event_id=content_event_id(context.organization, NAME, identity), **fields)


def _mailbox(said: Fields) -> str | None:
    """Return whose mailbox it is, by the name that is hardest to mistake."""
    return said.text(
        "FullMailboxDirectoryName", "LegacyDN", "MailboxGuid", "DisplayName", "MailboxDisplayName", "UserName"
    )
