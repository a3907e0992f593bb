"""A real domain controller is read: what a snapshot holds, how the way there is protected, what nobody may see."""

from __future__ import annotations

from tests.directory.python_ldap import ldap

# isort: split

import hashlib
import subprocess

import pyarrow as pa
import pytest
from ldap.controls import LDAPControl
from tests.directory.lab import BASE, GROUPS, MAILBOXES, PASSWORDS, certify, ticket

from mailwitness.descriptors.binary import read_binary, write_binary
from mailwitness.descriptors.sddl import parse_sddl
from mailwitness.directory import ldif_export
from mailwitness.directory.ldap_connection import Connection, DirectoryError
from mailwitness.directory.ldap_snapshot import Reading, take_snapshot
from mailwitness.directory.rows import Rows
from mailwitness.directory.snapshot import SnapshotReader
from mailwitness.directory.store import load_observations
from mailwitness.errors import UsageError
from mailwitness.trail.create import create_trail
from mailwitness.trail.verify import verify

SD_FLAGS = "1.2.840.113556.1.4.801"
DACL_ONLY = LDAPControl(SD_FLAGS, criticality=True, encodedControlValue=b"0\x03\x02\x01\x04")


@pytest.fixture(scope="module")
def read_once(controller, tmp_path_factory):
    """Return a trail into which the directory was read once; tests only read it."""
    folder = tmp_path_factory.mktemp("read_once")
    made = create_trail(folder / "trail", key_dir=folder / "keys")
    taken = take_snapshot(made.trail.path, made.key_path, controller.server())
    return made, taken


@pytest.fixture(scope="module")
def seen(read_once):
    """Return the snapshot and what it observed."""
    made, taken = read_once
    return taken, load_observations(made.trail.path)


def test_a_snapshot_holds_every_mailbox_with_its_names_and_rights(seen):
    taken, observations = seen
    mailboxes = [p for p in observations.principals if p.mailbox_guid]
    assert len(mailboxes) == 100
    one = next(p for p in mailboxes if p.upn == "mbx00007@example.test")
    assert one.account == "EXAMPLE\\mbx00007"
    assert one.dn == f"CN=mbx00007,{MAILBOXES}"
    assert one.parent_dn == MAILBOXES
    assert one.legacy_exchange_dn.endswith("/cn=Recipients/cn=mbx00007")
    assert one.proxy_addresses == ("SMTP:mbx00007@example.test",)
    assert one.sid.startswith("S-1-5-21-")
    assert one.primary_group_sid == one.sid.rpartition("-")[0] + "-513"
    assert one.enabled is True
    rights = {d.attribute: d for d in observations.descriptors if d.object_guid == one.object_guid}
    assert set(rights) == {"nTSecurityDescriptor", "msExchMailboxSecurityDescriptor"}
    for each in rights.values():
        data = observations.descriptor(each.sha256)
        assert hashlib.sha256(data).hexdigest() == each.sha256
        assert read_binary(data).fault is None
    assert taken.snapshot.complete
    assert taken.problems.count == 0


def test_the_exchange_tree_is_read_down_to_its_databases(seen):
    _, observations = seen
    kinds = {p.kind for p in observations.principals if p.dn and "CN=Microsoft Exchange," in p.dn}
    assert {"organization", "server", "database", "container"} <= kinds
    assert sum(p.kind == "database" for p in observations.principals) == 4
    described = {d.dn for d in observations.descriptors if d.attribute == "nTSecurityDescriptor" and d.sha256}
    assert {p.dn for p in observations.principals if p.kind in ("database", "server", "organization")} <= described


def test_members_are_links_with_guid_and_sid(seen):
    _, observations = seen
    by_guid = {p.object_guid: p for p in observations.principals}
    members = [m for m in observations.members if m.attribute == "member" and m.group_dn.startswith("CN=grp")]
    assert len(members) > 300
    for each in members:
        assert by_guid[each.member_guid].sid == each.member_sid
        assert by_guid[each.member_guid].dn == each.member_dn
        assert by_guid[each.group_guid].kind == "group"


def test_guids_are_named_by_the_directory_s_own_schema(seen):
    _, observations = seen
    names = observations.guids
    own = next(row for row in observations.schema_guids if row.name == "msExchMailboxAuditEnable")
    assert names.name(own.guid, "attribute") == "msExchMailboxAuditEnable"  # made up for this lab: in no built-in list
    assert names.name("ab721a54-1e2f-11d0-9819-00aa0040529b", "extended_right") == "Send-As"
    assert "publicDelegates" in names.members("Personal-Information")


