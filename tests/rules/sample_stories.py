"""What happens in the samples of the rules: short stories, told as records."""

from __future__ import annotations

from typing import Any

from tests.rules.sample_records import (
    MAILBOX_BEFORE,
    OBJECT_BEFORE,
    PEOPLE,
    Sample,
    dn,
    guid,
)

MAILBOX, OBJECT = "msExchMailboxSecurityDescriptor", "nTSecurityDescriptor"
BACKUP = "5f5f5f5f-aaaa-4bbb-8ccc-123456789abc"


def with_mailbox_ace(sid: str) -> str:
    return f"{MAILBOX_BEFORE}(A;CI;CC;;;{sid})"


def with_object_ace(ace: str) -> str:
    return OBJECT_BEFORE.replace("S:AI", f"{ace}S:AI")


def right(right: str, trustee: str) -> str:
    return with_object_ace(f"(OA;;CR;{right};;{trustee})")


STORE = {
    "ObjectClass": "msExchPrivateMDB",
    "ObjectDN": "CN=Mailbox Database 01,CN=Databases,CN=Fabrik,CN=Microsoft Exchange",
}


SETTINGS = "Admin Audit Log Settings"


def app_role(sample: Sample, role: str) -> Sample:
    return sample.unified(
        "Add app role assignment to service principal.",
        RecordType=8,
        Workload="AzureActiveDirectory",
        ObjectId="https://outlook.office365.com",
        ResultStatus="Success",
        ModifiedProperties=[
            {"Name": "AppRole.Id", "NewValue": guid(role), "OldValue": ""},
            {"Name": "AppRole.Value", "NewValue": role, "OldValue": ""},
            {"Name": "ServicePrincipal.DisplayName", "NewValue": "BACKUP connector", "OldValue": ""},
            {"Name": "ServicePrincipal.AppId", "NewValue": BACKUP, "OldValue": ""},
        ],
        Target=[{"ID": "Office 365 Exchange Online", "Type": 1}],
    )


def entra_role(sample: Sample, role: str) -> Sample:
    return sample.unified(
        "Add member to role.",
        RecordType=8,
        Workload="AzureActiveDirectory",
        ObjectId="bruno@fabrik.example",
        ResultStatus="Success",
        ModifiedProperties=[{"Name": "Role.DisplayName", "NewValue": role, "OldValue": ""}],
        Target=[{"ID": "bruno@fabrik.example", "Type": 5}],
    )


def policy(sample: Sample, change: str) -> Sample:
    return sample.windows(
        4719,
        {
            "SubjectUserSid": PEOPLE["adm-olga"],
            "SubjectUserName": "adm-olga",
            "SubjectDomainName": "FABRIK",
            "SubjectLogonId": "0x59df36",
            "CategoryId": "%%8279",
            "SubcategoryId": "%%14081",
            "SubcategoryGuid": "{0CCE923C-69AE-11D9-BED3-505054503030}",
            "AuditPolicyChanges": change,
        },
    )


def cleared(sample: Sample, channel: str) -> Sample:
    data = {"SubjectUserName": "adm-olga", "SubjectDomainName": "FABRIK", "Channel": channel, "BackupPath": ""}
    return sample.windows(104, data, channel="System")


def security_cleared(sample: Sample) -> Sample:
    return sample.windows(
        1102,
        {
            "SubjectUserSid": PEOPLE["adm-olga"],
            "SubjectUserName": "adm-olga",
            "SubjectDomainName": "FABRIK",
            "SubjectLogonId": "0x59df36",
        },
    )


def reads(sample: Sample, by: str, mailboxes: str, minutes: float, **fields: Any) -> Sample:
    for mailbox in mailboxes.split():
        sample.later(minutes=minutes).read(mailbox, by, **fields)
    return sample


def logons(sample: Sample, mailboxes: str, minutes: float) -> Sample:
    for mailbox in mailboxes.split():
        sample.later(minutes=minutes).store(
            1016,
            f"Windows 2000 User FABRIK\\svc-archive logged on to {mailbox}@fabrik.example mailbox, and is not the "
            "primary Windows 2000 account on this mailbox.",
        )
    return sample


