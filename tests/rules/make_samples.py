"""Writes tests/data/rules: for each rule a sample that fires and one that stays quiet, close to the other.

`python -m tests.rules.make_samples` from the project's folder; the same every time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from tests.rules.sample_records import (
    GET_CHANGES_ALL,
    MAILBOX_BEFORE,
    OBJECT_BEFORE,
    PEOPLE,
    RECEIVE_AS,
    SEND_AS,
    Sample,
    dn,
    guid,
)
from tests.rules.sample_stories import (
    BACKUP,
    MAILBOX,
    OBJECT,
    SETTINGS,
    STORE,
    app_role,
    audit_off_and_read,
    cleared,
    deletions,
    entra_role,
    granted_and_used,
    hosts,
    known,
    late,
    logons,
    opening_group,
    past_exchange,
    policy,
    reads,
    refused,
    reset_and_owner,
    right,
    security_cleared,
    with_mailbox_ace,
    with_object_ace,
)

DATA = Path(__file__).parents[1] / "data" / "rules"
Make = Callable[[Sample], Any]


SAMPLES: dict[str, tuple[Make, Make]] = {
    "full_access_granted": (
        lambda s: s.descriptor("anna", MAILBOX, MAILBOX_BEFORE, with_mailbox_ace(PEOPLE["bruno"])),
        lambda s: s.descriptor("anna", MAILBOX, with_mailbox_ace(PEOPLE["bruno"]), MAILBOX_BEFORE),
    ),
    "full_access_to_self": (
        lambda s: s.cloud(
            "Add-MailboxPermission",
            "bruno",
            "anna",
            Identity="anna",
            User="bruno@fabrik.example",
            AccessRights="FullAccess",
        ),
        lambda s: s.cloud(
            "Add-MailboxPermission",
            "adm-olga",
            "anna",
            Identity="anna",
            User="bruno@fabrik.example",
            AccessRights="FullAccess",
        ),
    ),
    "mailbox_rights_written": (
        lambda s: s.windows(
            4662,
            {
                "SubjectUserSid": PEOPLE["adm-olga"],
                "SubjectUserName": "adm-olga",
                "SubjectDomainName": "FABRIK",
                "SubjectLogonId": "0x59df36",
                "ObjectServer": "DS",
                "ObjectType": "%{bf967aba-0de6-11d0-a285-00aa003049e2}",
                "ObjectName": "%{" + guid("anna") + "}",
                "OperationType": "Object Access",
                "HandleId": "0x0",
                "AccessList": "%%7685\n\t\t\t\t",
                "AccessMask": "0x20",
                "Properties": "%%7685\n\t{e48d0154-bcf8-11d1-8702-00c04fb96050}\n"
                "\t\t{934de926-b09e-11d2-aa06-00c04f8eedd8}\n\t{bf967aba-0de6-11d0-a285-00aa003049e2}\n",
                "AdditionalInfo": "-",
                "AdditionalInfo2": "",
            },
        ),
        lambda s: s.descriptor("anna", MAILBOX, MAILBOX_BEFORE, with_mailbox_ace(PEOPLE["bruno"])),
    ),
    "object_rights_written": (
        lambda s: s.operation("%%1539", "0x40000", "anna"),
        lambda s: s.descriptor("anna", OBJECT, OBJECT_BEFORE, right(SEND_AS, PEOPLE["bruno"])),
    ),
    "send_as_granted": (
        lambda s: s.descriptor("anna", OBJECT, OBJECT_BEFORE, right(SEND_AS, PEOPLE["bruno"])),
        lambda s: s.descriptor("anna", OBJECT, right(SEND_AS, PEOPLE["bruno"]), OBJECT_BEFORE),
    ),
    "send_on_behalf_granted": (
        lambda s: s.value("anna", "publicDelegates", dn("bruno")),
        lambda s: s.value("anna", "publicDelegates", dn("bruno"), added=False),
    ),
    "folder_right_to_everybody": (
        lambda s: s.cmdlet(
            "Set-MailboxFolderPermission", '-Identity "anna:\\Inbox" -User "Default" -AccessRights "Reviewer"'
        ),
        lambda s: s.cmdlet(
            "Set-MailboxFolderPermission",
            '-Identity "anna:\\Calendar" -User "Default" -AccessRights "AvailabilityOnly"',
        ),
    ),
    "mailbox_right_to_everybody": (
        lambda s: s.descriptor("anna", MAILBOX, MAILBOX_BEFORE, with_mailbox_ace("WD")),
        lambda s: s.descriptor("anna", MAILBOX, MAILBOX_BEFORE, with_mailbox_ace(PEOPLE["bruno"])),
    ),
    "control_of_object_granted": (
        lambda s: s.descriptor("anna", OBJECT, OBJECT_BEFORE, with_object_ace(f"(A;;WD;;;{PEOPLE['bruno']})")),
        lambda s: s.descriptor("anna", OBJECT, OBJECT_BEFORE, with_object_ace(f"(A;;RP;;;{PEOPLE['bruno']})")),
    ),
    "replication_right_granted": (
        lambda s: s.descriptor(
            "fabrik",
            OBJECT,
            OBJECT_BEFORE,
            right(GET_CHANGES_ALL, PEOPLE["bruno"]),
            ObjectClass="domainDNS",
            ObjectDN="DC=fabrik,DC=example",
        ),
        lambda s: s.descriptor(
            "fabrik",
            OBJECT,
            OBJECT_BEFORE,
            right(SEND_AS, PEOPLE["bruno"]),
            ObjectClass="domainDNS",
            ObjectDN="DC=fabrik,DC=example",
        ),
    ),
    "store_right_granted": (
        lambda s: s.descriptor("store", OBJECT, OBJECT_BEFORE, right(RECEIVE_AS, PEOPLE["svc-archive"]), **STORE),
        lambda s: s.descriptor("anna", OBJECT, OBJECT_BEFORE, right(SEND_AS, PEOPLE["svc-archive"])),
    ),
    "deny_lifted": (
        lambda s: s.descriptor("store", OBJECT, with_object_ace(f"(OD;;CR;{RECEIVE_AS};;DA)"), OBJECT_BEFORE, **STORE),
        lambda s: s.descriptor("store", OBJECT, OBJECT_BEFORE, with_object_ace(f"(OD;;CR;{RECEIVE_AS};;DA)"), **STORE),
    ),
    "owner_of_object_changed": (
        lambda s: s.descriptor("anna", OBJECT, OBJECT_BEFORE, OBJECT_BEFORE.replace("O:DA", f"O:{PEOPLE['bruno']}")),
        lambda s: s.descriptor("anna", OBJECT, OBJECT_BEFORE, right(SEND_AS, PEOPLE["bruno"])),
    ),
    "mailbox_owner_changed": (
        lambda s: s.value("anna", "msExchMasterAccountSid", PEOPLE["bruno"]),
        lambda s: s.value("anna", "telephoneNumber", "+49 30 5550541"),
    ),
    "descriptor_changed": (
        lambda s: s.descriptor("anna", OBJECT, right(SEND_AS, PEOPLE["bruno"]), OBJECT_BEFORE),
        lambda s: s.value("anna", "telephoneNumber", "+49 30 5550541"),
    ),
    "directory_without_cmdlet": (
        lambda s: past_exchange(s, cmdlet=False),
        lambda s: past_exchange(s, cmdlet=True),
    ),
    "refused_change": (
        lambda s: refused(s, 1),
        lambda s: s.operation("%%1539", "0x40000", "anna"),
    ),
    "refused_changes": (lambda s: refused(s, 2), lambda s: refused(refused(s, 1).later(hours=2), 1)),
    "exchange_role_group_changed": (
        lambda s: s.membership(4756, "bruno", "Organization Management"),
        lambda s: s.membership(4756, "bruno", "Management of Organization"),
    ),
    "privileged_group_changed": (
        lambda s: s.membership(4728, "bruno", "Domänen-Admins", "S-1-5-21-1111111111-2222222222-333333333-512"),
        lambda s: s.membership(4728, "bruno", "Domain Users", "S-1-5-21-1111111111-2222222222-333333333-513"),
    ),
    "role_group_member_removed": (
        lambda s: s.membership(4757, "bruno", "Organization Management"),
        lambda s: s.membership(4757, "bruno", "News"),
    ),
    "impersonation_role_assigned": (
        lambda s: s.cmdlet(
            "New-ManagementRoleAssignment", '-Name "a" -Role "ApplicationImpersonation" -User "FABRIK\\svc-archive"'
        ),
        lambda s: s.cmdlet(
            "New-ManagementRoleAssignment", '-Name "a" -Role "MyContactInformation" -User "FABRIK\\svc-archive"'
        ),
    ),
    "export_role_assigned": (
        lambda s: s.cmdlet(
            "New-ManagementRoleAssignment", '-Name "a" -Role "Mailbox Import Export" -User "FABRIK\\adm-olga"'
        ),
        lambda s: s.cmdlet(
            "New-ManagementRoleAssignment", '-Name "a" -Role "Mail Recipients" -User "FABRIK\\adm-olga"'
        ),
    ),
    "application_mail_permission": (
        lambda s: app_role(s, "full_access_as_app"),
        lambda s: app_role(s, "User.Read.All"),
    ),
    "administrator_role_assigned": (
        lambda s: entra_role(s, "Exchange Service Administrator"),
        lambda s: entra_role(s, "Directory Readers"),
    ),
    "forwarding_set": (
        lambda s: s.cloud(
            "Set-Mailbox", target="anna", Identity="anna", ForwardingSmtpAddress="smtp:collector@mailbox.example"
        ),
        lambda s: s.cloud("Set-Mailbox", target="anna", Identity="anna", ForwardingSmtpAddress=""),
    ),
    "inbox_rule_sends_away": (
        lambda s: s.cloud("New-InboxRule", "bruno", "bruno\\away", Name="away", ForwardTo="collector@mailbox.example"),
        lambda s: s.cloud("New-InboxRule", "bruno", "bruno\\news", Name="news", MoveToFolder="News"),
    ),
    "inbox_rule_hides_mail": (
        lambda s: s.cloud(
            "New-InboxRule",
            "bruno",
            "anna\\..",
            Name="..",
            Mailbox="anna",
            SubjectOrBodyContainsWords="invoice;payment",
            DeleteMessage="True",
        ),
        lambda s: s.cloud(
            "New-InboxRule", "bruno", "bruno\\news", Name="news", SubjectContainsWords="newsletter", MoveToFolder="News"
        ),
    ),
    "transport_rule_copies_mail": (
        lambda s: s.cloud("New-TransportRule", target="copy", Name="copy", BlindCopyTo="collector@mailbox.example"),
        lambda s: s.cloud("New-TransportRule", target="footer", Name="footer", ApplyHtmlDisclaimerText="Fabrik"),
    ),
    "transport_agent_installed": (
        lambda s: s.cmdlet(
            "Install-TransportAgent", '-Name "Helper" -AssemblyPath "C:\\helper.dll" -TransportAgentFactory "x"'
        ),
        lambda s: s.cmdlet("New-TransportRule", '-Name "footer" -ApplyHtmlDisclaimerText "Fabrik"'),
    ),
    "audit_bypass_set": (
        lambda s: s.cloud(
            "Set-MailboxAuditBypassAssociation",
            target="bruno",
            Identity="bruno@fabrik.example",
            AuditBypassEnabled="True",
        ),
        lambda s: s.cloud(
            "Set-MailboxAuditBypassAssociation",
            target="bruno",
            Identity="bruno@fabrik.example",
            AuditBypassEnabled="False",
        ),
    ),
    "mailbox_audit_disabled": (
        lambda s: s.value("anna", "msExchMailboxAuditEnable", "FALSE"),
        lambda s: s.value("anna", "msExchMailboxAuditEnable", "TRUE"),
    ),
    "mailbox_audit_reduced": (
        lambda s: s.cloud("Set-Mailbox", target="anna", Identity="anna", AuditLogAgeLimit="0.00:00:00"),
        lambda s: s.cloud("Set-Mailbox", target="anna", Identity="anna", AuditEnabled="True"),
    ),
    "admin_audit_disabled": (
        lambda s: s.cloud("Set-AdminAuditLogConfig", target=SETTINGS, UnifiedAuditLogIngestionEnabled="False"),
        lambda s: s.cloud("Set-AdminAuditLogConfig", target=SETTINGS, UnifiedAuditLogIngestionEnabled="True"),
    ),
    "admin_audit_reduced": (
        lambda s: s.cmdlet("Set-AdminAuditLogConfig", '-AdminAuditLogExcludedCmdlets "Add-MailboxPermission"'),
        lambda s: s.cmdlet("Set-AdminAuditLogConfig", '-AdminAuditLogEnabled "True"'),
    ),
    "audit_policy_reduced": (lambda s: policy(s, "%%8448"), lambda s: policy(s, "%%8449")),
    "object_auditing_removed": (
        lambda s: s.descriptor("anna", OBJECT, OBJECT_BEFORE, OBJECT_BEFORE.split("S:", maxsplit=1)[0]),
        lambda s: s.descriptor("anna", OBJECT, OBJECT_BEFORE, right(SEND_AS, PEOPLE["bruno"])),
    ),
    "log_cleared": (security_cleared, lambda s: cleared(s, "Windows PowerShell")),
    "any_log_cleared": (lambda s: cleared(s, "Windows PowerShell"), security_cleared),
    "records_discarded": (
        lambda s: s.windows(1101, {"Reason": "34"}),
        security_cleared,
    ),
    "access_records_throttled": (
        lambda s: s.read(
            "anna",
            "bruno",
            OperationProperties=[{"Name": "MailAccessType", "Value": "Bind"}, {"Name": "IsThrottled", "Value": "True"}],
        ),
        lambda s: s.read("anna", "bruno"),
    ),
    "foreign_access": (lambda s: s.read("anna", "bruno"), lambda s: s.read("anna", "anna")),
    "foreign_attempt": (lambda s: logons(s, "anna", 1), lambda s: s.read("anna", "anna")),
    "mass_reading": (
        lambda s: reads(s, "svc-archive", "anna bruno clara dario", 3),
        lambda s: reads(s, "svc-archive", "anna bruno clara dario", 11),
    ),
    "mass_logons": (
        lambda s: logons(s, "anna bruno clara dario", 2),
        lambda s: logons(s, "anna bruno clara dario", 4),
    ),
    "mailbox_exported": (
        lambda s: s.cmdlet("New-MailboxExportRequest", '-Mailbox "anna" -FilePath "\\\\share\\anna.pst"'),
        lambda s: s.cmdlet(
            "New-ManagementRoleAssignment", '-Name "a" -Role "Mail Recipients" -User "FABRIK\\adm-olga"'
        ),
    ),
    "mail_deleted_by_another": (lambda s: deletions(s, 10), lambda s: deletions(s, 9)),
    "foreign_deletion": (lambda s: deletions(s, 1), lambda s: s.read("anna", "bruno")),
    "membership_opens_mailboxes": (lambda s: opening_group(s, "Assistants"), lambda s: opening_group(s, "News")),
    "hit_and_run": (lambda s: granted_and_used(s, 0.02), lambda s: granted_and_used(s, 2)),
    "access_while_audit_off": (lambda s: audit_off_and_read(s, "False"), lambda s: audit_off_and_read(s, "True")),
    "owner_logon_after_reset": (
        lambda s: reset_and_owner(s, "203.0.113.9"),
        lambda s: reset_and_owner(s, "192.0.2.77"),
    ),
    "late_first_access": (lambda s: late(s, 40), lambda s: late(s, 2)),
    "unexplained_access": (lambda s: s.read("anna", "bruno"), lambda s: late(s, 1)),
    "unexplained_attempt": (lambda s: logons(s, "anna", 1), lambda s: s.read("anna", "bruno")),
    "first_seen_application": (
        lambda s: known(s, "anna").read("anna", "anna", AppId=BACKUP),
        lambda s: reads(known(s, "anna bruno clara dario"), "dario", "bruno clara anna", 1),
    ),
    "application_spreads": (
        lambda s: reads(known(s, "anna bruno clara dario"), "svc-archive", "anna bruno clara dario", 1, AppId=BACKUP),
        lambda s: reads(known(s, "anna bruno clara dario"), "svc-archive", "anna bruno clara", 1, AppId=BACKUP),
    ),
    "host_silent": (lambda s: hosts(s, 2), lambda s: hosts(s, 0.5)),
}


def main() -> None:
    """Write every sample."""
    for rule, (fires, quiet) in SAMPLES.items():
        for kind, make in (("fires", fires), ("quiet", quiet)):
            sample = Sample(f"{rule}.{kind}")
            make(sample)
            path = DATA / rule / f"{kind}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in sample.records))


if __name__ == "__main__":
    main()
