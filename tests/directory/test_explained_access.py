"""Rights given over LDAP, seen by DirSync and in Samba's audit log, explain the accesses that follow them."""

from __future__ import annotations

from tests.directory.python_ldap import ldap

# isort: split

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from ldap.controls import LDAPControl
from tests.directory.lab import GROUPS, MAILBOXES

from mailwitness.descriptors.binary import parse_binary, write_binary
from mailwitness.descriptors.sddl import parse_sddl, write_sddl
from mailwitness.directory.dirsync import Follower
from mailwitness.directory.store import load_observations
from mailwitness.intake.importing import import_paths
from mailwitness.trail.create import create_trail

DACL_ONLY = LDAPControl("1.2.840.113556.1.4.801", criticality=True, encodedControlValue=b"0\x03\x02\x01\x04")
SEND_AS = "ab721a54-1e2f-11d0-9819-00aa0040529b"
COLUMNS = (
    "Operation OperationResult LogonType MailboxGuid MailboxOwnerUPN MailboxOwnerSid LogonUserSid LogonUserDisplayName "
    "ClientIPAddress FolderPathName LastAccessed"
).split()


@pytest.fixture(scope="module")
def controller(controllers):
    """Return a domain controller that requires strong authentication, as real ones do."""
    return controllers.start(DC_STRONG="1")


@pytest.fixture(scope="module")
def history(controller, tmp_path_factory):
    """Return a trail: rights and memberships given over LDAP while a follower looked, and accesses after them."""
    folder = tmp_path_factory.mktemp("history")
    made = create_trail(folder / "trail", key_dir=folder / "keys")
    path, client = made.trail.path, controller.client()
    follower = Follower(path, made.key_path, controller.server())
    follower.look()
    people = {p.account.rpartition("\\")[2]: p for p in load_observations(path).principals if p.account}
    helpdesk, auditor = people["helpdesk"].sid, people["auditor"].sid
    full_access = write_binary(parse_sddl(f"O:PSG:PSD:(A;CI;CCRC;;;PS)(A;CI;CC;;;{helpdesk})"))
    client.modify_s(people["mbx00021"].dn, [(ldap.MOD_REPLACE, "msExchMailboxSecurityDescriptor", [full_access])])
    follower.look()
    _give_send_as(client, people["mbx00022"].dn, helpdesk)
    follower.look()
    group = people["grp0007"]
    to_group = write_binary(parse_sddl(f"O:PSG:PSD:(A;CI;CCRC;;;PS)(A;CI;CC;;;{group.sid})"))
    client.modify_s(people["mbx00023"].dn, [(ldap.MOD_REPLACE, "msExchMailboxSecurityDescriptor", [to_group])])
    client.modify_s(f"CN=grp0007,{GROUPS}", [(ldap.MOD_ADD, "member", [people["auditor"].dn.encode()])])
    follower.look()
    refused = controller.client("auditor")
    with pytest.raises(ldap.INSUFFICIENT_ACCESS):
        refused.modify_s(people["mbx00024"].dn, [(ldap.MOD_REPLACE, "msExchMailboxSecurityDescriptor", [full_access])])
    rows = [
        _access(people["mbx00021"], helpdesk, "helpdesk", "FolderBind"),
        _access(people["mbx00022"], helpdesk, "helpdesk", "SendAs"),
        _access(people["mbx00023"], auditor, "auditor", "FolderBind"),
        _access(people["mbx00024"], auditor, "auditor", "FolderBind"),
    ]
    evidence = controller.audit_folder(folder / "evidence")
    (evidence / "mailbox_audit.csv").write_text(_csv(rows), encoding="utf-8")
    report = import_paths(path, [evidence], key_path=made.key_path)
    assert report.totals.unread == 0
    client.modify_s(people["mbx00025"].dn, [(ldap.MOD_REPLACE, "msExchMailboxSecurityDescriptor", [full_access])])
    follower.look()  # what the audit log says of this one stays out of the trail
    return path


def _give_send_as(client, dn, sid):
    found = client.search_ext_s(dn, ldap.SCOPE_BASE, attrlist=["nTSecurityDescriptor"], serverctrls=[DACL_ONLY])
    text = write_sddl(parse_binary(found[0][1]["nTSecurityDescriptor"][0]))
    data = write_binary(parse_sddl(text.replace("(", f"(OA;;CR;{SEND_AS};;{sid})(", 1)))
    client.modify_ext_s(dn, [(ldap.MOD_REPLACE, "nTSecurityDescriptor", [data])], serverctrls=[DACL_ONLY])


