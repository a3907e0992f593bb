"""The mailbox audit log: XML report and shell exports tell the same entry; times are never guessed."""

# ruff: noqa: E501 - the report and its page stand as they are

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness import formats
from mailwitness.event import Event, Problem
from mailwitness.formats.interface import ExportRecord, Wanted
from mailwitness.sources import mailbox_audit
from mailwitness.sources.interface import Context

CONTEXT = Context(organization="example.org", evidence_sha256="00" * 32, evidence_name="SearchResult.xml")
BERLIN = Context(organization="example.org", evidence_sha256="00" * 32, time_zone="Europe/Berlin")

XML = """<?xml version="1.0" encoding="utf-8"?>
<SearchResults>
  <Event MailboxGuid="6d4fbdae-0000-0000-0000-000000000001" Owner="EX\\kim" LastAccessed="2021-04-30T11:01:55.140625-07:00"
    Operation="FolderBind" OperationResult="Succeeded" LogonType="Delegate" FolderId="00F1" FolderPathName="\\Inbox"
    ClientInfoString="Client=MSExchangeRPC" ClientIPAddress="192.0.2.7" InternalLogonType="Owner"
    MailboxOwnerUPN="kim@example.org" MailboxOwnerSid="S-1-5-21-1-2-3-1151" CrossMailboxOperation="false"
    LogonUserDN="Bob Doe" LogonUserSid="S-1-5-21-1-2-3-1149">
  </Event>
  <Event MailboxGuid="6d4fbdae-0000-0000-0000-000000000001" Owner="EX\\kim" LastAccessed="2021-04-30T18:02:00Z"
    Operation="HardDelete" OperationResult="Succeeded" LogonType="Admin" FolderPathName="\\Deleted Items"
    MailboxOwnerUPN="kim@example.org" LogonUserDN="Bob Doe" LogonUserSid="S-1-5-21-1-2-3-1149">
    <SourceItems><Item Id="00A1" Subject="Budget" FolderPathName="\\Deleted Items"/>
      <Item Id="00A2" Subject="Plan" FolderPathName="\\Deleted Items"/></SourceItems></Event>
</SearchResults>
"""

SHELL = {
    "Operation": "FolderBind",
    "OperationResult": "Succeeded",
    "LogonType": "Delegate",
    "FolderId": "00F1",
    "FolderPathName": "\\Inbox",
    "ClientInfoString": "Client=MSExchangeRPC",
    "ClientIPAddress": "192.0.2.7",
    "MailboxOwnerUPN": "kim@example.org",
    "LogonUserDisplayName": "Bob Doe",
    "LogonUserSid": "S-1-5-21-1-2-3-1149",
    "MailboxGuid": "6d4fbdae-0000-0000-0000-000000000001",
    "MailboxResolvedOwnerName": "EX\\kim",
    "LastAccessed": "2021-04-30T18:01:55Z",
    "Identity": "x",
}


def export(fields, **more):
    return ExportRecord(format="csv", offset=2, container="csv", shape=tuple(fields), fields=fields, **more)


def read(fields, context=CONTEXT, **more):
    record = export(fields, **more)
    assert mailbox_audit.recognise(record)
    return list(mailbox_audit.read(record, context))


def from_file(path, text):
    path.write_text(text, encoding="utf-8")
    head = path.read_bytes()[:65536]
    (form,) = [form for form in formats.discover() if form.recognise(head, path.name)]
    for span in form.spans(path):
        for reading in form.read(path, span, Wanted()):
            assert mailbox_audit.recognise(reading)
            yield from mailbox_audit.read(reading, CONTEXT)


def test_an_xml_report(tmp_path):
    opened, deleted = from_file(tmp_path / "SearchResult.xml", XML)
    assert (opened.action, opened.strength, opened.logon_type) == ("folder_open", "opened", "delegate")
    assert (opened.mailbox_ref, opened.folder) == ("kim@example.org", "\\Inbox")
    assert (opened.actor_name, opened.actor_sid) == ("Bob Doe", "S-1-5-21-1-2-3-1149")
    assert opened.occurred_at == datetime(2021, 4, 30, 18, 1, 55, 140625, tzinfo=UTC)
    assert (deleted.action, deleted.strength, deleted.logon_type) == ("delete", "acted", "admin")
    assert [(item.item_id, item.subject) for item in deleted.items] == [("00A1", "Budget"), ("00A2", "Plan")]


