"""The unified audit log: one meaning in every container, strength said, throttling a gap."""

# ruff: noqa: E501, RUF001 - the rows of the tables stand on one line each; Entra ID writes an en dash

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.event import Event, Problem, content_digest, m365_event_id
from mailwitness.formats.interface import ExportRecord
from mailwitness.knowledge.noise import noise_of
from mailwitness.sources import unified_audit
from mailwitness.sources.interface import Context

CONTEXT = Context(organization="example.org", evidence_sha256="00" * 32, evidence_name="audit.csv")
TENANT = "11111111-2222-3333-4444-555555555555"
KIM_SID = "S-1-5-21-1-2-3-1001"


def export(fields, container="json"):
    return ExportRecord(format=container, offset=1, container=container, shape=tuple(fields), fields=fields)


def read(fields) -> list[Event | Problem]:
    record = export(fields)
    assert unified_audit.recognise(record)
    return list(unified_audit.read(record, CONTEXT))


def inner(operation, record_type=2, user_type=0, **more):
    return {
        "Id": "aaaaaaaa-0000-0000-0000-000000000001",
        "CreationTime": "2024-05-18T10:48:21",
        "Operation": operation,
        "OrganizationId": TENANT,
        "RecordType": record_type,
        "ResultStatus": "Succeeded",
        "UserKey": "1003",
        "UserType": user_type,
        "Version": 1,
        "Workload": "Exchange",
        "UserId": "bob@example.org",
    } | more


BIND = inner(
    "MailItemsAccessed",
    record_type=50,
    LogonType=2,
    MailboxOwnerUPN="kim@example.org",
    MailboxGuid="99999999-0000-0000-0000-000000000001",
    LogonUserSid=KIM_SID,
    ClientIPAddress="192.0.2.7",
    ClientInfoString="Client=OWA;x",
    OriginatingServer="DB8PR04 (15.20.4042.018)\r\n",
    SessionId="s-1",
    OperationCount=2,
    OperationProperties=[{"Name": "MailAccessType", "Value": "Bind"}, {"Name": "IsThrottled", "Value": "False"}],
    Folders=[
        {"Path": "\\Inbox", "Id": "f1", "FolderItems": [{"InternetMessageId": "<1@x>"}, {"InternetMessageId": "<2@x>"}]}
    ],
)


def containers(record):
    """Return one record as each container gives it."""
    text = json.dumps(record)
    words = record | {"RecordType": "ExchangeItemAggregated", "UserType": "Regular", "LogonType": "Delegated"}
    graph = {key: value for key, value in record.items() if key not in {"Id", "CreationTime", "OrganizationId"}}
    return {
        "Search-UnifiedAuditLog": {"AuditData": text, "CreationDate": "5/18/2024 10:48:21 AM", "Identity": record["Id"], "Operations": "MailItemsAccessed", "RecordType": "50", "UserIds": "bob@example.org", "extra": "1"},
        "portal": {"RecordId": record["Id"], "CreationDate": "2024-05-18T10:48:21.0000000Z", "RecordType": "50", "Operation": "MailItemsAccessed", "UserId": "bob@example.org", "AuditData": text},
        "api": record,
        "words": words,
        "texts": record | {"RecordType": "50", "UserType": "0", "LogonType": "2", "OperationCount": "2"},
        "sentinel": {name: json.dumps(value) if isinstance(value, list | dict) else value for name, value in words.items() if name not in {"Id", "CreationTime", "Workload"}}
        | {"OfficeId": record["Id"], "TimeGenerated": "2024-05-18T10:48:21Z", "OfficeWorkload": "Exchange"},
        "graph": {"id": record["Id"], "createdDateTime": "2024-05-18T10:48:21Z", "auditLogRecordType": "exchangeItemAggregated", "operation": "MailItemsAccessed", "organizationId": TENANT, "userType": "Regular", "userPrincipalName": "bob@example.org", "service": "Exchange", "auditData": {"@odata.type": "#microsoft.graph.security.defaultAuditData", **graph}},
    }  # fmt: skip


@pytest.mark.parametrize("container", sorted(containers(BIND)))
def test_every_container_tells_the_same_event(container):
    (expected,) = read(BIND)
    (event,) = read(containers(BIND)[container])
    assert event.event_id == expected.event_id == m365_event_id(TENANT, BIND["Id"])
    assert content_digest(event) == content_digest(expected), (event, expected)


def test_a_bind_names_the_items_read():
    (event,) = read(BIND)
    assert (event.kind, event.action, event.strength, event.outcome) == ("access", "item_read", "read", "success")
    assert [item.internet_message_id for item in event.items] == ["<1@x>", "<2@x>"]
    assert (event.folder, event.logon_type, event.actor_sid) == ("\\Inbox", "delegate", KIM_SID)
    assert (event.mailbox_ref, event.mailbox_ref_form, event.computer) == ("kim@example.org", "upn", "DB8PR04")
    assert event.time_quality == "aggregated"
    assert event.occurred_until_at - event.occurred_at == timedelta(minutes=2)


