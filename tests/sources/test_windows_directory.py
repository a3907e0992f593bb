"""The directory's own values: what was deleted or added, and what that amounts to."""

from __future__ import annotations

import pytest
from tests.sources.windows_records import ADMIN, CONTEXT, event, new

SUBJECT = {
    "SubjectUserSid": ADMIN,
    "SubjectUserName": "admmig",
    "SubjectDomainName": "OFFSEC",
    "SubjectLogonId": "0x59df36",
}
USER_DN = "CN=test56,OU=Staff,DC=offsec,DC=lan"
GUID = "237e2948-0000-4000-8000-00000000abcd"
OBJECT = {"OpCorrelationID": "{67A42C05-A70D-4348-AF19-E883CB1FCA9C}", "ObjectGUID": f"{{{GUID.upper()}}}"}
ADDED, DELETED = "%%14674", "%%14675"


def value(attribute, operation, text, class_name="user", dn=USER_DN):
    return new(
        5136,
        {
            **SUBJECT,
            **OBJECT,
            "ObjectDN": dn,
            "ObjectClass": class_name,
            "AttributeLDAPDisplayName": attribute,
            "AttributeValue": text,
            "OperationType": operation,
        },
    )


@pytest.mark.parametrize("attribute", ["nTSecurityDescriptor", "msExchMailboxSecurityDescriptor"])
def test_a_descriptor_stands_before_or_after(attribute):
    sddl = "O:DAG:DAD:(A;;CC;;;PS)"
    gone = event(value(attribute, DELETED, sddl))
    come = event(value(attribute, ADDED, sddl))
    assert (gone.kind, gone.action, gone.before, gone.after) == ("permission", "changed", sddl, None)
    assert (come.kind, come.action, come.before, come.after) == ("permission", "changed", None, sddl)
    assert come.attribute == attribute
    assert (come.object_dn, come.object_guid, come.object_class) == (USER_DN, GUID, "user")
    assert come.op_correlation_id == "67a42c05-a70d-4348-af19-e883cb1fca9c"
    assert (come.actor_sid, come.actor_name, come.logon_id) == (ADMIN, "OFFSEC\\admmig", "0x59df36")
    assert (come.mailbox_ref, come.mailbox_ref_form) == (USER_DN, "dn")
    assert come.through_server == "DC1"


def test_a_descriptor_of_the_mailbox_is_in_its_scope_and_the_objects_in_the_directorys():
    assert event(value("msExchMailboxSecurityDescriptor", ADDED, "D:")).scope == "mailbox"
    assert event(value("nTSecurityDescriptor", ADDED, "D:")).scope == "directory"


def test_a_descriptor_of_no_user_is_no_mailboxs():
    said = event(value("nTSecurityDescriptor", ADDED, "D:", "domainDNS", "DC=offsec,DC=lan"))
    assert (said.mailbox_ref, said.mailbox_ref_form, said.object_dn) == (None, None, "DC=offsec,DC=lan")


@pytest.mark.parametrize(("operation", "word"), [(ADDED, "added"), (DELETED, "removed")])
def test_a_member_is_the_trustee_of_a_membership(operation, word):
    group = "CN=Exchange Servers,OU=Groups,DC=offsec,DC=lan"
    said = event(value("member", operation, USER_DN, "group", group))
    assert (said.kind, said.action) == ("membership", word)
    assert (said.trustee_name, said.group_name, said.mailbox_ref) == (USER_DN, group, None)


@pytest.mark.parametrize(("operation", "word"), [(ADDED, "granted"), (DELETED, "revoked")])
def test_a_delegate_may_send_on_behalf(operation, word):
    said = event(value("publicDelegates", operation, "CN=helper,DC=offsec,DC=lan"))
    assert (said.kind, said.action, said.rights) == ("permission", word, ("SendOnBehalf",))
    assert (said.trustee_name, said.mailbox_ref, said.scope) == ("CN=helper,DC=offsec,DC=lan", USER_DN, "mailbox")


