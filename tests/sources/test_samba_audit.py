"""Samba's audit log: the real lines of a real domain controller, and lines that lie."""

from __future__ import annotations

import base64
import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwitness import sources
from mailwitness.descriptors.binary import write_binary
from mailwitness.descriptors.sddl import parse_sddl, read_sddl
from mailwitness.event import Event, Problem, entry_of
from mailwitness.formats import json_lines
from mailwitness.formats.interface import ExportRecord, Span, Wanted
from mailwitness.sources import samba_audit
from mailwitness.sources.interface import Context

CONTEXT = Context(organization="example.test", evidence_sha256="ab" * 32, evidence_name="dsdb.json")
ADMINISTRATOR = "S-1-5-21-194237464-310458047-3536566173-500"
HELPDESK = "S-1-5-21-194237464-310458047-3536566173-1223"
MAILBOX = "CN=mbx00005,OU=Mailboxes,DC=example,DC=test"
CHANGE = {
    "timestamp": "2026-11-24T12:02:36.708545+0100",
    "type": "dsdbChange",
    "dsdbChange": {
        "version": {"major": 1, "minor": 0},
        "statusCode": 0,
        "status": "Success",
        "operation": "Modify",
        "remoteAddress": "ipv6:2001:db8::5:33186",
        "performedAsSystem": False,
        "userSid": ADMINISTRATOR,
        "dn": MAILBOX,
        "transactionId": "3f4d9a86-31c6-45dc-8ce5-fd195269b170",
        "sessionId": "3ce7fb65-189d-43aa-b3bd-a22fc64075b6",
        "attributes": {},
    },
}


def record(fields):
    return ExportRecord(format="json", offset=1, container="json", shape=tuple(fields), fields=fields)


def change(attribute, *actions, **said):
    """Return a record of one attribute's actions."""
    fields = copy.deepcopy(CHANGE)
    fields["dsdbChange"] |= said | {"attributes": {attribute: {"actions": list(actions)}}}
    return record(fields)


def action(verb, *values):
    return {"action": verb, "values": [value if isinstance(value, dict) else {"value": value} for value in values]}


def read(rec):
    found = list(samba_audit.read(rec, CONTEXT)) if samba_audit.recognise(rec) else []
    for event in found:
        if isinstance(event, Event):
            entry_of(event, rec.raw())
    return [f for f in found if isinstance(f, Event)], [f for f in found if isinstance(f, Problem)]


def read_file(path):
    events, problems = [], []
    for rec in json_lines.read(path, Span(0, path.stat().st_size), Wanted()):
        assert isinstance(rec, ExportRecord)
        found = sources.read(rec, CONTEXT)
        for each in found or ():
            (events if isinstance(each, Event) else problems).append(each)
    return events, problems


@pytest.fixture
def real(samples):
    """Return what reads one of the real files."""
    return lambda name: read_file(samples / "samba_audit" / f"{name}.jsonl")


@pytest.mark.samples
@pytest.mark.parametrize(
    ("name", "actor"),
    [("a_ntsd_sendas", ADMINISTRATOR), ("a2_ntsd_receiveas_by_helpdesk", HELPDESK), ("f_sacl_set", ADMINISTRATOR)],
)
def test_a_descriptor_that_the_log_cut_ends_open(real, name, actor):
    [event], [problem] = real(name)
    assert (event.kind, event.action, event.outcome) == ("permission", "changed", "success")
    assert (event.attribute, event.object_dn, event.actor_sid) == ("nTSecurityDescriptor", MAILBOX, actor)
    assert (event.before, event.op_correlation_id) == (None, None)
    reading = read_sddl(event.after)
    assert reading.partial
    assert len(reading.descriptor.dacl.aces) >= 18
    assert reading.descriptor.sacl.aces
    assert (problem.code, problem.records) == ("truncated", 0)


@pytest.mark.samples
def test_full_access_is_told_whole(real):
    [event], problems = real("b_mailboxsd_fullaccess_by_helpdesk")
    assert problems == []
    assert (event.scope, event.mailbox_ref, event.mailbox_ref_form) == ("mailbox", MAILBOX, "dn")
    assert event.after == "O:PSG:PSD:(A;CI;CCRC;;;PS)(A;CI;CC;;;S-1-5-21-194237464-310458047-3536566173-1108)"
    assert (event.actor_sid, event.client_ip, event.strength) == (HELPDESK, "127.0.0.1", "acted")