def test_a_sync_leaves_the_whole_folder_to_be_assumed_read():
    folder = {"Id": "f1", "ParentFolder": {"Id": "f1", "Name": "Inbox", "Path": "Not Available"}}
    sync = [{"Name": "MailAccessType", "Value": "Sync"}, {"Name": "IsThrottled", "Value": "False"}]
    (event,) = read(
        inner("MailItemsAccessed", OperationProperties=sync, Item=folder, MailboxOwnerUPN="kim@example.org")
    )
    assert (event.action, event.strength, event.scope) == ("item_sync", "read", "folder")
    assert (event.folder, event.items, event.occurred_at) == (
        "Inbox",
        (),
        datetime(2024, 5, 18, 10, 48, 21, tzinfo=UTC),
    )


def test_throttling_is_a_gap_of_a_day():
    properties = [{"Name": "MailAccessType", "Value": "Bind"}, {"Name": "IsThrottled", "Value": "True"}]
    access, gap = read(BIND | {"OperationProperties": properties})
    assert (gap.kind, gap.action, gap.mailbox_ref) == ("audit", "throttled", "kim@example.org")
    assert gap.occurred_until_at - gap.occurred_at == timedelta(hours=24)
    assert access.event_id != gap.event_id


@pytest.mark.parametrize(
    ("user_type", "user", "kind"),
    [
        (0, "bob@example.org", "user"),
        ("Admin", "bob@example.org", "user"),
        (5, "bob@example.org", "application"),  # even where LogonType says Owner
        ("ServicePrincipal", "x", "application"),
        (3, "NT AUTHORITY\\SYSTEM (Microsoft.Exchange.ServiceHost)", "service"),
        ("DcAdmin", "NT SERVICE\\MSExchangeServiceHostNetCore (Microsoft.Exchange.ServiceHost)", "service"),
        (2, "S-1-5-18", "system"),
        (4, "Certificate", "system"),
        (None, "bob@example.org", "unknown"),
    ],
)
def test_kinds_of_actors_by_rule(user_type, user, kind):
    (event,) = read(BIND | {"UserType": user_type, "UserId": user, "LogonType": 0})
    assert (event.actor_kind, event.logon_type) == (kind, "owner")


@pytest.mark.parametrize(
    ("operation", "action", "strength"),
    [
        ("FolderBind", "folder_open", "opened"),
        ("MailboxLogin", "logon", "opened"),
        ("SendAs", "send_as", "acted"),
        ("SendOnBehalf", "send_on_behalf", "acted"),
        ("HardDelete", "delete", "acted"),
        ("MoveToDeletedItems", "delete", "acted"),
        ("Update", "update", "acted"),
    ],
)
def test_what_was_done(operation, action, strength):
    item = {"Id": "i1", "Subject": "Budget", "ParentFolder": {"Path": "\\Sent"}}
    (event,) = read(inner(operation, Item=item, MailboxGuid="99999999-0000-0000-0000-000000000001"))
    assert (event.action, event.strength, event.folder) == (action, strength, "\\Sent")
    assert (event.items[0].subject, event.mailbox_ref_form) == ("Budget", "guid")
    (refused,) = read(inner(operation, ResultStatus="Failed", Item=item))
    assert (refused.outcome, refused.strength) == ("failure", "attempted")


def test_a_copy_to_another_mailbox_takes_mail_out():
    moved = {
        "Folder": {"Path": "\\Inbox"},
        "DestFolder": {"Path": "\\Loot"},
        "AffectedItems": [{"Id": "i", "Subject": "s"}],
    }
    (event,) = read(inner("Copy", record_type=3, CrossMailboxOperation=False, **moved))
    assert (event.action, event.folder, event.after) == ("create", "\\Inbox", "\\Loot")
    (event,) = read(inner("Copy", record_type=3, CrossMailboxOperation=True, **moved))
    assert event.action == "export"


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


def cmdlet(operation, parameters, **more):
    pairs = [{"Name": name, "Value": value} for name, value in parameters.items()]
    return inner(operation, record_type=1, user_type=2, ResultStatus="True", Parameters=pairs, ObjectId="kim", **more)


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


def test_a_logon_tells_the_client():
    (event,) = read(inner("UserLoginFailed", record_type=15, ClientIP="192.0.2.9:1234", ResultStatus="Failed"))
    assert (event.kind, event.outcome, event.client_ip) == ("logon", "failure", "192.0.2.9")


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