def test_the_audit_switches_are_settings(seen):
    _, observations = seen
    switches = [s for s in observations.settings if s.attribute == "msExchMailboxAuditEnable"]
    assert sorted({s.value for s in switches}) == ["FALSE", "TRUE"]
    assert len(switches) == 100


def test_the_trail_verifies_and_the_evidence_says_the_same_again(read_once, seen, tmp_path):
    (trail, taken), (_, observations) = read_once, seen
    assert verify(trail.trail.path, deep=True).findings == []
    kept = trail.trail.evidence / taken.recorded.evidence_sha256[:2] / taken.recorded.evidence_sha256
    text = tmp_path / "evidence.ldif"
    with pa.input_stream(str(kept), compression="zstd") as stream:
        text.write_bytes(stream.read())
    rows = Rows()
    reader = SnapshotReader(rows, "evidence")
    assert ldif_export.read(text, "evidence", reader).remark is None
    assert rows.counts["principals"] == len(observations.principals)
    assert rows.counts["members"] == len(observations.members)
    assert rows.counts["descriptor_bytes"] == taken.distinct
    assert rows.counts["settings"] == len(observations.settings)


def test_the_same_directory_again_adds_only_a_time(controller, trail):
    path = trail.trail.path
    first = take_snapshot(path, trail.key_path, controller.server())
    before = sorted(p for p in (path / "directory").rglob("*.parquet"))
    second = take_snapshot(path, trail.key_path, controller.server())
    assert first.recorded.is_new
    assert not second.recorded.is_new
    assert second.recorded.evidence_sha256 == first.recorded.evidence_sha256
    assert sorted(p for p in (path / "directory").rglob("*.parquet")) == before
    times = [s.observed_at for s in load_observations(path).snapshots]
    assert times == [first.snapshot.observed_at, second.snapshot.observed_at]


def test_ldapsearch_and_a_live_reading_see_the_same(controller, seen, tmp_path):
    _, observations = seen
    command = [
        "ldapsearch",
        "-x",
        "-H",
        controller.url,
        "-D",
        "EXAMPLE\\Administrator",
        "-w",
        PASSWORDS["Administrator"],
    ]
    command += ["-b", BASE, "-E", "pr=100/noprompt", "-E", f"!{SD_FLAGS}=::MAMCAQ8="]
    done = subprocess.run(command, check=True, capture_output=True, env={"LDAPTLS_CACERT": str(controller.ca)})
    export = tmp_path / "export.ldif"
    export.write_bytes(done.stdout)
    rows = Rows()
    reader = SnapshotReader(rows, export.name)
    assert ldif_export.read(export, export.name, reader).remark is None
    assert reader.problems.count == 0
    names = ("object_guid", "dn", "sid", "upn", "display_name", "legacy_exchange_dn", "mailbox_guid", "home_mdb")
    live = {tuple(getattr(p, n) for n in names) for p in observations.principals if p.dn.endswith(f",{BASE}")}
    exported = set(rows.values("principals", *names))
    assert {row for row in exported if row[1] != BASE} == {row for row in live if "CN=Configuration" not in row[1]}
    assert set(rows.values("members", "group_dn", "member_dn", "attribute")) == {
        (m.group_dn, m.member_dn, m.attribute) for m in observations.members
    }
    descriptors = set(rows.values("descriptors", "dn", "attribute", "sha256"))
    assert descriptors == {
        (d.dn, d.attribute, d.sha256) for d in observations.descriptors if "CN=Configuration" not in d.dn
    }


def test_a_descriptor_a_reader_may_not_see_is_not_readable(controller, trail):
    client, dn = controller.client(), f"CN=mbx00011,{MAILBOXES}"
    found = client.search_ext_s(dn, ldap.SCOPE_BASE, attrlist=["nTSecurityDescriptor"], serverctrls=[DACL_ONLY])
    data = found[0][1]["nTSecurityDescriptor"][0]
    take_snapshot(trail.trail.path, trail.key_path, controller.server())
    principals = load_observations(trail.trail.path).principals
    auditor = next(p.sid for p in principals if p.account == "EXAMPLE\\auditor")
    domain = auditor.rpartition("-")[0]
    hidden = write_binary(parse_sddl(f"D:(D;;RC;;;{auditor})(A;;RPWPCRLCLORCWDWO;;;{domain}-512)(A;;LCRPLO;;;AU)"))
    client.modify_ext_s(dn, [(ldap.MOD_REPLACE, "nTSecurityDescriptor", [hidden])], serverctrls=[DACL_ONLY])
    try:
        taken = take_snapshot(trail.trail.path, trail.key_path, controller.server("auditor"))
        observations = load_observations(trail.trail.path)
        mine = [d for d in observations.descriptors if d.evidence_sha256 == taken.recorded.evidence_sha256]
        one = next(d for d in mine if d.dn == dn and d.attribute == "nTSecurityDescriptor")
        assert one.sha256 is None
        assert sum(d.sha256 is None for d in mine) < 20
        assert not any(d.has_sacl for d in mine if d.attribute == "nTSecurityDescriptor" and d.sha256)
    finally:
        client.modify_ext_s(dn, [(ldap.MOD_REPLACE, "nTSecurityDescriptor", [data])], serverctrls=[DACL_ONLY])


