"""The unified audit log of Microsoft 365: records of Exchange cmdlets, of mailboxes, and of the directory.

References: MicrosoftDocs/office-365-management-api schema.md; records decoded from invictus-ir/o365_dataset for which
fields stand in which record (times without Z, ports in ClientIP, a line break in OriginatingServer, operations of the
directory that end in a full stop).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mailwitness.simulate.layouts import directory_names
from mailwitness.simulate.organisation import Account, Organisation, guid_of, number_of
from mailwitness.simulate.truth import AuditRow, Draft

ADMIN, ITEM, ITEM_GROUP, DIRECTORY, AGGREGATED = 1, 2, 3, 8, 50
REGULAR, ADMINISTRATOR, DATACENTER, APPLICATION = 0, 2, 3, 5
OWNER, BY_ADMIN, DELEGATED = 0, 1, 2
_SERVER = "AM0PR04MB5043 (15.20.7544.015)"
_BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0.0.0"

NOWHERE = "nowhere"
"""The log of records that the service did not take in."""


class UnifiedAudit:
    """The records of one tenant; `logs` are the containers, over which they are spread by their id."""

    def __init__(self, organisation: Organisation, logs: list[str]) -> None:
        self._organisation = organisation
        self._logs = logs
        self.ingesting = True  # while it is not, records go nowhere
        self._exchange_online = directory_names().app_ids["exchange_online"]
        self.tenant = guid_of(organisation.dns, "tenant")

    def _draft(self, at: datetime, fields: dict[str, Any]) -> Draft:
        log = self._logs[number_of("container", fields["Id"], below=len(self._logs))] if self.ingesting else NOWHERE
        return Draft(log, AuditRow(occurred_at=at, fields=fields, row_id=fields["Id"]))

    def _head(self, at: datetime, operation: str, record_type: int, user: str, user_type: int) -> dict[str, Any]:
        return {
            "CreationTime": at.strftime("%Y-%m-%dT%H:%M:%S"),
            "Id": guid_of(self.tenant, operation, user, at.isoformat()),
            "Operation": operation,
            "OrganizationId": self.tenant,
            "RecordType": record_type,
            "ResultStatus": "True",
            "UserKey": "1003" + guid_of("puid", user)[:12].replace("-", "").upper(),
            "UserType": user_type,
            "Version": 1,
            "Workload": "Exchange",
            "UserId": user,
        }

    def cmdlet(
        self,
        at: datetime,
        actor: Account,
        cmdlet: str,
        parameters: dict[str, str],
        target: str,
        address: str,
    ) -> Draft:
        """Return record type 1: a cmdlet an administrator ran."""
        fields = self._head(at, cmdlet, ADMIN, actor.upn or actor.name, ADMINISTRATOR) | {
            "ClientIP": f"{address}:{number_of(at, below=40000) + 10000}",
            "ObjectId": target,
            "AppId": "",
            "ClientAppId": "",
            "ExternalAccess": False,
            "OrganizationName": self._organisation.dns,
            "OriginatingServer": _SERVER + "\r\n",
            "Parameters": [{"Name": name, "Value": value} for name, value in parameters.items()],
            "SessionId": guid_of("session", actor.sid, at.date().isoformat()),
        }
        return self._draft(at, fields)

    def service_cmdlet(self, at: datetime, cmdlet: str, parameters: dict[str, str], target: str) -> Draft:
        """Return record type 1 of Microsoft's own services: UserType 3, ExternalAccess true."""
        user = "NT AUTHORITY\\SYSTEM (Microsoft.Exchange.ServiceHost)"
        fields = self._head(at, cmdlet, ADMIN, user, DATACENTER) | {
            "UserKey": user,
            "ObjectId": target,
            "AppId": "",
            "ClientAppId": "",
            "ExternalAccess": True,
            "OrganizationName": self._organisation.dns,
            "OriginatingServer": _SERVER,
            "Parameters": [{"Name": name, "Value": value} for name, value in parameters.items()],
        }
        fields["Id"] = guid_of(self.tenant, cmdlet, target, at.isoformat())
        return self._draft(at, fields)

    def mailbox(
        self,
        at: datetime,
        operation: str,
        mailbox: Account,
        actor: Account,
        record_type: int,
        logon_type: int,
        address: str,
        **more: Any,  # noqa: ANN401 - fields of the record
    ) -> Draft:
        """Return record type 2, 3 or 50: an operation in a mailbox; `more` are its own fields."""
        user_type = REGULAR if logon_type != BY_ADMIN else ADMINISTRATOR
        fields = self._head(at, operation, record_type, actor.upn or actor.name, user_type) | {
            "ResultStatus": "Succeeded",
            "ClientIPAddress": address,
            "ClientIP": address,
            "ClientInfoString": f"Client=OWA;{_BROWSER};",
            "AppId": self._exchange_online,
            "ExternalAccess": False,
            "InternalLogonType": logon_type,
            "LogonType": logon_type,
            "LogonUserSid": actor.sid,
            "MailboxGuid": mailbox.mailbox_guid,
            "MailboxOwnerSid": mailbox.sid,
            "MailboxOwnerUPN": mailbox.upn,
            "OrganizationName": self._organisation.dns,
            "OriginatingServer": _SERVER + "\r\n",
            "SessionId": guid_of("session", actor.sid, mailbox.sid, at.date().isoformat()),
        }
        fields["Id"] = guid_of(self.tenant, operation, actor.sid, mailbox.sid, at.isoformat())
        return self._draft(at, fields | more)

    def by_application(self, at: datetime, operation: str, mailbox: Account, app: Account, **more: Any) -> Draft:  # noqa: ANN401 - as above
        """Return a mailbox record of an application that acts as itself: UserType 5, LogonType 0."""
        draft = self.mailbox(at, operation, mailbox, app, AGGREGATED, OWNER, "20.190.160.2", **more)
        assert isinstance(draft.record, AuditRow)  # noqa: S101 - made above
        draft.record.fields.update(
            {
                "UserType": APPLICATION,
                "UserId": app.name,
                "UserKey": app.guid,
                "AppId": app.guid,
                "ClientAppId": app.guid,
                "ClientInfoString": "Client=WebServices;ExchangeWebServices",
                "ActorInfoString": "Client=WebServices;ExchangeWebServices",
                "AppAccessContext": {
                    "ClientAppId": app.guid,
                    "APIId": self._exchange_online,
                    "IssuedAtTime": at.isoformat(),
                },
            }
        )
        return draft

    def directory(self, at: datetime, actor: Account, operation: str, target: str, modified: dict[str, str]) -> Draft:
        """Return record type 8: a change in the directory; `modified` are the new values."""
        fields = self._head(at, operation, DIRECTORY, actor.upn or actor.name, REGULAR) | {
            "Workload": "AzureActiveDirectory",
            "ResultStatus": "Success",
            "ObjectId": target,
            "AzureActiveDirectoryEventType": 1,
            "ExtendedProperties": [{"Name": "extendedAuditEventCategory", "Value": "ServicePrincipal"}],
            "ModifiedProperties": [{"Name": n, "NewValue": v, "OldValue": ""} for n, v in modified.items()],
            "Actor": [{"ID": actor.upn or actor.name, "Type": 5}, {"ID": actor.guid, "Type": 2}],
            "Target": [{"ID": target, "Type": 1}],
            "ActorContextId": self.tenant,
            "TargetContextId": self.tenant,
        }
        return self._draft(at, fields)


