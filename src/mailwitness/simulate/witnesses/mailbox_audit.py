"""The mailbox audit log of Exchange 2010 and later, in the two shapes it is exported in.

New-MailboxAuditLogSearch (XML attributes) and Search-MailboxAuditLog -ShowDetails (CSV columns) name some fields
differently: Owner and LogonUserDN there, MailboxResolvedOwnerName and LogonUserDisplayName here.
References: MicrosoftDocs/OfficeDocs-Exchange mailbox-audit-logging.md and export-mailbox-audit-logs.md.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from mailwitness.simulate.organisation import Account, guid_of, number_of
from mailwitness.simulate.truth import AuditRow, Draft
from mailwitness.simulate.writers.audit_csv import shell_date

CLIENTS = {
    "owa": ("Client=OWA;Action=ViaProxy", "w3wp.exe", ""),
    "outlook": ("Client=MSExchangeRPC", "OUTLOOK.EXE", "16.0.5413.1000"),
    "ews": ("Client=WebServices;ExchangeServicesClient/15.00.0913.015", "w3wp.exe", ""),
    "export": ("Client=Management;Action=E-Discovery", "MSExchangeMailboxReplication.exe", ""),
}
"""ClientInfoString, process and version of the clients the stories name."""


class MailboxAccess(msgspec.Struct, frozen=True, kw_only=True):
    """One audited operation on one mailbox."""

    at: datetime
    operation: str
    mailbox: Account
    actor: Account
    logon_type: str = "Delegate"  # Owner, Delegate, Admin
    folder: str = "\\Inbox"
    client: str = "outlook"
    address: str = "192.0.2.114"
    subject: str | None = None
    succeeded: bool = True


def item_id(*names: object) -> str:
    """Return an item or folder id as logs print them: hexadecimal, invented."""
    return "00000000" + "".join(guid_of(*map(str, names), str(n)).replace("-", "").upper() for n in range(2))


class MailboxAudit:
    """The audit logs of one organisation's mailboxes; half of them are exported as XML, half as CSV."""

    def __init__(self, xml_log: str, csv_log: str) -> None:
        self._xml_log = xml_log
        self._csv_log = csv_log

    def record(self, access: MailboxAccess) -> Draft:
        """Return the record of an access."""
        if number_of("mailbox audit", access.mailbox.sid, below=2):
            return Draft(self._csv_log, AuditRow(occurred_at=access.at, fields=self._csv(access)))
        return Draft(self._xml_log, AuditRow(occurred_at=access.at, fields=self._xml(access)))

    def knows_seconds_only(self, draft: Draft) -> bool:
        """Return whether a record stands in the form that has no fractions of seconds."""
        return draft.log == self._csv_log

    def _common(self, access: MailboxAccess) -> dict[str, object]:
        info, _process, _version = CLIENTS[access.client]
        return {
            "MailboxGuid": access.mailbox.mailbox_guid or "",
            "Operation": access.operation,
            "OperationResult": "Succeeded" if access.succeeded else "Failed",
            "LogonType": access.logon_type,
            "FolderId": item_id(access.mailbox.sid, access.folder),
            "FolderPathName": access.folder,
            "ClientInfoString": info,
            "ClientIPAddress": access.address,
            "InternalLogonType": "Owner" if access.logon_type == "Owner" else "Delegated",
            "MailboxOwnerUPN": access.mailbox.upn or "",
            "MailboxOwnerSid": access.mailbox.sid,
            "CrossMailboxOperation": "false",
            "LogonUserSid": access.actor.sid,
        }

    def _xml(self, access: MailboxAccess) -> dict[str, object]:
        fields = self._common(access) | {
            "Owner": access.mailbox.account,
            "LastAccessed": access.at.isoformat(timespec="microseconds"),
            "LogonUserDN": access.actor.display,
        }
        if access.subject is not None:
            item = {"Id": item_id(access.at, access.subject), "Subject": access.subject}
            fields["SourceItems"] = [item | {"FolderPathName": access.folder}]
        return fields

    def _csv(self, access: MailboxAccess) -> dict[str, object]:
        _info, process, version = CLIENTS[access.client]
        fields = self._common(access) | {
            "MailboxResolvedOwnerName": access.mailbox.account,
            "LastAccessed": shell_date(access.at),
            "LogonUserDisplayName": access.actor.display,
            "ClientProcessName": process,
            "ClientVersion": version,
            "CrossMailboxOperation": "False",
            "Identity": item_id("identity", access.mailbox.sid, access.at),
        }
        if access.subject is not None:
            fields |= {"ItemId": item_id(access.at, access.subject), "ItemSubject": access.subject}
        return fields