def test_sacls_are_read_with_the_privilege(controller, tmp_path):
    with Connection(controller.server()) as connection:
        assert Reading(connection, tmp_path / "a").flags == 15
    with Connection(controller.server("auditor")) as connection:
        assert Reading(connection, tmp_path / "b").flags == 7


@pytest.mark.parametrize("url", ["ldaps://{ip}", "ldap://{ip}"])
def test_a_password_travels_under_tls_only(controller, url):
    with Connection(controller.server("auditor", url=url.format(ip=controller.ip))) as connection:
        assert connection.root.domain == BASE
        assert connection.ldap.get_option(ldap.OPT_X_TLS_CIPHER)


@pytest.mark.parametrize("url", ["ldaps://{ip}", "ldap://{ip}"])
def test_a_certificate_nobody_vouches_for_is_refused(controller, url, tmp_path):
    other = certify(tmp_path, controller.ip)
    with pytest.raises(DirectoryError) as caught:
        Connection(controller.server("auditor", url=url.format(ip=controller.ip), ca=other))
    assert "certificate" in caught.value.diagnostics()


def test_a_wrong_password_and_no_password_are_told_apart(controller):
    with pytest.raises(DirectoryError, match="name and password"):
        Connection(controller.server("auditor", password="wrong"))
    with pytest.raises(UsageError, match="anonymous"):
        Connection(controller.server("auditor", password=""))


def test_kerberos_seals(controller, tmp_path, monkeypatch):
    for name, value in ticket(controller, tmp_path).items():
        monkeypatch.setenv(name, value)
    with Connection(controller.server(url=f"ldap://{controller.ip}", gssapi=True)) as connection:
        assert connection.root.domain == BASE
        assert connection.ldap.get_option(ldap.OPT_X_SASL_SSF) >= 56


@pytest.fixture(scope="module")
def lenient(controllers):
    """Return a domain controller that does not require strong authentication: only such a one has Kerberos in TLS."""
    return controllers.start(DC_STRONG="")


@pytest.mark.parametrize(("url", "start_tls"), [("ldaps://{ip}", False), ("ldap://{ip}", True)])
def test_kerberos_stands_inside_tls(lenient, tmp_path, monkeypatch, url, start_tls):
    for name, value in ticket(lenient, tmp_path).items():
        monkeypatch.setenv(name, value)
    with Connection(lenient.server(url=url.format(ip=lenient.ip), gssapi=True, start_tls=start_tls)) as inside:
        assert inside.root.domain == BASE
        assert inside.ldap.get_option(ldap.OPT_X_TLS_CIPHER)


def test_values_given_in_ranges_are_read_to_the_last(controller, tmp_path):
    dn = f"CN=grp0000,{GROUPS}"
    with Connection(controller.server()) as connection:
        whole = connection.entry(dn, ["member"])[1]["member"]
        reading = Reading(connection, tmp_path / "e")
        _, values = connection.entry(dn, ["objectClass", "objectGUID", "member;range=0-4"], reading.controls)
        assert len(next(v for n, v in values.items() if n.startswith("member;"))) == 5
        reading.take(dn, values)
        reading.reader.finish()
        members = {row[0] for row in reading.reader.rows.values("members", "member_dn")}
        assert members == {value.decode() for value in whole}
        assert reading.reader.problems.count == 0


def test_ranges_that_stop_are_said(controller, tmp_path):
    dn = f"CN=grp0000,{GROUPS}"
    with Connection(controller.server()) as connection:
        reading = Reading(connection, tmp_path / "e")
        _, values = connection.entry(dn, ["objectClass", "member;range=0-4"])
        reading.reader.take(dn, values)
        snapshot = reading.snapshot()
        assert not snapshot.complete
        assert reading.reader.problems.by_code == {"truncated": 1}