def bind(folder: str, count: int, *names: object) -> dict[str, Any]:
    """Return the fields of MailItemsAccessed for items that were opened."""
    items = [{"InternetMessageId": f"<{guid_of(*map(str, names), str(n))}@mail.example>"} for n in range(count)]
    return {
        "OperationProperties": [{"Name": "MailAccessType", "Value": "Bind"}, {"Name": "IsThrottled", "Value": "False"}],
        "OperationCount": count,
        "Folders": [{"Id": guid_of("folder", folder), "Path": folder, "FolderItems": items}],
    }


def sync(folder: str) -> dict[str, Any]:
    """Return the fields of MailItemsAccessed for a folder that a desktop client synchronised."""
    return {
        "OperationProperties": [{"Name": "MailAccessType", "Value": "Sync"}, {"Name": "IsThrottled", "Value": "False"}],
        "ClientInfoString": "Client=MSExchangeRPC",
        "ClientProcessName": "OUTLOOK.EXE",
        "ClientVersion": "16.0.17328.20124",
        "Item": {"Id": guid_of("folder", folder), "ParentFolder": {"Id": guid_of("folder", folder), "Path": folder}},
    }


def item(folder: str, subject: str, *names: object) -> dict[str, Any]:
    """Return the Item field of a record about one message."""
    name = guid_of(*map(str, names), subject)
    return {
        "Item": {
            "Id": name,
            "InternetMessageId": f"<{name}@mail.example>",
            "Subject": subject,
            "ParentFolder": {"Id": guid_of("folder", folder), "Path": folder},
        }
    }