def granted_and_used(sample: Sample, days: float) -> Sample:
    sample.cloud(
        "Add-MailboxPermission", target="anna", Identity="anna", User="bruno@fabrik.example", AccessRights="FullAccess"
    )
    sample.later(minutes=4).read("anna", "bruno")
    sample.later(days=days)
    return sample.cloud(
        "Remove-MailboxPermission",
        target="anna",
        Identity="anna",
        User="bruno@fabrik.example",
        AccessRights="FullAccess",
    )


def audit_off_and_read(sample: Sample, value: str) -> Sample:
    sample.cloud(
        "Add-MailboxPermission", target="anna", Identity="anna", User="bruno@fabrik.example", AccessRights="FullAccess"
    )
    sample.later(minutes=2).cloud(
        "Set-Mailbox", target="anna@fabrik.example", Identity="anna@fabrik.example", AuditEnabled=value
    )
    return sample.later(minutes=5).read("anna@fabrik.example".split("@", 1)[0], "bruno")


def late(sample: Sample, days: float) -> Sample:
    sample.cloud(
        "Add-MailboxPermission", target="anna", Identity="anna", User="bruno@fabrik.example", AccessRights="FullAccess"
    )
    return sample.later(days=days).read("anna", "bruno")


def refused(sample: Sample, count: int) -> Sample:
    for _ in range(count):
        sample.later(minutes=1).operation("%%1539", "0x40000", "anna", "bruno", failure=True)
    return sample


def deletions(sample: Sample, count: int) -> Sample:
    for _ in range(count):
        sample.later(minutes=1).read("anna", "bruno", "HardDelete", AffectedItems=[{"Id": "x", "Subject": "s"}])
    return sample


def known(sample: Sample, mailboxes: str) -> Sample:
    for mailbox in mailboxes.split():
        sample.read(mailbox, mailbox)
    return sample.later(days=9)


def hosts(sample: Sample, days: float) -> Sample:
    for hour in range(40):
        sample.seconds = hour * 3600
        sample.membership(4756, "bruno", "Readers of all news")
    sample.seconds = (40 / 24 + days) * 86_400
    return sample.windows(
        4756, {"MemberName": dn("clara"), "MemberSid": PEOPLE["clara"], "TargetUserName": "News"}, host="dc2"
    )


def past_exchange(sample: Sample, *, cmdlet: bool) -> Sample:
    more = "Add-MailboxPermission", '-Identity "{0}" -User "FABRIK\\bruno" -AccessRights "FullAccess"'
    sample.cmdlet(more[0], more[1].format("clara"))
    sample.later(minutes=20)
    sample.descriptor("anna", MAILBOX, MAILBOX_BEFORE, with_mailbox_ace(PEOPLE["bruno"]))
    if cmdlet:
        sample.cmdlet(more[0], more[1].format("anna"))
    return sample.later(hours=1).membership(4756, "bruno", "News")


def opening_group(sample: Sample, group: str) -> Sample:
    sample.descriptor(
        "anna", MAILBOX, MAILBOX_BEFORE, with_mailbox_ace("S-1-5-21-1111111111-2222222222-333333333-1700")
    )
    sid = "1700" if group == "Assistants" else "1799"
    return sample.later(days=1).membership(4756, "bruno", group, f"S-1-5-21-1111111111-2222222222-333333333-{sid}")


def reset_and_owner(sample: Sample, client: str) -> Sample:
    for _ in range(3):
        sample.later(days=1).read("anna", "anna", ClientIPAddress="192.0.2.77", ClientIP="192.0.2.77")
    sample.later(days=1).unified(
        "Reset user password.",
        RecordType=8,
        Workload="AzureActiveDirectory",
        ObjectId="anna@fabrik.example",
        ResultStatus="Success",
        Target=[{"ID": "anna@fabrik.example", "Type": 5}],
    )
    return sample.later(minutes=10).read("anna", "anna", ClientIPAddress=client, ClientIP=client)
