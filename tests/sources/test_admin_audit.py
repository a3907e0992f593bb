"""The administrator audit log: XML report, JSON and CSV; what an export lost is said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness import formats
from mailwitness.event import Event, Problem
from mailwitness.formats.interface import ExportRecord, Wanted
from mailwitness.sources import admin_audit
from mailwitness.sources.interface import Context

CONTEXT = Context(organization="example.org", evidence_sha256="00" * 32, evidence_name="SearchResult.xml")
CALLER = "corp.example.org/Users/Administrator"
XML = f"""<?xml version="1.0" encoding="utf-8"?>
<SearchResults>
  <Event Caller="{CALLER}" Cmdlet="Set-Mailbox" ObjectModified="corp.example.org/Users/kim"
    RunDate="2015-10-18T15:48:15-07:00" Succeeded="true" Error="None" OriginatingServer="EX01 (15.01.0396.030)">
    <CmdletParameters><Parameter Name="Identity" Value="kim"/>
      <Parameter Name="ForwardingSmtpAddress" Value="smtp:x@evil.example"/></CmdletParameters>
    <ModifiedProperties><Property Name="ForwardingSmtpAddress" OldValue="smtp:old@example.org" NewValue="x"/>
    </ModifiedProperties></Event>
  <Event Caller="{CALLER}" Cmdlet="Add-MailboxPermission" ObjectModified="corp.example.org/Users/kim"
    RunDate="2015-10-18T15:50:15-07:00" Succeeded="false" Error="x" OriginatingServer="EX01 (15.01.0396.030)">
    <CmdletParameters><Parameter Name="Identity" Value="kim"/><Parameter Name="User" Value="EX\\bob"/>
      <Parameter Name="AccessRights" Value="FullAccess;ReadPermission"/></CmdletParameters></Event>
  <Event Caller="{CALLER}" Cmdlet="Set-OwaMailboxPolicy" ObjectModified="x" RunDate="2015-10-18T15:50:15Z"
    Succeeded="true" Error="None" OriginatingServer="EX01 (15.01.0396.030)"><CmdletParameters/></Event>
</SearchResults>
"""
SHELL = {
    "CmdletName": "Add-MailboxPermission",
    "Caller": CALLER,
    "ObjectModified": "corp.example.org/Users/kim",
    "RunDate": "2015-10-18T22:50:15Z",
    "Succeeded": "False",
    "OriginatingServer": "EX01 (15.01.0396.030)",
    "CmdletParameters": [
        {"Name": "Identity", "Value": "kim"},
        {"Name": "User", "Value": "EX\\bob"},
        {"Name": "AccessRights", "Value": "FullAccess;ReadPermission"},
    ],
}


def read(fields, context=CONTEXT):
    record = ExportRecord(format="json", offset=1, container="json", shape=tuple(fields), fields=fields)
    assert admin_audit.recognise(record)
    return list(admin_audit.read(record, context))


def from_file(path, text):
    path.write_text(text, encoding="utf-8")
    head = path.read_bytes()[:65536]
    (form,) = [form for form in formats.discover() if form.recognise(head, path.name)]
    for span in form.spans(path):
        for reading in form.read(path, span, Wanted()):
            assert admin_audit.recognise(reading)
            yield from admin_audit.read(reading, CONTEXT)


def test_an_xml_report(tmp_path):
    forwarding, refused = from_file(tmp_path / "SearchResult.xml", XML)
    assert (forwarding.kind, forwarding.action, forwarding.outcome) == ("routing", "forwarding_set", "success")
    assert (forwarding.before, forwarding.after) == ("smtp:old@example.org", "smtp:x@evil.example")
    assert (forwarding.actor_name, forwarding.actor_kind, forwarding.computer) == (CALLER, "user", "EX01")
    assert forwarding.occurred_at == datetime(2015, 10, 18, 22, 48, 15, tzinfo=UTC)
    assert (refused.action, refused.outcome, refused.rights) == ("granted", "failure", ("FullAccess", "ReadPermission"))


def test_the_report_and_the_shell_tell_one_entry(tmp_path):
    _forwarding, refused = from_file(tmp_path / "SearchResult.xml", XML)
    (same,) = read(SHELL)
    assert same.event_id == refused.event_id


@pytest.mark.parametrize(
    ("parameters", "more"),
    [
        ("{Identity=kim, User=EX\\bob, AccessRights={FullAccess}}", {}),
        ('-Identity "kim" -User "EX\\bob" -AccessRights "FullAccess"', {}),
        ('[{"Name":"Identity","Value":"kim"},{"Name":"User","Value":"EX\\\\bob"}]', {}),
        (None, {"FullCommand": "Add-MailboxPermission -Identity 'kim' -User 'EX\\bob' -AccessRights 'FullAccess'"}),
    ],
)
def test_parameters_as_text(parameters, more):
    (event,) = read(SHELL | {"CmdletParameters": parameters} | more)
    assert (event.mailbox_ref, event.trustee_name) == ("kim", "EX\\bob")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"CmdletParameters": "Microsoft.Exchange.Data.MultiValuedProperty`1[x]"}, "unparsable"),
        ({"CmdletParameters": "{Identity, User, AccessRights}"}, "unparsable"),
        ({"CmdletParameters": ""}, "unparsable"),
        ({"CmdletParameters": "System.Object[]", "CmdletName": "Set-Mailbox"}, "unparsable"),
        ({"RunDate": "10/18/2015 3:48:15 PM"}, "ambiguous"),
        ({"CmdletName": " "}, "unparsable"),
    ],
)
def test_what_an_export_lost_is_a_problem(change, code):
    (problem,) = read(SHELL | change)
    assert isinstance(problem, Problem)
    assert (problem.code, problem.records) == (code, 1)


def test_services_are_told_from_people():
    (event,) = read(SHELL | {"Caller": "NT AUTHORITY\\SYSTEM (Microsoft.Exchange.ServiceHost)"})
    assert event.actor_kind == "service"


@given(
    st.dictionaries(st.sampled_from([*SHELL, "FullCommand", "ModifiedProperties"]), st.text(max_size=60), max_size=6)
)
def test_hostile_values_raise_nothing(more):
    fields = SHELL | more
    for reading in read(fields):
        assert isinstance(reading, Event | Problem)