def test_other_workloads_have_words_of_their_own():
    assert read(inner("Create", record_type=21, Workload="Dynamics365")) == []
    assert read(inner("Add member to role", record_type=40, Workload="Other")) == []


def test_what_is_of_no_interest_is_filtered():
    assert read(inner("FileAccessed", record_type=6)) == []
    assert read(cmdlet("Set-Mailbox", {"Identity": "kim", "ProhibitSendQuota": "1GB"})) == []
    assert not unified_audit.recognise(export({"Name": "kim", "AuditEnabled": "True"}, "csv"))


@pytest.mark.parametrize(
    "fields",
    [
        {"AuditData": "", "Operations": "Add service principal."},
        {"AuditData": '{"Id": "1", "Operation": "Send", "Creation'},
        {"AuditData": "[1]"},
        {"AuditData": '"text"'},
        {"AuditData": '{"Operation": "Send", "CreationTime": "2024-05-18T10:48:21"}'},
        {"AuditData": '{"Id": "1", "Operation": "Send", "CreationTime": "5/18/2024 10:48"}'},
        {"AuditData": "[" * 200_000},
        cmdlet("Add-MailboxPermission", {"Identity": "kim"}),
    ],
)
def test_what_cannot_be_read_is_a_problem(fields):
    (problem,) = read(fields)
    assert isinstance(problem, Problem)
    assert problem.records == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**40) | st.text(max_size=20),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.sampled_from(["Name", "Value", "Id", "Path", "ID", "Type", "Item", "ParentFolder"]), parts, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(
    st.sampled_from(["MailItemsAccessed", "Move", "ModifyFolderPermissions", "UpdateInboxRules", "Add-MailboxPermission", "Set-Mailbox", "Consent to application.", "UserLoggedIn", "SendAs"]),
    st.dictionaries(st.sampled_from(["Item", "Folders", "AffectedItems", "OperationProperties", "Parameters", "ModifiedProperties", "Target", "AppAccessContext", "UserType", "RecordType", "LogonType", "ClientIP", "CreationTime", "Folder", "Messages", "ResultStatus", "MailboxOwnerUPN"]), _JSON, max_size=6),
)  # fmt: skip
def test_hostile_values_raise_nothing(operation, more):
    for reading in read(inner(operation) | more):
        assert isinstance(reading, Event | Problem)


def rows_of(path):
    csv.field_size_limit(2**31 - 1)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        yield from csv.DictReader(stream)


def test_a_real_compromise(samples):
    """3,435 rows of a mail compromise exercise (invictus-ir/o365_dataset)."""
    events: dict[str, Event] = {}
    counts: Counter[str] = Counter()
    records = set()
    for row in rows_of(samples / "invictus_o365/auditrecords.given.csv"):
        counts["seen"] += 1
        if row["AuditData"]:
            records.add(json.loads(row["AuditData"])["Id"])
        for reading in unified_audit.read(export(row, "csv"), CONTEXT):
            if isinstance(reading, Problem):
                counts["unread"] += reading.records
            else:
                known = events.setdefault(reading.event_id, reading)
                assert content_digest(known) == content_digest(reading)
    assert (counts["seen"], counts["unread"], len(records)) == (3435, 2, 2339)

    def of(code):
        return [event for event in events.values() if event.event_code == code]

    grants = Counter(
        (e.actor_kind, bool(noise_of({f: getattr(e, f) for f in e.__struct_fields__})))
        for e in of("Add-MailboxPermission")
    )
    assert grants == {("user", False): 2, ("service", True): 18}
    assert {e.rights for e in of("Add-MailboxPermission")} == {("FullAccess",)}
    reads = Counter((e.action, e.actor_kind, e.logon_type) for e in of("MailItemsAccessed"))
    assert reads == {("item_read", "user", "owner"): 116, ("item_sync", "user", "owner"): 7}
    assert len(of("ModifyFolderPermissions")) == 4
    assert {(e.action, e.after) for e in of("Set-Mailbox")} == {
        ("forwarding_set", "smtp:ex@exdigy.net"),
        ("forwarding_removed", None),
    }
    assert {e.mailbox_ref.rsplit("/", 1)[-1] for e in of("New-InboxRule")} == {"joey", "A.Thulile"}


def test_words_for_numbers_in_a_real_export(samples):
    """Rows whose RecordType and UserType are words (techjollof/M365UnifiedAuditLogAnalyzer): read, of no interest."""
    rows = list(rows_of(samples / "techjollof/TestFormated.csv"))
    assert len(rows) == 4
    for row in rows:
        assert unified_audit.recognise(export(row, "csv"))
        assert list(unified_audit.read(export(row, "csv"), CONTEXT)) == []