def test_the_report_and_the_shell_tell_one_entry(tmp_path):
    opened, _deleted = from_file(tmp_path / "SearchResult.xml", XML)
    (same,) = read(SHELL)
    assert same.event_id == opened.event_id


def test_a_refused_act_is_an_attempt():
    (event,) = read(SHELL | {"OperationResult": "Failed"})
    assert (event.outcome, event.strength) == ("failure", "attempted")


def test_the_system_is_no_person():
    (event,) = read(SHELL | {"LogonUserSid": "S-1-5-18"})
    assert event.actor_kind == "system"


@pytest.mark.parametrize(
    ("moment", "context", "order", "expected"),
    [
        ("2021-04-30T18:01:55Z", CONTEXT, None, datetime(2021, 4, 30, 18, 1, 55, tzinfo=UTC)),
        ("/Date(1619805715000)/", CONTEXT, None, datetime(2021, 4, 30, 18, 1, 55, tzinfo=UTC)),
        ("30.04.2021 20:01:55", BERLIN, None, datetime(2021, 4, 30, 18, 1, 55, tzinfo=UTC)),
        ("04/05/2021 08:01:55 PM", BERLIN, True, datetime(2021, 5, 4, 18, 1, 55, tzinfo=UTC)),
        ("04/05/2021 08:01:55 PM", BERLIN, False, datetime(2021, 4, 5, 18, 1, 55, tzinfo=UTC)),
        ("04/05/2021 08:01:55 PM", BERLIN, None, None),  # the fourth of May or the fifth of April
        ("30.04.2021 20:01:55", CONTEXT, None, None),  # in which zone?
        ("2021-04-30 20:01:55", CONTEXT, None, None),
        ("", CONTEXT, None, None),
        ("yesterday", BERLIN, None, None),
    ],
)
def test_times_are_never_guessed(moment, context, order, expected):
    shown = () if order is None else (("LastAccessed", order),)
    (reading,) = read(SHELL | {"LastAccessed": moment}, context, day_first=shown)
    if expected is None:
        assert isinstance(reading, Problem)
        assert (reading.code, reading.records) == ("ambiguous", 1)
    else:
        assert reading.occurred_at == expected


def test_an_unknown_operation_is_a_problem():
    (problem,) = read(SHELL | {"Operation": "Teleport"})
    assert (problem.code, problem.records) == ("unparsable", 1)


@given(
    st.dictionaries(st.sampled_from([*SHELL, "SourceItems", "DestFolderPathName"]), st.text(max_size=40), max_size=8)
)
def test_hostile_values_raise_nothing(more):
    for reading in read(SHELL | more):
        assert isinstance(reading, Event | Problem)


def test_the_documented_report(samples, tmp_path):
    """The entry Microsoft's page prints (EXDOC export-mailbox-audit-logs.md), whose items are no XML."""
    page = "msdocs-exchange/Exchange/ExchangeOnline/security-and-compliance/exchange-auditing-reports/export-mailbox-audit-logs.md"
    text = (samples / page).read_text(encoding="utf-8-sig")
    (block,) = [block for block in re.findall(r"```\w*\s*\n(.*?)```", text, re.DOTALL) if "<Event" in block]
    path = tmp_path / "SearchResult.xml"
    path.write_text(block, encoding="utf-8")
    (form,) = [form for form in formats.discover() if form.recognise(path.read_bytes(), path.name)]
    (record,) = [r for span in form.spans(path) for r in form.read(path, span, Wanted()) if isinstance(r, ExportRecord)]
    (event,) = mailbox_audit.read(record, CONTEXT)
    assert (event.action, event.logon_type, event.mailbox_ref) == ("delete", "admin", "david@contoso.com")
    assert event.items[0].subject == "Notification of litigation hold"