@pytest.mark.samples
def test_delegates_and_audit_switches(real):
    [granted], _ = real("b2_publicdelegates_add")
    assert (granted.kind, granted.action, granted.rights) == ("permission", "granted", ("SendOnBehalf",))
    assert granted.trustee_name == "CN=mbx00006,OU=Mailboxes,DC=example,DC=test"
    assert granted.trustee_sid == "S-1-5-21-194237464-310458047-3536566173-1108"
    [revoked, switched], _ = real("b3_publicdelegates_del_audit_off")
    assert (revoked.action, revoked.trustee_name) == ("revoked", granted.trustee_name)
    assert (switched.kind, switched.action, switched.after) == ("audit", "settings_changed", "FALSE")
    assert revoked.event_id != switched.event_id


@pytest.mark.samples
@pytest.mark.parametrize(
    ("name", "word", "code"), [("c_group_add", "added", "4728"), ("c2_group_del", "removed", "4729")]
)
def test_a_membership_has_two_witnesses_of_one_transaction(real, name, word, code):
    events, problems = real(name)
    assert problems == []
    assert {(e.kind, e.action, e.outcome) for e in events} == {("membership", word, "success")}
    assert {e.group_name for e in events} == {"CN=grp0001,OU=MailGroups,DC=example,DC=test"}
    assert {e.trustee_name for e in events} == {"CN=helpdesk,CN=Users,DC=example,DC=test"}
    assert len({e.transaction_id for e in events}) == 1
    assert sorted((e.channel, e.event_code) for e in events) == [("dsdbChange", None), ("groupChange", code)]


@pytest.mark.samples
def test_what_was_refused_is_an_attempt_with_what_was_attempted(real):
    [attempt, rollback], _ = real("d_denied_mailboxsd")
    assert (attempt.outcome, attempt.strength) == ("failure", "attempted")
    assert attempt.after == "O:PSG:PSD:(A;CI;CC;;;WD)"
    assert (rollback.outcome, rollback.channel) == ("failure", "dsdbTransaction")
    assert rollback.transaction_id == attempt.transaction_id


@pytest.mark.samples
def test_a_wrong_password(real):
    [logon], _ = real("d3_bad_password")
    assert (logon.kind, logon.outcome, logon.actor_name) == ("logon", "failure", "EXAMPLE\\auditor")
    assert (logon.client_ip, logon.client_app, logon.after) == (
        "127.0.0.1",
        "LDAP, NTLMSSP",
        "NT_STATUS_WRONG_PASSWORD",
    )


@pytest.mark.samples
def test_a_password_reset(real):
    [written, reset], _ = real("e_password_reset")
    assert (reset.kind, reset.action, reset.trustee_name) == (
        "account",
        "password_reset",
        "CN=auditor,CN=Users,DC=example,DC=test",
    )
    assert (written.attribute, written.after) == ("unicodePwd", None)


@pytest.mark.samples
def test_from_where_and_a_deletion(real):
    [modified, deleted], _ = real("g_modify_delete")
    assert (modified.client_ip, modified.after) == ("127.0.5.5", "1")
    assert (deleted.kind, deleted.action, deleted.object_dn) == (
        "account",
        "deleted",
        "CN=mbx00021,OU=Mailboxes,DC=example,DC=test",
    )


def test_the_time_is_utc_and_the_address_without_its_port():
    [event], _ = read(change("displayName", action("replace", "x")))
    assert event.occurred_at.isoformat() == "2026-11-24T11:02:36.708545+00:00"
    assert event.client_ip == "2001:db8::5"


def test_a_deleted_and_an_added_value_of_one_operation_belong_together():
    events, _ = read(change("displayName", action("delete", "old"), action("add", "new")))
    assert [(e.before, e.after) for e in events] == [("old", None), (None, "new")]
    assert len({e.op_correlation_id for e in events} - {None}) == 1


@pytest.mark.parametrize(
    ("attribute", "act", "kind", "said"),
    [
        ("msExchBypassAudit", action("replace", "TRUE"), "audit", "bypass_set"),
        ("msExchBypassAudit", action("replace", "FALSE"), "audit", "settings_changed"),
        ("altRecipient", action("replace", "CN=x"), "routing", "forwarding_set"),
        ("altRecipient", action("replace"), "routing", "forwarding_removed"),
        ("altRecipient", {"action": "delete"}, "routing", "forwarding_removed"),
        ("publicDelegates", action("replace", "CN=x"), "permission", "changed"),
        ("publicDelegates", {"action": "delete"}, "permission", "revoked"),
        ("member", action("replace", "CN=x"), "account", "changed"),
        ("description", action("replace", "x"), "account", "changed"),
    ],
)
def test_what_an_attribute_says(attribute, act, kind, said):
    [event], problems = read(change(attribute, act))
    assert (event.kind, event.action, problems) == (kind, said, [])