@pytest.mark.parametrize(
    ("attribute", "operation", "text", "said"),
    [
        ("altRecipient", ADDED, "CN=x,DC=y", "routing forwarding_set"),
        ("altRecipient", DELETED, "CN=x,DC=y", "routing forwarding_removed"),
        ("msExchGenericForwardingAddress", ADDED, "smtp:x@y", "routing forwarding_set"),
        ("deliverAndRedirect", DELETED, "TRUE", "routing forwarding_removed"),
        ("msExchBypassAudit", ADDED, "TRUE", "audit bypass_set"),
        ("msExchBypassAudit", ADDED, "false", "audit settings_changed"),
        ("msExchBypassAudit", DELETED, "TRUE", "audit settings_changed"),
        ("msExchMailboxAuditEnable", ADDED, "FALSE", "audit settings_changed"),
        ("msExchAuditDelegate", DELETED, "1", "audit settings_changed"),
        ("msExchMailboxAuditLogAgeLimit", ADDED, "0", "audit settings_changed"),
        ("msExchMasterAccountSid", ADDED, "S-1-5-21-9", "permission owner_changed"),
        ("msExchMailboxGuid", ADDED, "x", "account changed"),
        ("HOMEMDB", ADDED, "CN=db", "account changed"),
        ("servicePrincipalName", ADDED, "HTTP/x", "account changed"),
    ],
)
def test_what_an_attribute_amounts_to(attribute, operation, text, said):
    found = event(value(attribute, operation, text))
    assert f"{found.kind} {found.action}" == said
    assert (found.after if operation == ADDED else found.before) == text
    assert found.attribute == attribute


def test_a_direction_nobody_knows_is_not_guessed():
    said = event(value("member", "%%99999", USER_DN, "group", "CN=g"))
    assert (said.kind, said.action, said.before, said.after) == ("account", "changed", None, None)
    said = event(value("nTSecurityDescriptor", "%%99999", "D:"))
    assert (said.kind, said.action, said.before, said.after) == ("permission", "changed", None, None)


def test_rendered_directions_are_known():
    assert event(value("altRecipient", "Value Added", "CN=x")).action == "forwarding_set"


@pytest.mark.parametrize(
    ("code", "class_name", "said"),
    [
        (5137, "msExchRoleAssignment", "role assigned"),
        (5141, "msExchRoleAssignment", "role removed"),
        (5137, "user", "account created"),
        (5141, "server", "account deleted"),
    ],
)
def test_objects_created_and_deleted(code, class_name, said):
    found = event(new(code, {**SUBJECT, **OBJECT, "ObjectDN": USER_DN, "ObjectClass": class_name}))
    assert f"{found.kind} {found.action}" == said
    assert (found.object_dn, found.object_guid, found.object_class) == (USER_DN, GUID, class_name)
    assert found.mailbox_ref == (USER_DN if class_name == "user" else None)


def test_an_object_moved_keeps_both_names():
    there = "CN=test56,OU=Other,DC=offsec,DC=lan"
    said = event(new(5139, {**SUBJECT, **OBJECT, "OldObjectDN": USER_DN, "NewObjectDN": there, "ObjectClass": "user"}))
    assert (said.kind, said.action, said.before, said.after, said.object_dn) == (
        "account",
        "renamed",
        USER_DN,
        there,
        there,
    )


FILE = {
    **SUBJECT,
    "ObjectServer": "Security",
    "ObjectType": "File",
    "ObjectName": "C:\\x",
    "OldSd": "D:(A;;GA;;;SY)",
    "NewSd": "D:(A;;GA;;;WD)",
}


@pytest.mark.parametrize(("code", "said"), [(4670, "permission changed"), (4907, "audit sacl_changed")])
def test_descriptors_of_files_are_kept_apart(code, said):
    found = event(new(code, FILE))
    assert f"{found.kind} {found.action}" == said
    assert (found.before, found.after) == ("D:(A;;GA;;;SY)", "D:(A;;GA;;;WD)")
    assert (found.scope, found.object_dn, found.object_class, found.mailbox_ref) == ("server", "C:\\x", "File", None)


def test_where_the_evidence_stood_is_told():
    said = event(value("altRecipient", ADDED, "CN=x"))
    assert (said.source, said.provider, said.event_code, said.record_id) == (
        "windows_security",
        "Microsoft-Windows-Security-Auditing",
        "5136",
        7,
    )
    assert (said.evidence_sha256, said.offset, said.computer, said.channel) == (
        CONTEXT.evidence_sha256,
        4096,
        "DC1",
        "Security",
    )
