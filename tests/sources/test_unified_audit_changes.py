"""What the unified audit log says was changed: rights, rules, roles."""

# ruff: noqa: E501, RUF001 - the rows of the tables stand on one line each; Entra ID writes an en dash

from __future__ import annotations

from tests.sources.unified_records import cmdlet, inner, read


def test_folder_permissions_name_member_and_rights():
    folder = {"MemberRights": "ReadAny, Visible", "MemberSid": "S-1-1-0", "MemberUpn": "Everyone", "Path": "\\Inbox"}
    for operation, action in (("AddFolderPermissions", "granted"), ("ModifyFolderPermissions", "changed"), ("RemoveFolderPermissions", "revoked")):  # fmt: skip
        (event,) = read(inner(operation, Item={"Id": "f", "ParentFolder": folder}, MailboxOwnerUPN="kim@example.org"))
        assert (event.kind, event.action, event.scope, event.folder) == ("permission", action, "folder", "\\Inbox")
        assert (event.rights, event.trustee_sid, event.trustee_name) == (("ReadAny", "Visible"), "S-1-1-0", "Everyone")


def test_rules_written_by_a_client():
    properties = [
        {"Name": "RuleOperation", "Value": "AddMailboxRule"},
        {"Name": "RuleName", "Value": "x"},
        {"Name": "RuleActions", "Value": '[{"ActionType":"Forward"}]'},
    ]
    (event,) = read(inner("UpdateInboxRules", OperationProperties=properties, MailboxOwnerUPN="kim@example.org"))
    assert (event.action, event.object_dn, event.object_class) == ("rule_created", "x", "InboxRule")
    assert "Forward" in event.after


def test_cmdlets_mean_what_they_mean_everywhere():
    (event,) = read(
        cmdlet(
            "Add-MailboxPermission",
            {
                "Identity": "example.org/x/Kim",
                "User": "example.org/x/Smith, John",
                "AccessRights": "FullAccess, ReadPermission",
            },
            ClientIP="[2a01:111::1]:47114",
        )
    )
    assert (event.action, event.rights, event.trustee_name) == (
        "granted",
        ("FullAccess", "ReadPermission"),
        "example.org/x/Smith, John",
    )
    assert (event.client_ip, event.outcome, event.mailbox_ref_form) == ("2a01:111::1", "success", "canonical")
    (event,) = read(cmdlet("Add-RecipientPermission", {"Trustee": "bob", "AccessRights": "SendAs"}))
    assert (event.mailbox_ref, event.trustee_name, event.rights) == ("kim", "bob", ("SendAs",))
    old = [{"Name": "ForwardingSmtpAddress", "OldValue": "smtp:old@x.example", "NewValue": ""}]
    (event,) = read(cmdlet("Set-Mailbox", {"Identity": "kim", "ForwardingSmtpAddress": ""}, ModifiedProperties=old))
    assert (event.action, event.before) == ("forwarding_removed", "smtp:old@x.example")
    (event,) = read(
        cmdlet("New-InboxRule", {"Name": "Financial", "ForwardTo": "x@y.example"}) | {"ObjectId": "joey\\Financial"}
    )
    assert (event.mailbox_ref, event.object_dn) == ("joey", "Financial")
    (event,) = read(cmdlet("Set-MailboxAuditBypassAssociation", {"Identity": "svc", "AuditBypassEnabled": "True"}))
    assert (event.kind, event.action, event.trustee_name, event.after) == ("audit", "bypass_set", "svc", "True")


def directory(operation, properties, **more):
    changed = [{"Name": name, "NewValue": value, "OldValue": ""} for name, value in properties.items()]
    return inner(
        operation,
        record_type=8,
        ResultStatus="Success",
        Workload="AzureActiveDirectory",
        ModifiedProperties=changed,
        **more,
    )


def test_roles_of_applications_and_people():
    (event,) = read(
        directory(
            "Add app role assignment to service principal.",
            {
                "AppRole.Value": "full_access_as_app",
                "ServicePrincipal.DisplayName": "Loot",
                "ServicePrincipal.AppId": "app-1",
            },
        )
    )
    assert (event.kind, event.action, event.rights, event.trustee_name, event.app_id) == (
        "role",
        "assigned",
        ("full_access_as_app",),
        "Loot",
        "app-1",
    )
    assert event.event_code == "Add app role assignment to service principal"
    permissions = (
        "[] => [[Id: a, ConsentType: AllPrincipals, Scope: Mail.Read offline_access], [Id: b, Scope: User.Read]]; "
    )
    target = [{"ID": "ServicePrincipal", "Type": 2}, {"ID": "Loot", "Type": 1}]
    (event,) = read(directory("Consent to application.", {"ConsentAction.Permissions": permissions}, Target=target))
    assert (event.rights, event.trustee_name) == (("Mail.Read", "offline_access", "User.Read"), "Loot")
    people = [{"ID": "User_1", "Type": 2}, {"ID": "eve@example.org", "Type": 5}]
    (event,) = read(directory("Add member to role.", {"Role.DisplayName": "Exchange Administrator"}, Target=people))
    assert (event.rights, event.trustee_name) == (("Exchange Administrator",), "eve@example.org")
    (event,) = read(
        directory(
            "Update application – Certificates and secrets management ",
            {"KeyDescription": '["[KeyType=Password]"]'},
            Target=target,
        )
    )
    assert (event.kind, event.attribute, event.after) == ("account", "Credentials", "[KeyType=Password]")
    gone = inner(
        "Remove member from role.",
        record_type=8,
        ModifiedProperties=[{"Name": "Role.DisplayName", "NewValue": "", "OldValue": "Reports Reader"}],
        Target=people,
    )
    (event,) = read(gone)
    assert (event.action, event.rights) == ("removed", ("Reports Reader",))


def test_compliance_cmdlets_keep_their_parameters_as_text():
    text = '-Name "Loot" -ExchangeLocation ("kim@example.org","ceo@example.org") -ContentMatchQuery "password"'
    search = inner(
        "New-ComplianceSearch",
        record_type=18,
        ResultStatus="Success",
        Workload="SecurityComplianceCenter",
        Parameters=text,
    )
    made = read(search)
    assert [(event.action, event.mailbox_ref) for event in made] == [
        ("search", "kim@example.org"),
        ("search", "ceo@example.org"),
    ]
    (problem,) = read(search | {"Operation": "Set-Mailbox", "Parameters": '-Identity "kim" -Forw "cut o'})
    assert problem.records == 1


def test_a_parameter_named_twice_is_said():
    pairs = [{"Name": "Identity", "Value": "kim"}, {"Name": "User", "Value": "a"}, {"Name": "User", "Value": "b"}]
    made = read(inner("Add-MailboxPermission", record_type=1, Parameters=pairs))
    assert [event.trustee_name for event in made[:2]] == ["a", "b"]
    assert (made[2].code, made[2].records) == ("ambiguous", 0)
