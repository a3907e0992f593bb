"""The unified audit log: one meaning in every container, strength said, throttling a gap."""

# ruff: noqa: E501 - the rows of the tables stand on one line each

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sources.unified_records import CONTEXT, KIM_SID, TENANT, cmdlet, export, inner, read

from mailwitness.event import Event, Problem, content_digest, m365_event_id
from mailwitness.knowledge.noise import noise_of
from mailwitness.sources import unified_audit

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


def test_a_logon_tells_the_client():
    (event,) = read(inner("UserLoginFailed", record_type=15, ClientIP="192.0.2.9:1234", ResultStatus="Failed"))
    assert (event.kind, event.outcome, event.client_ip) == ("logon", "failure", "192.0.2.9")


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