def test_a_new_object_and_what_it_was_made_with():
    classes = {"actions": [action("add", "top", "msExchRoleAssignment")]}
    fields = copy.deepcopy(CHANGE)
    fields["dsdbChange"] |= {"operation": "Add", "attributes": {"objectClass": classes}}
    [event], _ = read(record(fields))
    assert (event.kind, event.action, event.scope) == ("role", "assigned", "organization")
    group = {
        "objectClass": {"actions": [action("add", "top", "group")]},
        "member": {"actions": [action("add", "CN=x")]},
    }
    fields["dsdbChange"]["attributes"] = group
    events, _ = read(record(fields))
    assert [(e.kind, e.action) for e in events] == [("account", "created"), ("membership", "added")]


def test_a_descriptor_is_the_sddl_of_its_bytes():
    data = write_binary(parse_sddl("O:SYG:SYD:(A;;GA;;;SY)"))
    said = {"value": base64.b64encode(data).decode(), "base64": True}
    [event], _ = read(change("nTSecurityDescriptor", action("replace", said)))
    assert event.after == "O:SYG:SYD:(A;;GA;;;SY)"


@pytest.mark.parametrize(
    "value", [{"value": "AAAA", "base64": True}, {"value": "!", "base64": True}, {"value": 5}, {}, {"base64": True}]
)
def test_a_value_that_does_not_read_is_a_remark(value):
    events, problems = read(change("nTSecurityDescriptor", action("replace", value)))
    assert len(events) == 1
    assert [(p.code, p.records) for p in problems] == [("unparsable", 0)]


@pytest.mark.parametrize(
    "said",
    [
        {"operation": "Rename"},
        {"dn": None},
        {"attributes": []},
        {"attributes": {"x": {"actions": "many"}}},
        {"attributes": {"x": {"actions": [{"action": "invent"}]}}},
    ],
)
def test_a_record_of_another_shape_is_a_problem(said):
    fields = copy.deepcopy(CHANGE)
    fields["dsdbChange"] |= said
    _, problems = read(record(fields))
    assert [p.code for p in problems] == ["unparsable"]


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-24T12:02:36+0100", "2026-13-24T12:02:36.000000+0100", 5])
def test_a_time_that_does_not_read_leaves_the_record_unread(text):
    [], [problem] = read(record(CHANGE | {"timestamp": text}))
    assert (problem.code, problem.records) == ("unparsable", 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"timestamp": "x", "type": "replicatedUpdate", "replicatedUpdate": {"version": {"major": 1}}},
        {"timestamp": "x", "type": "dsdbTransaction", "dsdbTransaction": {"version": {}, "action": "commit"}},
        {"timestamp": "x", "type": "dsdbChange"},
        {"type": "dsdbChange", "dsdbChange": {"version": {}}},
        {"timestamp": "x", "type": ["dsdbChange"]},
    ],
)
def test_what_is_not_of_this_log_is_left_to_others(fields):
    assert not samba_audit.recognise(record(fields))


def test_the_same_record_is_the_same_event_whatever_its_file():
    first, second = (read(change("member", action("add", "CN=x")))[0] for _ in range(2))
    other = read(change("member", action("add", "CN=y")))[0]
    assert [e.event_id for e in first] == [e.event_id for e in second]
    assert first[0].event_id != other[0].event_id


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8) | st.sampled_from(["Success", "Add", "add"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_KINDS = sorted(samba_audit._RECORDS)


@given(st.sampled_from(_KINDS), st.dictionaries(st.sampled_from(sorted(CHANGE["dsdbChange"])), _JSON), _JSON)
@settings(deadline=None)
def test_nothing_raises(kind, body, attributes):
    fields = {"timestamp": CHANGE["timestamp"], "type": kind}
    said = CHANGE["dsdbChange"] | {"attributes": attributes} | body | {"version": {"major": 1}}
    events, problems = read(record(json.loads(json.dumps(fields | {kind: said}))))
    assert events or problems or not said["attributes"]  # a change of nothing says nothing
