"""Records of samples, in the forms of Winlogbeat, NXLog and the unified audit log: all of it invented."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DOMAIN = "S-1-5-21-1111111111-2222222222-333333333"
PEOPLE = {
    "anna": f"{DOMAIN}-1101",
    "bruno": f"{DOMAIN}-1102",
    "clara": f"{DOMAIN}-1103",
    "dario": f"{DOMAIN}-1104",
    "elin": f"{DOMAIN}-1105",
    "frida": f"{DOMAIN}-1106",
    "adm-olga": f"{DOMAIN}-1201",
    "svc-archive": f"{DOMAIN}-1301",
}
MAILBOX_BEFORE = "O:PSG:PSD:(A;CI;CCRC;;;PS)"
OBJECT_BEFORE = "O:DAG:DAD:AI(A;;RPWP;;;PS)S:AI(AU;SA;WDWO;;;WD)"
SEND_AS = "ab721a54-1e2f-11d0-9819-00aa0040529b"
RECEIVE_AS = "ab721a56-1e2f-11d0-9819-00aa0040529b"
GET_CHANGES_ALL = "1131f6ad-9c07-11d1-f79f-00c04fc2dcd2"
Record = dict[str, Any]


def dn(name: str) -> str:
    """Return the distinguished name of a person."""
    return f"CN={name},OU=Staff,DC=fabrik,DC=example"


def guid(name: str) -> str:
    """Return a GUID that belongs to `name`."""
    digits = hashlib.md5(name.encode()).hexdigest()  # noqa: S324 - a made-up GUID, no secret
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


_DC = "dc1.fabrik.example"
_SCOPE = (
    f"View Entire Forest: 'False', Default Scope: 'fabrik.example', Configuration Domain Controller: '{_DC}', "
    f"Preferred Global Catalog: '{_DC}', Preferred Domain Controllers: '{{ {_DC} }}'"
)


class Sample:
    """The records of one file, each with a time of its own; `name` keeps its records apart from other files'."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.records: list[Record] = []
        self.seconds = 0.0

    def later(self, **span: float) -> Sample:
        """Let time pass before the next record."""
        self.seconds += timedelta(**span).total_seconds()
        return self

    def _at(self) -> str:
        self.seconds += 0.25
        return (START + timedelta(seconds=self.seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def windows(
        self, code: int, data: dict[str, str], *, channel: str = "Security", failure: bool = False, host: str = "dc1"
    ) -> Sample:
        """Add an event as Winlogbeat 8 writes it."""
        provider = {"Security": "Microsoft-Windows-Security-Auditing", "MSExchange Management": "MSExchange CmdletLogs"}
        if code in (1102, 104, 1101):
            provider["Security"] = provider["System"] = "Microsoft-Windows-Eventlog"
        key = "user_data" if code in (1102, 104, 1101) else "event_data"
        number = len(self.records) + 1
        self.records.append(
            {
                "@timestamp": self._at(),
                "event": {"code": str(code), "kind": "event", "provider": provider[channel]},
                "winlog": {
                    "channel": channel,
                    "provider_name": provider[channel],
                    "computer_name": f"{host}.{self.name.replace('_', '-')}.example",
                    "event_id": str(code),
                    "record_id": number,
                    "keywords": ["Audit Failure" if failure else "Audit Success"],
                    key: data,
                },
            }
        )
        return self

    def cmdlet(self, name: str, parameters: str, by: str = "adm-olga", error: str = "") -> Sample:
        """Add a cmdlet as an Exchange server's log MSExchange Management has it."""
        values = [
            name,
            parameters,
            f"fabrik.example/Users/{by}",
            PEOPLE[by],
            PEOPLE[by],
            "Remote-ManagementShell-Unknown",
        ]
        values += ["8372 w3wp#MSExchangePowerShellAppPool", "", "54", "00:00:00.1830123", _SCOPE]
        values += [error, *[""] * 14]
        data = {f"param{number}": value for number, value in enumerate(values, 1)}
        return self.windows(6 if error else 1, data, channel="MSExchange Management", host="exch1")

    def value(
        self, target: str, attribute: str, value: str, *, added: bool = True, by: str = "adm-olga", **more: str
    ) -> Sample:
        """Add one half of a directory change (5136)."""
        known = {
            "OpCorrelationID": "{" + guid(f"{self.name} {target} {attribute}") + "}",
            "AppCorrelationID": "-",
            **_subject(by),
            "DSName": "fabrik.example",
            "DSType": "%%14676",
            "ObjectDN": dn(target),
            "ObjectGUID": "{" + guid(target) + "}",
            "ObjectClass": "user",
            "AttributeLDAPDisplayName": attribute,
            "AttributeSyntaxOID": "2.5.5.15",
            "AttributeValue": value,
            "OperationType": "%%14674" if added else "%%14675",
        }
        return self.windows(5136, known | more)

    def descriptor(
        self, target: str, attribute: str, before: str, after: str, by: str = "adm-olga", **more: str
    ) -> Sample:
        """Add a change of a descriptor: the value deleted and the value added."""
        self.value(target, attribute, before, added=False, by=by, **more)
        return self.value(target, attribute, after, by=by, **more)

    def operation(self, access: str, mask: str, target: str, by: str = "adm-olga", *, failure: bool = False) -> Sample:
        """Add an exercised access to a directory object (4662)."""
        data = _subject(by) | {
            "ObjectServer": "DS",
            "ObjectType": "%{bf967aba-0de6-11d0-a285-00aa003049e2}",
            "ObjectName": "%{" + guid(target) + "}",
            "OperationType": "Object Access",
            "HandleId": "0x0",
            "AccessList": access + "\n\t\t\t\t",
            "AccessMask": mask,
            "Properties": access + "\n\t{bf967aba-0de6-11d0-a285-00aa003049e2}\n",
            "AdditionalInfo": "-",
            "AdditionalInfo2": "",
        }
        return self.windows(4662, data, failure=failure)

    def membership(
        self, code: int, member: str, group: str, sid: str = f"{DOMAIN}-1700", by: str = "adm-olga"
    ) -> Sample:
        """Add a membership that began or ended."""
        data = {
            "MemberName": dn(member),
            "MemberSid": PEOPLE[member],
            "TargetUserName": group,
            "TargetDomainName": "FABRIK",
            "TargetSid": sid,
            **_subject(by),
            "PrivilegeList": "-",
        }
        return self.windows(code, data)

    def unified(self, operation: str, by: str = "adm-olga", **fields: Any) -> Sample:
        """Add a record of the unified audit log."""
        number = len(self.records) + 1
        self.records.append(
            {
                "CreationTime": self._at()[:19],
                "Id": guid(f"{self.name} {number}"),
                "Operation": operation,
                "OrganizationId": guid("fabrik"),
                "RecordType": 1,
                "ResultStatus": "True",
                "UserKey": f"{by}@fabrik.example",
                "UserType": 2,
                "Version": 1,
                "Workload": "Exchange",
                "ClientIP": "192.0.2.10",
                "UserId": f"{by}@fabrik.example",
                **fields,
            }
        )
        return self

    def cloud(self, operation: str, by: str = "adm-olga", target: str = "", **parameters: str) -> Sample:
        """Add a cmdlet of Exchange Online with its parameters."""
        listed = [{"Name": name, "Value": value} for name, value in parameters.items()]
        return self.unified(operation, by, ObjectId=target, Parameters=listed, ExternalAccess=False)

    def read(self, mailbox: str, by: str, operation: str = "MailItemsAccessed", **fields: Any) -> Sample:
        """Add an access to a mailbox of Exchange Online."""
        own = mailbox == by
        known: dict[str, Any] = {
            "RecordType": 50 if operation == "MailItemsAccessed" else 2,
            "ResultStatus": "Succeeded",
            "UserType": 0,
            "LogonType": 0 if own else 2,
            "InternalLogonType": 0,
            "LogonUserSid": PEOPLE[by],
            "MailboxGuid": guid(mailbox),
            "MailboxOwnerSid": PEOPLE[mailbox],
            "MailboxOwnerUPN": f"{mailbox}@fabrik.example",
            "ClientInfoString": "Client=OWA;",
            "ExternalAccess": False,
            "AppId": "00000002-0000-0ff1-ce00-000000000000",
        }
        if operation == "MailItemsAccessed":
            known["OperationProperties"] = [
                {"Name": "MailAccessType", "Value": "Bind"},
                {"Name": "IsThrottled", "Value": "False"},
            ]
            known["Folders"] = [
                {"Path": "\\Inbox", "FolderItems": [{"InternetMessageId": f"<{len(self.records)}@fabrik.example>"}]}
            ]
        return self.unified(operation, by, **(known | fields))

    def store(self, code: int, message: str) -> Sample:
        """Add an event of the information store of Exchange 2003 as NXLog sends it."""
        self.records.append(
            {
                "EventTime": self._at(),
                "Hostname": f"mail.{self.name.replace('_', '-')}.example",
                "Keywords": -9187343239835811840,
                "EventType": "AUDIT_SUCCESS",
                "EventID": code,
                "SourceName": "MSExchangeIS Mailbox Store",
                "Channel": "Application",
                "RecordNumber": len(self.records) + 1,
                "Message": message,
            }
        )
        return self


def _subject(by: str) -> dict[str, str]:
    return {
        "SubjectUserSid": PEOPLE[by],
        "SubjectUserName": by,
        "SubjectDomainName": "FABRIK",
        "SubjectLogonId": "0x59df36",
    }
