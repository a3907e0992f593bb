r"""Writes rows as Export-Csv, ConvertTo-Json and Export-Clixml would: the exports under tests/data, and hostile ones.

`python -m tests.directory.written_exports` writes tests/data/directory/state_exports anew.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

FOLDER = Path(__file__).parent.parent / "data" / "directory" / "state_exports"
AT = "2026-11-20T08:00:00.000Z"
ANNA, BOB = "0a000000-0000-4000-8000-000000000001", "0a000000-0000-4000-8000-000000000002"
USERS = "OU=Staff,DC=fabrik,DC=example"
DATABASES = "CN=Databases,CN=AG1,CN=Administrative Groups,CN=Fabrik,CN=Microsoft Exchange,CN=Services"
DB1 = f"CN=DB01,{DATABASES},CN=Configuration,DC=fabrik,DC=example"

Row = dict[str, Any]

_MAILBOX = {"CollectedAt": AT, "CollectedObject": ANNA, "CollectedWhole": True, "CollectedProduct": "exchange"}
_ACE = {"IsInherited": False, "InheritanceType": "All", "IsValid": True, "ObjectState": "Unchanged"}

EXPORTS: dict[str, list[Row]] = {
    "Get-MailboxPermission": [
        {
            "AccessRights": ["FullAccess"],
            "Deny": False,
            "User": "FABRIK\\helpdesk",
            "Identity": "fabrik.example/Staff/Anna Berg",
            **_ACE,
            **_MAILBOX,
        },
        {
            "AccessRights": ["FullAccess", "ReadPermission"],
            "Deny": True,
            "User": "FABRIK\\Domain Admins",
            "Identity": "fabrik.example/Staff/Anna Berg",
            **_ACE,
            "IsInherited": True,
            **_MAILBOX,
        },
    ],
    "Get-ADPermission": [
        {
            "AccessRights": ["ExtendedRight"],
            "ExtendedRights": ["Send-As", "Receive-As"],
            "Properties": [],
            "ChildObjectTypes": [],
            "InheritedObjectType": None,
            "Deny": False,
            "User": "FABRIK\\bob",
            "Identity": "DB01",
            **_ACE,
            **_MAILBOX,
            "CollectedObject": DB1,
            "CollectedScope": "database",
        },
        {
            "AccessRights": ["WriteProperty"],
            "ExtendedRights": [],
            "Properties": ["Exchange-Information"],
            "ChildObjectTypes": [],
            "InheritedObjectType": "User",
            "Deny": False,
            "User": "S-1-5-21-1-2-3-1104",
            "Identity": "fabrik.example/Staff/Anna Berg",
            **_ACE,
            **_MAILBOX,
        },
    ],
    "Get-RecipientPermission": [
        {
            "Identity": "Anna Berg",
            "Trustee": "bob@fabrik.example",
            "AccessControlType": "Allow",
            "AccessRights": ["SendAs"],
            "IsInherited": False,
            "InheritanceType": "None",
            **_MAILBOX,
            "CollectedProduct": "exchange_online",
        },
    ],
    "Get-MailboxFolderPermission": [
        {
            "FolderName": "Kalender",
            "User": "Default",
            "AccessRights": ["AvailabilityOnly"],
            "SharingPermissionFlags": None,
            "Identity": "Default",
            **_MAILBOX,
            "CollectedFolder": "/Kalender",
        },
        {
            "FolderName": "Kalender",
            "User": "NT:S-1-5-21-1-2-3-1199",
            "AccessRights": ["ReadItems", "FolderVisible"],
            "SharingPermissionFlags": None,
            "Identity": "x",
            **_MAILBOX,
            "CollectedFolder": "/Kalender",
        },
    ],
    "Get-Mailbox": [
        {
            "Guid": ANNA,
            "ExchangeGuid": "0b000000-0000-4000-8000-000000000001",
            "Alias": "anna",
            "DistinguishedName": f"CN=Anna Berg,{USERS}",
            "Identity": "fabrik.example/Staff/Anna Berg",
            "SamAccountName": "anna",
            "UserPrincipalName": "anna@fabrik.example",
            "DisplayName": "Anna Berg",
            "PrimarySmtpAddress": "anna.berg@fabrik.example",
            "LegacyExchangeDN": "/o=Fabrik/cn=anna",
            "EmailAddresses": ["SMTP:anna.berg@fabrik.example", "smtp:anna@fabrik.example"],
            "Database": "DB01",
            "RecipientTypeDetails": "UserMailbox",
            "AccountDisabled": False,
            "AuditEnabled": True,
            "AuditDelegate": ["Update", "SoftDelete"],
            "AuditOwner": [],
            "AuditLogAgeLimit": "90.00:00:00",
            "ForwardingAddress": None,
            "ForwardingSmtpAddress": "smtp:out@elsewhere.example",
            "DeliverToMailboxAndForward": True,
            "CollectedAt": AT,
            "CollectedDatabase": DB1,
            "GrantSendOnBehalfTo": ["fabrik.example/Staff/Berg, Bob", "fabrik.example/Staff/Carla"],
        },
        {
            "Guid": BOB,
            "ExchangeGuid": "0b000000-0000-4000-8000-000000000002",
            "Alias": "bob",
            "DistinguishedName": f"CN=Berg\\, Bob,{USERS}",
            "Identity": "fabrik.example/Staff/Berg, Bob",
            "SamAccountName": "bob",
            "UserPrincipalName": "bob@fabrik.example",
            "DisplayName": "Berg, Bob",
            "PrimarySmtpAddress": "bob@fabrik.example",
            "LegacyExchangeDN": "/o=Fabrik/cn=bob",
            "EmailAddresses": ["SMTP:bob@fabrik.example"],
            "Database": "DB01",
            "RecipientTypeDetails": "SharedMailbox",
            "AccountDisabled": True,
            "AuditEnabled": False,
            "AuditDelegate": ["Update"],
            "AuditOwner": [],
            "AuditLogAgeLimit": "90.00:00:00",
            "ForwardingAddress": None,
            "ForwardingSmtpAddress": None,
            "DeliverToMailboxAndForward": False,
            "CollectedAt": AT,
            "CollectedDatabase": DB1,
            "GrantSendOnBehalfTo": [],
        },
    ],
    "Get-User": [
        {
            "Guid": ANNA,
            "DistinguishedName": f"CN=Anna Berg,{USERS}",
            "Sid": "S-1-5-21-1-2-3-1101",
            "SidHistory": ["S-1-5-21-9-9-9-500"],
            "SamAccountName": "anna",
            "RecipientTypeDetails": "UserMailbox",
            "Identity": "fabrik.example/Staff/Anna Berg",
            "CollectedAt": AT,
        },
    ],
    "Get-MailboxDatabase": [
        {"Name": "DB01", "Guid": BOB, "DistinguishedName": DB1, "EdbFilePath": "D:\\DB01.edb", "CollectedAt": AT},
    ],
    "Get-ManagementRoleAssignment": [
        {
            "Name": "ApplicationImpersonation-svc",
            "Role": "ApplicationImpersonation",
            "Enabled": True,
            "RoleAssignee": "fabrik.example/Service/svc-backup",
            "RoleAssigneeName": "svc-backup",
            "RoleAssigneeType": "User",
            "EffectiveUserName": "svc-backup",
            "RoleAssignmentDelegationType": "Regular",
            "RecipientWriteScope": "CustomRecipientScope",
            "CustomRecipientWriteScope": "Leadership",
            "CollectedAt": AT,
            "CollectedWhole": True,
            "CollectedProduct": "exchange",
        },
        {
            "Name": "Mailbox Import Export-OM",
            "Role": "tenant.onmicrosoft.com\\Mailbox Import Export",
            "Enabled": True,
            "RoleAssignee": "Organization Management",
            "RoleAssigneeName": "Organization Management",
            "RoleAssigneeType": "RoleGroup",
            "EffectiveUserName": "All Group Members",
            "RoleAssignmentDelegationType": "DelegatingOrgWide",
            "RecipientWriteScope": "Organization",
            "CustomRecipientWriteScope": None,
            "CollectedAt": AT,
            "CollectedWhole": True,
            "CollectedProduct": "exchange_online",
        },
    ],
    "Get-ManagementScope": [
        {
            "Name": "Leadership",
            "RecipientRoot": "fabrik.example/Staff",
            "RecipientFilter": "Title -like 'Head*' -and MemberOfGroup -eq 'CN=Leaders,OU=Groups,DC=fabrik,DC=example'",
            "Exclusive": False,
            "ScopeRestrictionType": "RecipientScope",
            "CollectedAt": AT,
        },
    ],
    "Get-ApplicationAccessPolicy": [
        {
            "Identity": "aa000000-0000-4000-8000-000000000001\\bb000000-0000-4000-8000-000000000001:Leaders;1",
            "AppId": "bb000000-0000-4000-8000-000000000001",
            "AccessRight": "RestrictAccess",
            "ScopeIdentity": "Leaders",
            "ScopeIdentityRaw": "S-1-5-21-1-2-3-1500",
            "CollectedAt": AT,
        },
    ],
    "Get-RoleGroupMember": [
        {
            "RoleGroup": "Organization Management",
            "RoleGroupGuid": "0c000000-0000-4000-8000-000000000001",
            "RoleGroupDistinguishedName": "CN=Organization Management,OU=Groups,DC=fabrik,DC=example",
            "Name": "Anna Berg",
            "Guid": ANNA,
            "DistinguishedName": f"CN=Anna Berg,{USERS}",
            "CollectedAt": AT,
            "CollectedWhole": True,
        },
        {
            "RoleGroup": "Discovery Management",
            "RoleGroupGuid": "0c000000-0000-4000-8000-000000000002",
            "RoleGroupDistinguishedName": "CN=Discovery Management,OU=Groups,DC=fabrik,DC=example",
            "Name": None,
            "Guid": None,
            "DistinguishedName": None,
            "CollectedAt": AT,
            "CollectedWhole": True,
        },
    ],
    "Get-MailboxAuditBypassAssociation": [
        {"Identity": "svc-backup", "Guid": BOB, "AuditBypassEnabled": True, "CollectedAt": AT},
        {"Identity": "anna", "Guid": ANNA, "AuditBypassEnabled": False, "CollectedAt": AT},
    ],
    "Get-AdminAuditLogConfig": [
        {
            "AdminAuditLogEnabled": True,
            "LogLevel": "Verbose",
            "AdminAuditLogCmdlets": ["*"],
            "AdminAuditLogExcludedCmdlets": [],
            "AdminAuditLogAgeLimit": "90.00:00:00",
            "CollectedAt": AT,
            "DistinguishedName": "CN=Admin Audit Log Settings,CN=Global Settings,CN=Fabrik",
        },
    ],
    "Get-OrganizationConfig": [{"Name": "Fabrik", "AuditDisabled": False, "CollectedAt": AT}],
}
"""Rows of one small organisation, as our collection scripts complete them."""


def as_csv(rows: Sequence[Row], *, delimiter: str = ",", braces: bool = False, type_line: bool = True) -> str:
    """Return rows as Export-Csv writes them after `-join ', '`, or with lists in braces as Format-List shows them."""
    text = io.StringIO()
    if type_line:
        text.write("#TYPE Selected.System.Management.Automation.PSCustomObject\r\n")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_flat(row.get(name), braces=braces) for name in names])
    return text.getvalue()


def _flat(value: Any, *, braces: bool) -> str:
    if isinstance(value, list):
        joined = ", ".join(value)
        return f"{{{joined}}}" if braces else joined
    return "" if value is None else str(value)


def as_json(rows: Sequence[Row]) -> str:
    """Return rows as ConvertTo-Json writes them: one object, or a list of several."""
    return json.dumps(list(rows) if len(rows) > 1 else rows[0], indent=4)


def as_clixml(rows: Sequence[Row], type_name: str = "Selected.Deserialized.Microsoft.Exchange.Data.Object") -> str:
    """Return rows as Export-Clixml writes objects that came through a remote session."""
    objects = []
    for number, row in enumerate(rows):
        members = "".join(_member(name, value, number * 1000 + at) for at, (name, value) in enumerate(row.items(), 1))
        types = f'<TN RefId="{number}"><T>{type_name}</T><T>System.Object</T></TN>'
        objects.append(f'  <Obj RefId="{number * 1000}">{types}<MS>{members}</MS></Obj>')
    top = '<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">'
    return "\n".join([top, *objects, "</Objs>"]) + "\n"


def _member(name: str, value: Any, reference: int) -> str:
    attribute = f"N={quoteattr(name)}"
    if value is None:
        return f"<Nil {attribute} />"
    if isinstance(value, bool):
        return f"<B {attribute}>{str(value).lower()}</B>"
    if isinstance(value, list):
        items = "".join(f"<S>{escape(item)}</S>" for item in value)
        return f'<Obj {attribute} RefId="9{reference}"><LST>{items}</LST></Obj>'
    return f"<S {attribute}>{escape(value)}</S>"


WRITERS = {"csv": as_csv, "json": as_json, "xml": as_clixml}


def main() -> None:
    """Write every export in every container."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for cmdlet, rows in EXPORTS.items():
        for suffix, write in WRITERS.items():
            (FOLDER / f"{cmdlet}.{suffix}").write_bytes(write(rows).encode())


if __name__ == "__main__":
    main()