def _access(mailbox, sid, name, operation):
    at = datetime.now(UTC) + timedelta(minutes=5)
    who = [sid, name, "10.0.0.5", "\\Inbox", at.isoformat()]
    return [operation, "Succeeded", "Delegate", mailbox.mailbox_guid, mailbox.upn, mailbox.sid, *who]


def _csv(rows):
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return out.getvalue()


def ask(path, verb, *arguments):
    """Return the items of an answer of the command line."""
    command = [sys.executable, "-m", "mailwitness.faces.cli", verb, *arguments, "--trail", str(path)]
    done = subprocess.run(
        [*command, "--format", "json", "--accept", "3,4"], capture_output=True, check=True, env=os.environ
    )
    return json.loads(done.stdout)["items"]


def test_the_changes_name_who_made_them(history):
    administrator = next(p.sid for p in load_observations(history).principals if p.account == "EXAMPLE\\Administrator")
    changes = {
        (c["object_dn"], c["attribute"]): c
        for c in ask(history, "changes")
        if c.get("outcome") == "success" and c["kind"] in ("permission", "membership")
    }
    for dn, attribute in (
        (f"CN=mbx00021,{MAILBOXES}", "msExchMailboxSecurityDescriptor"),
        (f"CN=mbx00022,{MAILBOXES}", "nTSecurityDescriptor"),
        (f"CN=mbx00023,{MAILBOXES}", "msExchMailboxSecurityDescriptor"),
        (f"CN=grp0007,{GROUPS}", "member"),
    ):
        assert changes[dn, attribute]["actor_sid"] == administrator
        assert changes[dn, attribute]["client_ip"] == "127.0.0.1"


def test_a_refused_change_is_an_attempt(history):
    [refused] = [c for c in ask(history, "changes", "--outcome", "failure") if c["kind"] == "permission"]
    assert refused["object_dn"] == f"CN=mbx00024,{MAILBOXES}"
    assert {w["role"] for w in refused["witnesses"]} >= {"rollback"}


@pytest.mark.parametrize(
    ("mailbox", "path"),
    [
        ("mbx00021", "FullAccess"),
        ("mbx00022", "SendAs"),
        ("mbx00023", "member of grp0007"),
    ],
)
def test_each_access_is_explained_by_the_right_that_was_given(history, mailbox, path):
    [explained] = ask(history, "explain", f"{mailbox}@example.test")
    assert explained["status"] != "unexplained"
    assert path in explained["path"]
    assert "Administrator" in str(explained["by"])


def test_an_access_without_a_right_is_unexplained(history):
    [access] = ask(history, "explain", "mbx00024@example.test")
    assert access["status"] == "unexplained"


def test_only_the_change_whose_record_is_missing_has_no_witness(history):
    lost = ask(history, "unwitnessed")
    assert [(each["target"], each["account"], each["right"], each["action"]) for each in lost] == [
        ("EXAMPLE\\mbx00025", "EXAMPLE\\helpdesk", "FullAccess", "granted")
    ]


def test_a_mailbox_of_the_lab_by_any_of_its_names(history):
    [guid] = {p.mailbox_guid for p in load_observations(history).principals if p.account == "EXAMPLE\\mbx00021"}
    for name in ("mbx00021@example.test", "EXAMPLE\\mbx00021", f"CN=mbx00021,{MAILBOXES}", guid):
        [access] = ask(history, "accesses", "--mailbox", name)
        assert access["mailbox_ref"] == guid or access["mailbox_ref"] == "mbx00021@example.test"
        assert {c["object_dn"] for c in ask(history, "changes", "--mailbox", name)} == {f"CN=mbx00021,{MAILBOXES}"}


def test_who_can_open_knows_the_group_s_members(history):
    accounts = {item["account"] for item in ask(history, "who-can-open", "mbx00023") if item["of"] == "open"}
    assert "EXAMPLE\\auditor" in accounts


def test_the_command_line_is_there():
    assert shutil.which("mailwitness", path=os.path.dirname(sys.executable))  # noqa: PTH120 - a PATH
